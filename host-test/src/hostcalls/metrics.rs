//! Metrics, shared data and shared queues.

use wasmtime::Linker;

use super::{Host, answer, give, slice, split, write, write_word};
use crate::abi::{Hostcall, Status};
use crate::shared::MetricKind;
use crate::state::VmState;

/// Metric ids count in steps of 4; the low two bits tell the kind, as in Envoy.
const ID_STEP: u32 = 4;

fn slot(state: &VmState, id: u32) -> Result<usize, Status> {
    if id % ID_STEP > 2 {
        return Err(Status::BadArgument);
    }
    let index = (id / ID_STEP).checked_sub(1).ok_or(Status::NotFound)?;
    match state.metrics.get(index as usize) {
        Some(&(kind, slot)) if kind as u32 == id % ID_STEP => Ok(slot),
        _ => Err(Status::NotFound),
    }
}

fn check(status: Status) -> super::Answer {
    match status {
        Status::Ok => Ok(()),
        status => Err(status.into()),
    }
}

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        Hostcall::DefineMetric.name(),
        |host: Host<'_>, kind: u32, name: u32, name_size: u32, id: u32| {
            answer(host, Hostcall::DefineMetric, |host| {
                let (memory, state) = split(host)?;
                let name = slice(memory, name, name_size)?;
                let kind = MetricKind::from_raw(kind).ok_or(Status::BadArgument)?;
                let slot = state.shared.define(kind, &String::from_utf8_lossy(name));
                state.metrics.push((kind, slot));
                let number = state.metrics.len() as u32 * ID_STEP + kind as u32;
                write_word(host, id, number)?;
                Ok(())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::IncrementMetric.name(),
        |host: Host<'_>, id: u32, offset: i64| {
            answer(host, Hostcall::IncrementMetric, |host| {
                let state = host.data();
                check(state.shared.increment(slot(state, id)?, offset))
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::RecordMetric.name(),
        |host: Host<'_>, id: u32, value: u64| {
            answer(host, Hostcall::RecordMetric, |host| {
                let state = host.data();
                check(state.shared.record(slot(state, id)?, value))
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::GetMetric.name(),
        |host: Host<'_>, id: u32, value_to: u32| {
            answer(host, Hostcall::GetMetric, |host| {
                let state = host.data();
                let value = state.shared.value(slot(state, id)?)?;
                write(host, value_to, &value.to_le_bytes())?;
                Ok(())
            })
        },
    )?;
    link_shared(linker)
}

fn link_shared(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        Hostcall::GetSharedData.name(),
        |host: Host<'_>, key: u32, key_size: u32, pointer: u32, size: u32, cas_to: u32| {
            answer(host, Hostcall::GetSharedData, |host| {
                let (memory, state) = split(host)?;
                let key = slice(memory, key, key_size)?;
                let (value, cas) = state.shared.data(key).ok_or(Status::NotFound)?;
                give(host, &value, pointer, size)?;
                write_word(host, cas_to, cas)?;
                Ok(())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::SetSharedData.name(),
        |host: Host<'_>, key: u32, key_size: u32, value: u32, value_size: u32, cas: u32| {
            answer(host, Hostcall::SetSharedData, |host| {
                let (memory, state) = split(host)?;
                let key = slice(memory, key, key_size)?;
                let value = slice(memory, value, value_size)?;
                check(state.shared.set_data(key, value, cas))
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::RegisterQueue.name(),
        |host: Host<'_>, name: u32, name_size: u32, token_to: u32| {
            answer(host, Hostcall::RegisterQueue, |host| {
                let (memory, state) = split(host)?;
                let name = slice(memory, name, name_size)?;
                let token = state.shared.queue(name, true).ok_or(Status::NotFound)?;
                write_word(host, token_to, token)?;
                Ok(())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::ResolveQueue.name(),
        |host: Host<'_>, vm: u32, vm_size: u32, name: u32, name_size: u32, token_to: u32| {
            answer(host, Hostcall::ResolveQueue, |host| {
                let (memory, state) = split(host)?;
                // One VM id per host, so whatever VM is named is this one.
                slice(memory, vm, vm_size)?;
                let name = slice(memory, name, name_size)?;
                let token = state.shared.queue(name, false).ok_or(Status::NotFound)?;
                write_word(host, token_to, token)?;
                Ok(())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::Dequeue.name(),
        |host: Host<'_>, token: u32, pointer: u32, size: u32| {
            answer(host, Hostcall::Dequeue, |host| {
                let value = host.data().shared.dequeue(token)?;
                give(host, &value, pointer, size)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::Enqueue.name(),
        |host: Host<'_>, token: u32, value: u32, value_size: u32| {
            answer(host, Hostcall::Enqueue, |host| {
                let (memory, state) = split(host)?;
                let value = slice(memory, value, value_size)?;
                check(state.shared.enqueue(token, value))
            })
        },
    )?;
    Ok(())
}

//! Buffers: bodies, TCP data, configuration.

use wasmtime::Linker;

use super::{Answer, Halt, Host, allocate, answer, slice, split, write, write_word};
use crate::abi::{BufferKind, Hostcall, Status};
use crate::state::VmState;
use crate::stream::set_bytes;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        Hostcall::GetBuffer.name(),
        |host: Host<'_>, kind: u32, start: u32, length: u32, pointer: u32, size: u32| {
            answer(host, Hostcall::GetBuffer, |host| {
                get(host, kind, start, length, pointer, size)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::BufferStatus.name(),
        |host: Host<'_>, kind: u32, length: u32, flags: u32| {
            answer(host, Hostcall::BufferStatus, |host| {
                let kind = BufferKind::from_raw(kind).ok_or(Status::BadArgument)?;
                let size = with(host.data(), kind, <[u8]>::len)?;
                write_word(host, length, size as u32)?;
                write_word(host, flags, 0)?;
                Ok(())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::SetBuffer.name(),
        |host: Host<'_>, kind: u32, start: u32, length: u32, data: u32, size: u32| {
            answer(host, Hostcall::SetBuffer, |host| {
                set(host, kind, start, length, data, size)
            })
        },
    )?;
    Ok(())
}

/// Runs `read` on a buffer.
///
/// A body that is not in reach reads as empty, as in Envoy; a configuration that is not in reach is NotFound.
fn with<T>(state: &VmState, kind: BufferKind, read: impl FnOnce(&[u8]) -> T) -> Result<T, Status> {
    Ok(match kind {
        BufferKind::Body(direction) => read(
            state
                .stream()
                .and_then(|stream| stream.flow(direction).body())
                .map_or(&[], Vec::as_slice),
        ),
        BufferKind::Tcp(direction) => read(
            state
                .connections
                .get(&state.context())
                .and_then(|connection| connection.data(direction))
                .map_or(&[], Vec::as_slice),
        ),
        BufferKind::VmConfiguration => read(&state.settings.vm_configuration),
        BufferKind::PluginConfiguration => {
            read(state.configuring.as_ref().ok_or(Status::NotFound)?)
        }
        BufferKind::CallData => read(&[]),
        BufferKind::Call => return Err(Status::NotFound),
    })
}

fn get(
    host: &mut Host<'_>,
    kind: u32,
    start: u32,
    length: u32,
    pointer_to: u32,
    size_to: u32,
) -> Answer {
    let kind = BufferKind::from_raw(kind).ok_or(Status::BadArgument)?;
    let size = with(host.data(), kind, <[u8]>::len)?;
    let start = start as usize;
    let end = start.saturating_add(length as usize).min(size);
    if start >= end {
        // Envoy leaves the guest's return slots as they are.
        return Ok(());
    }
    let pointer = allocate(host, end - start)?;
    // The guest's allocator may have called back and changed the buffer; a slice that is gone is no memory to read.
    let (memory, state) = split(host)?;
    let target = memory
        .get_mut(pointer as usize..pointer as usize + (end - start))
        .ok_or(Status::InvalidMemoryAccess)?;
    let copied = with(state, kind, |bytes| {
        bytes
            .get(start..end)
            .map(|bytes| target.copy_from_slice(bytes))
    })?;
    copied.ok_or(Halt::Status(Status::InvalidMemoryAccess))?;
    write(host, pointer_to, &pointer.to_le_bytes())?;
    write_word(host, size_to, (end - start) as u32)?;
    Ok(())
}

fn set(host: &mut Host<'_>, kind: u32, start: u32, length: u32, pointer: u32, size: u32) -> Answer {
    let kind = BufferKind::from_raw(kind).ok_or(Status::BadArgument)?;
    let (memory, state) = split(host)?;
    with(state, kind, |_| ())?;
    let data = slice(memory, pointer, size)?;
    let old = state.settings.quirks.old_envoy;
    let context = state.context();
    let buffer = match kind {
        BufferKind::Body(direction) => state
            .streams
            .get_mut(&context)
            .and_then(|stream| stream.flow_mut(direction).body_mut()),
        BufferKind::Tcp(direction) => state
            .connections
            .get_mut(&context)
            .and_then(|connection| connection.data_mut(direction)),
        _ => None,
    };
    let buffer = buffer.ok_or(Status::BadArgument)?;
    match set_bytes(buffer, start as usize, length as usize, data, old) {
        Status::Ok => Ok(()),
        status => Err(status.into()),
    }
}

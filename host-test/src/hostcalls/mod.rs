//! The host functions: what they read from the guest, what they answer, what they change.
//!
//! Semantics follow proxy-wasm-cpp-host's `exports.cc` and Envoy's `context.cc`. This module has what all of them share:
//! registration, forced answers, memory access; the functions stand in the sub-modules by subject.

mod bodies;
mod calls;
mod maps;
mod metrics;
mod properties;
mod streams;

use wasmtime::{Caller, Linker, format_err};

use crate::abi::{Hostcall, Status};
use crate::state::VmState;

pub(crate) type Host<'a> = Caller<'a, VmState>;

/// What a host function does: `Err(status)` and `Ok(status)` both go to the guest, a trap ends the VM.
pub(crate) enum Halt {
    Status(Status),
    Trap(wasmtime::Error),
}

impl From<Status> for Halt {
    fn from(status: Status) -> Self {
        Halt::Status(status)
    }
}

impl From<wasmtime::Error> for Halt {
    fn from(error: wasmtime::Error) -> Self {
        Halt::Trap(error)
    }
}

pub(crate) type Answer = Result<(), Halt>;

/// Registers every host function.
pub(crate) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    bodies::link(linker)?;
    calls::link(linker)?;
    maps::link(linker)?;
    metrics::link(linker)?;
    properties::link(linker)?;
    streams::link(linker)
}

/// Runs a host function: counts it, lets quirks answer in its place, and turns its result into the guest's.
fn answer(
    mut host: Host<'_>,
    hostcall: Hostcall,
    run: impl FnOnce(&mut Host<'_>) -> Answer,
) -> wasmtime::Result<u32> {
    let state = host.data_mut();
    if state.starting && hostcall != Hostcall::Log {
        return Err(format_err!(
            "{} called while the module starts",
            hostcall.name()
        ));
    }
    let calls = &mut state.calls[hostcall as usize];
    *calls += 1;
    let calls = *calls;
    if let Some((after, status)) = state.forced[hostcall as usize]
        && calls > after
    {
        return Ok(status);
    }
    if !state.settings.quirks.has(hostcall) {
        return Ok(Status::Unimplemented as u32);
    }
    match run(&mut host) {
        Ok(()) => Ok(Status::Ok as u32),
        Err(Halt::Status(status)) => Ok(status as u32),
        Err(Halt::Trap(error)) => Err(error),
    }
}

/// The guest's memory and the store's data, both at once.
fn split<'a>(host: &'a mut Host<'_>) -> Result<(&'a mut [u8], &'a mut VmState), Status> {
    let memory = host.data().memory.ok_or(Status::InvalidMemoryAccess)?;
    Ok(memory.data_and_store_mut(host))
}

/// A range of guest memory.
fn slice(memory: &[u8], pointer: u32, length: u32) -> Result<&[u8], Status> {
    let start = pointer as usize;
    start
        .checked_add(length as usize)
        .and_then(|end| memory.get(start..end))
        .ok_or(Status::InvalidMemoryAccess)
}

/// Writes bytes into guest memory.
fn write(host: &mut Host<'_>, pointer: u32, bytes: &[u8]) -> Result<(), Status> {
    let (memory, _) = split(host)?;
    let start = pointer as usize;
    start
        .checked_add(bytes.len())
        .and_then(|end| memory.get_mut(start..end))
        .ok_or(Status::InvalidMemoryAccess)?
        .copy_from_slice(bytes);
    Ok(())
}

fn write_word(host: &mut Host<'_>, pointer: u32, word: u32) -> Result<(), Status> {
    write(host, pointer, &word.to_le_bytes())
}

/// Asks the guest's allocator for `size` bytes; the guest owns them afterwards.
fn allocate(host: &mut Host<'_>, size: usize) -> Result<u32, Halt> {
    let allocate = host
        .data()
        .allocate
        .clone()
        .ok_or(Status::InvalidMemoryAccess)?;
    let size = u32::try_from(size).map_err(|_| Status::InvalidMemoryAccess)?;
    let pointer = allocate.call(&mut *host, size)?;
    if pointer == 0 {
        return Err(Status::InvalidMemoryAccess.into());
    }
    let (memory, _) = split(host)?;
    slice(memory, pointer, size)?;
    Ok(pointer)
}

/// Hands `bytes` to the guest: allocates, copies, and writes pointer and size; nothing to hand is pointer 0, size 0.
fn give(host: &mut Host<'_>, bytes: &[u8], pointer_to: u32, size_to: u32) -> Answer {
    let pointer = if bytes.is_empty() {
        0
    } else {
        let pointer = allocate(host, bytes.len())?;
        write(host, pointer, bytes)?;
        pointer
    };
    write_word(host, pointer_to, pointer)?;
    write_word(host, size_to, bytes.len() as u32)?;
    Ok(())
}

//! Header and trailer maps.

use wasmtime::Linker;

use super::{Answer, Host, answer, give, slice, split, write_word};
use crate::abi::{Hostcall, MapKind, Status};
use crate::headers::Headers;
use crate::state::VmState;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        Hostcall::GetMapPairs.name(),
        |host: Host<'_>, kind: u32, pointer: u32, size: u32| {
            answer(host, Hostcall::GetMapPairs, |host| {
                pairs(host, kind, pointer, size)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::SetMapPairs.name(),
        |host: Host<'_>, kind: u32, pointer: u32, size: u32| {
            answer(host, Hostcall::SetMapPairs, |host| {
                let kind = MapKind::from_raw(kind).ok_or(Status::BadArgument)?;
                let (memory, state) = split(host)?;
                let bytes = slice(memory, pointer, size)?;
                let map = state.map_mut(kind).ok_or(Status::BadArgument)?;
                // Envoy takes a map that it cannot read for an empty one, and says Ok.
                *map = Headers::parse(bytes).unwrap_or_default();
                Ok(())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::GetMapValue.name(),
        |host: Host<'_>, kind: u32, name: u32, name_size: u32, pointer: u32, size: u32| {
            answer(host, Hostcall::GetMapValue, |host| {
                let kind = MapKind::from_raw(kind).ok_or(Status::BadArgument)?;
                let (memory, state) = split(host)?;
                let name = slice(memory, name, name_size)?;
                let closed = if state.logging() {
                    Status::NotFound
                } else {
                    Status::BadArgument
                };
                let map = state.map(kind).ok_or(closed)?;
                let value = map.first_bytes(name).ok_or(Status::NotFound)?.to_vec();
                give(host, &value, pointer, size)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::ReplaceMapValue.name(),
        |host: Host<'_>, kind: u32, name: u32, name_size: u32, value: u32, value_size: u32| {
            answer(host, Hostcall::ReplaceMapValue, |host| {
                edit(
                    host,
                    kind,
                    (name, name_size),
                    (value, value_size),
                    Headers::set,
                )
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::AddMapValue.name(),
        |host: Host<'_>, kind: u32, name: u32, name_size: u32, value: u32, value_size: u32| {
            answer(host, Hostcall::AddMapValue, |host| {
                edit(
                    host,
                    kind,
                    (name, name_size),
                    (value, value_size),
                    Headers::add,
                )
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::RemoveMapValue.name(),
        |host: Host<'_>, kind: u32, name: u32, name_size: u32| {
            answer(host, Hostcall::RemoveMapValue, |host| {
                edit(host, kind, (name, name_size), (0, 0), |map, name, _| {
                    map.remove(name);
                })
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::MapSize.name(),
        |host: Host<'_>, kind: u32, size: u32| {
            answer(host, Hostcall::MapSize, |host| {
                let kind = MapKind::from_raw(kind).ok_or(Status::BadArgument)?;
                let map = host.data_mut().map_mut(kind).ok_or(Status::BadArgument)?;
                let bytes = map.byte_size() as u32;
                write_word(host, size, bytes)?;
                Ok(())
            })
        },
    )?;
    Ok(())
}

/// A map that is not open reads as no pairs, as in Envoy: pointer 0, size 0, Ok.
fn pairs(host: &mut Host<'_>, kind: u32, pointer: u32, size: u32) -> Answer {
    let kind = MapKind::from_raw(kind).ok_or(Status::BadArgument)?;
    let mut scratch = std::mem::take(&mut host.data_mut().scratch);
    scratch.clear();
    if let Some(map) = host.data().map(kind).filter(|map| !map.is_empty()) {
        map.serialise_into(&mut scratch);
    }
    let given = give(host, &scratch, pointer, size);
    host.data_mut().scratch = scratch;
    given
}

fn edit(
    host: &mut Host<'_>,
    kind: u32,
    name: (u32, u32),
    value: (u32, u32),
    change: impl FnOnce(&mut Headers, &[u8], &[u8]),
) -> Answer {
    let kind = MapKind::from_raw(kind).ok_or(Status::BadArgument)?;
    let (memory, state) = split(host)?;
    let name = slice(memory, name.0, name.1)?;
    let value = slice(memory, value.0, value.1)?;
    let map = state.map_mut(kind).ok_or(Status::BadArgument)?;
    change(map, name, value);
    Ok(())
}

//! Properties: filter state that the guest sets, and the attributes of the exchange that it can read.

use wasmtime::Linker;

use super::{Host, answer, give, slice, split};
use crate::abi::{Direction, Hostcall, MapKind, Status};
use crate::state::VmState;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        Hostcall::GetProperty.name(),
        |host: Host<'_>, path: u32, path_size: u32, pointer: u32, size: u32| {
            answer(host, Hostcall::GetProperty, |host| {
                let (memory, state) = split(host)?;
                let path = slice(memory, path, path_size)?;
                let value = read(state, path).ok_or(Status::NotFound)?;
                give(host, &value, pointer, size)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        Hostcall::SetProperty.name(),
        |host: Host<'_>, path: u32, path_size: u32, value: u32, value_size: u32| {
            answer(host, Hostcall::SetProperty, |host| {
                let (memory, state) = split(host)?;
                let path = slice(memory, path, path_size)?;
                let value = slice(memory, value, value_size)?.to_vec();
                let context = state.context();
                let stream = state.streams.get_mut(&context).ok_or(Status::NotFound)?;
                let key = format!("wasm.{}", String::from_utf8_lossy(path));
                stream.filter_state.insert(key, value);
                Ok(())
            })
        },
    )?;
    Ok(())
}

/// A property in its serialised form: text as it is, integers as 8 bytes little-endian.
///
/// What a test has set for the exchange comes first, then what Envoy derives from the maps that are open, then filter state.
fn read(state: &VmState, path: &[u8]) -> Option<Vec<u8>> {
    let path = path.strip_suffix(b"\0").unwrap_or(path);
    let parts: Vec<&[u8]> = path.split(|&byte| byte == 0).collect();
    if let Some(value) = state.stream().and_then(|s| s.properties.get(path)) {
        return Some(value.clone());
    }
    match parts.as_slice() {
        [b"plugin_name"] | [b"plugin_root_id"] => Some(state.settings.root_id.clone().into_bytes()),
        [b"plugin_vm_id"] => Some(Vec::new()),
        [b"request", rest @ ..] => request(state, rest),
        [b"response", rest @ ..] => response(state, rest),
        [name] => {
            let key = format!("wasm.{}", String::from_utf8_lossy(name));
            state.stream()?.filter_state.get(&key).cloned()
        }
        _ => None,
    }
}

fn request(state: &VmState, parts: &[&[u8]]) -> Option<Vec<u8>> {
    let map = state.map(MapKind::Headers(Direction::Request))?;
    let header = |name: &[u8]| map.first_bytes(name).map(<[u8]>::to_vec);
    let path = || map.first_bytes(b":path");
    match parts {
        [b"path"] => header(b":path"),
        [b"url_path"] => Some(path()?.split(|&b| b == b'?').next()?.to_vec()),
        [b"query"] => Some(path()?.splitn(2, |&b| b == b'?').nth(1)?.to_vec()),
        [b"host"] => header(b":authority"),
        [b"scheme"] => header(b":scheme"),
        [b"method"] => header(b":method"),
        [b"id"] => header(b"x-request-id"),
        [b"referer"] => header(b"referer"),
        [b"useragent"] => header(b"user-agent"),
        [b"protocol"] => Some(b"HTTP/1.1".to_vec()),
        [b"headers", name] => header(name),
        _ => None,
    }
}

fn response(state: &VmState, parts: &[&[u8]]) -> Option<Vec<u8>> {
    let map = || state.map(MapKind::Headers(Direction::Response));
    match parts {
        [b"code"] => {
            let code: i64 = map()?.text(":status")?.parse().ok()?;
            Some(code.to_le_bytes().to_vec())
        }
        [b"headers", name] => map()?.first_bytes(name).map(<[u8]>::to_vec),
        [b"trailers", name] => state
            .map(MapKind::Trailers(Direction::Response))?
            .first_bytes(name)
            .map(<[u8]>::to_vec),
        _ => None,
    }
}

//! The imported functions of proxy-wasm that the filter uses, as a [`Host`]. Each answer becomes a value; none panics.
#![allow(unsafe_code, reason = "calls into the host")]

use core::ptr;

use super::memory::{Answer, receive, receive_into};
use crate::host::{BufferKind, Host, HostError, Level, MapKind};

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
    fn proxy_get_buffer_bytes(
        kind: u32,
        start: usize,
        len: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_set_buffer_bytes(
        kind: u32,
        start: usize,
        len: usize,
        data: *const u8,
        size: usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(kind: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_replace_header_map_value(
        kind: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_add_header_map_value(
        kind: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(kind: u32, name: *const u8, name_size: usize) -> u32;
    fn proxy_set_property(
        path: *const u8,
        path_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_close_stream(kind: u32) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, by: i64) -> u32;
}

/// The proxy that runs this module.
pub(super) struct Proxy;

/// Stream type `Downstream`: of a raw connection, which the upstream's goes with. (`Upstream` names the same connection in Envoy.)
const DOWNSTREAM: u32 = 2;
/// Metric type `Counter`.
const COUNTER: u32 = 0;
/// A header map without pairs, serialised.
const NO_PAIRS: [u8; 4] = [0; 4];
/// "No gRPC status": the proxy makes one of the HTTP status.
const NO_GRPC_STATUS: i32 = -1;

fn check(status: u32) -> Result<(), HostError> {
    if status == 0 {
        Ok(())
    } else {
        Err(HostError::Status(status))
    }
}

// SAFETY (of every block below): a hostcall gets pointers and sizes of live slices, or of live locals for what it returns; the host reads
// and writes within them while the call runs and keeps none. What it returns through them is checked by `receive` before it is used.
// A host that wrote elsewhere could do so without being called: it owns this memory.

fn buffer(
    kind: BufferKind,
    start: usize,
    len: usize,
    answer: &mut Answer,
) -> Result<(), HostError> {
    let (data, size) = (
        ptr::from_mut(&mut answer.pointer),
        ptr::from_mut(&mut answer.size),
    );
    // SAFETY: see above.
    check(unsafe { proxy_get_buffer_bytes(kind.code(), start, len, data, size) })
}

impl Host for Proxy {
    fn log(&self, level: Level, message: &str) {
        // SAFETY: see above. There is nothing to do about a log line that is not taken.
        let _ = unsafe { proxy_log(level.code(), message.as_ptr(), message.len()) };
    }

    fn read_into(
        &self,
        kind: BufferKind,
        start: usize,
        into: &mut [u8],
    ) -> Result<usize, HostError> {
        let len = into.len();
        receive_into(into, |answer| buffer(kind, start, len, answer))
    }

    fn read(&self, kind: BufferKind, start: usize, len: usize) -> Result<Vec<u8>, HostError> {
        receive(|answer| buffer(kind, start, len, answer))
    }

    fn replace(&self, kind: BufferKind, len: usize, bytes: &[u8]) -> Result<(), HostError> {
        // SAFETY: see above.
        check(unsafe { proxy_set_buffer_bytes(kind.code(), 0, len, bytes.as_ptr(), bytes.len()) })
    }

    fn append(&self, kind: BufferKind, len: usize, bytes: &[u8]) -> Result<(), HostError> {
        // SAFETY: see above.
        check(unsafe { proxy_set_buffer_bytes(kind.code(), len, 0, bytes.as_ptr(), bytes.len()) })
    }

    fn map(&self, kind: MapKind) -> Result<Vec<u8>, HostError> {
        receive(|answer| {
            let (data, size) = (
                ptr::from_mut(&mut answer.pointer),
                ptr::from_mut(&mut answer.size),
            );
            // SAFETY: see above.
            check(unsafe { proxy_get_header_map_pairs(kind.code(), data, size) })
        })
    }

    fn set_header(&self, kind: MapKind, name: &[u8], value: &[u8]) -> Result<(), HostError> {
        // SAFETY: see above.
        check(unsafe {
            proxy_replace_header_map_value(
                kind.code(),
                name.as_ptr(),
                name.len(),
                value.as_ptr(),
                value.len(),
            )
        })
    }

    fn add_header(&self, kind: MapKind, name: &[u8], value: &[u8]) -> Result<(), HostError> {
        // SAFETY: see above.
        check(unsafe {
            proxy_add_header_map_value(
                kind.code(),
                name.as_ptr(),
                name.len(),
                value.as_ptr(),
                value.len(),
            )
        })
    }

    fn remove_header(&self, kind: MapKind, name: &[u8]) -> Result<(), HostError> {
        // SAFETY: see above.
        check(unsafe { proxy_remove_header_map_value(kind.code(), name.as_ptr(), name.len()) })
    }

    fn set_property(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        // SAFETY: see above. A path of one part has no separators.
        check(unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
    }

    fn reply(&self, status: u32, details: &str, body: &str) -> Result<(), HostError> {
        // SAFETY: see above.
        check(unsafe {
            proxy_send_local_response(
                status,
                details.as_ptr(),
                details.len(),
                body.as_ptr(),
                body.len(),
                NO_PAIRS.as_ptr(),
                NO_PAIRS.len(),
                NO_GRPC_STATUS,
            )
        })
    }

    fn close(&self) -> Result<(), HostError> {
        // SAFETY: see above.
        check(unsafe { proxy_close_stream(DOWNSTREAM) })
    }

    fn define_counter(&self, name: &str) -> Result<u32, HostError> {
        let mut id = 0;
        // SAFETY: see above.
        check(unsafe {
            proxy_define_metric(COUNTER, name.as_ptr(), name.len(), ptr::from_mut(&mut id))
        })?;
        Ok(id)
    }

    fn increment(&self, id: u32, by: u64) -> Result<(), HostError> {
        let by = i64::try_from(by).unwrap_or(i64::MAX);
        // SAFETY: see above.
        check(unsafe { proxy_increment_metric(id, by) })
    }
}

//! The exported callbacks: which number means what, and one [`Filter`] for the whole VM.
#![allow(unsafe_code, reason = "exported names")]

use std::cell::RefCell;

use super::hostcalls::Proxy;
use super::{memory, slot};
use crate::connection::From;
use crate::exchange::Side;
use crate::filter::Filter;
use crate::host::Action;

thread_local! {
    static FILTER: RefCell<Option<Filter<Proxy>>> = const { RefCell::new(None) };
}

/// Runs a callback. `None` where the host calls back into a callback that is still running, which proxy-wasm does not allow.
fn with<T>(run: impl FnOnce(&mut Filter<Proxy>) -> T) -> Option<T> {
    FILTER.with(|filter| {
        let mut filter = filter.try_borrow_mut().ok()?;
        Some(run(
            filter.get_or_insert_with(|| Filter::new(Proxy, slot::artifact()))
        ))
    })
}

/// A message whose callback cannot run never gets leave to go on.
fn action(run: impl FnOnce(&mut Filter<Proxy>) -> Action) -> u32 {
    with(run).unwrap_or(Action::Pause).code()
}

fn size(size: u32) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

// SAFETY (of all exported names below): proxy-wasm gives these names to a module and no library of this module uses them.

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

#[unsafe(no_mangle)]
extern "C" fn _initialize() {}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: u32) -> *mut u8 {
    memory::allocate(self::size(size))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(id: u32, parent: u32) {
    with(|filter| filter.on_context_create(id, parent));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_vm_start(_root: u32, _size: u32) -> u32 {
    1
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(root: u32, size: u32) -> u32 {
    u32::from(with(|filter| filter.on_configure(root, self::size(size))).unwrap_or(false))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(id: u32, count: u32, end: u32) -> u32 {
    action(|filter| filter.on_headers(id, Side::Request, size(count), end != 0))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(id: u32, bytes: u32, end: u32) -> u32 {
    action(|filter| filter.on_body(id, Side::Request, size(bytes), end != 0))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(id: u32, count: u32) -> u32 {
    action(|filter| filter.on_trailers(id, Side::Request, size(count)))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(id: u32, count: u32, end: u32) -> u32 {
    action(|filter| filter.on_headers(id, Side::Response, size(count), end != 0))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_body(id: u32, bytes: u32, end: u32) -> u32 {
    action(|filter| filter.on_body(id, Side::Response, size(bytes), end != 0))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_trailers(id: u32, count: u32) -> u32 {
    action(|filter| filter.on_trailers(id, Side::Response, size(count)))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_new_connection(id: u32) -> u32 {
    action(|filter| filter.on_new_connection(id))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_downstream_data(id: u32, bytes: u32, end: u32) -> u32 {
    action(|filter| filter.on_data(id, From::Downstream, size(bytes), end != 0))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_upstream_data(id: u32, bytes: u32, end: u32) -> u32 {
    action(|filter| filter.on_data(id, From::Upstream, size(bytes), end != 0))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_downstream_connection_close(id: u32, _by: u32) {
    with(|filter| filter.on_connection_over(id));
}

/// Comes with the upstream's last bytes; the client may still send. What waited of them went on with these.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_upstream_connection_close(_id: u32, _by: u32) {}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(id: u32) {
    with(|filter| filter.on_delete(id));
}

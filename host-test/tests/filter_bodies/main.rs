//! Bodies through the real module. One small policy (`filter/tests/demo.toml`) and the native engine as the oracle.

mod coded;
mod counted;
#[path = "../filter_support/mod.rs"]
mod filter_support;
mod limits;
mod media;
mod websocket;
mod whole;

use blackbar_host_test::Transaction;

/// A body as a request's (`true`) and as a response's.
fn both(body: &[u8]) -> [(Transaction, bool); 2] {
    [
        (Transaction::request(body), true),
        (Transaction::response(body), false),
    ]
}

//! A proxy-wasm 0.2.1 host on wasmtime that behaves as Envoy 1.40 does, quirks included.
//!
//! It runs a guest module under traffic that a test (or the command `blackbar`) makes up, and says exactly what upstream
//! and client would have received: headers, body bytes, trailers, local responses, and what was wrong with them on the wire.
//! There is no network, no HTTP parsing, no routing; one filter stands between client and upstream.
//!
//! - [`Module`]: compiled once, shared by threads.
//! - [`Host`]: one plugin with its workers, each a VM in a store of its own. No state outside of it.
//! - [`Exchange`]: one HTTP exchange, step by step; [`Host::run`] for a whole [`Transaction`] under a [`Chunking`].
//! - [`Quirks`]: older and smaller hosts, and any hostcall answering anything.
//!
//! What is modelled, and where a rule comes from, stands in `README.md` of this crate.
//!
//! ```
//! use blackbar_host_test::{Chunking, Host, Module, Transaction};
//!
//! let wasm = wat::parse_str(r#"
//!     (module
//!       (import "env" "proxy_set_buffer_bytes" (func $set (param i32 i32 i32 i32 i32) (result i32)))
//!       (memory (export "memory") 1)
//!       (data (i32.const 16) "> ")
//!       (func (export "proxy_abi_version_0_2_1"))
//!       (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
//!       (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32)
//!         ;; Prepends two bytes to every chunk that is not empty.
//!         (if (local.get 1) (then
//!           (drop (call $set (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 16) (i32.const 2)))))
//!         (i32.const 0)))
//! "#)?;
//! let module = Module::new(&wasm)?;
//! let mut host = Host::builder(&module).start()?;
//! let outcome = host.run(&Transaction::response("abcd"), &Chunking::size(2));
//! assert_eq!(outcome.downstream.body, b"> ab> cd");
//! // The content-length is still 4: the host says so.
//! assert_eq!(outcome.violations.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod abi;
mod exchange;
mod filter_chain;
mod headers;
mod host;
mod hostcalls;
mod module;
mod outcome;
mod quirks;
mod shared;
mod state;
mod stream;
mod tcp;
mod vm;

pub use abi::{Direction, Hostcall, LogLevel, Status};
pub use exchange::{Chunking, Exchange, Transaction};
pub use headers::Headers;
pub use host::{FailurePolicy, Host, HostBuilder, StartError};
pub use module::{Module, ModuleError};
pub use outcome::{
    Emitted, Ending, LocalOrigin, LocalResponse, LogLine, Message, Outcome, Step, Violation,
};
pub use quirks::Quirks;
pub use tcp::{TcpConnection, TcpStep};

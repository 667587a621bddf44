//! The proxy-wasm module: callbacks to the engine and back, nothing else.
//!
//! [`Filter`] holds all contexts of one VM and is written over a [`Host`]: in the module that is the ABI shell
//! (`abi`, for `wasm32` only), in native tests a host that records. Everything but the shell is safe Rust and runs natively.
//!
//! # Notes on the design
//! - **No `proxy-wasm` crate.** Its wrappers panic on every status that they do not expect, and on header values that are not
//!   UTF-8. In a module a panic is a trap, a trap ends every stream of its VM, and with `FAIL_OPEN` traffic goes on unredacted. So the
//!   hostcalls are declared here; each answer is a value that some code deals with.
//! - **Nothing from the host is trusted**: statuses, sizes, pointers, header maps. Memory that the host writes into is
//!   memory that this module handed out for that very call; any other pointer is refused.
//! - **The module keeps bytes of a body only when more must come** (see [`body`]): what a module keeps is lost when trailers follow.
//! - **Header maps are never written whole**, only the names that change (see [`headers`]).
//! - **A message that cannot be dealt with is refused**, unless the configuration says otherwise; then it is counted under
//!   `blackbar.open.`. See `CONFIGURATION.md`.
//! - No log line, counter or reply holds a byte of traffic.
#![deny(unsafe_code)]

pub mod base64_text;
pub mod body;
pub mod coded;
pub mod coding;
pub mod config;
pub mod connection;
pub mod counters;
mod decision;
pub mod exchange;
pub mod fields;
pub mod filter;
pub mod headers;
pub mod host;
pub mod integrity;
pub mod known;
pub mod map;
pub mod media;
pub mod parts;
pub mod patches;
pub mod plugin;
pub mod publish;
pub mod session;
pub mod shape;
pub mod values;
mod websocket;

#[cfg(any(target_arch = "wasm32", test))]
mod abi;

pub use connection::From;
pub use exchange::Side;
pub use filter::Filter;
pub use host::Host;

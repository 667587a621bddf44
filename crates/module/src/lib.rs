//! The prebuilt Wasm module, and putting a compiled policy into it.
//!
//! Here live: the module's bytes (built by the build script), [`embed`] and [`inspect`]. Not here: what the module does
//! (the filter crate), what an artifact means (the engine), running a module (host-test).
//!
//! # The slot
//! The module has one static: 16 bytes `blackbar-slot-v1`, then a pointer and a length, both 32-bit little-endian and zero.
//! [`embed`] adds whole pages at the end of the module's initial memory, places the artifact there with one more data
//! segment, and patches pointer and length. A Rust allocator only grows memory, so it never touches those pages. No
//! Rust toolchain is needed, and nothing else in the module changes by a byte.
#![forbid(unsafe_code)]

mod embed;
mod error;
mod inspect;
mod layout;

pub use embed::embed;
pub use error::EmbedError;
pub use inspect::{Inspection, Item, inspect};

/// The filter, built for `wasm32-unknown-unknown` with simd128, without a policy.
pub const MODULE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/filter.wasm"));

/// The bytes that mark the slot; they stand exactly once in a module's data.
pub const SLOT_MARKER: [u8; 16] = *b"blackbar-slot-v1";

/// One page of Wasm memory, in bytes.
pub(crate) const PAGE: u64 = 65_536;

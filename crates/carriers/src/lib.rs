//! What carries a value. A rule finds bytes; a [`Carrier`] knows in which forms bytes carry other bytes, and what a change may do to what
//! surrounds it. It has the interface of a [`Stream`](blackbar_engine::Stream), in offsets of the bytes that came, and owns one.
//!
//! It adds two things to a stream, and takes nothing away:
//!
//! - **views** ([`view`]): where an escape, a percent code or another encoding begins, the stream is forked; the fork reads on decoded, and
//!   what it finds becomes a finding of the encoded bytes. Where nothing is encoded there is no view, and it costs one search for the
//!   bytes that could begin one;
//! - a **guard** ([`json`], XML and HTML): a tokenizer that follows behind and shapes edits, so that no byte that holds the document
//!   together changes.
//!   Which one there is says the [`Format`];
//! - where bytes are counted and the format is known (protobuf, MessagePack), in the guard's place a **walk**: a reader that goes ahead of the
//!   stream, says which bytes carry something, and covers the others;
//! - where a haystack consists of others (multipart, frames of gRPC), in the place of all of this **parts**: a carrier for each.
//!
//! Nothing here knows what a rule is, or a proxy.
#![no_std]

extern crate alloc;

mod carrier;
mod edits;
mod fields;
mod format;
mod guard;
pub mod json;
mod markup;
mod pairs;
mod parts;
pub mod view;
mod walk;

pub use carrier::Carrier;
pub use edits::Edit;
pub use format::{Format, essence, message_name};
pub use parts::{Boundary, Files, Framing};
pub use view::Views;
pub use walk::{Codec, Logins};

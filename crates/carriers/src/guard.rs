//! What shapes edits so that a document stays one. A guard follows behind the stream, over bytes that are decided; each format that has
//! one writes its own.

use alloc::vec::Vec;
use core::fmt;

use blackbar_engine::{Engine, Finding, Plan};

use crate::edits::{Edits, Wishes};

/// Follows behind a stream and makes edits of what the stream wants to replace.
pub(crate) trait Guard: fmt::Debug {
    /// Bytes from the start of the haystack whose output is final.
    fn done(&self) -> u64;

    /// Takes note of what rules do, before it goes on. Only guards that find something themselves need it.
    fn prepare(&mut self, _: &Engine, _: &Plan) {}

    /// Hands over what it found itself since the last call: fields that rules name.
    fn hand_over(&mut self, _: &mut Vec<Finding>) {}

    /// Goes on over `text`, which begins at [`Guard::done`] and is decided, and makes edits of the wishes in it. `last`: no byte follows,
    /// and afterwards all of `text` is done. Otherwise a few bytes at its end may be left: they are shown again.
    fn follow(
        &mut self,
        engine: &Engine,
        text: &[u8],
        last: bool,
        wishes: &mut Wishes,
        edits: &mut Edits,
    );

    /// Keeps only what is needed until the next bytes come.
    fn rest(&mut self) {}

    /// Bytes held on the heap beyond its own size.
    fn memory(&self) -> usize {
        0
    }
}

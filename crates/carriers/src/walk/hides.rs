//! What takes the place of bytes that a rule names by their field, where bytes are counted: as many of one byte. And the field itself, while a
//! reader is in it.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use blackbar_engine::{Action, Engine, Finding, RuleIndex};

use super::layout::Layout;
use crate::fields::{Named, Trail};

/// Bytes that become so many of one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hide {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) byte: u8,
}

/// All of them whose output was not taken, in order.
#[derive(Debug, Default)]
pub(crate) struct Hides {
    list: VecDeque<Hide>,
}

impl Hides {
    /// The bytes `start..end`, which come behind all others, become `byte`.
    pub(crate) fn put(&mut self, start: u64, end: u64, byte: u8) {
        match self.list.back_mut() {
            _ if start >= end => {}
            Some(last) if last.end == start && last.byte == byte => last.end = end,
            _ => self.list.push_back(Hide { start, end, byte }),
        }
    }

    /// The first one that reaches beyond `at`. Those before it are forgotten.
    pub(crate) fn next(&mut self, at: u64) -> Option<Hide> {
        while self.list.front().is_some_and(|first| first.end <= at) {
            self.list.pop_front();
        }
        self.list.front().copied()
    }

    pub(crate) fn rest(&mut self) {
        self.list.shrink_to(4);
    }

    pub(crate) fn memory(&self) -> usize {
        self.list.capacity() * size_of::<Hide>()
    }
}

/// A field that a rule names, while a reader is in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hidden {
    rule: RuleIndex,
    start: u64,
    /// What is open around it.
    pub(crate) depth: usize,
    /// Whether the rule does more than count.
    pub(crate) masks: bool,
}

impl Hidden {
    pub(crate) fn new(named: Named, start: u64, depth: usize) -> Hidden {
        Hidden {
            rule: named.rule,
            start,
            depth,
            masks: named.action != Action::Allow,
        }
    }

    /// It ends there.
    pub(crate) fn end(self, at: u64, notes: &mut Notes<'_>) {
        notes.found.push(Finding {
            start: self.start,
            end: at,
            rule: self.rule,
        });
    }
}

/// What readers write down.
pub(crate) struct Notes<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) plan: &'a blackbar_engine::Plan,
    pub(crate) layout: &'a mut Layout,
    pub(crate) trail: &'a mut Trail,
    pub(crate) hides: &'a mut Hides,
    pub(crate) found: &'a mut Vec<Finding>,
}

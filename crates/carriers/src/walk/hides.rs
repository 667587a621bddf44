//! What takes the place of bytes that a rule names by their field, where bytes are counted: as many of one byte. And the field itself, while a
//! reader is in it.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use blackbar_engine::{Engine, Finding, RuleIndex};

use super::layout::Layout;
use crate::fields::{Named, Trail};

/// Bytes that become as many others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hide {
    pub(crate) start: u64,
    pub(crate) end: u64,
    ink: Ink,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ink {
    /// All of them this one.
    Byte(u8),
    /// Those of [`Hides::zeros`] from there on.
    Zeros(u64),
}

/// All of them whose output was not taken, in order.
#[derive(Debug, Default)]
pub(crate) struct Hides {
    list: VecDeque<Hide>,
    /// What becomes of numbers of any length: zeros that end where the numbers do. Counted from the first one that there ever was.
    zeros: VecDeque<u8>,
    forgotten: u64,
}

impl Hides {
    /// The bytes `start..end`, which come behind all others, become `byte`.
    pub(crate) fn put(&mut self, start: u64, end: u64, byte: u8) {
        match self.list.back_mut() {
            _ if start >= end => {}
            Some(last) if last.end == start && last.ink == Ink::Byte(byte) => last.end = end,
            _ => self.list.push_back(Hide {
                start,
                end,
                ink: Ink::Byte(byte),
            }),
        }
    }

    /// The bytes of `varints`, which begin at `start` and come behind all others, become zeros that are as long.
    pub(crate) fn put_zeros(&mut self, start: u64, varints: &[u8]) {
        let end = start + varints.len() as u64;
        let from = self.forgotten + self.zeros.len() as u64;
        match self.list.back_mut() {
            _ if start >= end => {}
            Some(last) if last.end == start && matches!(last.ink, Ink::Zeros(_)) => last.end = end,
            _ => self.list.push_back(Hide {
                start,
                end,
                ink: Ink::Zeros(from),
            }),
        }
        self.zeros.extend(varints.iter().map(|byte| byte & 0x80));
    }

    /// Writes what `from..to` becomes, a part of `hide`.
    pub(crate) fn write(&self, hide: Hide, from: u64, to: u64, out: &mut Vec<u8>) {
        let len = usize::try_from(to.saturating_sub(from)).unwrap_or(0);
        match hide.ink {
            Ink::Byte(byte) => out.resize(out.len() + len, byte),
            Ink::Zeros(first) => {
                let skip = first.saturating_sub(self.forgotten) + (from - hide.start);
                let skip = usize::try_from(skip).unwrap_or(usize::MAX);
                let zeros = self.zeros.iter().skip(skip).copied();
                out.extend(zeros.chain(core::iter::repeat(0)).take(len));
            }
        }
    }

    /// The first one that reaches beyond `at`. Those before it are forgotten.
    pub(crate) fn next(&mut self, at: u64) -> Option<Hide> {
        while let Some(first) = self.list.front().copied().filter(|first| first.end <= at) {
            self.list.pop_front();
            if let Ink::Zeros(from) = first.ink {
                self.forget_zeros(from + (first.end - first.start));
            }
        }
        let first = self.list.front_mut()?;
        if let Ink::Zeros(from) = first.ink
            && first.start < at
        {
            let from = from + (at - first.start);
            (first.start, first.ink) = (at, Ink::Zeros(from));
            self.forget_zeros(from);
        }
        self.list.front().copied()
    }

    fn forget_zeros(&mut self, until: u64) {
        let len = usize::try_from(until.saturating_sub(self.forgotten)).unwrap_or(usize::MAX);
        self.zeros.drain(..len.min(self.zeros.len()));
        self.forgotten = self.forgotten.max(until);
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.zeros.clear();
        self.forgotten = 0;
    }

    pub(crate) fn rest(&mut self) {
        self.list.shrink_to(4);
        self.zeros.shrink_to(16);
    }

    pub(crate) fn memory(&self) -> usize {
        self.list.capacity() * size_of::<Hide>() + self.zeros.capacity()
    }
}

/// The fields that rules name, while a reader is in them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Inside {
    /// One that is masked.
    masked: Option<Field>,
    /// One that is only counted, which may lie around it. Of several in one another it is the outermost.
    counted: Option<Field>,
}

#[derive(Debug, Clone, Copy)]
struct Field {
    rule: RuleIndex,
    start: u64,
    /// What is open around it.
    depth: usize,
}

impl Inside {
    /// A field begins, inside of none that is masked.
    pub(crate) fn begin(&mut self, named: Named, start: u64, depth: usize) {
        let field = Field {
            rule: named.rule,
            start,
            depth,
        };
        if named.hides() {
            self.masked = Some(field);
        } else if self.counted.is_none() {
            self.counted = Some(field);
        }
    }

    /// Whether what comes next is masked.
    pub(crate) fn masks(&self) -> bool {
        self.masked.is_some()
    }

    /// Whether there is any.
    pub(crate) fn is_any(&self) -> bool {
        self.masked.is_some() || self.counted.is_some()
    }

    /// Where the first of them begins; beyond everything, if there is none.
    pub(crate) fn oldest(&self) -> u64 {
        let starts = [&self.masked, &self.counted].into_iter().flatten();
        starts.map(|field| field.start).min().unwrap_or(u64::MAX)
    }

    /// What is open breaks, but for so much around it: all that stands there is part of a field that breaks.
    pub(crate) fn break_off(&mut self, depth: usize) {
        for field in [&mut self.masked, &mut self.counted].into_iter().flatten() {
            field.depth = field.depth.min(depth);
        }
    }

    /// Ends what does not go on at `at`, where so much is open.
    pub(crate) fn close(&mut self, depth: usize, at: u64, found: &mut Vec<Finding>) {
        for inside in [&mut self.masked, &mut self.counted] {
            if let Some(field) = inside.filter(|field| depth <= field.depth) {
                *inside = None;
                if field.start < at {
                    found.push(Finding {
                        start: field.start,
                        end: at,
                        rule: field.rule,
                    });
                }
            }
        }
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

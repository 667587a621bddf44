//! Writes a value anew: what was found in it, its layout, and the elements that go. What its layout is lives in [`crate::parts`], what
//! was found in [`crate::fields`].

use core::ops::Range;

use crate::parts::{Layout, Write};
use crate::patches::{HIDDEN, Patches};

/// A value and what is known of it.
pub struct Shape<'a> {
    /// What it is made of.
    pub layout: &'a Layout,
    /// The edits that rules ask for.
    pub patches: &'a Patches,
    /// Where the value begins in the haystack.
    pub base: u64,
    /// The value.
    pub value: &'a [u8],
    /// Whether what is a credential by its place is hidden, found or not.
    pub hide: bool,
}

impl Shape<'_> {
    /// Appends the value with its edits; what rules remove (`removals`: in order, disjoint, offsets of the haystack) goes where it is an
    /// element of a list.
    pub fn write(&self, removals: &[(u64, u64)], out: &mut Vec<u8>) {
        let all = self.cuts(removals);
        let mut cuts = all.as_slice();
        let mut at = 0;
        for part in &self.layout.parts {
            self.keep(&mut cuts, at..part.at.start, out);
            at = part.at.end;
            // Elements go whole.
            let gone = cuts.first().is_some_and(|cut| cut.start <= part.at.start);
            if !gone {
                self.part(part.at.clone(), part.write, part.opaque && self.hide, out);
            }
        }
        self.keep(&mut cuts, at..self.value.len(), out);
    }

    /// Whether a finding at that place of the haystack is changed by [`Shape::write`].
    #[must_use]
    pub fn reaches(&self, start: u64, end: u64) -> bool {
        let parts = &self.layout.parts;
        let next = parts.partition_point(|part| self.offset(part.at.end) <= start);
        let part = parts.get(next);
        part.is_some_and(|part| self.offset(part.at.start) < end)
    }

    fn offset(&self, at: usize) -> u64 {
        self.base + at as u64
    }

    fn part(&self, at: Range<usize>, write: Write, hide: bool, out: &mut Vec<u8>) {
        let (start, end) = (self.offset(at.start), self.offset(at.end));
        let touched = self.patches.touch(start, end);
        let bytes = self.value.get(at).unwrap_or_default();
        match write {
            _ if !touched && hide => out.extend_from_slice(HIDDEN),
            _ if !touched => out.extend_from_slice(bytes),
            Write::AllStars => out.extend(bytes.iter().map(|_| b'*')),
            Write::AsFound => self.patches.apply_inside(start, bytes, None, hide, out),
            Write::Stars => {
                let mask = Some(b'*');
                self.patches.apply_inside(start, bytes, mask, hide, out);
            }
            Write::Crosses => {
                let mask = Some(b'x');
                self.patches.apply_inside(start, bytes, mask, hide, out);
            }
        }
    }

    /// Appends what stands between parts, without what is cut. Cuts that end before the next part are done with.
    fn keep(&self, cuts: &mut &[Range<usize>], at: Range<usize>, out: &mut Vec<u8>) {
        let mut from = at.start;
        while let Some((cut, rest)) = cuts.split_first() {
            if cut.start > at.end {
                break;
            }
            out.extend_from_slice(self.value.get(from..cut.start).unwrap_or_default());
            from = from.max(cut.end);
            if cut.end > at.end {
                return;
            }
            *cuts = rest;
        }
        out.extend_from_slice(self.value.get(from..at.end).unwrap_or_default());
    }

    /// What goes: elements with what separates them, lists with their marks. In order, disjoint.
    fn cuts(&self, removals: &[(u64, u64)]) -> Vec<Range<usize>> {
        let mut cuts: Vec<Range<usize>> = Vec::new();
        if removals.is_empty() {
            return cuts;
        }
        let goes = |unit: &Range<usize>| {
            let (start, end) = (self.offset(unit.start), self.offset(unit.end));
            let next = removals.partition_point(|removal| removal.1 <= start);
            removals.get(next).is_some_and(|removal| removal.0 < end)
        };
        for list in &self.layout.lists {
            let mut kept: Option<usize> = None;
            let mut units = list.units.iter().peekable();
            while let Some(unit) = units.next() {
                if !goes(unit) {
                    kept = Some(unit.end);
                    continue;
                }
                let cut = match (units.peek(), kept) {
                    (Some(next), _) => unit.start..next.start,
                    (None, Some(kept)) => kept..unit.end,
                    // Nothing is left of the list.
                    (None, None) => list.lead..unit.end,
                };
                while cuts.last().is_some_and(|last| last.start >= cut.start) {
                    cuts.pop();
                }
                match cuts.last_mut() {
                    Some(last) if last.end >= cut.start => last.end = cut.end,
                    _ => cuts.push(cut),
                }
            }
        }
        cuts
    }
}

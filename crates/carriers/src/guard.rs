//! What shapes edits so that a document stays one. A guard follows behind the stream, over bytes that are decided; each format that has
//! one writes its own.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use blackbar_engine::{Engine, Finding, Place, Plan, RuleIndex, tag};

use crate::edits::{Edits, Wish, Wishes};
use crate::pairs;

/// Follows behind a stream and makes edits of what the stream wants to replace.
pub(crate) trait Guard: fmt::Debug {
    /// Bytes from the start of the haystack whose output is final.
    fn done(&self) -> u64;

    /// Starts over with another haystack, if it is one of pairs. Answers whether it is.
    fn restart(&mut self, _: pairs::Kind) -> bool {
        false
    }

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

    /// Nothing that it still finds itself starts before it.
    fn oldest(&self) -> u64 {
        u64::MAX
    }

    /// Keeps only what is needed until the next bytes come.
    fn rest(&mut self) {}

    /// Bytes held on the heap beyond its own size.
    fn memory(&self) -> usize {
        0
    }
}

/// The region that was tagged last, and in which part of the document: each part has one tag.
#[derive(Debug, Default)]
pub(crate) struct Tagged(Option<(u64, u64)>);

impl Tagged {
    /// Whether the region of `wish` has no tag in this part yet. Now it has.
    pub(crate) fn is_first(&mut self, wish: &Wish, part: u64) -> bool {
        let here = Some((wish.region, part));
        let first = self.0 != here;
        self.0 = here;
        first
    }
}

/// Grants a wish as it is, where bytes hold nothing together; of one that began before, what is left. `first`: its region has no tag here.
pub(crate) fn grant(
    engine: &Engine,
    (place, first): (Place, bool),
    span: Range<u64>,
    wish: &Wish,
    wishes: &Wishes,
    edits: &mut Edits,
) {
    let text = wishes.text(wish);
    edits.put(span.start, span.end, |out| {
        if !wish.is_tag() {
            let len = usize::try_from(span.end - span.start).unwrap_or(usize::MAX);
            out.extend(text.iter().skip(text.len().saturating_sub(len)));
        } else if wish.region >= span.start {
            out.extend_from_slice(text);
        } else if first {
            tag(name(engine, wish.rule), place, out);
        }
    });
}

/// What a rule is called in a tag.
pub(crate) fn name(engine: &Engine, rule: RuleIndex) -> &str {
    engine
        .rule(rule)
        .map_or("redacted", |rule| rule.id.as_str())
}

/// `Some` if the wish keeps all bytes of the unit at `start` as they are.
pub(crate) fn kept(start: u64, unit: &[u8], wish: &Wish, wishes: &Wishes) -> Option<()> {
    if wish.is_tag() || start < wish.start || start + unit.len() as u64 > wish.end {
        return None;
    }
    let from = usize::try_from(start - wish.start).ok()?;
    let text = wishes.text(wish).get(from..from + unit.len())?;
    (text == unit).then_some(())
}

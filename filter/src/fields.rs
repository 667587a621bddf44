//! Redaction of short whole values: headers, trailers, path and query. Which ones are looked at and how the result is written lives
//! in [`crate::headers`].

use blackbar_carriers::{Carrier, Views};
use blackbar_engine::{Action, Engine, Place, Plan, RuleIndex};

use crate::counters::{Disposition, Tally};
use crate::patches::Patches;

/// An engine, a plan and room to work in.
pub struct Scanner<'a> {
    /// The rules.
    pub engine: &'a Engine,
    /// What they do.
    pub plan: &'a Plan,
    /// Room, emptied before each use.
    pub scratch: &'a mut Scratch,
    /// Where findings are counted.
    pub tally: &'a mut Tally,
}

/// Room that is used again and again.
pub struct Scratch {
    stream: Carrier,
    patches: Patches,
}

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch {
            stream: Carrier::new(Place::Header),
            patches: Patches::default(),
        }
    }
}

impl Scratch {
    /// Says which encoded forms are read.
    pub fn set_views(&mut self, views: Views) {
        self.stream.set_views(views);
    }
}

/// What became of a header value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Field {
    /// The new value, if it changed.
    pub value: Option<Vec<u8>>,
    /// Whether the header must go.
    pub remove: bool,
    /// The rule that refuses the message.
    pub block: Option<RuleIndex>,
    /// Whether any rule found anything that it does not merely count.
    pub hit: bool,
    /// Whether any rule found anything.
    pub found: bool,
}

/// What became of a path and query.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Target {
    /// The path, redacted.
    pub path: Vec<u8>,
    /// What follows the first `?`, redacted and without removed parameters. `None`: there is no query (any more).
    pub query: Option<Vec<u8>>,
    /// Whether anything differs from the original.
    pub changed: bool,
    /// The rule that refuses the message.
    pub block: Option<RuleIndex>,
}

impl Target {
    /// Path and query as they stand in `:path`.
    #[must_use]
    pub fn join(&self) -> Vec<u8> {
        let mut whole = self.path.clone();
        if let Some(query) = &self.query {
            whole.push(b'?');
            whole.extend_from_slice(query);
        }
        whole
    }
}

const SEPARATOR: &[u8] = b": ";

impl Scanner<'_> {
    /// Scans the parts as one haystack and counts what was found. Answers false when there is no room for the edits.
    fn scan(&mut self, place: Place, parts: &[&[u8]], disposition: Disposition) -> bool {
        let Scratch { stream, patches } = &mut *self.scratch;
        stream.reset(place);
        patches.clear();
        let len = parts.iter().map(|part| part.len()).sum();
        let room = stream.spare(len);
        let mut at = 0;
        for part in parts {
            if let Some(here) = room.get_mut(at..at + part.len()) {
                here.copy_from_slice(part);
            }
            at += part.len();
        }
        stream.commit(self.engine, self.plan, len, true);
        let complete = patches.collect(stream).is_ok();
        for finding in stream.findings() {
            self.tally.add(
                finding.rule,
                disposition.outcome(self.plan.action(finding.rule)),
            );
        }
        complete
    }

    /// Redacts a header's value. It is scanned as `name: value`, so that rules that look for a keyword see it.
    ///
    /// A name is never changed: a finding that reaches into it removes the header. The new value holds no NUL, CR or LF.
    pub fn header(&mut self, name: &[u8], value: &[u8], disposition: Disposition) -> Field {
        let complete = self.scan(Place::Header, &[name, SEPARATOR, value], disposition);
        let Scratch { stream, patches } = &*self.scratch;
        let mut field = Field {
            block: stream.blocked(),
            remove: !complete,
            found: !complete || !stream.findings().is_empty(),
            ..Field::default()
        };
        for finding in stream.findings() {
            let action = self.plan.action(finding.rule);
            field.hit |= action != Action::Allow;
            field.remove |= action == Action::Remove
                || (action != Action::Allow && finding.start < name.len() as u64);
        }
        let base = (name.len() + SEPARATOR.len()) as u64;
        if !patches.is_empty() && !field.remove {
            let mut text = Vec::with_capacity(value.len());
            patches.apply_from(base, value, &mut text);
            text.iter_mut()
                .filter(|byte| matches!(byte, 0 | b'\r' | b'\n'))
                .for_each(|byte| *byte = b' ');
            field.value = Some(text).filter(|text| text != value);
        }
        field
    }

    /// Where the last scan found what is to be removed: in order, disjoint.
    fn removals(&self) -> Vec<(u64, u64)> {
        let findings = self.scratch.stream.findings().iter();
        let mut ranges: Vec<(u64, u64)> = findings
            .filter(|finding| self.plan.action(finding.rule) == Action::Remove)
            .map(|finding| (finding.start, finding.end))
            .collect();
        ranges.sort_unstable();
        ranges.dedup_by(|next, last| {
            let joins = next.0 < last.1;
            if joins {
                last.1 = last.1.max(next.1);
            }
            joins
        });
        ranges
    }

    /// Redacts the value of `:path`: path and query. A finding whose rule removes takes its query parameter with it; in the path it
    /// leaves a tag.
    pub fn target(&mut self, place: Place, whole: &[u8], disposition: Disposition) -> Target {
        if !self.scan(place, &[whole], disposition) {
            return Target {
                path: b"/".to_vec(),
                changed: true,
                ..Target::default()
            };
        }
        let Scratch { stream, patches } = &*self.scratch;
        let cut = whole
            .iter()
            .position(|byte| *byte == b'?')
            .unwrap_or(whole.len());
        let (path, query) = whole.split_at_checked(cut).unwrap_or((whole, b""));
        let mut target = Target {
            block: stream.blocked(),
            changed: !patches.is_empty(),
            ..Target::default()
        };
        patches.apply(0, path, &mut target.path);
        // A path that was absolute stays so.
        if path.first() == Some(&b'/') && target.path.first() != Some(&b'/') {
            target.path.insert(0, b'/');
        }
        let Some(query) = query.strip_prefix(b"?") else {
            return target;
        };
        let mut start = cut as u64 + 1;
        let mut removals = self.removals().into_iter().peekable();
        let mut kept: Option<Vec<u8>> = None;
        for parameter in query.split(|byte| *byte == b'&') {
            let end = start + parameter.len() as u64;
            while removals.peek().is_some_and(|range| range.1 <= start) {
                removals.next();
            }
            let removed = removals.peek().is_some_and(|range| range.0 < end);
            if !removed {
                let out = match &mut kept {
                    Some(out) => {
                        // Unless the separator itself is inside a redacted region.
                        patches.apply(start - 1, b"&", out);
                        out
                    }
                    None => kept.insert(Vec::with_capacity(query.len())),
                };
                patches.apply(start, parameter, out);
            }
            start = end + 1;
        }
        target.query = kept;
        if !target.changed {
            return target;
        }
        for part in [Some(&mut target.path), target.query.as_mut()]
            .into_iter()
            .flatten()
        {
            part.iter_mut()
                .filter(|byte| matches!(byte, 0 | b'\r' | b'\n'))
                .for_each(|byte| *byte = b' ');
        }
        target
    }
}

#[cfg(test)]
mod tests;

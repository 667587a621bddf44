//! Redaction of short whole values: headers, trailers, path and query. Which ones are looked at and how the result is written lives
//! in [`crate::headers`], what their values are made of in [`crate::parts`].

use core::ops::Range;

use blackbar_carriers::{Carrier, Format, Views};
use blackbar_engine::fields::fold;
use blackbar_engine::{Action, Engine, Place, Plan, RuleIndex};

use crate::base64_text::{self, Decoded};
use crate::counters::{Disposition, Outcome, Tally};
use crate::parts::{Kind, Layout};
use crate::patches::Patches;
use crate::shape::Shape;

/// An engine, a plan and room to work in.
pub struct Scanner<'a> {
    /// The rules.
    pub engine: &'a Engine,
    /// What they do.
    pub plan: &'a Plan,
    /// What they do where a length may not change.
    pub masks: &'a Plan,
    /// Room, emptied before each use.
    pub scratch: &'a mut Scratch,
    /// Where findings are counted.
    pub tally: &'a mut Tally,
}

/// Room that is used again and again.
pub struct Scratch {
    stream: Carrier,
    patches: Patches,
    views: Views,
}

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch {
            stream: Carrier::new(Place::Header),
            patches: Patches::default(),
            views: Views::default(),
        }
    }
}

impl Scratch {
    /// Says which encoded forms are read.
    pub fn set_views(&mut self, views: Views) {
        self.views = views;
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
    /// Whether something that was found stands where nothing may be changed, and goes on.
    pub kept: bool,
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
    /// Whether any rule found anything.
    pub found: bool,
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

/// The longest name that elements of binary metadata are scanned behind, each of them.
const LONGEST_NAME: usize = 128;

/// Elements that are scanned behind their name although they are much shorter.
const MOST_NAMED: usize = 64;

/// What would end a header, or is refused by proxies, is written as `filler`.
fn end_no_header(text: &mut [u8], filler: u8) {
    text.iter_mut()
        .filter(|byte| matches!(byte, 0 | b'\r' | b'\n'))
        .for_each(|byte| *byte = filler);
}

/// The token of credentials of the scheme Basic, decoded.
fn basic(value: &[u8]) -> Option<Decoded> {
    const SCHEME: &[u8] = b"basic";
    let start = value.len() - value.trim_ascii_start().len();
    let scheme = value.get(start..start + SCHEME.len())?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    let token = value.get(start + SCHEME.len()..)?;
    if !matches!(token.first(), Some(b' ' | b'\t')) {
        return None;
    }
    let blanks = token.len() - token.trim_ascii_start().len();
    let start = start + SCHEME.len() + blanks;
    base64_text::decode(value, start..start + token.trim_ascii().len())
}

impl Scanner<'_> {
    /// Scans the parts as one haystack. Answers false when there is no room for the edits.
    fn look(&mut self, format: Format, plan: &Plan, parts: &[&[u8]]) -> bool {
        let Scratch {
            stream, patches, ..
        } = &mut *self.scratch;
        stream.reset(format);
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
        stream.commit(self.engine, plan, len, true);
        patches.collect(stream).is_ok()
    }

    /// The same, and counts what was found.
    fn scan(
        &mut self,
        format: impl Into<Format>,
        parts: &[&[u8]],
        disposition: Disposition,
    ) -> bool {
        let complete = self.look(format.into(), self.plan, parts);
        self.count(disposition);
        complete
    }

    /// What the findings of the last scan ask for, but for edits. A name is never changed: what reaches into it takes the header away.
    fn verdict(&self, name_len: usize, complete: bool) -> Field {
        let stream = &self.scratch.stream;
        let mut field = Field {
            block: stream.blocked(),
            remove: !complete,
            found: !complete || !stream.findings().is_empty(),
            ..Field::default()
        };
        for finding in stream.findings() {
            let action = self.plan.action(finding.rule);
            field.hit |= action != Action::Allow;
            field.remove |= action != Action::Allow && finding.start < name_len as u64;
        }
        field
    }

    /// Whether a rule that the last scan found removes.
    fn removes(&self) -> bool {
        let mut findings = self.scratch.stream.findings().iter();
        findings.any(|finding| self.plan.action(finding.rule) == Action::Remove)
    }

    /// Redacts a header's value. It is scanned as `name: value`, so that rules that look for a keyword see it, and changed only where
    /// its [`Kind`] lets it be.
    ///
    /// A name is never changed: a finding that reaches into it removes the header. The new value holds no NUL, CR or LF.
    pub fn header(&mut self, name: &[u8], value: &[u8], disposition: Disposition) -> Field {
        match Kind::of(name) {
            Kind::Plain => self.plain(name, value, disposition),
            Kind::Binary => match base64_text::decode_list(value) {
                (items, false) if items.is_empty() => self.plain(name, value, disposition),
                (items, whole) => self.binary(name, value, (&items, whole), disposition),
            },
            kind => match self.named(name) {
                // Its parts do not matter: all of it goes.
                Some((_, action)) if action != Action::Allow => {
                    self.plain(name, value, disposition)
                }
                named => {
                    let mut field = self.structured(kind, name, value, disposition);
                    // The parts of the others are named, and not the whole.
                    let by_parts = kind != Kind::Credentials && !value.is_empty();
                    if let Some((rule, action)) = named.filter(|_| by_parts) {
                        self.tally.add(rule, disposition.outcome(action));
                        field.found = true;
                    }
                    field
                }
            },
        }
    }

    /// The rule that names a header by its own name, and what it does.
    fn named(&self, name: &[u8]) -> Option<(RuleIndex, Action)> {
        let fields = self.engine.fields();
        if fields.is_empty() {
            return None;
        }
        let key: Vec<u8> = name.iter().copied().filter_map(fold).collect();
        let actions: Vec<Option<Action>> = fields.actions(self.plan).collect();
        let mut state = Vec::new();
        fields.child(fields.start(), Some(&key), &mut state);
        fields.rule(&state, &actions)
    }

    fn plain(&mut self, name: &[u8], value: &[u8], disposition: Disposition) -> Field {
        let complete = self.scan(Place::Header, &[name, SEPARATOR, value], disposition);
        let mut field = self.verdict(name.len(), complete);
        field.remove |= self.removes();
        let patches = &self.scratch.patches;
        let base = (name.len() + SEPARATOR.len()) as u64;
        if !patches.is_empty() && !field.remove {
            let mut text = Vec::with_capacity(value.len());
            patches.apply_from(base, value, &mut text);
            end_no_header(&mut text, b' ');
            field.value = Some(text).filter(|text| text != value);
        }
        field
    }

    /// Cookies, credentials and URLs: what holds the value together stays.
    fn structured(
        &mut self,
        kind: Kind,
        name: &[u8],
        value: &[u8],
        disposition: Disposition,
    ) -> Field {
        let published = disposition == Disposition::Log;
        let hide = published && kind == Kind::Credentials;
        let format = match kind {
            Kind::Links => Format::Links { shown: published },
            Kind::Url if published => Format::Shown,
            Kind::Url => Format::Form,
            Kind::Cookies | Kind::SetCookie => Format::Cookies,
            _ => Format::Header,
        };
        let basic = (kind == Kind::Credentials).then(|| basic(value)).flatten();
        // What is decoded here need not be decoded there.
        if basic.is_some() {
            self.without_base64(true);
        }
        let complete = self.look(format, self.plan, &[name, SEPARATOR, value]);
        if basic.is_some() {
            self.without_base64(false);
        }
        let mut field = self.verdict(name.len(), complete);
        if !field.found && !hide && basic.is_none() {
            return field;
        }
        let removals = self.removals();
        field.remove |= !removals.is_empty() && matches!(kind, Kind::SetCookie | Kind::Credentials);
        let layout = Layout::of(kind, value, published);
        let patches = &self.scratch.patches;
        let shape = Shape {
            layout: &layout,
            patches,
            base: (name.len() + SEPARATOR.len()) as u64,
            value,
            hide,
        };
        for finding in self.scratch.stream.findings() {
            let mut outcome = disposition.outcome(self.plan.action(finding.rule));
            let changes = matches!(outcome, Outcome::Redacted | Outcome::Removed);
            if changes && !field.remove && !shape.reaches(finding.start, finding.end) {
                outcome = Outcome::Passed;
                field.kept = true;
            }
            self.tally.add(finding.rule, outcome);
        }
        let mut token_changes = false;
        if !field.remove && (!patches.is_empty() || hide) {
            let mut text = Vec::with_capacity(value.len());
            shape.write(&removals, &mut text);
            end_no_header(&mut text, b'*');
            let empty = text.iter().all(|byte| matches!(byte, b';' | b' ' | b'\t'));
            if kind == Kind::Cookies && empty && text != value {
                field.remove = true;
            } else {
                field.value = Some(text).filter(|text| text != value);
            }
            token_changes = field.value.is_some();
        }
        if let Some(token) = basic {
            self.basic(
                name,
                value,
                &token,
                (token_changes, hide),
                disposition,
                &mut field,
            );
        }
        field
    }

    /// What the token of Basic stands for: a user and a password (RFC 7617). `token_changes`: what is written holds another token
    /// already; `hidden`: it holds none.
    fn basic(
        &mut self,
        name: &[u8],
        value: &[u8],
        token: &Decoded,
        (token_changes, hidden): (bool, bool),
        disposition: Disposition,
        field: &mut Field,
    ) {
        // What names the header was counted with its value.
        let complete = self.scan(Format::Text, &[name, SEPARATOR, &token.bytes], disposition);
        let inside = self.verdict(name.len(), complete);
        field.block = field.block.or(inside.block);
        field.remove |= inside.remove || self.removes();
        field.hit |= inside.hit;
        field.found |= inside.found;
        if field.remove {
            field.value = None;
        } else if !hidden && !self.scratch.patches.is_empty() && !is_replaced(field, token) {
            let bytes = if token_changes {
                // What was found in the base64 and what was found behind it do not fit together: nothing of the token goes on.
                let star = |byte: &u8| if *byte == b':' { b':' } else { b'*' };
                token.bytes.iter().map(star).collect()
            } else {
                let layout = Layout::of_user_and_password(&token.bytes);
                self.written(&layout, name, &token.bytes)
            };
            let mut text = value.get(..token.at.start).unwrap_or_default().to_vec();
            token.encode(&bytes, &mut text);
            text.extend_from_slice(value.get(token.at.end..).unwrap_or_default());
            end_no_header(&mut text, b' ');
            field.value = Some(text).filter(|text| text != value);
        }
    }

    /// The bytes of a value that was scanned behind `name`, changed.
    fn written(&self, layout: &Layout, name: &[u8], value: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(value.len());
        let shape = Shape {
            layout,
            patches: &self.scratch.patches,
            base: (name.len() + SEPARATOR.len()) as u64,
            value,
            hide: false,
        };
        shape.write(&[], &mut bytes);
        bytes
    }

    /// Binary metadata: base64 of bytes whose readers count them. What is found becomes a mask of its length, and is encoded again.
    /// `whole`: each element of the list is base64. Where one is not, it is text.
    fn binary(
        &mut self,
        name: &[u8],
        value: &[u8],
        (items, whole): (&[Decoded], bool),
        disposition: Disposition,
    ) -> Field {
        if whole {
            self.without_base64(true);
        }
        let complete = self.look(Format::Header, self.masks, &[name, SEPARATOR, value]);
        if whole {
            self.without_base64(false);
        }
        let mut field = self.verdict(name.len(), complete);
        field.remove |= self.removes();
        self.count(disposition);
        let base = (name.len() + SEPARATOR.len()) as u64;
        // What stands between the elements, and whether an element is touched.
        let between = |patches: &Patches, range: Range<usize>| {
            let start = base + range.start as u64;
            let bytes = value.get(range).unwrap_or_default();
            let mut out = Vec::with_capacity(bytes.len());
            match whole {
                true => out.extend_from_slice(bytes),
                false => patches.apply_inside(start, bytes, Some(b'*'), false, &mut out),
            }
            out
        };
        let mut at = 0;
        let mut before = Vec::with_capacity(items.len());
        for item in items {
            let patches = &self.scratch.patches;
            let (start, end) = (item.at.start as u64, item.at.end as u64);
            let touched = patches.touch(base + start, base + end);
            before.push((between(patches, at..item.at.start), touched));
            at = item.at.end;
        }
        let rest = between(&self.scratch.patches, at..value.len());
        let mut text = Vec::with_capacity(value.len());
        for (index, (item, (before, touched))) in items.iter().zip(before).enumerate() {
            text.extend_from_slice(&before);
            let mut bytes = item.bytes.clone();
            if touched {
                bytes.fill(b'*');
            }
            // As text behind its name, then as a message of protobuf, as which each text in it stands for itself.
            // The name stands in front of as many bytes as keep the work linear in the value's length.
            let named = name.len() <= LONGEST_NAME
                && (index < MOST_NAMED || name.len() <= bytes.len().saturating_mul(16));
            let head = [name, SEPARATOR];
            for (format, parts) in [
                (Format::Text, if named { head.as_slice() } else { &[] }),
                (Format::Protobuf, &[]),
            ] {
                let before = parts.iter().map(|part| part.len()).sum::<usize>() as u64;
                let all: Vec<&[u8]> = parts.iter().copied().chain([bytes.as_slice()]).collect();
                let complete = self.look(format, self.masks, &all);
                let inside = self.verdict(if before > 0 { name.len() } else { 0 }, complete);
                field.block = field.block.or(inside.block);
                field.remove |= inside.remove || self.removes();
                field.hit |= inside.hit;
                field.found |= inside.found;
                self.count(disposition);
                let mut masked = Vec::with_capacity(bytes.len());
                let patches = &self.scratch.patches;
                patches.apply_inside(before, &bytes, Some(b'*'), false, &mut masked);
                bytes = masked;
            }
            if bytes == item.bytes {
                text.extend_from_slice(value.get(item.at.clone()).unwrap_or_default());
            } else {
                item.encode(&bytes, &mut text);
            }
        }
        text.extend_from_slice(&rest);
        if !field.remove && text != value {
            end_no_header(&mut text, b' ');
            field.value = Some(text);
        }
        field
    }

    fn count(&mut self, disposition: Disposition) {
        for finding in self.scratch.stream.findings() {
            self.tally.add(
                finding.rule,
                disposition.outcome(self.plan.action(finding.rule)),
            );
        }
    }

    fn without_base64(&mut self, without: bool) {
        let mut views = self.scratch.views;
        views.base64 &= !without;
        self.scratch.stream.set_views(views);
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
        let format = match place {
            Place::Text => Format::Shown,
            place => place.into(),
        };
        if !self.scan(format, &[whole], disposition) {
            return Target {
                path: b"/".to_vec(),
                changed: true,
                found: true,
                ..Target::default()
            };
        }
        let Scratch {
            stream, patches, ..
        } = &*self.scratch;
        let cut = whole
            .iter()
            .position(|byte| *byte == b'?')
            .unwrap_or(whole.len());
        let (path, query) = whole.split_at_checked(cut).unwrap_or((whole, b""));
        let mut target = Target {
            block: stream.blocked(),
            changed: !patches.is_empty(),
            found: !stream.findings().is_empty(),
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
            end_no_header(part, b' ');
        }
        target
    }
}

/// Whether what is written holds nothing of a token any more: one tag, or stars.
fn is_replaced(field: &Field, token: &Decoded) -> bool {
    let written = field
        .value
        .as_deref()
        .and_then(|text| text.get(token.at.start..));
    written.is_some_and(|text| {
        let tag = text
            .strip_prefix(b"[")
            .and_then(|rest| rest.strip_suffix(b"]"));
        let is_one = |tag: &[u8]| !tag.iter().any(|byte| matches!(byte, b'[' | b']'));
        tag.is_some_and(is_one) || text.iter().all(|byte| *byte == b'*')
    })
}

#[cfg(test)]
mod tests;

//! Writes an artifact. What the parts must be like lies with the compiler; here only what the layout can hold is checked.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::wire::Writer;
use super::{
    DfaPart, HEADER, LookBack, MAGIC, PLAIN, RulePart, VERSION, ViewSwitches, Window, WindowPart,
    checksum,
};
use crate::boundary::{ByteSet, Reach};
use crate::check::Check;
use crate::dfa::MOST_RUNS;
use crate::fields::{FieldPart, LONGEST_KEY};
use crate::prefilter::{BUCKETS, Edge, Nibbles, SHAPE};
use crate::rule::{Action, Confidence, Settings, Severity};
use crate::schema::{FieldKind, Schema};

/// Everything that an artifact holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// The policy's id.
    pub policy_id: String,
    /// Which views it switches.
    pub views: ViewSwitches,
    /// The automata; rules refer to them by index.
    pub dfas: Vec<DfaPart>,
    /// The rules.
    pub rules: Vec<RulePart>,
    /// Other profiles: their ids, and the settings of all rules.
    pub variants: Vec<(String, Vec<Settings>)>,
    /// The windows of all rules.
    pub windows: Vec<WindowPart>,
    /// The prefilter's tables.
    pub nibbles: Nibbles,
    /// Where the windows of each bucket may stand.
    pub edges: [Edge; BUCKETS],
    /// Where windows of no bucket are looked for.
    pub look_back: LookBack,
    /// Paths of the rules that name fields of documents.
    pub fields: Vec<FieldPart>,
    /// What messages of protobuf hold.
    pub schema: Schema,
}

/// More of something than the layout can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodeError {
    what: &'static str,
    given: usize,
    limit: usize,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "an artifact holds at most {} {}, {} given",
            self.limit, self.what, self.given
        )
    }
}

impl core::error::Error for EncodeError {}

fn fits(what: &'static str, given: usize, limit: usize) -> Result<(), EncodeError> {
    if given > limit {
        Err(EncodeError { what, given, limit })
    } else {
        Ok(())
    }
}

impl Parts {
    /// The artifact's bytes.
    ///
    /// # Errors
    /// When there is more of something than the layout can hold.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        const MOST: usize = 0xffff;
        fits("automata", self.dfas.len(), MOST)?;
        fits("rules", self.rules.len(), 0x7fff)?;
        fits("windows", self.windows.len(), MOST)?;
        fits("variants", self.variants.len(), MOST)?;
        let mut w = Writer::default();
        w.bytes.extend(MAGIC);
        let plain = self.schema.is_empty();
        w.u16(if plain { PLAIN } else { VERSION });
        w.u16(0);
        w.u64(0);
        fits("bytes in an id", self.policy_id.len(), 255)?;
        w.text(self.policy_id.as_bytes());
        w.u8(self.views.on);
        w.u8(self.views.off);
        self.dfas(&mut w)?;
        w.u16(self.rules.len() as u16);
        for rule in &self.rules {
            write_rule(&mut w, rule)?;
        }
        w.u16(self.variants.len() as u16);
        for (id, settings) in &self.variants {
            w.text(id.as_bytes());
            settings.iter().for_each(|s| write_settings(&mut w, s));
        }
        self.windows(&mut w)?;
        self.nibbles
            .iter()
            .flatten()
            .flatten()
            .for_each(|&buckets| w.u32(buckets));
        let edges = self.edges.iter().enumerate();
        w.u32(edges.fold(0, |bits, (i, &edge)| {
            bits | u32::from(edge == Edge::Word) << i
        }));
        w.set(&self.look_back.before);
        w.set(&self.look_back.walk);
        w.u16(self.look_back.most);
        self.fields(&mut w)?;
        if !plain {
            self.schema(&mut w)?;
        }
        finish(w.bytes)
    }

    fn schema(&self, w: &mut Writer) -> Result<(), EncodeError> {
        let (keys, messages) = (self.schema.keys(), self.schema.messages());
        fits("names of fields", keys.len(), 0xffff)?;
        w.u16(keys.len() as u16);
        keys.iter().for_each(|key| w.text(key));
        fits("messages", messages.len(), 0xffff)?;
        w.u16(messages.len() as u16);
        for message in messages {
            fits("bytes in the name of a message", message.name.len(), 0xffff)?;
            w.text(message.name.as_bytes());
            w.u8(u8::from(message.map));
            fits("fields of a message", message.fields.len(), 0xffff)?;
            w.u16(message.fields.len() as u16);
            for field in &message.fields {
                w.u32(field.number);
                let (kind, inner) = match field.kind {
                    FieldKind::Varint => (0, None),
                    FieldKind::Fixed64 => (1, None),
                    FieldKind::Fixed32 => (2, None),
                    FieldKind::Text => (3, None),
                    FieldKind::Bytes => (4, None),
                    FieldKind::Message(inner) => (5, Some(inner)),
                    FieldKind::Group(inner) => (6, Some(inner)),
                };
                let (first, second) = field.keys;
                w.u8(kind | u8::from(field.repeated) << 3 | u8::from(second.is_some()) << 4);
                if let Some(inner) = inner {
                    w.u16(inner.0);
                }
                w.u16(first);
                if let Some(second) = second {
                    w.u16(second);
                }
            }
        }
        let paths = self.schema.paths();
        fits("paths of requests", paths.len(), 0xffff)?;
        w.u16(paths.len() as u16);
        for path in paths {
            fits("bytes in a path", path.path.len(), 0xffff)?;
            w.text(path.path.as_bytes());
            for message in [path.request, path.response] {
                w.u8(u8::from(message.is_some()));
                if let Some(message) = message {
                    w.u16(message.0);
                }
            }
        }
        Ok(())
    }

    fn fields(&self, w: &mut Writer) -> Result<(), EncodeError> {
        fits("paths of fields", self.fields.len(), 0xffff)?;
        w.u16(self.fields.len() as u16);
        for part in &self.fields {
            w.u16(part.rule);
            fits("steps of a path", part.steps.len(), 255)?;
            w.u8(part.steps.len() as u8);
            for step in &part.steps {
                w.u8(u8::from(step.deep) | u8::from(step.key.is_some()) << 1);
                if let Some(key) = &step.key {
                    fits("bytes in a key", key.len(), LONGEST_KEY)?;
                    w.text(key);
                }
            }
        }
        Ok(())
    }

    /// Windows, and before them the sets that they are made of, each once.
    fn windows(&self, w: &mut Writer) -> Result<(), EncodeError> {
        let mut sets: Vec<&ByteSet> = self.windows.iter().flat_map(|part| &part.sets).collect();
        sets.sort_unstable();
        sets.dedup();
        fits("byte sets", sets.len(), 0xffff)?;
        w.u16(sets.len() as u16);
        sets.iter().for_each(|set| w.set(set));
        w.u16(self.windows.len() as u16);
        for part in &self.windows {
            fits("bytes of a shape", part.sets.len(), SHAPE)?;
            write_window(w, &part.window);
            w.u8(part.bucket);
            w.u8(part.sets.len() as u8);
            for set in &part.sets {
                w.u16(sets.binary_search(&set).unwrap_or(0) as u16);
            }
        }
        Ok(())
    }

    fn dfas(&self, w: &mut Writer) -> Result<(), EncodeError> {
        let mut maps: Vec<&[u8; 256]> = Vec::new();
        let mut map_of = Vec::new();
        for dfa in &self.dfas {
            let at = maps
                .iter()
                .position(|map| **map == dfa.classes)
                .unwrap_or_else(|| {
                    maps.push(&dfa.classes);
                    maps.len() - 1
                });
            map_of.push(at);
        }
        w.u16(maps.len() as u16);
        maps.iter().for_each(|map| w.bytes.extend(map.iter()));
        w.u16(self.dfas.len() as u16);
        for (dfa, map) in self.dfas.iter().zip(map_of) {
            let states = dfa.table.len() / usize::from(dfa.stride.max(1));
            fits("states of an automaton", states, 0x7fff)?;
            w.u16(map as u16);
            w.u16(dfa.stride);
            w.u16(states as u16);
            w.u16(dfa.sure);
            dfa.starts.iter().for_each(|&start| w.u16(start));
            dfa.table.iter().for_each(|&entry| w.u16(entry));
            fits("runs of an automaton", dfa.runs.len(), MOST_RUNS)?;
            let first = dfa.runs.first().map_or(dfa.sure, |run| run.first);
            w.u16(first.min(dfa.sure));
            w.u8(dfa.runs.len() as u8);
            let runs = dfa.runs.iter().flat_map(|run| run.to_bytes());
            w.bytes.extend(runs);
        }
        Ok(())
    }
}

fn finish(mut bytes: Vec<u8>) -> Result<Vec<u8>, EncodeError> {
    fits("bytes", bytes.len(), u32::MAX as usize)?;
    let length = (bytes.len() as u32).to_le_bytes();
    let checksum = checksum(bytes.get(HEADER..).unwrap_or_default()).to_le_bytes();
    for (slot, byte) in bytes
        .iter_mut()
        .skip(8)
        .zip(length.into_iter().chain(checksum))
    {
        *slot = byte;
    }
    Ok(bytes)
}

fn write_rule(w: &mut Writer, part: &RulePart) -> Result<(), EncodeError> {
    let rule = &part.rule;
    fits("bytes in an id", rule.id.len(), 255)?;
    fits("bytes in an id", rule.pack.len(), 255)?;
    fits("tags of a rule", rule.tags.len(), 255)?;
    fits("stages of a rule", part.stages.len(), 4)?;
    fits("validators of a rule", part.checks.len(), 255)?;
    w.text(rule.id.as_bytes());
    w.text(rule.pack.as_bytes());
    w.u8(match rule.confidence {
        Confidence::Low => 0,
        Confidence::Medium => 1,
        Confidence::High => 2,
    });
    w.u8(rule.tags.len() as u8);
    rule.tags.iter().for_each(|tag| w.text(tag.as_bytes()));
    w.u32(rule.hold_back);
    write_settings(w, &rule.settings);
    w.set(&part.left);
    part.heads.iter().for_each(|set| w.set(set));
    w.set(&part.beginning);
    w.u8(part.stages.len() as u8);
    for &(dfa, unique) in &part.stages {
        w.u16(dfa);
        w.u8(u8::from(unique));
    }
    w.u8(part.body);
    w.u16(part.lead);
    w.u16(part.trail);
    w.u16(part.min_prefix);
    w.u32(part.max_len);
    w.u8(u8::from(part.select));
    w.u8(part.checks.len() as u8);
    for check in &part.checks {
        write_check(w, check)?;
    }
    match &part.context {
        None => w.u8(0),
        Some(context) => {
            w.u8(1);
            write_words(w, &context.words)?;
            write_words(w, &context.unless)?;
            w.u8(context.within);
            w.u8(u8::from(context.whole));
            w.u8(match context.reach {
                Reach::Any => 0,
                Reach::Line => 1,
                Reach::Field => 2,
                Reach::Key => 3,
            });
        }
    }
    Ok(())
}

fn write_words(w: &mut Writer, words: &[Vec<u8>]) -> Result<(), EncodeError> {
    fits("words in a list", words.len(), 0xffff)?;
    w.u16(words.len() as u16);
    for word in words {
        fits("bytes in a word", word.len(), 255)?;
        w.text(word);
    }
    Ok(())
}

fn write_settings(w: &mut Writer, settings: &Settings) {
    w.u8(u8::from(settings.enabled));
    let (kind, count) = match settings.action {
        Action::Tag => (0, 0),
        Action::Mask => (1, 0),
        Action::KeepFirst(n) => (2, n),
        Action::KeepLast(n) => (3, n),
        Action::Remove => (4, 0),
        Action::Block => (5, 0),
        Action::Allow => (6, 0),
    };
    w.u8(kind);
    w.u8(count);
    w.u8(match settings.severity {
        Severity::Low => 0,
        Severity::Medium => 1,
        Severity::High => 2,
        Severity::Critical => 3,
    });
}

fn write_check(w: &mut Writer, check: &Check) -> Result<(), EncodeError> {
    let (kind, number) = match check {
        Check::Luhn => (0, 0),
        Check::Iban => (1, 0),
        Check::Ssn => (2, 0),
        Check::Entropy(least) => (3, *least),
        Check::Distinct(least) => (4, u32::from(*least)),
        Check::HasDigit => (5, 0),
        Check::HasLetter => (6, 0),
        Check::NotPlaceholder => (7, 0),
        Check::NotHash => (8, 0),
        Check::Crc32Base62 => (9, 0),
        Check::Jwt => (10, 0),
        Check::Ipv6 => (11, 0),
        Check::NotTemplate => (40, 0),
        Check::NotWords => (41, 0),
        Check::Classes(least) => (42, u32::from(*least)),
        Check::Without(_) => (12, 0),
        Check::Allow(dfa) => (13, u32::from(*dfa)),
        Check::Valid(_) => (14, 0),
    };
    w.u8(kind);
    w.u32(number);
    match check {
        Check::Without(words) => write_words(w, words),
        // By name, so that the table of numbers can grow and be sorted without a new layout.
        Check::Valid(number) => {
            w.text(number.name.as_bytes());
            Ok(())
        }
        _ => Ok(()),
    }
}

fn write_window(w: &mut Writer, window: &Window) {
    w.u16(window.rule);
    w.u8(window.offset);
    w.u8(window.back);
    w.u64(window.mask);
    w.u64(window.literal);
    match &window.run {
        None => w.u8(0),
        Some(run) => {
            w.u8(1);
            w.set(&run.set);
            w.u16(run.min);
            w.u16(run.max);
        }
    }
}

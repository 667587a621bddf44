//! Loads an artifact without trusting it: every length, index and number that scanning relies on is checked here, once.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::starts::Starts;
use super::windows::{Loaded, Windows};
use super::wire::Reader;
use super::{Engine, HEADER, LookBack, MAGIC, PLAIN, RuleProgram, VERSION, ViewSwitches, Window};
use crate::boundary::{ByteSet, CONTEXT, Context, Near, Reach};
use crate::check::Check;
use crate::dfa::{Dfa, RUN_BYTES, STARTS};
use crate::fields::{FieldPart, FieldStep, Fields, LONGEST_KEY};
use crate::prefilter::index::{WindowIndex, literals};
use crate::prefilter::{BUCKETS, Edge, LOOK_BACK, Nibbles, Prefilter, WINDOW};
use crate::program::{Program, Stage};
use crate::rule::{Action, Confidence, Rule, Settings, Severity};
use crate::schema::{FieldKind, MessageIndex, Schema, SchemaField, SchemaMessage, SchemaPath};
use crate::seek::Seek;
use crate::tokens::Tokens;
use crate::validate::Number;

/// Why an artifact was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadError(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Magic,
    Version(u16),
    Short { given: usize, wanted: u32 },
    Long { given: usize, wanted: u32 },
    Checksum,
    Content { at: usize, what: &'static str },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Magic => write!(
                f,
                "not an artifact: it does not start with `BBAR`; `blackbar compile` makes one"
            ),
            Kind::Version(given) => {
                let age = if given > VERSION { "newer" } else { "older" };
                write!(
                    f,
                    "the artifact has layout version {given}, {age} than this engine's {VERSION}; \
                     compile the policy with the `blackbar` of the same release"
                )
            }
            Kind::Short { given, wanted } => {
                write!(
                    f,
                    "the artifact is cut short: {given} bytes of {wanted}; copy it again"
                )
            }
            Kind::Long { given, wanted } => {
                write!(
                    f,
                    "{given} bytes given for an artifact of {wanted}; something was appended to it"
                )
            }
            Kind::Checksum => write!(
                f,
                "the artifact's checksum is wrong: its bytes were changed; copy or compile it again"
            ),
            Kind::Content { at, what } => write!(
                f,
                "the artifact holds {what} that cannot be, before byte {at}"
            ),
        }
    }
}

impl core::error::Error for LoadError {}

pub(super) fn load(bytes: Cow<'static, [u8]>) -> Result<Engine, LoadError> {
    let checksum = check_frame(&bytes).map_err(LoadError)?;
    let mut reader = Reader::new(&bytes, HEADER);
    let mut what = "a policy id";
    let plain = bytes.get(4..6) == Some(&PLAIN.to_le_bytes()[..]);
    let parsed = parse(&bytes, &mut reader, plain, &mut what);
    let at = reader.position();
    let done = reader.is_done();
    match parsed {
        Some(parsed) if done => Ok(parsed.into_engine(bytes, checksum)),
        Some(_) => Err(LoadError(Kind::Content {
            at,
            what: "more bytes after its end",
        })),
        None => Err(LoadError(Kind::Content { at, what })),
    }
}

fn check_frame(bytes: &[u8]) -> Result<u32, Kind> {
    if bytes.get(..4) != Some(&MAGIC[..]) {
        return Err(Kind::Magic);
    }
    let mut head = Reader::new(bytes, 4);
    let short = Kind::Short {
        given: bytes.len(),
        wanted: HEADER as u32,
    };
    let version = head.u16().ok_or(short)?;
    if version != VERSION && version != PLAIN {
        return Err(Kind::Version(version));
    }
    let zero = head.u16().ok_or(short)?;
    let length = head.u32().ok_or(short)?;
    let checksum = head.u32().ok_or(short)?;
    let given = bytes.len();
    match u64::from(length).cmp(&(given as u64)) {
        core::cmp::Ordering::Greater => {
            return Err(Kind::Short {
                given,
                wanted: length,
            });
        }
        core::cmp::Ordering::Less => {
            return Err(Kind::Long {
                given,
                wanted: length,
            });
        }
        core::cmp::Ordering::Equal => {}
    }
    if zero != 0 {
        return Err(Kind::Content {
            at: 8,
            what: "reserved bits",
        });
    }
    let body = bytes.get(HEADER..).unwrap_or_default();
    if super::checksum(body) != checksum {
        Err(Kind::Checksum)
    } else {
        Ok(checksum)
    }
}

struct Parsed {
    policy_id: String,
    views: ViewSwitches,
    dfas: Vec<Dfa>,
    rules: Vec<Rule>,
    programs: Vec<RuleProgram>,
    variants: Vec<(String, Vec<Settings>)>,
    windows: Windows,
    nibbles: Nibbles,
    edges: [Edge; BUCKETS],
    look_back: LookBack,
    fields: Vec<FieldPart>,
    schema: Schema,
}

/// `what` is kept at what is being read, for the error.
fn parse(bytes: &[u8], r: &mut Reader<'_>, plain: bool, what: &mut &'static str) -> Option<Parsed> {
    let policy_id = r.text()?;
    let views = ViewSwitches {
        on: r.u8()?,
        off: r.u8()?,
    };
    *what = "a class map";
    let count = r.u16()?;
    let maps = r.list(usize::from(count), |r| {
        let at = r.position();
        r.take(256).map(|_| at)
    })?;
    *what = "an automaton";
    let count = r.u16()?;
    let dfas = r.list(usize::from(count), |r| {
        read_dfa(r, &maps).filter(|dfa| dfa.is_sound(bytes))
    })?;
    *what = "a rule";
    let count = r.u16()?;
    let mut programs = Vec::with_capacity(usize::from(count).min(r.room::<RuleProgram>()));
    let rules = r.list(usize::from(count), |r| {
        let (rule, program) = read_rule(r, &dfas)?;
        programs.push(program);
        Some(rule)
    })?;
    if has_twins(&rules) {
        return None;
    }
    *what = "a variant";
    let count = r.u16()?;
    let variants = r.list(usize::from(count), |r| {
        Some((r.text()?, r.list(rules.len(), read_settings)?))
    })?;
    *what = "a window";
    let windows = Windows::read(r, rules.len())?;
    *what = "prefilter tables";
    let mut nibbles: Nibbles = [[[0; 16]; 2]; WINDOW];
    for cell in nibbles.iter_mut().flatten().flatten() {
        *cell = r.u32()?;
    }
    let bits = r.u32()?;
    let edges = core::array::from_fn(|i| match bits >> i & 1 {
        0 => Edge::None,
        _ => Edge::Word,
    });
    *what = "what is looked for before values";
    let look_back = LookBack {
        before: r.set()?,
        walk: r.set()?,
        most: r.u16()?,
    };
    *what = "a path of a field";
    let count = r.u16()?;
    let fields = r.list(usize::from(count), |r| read_field(r, rules.len()))?;
    *what = "a message of protobuf";
    let schema = match plain {
        true => Schema::default(),
        false => read_schema(r).filter(|schema| !schema.is_empty())?,
    };
    Some(Parsed {
        policy_id,
        views,
        dfas,
        rules,
        programs,
        variants,
        windows,
        nibbles,
        edges,
        look_back,
        fields,
        schema,
    })
}

/// Whether two rules have the same id. Numbers are sorted, which is a fraction of the work of sorting texts that begin alike.
fn has_twins(rules: &[Rule]) -> bool {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let sum = |id: &[u8]| {
        let (words, rest) = id.as_chunks();
        let rest = rest.iter().fold(1, |sum, &byte| sum << 8 | u64::from(byte));
        let words = words.iter().map(|&word| u64::from_le_bytes(word));
        words.chain([rest]).fold(0_u64, |sum, word| {
            (sum ^ word).wrapping_mul(MULTIPLIER).rotate_left(29)
        })
    };
    let ids = || rules.iter().map(|rule| rule.id.as_bytes());
    let mut sums: Vec<u64> = ids().map(sum).collect();
    sums.sort_unstable();
    let twice = |pair: &[u64]| matches!(pair, [a, b] if a == b);
    if !sums.windows(2).any(twice) {
        return false;
    }
    // Two ids that are the same, or by chance only their numbers.
    let mut ids: Vec<&[u8]> = ids().collect();
    ids.sort_unstable();
    ids.windows(2).any(|pair| matches!(pair, [a, b] if a == b))
}

fn read_schema(r: &mut Reader<'_>) -> Option<Schema> {
    let count = r.u16()?;
    let keys = r.list(usize::from(count), |r| r.bytes().map(Vec::from))?;
    let count = r.u16()?;
    let messages = r.list(usize::from(count), |r| {
        let (name, map) = (r.text()?, r.flag()?);
        let count = r.u16()?;
        let fields = r.list(usize::from(count), read_schema_field)?;
        Some(SchemaMessage { name, map, fields })
    })?;
    let count = r.u16()?;
    let paths = r.list(usize::from(count), |r| {
        let path = r.text()?;
        let mut message = || match r.flag()? {
            true => Some(Some(MessageIndex(r.u16()?))),
            false => Some(None),
        };
        let (request, response) = (message()?, message()?);
        Some(SchemaPath {
            path,
            request,
            response,
        })
    })?;
    Schema::new(keys, messages, paths)
}

fn read_schema_field(r: &mut Reader<'_>) -> Option<SchemaField> {
    let (number, bits) = (r.u32()?, r.u8()?);
    let kind = match bits & 7 {
        0 => FieldKind::Varint,
        1 => FieldKind::Fixed64,
        2 => FieldKind::Fixed32,
        3 => FieldKind::Text,
        4 => FieldKind::Bytes,
        5 => FieldKind::Message(MessageIndex(r.u16()?)),
        6 => FieldKind::Group(MessageIndex(r.u16()?)),
        _ => return None,
    };
    let first = r.u16()?;
    let second = match bits >> 3 {
        0 | 1 => None,
        2 | 3 => Some(r.u16()?),
        _ => return None,
    };
    let repeated = bits & 8 != 0;
    Some(SchemaField::new(number, kind, repeated, (first, second)))
}

impl Parsed {
    fn into_engine(mut self, bytes: Cow<'static, [u8]>, checksum: u32) -> Engine {
        let mut programs = self.programs;
        let index = WindowIndex::new(&self.windows);
        let keywords = literals(&self.windows, |loaded| loaded.bucket == LOOK_BACK);
        let mut windows = Vec::with_capacity(self.windows.iter().len());
        let mut behind_runs: Vec<Window> = Vec::new();
        for (i, Loaded { window, .. }) in self.windows.numbered() {
            if let Some(program) = programs.get_mut(usize::from(window.rule)) {
                program.windows.push(i);
                if window.run.is_none() {
                    program.reach = program.reach.max(usize::from(window.offset));
                }
            }
            if window.run.is_some() {
                let same = |w: &&mut Window| (w.rule, w.run) == (window.rule, window.run);
                match behind_runs.iter_mut().find(same) {
                    Some(known) => known.offset = known.offset.max(window.offset),
                    None => behind_runs.push(*window),
                }
            }
            windows.push(*window);
        }
        for program in &mut programs {
            program.spread = spread(program, &windows);
            program.between = between(program, &windows);
        }
        let tokens = Tokens::new(&mut self.windows, &programs);
        Engine {
            starts: Starts::new(&programs),
            tokens,
            bytes,
            checksum,
            policy_id: self.policy_id,
            views: self.views,
            rules: self.rules,
            programs,
            dfas: self.dfas,
            variants: self.variants,
            windows,
            index,
            look_back: self.look_back,
            keywords,
            prefilter: Prefilter::new(&self.nibbles, &self.edges),
            behind_runs,
            fields: Fields::new(&self.fields),
            schema: self.schema,
        }
    }
}

/// See [`RuleProgram::spread`].
fn spread(program: &RuleProgram, windows: &[Window]) -> usize {
    let own = || {
        program
            .windows
            .iter()
            .filter_map(|&w| windows.get(usize::from(w)))
    };
    let offsets = || own().map(|w| usize::from(w.offset));
    let apart = offsets().max().unwrap_or(0) - offsets().min().unwrap_or(0);
    let longest = own()
        .filter_map(|w| w.run)
        .map(|run| usize::from(run.max))
        .max();
    match longest {
        Some(run) if program.windows.len() > 1 => apart + run,
        _ => apart,
    }
}

/// See [`RuleProgram::between`]: a start that comes to light later has a run that goes on over the end of the one that came before.
fn between(program: &RuleProgram, windows: &[Window]) -> Option<ByteSet> {
    let own = program.windows.iter();
    let mut own = own.filter_map(|&w| windows.get(usize::from(w)));
    let first = own.next()?;
    own.try_fold(first.run?.set, |all, window| {
        let set = window.run.filter(|_| window.offset == first.offset)?.set;
        let mut both = all.into_iter().zip(set).map(|(a, b)| a | b);
        Some(core::array::from_fn(|_| both.next().unwrap_or(0)))
    })
}

fn read_dfa(r: &mut Reader<'_>, maps: &[usize]) -> Option<Dfa> {
    let classes = *maps.get(usize::from(r.u16()?))?;
    let stride = r.u16()?;
    let states = r.u16()?;
    let sure = r.u16()?;
    let mut starts = [0; STARTS];
    for start in &mut starts {
        *start = r.u16()?;
    }
    let table = r.position();
    r.take(2 * usize::from(states) * usize::from(stride))?;
    let simple = r.u16()?;
    let run_count = r.u8()?;
    let runs = r.position();
    r.take(RUN_BYTES * usize::from(run_count))?;
    Some(Dfa {
        classes,
        table,
        stride,
        starts,
        sure,
        simple,
        states,
        runs,
        run_count,
    })
}

fn read_rule(r: &mut Reader<'_>, dfas: &[Dfa]) -> Option<(Rule, RuleProgram)> {
    let id = r.text()?;
    let pack = r.text()?;
    let confidence = match r.u8()? {
        0 => Confidence::Low,
        1 => Confidence::Medium,
        2 => Confidence::High,
        _ => return None,
    };
    let count = r.u8()?;
    let tags = r.list(usize::from(count), Reader::text)?;
    let hold_back = r.u32()?;
    let settings = read_settings(r)?;
    let rule = Rule {
        id,
        pack,
        confidence,
        tags,
        hold_back,
        settings,
    };
    let left = r.set()?;
    let heads = [r.set()?, r.set()?, r.set()?];
    let beginning = r.set()?;
    let count = r.u8()?;
    let stages = r.list(usize::from(count), |r| {
        let dfa = *dfas.get(usize::from(r.u16()?))?;
        Some(Stage {
            dfa,
            unique: r.flag()?,
        })
    })?;
    let body = usize::from(r.u8()?);
    if body >= stages.len() || stages.len() > 4 {
        return None;
    }
    let program = Program {
        linear: stages.iter().all(|stage| stage.unique),
        stages,
        body,
        lead: usize::from(r.u16()?),
        trail: usize::from(r.u16()?),
        min_prefix: usize::from(r.u16()?),
        max_len: usize::try_from(r.u32()?)
            .ok()
            .filter(|&n| (1..=1 << 20).contains(&n))?,
        select: r.flag()?,
    };
    // Validators choose among the ends of the last stage only.
    if program.select && (!program.linear || body + 1 != program.stages.len()) {
        return None;
    }
    let count = r.u8()?;
    let checks = r.list(usize::from(count), |r| read_check(r, dfas))?;
    let context = match r.flag()? {
        false => None,
        true => {
            let words = read_words(r)?;
            let unless = read_words(r)?;
            let within = r.u8()?;
            (usize::from(within) + 32 <= CONTEXT).then_some(())?;
            let whole = r.flag()?;
            let reach = match r.u8()? {
                0 => Reach::Any,
                1 => Reach::Line,
                2 => Reach::Field,
                3 => Reach::Key,
                _ => return None,
            };
            Some(Context {
                words,
                unless,
                within,
                whole,
                reach,
            })
        }
    };
    let [first, ..] = heads;
    let program = RuleProgram {
        heads,
        beginning,
        first: Seek::new(first),
        program,
        left,
        checks,
        near: context.map(Near::new),
        windows: Vec::new(),
        spread: 0,
        between: None,
        reach: 0,
    };
    Some((rule, program))
}

fn read_field(r: &mut Reader<'_>, rules: usize) -> Option<FieldPart> {
    let rule = r.u16()?;
    let count = r.u8()?;
    let steps = r.list(usize::from(count), |r| {
        let bits = r.u8()?;
        let key = match bits >> 1 {
            0 => None,
            1 => Some(r.text()?.into_bytes()),
            _ => return None,
        };
        let sound = key.as_ref().is_none_or(|key| key.len() <= LONGEST_KEY);
        sound.then_some(FieldStep {
            key,
            deep: bits & 1 == 1,
        })
    })?;
    (usize::from(rule) < rules && !steps.is_empty()).then_some(FieldPart { rule, steps })
}

fn read_words(r: &mut Reader<'_>) -> Option<Vec<Vec<u8>>> {
    let count = r.u16()?;
    r.list(usize::from(count), |r| r.bytes().map(Vec::from))
}

fn read_settings(r: &mut Reader<'_>) -> Option<Settings> {
    let enabled = r.flag()?;
    let (kind, count) = (r.u8()?, r.u8()?);
    let action = match kind {
        0 => Action::Tag,
        1 => Action::Mask,
        2 => Action::KeepFirst(count),
        3 => Action::KeepLast(count),
        4 => Action::Remove,
        5 => Action::Block,
        6 => Action::Allow,
        _ => return None,
    };
    let severity = match r.u8()? {
        0 => Severity::Low,
        1 => Severity::Medium,
        2 => Severity::High,
        3 => Severity::Critical,
        _ => return None,
    };
    Some(Settings {
        enabled,
        action,
        severity,
    })
}

fn read_check(r: &mut Reader<'_>, dfas: &[Dfa]) -> Option<Check> {
    let kind = r.u8()?;
    let number = r.u32()?;
    Some(match kind {
        0 => Check::Luhn,
        1 => Check::Iban,
        2 => Check::Ssn,
        3 => Check::Entropy(number),
        4 => Check::Distinct(u8::try_from(number).ok()?),
        5 => Check::HasDigit,
        6 => Check::HasLetter,
        7 => Check::NotPlaceholder,
        8 => Check::NotHash,
        9 => Check::Crc32Base62,
        10 => Check::Jwt,
        11 => Check::Ipv6,
        40 => Check::NotTemplate,
        41 => Check::NotWords,
        42 => Check::Classes(u8::try_from(number).ok()?),
        12 => Check::Without(read_words(r)?),
        14 => Check::Valid(Number::named(r.bytes()?)?),
        13 => Check::Allow(
            u16::try_from(number)
                .ok()
                .filter(|&dfa| usize::from(dfa) < dfas.len())?,
        ),
        _ => return None,
    })
}

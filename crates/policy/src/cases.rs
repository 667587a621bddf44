//! The test cases that lie beside a pack: what a rule must find, what it must not, and what it is known to miss. Running them is left to
//! the command and the tests.
//!
//! ```
//! use blackbar_policy::cases::{self, Kind};
//!
//! let text = r#"
//! [[case]]
//! name = "github pat in json"
//! rule = "github.pat"
//! kind = "positive"
//! text = ['{"t":"ghp_', '16C7e42F292c6912E7710c838347Ae178B4a', '"}']
//! out = '{"t":"[github.pat]"}'
//! spans = [[6, 46]]
//! "#;
//! let cases = cases::parse_str("cases.toml", text, &["github.pat"]).unwrap();
//! assert_eq!(cases[0].kind, Kind::Positive);
//! assert_eq!(cases[0].input.len(), 48);
//! assert_eq!(cases[0].out, br#"{"t":"[github.pat]"}"#);
//! ```

use std::ops::Range;

use crate::diagnostic::PolicyError;
use crate::load::Builtins;
use crate::model::{FilePlace, Origin, PackInfo, Policy};
use crate::names::{Words, listed, nearest, quoted};
use crate::parse::unique;
use crate::reader::{Fields, Reading, Text, Value, parse_toml};
use crate::source::Source;

/// One input and what must become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Unique within its file.
    pub name: String,
    /// The id of the rule under test. All of its pack is enabled while it is tested.
    pub rule: String,
    /// What the case shows.
    pub kind: Kind,
    /// What the input is written in.
    pub format: Format,
    /// The bytes that are given to the engine.
    pub input: Vec<u8>,
    /// The exact bytes that must come out; `input` itself where the file names no `out`.
    pub out: Vec<u8>,
    /// The byte spans of the redacted regions in `input`, in order, if the file gives them.
    pub spans: Option<Vec<Range<usize>>>,
    /// Offsets in `input` at which it must be split as well; in order.
    pub splits: Vec<usize>,
    /// Where the case was written.
    pub origin: Origin,
}

impl Case {
    /// Whether the input must come out as it went in.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.input == self.out
    }
}

/// What a case shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The rule finds it.
    Positive,
    /// It looks like a match and is none.
    NearMiss,
    /// What stands beside the match decides.
    Boundary,
    /// The chunk ends named in [`Case::splits`] must not change anything.
    Split,
    /// It should be otherwise, and is known not to be: asserted as it is, so that a change is seen.
    KnownGap,
}

impl Words for Kind {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("positive", Self::Positive),
        ("near-miss", Self::NearMiss),
        ("boundary", Self::Boundary),
        ("split", Self::Split),
        ("known-gap", Self::KnownGap),
    ];
}

impl std::fmt::Display for Kind {
    /// The word of the file format.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.word())
    }
}

/// What the input of a case is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Plain text.
    #[default]
    Text,
    /// JSON.
    Json,
    /// A form or a URL.
    Form,
}

impl Words for Format {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("text", Self::Text),
        ("json", Self::Json),
        ("form", Self::Form),
    ];
}

/// The cases of one pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackCases {
    /// The pack's id.
    pub pack: String,
    /// The file of cases.
    pub place: FilePlace,
    /// At least one.
    pub cases: Vec<Case>,
}

/// Loads the cases of every pack of a policy that has a file of cases beside it; packs without one are left out.
///
/// # Errors
/// When a file cannot be read or is not a good file of cases, or names a rule that is not in its pack.
pub fn load(policy: &Policy, builtins: &dyn Builtins) -> Result<Vec<PackCases>, PolicyError> {
    let mut all = Vec::new();
    for pack in &policy.packs {
        all.extend(load_pack(pack, policy, builtins)?);
    }
    Ok(all)
}

fn load_pack(
    pack: &PackInfo,
    policy: &Policy,
    builtins: &dyn Builtins,
) -> Result<Option<PackCases>, PolicyError> {
    let Some(place) = pack
        .place
        .as_ref()
        .map(FilePlace::cases)
        .filter(|place| place.exists(builtins))
    else {
        return Ok(None);
    };
    let shown = place.shown().display().to_string();
    let source = place.read(builtins).map_err(|failure| failure.at(&shown))?;
    let rules = policy.rules.iter().filter(|rule| rule.pack == pack.id);
    let rules: Vec<&str> = rules.map(|rule| rule.id.as_str()).collect();
    let cases = parse(&source, &rules)?;
    Ok(Some(PackCases {
        pack: pack.id.clone(),
        place,
        cases,
    }))
}

/// Reads cases from text; `file` is the name for messages, `rules` the ids that they may name.
///
/// # Errors
/// When the text is not a good file of cases.
/// # Panics
/// Never, for any input.
pub fn parse_str(file: &str, text: &str, rules: &[&str]) -> Result<Vec<Case>, PolicyError> {
    parse(&Source::new(file, text), rules)
}

/// As [`parse_str`], for a text that is already a [`Source`].
///
/// # Errors
/// When the text is not a good file of cases.
pub fn parse(source: &Source, rules: &[&str]) -> Result<Vec<Case>, PolicyError> {
    let reading = Reading::new(source);
    let read = read(&reading, rules);
    reading.finish(read)
}

fn read(reading: &Reading<'_>, rules: &[&str]) -> Option<Vec<Case>> {
    let table = match parse_toml(reading.source) {
        Ok(table) => table,
        Err(broken) => {
            broken.into_iter().for_each(|one| reading.push(one));
            return None;
        }
    };
    let mut top = Fields::new(
        table.get_ref(),
        0..0,
        "the file of cases".to_string(),
        reading,
    );
    top.hints(&[
        ("cases", "write [[case]]"),
        ("rule", "rules stand in `policy.toml`"),
        ("pack", "[pack] stands in `policy.toml`"),
    ]);
    let tables = top.tables("case", "[[case]]", "a case");
    if tables.as_ref().is_some_and(Vec::is_empty) && !top.has("cases") && !top.misspelt("case") {
        top.error(
            "the file has no cases",
            "add a [[case]], or delete the file",
        );
    }
    top.finish();
    let mut number = 0;
    let cases = reading.each(tables.into_iter().flatten(), |fields| {
        number += 1;
        case(fields, number, rules)
    });
    unique(
        reading,
        cases.iter().map(|(_, name)| name),
        "name of a case",
        "give each case of a file a name of its own",
    );
    Some(cases.into_iter().map(|(case, _)| case).collect())
}

fn case(mut fields: Fields<'_>, number: usize, rules: &[&str]) -> Option<(Case, Text)> {
    let name = fields.take("name");
    let named = name
        .as_ref()
        .filter(|name| name.is_text())
        .and_then(Value::text);
    fields.what = match &named {
        Some(name) => format!("case {}", quoted(&name.text)),
        None => format!("case number {number}"),
    };
    if name.is_none() && !fields.misspelt("name") {
        fields.error(
            format!("{} has no `name`", fields.what),
            "say in a few words what it shows",
        );
    }
    let name = name.and_then(|name| name.filled_text("say in a few words what the case shows"));
    let rule = fields
        .require("rule", "name the rule under test: rule = \"github.pat\"")
        .and_then(|value| known_rule(&value, rules));
    let kinds = listed(Kind::WORDS.iter().map(|(word, _)| *word), "or");
    let kind = fields
        .require("kind", &format!("say what it shows: {kinds}"))
        .and_then(|value| value.word::<Kind>());
    let format = fields
        .take("format")
        .map_or(Some(Format::Text), |value| value.word::<Format>());
    let input = bytes(&mut fields, "text", "hex");
    let out = bytes(&mut fields, "out", "out_hex");
    let spans = fields.take("spans");
    let splits = fields.take("splits");
    if input == Given::Nothing && !fields.misspelt("text") && !fields.misspelt("hex") {
        fields.error(
            format!("{} has neither `text` nor `hex`", fields.what),
            "give the input: text = \"...\", or hex = \"ff 67 68\" for bytes that are not text",
        );
    }
    let input = input.read();
    let length = input.as_ref().map(Vec::len);
    let spans = spans.map_or(Some(None), |value| read_spans(&value, length).map(Some));
    let splits = splits.map_or(Some(Vec::new()), |value| read_splits(&value, length));
    if out == Given::Nothing
        && matches!(kind, Some(Kind::Positive | Kind::Split))
        && !fields.misspelt("out")
    {
        fields.error(
            format!("{} has no `out`", fields.what),
            "write what must come out; only near-misses, boundaries and known gaps may leave it out, which means unchanged",
        );
    }
    let origin = Origin::within(fields.reading.source, fields.span.clone());
    let unchanged = out == Given::Nothing;
    fields.finish();
    let (name, input) = (name?, input?);
    let out = if unchanged {
        input.clone()
    } else {
        out.read()?
    };
    let case = Case {
        name: name.text.clone(),
        rule: rule?,
        kind: kind?,
        format: format?,
        input,
        out,
        spans: spans?,
        splits: splits?,
        origin,
    };
    Some((case, name))
}

fn known_rule(value: &Value<'_>, rules: &[&str]) -> Option<String> {
    let id = value.text()?;
    if rules.contains(&id.text.as_str()) {
        return Some(id.text);
    }
    let help = match nearest(&id.text, rules.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "name a rule of the pack beside which this file lies".to_string(),
    };
    value.error(format!("there is no rule {}", quoted(&id.text)), help);
    None
}

/// Bytes under one of two keys.
#[derive(Debug, PartialEq, Eq)]
enum Given {
    Nothing,
    Refused,
    Bytes(Vec<u8>),
}

impl Given {
    fn read(self) -> Option<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Nothing | Self::Refused => None,
        }
    }
}

fn bytes(fields: &mut Fields<'_>, text: &'static str, hex: &'static str) -> Given {
    let read = match (fields.take(text), fields.take(hex)) {
        (None, None) => return Given::Nothing,
        (Some(_), Some(value)) => {
            value.error(
                format!("{} has both `{text}` and `{hex}`", fields.what),
                "keep one of them",
            );
            None
        }
        (Some(value), None) => value.joined().map(|text| text.text.into_bytes()),
        (None, Some(value)) => value.joined().and_then(|text| from_hex(&value, &text)),
    };
    read.map_or(Given::Refused, Given::Bytes)
}

fn from_hex(value: &Value<'_>, text: &Text) -> Option<Vec<u8>> {
    let digits: Vec<char> = text
        .text
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .collect();
    let byte = |pair: &[char]| match pair {
        [high, low] => u8::try_from(high.to_digit(16)? * 16 + low.to_digit(16)?).ok(),
        _ => None,
    };
    let read: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    if read.is_none() {
        value.error(
            format!("{} is not hexadecimal", value.what),
            "write two digits for each byte; blanks between them are skipped: \"ff 67 68\"",
        );
    }
    read
}

fn read_spans(value: &Value<'_>, length: Option<usize>) -> Option<Vec<Range<usize>>> {
    let example = "[[6, 46]]";
    let mut spans: Vec<Range<usize>> = Vec::new();
    let mut fine = true;
    for entry in value.entries(example)? {
        let ends = entry.entries("[6, 46]")?;
        let [start, end] = ends.as_slice() else {
            entry.error(
                format!("{} must be two numbers, not {}", entry.what, ends.len()),
                "write start and end of the redacted bytes: [6, 46]",
            );
            fine = false;
            continue;
        };
        let span = offset(start)?..offset(end)?;
        let longest = length.unwrap_or(usize::MAX);
        let (message, help) = if span.is_empty() {
            (
                "a span ends before it starts or is empty",
                "write [start, end], where end is the first byte that stays".into(),
            )
        } else if span.end > longest {
            (
                "a span ends past the input",
                format!("the input ends at {longest}"),
            )
        } else if spans.last().is_some_and(|last| last.end > span.start) {
            (
                "spans overlap or are not in order",
                "write them in the order of the input; overlapping regions are one".into(),
            )
        } else {
            spans.push(span);
            continue;
        };
        entry.error(message, help);
        fine = false;
    }
    fine.then_some(spans)
}

fn read_splits(value: &Value<'_>, length: Option<usize>) -> Option<Vec<usize>> {
    let mut splits: Vec<usize> = Vec::new();
    let mut fine = true;
    for entry in value.entries("[9, 10]")? {
        let split = offset(&entry)?;
        let inside = length.is_none_or(|length| split < length);
        if split == 0 || !inside {
            let length = length.unwrap_or_default();
            entry.error(
                "a split is not inside the input",
                format!(
                    "give offsets that are more than 0 and less than the input's length, {length}"
                ),
            );
            fine = false;
        } else if splits.last().is_some_and(|last| *last >= split) {
            entry.error(
                "splits are not in order",
                "write each once, the smallest first",
            );
            fine = false;
        } else {
            splits.push(split);
        }
    }
    fine.then_some(splits)
}

fn offset(value: &Value<'_>) -> Option<usize> {
    value
        .integer(0..=16_777_216, "bytes from the start of the input")
        .map(|n| n as usize)
}

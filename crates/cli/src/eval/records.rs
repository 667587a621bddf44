//! Labelled records: reading them from lines of JSON, and refusing those that cannot be scored. Keys that scoring does not need are
//! passed over: a corpus may say more about its records.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use serde::de::{self, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::input;

/// Whether something should be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Label {
    /// It should.
    Positive,
    /// It should not.
    Negative,
}

/// One labelled text.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) label: Label,
    /// Byte spans of what should be found; empty where they are not known.
    #[serde(default, deserialize_with = "spans")]
    pub(super) spans: Vec<(u64, u64)>,
    #[serde(default)]
    pub(super) family: String,
    #[serde(default)]
    pub(super) source: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    class: Option<String>,
    /// Why it is a negative: `source_fp`, `near_miss`.
    #[serde(default)]
    pub(super) neg_class: Option<String>,
    /// The value alone, without anything around it.
    #[serde(default)]
    pub(super) bare: bool,
    #[serde(default)]
    rfc_corner: bool,
    /// A negative of these families only: for others it may be a positive.
    #[serde(default)]
    negative_for: Vec<String>,
}

/// Pairs of numbers; what else stands behind the second (a type, in some corpora) is passed over.
fn spans<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(u64, u64)>, D::Error> {
    struct Pair(u64, u64);
    struct PairVisitor;
    impl<'de> Deserialize<'de> for Pair {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_seq(PairVisitor)
        }
    }
    impl<'de> Visitor<'de> for PairVisitor {
        type Value = Pair;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a span: [start, end]")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Pair, A::Error> {
            let next = |list: &mut A, index| {
                let number = list.next_element::<u64>()?;
                number.ok_or_else(|| de::Error::invalid_length(index, &self))
            };
            let pair = Pair(next(&mut list, 0)?, next(&mut list, 1)?);
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(pair)
        }
    }
    let pairs = Vec::<Pair>::deserialize(deserializer)?;
    Ok(pairs
        .into_iter()
        .map(|Pair(start, end)| (start, end))
        .collect())
}

impl Record {
    /// Whether it takes part in the scores.
    pub(super) fn is_scored(&self) -> bool {
        let left_out =
            self.kind == "ner" || self.rfc_corner || self.class.as_deref() == Some("identifier");
        !left_out && (self.label == Label::Positive || self.negative_for.is_empty())
    }
}

/// Reads every record of a file; `-` is standard input.
///
/// # Errors
/// When the file cannot be read, or a line is not a record: names file, line and column, never the text.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Record>> {
    let name = path.display();
    let reader: Box<dyn Read> = match path.as_os_str() == "-" {
        true => Box::new(std::io::stdin().lock()),
        false => Box::new(input::open(path)?),
    };
    let mut records = Vec::new();
    for (index, line) in BufReader::new(reader).split(b'\n').enumerate() {
        let line = line.with_context(|| format!("cannot read `{name}`"))?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let record = parse(&line)
            .map_err(|(column, error)| anyhow!("{name}:{}:{column}: {error}", index + 1))?;
        records.push(record);
    }
    if records.is_empty() {
        bail!(
            "`{name}` holds no record; each line is a JSON object with at least id, text, label and spans"
        );
    }
    Ok(records)
}

fn parse(line: &[u8]) -> Result<Record, (usize, String)> {
    let record: Record = serde_json::from_slice(line).map_err(|error| {
        // serde_json's message may quote a value of the record: only what kind of mistake it is gets out.
        let what = match error.classify() {
            serde_json::error::Category::Eof => {
                "the line ends before its JSON object does".to_string()
            }
            serde_json::error::Category::Data => missing_or_wrong(&error),
            _ => "the line is not a JSON object".to_string(),
        };
        (error.column(), what)
    })?;
    let length = record.text.len() as u64;
    for &(start, end) in &record.spans {
        if start > end || end > length {
            return Err((
                1,
                format!(
                    "the span [{start}, {end}] lies outside of the text, which has {length} bytes"
                ),
            ));
        }
    }
    Ok(record)
}

fn missing_or_wrong(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.split_once("missing field `").and_then(|(_, rest)| rest.split_once('`')) {
        Some((field, _)) => format!("the record has no `{field}`"),
        None => "a value of the record is not of the kind that its key needs (id, text: strings; label: positive or negative; spans: [[start, end], ...])".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(line: &str) -> (usize, String) {
        parse(line.as_bytes()).unwrap_err()
    }

    #[test]
    fn unknown_keys_are_passed_over_and_defaults_hold() {
        let record =
            parse(br#"{"id":"a","text":"b","label":"positive","spans":[[0,1]],"licence":"MIT"}"#)
                .unwrap();
        assert!(record.is_scored());
        assert!(!record.bare);
    }

    #[test]
    fn spans_are_pairs_and_more_is_passed_over() {
        let line = |spans: &str| {
            format!(r#"{{"id":"a","text":"abc","label":"positive","spans":{spans}}}"#)
        };
        let read = |spans: &str| parse(line(spans).as_bytes()).map(|record| record.spans);
        assert_eq!(read("[[0,1,\"card\"],[2,3]]").unwrap(), [(0, 1), (2, 3)]);
        assert!(read("[[0]]").is_err() && read("[0, 1]").is_err() && read("[[-1, 1]]").is_err());
    }

    #[test]
    fn what_is_not_scored() {
        let scored = |more: &str| {
            let line = format!(r#"{{"id":"a","text":"b",{more}}}"#);
            parse(line.as_bytes()).unwrap().is_scored()
        };
        assert!(scored(r#""label":"negative","neg_class":"near_miss""#));
        assert!(!scored(r#""label":"negative","negative_for":["x"]"#));
        assert!(scored(r#""label":"positive","negative_for":["x"]"#));
        assert!(!scored(r#""label":"positive","kind":"ner""#));
        assert!(!scored(r#""label":"positive","class":"identifier""#));
        assert!(!scored(r#""label":"positive","rfc_corner":true"#));
    }

    #[test]
    fn mistakes_are_named_without_the_value() {
        assert_eq!(
            refused(r#"{"id":"a","text":"hidden value""#).1,
            "the line ends before its JSON object does"
        );
        assert_eq!(
            refused(r#"{"id":"a","label":"positive"}"#).1,
            "the record has no `text`"
        );
        assert_eq!(
            refused(r#"{"id":"a","text":"é","label":"positive","spans":[[1,3]]}"#).1,
            "the span [1, 3] lies outside of the text, which has 2 bytes"
        );
        let (column, wrong) = refused(r#"{"id":"a","text":"t","label":"hidden value"}"#);
        assert!(column > 20 && !wrong.contains("hidden"), "{column} {wrong}");
        assert!(!refused(r#"hidden value"#).1.contains("hidden"));
    }
}

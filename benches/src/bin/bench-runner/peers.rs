//! Peers that are crates, in the two forms in which scanners use them. They search and count; nothing is validated and nothing written.
//! The unit is the line, as it is for most scanners: whole chunks would make them slower still.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};
use anyhow::Context;
use blackbar_benches::lane::Seen;
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::json;

use crate::Ready;

/// What an expression may grow to, in bytes; the crate's default refuses long bounded repetitions.
const SIZE: usize = 1 << 28;
/// What the lazy automaton may keep, in bytes: far more than the default, to the peer's good.
const CACHE: usize = 1 << 26;
/// Shorter literals would stand in every line.
const LITERAL: usize = 3;

struct Rules {
    expressions: Vec<String>,
    regexes: Vec<Regex>,
    refused: Vec<String>,
}

impl Rules {
    fn read(exported: &[u8]) -> anyhow::Result<Self> {
        let text = std::str::from_utf8(exported).context("the rules are no text")?;
        let mut rules = Self {
            expressions: Vec::new(),
            regexes: Vec::new(),
            refused: Vec::new(),
        };
        for line in text.lines() {
            let (id, expression) = line.split_once('\t').context("a rule has no tab")?;
            let regex = RegexBuilder::new(expression)
                .unicode(false)
                .size_limit(SIZE)
                .build();
            match regex {
                Ok(regex) => {
                    rules.expressions.push(expression.to_owned());
                    rules.regexes.push(regex);
                }
                Err(_) => rules.refused.push(id.to_owned()),
            }
        }
        Ok(rules)
    }
}

/// One set over a line says which rules match; each of those then finds where.
pub(crate) fn regex_set(rules: &[u8], haystack: Vec<u8>, chunk: usize) -> anyhow::Result<Ready> {
    let rules = Rules::read(rules)?;
    let set: RegexSet = RegexSetBuilder::new(&rules.expressions)
        .unicode(false)
        .size_limit(SIZE)
        .dfa_size_limit(CACHE)
        .build()?;
    Ok(Ready {
        about: json!({ "rules": rules.regexes.len(), "refused": rules.refused }),
        pass: Box::new(move || {
            Ok(lines(&haystack, chunk, |line| {
                let hit = set.matches(line);
                hit.iter()
                    .map(|rule| rules.regexes[rule].find_iter(line).count() as u64)
                    .sum()
            }))
        }),
    })
}

/// Literals of the rules, all at once, say which rules may match a line; each of those is then looked for. Rules without a literal
/// are looked for in every line.
pub(crate) fn aho_regex(rules: &[u8], haystack: Vec<u8>, chunk: usize) -> anyhow::Result<Ready> {
    let rules = Rules::read(rules)?;
    let (mut literals, mut of, mut always) = (Vec::new(), Vec::new(), Vec::new());
    for (number, expression) in rules.expressions.iter().enumerate() {
        let hir = ParserBuilder::new()
            .unicode(false)
            .utf8(false)
            .build()
            .parse(expression)?;
        match required(&hir) {
            Some(words) => {
                for word in words {
                    literals.push(word);
                    of.push(number);
                }
            }
            None => always.push(number),
        }
    }
    let finder: AhoCorasick = AhoCorasickBuilder::new()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::DFA))
        .build(&literals)?;
    let mut marked = vec![0_u64; rules.regexes.len()];
    let mut line_number = 0;
    let about = json!({
        "rules": rules.regexes.len(),
        "refused": rules.refused,
        "literals": literals.len(),
        "rules_without_literal": always.len(),
    });
    Ok(Ready {
        about,
        pass: Box::new(move || {
            Ok(lines(&haystack, chunk, |line| {
                line_number += 1;
                let count = |rule: usize| rules.regexes[rule].find_iter(line).count() as u64;
                let mut found: u64 = always.iter().map(|&rule| count(rule)).sum();
                for hit in finder.find_overlapping_iter(line) {
                    let rule = of[hit.pattern().as_usize()];
                    if marked[rule] != line_number {
                        marked[rule] = line_number;
                        found += count(rule);
                    }
                }
                found
            }))
        }),
    })
}

/// Counts over the lines of each chunk. A line that a chunk's end cuts is two: as whole chunks are for the others.
fn lines(haystack: &[u8], chunk: usize, mut count: impl FnMut(&[u8]) -> u64) -> Seen {
    let mut findings = 0;
    for piece in haystack.chunks(chunk) {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', piece).chain([piece.len()]) {
            findings += count(piece.get(start..end).unwrap_or_default());
            start = end + 1;
        }
    }
    Seen {
        findings,
        bytes_out: 0,
    }
}

/// Words one of which stands in every match, without regard to case: of the parts that must be there, the one with the longest
/// shortest word.
fn required(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    let words = match hir.kind() {
        HirKind::Literal(literal) => vec![literal.0.to_vec()],
        HirKind::Capture(capture) => return required(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => return required(&repetition.sub),
        HirKind::Alternation(parts) => {
            let all: Option<Vec<_>> = parts.iter().map(required).collect();
            all?.concat()
        }
        HirKind::Concat(parts) => {
            let mut best: Option<Vec<Vec<u8>>> = None;
            let mut run: Vec<u8> = Vec::new();
            let mut better = |words: Vec<Vec<u8>>| {
                let shortest = |words: &[Vec<u8>]| words.iter().map(Vec::len).min().unwrap_or(0);
                if best
                    .as_deref()
                    .is_none_or(|known| shortest(&words) > shortest(known))
                {
                    best = Some(words);
                }
            };
            for part in parts {
                match fixed(part) {
                    Some(bytes) => run.extend(bytes),
                    None => {
                        better(vec![std::mem::take(&mut run)]);
                        if let Some(words) = required(part) {
                            better(words);
                        }
                    }
                }
            }
            better(vec![run]);
            best?
        }
        _ => return None,
    };
    words
        .iter()
        .all(|word| word.len() >= LITERAL)
        .then_some(words)
}

/// The bytes of a part that is the same in every match but for case.
fn fixed(hir: &Hir) -> Option<Vec<u8>> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(literal.0.to_vec()),
        HirKind::Look(_) | HirKind::Empty => Some(Vec::new()),
        HirKind::Class(Class::Bytes(class)) => {
            let bytes: Vec<u8> = class
                .iter()
                .flat_map(|range| range.start()..=range.end())
                .collect();
            match bytes[..] {
                [one] => Some(vec![one]),
                [upper, lower] if upper.eq_ignore_ascii_case(&lower) => Some(vec![lower]),
                _ => None,
            }
        }
        HirKind::Capture(capture) => fixed(&capture.sub),
        HirKind::Concat(parts) => {
            let all: Option<Vec<_>> = parts.iter().map(fixed).collect();
            Some(all?.concat())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(expression: &str) -> Option<Vec<String>> {
        let mut parser = ParserBuilder::new().unicode(false).utf8(false).build();
        let words = required(&parser.parse(expression).unwrap())?;
        Some(
            words
                .iter()
                .map(|word| String::from_utf8_lossy(word).into_owned())
                .collect(),
        )
    }

    #[test]
    fn one_of_the_words_stands_in_every_match() {
        let some = |list: &[&str]| Some(list.iter().map(|&word| word.to_owned()).collect());
        assert_eq!(words(r"\bghp_[a-z]{36}"), some(&["ghp_"]));
        assert_eq!(words("(?:abcd|efg)[0-9]{9}"), some(&["abcd", "efg"]));
        assert_eq!(words("[Kk][Ee][Yy][_-]?=[0-9]+"), some(&["key"]));
        assert_eq!(words("(?:abcd|[0-9]{3})x"), None);
        assert_eq!(words("(?:abcd)?[0-9]{9}"), None);
    }
}

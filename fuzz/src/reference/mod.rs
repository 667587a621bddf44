//! What a policy means: a slow implementation over a whole haystack that is meant to be read. It shares no table, window or
//! automaton with the engine; what matches where is asked of regex-automata. The engine is right when it gives the same.
//!
//! # One rule
//! A pattern is `before (?<secret>secret) after`; a keyed rule is spelled out as one: any keyword (without regard to case, `_` for
//! `[_. -]?`), the suffix if allowed, [`blackbar_compiler::SEPARATOR`], the value. A *way* is `(s, a, b, e)`: `before` matches `s..a`, `secret`
//! `a..b`, `after` `b..e`, each seeing the whole haystack when it looks around, and the byte at `e` is not in the right
//! boundary's set, or there is none.
//!
//! Starts are tried from the left. A start `s` gives a finding when
//! 1. its left is free: it does not stand inside an escape (`\n`, `\x0a`, `\u000a`), and the byte before is not in the left boundary's set
//!    or ends an escape (those and `%0A`);
//! 2. there is a way; wanted is the one with the largest `e`, then the smallest `a`, then the largest `b`;
//! 3. the secret `a..b` passes every validator, in which a shorter `e` is tried where a validator has check digits;
//! 4. one of its context words starts within so many bytes before `s`;
//! 5. it was not redacted before: no complete mark within `..e` has `s` inside (behind its first byte), and the secret is not marks and `*` only.
//!
//! The search goes on at `e`, or, when there is none at `s`, at `s + 1`.
//!
//! # What cannot be waited for
//! The *body* is `secret`, with `after` and the right boundary where `after` has a fixed length. If some way's body still lives (bytes could follow
//! that make it match) when `max_len` bytes from `s` and one more were read, the finding is *forced*: from the smallest such `a` to
//! where the body dies. No validator is asked; 1, 4 and 5 hold as above with `s + max_len` for `e` and the end of the secret.
//!
//! A rule that streams (no validator, nothing kept, no length after the secret, stages that end in one place) *grows*: from where its
//! body is sure (all that it lives on is a match) and it is plain that no mark is involved, it is written as it comes. That is
//! seen in its label only: forced and growing findings count as the longest.
//!
//! # All rules
//! The redacted bytes are the union. Findings that share a byte become one region; touching ones do not. Its label is the rule of the finding
//! that starts first, then is longest, then most confident, then first in the policy. Its label's action writes it: see [`render`].

mod automaton;
mod judge;
mod render;

use blackbar_engine::Place;
use blackbar_policy::model::{Action, Boundary, Confidence, Matcher, Policy, Rule, Validator};

use automaton::{Body, Piece};
pub use judge::Marks;
pub use render::render;

/// A finding as the reference sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// First byte of the secret.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
    /// The rule's position in the policy.
    pub rule: usize,
    /// Its end was not known when it was first written.
    pub grows: bool,
}

/// A policy, ready to be asked.
pub struct Reference {
    rules: Vec<Searcher>,
    marks: Marks,
}

struct Searcher {
    before: Piece,
    secret: Piece,
    after: Piece,
    body: Body,
    /// Judges the secret as soon as it is sure.
    streams: bool,
    max_len: usize,
    left: &'static [u8],
    right: &'static [u8],
    rule: Rule,
    allow: Vec<regex_automata::meta::Regex>,
    context: judge::Words,
}

struct Way {
    secret: (usize, usize),
    end: usize,
}

impl Reference {
    /// The reference for `policy`. `linear`: for each rule whether its stages end in one place, which the compiler's report says.
    ///
    /// # Panics
    /// When a pattern is not one that the compiler takes.
    #[must_use]
    pub fn new(policy: &Policy, linear: &[bool]) -> Reference {
        let rules = policy.rules.iter().zip(linear);
        Reference {
            rules: rules
                .map(|(rule, &linear)| Searcher::new(rule, linear))
                .collect(),
            marks: Marks::new(policy.rules.iter().map(|rule| rule.id.as_str())),
        }
    }

    /// All findings of all rules that are on, those that only count as well: by rule, then by place.
    #[must_use]
    pub fn findings(&self, hay: &[u8]) -> Vec<Finding> {
        let mut all = Vec::new();
        for (rule, searcher) in self.rules.iter().enumerate() {
            let bytes = !matches!(searcher.rule.matcher, Matcher::Fields(_));
            if bytes && searcher.rule.settings.enabled {
                searcher.search(hay, &self.marks, rule, &mut all);
            }
        }
        all
    }

    /// The redacted haystack, and the findings.
    #[must_use]
    pub fn redact(&self, hay: &[u8], place: Place) -> (Vec<u8>, Vec<Finding>) {
        let findings = self.findings(hay);
        let rules: Vec<&Rule> = self.rules.iter().map(|s| &s.rule).collect();
        (render(hay, place, &findings, &rules), findings)
    }
}

impl Searcher {
    fn new(rule: &Rule, linear: bool) -> Searcher {
        let [before, secret, after] = pieces(&rule.matcher);
        let (before, secret, after) =
            (Piece::new(&before), Piece::new(&secret), Piece::new(&after));
        let after_len = after.fixed_length();
        let right = boundary(rule.right);
        let body = match after_len {
            Some(_) => Body::new(
                &format!("(?:{})(?:{})", secret.pattern, after.pattern),
                right,
            ),
            None => Body::new(&secret.pattern, b""),
        };
        let own = before
            .maximum_length()
            .zip(secret.maximum_length())
            .zip(after.maximum_length())
            .map(|((a, b), c)| a + b + c);
        let given = rule.max_len.map(|n| n as usize);
        let max_len = own.into_iter().chain(given).min();
        let keeps = matches!(
            rule.settings.action,
            Action::KeepFirst(_) | Action::KeepLast(_)
        );
        Searcher {
            streams: linear && !keeps && rule.validators.is_empty() && after_len == Some(0),
            max_len: max_len.expect("the compiler asks for a bound"),
            left: boundary(rule.left),
            right,
            allow: judge::allow(rule),
            context: judge::Words::new(rule),
            rule: rule.clone(),
            before,
            secret,
            after,
            body,
        }
    }

    fn search(&self, hay: &[u8], marks: &Marks, rule: usize, all: &mut Vec<Finding>) {
        let mut at = 0;
        while at < hay.len() {
            match self.at(hay, at, marks) {
                Some((secret, end, grows)) => {
                    let (start, stop) = secret;
                    all.push(Finding {
                        start,
                        end: stop,
                        rule,
                        grows,
                    });
                    assert!(end > at, "a match has at least one byte");
                    at = end;
                }
                None => at += 1,
            }
        }
    }

    /// The secret, the end of the match, and whether it was forced or grew.
    fn at(&self, hay: &[u8], start: usize, marks: &Marks) -> Option<((usize, usize), usize, bool)> {
        if !judge::left_is_free(self.left, hay, start) {
            return None;
        }
        let bodies = self.before.ends(hay, start);
        let limit = start + self.max_len;
        if let Some(&a) = bodies
            .iter()
            .find(|&&a| self.body.lives_past(hay, a, limit))
        {
            let sound = self.has_context(hay, start)
                && !marks.stand_around(hay, start, limit)
                && !marks.are_all_of(&hay[a..limit]);
            // With no other way to be shorter or longer: what grew until here grows on.
            let end = self.body.dies_at(hay, a);
            return sound.then_some(((a, end), end, true));
        }
        let mut ways = Vec::new();
        for &a in &bodies {
            for b in self.secret.ends(hay, a) {
                for end in self.after.ends(hay, b) {
                    if hay.get(end).is_none_or(|byte| !self.right.contains(byte)) {
                        ways.push(Way {
                            secret: (a, b),
                            end,
                        });
                    }
                }
            }
        }
        ways.sort_by_key(|w| {
            (
                std::cmp::Reverse(w.end),
                w.secret.0,
                std::cmp::Reverse(w.secret.1),
            )
        });
        ways.dedup_by_key(|w| w.end);
        if !self.rule.validators.iter().any(has_check_digits) {
            ways.truncate(1);
        }
        let way = ways.into_iter().find(|way| {
            let value = &hay[way.secret.0..way.secret.1];
            !marks.are_all_of(value)
                && judge::validators_pass(&self.rule, &self.allow, value)
                && self.has_context(hay, start)
                && !marks.stand_around(hay, start, way.end)
        })?;
        let grows = self.streams
            && self
                .body
                .sure_positions(hay, way.secret.0)
                .any(|at| marks.are_not_in_question(hay, start, way.secret.0, at));
        Some((way.secret, way.end, grows))
    }

    fn has_context(&self, hay: &[u8], start: usize) -> bool {
        match &self.rule.context {
            None => true,
            Some(context) => self.context.stand(context, hay, start),
        }
    }
}

/// Validators that tell an end of a match from another by arithmetic.
fn has_check_digits(validator: &Validator) -> bool {
    matches!(
        validator,
        Validator::Luhn | Validator::Iban | Validator::Crc32Base62 | Validator::Ipv6
    )
}

fn boundary(boundary: Boundary) -> &'static [u8] {
    match boundary {
        Boundary::None => b"",
        Boundary::Digit => b"0123456789",
        Boundary::Word => b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz",
        Boundary::Number => b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz.~",
        Boundary::Token => b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz+/=.-",
    }
}

/// How sure each confidence is, for labels.
fn certainty(confidence: Confidence) -> u8 {
    match confidence {
        Confidence::Low => 0,
        Confidence::Medium => 1,
        Confidence::High => 2,
    }
}

/// The text before the group `secret`, in it, and after it. Flags at the start hold for all three.
fn pieces(matcher: &Matcher) -> [String; 3] {
    let (lead, pattern) = match matcher {
        Matcher::Pattern(pattern) => (String::new(), pattern.clone()),
        // Nothing in bytes.
        Matcher::Fields(_) => (String::new(), r"[^\x00-\xff]".to_owned()),
        Matcher::Keyed {
            keywords,
            value,
            suffix,
        } => {
            let words: Vec<String> = keywords.iter().map(|k| judge::keyword(k)).collect();
            let suffix = if *suffix { "[A-Za-z0-9_.-]{0,24}" } else { "" };
            let separator = blackbar_compiler::SEPARATOR;
            (
                format!("(?:{}){suffix}{separator}", words.join("|")),
                value.clone(),
            )
        }
    };
    let flags = match pattern.strip_prefix("(?").and_then(|p| p.split_once(')')) {
        Some((flags, _)) if flags.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') => {
            format!("(?{flags})")
        }
        _ => String::new(),
    };
    const GROUP: &str = "(?<secret>";
    const OTHER: &str = "(?P<secret>";
    let Some((at, open)) = [GROUP, OTHER]
        .into_iter()
        .find_map(|open| pattern.find(open).map(|at| (at, open)))
    else {
        return [lead, pattern, String::new()];
    };
    let inside = &pattern[at + open.len()..];
    let close = closing(inside);
    [
        format!("{lead}{}", &pattern[..at]),
        format!("{flags}(?:{})", &inside[..close]),
        format!("{flags}(?:{})", &inside[close + 1..]),
    ]
}

/// Where the parenthesis that is open at the start of `text` is closed.
fn closing(text: &str) -> usize {
    let (mut depth, mut class, mut bytes) = (1, 0, text.bytes().enumerate());
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'[' => class += 1,
            b']' if class > 0 => class -= 1,
            b'(' if class == 0 => depth += 1,
            b')' if class == 0 => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    panic!("the group `secret` is not closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_cut_at_its_secret() {
        let pattern = Matcher::Pattern(r"(?i)k[)]\((?<secret>a(b)\)[)])c)".to_owned());
        assert_eq!(
            pieces(&pattern),
            [r"(?i)k[)]\(", r"(?i)(?:a(b)\)[)])", "(?i)(?:c))"].map(str::to_owned)
        );
    }
}

//! From findings to bytes: regions, their labels, and what is written in their place.

use std::cmp::Reverse;

use blackbar_engine::Place;
use blackbar_policy::model::{Action, Rule};

use super::{Finding, certainty};

/// The haystack with every region replaced by what its label's action writes:
///
/// - `tag`, `remove`: `[id]`; in a URL `%5Bid%5D`; in JSON nines, as many as there were, where a region of digits only, of at most 64 or one secret, stands where a number can;
/// - `mask`, `block`: a `*` for every byte;
/// - `keep_first`, `keep_last`: so many bytes, half of them at most, the rest masked; all masked where the region is not exactly one secret;
/// - `allow` takes no part.
#[must_use]
pub fn render(hay: &[u8], place: Place, findings: &[Finding], rules: &[&Rule]) -> Vec<u8> {
    let mut parts: Vec<Finding> = findings
        .iter()
        .copied()
        .filter(|f| rules[f.rule].settings.action != Action::Allow)
        .collect();
    parts.sort_by_key(|f| {
        let end = if f.grows { usize::MAX } else { f.end };
        let certain = certainty(rules[f.rule].confidence);
        (f.start, Reverse(end), Reverse(certain), f.rule)
    });
    let (mut out, mut at) = (Vec::new(), 0);
    let mut parts = parts.as_slice();
    while let [label, ..] = parts {
        let mut end = label.end;
        let mut count = 0;
        while let Some(part) = parts.get(count).filter(|p| count == 0 || p.start < end) {
            end = end.max(part.end);
            count += 1;
        }
        let (region, rest) = parts.split_at(count);
        let exact = |f: &Finding| (f.start, f.end, f.grows) == (label.start, end, false);
        out.extend(&hay[at..label.start]);
        let before = &hay[..label.start];
        let one = region.iter().all(exact);
        write(
            rules[label.rule],
            before,
            &hay[label.start..end],
            one,
            region.iter().any(|f| f.grows),
            place,
            &mut out,
        );
        at = end;
        parts = rest;
    }
    out.extend(&hay[at..]);
    out
}

fn write(
    rule: &Rule,
    before: &[u8],
    value: &[u8],
    one: bool,
    grows: bool,
    place: Place,
    out: &mut Vec<u8>,
) {
    let mask = |count: usize| vec![b'*'; count];
    let half = value.len() / 2;
    match rule.settings.action {
        Action::Tag | Action::Remove => {
            let number = place == Place::Json
                && !grows
                && (one || value.len() <= 64)
                && value.iter().all(u8::is_ascii_digit)
                && can_precede_number(before);
            if number {
                out.extend(vec![b'9'; value.len()]);
            } else if place == Place::Url {
                out.extend(format!("%5B{}%5D", rule.id).bytes());
            } else {
                out.extend(format!("[{}]", rule.id).bytes());
            }
        }
        Action::KeepFirst(n) if one => {
            let kept = half.min(usize::from(n));
            out.extend(&value[..kept]);
            out.extend(mask(value.len() - kept));
        }
        Action::KeepLast(n) if one => {
            let kept = half.min(usize::from(n));
            out.extend(mask(value.len() - kept));
            out.extend(&value[value.len() - kept..]);
        }
        _ => out.extend(mask(value.len())),
    }
}

/// Behind `:`, `,` or `[`, or nothing at all, white space left out; white space of 64 bytes and more is too far to see.
fn can_precede_number(before: &[u8]) -> bool {
    let space = before
        .iter()
        .rev()
        .take_while(|b| b.is_ascii_whitespace())
        .count();
    if space >= 64 {
        return false;
    }
    match before.iter().rev().nth(space) {
        Some(byte) => b":,[".contains(byte),
        None => true,
    }
}

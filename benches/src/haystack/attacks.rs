//! Haystacks that are made to be slow: text of a policy's own rules, and runs of one class of bytes. Texts that match a rule are
//! drawn from its exported expression, in which keywords, separators and boundaries are plain syntax.

use blackbar_policy::Policy;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::random::{BASE64, DIGITS, Random};

/// A literal this long or longer is worth calling one.
const LITERAL: usize = 3;
/// How far a repetition without a bound, or with a wide one, goes beyond its least.
const BEYOND: u64 = 8;

/// The longest literal part of each rule, in random order, with a byte between them that ends words.
pub(super) fn fingerprints(policy: &Policy, bytes: usize, seed: u64) -> Vec<u8> {
    pieces(policy, bytes, seed, |piece, random, out| {
        out.extend_from_slice(piece.literal());
        out.push(random.pick(b"\n =:\"/"));
    })
}

/// The same with units of three codes among them, one in another too: each order of decoding is a text of its own, and has to be read.
pub(super) fn codes(policy: &Policy, bytes: usize, seed: u64) -> Vec<u8> {
    const UNITS: &[&str] = &[
        "\\\"",
        "\\\\\\\"",
        "\\n",
        "\\u0020",
        "%22",
        "%3A",
        "%20",
        "%2522",
        "%5C%22",
        "&quot;",
        "&#58;",
        "&amp;quot;",
    ];
    pieces(policy, bytes, seed, |piece, random, out| {
        out.extend_from_slice(piece.literal());
        let unit = UNITS[random.below(UNITS.len() as u64) as usize];
        out.extend_from_slice(unit.as_bytes());
    })
}

/// Matches that break off before their last byte, or have a byte inside that does not belong there.
pub(super) fn near_misses(policy: &Policy, bytes: usize, seed: u64) -> Vec<u8> {
    pieces(policy, bytes, seed, |piece, random, out| {
        let mut text = piece.bytes;
        if random.below(2) == 0 {
            text.pop();
        } else if !text.is_empty() {
            let second_half = text.len() / 2;
            let at = random.between(second_half as u64, text.len() as u64 - 1);
            text[at as usize] = b'~';
        }
        out.extend_from_slice(&text);
        out.push(random.pick(b"\n \","));
    })
}

/// What the patterns match, whole; validators have a say in whether it is a finding.
pub(super) fn matches(policy: &Policy, bytes: usize, seed: u64) -> Vec<u8> {
    pieces(policy, bytes, seed, |piece, random, out| {
        out.extend_from_slice(&piece.bytes);
        out.push(random.pick(b"\n \","));
    })
}

/// Text that a rule of the policy matches, drawn again and again and written as `write` likes.
fn pieces(
    policy: &Policy,
    bytes: usize,
    seed: u64,
    write: impl Fn(Piece, &mut Random, &mut Vec<u8>),
) -> Vec<u8> {
    let rules = expressions(policy);
    fill(bytes, seed, |random, out| {
        let mut piece = Piece::default();
        let rule = &rules[random.below(rules.len() as u64) as usize];
        draw(rule, random, &mut piece);
        write(piece, random, out);
    })
}

/// Runs of digits.
pub(super) fn digits(bytes: usize, seed: u64) -> Vec<u8> {
    runs(bytes, seed, DIGITS, 200, 3000)
}

/// Runs of base64.
pub(super) fn base64(bytes: usize, seed: u64) -> Vec<u8> {
    runs(bytes, seed, BASE64, 1000, 8000)
}

fn runs(bytes: usize, seed: u64, alphabet: &[u8], low: u64, high: u64) -> Vec<u8> {
    fill(bytes, seed, |random, out| {
        for _ in 0..random.between(low, high) {
            out.push(random.pick(alphabet));
        }
        out.push(b'\n');
    })
}

/// Pieces, until there are enough bytes, and the end of a line.
fn fill(bytes: usize, seed: u64, mut piece: impl FnMut(&mut Random, &mut Vec<u8>)) -> Vec<u8> {
    let mut random = Random(seed);
    let mut out = Vec::with_capacity(bytes + 8192);
    while out.len() < bytes {
        piece(&mut random, &mut out);
    }
    if out.last() != Some(&b'\n') {
        out.push(b'\n');
    }
    out
}

fn expressions(policy: &Policy) -> Vec<Hir> {
    let all: Vec<Hir> = blackbar_compiler::export(policy)
        .iter()
        .filter_map(|exported| {
            // A parser cannot be used again after an error.
            let mut parser = ParserBuilder::new().unicode(false).utf8(false).build();
            parser.parse(&exported.regex).ok()
        })
        .collect();
    assert!(!all.is_empty(), "the policy {} has no rule", policy.id);
    all
}

/// A text that an expression matches, and which of its bytes are always the same (but for case).
#[derive(Default)]
struct Piece {
    bytes: Vec<u8>,
    fixed: Vec<bool>,
}

impl Piece {
    fn push(&mut self, byte: u8, fixed: bool) {
        self.bytes.push(byte);
        self.fixed.push(fixed);
    }

    /// Its longest run of fixed bytes; the beginning where there is none to speak of.
    fn literal(&self) -> &[u8] {
        let (mut best, mut start) = (0..0, 0);
        for end in 1..=self.bytes.len() {
            if !self.fixed[end - 1] {
                start = end;
            } else if end - start > best.len() {
                best = start..end;
            }
        }
        if best.len() < LITERAL {
            best = 0..self.bytes.len().min(LITERAL + 1);
        }
        &self.bytes[best]
    }
}

/// Draws a text that the expression matches.
fn draw(hir: &Hir, random: &mut Random, piece: &mut Piece) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => literal.0.iter().for_each(|&byte| piece.push(byte, true)),
        HirKind::Class(Class::Bytes(class)) => {
            let all: Vec<u8> = class
                .iter()
                .flat_map(|range| range.start()..=range.end())
                .collect();
            let printable: Vec<u8> = all.iter().copied().filter(u8::is_ascii_graphic).collect();
            let from = if printable.is_empty() {
                &all
            } else {
                &printable
            };
            if !from.is_empty() {
                piece.push(random.pick(from), all.len() <= 2);
            }
        }
        // An expression over bytes has none of these.
        HirKind::Class(Class::Unicode(_)) => {}
        HirKind::Repetition(repetition) => {
            let low = u64::from(repetition.min);
            let high = repetition.max.map_or(u64::MAX, u64::from).min(low + BEYOND);
            for _ in 0..random.between(low, high) {
                draw(&repetition.sub, random, piece);
            }
        }
        HirKind::Capture(capture) => draw(&capture.sub, random, piece),
        HirKind::Concat(parts) => parts.iter().for_each(|part| draw(part, random, piece)),
        HirKind::Alternation(parts) => {
            let at = random.below(parts.len() as u64) as usize;
            draw(&parts[at], random, piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(pattern: &str, seed: u64) -> Piece {
        let mut parser = ParserBuilder::new().unicode(false).utf8(false).build();
        let mut piece = Piece::default();
        draw(
            &parser.parse(pattern).unwrap(),
            &mut Random(seed),
            &mut piece,
        );
        piece
    }

    #[test]
    fn drawn_texts_match_and_literals_are_their_fixed_parts() {
        for seed in 0..50 {
            let drawn = piece(r"\bacme_(?:dt|pat)_[A-Za-z0-9]{8,}", seed);
            assert!(drawn.bytes.starts_with(b"acme_"));
            assert!(
                (16..=25).contains(&drawn.bytes.len()),
                "{}",
                drawn.bytes.len()
            );
            assert!(drawn.literal().starts_with(b"acme_"));
            let keyed = piece("[Kk][Ee][Yy][ ]?=[0-9]{4}", seed);
            assert!(keyed.literal().len() >= 3);
            assert!(keyed.literal()[..3].eq_ignore_ascii_case(b"key"));
            assert_eq!(piece("[0-9]{3}-[0-9]{4}", seed).literal().len(), 4);
        }
    }
}

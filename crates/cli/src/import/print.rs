//! An expression as pattern text of the policy language, so that people can read it. Nothing is changed on the way: parsing the
//! text gives the expression again, but for greediness, which has no meaning in a policy.

use blackbar_compiler::quantifier;
use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, Hir, HirKind, Look};

/// The text of an expression; it holds no apostrophe and no control character, so that it may stand in a literal TOML string.
pub(super) fn print(hir: &Hir) -> String {
    let mut out = String::new();
    write(hir, &mut out);
    out
}

fn write(hir: &Hir, out: &mut String) {
    match hir.kind() {
        HirKind::Empty => {}
        HirKind::Literal(literal) => literal.0.iter().for_each(|&b| byte(b, out)),
        HirKind::Class(class) => match class {
            Class::Bytes(class) => bytes(class, out),
            // Over bytes the parser makes such a class of `a|b` only, of ASCII.
            Class::Unicode(class) => match class.to_byte_class() {
                Some(class) => bytes(&class, out),
                None => out.push_str("[^\\x00-\\xff]"),
            },
        },
        HirKind::Look(look) => out.push_str(match look {
            Look::Start => "^",
            Look::End => "$",
            Look::StartLF | Look::StartCRLF => "(?m:^)",
            Look::EndLF | Look::EndCRLF => "(?m:$)",
            Look::WordAsciiNegate | Look::WordUnicodeNegate => "\\B",
            Look::WordStartAscii | Look::WordStartUnicode => "\\b{start}",
            Look::WordEndAscii | Look::WordEndUnicode => "\\b{end}",
            Look::WordStartHalfAscii | Look::WordStartHalfUnicode => "\\b{start-half}",
            Look::WordEndHalfAscii | Look::WordEndHalfUnicode => "\\b{end-half}",
            Look::WordAscii | Look::WordUnicode => "\\b",
        }),
        HirKind::Repetition(repetition) => {
            atom(&repetition.sub, out);
            out.push_str(&quantifier(repetition.min, repetition.max));
        }
        HirKind::Capture(capture) => {
            match capture.name.as_deref() {
                Some(name) => out.push_str(&format!("(?<{name}>")),
                None => out.push('('),
            }
            write(&capture.sub, out);
            out.push(')');
        }
        HirKind::Concat(parts) => concat(parts, out),
        HirKind::Alternation(parts) => {
            out.push_str("(?:");
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    out.push('|');
                }
                write(part, out);
            }
            out.push(')');
        }
    }
}

/// Letters of either case one after the other are written as a word that is folded.
fn concat(parts: &[Hir], out: &mut String) {
    let mut at = 0;
    while at < parts.len() {
        let mut word = String::new();
        let mut end = at;
        let mut letters = 0;
        while let Some(text) = parts.get(end).and_then(folded) {
            letters += usize::from(matches!(parts[end].kind(), HirKind::Class(_)));
            word.push_str(&text);
            end += 1;
        }
        if letters > 1 {
            out.push_str("(?i:");
            word.bytes().for_each(|b| byte(b, out));
            out.push(')');
            at = end;
        } else {
            write(&parts[at], out);
            at += 1;
        }
    }
}

/// A letter in both cases, or literal text without letters.
fn folded(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Class(Class::Bytes(class)) => match class.ranges() {
            [upper, lower]
                if upper.len() == 1
                    && lower.len() == 1
                    && upper.start().is_ascii_uppercase()
                    && upper.start().to_ascii_lowercase() == lower.start() =>
            {
                Some(char::from(lower.start()).to_string())
            }
            _ => None,
        },
        HirKind::Literal(literal)
            if literal
                .0
                .iter()
                .all(|b| b.is_ascii_graphic() && !b.is_ascii_alphabetic()) =>
        {
            Some(literal.0.iter().map(|&b| char::from(b)).collect())
        }
        _ => None,
    }
}

fn atom(hir: &Hir, out: &mut String) {
    let single = match hir.kind() {
        HirKind::Class(_) | HirKind::Alternation(_) | HirKind::Capture(_) => true,
        HirKind::Literal(literal) => literal.0.len() == 1,
        _ => false,
    };
    if single {
        write(hir, out);
    } else {
        out.push_str("(?:");
        write(hir, out);
        out.push(')');
    }
}

fn byte(b: u8, out: &mut String) {
    match b {
        b'\n' => out.push_str("\\n"),
        b'\r' => out.push_str("\\r"),
        b'\t' => out.push_str("\\t"),
        b'\'' => out.push_str("\\x27"),
        b' ' => out.push(' '),
        b if b.is_ascii_graphic() => {
            if regex_syntax::is_meta_character(char::from(b))
                && !matches!(b, b'#' | b'&' | b'-' | b'~')
            {
                out.push('\\');
            }
            out.push(char::from(b));
        }
        b => out.push_str(&format!("\\x{b:02x}")),
    }
}

/// The classes that have a name, by their ranges.
const NAMED: [(&str, &[(u8, u8)]); 3] = [
    ("\\d", &[(b'0', b'9')]),
    (
        "\\w",
        &[(b'0', b'9'), (b'A', b'Z'), (b'_', b'_'), (b'a', b'z')],
    ),
    ("\\s", &[(b'\t', b'\r'), (b' ', b' ')]),
];

fn bytes(class: &ClassBytes, out: &mut String) {
    let pairs = |class: &ClassBytes| -> Vec<(u8, u8)> {
        class
            .iter()
            .map(|range| (range.start(), range.end()))
            .collect()
    };
    let ranges = pairs(class);
    if ranges == [(0, 255)] {
        out.push_str("(?s:.)");
        return;
    }
    if ranges == [(0, 9), (11, 255)] {
        out.push('.');
        return;
    }
    let mut other = class.clone();
    other.negate();
    for (name, named) in NAMED {
        if ranges == named {
            out.push_str(name);
            return;
        }
        if pairs(&other) == named {
            out.push_str(&name.to_ascii_uppercase());
            return;
        }
    }
    // Of a large class the few bytes that are not in it say more.
    let size =
        |ranges: &[(u8, u8)]| -> usize { ranges.iter().map(|(a, b)| usize::from(b - a) + 1).sum() };
    let inverted = size(&ranges) > 128;
    out.push('[');
    if inverted {
        out.push('^');
    }
    let mut shown = if inverted { other } else { class.clone() };
    for (name, named) in NAMED {
        // `\s` within a larger class, `\w` within one: shorter, and what the source most likely had.
        let set = ClassBytes::new(named.iter().map(|&(a, b)| ClassBytesRange::new(a, b)));
        let mut rest = set.clone();
        rest.difference(&shown);
        if rest.ranges().is_empty() && named.len() > 1 {
            out.push_str(name);
            shown.difference(&set);
        }
    }
    for (start, end) in pairs(&shown) {
        member(start, out);
        if end > start {
            if end > start + 1 {
                out.push('-');
            }
            member(end, out);
        }
    }
    out.push(']');
}

fn member(b: u8, out: &mut String) {
    if b.is_ascii_graphic() && b"]\\^-[&~".contains(&b) {
        out.push('\\');
        out.push(char::from(b));
    } else if matches!(b, b'\n' | b'\r' | b'\t' | b'\'') || !(b.is_ascii_graphic() || b == b' ') {
        byte(b, out);
    } else {
        out.push(char::from(b));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex_syntax::ParserBuilder;

    fn parse(text: &str) -> Hir {
        let mut builder = ParserBuilder::new();
        builder.unicode(false).utf8(false);
        builder.build().parse(text).unwrap()
    }

    #[test]
    fn what_is_printed_means_the_same() {
        for (text, printed) in [
            ("abc", "abc"),
            ("(?i)api_key", "(?i:api_key)"),
            ("[a-zA-Z0-9_]{20,40}?", "\\w{20,40}"),
            ("[\\s'\"]{0,3}", "[\\s\"\\x27]{0,3}"),
            ("[^\\s]+", "\\S+"),
            (".*x", ".*x"),
            ("(?s).", "(?s:.)"),
            (
                "\\b(?<secret>A[a-z])(?:$|\\n)",
                "\\b(?<secret>A[a-z])(?:$|\\n)",
            ),
            ("[^\"\\n]", "[^\\n\"]"),
            ("(?:ab)+(?:c|dd)?", "(?:ab)+(?:c|dd)?"),
            ("\\x00[\\x80-\\xff]", "\\x00[\\x80-\\xff]"),
            ("a-b&c#d ~", "a-b&c#d ~"),
            ("x(?:a|%)it's", "x[%a]it\\x27s"),
            ("[a\\-\\]^\\[]", "[\\-\\[\\]\\^a]"),
            ("(?m)^x$", "(?m:^)x(?m:$)"),
        ] {
            let hir = parse(text);
            let out = print(&hir);
            assert_eq!(out, printed);
            assert_eq!(print(&parse(&out)), out, "{text}");
        }
    }
}

//! Rules as plain regular expressions, in what PCRE, RE2 and Vectorscan all read: so that other tools can be measured on
//! the same rules. Validators, context and the finer points of boundaries have no place there.

use blackbar_policy::model::{Boundary, Matcher, Policy};
use regex_syntax::hir::{Class, Hir, HirKind, Look};

use crate::pattern;

/// One rule as an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The rule's id.
    pub id: String,
    /// The expression.
    pub regex: String,
}

/// All rules of `policy` that look for bytes and whose patterns can be parsed, in its order.
#[must_use]
pub fn export(policy: &Policy) -> Vec<Exported> {
    let mut exported = Vec::new();
    let of_bytes = |matcher: &Matcher| !matches!(matcher, Matcher::Fields(_));
    for rule in policy.rules.iter().filter(|rule| of_bytes(&rule.matcher)) {
        let Ok(split) = pattern::split(rule) else {
            continue;
        };
        let mut regex = String::new();
        if rule.left == Boundary::Word {
            regex.push_str("\\b");
        }
        write(&split.whole(), &mut regex);
        if rule.right == Boundary::Word {
            regex.push_str("\\b");
        }
        exported.push(Exported {
            id: rule.id.clone(),
            regex,
        });
    }
    exported
}

fn write(hir: &Hir, out: &mut String) {
    match hir.kind() {
        HirKind::Empty => {}
        HirKind::Literal(literal) => literal.0.iter().for_each(|&b| byte(b, out)),
        HirKind::Class(class) => write_class(class, out),
        HirKind::Look(look) => out.push_str(match look {
            Look::Start | Look::StartLF | Look::StartCRLF => "^",
            Look::End | Look::EndLF | Look::EndCRLF => "$",
            Look::WordAsciiNegate | Look::WordUnicodeNegate => "\\B",
            _ => "\\b",
        }),
        HirKind::Repetition(r) => {
            out.push_str("(?:");
            write(&r.sub, out);
            out.push(')');
            out.push_str(&quantifier(r.min, r.max));
        }
        HirKind::Capture(capture) => write(&capture.sub, out),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, out)),
        HirKind::Alternation(parts) => {
            out.push_str("(?:");
            for (i, part) in parts.iter().enumerate() {
                if i > 0 {
                    out.push('|');
                }
                write(part, out);
            }
            out.push(')');
        }
    }
}

/// How a repetition of `min` to `max` times is written, in any syntax of regular expressions.
///
/// ```
/// assert_eq!(blackbar_compiler::quantifier(2, None), "{2,}");
/// assert_eq!(blackbar_compiler::quantifier(0, Some(1)), "?");
/// ```
#[must_use]
pub fn quantifier(min: u32, max: Option<u32>) -> String {
    match (min, max) {
        (0, Some(1)) => "?".to_string(),
        (0, None) => "*".to_string(),
        (1, None) => "+".to_string(),
        (min, None) => format!("{{{min},}}"),
        (min, Some(max)) if min == max => format!("{{{min}}}"),
        (min, Some(max)) => format!("{{{min},{max}}}"),
    }
}

fn byte(byte: u8, out: &mut String) {
    if byte.is_ascii_alphanumeric() || b"_ \"'`,:;=<>@%&~!/#-".contains(&byte) {
        out.push(char::from(byte));
    } else {
        out.push_str(&format!("\\x{byte:02x}"));
    }
}

fn write_class(class: &Class, out: &mut String) {
    let ranges: Vec<(u8, u8)> = match class {
        Class::Bytes(class) => class.iter().map(|r| (r.start(), r.end())).collect(),
        Class::Unicode(class) => {
            let end = |c: char| u8::try_from(u32::from(c)).unwrap_or(0xff);
            class
                .iter()
                .filter(|r| u32::from(r.start()) < 256)
                .map(|r| (end(r.start()), end(r.end())))
                .collect()
        }
    };
    out.push('[');
    for (start, end) in ranges {
        out.push_str(&format!("\\x{start:02x}"));
        if end > start {
            out.push_str(&format!("-\\x{end:02x}"));
        }
    }
    out.push(']');
}

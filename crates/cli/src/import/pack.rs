//! The files of an imported pack: `policy.toml` and `cases.toml` as text. What stands in them is decided elsewhere.

use std::fmt::Write as _;

use super::build::{Draft, WITHIN};
use super::examples::Example;
use super::source::{Check, Foreign, name};

/// The head of a policy file.
pub(super) fn header(pack: &str, title: &str) -> String {
    format!("[pack]\nid = {}\ntitle = {}\n", string(pack), string(title))
}

/// One rule.
pub(super) fn rule(rule: &Foreign, draft: &Draft, file: &str) -> String {
    let mut out = String::from("\n[[rule]]\n");
    let description = match rule.description.as_str() {
        "" => &rule.id,
        text => text,
    };
    let source = match &rule.link {
        Some(link) => link.clone(),
        None => format!("rule `{}` of {file}", rule.id),
    };
    let _ = writeln!(out, "id = {}", string(&draft.id));
    let _ = writeln!(out, "description = {}", string(&one_line(description)));
    let _ = writeln!(out, "source = {}", string(&one_line(&source)));
    let variant = &draft.variant;
    let _ = writeln!(out, "pattern = '{}'", variant.text());
    let _ = writeln!(out, "left = {}", string(variant.left));
    let _ = writeln!(out, "right = {}", string(variant.right));
    if !draft.context.is_empty() {
        let _ = writeln!(
            out,
            "context = {{ keywords = {}, within = {WITHIN} }}",
            list(&draft.context)
        );
    }
    if !draft.validators.is_empty() {
        let checks: Vec<String> = draft.validators.iter().map(check).collect();
        let _ = writeln!(out, "validators = [{}]", checks.join(", "));
    }
    if let Some(length) = variant.max_len {
        let _ = writeln!(out, "max_len = {length}");
    }
    let _ = writeln!(out, "confidence = {}", string(rule.confidence));
    let mut tags: Vec<String> = rule.tags.iter().map(|tag| name(tag)).collect();
    tags.retain(|tag| !tag.is_empty());
    tags.sort();
    tags.dedup();
    if !tags.is_empty() {
        let _ = writeln!(out, "tags = {}", list(&tags));
    }
    out
}

fn check(check: &Check) -> String {
    match check {
        Check::Word(word) => string(word),
        Check::Entropy(bits) => format!("{{ entropy = {} }}", toml::Value::from(*bits)),
        Check::Without(words) => format!("{{ without = {} }}", list(words)),
        Check::Allow(patterns) => {
            // They hold no apostrophe.
            let patterns: Vec<String> = patterns.iter().map(|text| format!("'{text}'")).collect();
            format!("{{ allow = [{}] }}", patterns.join(", "))
        }
    }
}

/// One case.
pub(super) fn case(example: &Example) -> String {
    let mut out = String::from("\n[[case]]\n");
    let _ = writeln!(out, "name = {}", string(&example.name));
    let _ = writeln!(out, "rule = {}", string(&example.rule));
    let _ = writeln!(out, "kind = {}", string(example.kind));
    let parts = parts(&example.text, &example.regions);
    let _ = match parts.as_slice() {
        [one] => writeln!(out, "text = {}", string(one)),
        many => writeln!(out, "text = {}", list(many)),
    };
    if example.out != example.text {
        let _ = writeln!(out, "out = {}", string(&example.out));
    }
    out
}

/// Cut within each redacted region, so that no token stands whole in a file that is kept.
fn parts(text: &str, regions: &[(usize, usize)]) -> Vec<String> {
    let mut parts = Vec::new();
    let mut from = 0;
    for (start, end) in regions {
        let mut at = start + (end - start) / 2;
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        if at > from {
            parts.push(text[from..at].to_string());
            from = at;
        }
    }
    parts.push(text[from..].to_string());
    parts
}

fn string(text: &str) -> String {
    // On one line, whatever is in it: a TOML basic string with JSON's escapes, which are TOML's as well.
    if text.contains(|c: char| c.is_control()) || text.contains('\'') {
        let json = serde_json::Value::from(text).to_string();
        json.replace('\u{7f}', "\\u007f")
    } else {
        format!("'{text}'")
    }
}

fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| string(text)).collect();
    format!("[{}]", texts.join(", "))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_read_as_they_were_written() {
        for text in [
            "",
            "plain",
            "it's",
            "a\nb\tc\\d\"e",
            "\u{7f}\u{1}é",
            "back\\slash",
        ] {
            let read: toml::Table = toml::from_str(&format!("x = {}", string(text))).unwrap();
            assert_eq!(read["x"].as_str(), Some(text));
        }
    }

    #[test]
    fn a_token_is_cut_in_two() {
        assert_eq!(parts("key: abcdef.", &[(5, 11)]), ["key: abc", "def."]);
        assert_eq!(parts("xéy", &[(0, 4)]), ["x", "éy"]);
        assert_eq!(parts("none", &[]), ["none"]);
    }
}

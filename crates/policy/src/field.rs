//! Paths that name fields of documents: `password`, `$.user.email`, `$..token`, `$.items.*.card`. Which documents have fields, and where
//! they are, lives with carriers.

use crate::names::quoted;

/// The longest key, in bytes.
const LONGEST_KEY: usize = 64;

/// The most steps of a path.
const MOST_STEPS: usize = 32;

/// A path from the root of a document to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPath {
    /// As it was written.
    pub text: String,
    /// At least one.
    pub steps: Vec<FieldStep>,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldStep {
    /// The key, in lower case and without `_` and `-`; `None` is `*`: any key, and any element of an array.
    pub key: Option<String>,
    /// Whether any number of levels may lie before it.
    pub deep: bool,
}

/// Reads a path. A key alone stands for itself at any depth.
///
/// # Errors
/// What is wrong, and how to mend it.
pub(crate) fn read(text: &str) -> Result<FieldPath, (String, String)> {
    let wrong = |what: &str| {
        let message = format!("{} is not the name of a field: {what}", quoted(text));
        let help = "write a key (`password`), or a path: `$.user.email`, `$..token`, `$.items.*.card`, `$.odd['key.with.dots']`";
        Err((message, help.to_owned()))
    };
    let step = |key: &str, deep: bool| -> Result<FieldStep, &'static str> {
        if key == "*" {
            return Ok(FieldStep { key: None, deep });
        }
        let folded: String = key
            .chars()
            .filter(|c| !matches!(c, '_' | '-'))
            .map(|c| c.to_ascii_lowercase())
            .collect();
        if folded.is_empty() {
            Err("a key is empty")
        } else if folded.len() > LONGEST_KEY {
            Err("a key is longer than 64 bytes")
        } else if key.contains(|c: char| c.is_control()) {
            Err("a key holds a control character")
        } else {
            Ok(FieldStep {
                key: Some(folded),
                deep,
            })
        }
    };
    let Some(mut rest) = text.strip_prefix('$') else {
        if text.contains(['.', '[', ']', '*', ' ']) {
            return wrong("a path begins with `$`");
        }
        return match step(text, true) {
            Ok(step) => Ok(FieldPath {
                text: text.to_owned(),
                steps: vec![step],
            }),
            Err(what) => wrong(what),
        };
    };
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let deep = rest.starts_with("..");
        rest = rest.strip_prefix("..").unwrap_or(rest);
        let key;
        if let Some(inner) = rest.strip_prefix('[') {
            let closing = match inner.chars().next() {
                Some('*') => "]",
                Some('\'') => "']",
                Some('"') => "\"]",
                _ => return wrong("between `[` and `]` stands `*`, or a key in quotes"),
            };
            let Some((name, behind)) = inner.split_once(closing) else {
                return wrong("a `[` is not closed");
            };
            key = name.trim_start_matches(['\'', '"']);
            rest = behind;
        } else {
            let name = if deep {
                Some(rest)
            } else {
                rest.strip_prefix('.')
            };
            let Some(name) = name else {
                return wrong("before a key stands `.`");
            };
            let end = name.find(['.', '[']).unwrap_or(name.len());
            (key, rest) = name.split_at(end);
        }
        match step(key, deep) {
            Ok(step) => steps.push(step),
            Err(what) => return wrong(what),
        }
    }
    match steps.len() {
        0 => wrong("it is the whole document"),
        1..=MOST_STEPS => Ok(FieldPath {
            text: text.to_owned(),
            steps,
        }),
        _ => wrong("it has more than 32 steps"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match read(text) {
            Ok(path) => path
                .steps
                .iter()
                .map(|step| {
                    let deep = if step.deep { ".." } else { "." };
                    format!("{deep}{}", step.key.as_deref().unwrap_or("*"))
                })
                .collect(),
            Err((message, _)) => message,
        }
    }

    #[test]
    fn paths() {
        for (text, wanted) in [
            ("Pass_Word", "..password"),
            ("x-api-key", "..xapikey"),
            ("$.user.eMail", ".user.email"),
            ("$..token", "..token"),
            ("$.a..b.*", ".a..b.*"),
            ("$.items[*].card", ".items.*.card"),
            ("$['a.b']['c']", ".a.b.c"),
            ("$..[\"x\"]", "..x"),
            ("Größe", "..größe"),
        ] {
            assert_eq!(shown(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_no_path() {
        for (text, reason) in [
            ("", "a key is empty"),
            ("$", "the whole document"),
            ("$.", "a key is empty"),
            ("a.b", "begins with `$`"),
            ("a b", "begins with `$`"),
            ("$a", "before a key stands `.`"),
            ("$.a[0]", "between `[` and `]`"),
            ("$['a", "not closed"),
            ("$.__", "a key is empty"),
            (&format!("$.{}", "k".repeat(65)), "longer than 64"),
            (&"$.a".replace("a", &"a.".repeat(33)), "a key is empty"),
        ] {
            assert!(shown(text).contains(reason), "{text}: {}", shown(text));
        }
        let deep = format!("${}", ".a".repeat(33));
        assert!(shown(&deep).contains("more than 32 steps"));
    }
}

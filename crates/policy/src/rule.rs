//! Reads one `[[rule]]`: its keys, their values and the limits on them. Patterns are only looked at for their named groups; whether they
//! are good regular expressions is the compiler's to say.

use std::ops::Range;

use crate::model::{
    Action, Boundary, Confidence, Context, Matcher, Origin, Part, Reach, Rule, Settings, Severity,
    Validator,
};
use crate::names::{
    VALIDATORS, VALIDATORS_WITH_VALUE, is_name, is_rule_id, listed, nearest, quoted,
};
use crate::reader::{Fields, Text, Value};

/// The longest rule id, in bytes: it is written into what is redacted.
pub(crate) const LONGEST_ID: usize = 64;

/// Most bytes that `keep_first` and `keep_last` may keep.
pub(crate) const MOST_KEPT: u32 = 64;

const KEYED: &str = "{ keywords = [\"api_key\"], value = '[a-f0-9]{32}' }";

/// Keys that other tools' rules have.
const HINTS: &[(&str, &str)] = &[
    ("regex", "write the regular expression as `pattern`"),
    ("name", "write the rule's permanent name as `id`"),
    (
        "keywords",
        "write `keyed = { keywords = [...], value = '...' }`, or `context = { keywords = [...], within = 64 }`",
    ),
    (
        "value",
        "write `keyed = { keywords = [...], value = '...' }`",
    ),
    ("entropy", "write `validators = [{ entropy = 3.0 }]`"),
    ("allowlist", "write `validators = [{ allow = ['...'] }]`"),
    ("allow", "write `validators = [{ allow = ['...'] }]`"),
    ("validator", "write `validators = [\"...\"]`"),
    (
        "enabled",
        "a profile switches rules off: [[override]] with `match = [\"...\"]` and `enabled = false`",
    ),
    (
        "boundary",
        "say which neighbours are refused with `left` and `right`",
    ),
];

/// Reads a rule; `None` if anything in it was reported. `number` counts the file's rules from 1.
pub(crate) fn rule(mut fields: Fields<'_>, pack: &str, number: usize) -> Option<(Rule, Text)> {
    let id = fields.take("id");
    let named = id.as_ref().filter(|id| id.is_text()).and_then(Value::text);
    fields.what = match &named {
        Some(id) => format!("rule {}", quoted(&id.text)),
        None => format!("rule number {number}"),
    };
    fields.hints(HINTS);
    if id.is_none() && !fields.misspelt("id") {
        fields.error(
            format!("{} has no `id`", fields.what),
            "give it a permanent name: id = \"vendor.token\"",
        );
    }
    let id = id.and_then(|value| rule_id(&value));

    let mut origin = Origin::within(fields.reading.source, fields.span.clone());
    let mut place = |part, value: &Option<Value<'_>>| {
        if let Some(value) = value {
            origin.set(part, value.span.clone());
        }
    };

    let description = fields
        .require("description", "say in one sentence what it finds")
        .and_then(|value| value.filled_text("say in one sentence what the rule finds"));
    let source = fields
        .require(
            "source",
            "name the public source of the format: a URL, a standard, a paper",
        )
        .and_then(|value| {
            value.filled_text("name the public source of the format: a URL, a standard, a paper")
        });

    let left = fields.take("left");
    let right = fields.take("right");
    let context = fields.take("context");
    let action = fields.take("action");
    let max_len = fields.take("max_len");
    place(Part::Left, &left);
    place(Part::Right, &right);
    place(Part::Context, &context);
    place(Part::Action, &action);
    place(Part::MaxLen, &max_len);

    let validated = fields.take("validators");
    let matcher = matcher(&mut fields, &mut origin).filter(|matcher| {
        let Matcher::Fields(_) = matcher else {
            return true;
        };
        only_fields(
            &fields,
            &[
                ("left", &left),
                ("right", &right),
                ("context", &context),
                ("max_len", &max_len),
                ("validators", &validated),
            ],
        )
    });
    let what = fields.what.clone();
    let validators = validated.map_or(Some(Vec::new()), |value| {
        validators(&value, &what, &mut origin)
    });
    let left = left.map_or(Some(Boundary::Word), |value| value.word());
    let right = right.map_or(Some(Boundary::Word), |value| value.word());
    let context = context.map_or(Some(None), |value| read_context(&value).map(Some));
    let confidence = fields
        .take("confidence")
        .map_or(Some(Confidence::Medium), |value| value.word());
    let severity = fields
        .take("severity")
        .map_or(Some(Severity::Medium), |value| value.word());
    let action = action.map_or(Some(Action::Tag), |value| read_action(&value));
    let tags = fields
        .take("tags")
        .map_or(Some(Vec::new()), |value| tags(&value));
    let max_len = max_len.map_or(Some(None), |value| {
        value.integer(3..=65_536, "bytes").map(Some)
    });
    fields.finish();

    let id = id?;
    origin.set(Part::Id, id.span.clone());
    let rule = Rule {
        id: id.text.clone(),
        pack: pack.to_string(),
        description: description?.text,
        source: source?.text,
        matcher: matcher?,
        left: left?,
        right: right?,
        validators: validators?,
        context: context?,
        confidence: confidence?,
        tags: tags?,
        max_len: max_len?,
        settings: Settings {
            enabled: true,
            action: action?,
            severity: severity?,
        },
        origin,
    };
    Some((rule, id))
}

fn rule_id(value: &Value<'_>) -> Option<Text> {
    let id = value.text()?;
    let grammar = "a rule id is `namespace.name`, of lower-case letters, digits and `-` with one dot, for example `github.pat`";
    if !is_rule_id(&id.text) {
        value.error(format!("{} is not a rule id", quoted(&id.text)), grammar);
        return None;
    }
    if id.text.len() > LONGEST_ID {
        value.error(
            format!(
                "the rule id {} is too long: {} bytes",
                quoted(&id.text),
                id.text.len()
            ),
            format!(
                "use at most {LONGEST_ID} bytes; the id is written in place of what is redacted"
            ),
        );
        return None;
    }
    Some(id)
}

fn matcher(fields: &mut Fields<'_>, origin: &mut Origin) -> Option<Matcher> {
    let pattern = fields.take("pattern");
    let keyed = fields.take("keyed");
    if let Some(value) = fields.take("fields") {
        if pattern.is_some() || keyed.is_some() {
            value.error(
                format!("{} has `fields` and a pattern", fields.what),
                "keep one of them; make two rules if you need both",
            );
            return None;
        }
        return named_fields(&value, origin);
    }
    match (pattern, keyed) {
        (Some(_), Some(keyed)) => {
            keyed.error(
                format!("{} has both `pattern` and `keyed`", fields.what),
                "keep one of them; make two rules if you need both",
            );
            None
        }
        (None, None) => {
            let known = ["pattern", "keyed", "fields"];
            if !known.iter().any(|key| fields.misspelt(key)) {
                fields.error(
                    format!("{} has neither `pattern` nor `keyed`", fields.what),
                    format!("say what to look for: pattern = 'key_(?<secret>[a-z0-9]{{32}})', or keyed = {KEYED}"),
                );
            }
            None
        }
        (Some(value), None) => {
            let pattern = pattern_text(&value)?;
            origin.set(Part::Pattern, value.span.clone());
            check_groups(&value, &pattern.text, origin, true)
                .then_some(Matcher::Pattern(pattern.text))
        }
        (None, Some(value)) => {
            let mut inner = value.fields(value.what.clone(), KEYED)?;
            inner.hints(&[(
                "pattern",
                "in `keyed` the regular expression is called `value`",
            )]);
            let example = "[\"api_key\"]";
            let keywords = inner
                .require(
                    "keywords",
                    "list the words that stand before the value: keywords = [\"api_key\"]",
                )
                .and_then(|value| keywords(&value, example, 3, false));
            let regex = inner.require(
                "value",
                "give the regular expression of the value: value = '[a-f0-9]{32}'",
            );
            let suffix = inner
                .take("suffix")
                .map_or(Some(false), |value| value.boolean());
            inner.finish();
            let regex = regex?;
            let pattern = pattern_text(&regex)?;
            origin.set(Part::Pattern, regex.span.clone());
            let fine = check_groups(&regex, &pattern.text, origin, false);
            let keywords = keywords?;
            for (index, keyword) in keywords.iter().enumerate() {
                origin.set(Part::Keyword(index), keyword.span.clone());
            }
            fine.then_some(Matcher::Keyed {
                keywords: keywords.into_iter().map(|keyword| keyword.text).collect(),
                value: pattern.text,
                suffix: suffix?,
            })
        }
    }
}

/// Reads the paths of a rule that names fields.
fn named_fields(value: &Value<'_>, origin: &mut Origin) -> Option<Matcher> {
    let texts = value.texts("[\"password\", \"$.user.email\"]")?;
    origin.set(Part::Pattern, value.span.clone());
    let mut paths = Vec::new();
    for text in &texts {
        match crate::field::read(&text.text) {
            Ok(path) => paths.push(path),
            Err((message, help)) => value.error_at(&text.span, message, help),
        }
    }
    (paths.len() == texts.len()).then_some(Matcher::Fields(paths))
}

/// What is about bytes says nothing about fields.
fn only_fields(fields: &Fields<'_>, given: &[(&str, &Option<Value<'_>>)]) -> bool {
    let mut fine = true;
    for (key, value) in given {
        if let Some(value) = value {
            value.error(
                format!("{} names fields and has `{key}`", fields.what),
                "a field is redacted whole, whatever it holds: leave it out",
            );
            fine = false;
        }
    }
    fine
}

fn pattern_text(value: &Value<'_>) -> Option<Text> {
    let text = value.text()?;
    if text.text.is_empty() {
        value.error(
            format!("{} is empty", value.what),
            "write the regular expression between single quotes: '[a-f0-9]{32}'",
        );
        return None;
    }
    Some(text)
}

/// Reads keywords: printable ASCII, or any script, at least `shortest` bytes without `_`, none twice.
fn keywords(
    value: &Value<'_>,
    example: &str,
    shortest: usize,
    any_script: bool,
) -> Option<Vec<Text>> {
    let texts = value.texts(example)?;
    let mut fine = true;
    for (index, keyword) in texts.iter().enumerate() {
        let error = |message: String, help: String| value.error_at(&keyword.span, message, help);
        let shown = quoted(&keyword.text);
        let letters = keyword.text.bytes().filter(|&b| b != b'_').count();
        let same = |other: &Text| other.text.eq_ignore_ascii_case(&keyword.text);
        let printable = |b: u8| (b' '..=b'~').contains(&b) || any_script && b >= 0x80;
        if keyword.text.bytes().any(|b| !printable(b)) {
            error(
                format!("the keyword {shown} has a byte that is not printable ASCII"),
                "keywords are matched byte by byte without regard to ASCII case; use a `pattern` for other scripts".into(),
            );
        } else if letters < shortest {
            error(
                format!("the keyword {shown} is too short"),
                format!(
                    "give at least {shortest} bytes, `_` not counted: shorter words stand everywhere"
                ),
            );
        } else if keyword.text.starts_with('_') || keyword.text.ends_with('_') {
            error(
                format!("the keyword {shown} begins or ends with `_`"),
                "leave it out: `_` also stands for nothing, so it would change nothing there"
                    .into(),
            );
        } else if texts[..index].iter().any(same) {
            error(
                format!("the keyword {shown} is listed twice"),
                "leave one out: keywords are matched without regard to case".into(),
            );
        } else {
            continue;
        }
        fine = false;
    }
    fine.then_some(texts)
}

fn read_context(value: &Value<'_>) -> Option<Context> {
    let example = "{ keywords = [\"ssn\"], within = 64 }";
    let mut fields = value.fields(value.what.clone(), example)?;
    let unless = fields.take("unless");
    let words = match (fields.take("keywords"), &unless) {
        (None, Some(_)) => Some(Vec::new()),
        (None, None) => {
            if !fields.misspelt("keywords") {
                fields.error(
                    format!("{} has no `keywords`", fields.what),
                    "list the words, one of which must stand before the match: keywords = [\"ssn\"]",
                );
            }
            None
        }
        (Some(words), _) => keywords(&words, "[\"ssn\"]", 2, true),
    };
    let unless = unless.map_or(Some(Vec::new()), |words| {
        keywords(&words, "[\"public\"]", 2, true)
    });
    let within = fields
        .require(
            "within",
            "say within how many bytes before the match a keyword must stand: within = 64",
        )
        .and_then(|value| value.integer(1..=128, "bytes before the match"));
    let whole = fields
        .take("whole")
        .map_or(Some(false), |value| value.boolean());
    let reach = fields
        .take("reach")
        .map_or(Some(Reach::Any), |value| value.word());
    fields.finish();
    let plain = |words: Vec<Text>| words.into_iter().map(|word| word.text).collect();
    Some(Context {
        keywords: plain(words?),
        unless: plain(unless?),
        within: u8::try_from(within?).ok()?,
        whole: whole?,
        reach: reach?,
    })
}

/// Reads an action: a word, or how many bytes to keep.
pub(crate) fn read_action(value: &Value<'_>) -> Option<Action> {
    if value.is_text() {
        let word = value.text()?.text;
        if let Some(kept @ ("keep_first" | "keep_last")) =
            nearest(&word, ["keep_first", "keep_last"])
        {
            value.error(
                format!("{} needs a number for `{kept}`", value.what),
                format!("write {{ {kept} = 4 }}"),
            );
            return None;
        }
        return value.word();
    }
    if !value.is_table() {
        return value.wrong_type("a string or a table", "\"mask\" or { keep_last = 4 }");
    }
    let mut fields = value.fields(value.what.clone(), "{ keep_last = 4 }")?;
    let first = fields.take("keep_first");
    let last = fields.take("keep_last");
    let slip = fields.misspelt("keep_first") || fields.misspelt("keep_last");
    let kept = |value: Value<'_>| {
        value
            .integer(0..=MOST_KEPT, "bytes")
            .and_then(|n| u8::try_from(n).ok())
    };
    let action = match (first, last) {
        (Some(first), None) => kept(first).map(Action::KeepFirst),
        (None, Some(last)) => kept(last).map(Action::KeepLast),
        (Some(_), Some(_)) => {
            value.error(
                format!("{} has both `keep_first` and `keep_last`", value.what),
                "keep one of them",
            );
            None
        }
        (None, None) if slip => None,
        (None, None) => {
            value.error(
                format!(
                    "{} is a table without `keep_first` or `keep_last`",
                    value.what
                ),
                "write { keep_last = 4 }, or one word such as \"mask\"",
            );
            None
        }
    };
    fields.finish();
    action
}

fn tags(value: &Value<'_>) -> Option<Vec<String>> {
    if value.is_array() && value.entries("")?.is_empty() {
        return Some(Vec::new());
    }
    let texts = value.texts("[\"cloud\"]")?;
    let mut fine = true;
    for tag in texts.iter().filter(|tag| !is_name(&tag.text)) {
        value.error_at(
            &tag.span,
            format!("{} is not a tag", quoted(&tag.text)),
            "a tag is of lower-case letters, digits and `-`".into(),
        );
        fine = false;
    }
    fine.then(|| texts.into_iter().map(|tag| tag.text).collect())
}

fn validators(value: &Value<'_>, rule: &str, origin: &mut Origin) -> Option<Vec<Validator>> {
    let entries = value.entries("[\"luhn\", { entropy = 3.0 }]")?;
    let mut all = Vec::new();
    let mut fine = true;
    for (index, entry) in entries.iter().enumerate() {
        origin.set(Part::Validator(index), entry.span.clone());
        match validator(entry, rule, index, origin) {
            Some(validator) if all.contains(&validator) => {
                entry.error(
                    format!(
                        "{} stands twice in {}",
                        quoted(&validator.to_string()),
                        value.what
                    ),
                    "leave one of the two out",
                );
                fine = false;
            }
            Some(validator) => all.push(validator),
            None => fine = false,
        }
    }
    fine.then_some(all)
}

fn validator(
    value: &Value<'_>,
    rule: &str,
    index: usize,
    origin: &mut Origin,
) -> Option<Validator> {
    if value.is_text() {
        return named_validator(value);
    }
    if !value.is_table() {
        return value.wrong_type("a string or a table", "\"luhn\" or { entropy = 3.0 }");
    }
    let mut fields = value.fields(format!("a validator of {rule}"), "{ entropy = 3.0 }")?;
    let mut given = Vec::new();
    if let Some(bits) = fields.take("entropy") {
        let bits = bits.number(0.0..=8.0, "bits per byte");
        given.push(bits.map(|bits| Validator::Entropy(bits as f32)));
    }
    if let Some(bytes) = fields.take("distinct") {
        let bytes = bytes
            .integer(1..=255, "different bytes")
            .and_then(|n| u8::try_from(n).ok());
        given.push(bytes.map(Validator::Distinct));
    }
    if let Some(classes) = fields.take("classes") {
        let classes = classes
            .integer(1..=4, "classes of byte")
            .and_then(|n| u8::try_from(n).ok());
        given.push(classes.map(Validator::Classes));
    }
    if let Some(name) = fields.take("valid") {
        given.push(name.text().map(|name| Validator::Valid(name.text)));
    }
    if let Some(words) = fields.take("without") {
        given.push(list(&words, "[\"example\"]", index, origin).map(Validator::Without));
    }
    if let Some(patterns) = fields.take("allow") {
        given.push(list(&patterns, "['AKIA.*EXAMPLE']", index, origin).map(Validator::Allow));
    }
    let slip = VALIDATORS_WITH_VALUE.iter().any(|key| fields.misspelt(key));
    fields.finish();
    match given.len() {
        1 => given.pop().flatten(),
        0 if slip => None,
        0 => {
            value.error(
                "a validator's table names no validator",
                "write for example { entropy = 3.0 }",
            );
            None
        }
        _ => {
            value.error(
                "a validator's table names more than one validator",
                "give each its own table: [{ entropy = 3.0 }, { distinct = 6 }]",
            );
            None
        }
    }
}

fn list(
    value: &Value<'_>,
    example: &str,
    index: usize,
    origin: &mut Origin,
) -> Option<Vec<String>> {
    let texts = value.texts(example)?;
    for (entry, text) in texts.iter().enumerate() {
        origin.set(Part::Entry(index, entry), text.span.clone());
    }
    Some(texts.into_iter().map(|text| text.text).collect())
}

fn named_validator(value: &Value<'_>) -> Option<Validator> {
    let name = value.text()?.text;
    let found = VALIDATORS.iter().find(|(word, _)| *word == name);
    if found.is_none() {
        let words = || VALIDATORS.iter().map(|(word, _)| *word);
        let help = if VALIDATORS_WITH_VALUE.contains(&name.as_str()) {
            format!("it takes a value: write it as a table, {{ {name} = ... }}")
        } else if let Some(near) = nearest(&name, words()) {
            format!("did you mean `{near}`?")
        } else {
            let words = words().chain(VALIDATORS_WITH_VALUE.iter().copied());
            format!("the validators are {}", listed(words, "and"))
        };
        value.error(format!("unknown validator {}", quoted(&name)), help);
    }
    found.map(|(_, validator)| validator.clone())
}

/// Checks that the only named group is `secret`, at most once; in a keyed value, no named group at all.
fn check_groups(value: &Value<'_>, pattern: &str, origin: &Origin, secret_allowed: bool) -> bool {
    let mut seen = false;
    for group in named_groups(pattern) {
        let name = &pattern[group.clone()];
        let (message, help) = if name != "secret" {
            let help = "the only named group is (?<secret>...), the part to redact; write other groups as (?:...)";
            (
                format!("{} names a group {}", value.what, quoted(name)),
                help,
            )
        } else if !secret_allowed {
            let help = "leave the group out: the whole value is redacted";
            (format!("{} has a group `secret`", value.what), help)
        } else if seen {
            let help = "keep one: put the alternatives inside the group, (?<secret>a|b), or make two rules";
            (
                format!("{} has more than one group `secret`", value.what),
                help,
            )
        } else {
            seen = true;
            continue;
        };
        let (source, span) = match origin.span(Part::Pattern) {
            Some((source, span)) => (source, source.within_string(&span, group)),
            None => continue,
        };
        value.push(
            crate::diagnostic::Diagnostic::error(message)
                .at(source, span)
                .help(help),
        );
        return false;
    }
    true
}

/// The byte ranges of the names of named groups: `(?<name>` and `(?P<name>`, outside classes and escapes.
fn named_groups(pattern: &str) -> Vec<Range<usize>> {
    let bytes = pattern.as_bytes();
    let mut names = Vec::new();
    let mut depth = 0_u32;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'[' => {
                depth += 1;
                // A `]` right behind the opening bracket stands for itself.
                at += usize::from(bytes.get(at + 1) == Some(&b'^'));
                at += usize::from(bytes.get(at + 1) == Some(&b']'));
            }
            b']' => depth = depth.saturating_sub(1),
            b'(' if depth == 0 => {
                let rest = &pattern[at..];
                let open = ["(?P<", "(?<"]
                    .into_iter()
                    .find(|open| rest.starts_with(open));
                // `(?<=` and `(?<!` are look-behind, which the compiler refuses in its own words.
                let name = open
                    .map(|open| &rest[open.len()..])
                    .filter(|name| !name.starts_with(['=', '!']));
                if let Some((open, name)) = open.zip(name) {
                    let start = at + open.len();
                    let end = name.find('>').map_or(pattern.len(), |close| start + close);
                    names.push(start..end);
                }
            }
            _ => {}
        }
        at += 1;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::named_groups;

    fn names(pattern: &str) -> Vec<&str> {
        named_groups(pattern)
            .into_iter()
            .map(|range| &pattern[range])
            .collect()
    }

    #[test]
    fn named_groups_outside_classes_and_escapes() {
        assert_eq!(names("a(?<secret>b)"), ["secret"]);
        assert_eq!(names("(?P<x>a)|(?<y>b)"), ["x", "y"]);
        assert_eq!(names(r"\(?<no>"), [""; 0]);
        assert_eq!(names(r"[(?<no>]"), [""; 0]);
        assert_eq!(names(r"[](?<no>]b"), [""; 0]);
        assert_eq!(names(r"[a[(?<no>]]"), [""; 0]);
        assert_eq!(names("(?<=a)(?<!b)"), [""; 0]);
        assert_eq!(names("(?<open"), ["open"]);
        assert_eq!(names("\u{e9}(?<\u{e9}>"), ["\u{e9}"]);
        assert_eq!(names(r"\"), [""; 0]);
    }
}

//! Typed reading of a TOML document: each value with its place, each wrong type and unknown key reported, without stopping at the first.
//!
//! Parsing TOML is the `toml` crate's work; what the keys mean is said in [`crate::parse`], [`crate::rule`] and [`crate::cases`].

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Diagnostic, PolicyError, refuse_errors};
use crate::names::{Words, listed, nearest, quoted};
use crate::source::Source;

/// A file while it is read, and what was found wrong with it so far.
pub(crate) struct Reading<'s> {
    pub(crate) source: &'s Source,
    found: RefCell<Vec<Diagnostic>>,
}

impl<'s> Reading<'s> {
    pub(crate) fn new(source: &'s Source) -> Self {
        Self {
            source,
            found: RefCell::default(),
        }
    }

    /// Reports an error at a place in the file.
    pub(crate) fn error(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Diagnostic::error(message).at(self.source, span).help(help));
    }

    pub(crate) fn push(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().push(diagnostic);
    }

    /// Reads each table with `read`. A table that gives `None` without a report is reported here: nothing is dropped in silence.
    pub(crate) fn each<'t, T>(
        &self,
        tables: impl IntoIterator<Item = Fields<'t>>,
        mut read: impl FnMut(Fields<'t>) -> Option<T>,
    ) -> Vec<T> {
        let mut all = Vec::new();
        for table in tables {
            let (span, what) = (table.span.clone(), table.what.clone());
            let before = self.found.borrow().len();
            let one = read(table);
            if one.is_none() && self.found.borrow().len() == before {
                self.error(
                    span,
                    format!("{what} {UNREAD}"),
                    "write it in another way, and report this message",
                );
            }
            all.extend(one);
        }
        all
    }

    /// What was found, in the order of the file.
    pub(crate) fn into_found(self) -> Vec<Diagnostic> {
        let mut found = self.found.into_inner();
        found.sort_by_key(Diagnostic::offset);
        found
    }

    pub(crate) fn finish<T>(self, read: Option<T>) -> Result<T, PolicyError> {
        let file = self.source.file().to_path_buf();
        refuse_errors(self.into_found())?;
        read.ok_or_else(|| {
            Diagnostic::error(format!("the file {UNREAD}"))
                .in_file(file, None)
                .into()
        })
    }
}

/// Said only if a reader fails to say what is wrong, which is a fault of this crate.
pub(crate) const UNREAD: &str = "cannot be read, for a reason that was not found";

/// So many breaks of the syntax are told in one run; the first is what matters, and those behind it may be its doing.
const SYNTAX_ERRORS: usize = 5;

/// Parses TOML, or says where its syntax is broken.
pub(crate) fn parse_toml(source: &Source) -> Result<Spanned<DeTable<'_>>, Vec<Diagnostic>> {
    let (table, mut errors) = DeTable::parse_recoverable(source.text());
    if errors.is_empty() {
        return Ok(table);
    }
    errors.sort_by_key(|error| error.span().map_or(0, |span| span.start));
    let mut diagnostics: Vec<Diagnostic> = Vec::new();
    let mut told: Option<usize> = None;
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        // The parser goes on after an error; what it reports for the same line is an echo.
        let between = told.and_then(|told| source.text().get(told..span.start));
        if between.is_some_and(|between| !between.contains('\n')) {
            continue;
        }
        told = Some(span.start);
        if diagnostics.len() == SYNTAX_ERRORS {
            // A file of another kind, a log perhaps, has one for each of its lines.
            break;
        }
        let message = error.message().trim().replace('\n', "; ");
        let diagnostic = Diagnostic::error(format!("this is not TOML: {message}")).at(source, span);
        let another = !["[pack]", "[profile]", "[[case]]"]
            .iter()
            .any(|header| source.text().contains(header));
        diagnostics.push(
            match syntax_help(&message, source.line_text(diagnostic.offset())) {
                Some(help) => diagnostic.help(help),
                None if another => diagnostic.help(
                    "is it the right file? A policy begins with [pack] or [profile], its cases with [[case]]",
                ),
                None => diagnostic,
            },
        );
    }
    Err(diagnostics)
}

fn syntax_help(message: &str, line: &str) -> Option<&'static str> {
    if message.contains("duplicate key") {
        Some("keep one of the two; to begin another rule, write `[[rule]]` with two brackets")
    } else if message.contains("escape") {
        Some(
            "write patterns between single quotes, where a backslash is just a backslash: pattern = '\\d{4}'",
        )
    } else if message.contains("literal string")
        || (message.contains("unexpected key or value") && line.contains('\''))
    {
        Some("a pattern that holds a single quote goes between three of them: '''...'''")
    } else {
        None
    }
}

/// A text with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
}

/// One value and what to call it.
#[derive(Clone)]
pub(crate) struct Value<'t> {
    value: &'t DeValue<'t>,
    pub(crate) span: Range<usize>,
    /// For messages: `` `pattern` in rule `github.pat` ``.
    pub(crate) what: String,
    reading: &'t Reading<'t>,
}

impl<'t> Value<'t> {
    fn new(value: &'t Spanned<DeValue<'t>>, what: String, reading: &'t Reading<'t>) -> Self {
        Self {
            span: value.span(),
            value: value.get_ref(),
            what,
            reading,
        }
    }

    pub(crate) fn error(&self, message: impl Into<String>, help: impl Into<String>) {
        self.reading.error(self.span.clone(), message, help);
    }

    /// Reports an error at a part of the value.
    pub(crate) fn error_at(&self, span: &Range<usize>, message: String, help: String) {
        self.reading.error(span.clone(), message, help);
    }

    pub(crate) fn push(&self, diagnostic: Diagnostic) {
        self.reading.push(diagnostic);
    }

    /// Reports that the value is of the wrong type. `wanted` is a noun with its article; `example` shows one.
    pub(crate) fn wrong_type<T>(&self, wanted: &str, example: &str) -> Option<T> {
        let found = match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        self.error(
            format!("{} must be {wanted}, not {found}", self.what),
            format!("write it as {example}"),
        );
        None
    }

    pub(crate) fn is_text(&self) -> bool {
        self.value.is_str()
    }

    pub(crate) fn is_table(&self) -> bool {
        self.value.is_table()
    }

    pub(crate) fn is_array(&self) -> bool {
        self.value.is_array()
    }

    pub(crate) fn text(&self) -> Option<Text> {
        match self.value.as_str() {
            Some(text) => Some(Text {
                text: text.to_string(),
                span: self.span.clone(),
            }),
            None => self.wrong_type("a string", "\"...\" or '...'"),
        }
    }

    /// A string that holds more than blanks.
    pub(crate) fn filled_text(&self, help: &str) -> Option<Text> {
        let text = self.text()?;
        if text.text.trim().is_empty() {
            self.error(format!("{} is empty", self.what), help);
            return None;
        }
        Some(text)
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        self.value
            .as_bool()
            .or_else(|| self.wrong_type("true or false", "`true` or `false`, without quotes"))
    }

    /// An integer within `range`; `unit` says of what, for example `bytes`.
    pub(crate) fn integer(&self, range: std::ops::RangeInclusive<u32>, unit: &str) -> Option<u32> {
        let Some(integer) = self.value.as_integer() else {
            let (low, high) = (range.start(), range.end());
            return self.wrong_type(
                "an integer",
                &format!("a plain number from {low} to {high}"),
            );
        };
        let number = i128::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| range.contains(number));
        if number.is_none() {
            let (low, high) = (range.start(), range.end());
            self.error(
                format!(
                    "{} is out of range: {}",
                    self.what,
                    quoted(&integer.to_string())
                ),
                format!("give a number from {low} to {high} ({unit})"),
            );
        }
        number
    }

    /// A number, with or without a fraction, within `range`.
    pub(crate) fn number(&self, range: std::ops::RangeInclusive<f64>, unit: &str) -> Option<f64> {
        let given = match self.value {
            DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
                .map_or(f64::INFINITY, |number| number as f64),
            DeValue::Float(float) => float.as_str().parse().unwrap_or(f64::NAN),
            _ => return self.wrong_type("a number", "a plain number, for example 3.0"),
        };
        if range.contains(&given) {
            return Some(given);
        }
        let (low, high) = (range.start(), range.end());
        self.error(
            format!("{} is out of range", self.what),
            format!("give a number from {low} to {high} ({unit})"),
        );
        None
    }

    /// One word of a closed set.
    pub(crate) fn word<W: Words>(&self) -> Option<W> {
        let text = self.text()?;
        let found = W::parse(&text.text);
        if found.is_none() {
            let words = || W::WORDS.iter().map(|(word, _)| *word);
            let help = match nearest(&text.text, words()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("give one of {}", listed(words(), "or")),
            };
            self.error(
                format!("{} cannot be {}", self.what, quoted(&text.text)),
                help,
            );
        }
        found
    }

    /// The entries of an array.
    pub(crate) fn entries(&self, example: &str) -> Option<Vec<Value<'t>>> {
        let Some(array) = self.value.as_array() else {
            return self.wrong_type("an array", example);
        };
        let entry = |one| Value::new(one, format!("an entry of {}", self.what), self.reading);
        Some(array.iter().map(entry).collect())
    }

    /// The entries of an array of strings, those left out that are blank or stand twice, which is reported. At least one must be there.
    pub(crate) fn texts(&self, example: &str) -> Option<Vec<Text>> {
        let entries = self.entries(example)?;
        if entries.is_empty() {
            self.error(
                format!("{} is empty", self.what),
                format!("list at least one, for example {example}, or leave the key out"),
            );
            return None;
        }
        let mut texts: Vec<Text> = Vec::new();
        for entry in &entries {
            let help = "write something between the quotes, or leave the entry out";
            let Some(text) = entry.filled_text(help) else {
                continue;
            };
            if texts.iter().any(|other| other.text == text.text) {
                entry.error(
                    format!("{} stands twice in {}", quoted(&text.text), self.what),
                    "leave one of the two out",
                );
            } else {
                texts.push(text);
            }
        }
        Some(texts)
    }

    /// A string, or an array of strings that are joined.
    pub(crate) fn joined(&self) -> Option<Text> {
        if !self.is_array() {
            return self
                .value
                .as_str()
                .map(|text| Text {
                    text: text.to_string(),
                    span: self.span.clone(),
                })
                .or_else(|| {
                    self.wrong_type(
                        "a string or an array of strings",
                        "\"...\" or [\"...\", \"...\"]",
                    )
                });
        }
        let mut text = String::new();
        for entry in self.entries("")? {
            text.push_str(&entry.text()?.text);
        }
        Some(Text {
            text,
            span: self.span.clone(),
        })
    }

    /// The keys of a table, which is called `what` in messages.
    pub(crate) fn fields(&self, what: String, example: &str) -> Option<Fields<'t>> {
        match self.value.as_table() {
            Some(table) => Some(Fields::new(table, self.span.clone(), what, self.reading)),
            None => self.wrong_type("a table", example),
        }
    }
}

/// The keys of one table. Every key that is asked for is known; [`Fields::finish`] reports the others.
pub(crate) struct Fields<'t> {
    table: &'t DeTable<'t>,
    /// Where the table begins: its header, or the whole of an inline table.
    pub(crate) span: Range<usize>,
    /// For messages: ``rule `github.pat` ``.
    pub(crate) what: String,
    known: Vec<&'static str>,
    /// Keys that do not exist but that people try, with what to do instead.
    hints: &'static [(&'static str, &'static str)],
    pub(crate) reading: &'t Reading<'t>,
}

impl<'t> Fields<'t> {
    pub(crate) fn new(
        table: &'t DeTable<'t>,
        span: Range<usize>,
        what: String,
        reading: &'t Reading<'t>,
    ) -> Self {
        Self {
            table,
            span,
            what,
            known: Vec::new(),
            hints: &[],
            reading,
        }
    }

    /// Answers for keys that do not exist.
    pub(crate) fn hints(&mut self, hints: &'static [(&'static str, &'static str)]) {
        self.hints = hints;
    }

    /// The value of a key, if it is there.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Value<'t>> {
        self.known.push(key);
        let value = self.table.get(key)?;
        Some(Value::new(
            value,
            format!("`{key}` in {}", self.what),
            self.reading,
        ))
    }

    /// The value of a key that must be there.
    pub(crate) fn require(&mut self, key: &'static str, help: &str) -> Option<Value<'t>> {
        let value = self.take(key);
        // A slip in the key itself is reported once, as an unknown key.
        if value.is_none() && !self.misspelt(key) {
            self.error(format!("{} has no `{key}`", self.what), help);
        }
        value
    }

    /// Whether a key is there, whatever its value.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Whether some key of the table is most likely a slip of `key`.
    pub(crate) fn misspelt(&self, key: &str) -> bool {
        self.table.keys().any(|given| {
            let given: &str = given.get_ref();
            given != key && !self.known.contains(&given) && nearest(given, [key]).is_some()
        })
    }

    /// The tables of an array of tables, such as `[[rule]]`: none if the key is not there, `None` if it was refused.
    pub(crate) fn tables(
        &mut self,
        key: &'static str,
        header: &str,
        what: &str,
    ) -> Option<Vec<Fields<'t>>> {
        let Some(value) = self.take(key) else {
            return Some(Vec::new());
        };
        let entries = value.value.as_array().filter(|array| !array.is_empty());
        let Some(entries) = entries else {
            value.error(
                format!("`{key}` must be a list of tables, not empty"),
                format!("write {header}, with two brackets on each side"),
            );
            return None;
        };
        let entry =
            |one| Value::new(one, what.to_string(), self.reading).fields(what.to_string(), header);
        Some(entries.iter().filter_map(entry).collect())
    }

    /// Reports an error at the table's beginning.
    pub(crate) fn error(&self, message: impl Into<String>, help: impl Into<String>) {
        self.reading.error(self.span.clone(), message, help);
    }

    /// Reports every key that was not asked for.
    pub(crate) fn finish(self) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if self.known.contains(&name) {
                continue;
            }
            let hint = self.hints.iter().find(|(tried, _)| *tried == name);
            let help = match (hint, nearest(name, self.known.iter().copied())) {
                (Some((_, hint)), _) => (*hint).to_string(),
                (None, Some(near)) => format!("did you mean `{near}`?"),
                (None, None) => format!(
                    "the keys here are {}",
                    listed(self.known.iter().copied(), "and")
                ),
            };
            let message = format!("unknown key {} in {}", quoted(name), self.what);
            self.reading.error(key.span(), message, help);
        }
    }
}

//! Where each part of a rule was written, so that whoever finds fault with a rule later can point at it. What may be wrong with a rule
//! is decided elsewhere.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use crate::diagnostic::Diagnostic;
use crate::model::Rule;
use crate::source::Source;

/// The place of a rule in a file: for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file as it was named, or `<built-in>/secrets/policy.toml`.
    pub file: PathBuf,
    /// 1-based line of the rule's table.
    pub line: u32,
    /// The text and the byte spans of the values, quotes included. `None` for a rule that was made by a program.
    parts: Option<(Source, BTreeMap<Part, Range<usize>>)>,
}

/// A part of a rule that has a place of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The line `[[rule]]`.
    Header,
    /// The value of `id`.
    Id,
    /// The regular expression: the value of `pattern`, or of `value` in `keyed`.
    Pattern,
    /// One of the keywords of `keyed`, counted from 0.
    Keyword(usize),
    /// The value of `left`.
    Left,
    /// The value of `right`.
    Right,
    /// One of `validators`, counted from 0.
    Validator(usize),
    /// One regular expression or word in a validator's list: the validator, then the entry, both counted from 0.
    Entry(usize, usize),
    /// The value of `context`.
    Context,
    /// The value of `action`.
    Action,
    /// The value of `max_len`.
    MaxLen,
}

impl Origin {
    /// A place of which only the file and the 1-based line are known.
    pub fn new(file: impl Into<PathBuf>, line: u32) -> Self {
        Self {
            file: file.into(),
            line,
            parts: None,
        }
    }

    pub(crate) fn within(source: &Source, header: Range<usize>) -> Self {
        Self {
            file: source.file().to_path_buf(),
            line: source.line_column(header.start).0,
            parts: Some((source.clone(), BTreeMap::from([(Part::Header, header)]))),
        }
    }

    pub(crate) fn set(&mut self, part: Part, span: Range<usize>) {
        if let Some((_, spans)) = &mut self.parts {
            spans.insert(part, span);
        }
    }

    /// The file's text and the byte span of a part in it, quotes included.
    #[must_use]
    pub fn span(&self, part: Part) -> Option<(&Source, Range<usize>)> {
        let (source, spans) = self.parts.as_ref()?;
        Some((source, spans.get(&part)?.clone()))
    }

    /// Makes `diagnostic` point at a part; at the rule's first line if the rule does not have that part.
    #[must_use]
    pub fn point(&self, diagnostic: Diagnostic, part: Part) -> Diagnostic {
        match self.span(part).or_else(|| self.span(Part::Header)) {
            Some((source, span)) => diagnostic.at(source, span),
            None => diagnostic.in_file(&self.file, Some(self.line)),
        }
    }

    /// Makes `diagnostic` point inside a part that is a string: at a byte range of the string as the model holds it.
    #[must_use]
    pub fn point_within(
        &self,
        diagnostic: Diagnostic,
        part: Part,
        range: Range<usize>,
    ) -> Diagnostic {
        match self.span(part) {
            Some((source, span)) => {
                let inner = source.within_string(&span, range);
                diagnostic.at(source, inner)
            }
            None => self.point(diagnostic, part),
        }
    }
}

impl Rule {
    /// An error that points at a part of this rule. Name the rule in the message.
    ///
    /// ```
    /// use blackbar_policy::{Policy, load::NoBuiltins, model::Part};
    ///
    /// let text = "[pack]\nid = 'x'\ntitle = 'X'\n[[rule]]\nid = 'x.y'\ndescription = 'Y'\nsource = 'RFC 1'\npattern = 'a(b'\n";
    /// let policy = Policy::parse_str("x.toml", text, &NoBuiltins).unwrap();
    /// let report = policy.rules[0].error_within(Part::Pattern, 1..2, "unclosed group in rule `x.y`");
    /// assert_eq!((report.line(), report.column()), (Some(8), Some(13)));
    /// ```
    pub fn error(&self, part: Part, message: impl Into<String>) -> Diagnostic {
        self.origin.point(Diagnostic::error(message), part)
    }

    /// An error that points at a byte range inside a part that is a string.
    pub fn error_within(
        &self,
        part: Part,
        range: Range<usize>,
        message: impl Into<String>,
    ) -> Diagnostic {
        self.origin
            .point_within(Diagnostic::error(message), part, range)
    }

    /// A warning that points at a part of this rule.
    pub fn warning(&self, part: Part, message: impl Into<String>) -> Diagnostic {
        self.origin.point(Diagnostic::warning(message), part)
    }

    /// A warning that points at a byte range inside a part that is a string.
    pub fn warning_within(
        &self,
        part: Part,
        range: Range<usize>,
        message: impl Into<String>,
    ) -> Diagnostic {
        self.origin
            .point_within(Diagnostic::warning(message), part, range)
    }
}

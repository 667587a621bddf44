//! Reports that point into a file, in the form that rustc has made known: what is wrong, where, and how to mend it.
//!
//! The policy parser, the compiler's lints and the command all make [`Diagnostic`]s; one [`PolicyError`] carries those of an operation
//! that failed. What is worth reporting is decided elsewhere.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets as snippets;
use annotate_snippets::{AnnotationKind, Group, Renderer, Snippet, normalize_untrusted_str};

use crate::source::Source;

/// So many are rendered; the rest are counted in one last line.
const SHOWN: usize = 20;

/// How grave a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The policy is refused.
    Error,
    /// The policy works, but something in it is likely a mistake.
    Warning,
}

/// One thing that is wrong, and where.
///
/// ```
/// use blackbar_policy::{Diagnostic, Source};
///
/// let source = Source::new("mine/policy.toml", "[pack]\nid = \"Mine\"\n");
/// let report = Diagnostic::error("a pack's id has no capital letters")
///     .at(&source, 12..18)
///     .help("write `mine`");
/// assert_eq!((report.line(), report.column()), (Some(2), Some(6)));
/// assert!(report.render(false).contains(" --> mine/policy.toml:2:6"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    level: Level,
    message: String,
    place: Option<Place>,
    label: Option<String>,
    related: Vec<(Source, Range<usize>, String)>,
    notes: Vec<String>,
    help: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Span(Source, Range<usize>),
    /// The text is not known, only the file and perhaps the 1-based line.
    File(PathBuf, Option<u32>),
}

impl Diagnostic {
    /// An error: one clear sentence, lower case, without a full stop.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Level::Error, message.into())
    }

    /// A warning: one clear sentence, lower case, without a full stop.
    pub fn warning(message: impl Into<String>) -> Self {
        Self::new(Level::Warning, message.into())
    }

    fn new(level: Level, message: String) -> Self {
        Self {
            level,
            message,
            place: None,
            label: None,
            related: Vec::new(),
            notes: Vec::new(),
            help: None,
        }
    }

    /// Points at a byte span of a file. A span outside the text is moved inside.
    #[must_use]
    pub fn at(mut self, source: &Source, span: Range<usize>) -> Self {
        self.place = Some(Place::Span(source.clone(), source.clamp(span)));
        self
    }

    /// Points at a file, and at a 1-based line of it, when its text is not at hand.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<PathBuf>, line: Option<u32>) -> Self {
        self.place = Some(Place::File(file.into(), line));
        self
    }

    /// A few words beside the carets.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// A second place that explains the first, with a few words beside its underline.
    #[must_use]
    pub fn related(
        mut self,
        source: &Source,
        span: Range<usize>,
        label: impl Into<String>,
    ) -> Self {
        self.related
            .push((source.clone(), source.clamp(span), label.into()));
        self
    }

    /// A fact that the message leaves out.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// How to mend it, in one sentence.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Error or warning.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// What is wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// How to mend it.
    #[must_use]
    pub fn help_text(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The file, as it was named.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self.place.as_ref()? {
            Place::Span(source, _) => Some(source.file()),
            Place::File(file, _) => Some(file),
        }
    }

    /// The byte span in the file.
    #[must_use]
    pub fn span(&self) -> Option<Range<usize>> {
        match self.place.as_ref()? {
            Place::Span(_, span) => Some(span.clone()),
            Place::File(..) => None,
        }
    }

    /// The 1-based line.
    #[must_use]
    pub fn line(&self) -> Option<u32> {
        match self.place.as_ref()? {
            Place::Span(source, span) => Some(source.line_column(span.start).0),
            Place::File(_, line) => *line,
        }
    }

    /// The 1-based column, in characters.
    #[must_use]
    pub fn column(&self) -> Option<u32> {
        match self.place.as_ref()? {
            Place::Span(source, span) => Some(source.line_column(span.start).1),
            Place::File(..) => None,
        }
    }

    /// The line of the file on which the span starts.
    #[must_use]
    pub fn source_line(&self) -> Option<&str> {
        match self.place.as_ref()? {
            Place::Span(source, span) => Some(source.line_text(span.start)),
            Place::File(..) => None,
        }
    }

    /// The report as text, without a line end behind it; with ANSI colours if `color`.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let level = match self.level {
            Level::Error => snippets::Level::ERROR,
            Level::Warning => snippets::Level::WARNING,
        };
        let mut group =
            Group::with_title(level.primary_title(normalize_untrusted_str(&self.message)));
        for snippet in self.snippets() {
            group = group.element(snippet);
        }
        if let Some(Place::File(file, line)) = &self.place {
            let mut origin = snippets::Origin::path(file.display().to_string());
            if let Some(line) = line {
                origin = origin.line(*line as usize);
            }
            group = group.element(origin);
        }
        for note in &self.notes {
            group = group.element(snippets::Level::NOTE.message(normalize_untrusted_str(note)));
        }
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let Some(help) = &self.help else {
            return renderer.render(&[group]);
        };
        let title = snippets::Level::HELP.secondary_title(normalize_untrusted_str(help));
        let help = Group::with_title(title);
        if self.place.is_none() {
            // There is no excerpt for the bar that would join the two.
            return format!(
                "{}\n{}",
                renderer.render(&[group]),
                renderer.render(&[help])
            );
        }
        renderer.render(&[group, help])
    }

    /// One snippet for each file that is pointed into, the primary one first.
    fn snippets(&self) -> Vec<Snippet<'_, snippets::Annotation<'_>>> {
        let primary = match &self.place {
            Some(Place::Span(source, span)) => {
                Some((source, span, AnnotationKind::Primary, self.label.as_deref()))
            }
            _ => None,
        };
        let related = self.related.iter().map(|(source, span, label)| {
            (source, span, AnnotationKind::Context, Some(label.as_str()))
        });
        let mut files: Vec<(&Source, Vec<snippets::Annotation<'_>>)> = Vec::new();
        for (source, span, kind, label) in primary.into_iter().chain(related) {
            let mut annotation = kind.span(span.clone());
            if let Some(label) = label {
                annotation = annotation.label(normalize_untrusted_str(label));
            }
            match files.iter_mut().find(|(other, _)| *other == source) {
                Some((_, annotations)) => annotations.push(annotation),
                None => files.push((source, vec![annotation])),
            }
        }
        let snippet = |(source, annotations): (&'_ Source, Vec<_>)| {
            Snippet::source(source.text().to_string())
                .path(source.file().display().to_string())
                .annotations(annotations)
        };
        files.into_iter().map(snippet).collect()
    }

    /// Where it stands within its file, for sorting.
    pub(crate) fn offset(&self) -> usize {
        self.span().map_or(0, |span| span.start)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

/// Why a policy or its cases were refused: one or more [`Diagnostic`]s, in the order of the files.
///
/// `Display` prints the whole report without colours.
#[derive(Clone, PartialEq, Eq)]
pub struct PolicyError {
    diagnostics: Vec<Diagnostic>,
}

impl PolicyError {
    /// What was wrong; never empty.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The report as text, one paragraph for each diagnostic, without a line end behind it; with ANSI colours if `color`.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        render(&self.diagnostics, color)
    }
}

/// Several diagnostics as one text, one paragraph each; after the twentieth the rest are only counted.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], color: bool) -> String {
    let mut paragraphs: Vec<String> = diagnostics
        .iter()
        .take(SHOWN)
        .map(|one| one.render(color))
        .collect();
    if diagnostics.len() > SHOWN {
        paragraphs.push(format!("... and {} more", diagnostics.len() - SHOWN));
    }
    paragraphs.join("\n\n")
}

impl From<Diagnostic> for PolicyError {
    fn from(one: Diagnostic) -> Self {
        Self {
            diagnostics: vec![one],
        }
    }
}

/// `Err` with all of them if one is an error; otherwise `Ok` with the warnings.
///
/// # Errors
/// When at least one diagnostic is of [`Level::Error`].
pub fn refuse_errors(diagnostics: Vec<Diagnostic>) -> Result<Vec<Diagnostic>, PolicyError> {
    if diagnostics.iter().any(|one| one.level == Level::Error) {
        return Err(PolicyError { diagnostics });
    }
    Ok(diagnostics)
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl fmt::Debug for PolicyError {
    /// The report, so that a failed `unwrap` in a test can be read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PolicyError:\n{self}")
    }
}

impl core::error::Error for PolicyError {}

//! Descriptors of protobuf that a policy names: which files, which of their messages, and where these are sent. What is in the files is read
//! by the compiler.

use std::ops::Range;
use std::path::Path;

use crate::diagnostic::Diagnostic;
use crate::model::FilePlace;
use crate::names::quoted;
use crate::reader::{Fields, Reading, Text};
use crate::source::Source;

/// The largest file that is read, in bytes: all of the descriptors of a large company's interfaces have a few.
const LARGEST: u64 = 64 << 20;

/// A set of descriptors: what `protoc -o` and `buf build -o` write.
#[derive(Debug, Clone, PartialEq)]
pub struct Descriptors {
    /// The file as it was named in the policy.
    pub file: String,
    /// What it holds.
    pub bytes: Vec<u8>,
    /// The messages that are wanted, with what they hold; none: all there are.
    pub messages: Vec<Named>,
    /// Paths of requests beside those of services, which the file itself names.
    pub paths: Vec<PathMessages>,
    /// Where the file is named.
    pub place: Named,
    /// The policy file.
    source: Source,
}

/// A name in a policy file, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: String,
    span: Range<usize>,
}

/// What is sent to a path, and back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathMessages {
    /// It begins with a slash.
    pub path: Named,
    /// The message of the request.
    pub request: Option<Named>,
    /// The message of the response.
    pub response: Option<Named>,
}

impl Descriptors {
    /// Makes `diagnostic` point at a name in the policy file.
    #[must_use]
    pub fn point(&self, diagnostic: Diagnostic, at: &Named) -> Diagnostic {
        diagnostic.at(&self.source, at.span.clone())
    }
}

/// One `[[descriptors]]`.
#[derive(Debug)]
pub(crate) struct DescriptorsText {
    file: Text,
    messages: Vec<Named>,
    paths: Vec<PathMessages>,
}

fn named(text: Text) -> Named {
    Named {
        name: text.text,
        span: text.span,
    }
}

/// Reads one table.
pub(crate) fn read(mut fields: Fields<'_>) -> Option<DescriptorsText> {
    fields.hints(&[
        ("message", "write messages = [\"package.Message\"]"),
        ("paths", "write [[descriptors.path]]"),
    ]);
    let help = "name what `protoc --include_imports -o api.pb api.proto` or `buf build -o api.pb` has written";
    let file = fields
        .require("file", help)
        .and_then(|value| value.filled_text(help));
    let messages = match fields.take("messages") {
        Some(value) => value.texts("[\"package.Message\"]")?,
        None => Vec::new(),
    };
    let paths = fields.tables("path", "[[descriptors.path]]", "the path")?;
    let paths = fields.reading.each(paths, path);
    fields.finish();
    Some(DescriptorsText {
        file: file?,
        messages: messages.into_iter().map(named).collect(),
        paths,
    })
}

fn path(mut fields: Fields<'_>) -> Option<PathMessages> {
    let help = "name the path of the requests: path = \"/v1/upload\"";
    let value = fields.require("path", help)?;
    let path = value.filled_text(help)?;
    if !path.text.starts_with('/') || path.text.contains(['?', '#']) {
        value.error(
            format!("{} is not the path of a request", quoted(&path.text)),
            "begin it with a slash, and leave the query out",
        );
        return None;
    }
    let help = "name a message with its package: \"package.Message\"";
    let mut message = |key| {
        let value = fields.take(key)?;
        value.filled_text(help).map(named)
    };
    let (request, response) = (message("request"), message("response"));
    if request.is_none() && response.is_none() && !fields.has("request") && !fields.has("response")
    {
        fields.error(
            "the path says neither `request` nor `response`",
            "say which message goes there: request = \"package.Message\"",
        );
    }
    fields.finish();
    Some(PathMessages {
        path: named(path),
        request,
        response,
    })
}

/// Reads the files that a policy file at `place` names; what is wrong goes to `reading`.
pub(crate) fn load(
    texts: Vec<DescriptorsText>,
    place: Option<&FilePlace>,
    reading: &Reading<'_>,
) -> Vec<Descriptors> {
    let mut all = Vec::new();
    for text in texts {
        let DescriptorsText {
            file,
            messages,
            paths,
        } = text;
        let Some(FilePlace::Disk(policy)) = place else {
            reading.error(
                file.span,
                "descriptors are read from a file beside the policy, and this policy is no file",
                "write the policy to a file of its own",
            );
            continue;
        };
        let path = policy.with_file_name("").join(&file.text);
        match bytes(&path) {
            Ok(bytes) => all.push(Descriptors {
                file: file.text.clone(),
                bytes,
                messages,
                paths,
                place: named(file),
                source: reading.source.clone(),
            }),
            Err(why) => reading.error(
                file.span,
                format!("cannot read the descriptors {}: {why}", quoted(&file.text)),
                "the file stands beside the policy, or its path counts from there; `protoc --include_imports -o api.pb api.proto` and `buf build -o api.pb` make one",
            ),
        }
    }
    all
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let told = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => error.to_string(),
    };
    let length = std::fs::metadata(path).map_err(told)?.len();
    if length > LARGEST {
        return Err(format!("it has {length} bytes, more than {LARGEST}"));
    }
    std::fs::read(path).map_err(told)
}

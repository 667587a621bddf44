//! What is sent: small requests without a body, and bodies of each kind up and down.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::bodies::{Bodies, Kind};

/// The body of a small answer.
const SMALL: &[u8] =
    br#"{"ok":true,"items":[{"name":"lamp","stock":12},{"name":"chair","stock":3}],"page":3}"#;

/// One kind of traffic.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Traffic<'a> {
    /// GET, a query, about ten headers; a small JSON answer.
    Small,
    /// POST with a body.
    Up(&'a Bodies),
    /// GET, answered with a body.
    Down(&'a Bodies),
}

impl Traffic<'_> {
    pub(crate) fn name(self) -> String {
        match self {
            Traffic::Small => "small".to_owned(),
            Traffic::Up(bodies) => format!("request {}", bodies.kind.name()),
            Traffic::Down(bodies) => format!("response {}", bodies.kind.name()),
        }
    }

    pub(crate) fn kind(self) -> Option<Kind> {
        match self {
            Traffic::Small => None,
            Traffic::Up(bodies) | Traffic::Down(bodies) => Some(bodies.kind),
        }
    }

    pub(crate) fn is_down(self) -> bool {
        matches!(self, Traffic::Down(_))
    }

    pub(crate) fn method(self) -> &'static str {
        match self {
            Traffic::Up(_) => "POST",
            _ => "GET",
        }
    }

    /// Body bytes of an average exchange that a policy is to look at; none where they do not matter.
    pub(crate) fn bytes(self) -> Option<f64> {
        match self {
            Traffic::Small => None,
            Traffic::Up(bodies) | Traffic::Down(bodies) => Some(bodies.mean()),
        }
    }

    /// The request's body.
    pub(crate) fn body(self, index: usize) -> Option<Vec<u8>> {
        match self {
            Traffic::Up(bodies) => bodies.texts.get(index).cloned(),
            _ => None,
        }
    }

    /// What the upstream answers.
    pub(crate) fn answer(self, index: usize) -> Vec<u8> {
        match self {
            Traffic::Down(bodies) => bodies.texts.get(index).cloned().unwrap_or_default(),
            _ => SMALL.to_vec(),
        }
    }

    /// The list for wrk: method, path and body file of each request.
    pub(crate) fn list(self, folder: &Path) -> Result<PathBuf> {
        let mut text = String::new();
        match self {
            Traffic::Small => writeln!(text, "GET /0/items?page=3&sort=name -")?,
            Traffic::Up(bodies) => {
                for (index, file) in bodies.files.iter().enumerate() {
                    writeln!(text, "POST /{index} {}", file.display())?;
                }
            }
            Traffic::Down(bodies) => {
                for index in 0..bodies.files.len() {
                    writeln!(text, "GET /{index} -")?;
                }
            }
        }
        let path = folder.join(format!("{}.list", self.name().replace(' ', "-")));
        std::fs::write(&path, text)?;
        Ok(path)
    }
}

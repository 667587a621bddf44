//! What is measured: a policy, a haystack, the size of chunks, and what must be found. The definitions lie in `definitions/`, one a
//! file; whoever measures one compares what was found with what it says, so that a wrong engine cannot look fast.

use std::path::{Path, PathBuf};
use std::{fmt, fs};

use serde::Deserialize;

use crate::haystack::Recipe;

/// The variable that has tests write what they find into what they expect.
pub const BLESS: &str = "BLACKBAR_BLESS";

/// One benchmark.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The name of its file without `.toml`.
    #[serde(skip)]
    pub name: String,
    /// The policy, as [`crate::policy::load`] knows it.
    pub policy: String,
    /// What it is run over.
    pub haystack: Recipe,
    /// The bytes of a chunk.
    #[serde(default = "usual_chunk")]
    pub chunk: usize,
    /// How many findings there must be, for every engine and every size of chunks.
    pub findings: u64,
    /// How long the redacted haystack must be, in bytes.
    pub bytes_out: u64,
}

fn usual_chunk() -> usize {
    65_536
}

/// A definition that cannot be read or written: which, and why.
#[derive(Debug)]
pub struct DefinitionError {
    file: PathBuf,
    why: String,
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.why)
    }
}

impl core::error::Error for DefinitionError {}

/// The folder of the definitions.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("definitions")
}

fn failed(file: &Path, why: &dyn fmt::Display) -> DefinitionError {
    DefinitionError {
        file: file.to_path_buf(),
        why: why.to_string(),
    }
}

impl Definition {
    /// Every definition of the folder, in the order of their names; at least one.
    ///
    /// # Errors
    /// When the folder is empty, or a file is not a definition.
    pub fn all() -> Result<Vec<Self>, DefinitionError> {
        let folder = folder();
        let mut all = Vec::new();
        for entry in fs::read_dir(&folder).map_err(|error| failed(&folder, &error))? {
            all.push(Self::read(
                &entry.map_err(|error| failed(&folder, &error))?.path(),
            )?);
        }
        if all.is_empty() {
            return Err(failed(&folder, &"there is no definition"));
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// The definition of that name.
    ///
    /// # Errors
    /// When there is none, or it is not a definition.
    pub fn named(name: &str) -> Result<Self, DefinitionError> {
        Self::read(&folder().join(format!("{name}.toml")))
    }

    fn read(path: &Path) -> Result<Self, DefinitionError> {
        let text = fs::read_to_string(path).map_err(|error| failed(path, &error))?;
        let mut definition: Self = toml::from_str(&text).map_err(|error| failed(path, &error))?;
        let name = path.file_stem().map(|stem| stem.to_string_lossy());
        definition.name = name.unwrap_or_default().into_owned();
        if definition.chunk == 0 {
            return Err(failed(path, &"a chunk has at least one byte"));
        }
        Ok(definition)
    }

    /// Writes what was found as what is expected, and nothing else, into its file.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn bless(&self, findings: u64, bytes_out: u64) -> Result<(), DefinitionError> {
        let path = folder().join(format!("{}.toml", self.name));
        let text = fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
        let lines: Vec<String> = text
            .lines()
            .map(|line| match line.split_once(" = ") {
                Some(("findings", _)) => format!("findings = {findings}"),
                Some(("bytes_out", _)) => format!("bytes_out = {bytes_out}"),
                _ => line.to_owned(),
            })
            .collect();
        fs::write(&path, format!("{}\n", lines.join("\n"))).map_err(|error| failed(&path, &error))
    }
}

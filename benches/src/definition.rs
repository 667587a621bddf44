//! What is measured: a policy, a haystack, and what must be found in it. The definitions lie in `definitions/`, one a file; whoever
//! measures one compares what was found with what it says, so that a wrong engine cannot look fast.

use std::path::{Path, PathBuf};
use std::{fmt, fs};

use serde::Deserialize;

use crate::haystack::{Kind, haystack};

/// One benchmark.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The name of its file without `.toml`.
    #[serde(skip)]
    pub name: String,
    /// A built-in policy.
    pub policy: String,
    /// What it is run over.
    pub haystack: Haystack,
    /// How many findings there must be, for every engine and every size of chunks.
    pub findings: u64,
    /// How long the redacted haystack must be, in bytes.
    pub bytes_out: u64,
}

/// How a haystack is made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Haystack {
    /// What the text is like.
    pub kind: Kind,
    /// Its size: so many times 2^20 bytes, and then to the end of a line.
    pub mib: u32,
    /// What its randomness starts from.
    pub seed: u64,
}

impl Haystack {
    /// Makes it.
    #[must_use]
    pub fn make(&self) -> Vec<u8> {
        haystack(self.kind, (self.mib as usize) << 20, self.seed)
    }
}

/// A definition that cannot be read: which, and why.
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

impl Definition {
    /// Every definition of the folder, in the order of their names; at least one.
    ///
    /// # Errors
    /// When the folder is empty, or a file is not a definition.
    pub fn all() -> Result<Vec<Self>, DefinitionError> {
        let folder = folder();
        let failed = |file: &Path, why: &dyn fmt::Display| DefinitionError {
            file: file.to_path_buf(),
            why: why.to_string(),
        };
        let mut all = Vec::new();
        for entry in fs::read_dir(&folder).map_err(|error| failed(&folder, &error))? {
            let path = entry.map_err(|error| failed(&folder, &error))?.path();
            let text = fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
            let mut definition: Self =
                toml::from_str(&text).map_err(|error| failed(&path, &error))?;
            let name = path.file_stem().map(|stem| stem.to_string_lossy());
            definition.name = name.unwrap_or_default().into_owned();
            all.push(definition);
        }
        if all.is_empty() {
            return Err(failed(&folder, &"there is no definition"));
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }
}

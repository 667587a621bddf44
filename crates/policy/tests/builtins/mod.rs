//! The policies in this folder, as built-ins for the tests.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use blackbar_policy::Builtins;

/// A folder that is read from disk.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn tests() -> Self {
        Self(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/builtins"))
    }
}

impl Builtins for Folder {
    fn text(&self, path: &str) -> Option<Cow<'_, str>> {
        fs::read_to_string(self.0.join(path)).ok().map(Cow::Owned)
    }

    fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.0).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_string();
            if path.is_dir() {
                let inside = fs::read_dir(&path).unwrap();
                paths.extend(
                    inside.map(|file| {
                        format!("{name}/{}", file.unwrap().file_name().to_str().unwrap())
                    }),
                );
            } else {
                paths.push(name);
            }
        }
        paths
    }
}

//! Writing whole files: artifacts and modules. What goes to standard output is each subcommand's own.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::anyhow;

/// Writes a file beside its place and then moves it there, so that a proxy that watches the file never loads half of one.
///
/// # Errors
/// When it cannot be written, naming it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let failed = |error: io::Error| match (error.kind(), path.parent()) {
        (io::ErrorKind::NotFound, Some(folder)) => anyhow!(
            "cannot write `{}`: there is no folder `{}`",
            path.display(),
            folder.display()
        ),
        (io::ErrorKind::IsADirectory, _) => anyhow!(
            "cannot write `{}`: it is a folder, and a file's name is needed",
            path.display()
        ),
        _ => anyhow!("cannot write `{}`: {error}", path.display()),
    };
    // Not a plain file (a pipe, /dev/stdout): there is nothing to move.
    if path.exists() && !path.is_file() {
        return fs::write(path, bytes).map_err(failed);
    }
    let mut name = path
        .file_name()
        .ok_or_else(|| anyhow!("`{}` names no file", path.display()))?
        .to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    fs::write(&part, bytes)
        .and_then(|()| fs::rename(&part, path))
        .map_err(|error| {
            // The part is of no use to anyone; that it may stay behind is the smaller trouble.
            let _ = fs::remove_file(&part);
            failed(error)
        })
}

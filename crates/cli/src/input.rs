//! Where haystacks come from: files, folders and standard input. What is left out of a folder is what ripgrep leaves out.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use blackbar_carriers::Format;
use ignore::WalkBuilder;

use crate::place::{self, FormatArg};
use crate::{terminal, unpack};

/// So much is read at once: a pipe's capacity on Linux, and small enough to stay in the cache while it is scanned.
pub(crate) const BLOCK: usize = 64 * 1024;

/// A file found in a folder counts as binary if a NUL stands in so many of its first bytes, unless `--all` is given.
const BINARY_WINDOW: usize = 8 * 1024;

/// One haystack that has not been opened yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    /// `None`: standard input.
    path: Option<PathBuf>,
    /// Found in a folder and not named by the user: may be left out if it is binary.
    found: bool,
}

/// The haystacks that the arguments name, and how many of them could not be found (these were reported).
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    pub(crate) list: Vec<Input>,
    pub(crate) problems: usize,
}

/// Names every haystack: `-` or nothing at all is standard input, folders are walked in the order of their names.
///
/// `all`: hidden, ignored and binary files of folders too.
pub(crate) fn expand(paths: &[PathBuf], all: bool) -> Inputs {
    let mut inputs = Inputs::default();
    if paths.is_empty() {
        if io::stdin().is_terminal() {
            terminal::note(
                "reading from the terminal; end with Ctrl-D, or name files (see --help)",
            );
        }
        inputs.list.push(Input {
            path: None,
            found: false,
        });
    }
    for path in paths {
        if path.as_os_str() == "-" {
            inputs.list.push(Input {
                path: None,
                found: false,
            });
        } else if path.is_dir() {
            let before = inputs.list.len() + inputs.problems;
            walk(path, all, &mut inputs);
            if inputs.list.len() + inputs.problems == before {
                terminal::note(&format!(
                    "there is no file to read in the folder `{}`{}",
                    path.display(),
                    if all {
                        ""
                    } else {
                        "; --all takes hidden and ignored ones too"
                    }
                ));
            }
        } else {
            inputs.list.push(Input {
                path: Some(path.clone()),
                found: false,
            });
        }
    }
    inputs
}

fn walk(folder: &Path, all: bool, inputs: &mut Inputs) {
    let walker = WalkBuilder::new(folder)
        .standard_filters(!all)
        .sort_by_file_name(|a, b| a.cmp(b))
        .build();
    for entry in walker {
        match entry {
            Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_file()) => {
                inputs.list.push(Input {
                    path: Some(entry.into_path()),
                    found: !all,
                });
            }
            Ok(_) => {}
            Err(error) => {
                inputs.problems += 1;
                terminal::report(&anyhow!(error).context("cannot walk a folder"));
            }
        }
    }
}

/// What opening an input gave.
pub(crate) enum Opened {
    /// A haystack, read up to where its format was clear.
    Haystack(Haystack),
    /// A binary file that nobody named: left out.
    Binary,
}

/// A haystack being read.
pub(crate) struct Haystack {
    pub(crate) format: Format,
    /// What was read in order to tell the format; comes before what `rest` still gives.
    pub(crate) head: Vec<u8>,
    pub(crate) rest: Box<dyn Read>,
}

impl Input {
    /// The name as it is shown, and as it stands in findings.
    pub(crate) fn name(&self) -> String {
        match &self.path {
            Some(path) => path.display().to_string(),
            None => "-".to_string(),
        }
    }

    /// Its size in bytes, if it is a plain file.
    pub(crate) fn size(&self) -> u64 {
        let metadata = self.path.as_ref().and_then(|path| path.metadata().ok());
        metadata
            .filter(std::fs::Metadata::is_file)
            .map_or(0, |metadata| metadata.len())
    }

    /// Opens it and reads as much as it takes to tell its format. `unpacks`: what is compressed is read decompressed.
    ///
    /// # Errors
    /// When it cannot be opened or read, naming it.
    pub(crate) fn open(&self, given: FormatArg, unpacks: bool) -> anyhow::Result<Opened> {
        let mut rest: Box<dyn Read> = match &self.path {
            Some(path) => Box::new(open(path)?),
            None => Box::new(io::stdin().lock()),
        };
        let mut path = self.path.clone();
        if unpacks {
            let unpacked = unpack::open(rest, self.path.as_deref())
                .with_context(|| format!("cannot read `{}`", self.name()))?;
            (rest, path) = (unpacked.reader, unpacked.path);
        }
        let mut head = vec![0; BINARY_WINDOW];
        let mut filled = 0;
        let format = loop {
            let more = read_some(&mut rest, &mut head[filled..])
                .with_context(|| format!("cannot read `{}`", self.name()))?;
            filled += more;
            let whole = more == 0 || filled == head.len();
            if let Some(format) = place::decide(given, path.as_deref(), &head[..filled], whole) {
                break format;
            }
        };
        head.truncate(filled);
        if self.found && memchr::memchr(0, &head).is_some() {
            return Ok(Opened::Binary);
        }
        Ok(Opened::Haystack(Haystack { format, head, rest }))
    }
}

/// Opens a file for reading.
///
/// # Errors
/// When it cannot be opened, or is a folder; names it.
pub(crate) fn open(path: &Path) -> anyhow::Result<File> {
    if path.is_dir() {
        return Err(anyhow!(
            "`{}` is a folder, and a file is needed here",
            path.display()
        ));
    }
    File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => anyhow!("there is no file `{}`", path.display()),
        _ => anyhow!("cannot open `{}`: {error}", path.display()),
    })
}

/// Reads a whole file.
///
/// # Errors
/// As [`open`], and when reading fails.
pub(crate) fn whole(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = open(path)?;
    file.read_to_end(&mut bytes)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(bytes)
}

/// Reads a haystack that is to be measured, and tells its format.
///
/// # Errors
/// As [`whole`], and when it is empty.
pub(crate) fn in_memory(path: &Path, given: FormatArg) -> anyhow::Result<(Vec<u8>, Format)> {
    let haystack = whole(path)?;
    if haystack.is_empty() {
        return Err(anyhow!(
            "`{}` is empty: there is nothing to measure",
            path.display()
        ));
    }
    let head = &haystack[..haystack.len().min(BINARY_WINDOW)];
    let format = place::decide(given, Some(path), head, true).unwrap_or_default();
    Ok((haystack, format))
}

/// One read that an interrupting signal does not end; 0 is the end of the input.
pub(crate) fn read_some(reader: &mut dyn Read, room: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(room) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// The note for files that a folder's walk left out, if any were.
pub(crate) fn note_binary(left_out: usize) {
    match left_out {
        0 => {}
        1 => terminal::note("1 binary file was left out; --all takes it too"),
        many => terminal::note(&format!(
            "{many} binary files were left out; --all takes them too"
        )),
    }
}

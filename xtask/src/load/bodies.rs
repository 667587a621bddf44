//! The bodies under load, and what must become of them. They are put together of lines of the benches' haystacks, so that no
//! value stands here; what a policy makes of them is asked of the command.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::process::run;
use crate::workspace::{cargo, root, scratch};

/// Bytes of a body at most; a body ends with a whole line.
const SIZE: usize = 64 << 10;
/// Bodies of each kind, sent in turn.
const COUNT: usize = 32;

/// How much there is to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing, under any policy.
    Clean,
    /// A line with something to find in 10 KiB.
    Sparse,
    /// One in 200 bytes.
    Dense,
}

impl Kind {
    pub(crate) const ALL: [Kind; 3] = [Kind::Clean, Kind::Sparse, Kind::Dense];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Clean => "clean",
            Kind::Sparse => "sparse",
            Kind::Dense => "dense",
        }
    }

    /// Bytes from one value to the next.
    fn distance(self) -> usize {
        match self {
            Kind::Clean => usize::MAX,
            Kind::Sparse => 10 << 10,
            Kind::Dense => 200,
        }
    }
}

/// The bodies of one kind.
#[derive(Debug)]
pub(crate) struct Bodies {
    pub(crate) kind: Kind,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) texts: Vec<Vec<u8>>,
    /// All of them one after the other, for `blackbar bench`.
    pub(crate) whole: PathBuf,
}

/// What a policy makes of the bodies of one kind.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) texts: Vec<Vec<u8>>,
    pub(crate) findings: Vec<u64>,
}

/// Makes the bodies of every kind.
pub(crate) fn make(blackbar: &Path) -> Result<Vec<Bodies>> {
    let folder = scratch()?.join("load");
    std::fs::create_dir_all(&folder)?;
    let (planted, plain) = (folder.join("planted.log"), folder.join("plain.log"));
    haystack("dense", 4, &planted)?;
    haystack("clean", 4, &plain)?;
    // What the smaller policy finds is found by the larger one; what the larger one does not find is clean.
    let hits = lines(&planted, &found(blackbar, "default", &planted)?, true)?;
    let misses = lines(&plain, &found(blackbar, "strict", &plain)?, false)?;
    ensure!(
        hits.len() > 100 && misses.len() > 1000,
        "the haystacks hold too few lines to choose from"
    );
    let mut hits = hits.iter().cycle();
    let mut misses = misses.iter().cycle();
    let mut all = Vec::new();
    for kind in Kind::ALL {
        let mut texts = Vec::new();
        for _ in 0..COUNT {
            let mut text: Vec<u8> = Vec::with_capacity(SIZE);
            let mut next = kind.distance().min(2 * SIZE) / 2;
            loop {
                let lines: &mut dyn Iterator<Item = &Vec<u8>> = if text.len() >= next {
                    &mut hits
                } else {
                    &mut misses
                };
                let line = lines.next().context("no lines")?;
                if text.len() + line.len() > SIZE {
                    break;
                }
                if text.len() >= next {
                    next += kind.distance();
                }
                text.extend_from_slice(line);
            }
            texts.push(text);
        }
        let mut files = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let file = folder.join(format!("{}-{index:02}.log", kind.name()));
            std::fs::write(&file, text)?;
            files.push(file);
        }
        let whole = folder.join(format!("{}-all.log", kind.name()));
        std::fs::write(&whole, texts.concat())?;
        all.push(Bodies {
            kind,
            files,
            texts,
            whole,
        });
    }
    Ok(all)
}

impl Bodies {
    /// Bytes of an average body.
    pub(crate) fn mean(&self) -> f64 {
        let all: usize = self.texts.iter().map(Vec::len).sum();
        all as f64 / self.texts.len() as f64
    }

    /// Asks the native engine what must come out.
    pub(crate) fn expected(&self, blackbar: &Path, policy: &str) -> Result<Expected> {
        let mut texts = Vec::new();
        for file in &self.files {
            let output = Command::new(blackbar)
                .current_dir(root())
                .args(["redact", "--policy", policy, "--format", "text"])
                .arg(file)
                .stdin(Stdio::null())
                .output()
                .context("cannot start blackbar")?;
            ensure!(output.status.success(), "`blackbar redact` failed");
            texts.push(output.stdout);
        }
        let mut findings = vec![0; self.files.len()];
        for (file, _) in scan(blackbar, policy, &self.files)? {
            let index = self.files.iter().position(|known| *known == file);
            findings[index.context("a finding in a file that was not asked for")?] += 1;
        }
        Ok(Expected { texts, findings })
    }
}

fn haystack(kind: &str, mib: u32, path: &Path) -> Result<()> {
    let file = std::fs::File::create(path)?;
    let mut command = cargo();
    command
        .args([
            "run",
            "--quiet",
            "--package",
            "blackbar-benches",
            "--bin",
            "haystack",
            "--",
            kind,
            &mib.to_string(),
        ])
        .stdout(file);
    run(&mut command).context("making a haystack failed")
}

/// Where findings start and end, by file.
fn scan(
    blackbar: &Path,
    policy: &str,
    files: &[PathBuf],
) -> Result<Vec<(PathBuf, (usize, usize))>> {
    let output = Command::new(blackbar)
        .current_dir(root())
        .args(["scan", "--policy", policy, "--format", "jsonl"])
        .args(files)
        .stdin(Stdio::null())
        .output()
        .context("cannot start blackbar")?;
    if !output.status.success() {
        bail!("`blackbar scan` failed");
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| {
            let finding: serde_json::Value = serde_json::from_str(line)?;
            let number = |name: &str| {
                let number = finding[name]
                    .as_u64()
                    .context("a finding without offsets")?;
                Ok::<_, anyhow::Error>(usize::try_from(number)?)
            };
            let file = finding["file"]
                .as_str()
                .context("a finding without a file")?;
            Ok((PathBuf::from(file), (number("start")?, number("end")?)))
        })
        .collect()
}

fn found(blackbar: &Path, policy: &str, file: &Path) -> Result<Vec<(usize, usize)>> {
    let found = scan(blackbar, policy, &[file.to_owned()])?;
    Ok(found.into_iter().map(|(_, range)| range).collect())
}

/// The lines of a file in which a finding lies, or those in which none does; each once.
fn lines(file: &Path, found: &[(usize, usize)], with: bool) -> Result<Vec<Vec<u8>>> {
    let text = std::fs::read(file)?;
    let mut found = found.to_vec();
    found.sort_unstable();
    let mut rest = found.as_slice();
    let mut start = 0;
    let mut seen = BTreeSet::new();
    let mut chosen = Vec::new();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let end = start + line.len();
        while let Some((first, others)) = rest.split_first()
            && first.1 <= start
        {
            rest = others;
        }
        let mut here = rest.iter().take_while(|range| range.0 < end);
        let has = here.any(|range| range.1 > start);
        if has == with && seen.insert(line) {
            chosen.push(line.to_vec());
        }
        start = end;
    }
    Ok(chosen)
}

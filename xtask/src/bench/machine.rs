//! What the figures were measured with: machine, versions, commit. A record without these says nothing.

use std::collections::BTreeMap;
use std::process::Command;

use super::{Tools, version};
use crate::process::answer;
use crate::workspace::root;

/// Instructions that decide how fast searching can be; of a processor's flags the others are not kept.
const FLAGS: [&str; 6] = ["ssse3", "avx2", "avx512bw", "avx512vbmi", "gfni", "asimd"];

/// Names and values, as far as they can be told.
pub(super) fn describe(tools: &Tools) -> BTreeMap<String, String> {
    let listing = answer(Command::new("lscpu").env("LC_ALL", "C")).unwrap_or_default();
    let field = |name: &str| {
        let line = listing
            .lines()
            .find(|line| line.trim_start().starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let flags = field("Flags:").map(|flags| {
        let known: Vec<&str> = flags
            .split_whitespace()
            .filter(|flag| FLAGS.contains(flag))
            .collect();
        known.join(" ")
    });
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| Some(text.split_whitespace().next()?.to_owned()));
    let changed = answer(Command::new("git").current_dir(root()).args([
        "status",
        "--porcelain",
        "--untracked-files=no",
    ]));
    let commit =
        version("git", &["rev-parse", "--short", "HEAD"]).map(|commit| match changed.as_deref() {
            Some("") => commit,
            _ => format!("{commit}, changed"),
        });
    let all = [
        ("processor", field("Model name")),
        ("vector instructions", flags),
        ("L2 cache", field("L2")),
        ("L3 cache", field("L3")),
        ("hypervisor", field("Hypervisor vendor")),
        ("cores", Some(cores.to_string())),
        ("load before", load),
        ("kernel", version("uname", &["-sr"])),
        ("commit", commit),
        ("date", version("date", &["+%Y-%m-%d"])),
        ("rustc", version("rustc", &["--version"])),
        ("node", tools.node.clone().ok()),
        ("C compiler", version("cc", &["--version"])),
        ("blackbar", Some(env!("CARGO_PKG_VERSION").to_owned())),
    ];
    all.into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

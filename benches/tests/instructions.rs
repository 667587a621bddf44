//! How many instructions the module spends on a byte, counted by the Wasm host: the same on every machine and in every run, so that a
//! change of the engine or the compiler shows even where a clock would not see it. The policy is made of generated rules and the
//! haystacks of a seed; neither changes when the shipped packs do.
//!
//! `cargo xtask instructions` runs this and prints the table; with `--bless` it writes `records/instructions.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use blackbar_benches::haystack::{Kind, Recipe};
use blackbar_benches::lane::Wasm;
use blackbar_benches::{BLESS, policy};
use blackbar_host_test::Module;
use serde::{Deserialize, Serialize};

/// So much more, as a share, is a change for the worse.
const TOLERANCE: f64 = 0.03;
/// The same where another compiler built the module than the one that the record is of: it chooses other instructions.
const OTHER_COMPILER: f64 = 0.20;
/// Enough for every rule to come up several times.
const KIB: u32 = 128;
/// Name, kind, bytes of a chunk.
const ROWS: [(&str, Kind, usize); 11] = [
    ("sparse", Kind::Sparse, 65_536),
    ("sparse, chunks of 1 KiB", Kind::Sparse, 1024),
    ("dense", Kind::Dense, 65_536),
    ("clean", Kind::Clean, 65_536),
    ("fingerprints", Kind::Fingerprints, 65_536),
    ("codes", Kind::Codes, 65_536),
    ("near misses", Kind::NearMisses, 65_536),
    ("matches", Kind::Matches, 65_536),
    ("digits", Kind::Digits, 65_536),
    ("base64", Kind::Base64, 65_536),
    ("one byte", Kind::OneByte, 65_536),
];
/// The row of what it takes to start and configure the module; its unit is a byte of the artifact.
const LOAD: &str = "load";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    /// What built the module, as far as it can be told: the commit of the standard library inside.
    compiler: String,
    /// Instructions for each byte of the haystack.
    per_byte: BTreeMap<String, f64>,
}

#[test]
fn no_byte_costs_more_than_recorded() {
    let counted = count();
    let path = path();
    println!("{:<26} {:>12}", "", "now per byte");
    if env::var_os(BLESS).is_some() {
        for (name, now) in &counted.per_byte {
            println!("{name:<26} {now:>12.3}");
        }
        let text = toml::to_string(&counted).unwrap();
        let head = "# Instructions of the module for each byte of a haystack. Written by `cargo xtask instructions --bless`.\n";
        fs::write(&path, format!("{head}{text}")).unwrap();
        return;
    }
    let recorded: Record = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let tolerance = if recorded.compiler == counted.compiler {
        TOLERANCE
    } else {
        println!("another compiler built the module than the recorded one: the tolerance is wider");
        OTHER_COMPILER
    };
    let names = |record: &Record| record.per_byte.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        names(&recorded),
        names(&counted),
        "other rows than recorded; `cargo xtask instructions --bless` writes them"
    );
    let (mut worse, mut better) = (Vec::new(), 0);
    for (name, now) in &counted.per_byte {
        let change = now / recorded.per_byte[name] - 1.0;
        println!("{name:<26} {now:>12.3} {:>+8.2} %", change * 100.0);
        if change > tolerance {
            worse.push(format!("{name}: {:+.2} %", change * 100.0));
        }
        better += usize::from(change < -tolerance);
    }
    if better > 0 {
        println!(
            "{better} rows are better than recorded: keep that with `cargo xtask instructions --bless`"
        );
    }
    assert!(
        worse.is_empty(),
        "more instructions than recorded, {} % are let pass:\n{}\nmeant and worth it? `cargo xtask instructions --bless` records them",
        tolerance * 100.0,
        worse.join("\n")
    );
}

#[test]
fn counts_do_not_vary() {
    let module = gate().1;
    let mut runs = [(); 2].map(|()| {
        let mut lane = Wasm::new(&module, "enforce").unwrap();
        let haystack = haystack(Kind::Sparse);
        lane.redact(&haystack[..16 << 10], 4096).unwrap();
        lane.host().fuel_used()
    });
    assert!(runs[0] > 100_000);
    runs[1] -= runs[0];
    assert_eq!(runs[1], 0);
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("records/instructions.toml")
}

fn haystack(kind: Kind) -> Vec<u8> {
    let recipe = Recipe {
        kind,
        kib: KIB,
        seed: 1,
        byte: None,
    };
    recipe.make(&policy::load("gate").unwrap()).unwrap()
}

/// The artifact's size, and the module with it, counting.
fn gate() -> (usize, Module) {
    let artifact = policy::compile(&policy::load("gate").unwrap())
        .unwrap()
        .artifact;
    let wasm = blackbar_module::embed(blackbar_module::MODULE, &artifact).unwrap();
    (artifact.len(), Module::with_fuel(&wasm).unwrap())
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn count() -> Record {
    let (artifact, module) = gate();
    let mut per_byte = BTreeMap::new();
    for (name, kind, chunk) in ROWS {
        let haystack = haystack(kind);
        let mut lane = Wasm::new(&module, "enforce").unwrap();
        let before = lane.host().fuel_used();
        let seen = lane.redact(&haystack, chunk).unwrap();
        let used = lane.host().fuel_used() - before;
        // A count of an engine that finds nothing would be of nothing.
        assert!(kind != Kind::Dense || seen.findings > 300, "{seen:?}");
        let rounded = |used: u64, of: usize| (used as f64 / of as f64 * 1e3).round() / 1e3;
        per_byte.insert(name.to_owned(), rounded(used, haystack.len()));
        if name == ROWS[0].0 {
            per_byte.insert(LOAD.to_owned(), rounded(before, artifact));
        }
    }
    Record {
        compiler: compiler(),
        per_byte,
    }
}

/// The commit of the compiler whose standard library is in the module: panic messages name its files.
fn compiler() -> String {
    let module = blackbar_module::MODULE;
    let mark = b"/rustc/";
    let found = module
        .windows(mark.len())
        .position(|window| window == mark)
        .and_then(|at| module.get(at + mark.len()..at + mark.len() + 40))
        .filter(|commit| commit.iter().all(u8::is_ascii_hexdigit));
    found.map_or_else(
        || "unknown".to_owned(),
        |commit| String::from_utf8_lossy(commit).into_owned(),
    )
}

//! Writes a haystack: `cargo run -p blackbar-benches --bin haystack -- sparse 16 > haystack.log` (16 MiB). The kinds that attack a
//! policy are written by `bench-runner haystack DEFINITION`, which knows the policy.

use std::io::Write;
use std::process::ExitCode;

use blackbar_benches::{Kind, Recipe, policy};

/// Definitions name it; another one gives other text of the same kind.
const SEED: u64 = 1;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let kind = match arguments.first().map(String::as_str) {
        Some("sparse") => Some(Kind::Sparse),
        Some("dense") => Some(Kind::Dense),
        Some("clean") => Some(Kind::Clean),
        Some("digits") => Some(Kind::Digits),
        Some("base64") => Some(Kind::Base64),
        _ => None,
    };
    let mib = arguments
        .get(1)
        .and_then(|mib| mib.parse::<u32>().ok())
        .filter(|mib| (1..=1024).contains(mib));
    let (Some(kind), Some(mib)) = (kind, mib) else {
        eprintln!("usage: haystack sparse|dense|clean|digits|base64 MIB (1 to 1024)");
        return ExitCode::from(2);
    };
    let recipe = Recipe {
        kind,
        kib: mib << 10,
        seed: SEED,
        byte: None,
    };
    let made = policy::load("gate").map(|policy| recipe.make(&policy).unwrap_or_default());
    match made.map(|text| std::io::stdout().write_all(&text)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("cannot write: {error}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

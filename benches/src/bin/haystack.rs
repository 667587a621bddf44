//! Writes a haystack: `cargo run -p blackbar-benches --bin haystack -- logs 16 > haystack.log` (16 MiB).

use std::io::Write;
use std::process::ExitCode;

use blackbar_benches::{Kind, haystack};

/// Records name it; another one gives other text of the same kind.
const SEED: u64 = 1;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let kind = match arguments.first().map(String::as_str) {
        Some("logs") => Some(Kind::Logs),
        Some("clean") => Some(Kind::Clean),
        _ => None,
    };
    let mib = arguments
        .get(1)
        .and_then(|mib| mib.parse::<usize>().ok())
        .filter(|mib| (1..=1024).contains(mib));
    let (Some(kind), Some(mib)) = (kind, mib) else {
        eprintln!("usage: haystack logs|clean MIB (1 to 1024)");
        return ExitCode::from(2);
    };
    match std::io::stdout().write_all(&haystack(kind, mib << 20, SEED)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot write: {error}");
            ExitCode::FAILURE
        }
    }
}

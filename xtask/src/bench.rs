//! `cargo xtask bench`: throughput of the command, native and in Wasm. What a haystack is made of is in benches/.

use anyhow::Result;

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Size of the haystack in MiB
    #[arg(long, default_value_t = 16)]
    mib: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    println!("{}", arguments.mib);
    Ok(true)
}

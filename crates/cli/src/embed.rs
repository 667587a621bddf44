//! `blackbar embed`: a compiled policy into the prebuilt module, without a Rust toolchain. How that is done is the module crate's.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;

use crate::{Outcome, input, output, policy};

/// Put a policy into the Wasm module that a proxy loads
///
/// The module lies inside this binary; nothing is built or downloaded. Without plugin configuration the module then runs the
/// policy's base profile.
#[derive(Args)]
#[command(after_help = "\
Examples:
  blackbar embed --policy default -o filter.wasm
  blackbar embed --policy mine.bbar -o filter.wasm            an artifact that was compiled before
  blackbar embed --policy mine.toml --module own.wasm -o filter.wasm
                                                              into a module that you built yourself")]
pub(crate) struct Arguments {
    /// A policy file, the folder of a pack, the name of a built-in, or an artifact (.bbar)
    #[arg(short, long, value_name = "P", default_value = policy::DEFAULT)]
    policy: String,
    /// Another module than the one inside this binary
    #[arg(long, value_name = "M")]
    module: Option<PathBuf>,
    /// Where to write the module
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let artifact = policy::artifact(&arguments.policy)?;
    let (module, name) = match &arguments.module {
        Some(path) => (input::whole(path)?, format!("`{}`", path.display())),
        None => (
            blackbar_module::MODULE.to_vec(),
            "the module inside this binary".to_string(),
        ),
    };
    let filled = blackbar_module::embed(&module, &artifact).map_err(|error| {
        let help = match arguments.module {
            Some(_) => "; without --module the one inside this binary is taken",
            None => "",
        };
        anyhow!(
            "cannot put the policy `{}` into {name}: {error}{help}",
            arguments.policy
        )
    })?;
    output::write(&arguments.output, &filled)?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{}: {} bytes, of which the policy `{}` is {}",
        arguments.output.display(),
        filled.len(),
        arguments.policy,
        artifact.len()
    )?;
    out.flush()?;
    Ok(Outcome::Fine)
}

//! `blackbar redact`: haystacks in, the same bytes without what the policy finds out. Bounded memory, whatever the size.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use indicatif::ProgressBar;

use crate::input::{self, BLOCK, Haystack, Input, Opened};
use crate::lane::{Lane, Which};
use crate::place::FormatArg;
use crate::terminal::{self, Unit};
use crate::{Outcome, policy};

/// Redact files or standard input to standard output
///
/// Reads in blocks and writes as soon as a byte is decided, so `tail -f` works and memory does not grow with the input. Bytes
/// outside findings come out as they went in, whatever their encoding. Each file is a haystack of its own.
#[derive(Args)]
#[command(after_help = "\
Examples:
  tail -f app.log | blackbar redact                       as the log grows
  blackbar redact --policy strict dump.json > clean.json  a file, JSON by its name
  blackbar redact --policy policies/mine.toml logs/       every text file of a folder, one after another
  blackbar redact -z app.log.1.gz | gzip > clean.gz       what is compressed; it is written decompressed
  blackbar redact --engine wasm app.log                   through the very module that runs in the proxy")]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: policy::Choice,
    /// What runs the policy: the native engine, or the Wasm module in a host that behaves as Envoy does
    #[arg(long, value_enum, default_value_t = Which::Native)]
    engine: Which,
    /// Feed the engine in chunks of so many bytes; the output does not depend on it
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..=1 << 26))]
    chunk: Option<u32>,
    /// The form of the input
    #[arg(long, value_enum, default_value_t = FormatArg::Auto)]
    format: FormatArg,
    /// Read what is compressed (gzip, zstd; brotli by the name *.br) decompressed: what is written is decompressed, too
    #[arg(short = 'z', long)]
    search_zip: bool,
    /// What the input is, of the messages in the policy's descriptors: `package.Message`. For protobuf and gRPC
    #[arg(long, value_name = "MESSAGE")]
    message: Option<String>,
    /// Hidden, ignored and binary files of folders too
    #[arg(long)]
    all: bool,
    /// Files or folders; `-` or nothing: standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let ready = arguments.choice.ready()?;
    let message = arguments.message.as_deref();
    let mut lane = Lane::new(arguments.engine, ready)?;
    lane.set_message(message)?;
    let inputs = input::expand(&arguments.files, arguments.all);
    let mut problems = inputs.problems;
    let mut binary = 0;
    let mut out = io::stdout().lock();
    // A bar over the redacted text itself would only disturb.
    let total = if out.is_terminal() {
        0
    } else {
        inputs.list.iter().map(Input::size).sum()
    };
    let bar = if total > 0 {
        terminal::progress(total, Unit::Bytes)
    } else {
        ProgressBar::hidden()
    };
    for one in &inputs.list {
        match one.open(arguments.format, arguments.search_zip) {
            Ok(Opened::Binary) => binary += 1,
            Ok(Opened::Haystack(haystack)) => {
                if let Some(error) = redact(&mut lane, haystack, arguments.chunk, &mut out, &bar)? {
                    problems += 1;
                    terminal::report(
                        &anyhow::Error::from(error)
                            .context(format!("cannot read `{}` to its end", one.name())),
                    );
                }
                if lane.unread() > 0 {
                    problems += 1;
                    terminal::report(&anyhow::anyhow!(
                        "`{}` holds compressed frames that nothing here reads ({}); they were written as they came",
                        one.name(),
                        lane.unread()
                    ));
                }
            }
            Err(error) => {
                problems += 1;
                terminal::report(&error);
            }
        }
    }
    out.flush()?;
    bar.finish_and_clear();
    input::note_binary(binary);
    Ok(if problems > 0 {
        Outcome::BadInput
    } else {
        Outcome::Fine
    })
}

/// Redacts one haystack. An input that breaks off is ended properly (nothing undecided is lost or let through) and its error is
/// the inner result; the outer error is one of writing, or of the module.
fn redact(
    lane: &mut Lane,
    mut haystack: Haystack,
    chunk: Option<u32>,
    out: &mut dyn Write,
    bar: &ProgressBar,
) -> anyhow::Result<Option<io::Error>> {
    lane.start(haystack.format)?;
    let mut decided = Vec::with_capacity(2 * BLOCK);
    let step = chunk.map(|bytes| bytes as usize);
    for piece in haystack.head.chunks(step.unwrap_or(BLOCK)) {
        lane.feed(piece, &mut decided)?;
    }
    bar.inc(haystack.head.len() as u64);
    let mut block = vec![0; if step.is_some() { BLOCK } else { 0 }];
    let broken = loop {
        write(out, &mut decided)?;
        let read = match step {
            // Straight into the engine's window: no copy.
            None => input::read_some(&mut haystack.rest, lane.room(BLOCK)),
            Some(_) => input::read_some(&mut haystack.rest, &mut block),
        };
        let read = match read {
            Ok(0) => break None,
            Ok(read) => read,
            Err(error) => break Some(error),
        };
        match step {
            None => lane.commit(read, &mut decided)?,
            Some(step) => {
                for piece in block[..read].chunks(step) {
                    lane.feed(piece, &mut decided)?;
                }
            }
        }
        bar.inc(read as u64);
    };
    lane.end(&mut decided)?;
    write(out, &mut decided)?;
    Ok(broken)
}

/// Writes what is decided and leaves nothing in a buffer: whoever reads a pipe sees each line as it comes.
fn write(out: &mut dyn Write, decided: &mut Vec<u8>) -> anyhow::Result<()> {
    out.write_all(decided)
        .and_then(|()| out.flush())
        .context("cannot write to standard output")?;
    decided.clear();
    Ok(())
}

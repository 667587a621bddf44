//! The engines: which take part where, and running one. Each is a process that speaks the protocol of bench-runner.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{Made, Policy, Tools};
use crate::workspace::root;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// This engine, compiled for this machine.
    Native,
    /// The same with vectors of 16 bytes, as wide as a Wasm module has them.
    Native128,
    /// The module in the wasmtime host.
    Wasmtime,
    /// The module in V8.
    V8,
    /// Vectorscan, block mode, without match starts.
    Vectorscan,
    /// A `RegexSet` for each line, then the regexes that it names.
    RegexSet,
    /// Literals by aho-corasick for each line, then the regexes that they name.
    AhoRegex,
}

impl Engine {
    /// Those that run a definition, in the order in which they are shown.
    pub(crate) fn of(definition: &str, quick: bool) -> Vec<Self> {
        let ours = [Self::Native, Self::Native128, Self::Wasmtime, Self::V8];
        let peers = [Self::Vectorscan, Self::AhoRegex, Self::RegexSet];
        match definition {
            "strict-sparse" | "strict-dense" | "strict-clean" | "strict-real-logs" => {
                [&ours[..], &peers[..]].concat()
            }
            _ if definition.starts_with("rules-") => vec![
                Self::Native,
                Self::Wasmtime,
                Self::V8,
                Self::Vectorscan,
                Self::AhoRegex,
            ],
            _ if definition.starts_with("attack-") && !quick => {
                vec![Self::Native, Self::Wasmtime, Self::V8, Self::Vectorscan]
            }
            _ if definition.starts_with("attack-") => vec![Self::Native, Self::Wasmtime],
            _ => vec![Self::Native, Self::Wasmtime, Self::V8],
        }
    }

    /// Its name in records.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Native128 => "native, 16-byte vectors",
            Self::Wasmtime => "wasmtime",
            Self::V8 => "V8",
            Self::Vectorscan => "Vectorscan",
            Self::RegexSet => "RegexSet",
            Self::AhoRegex => "aho-corasick + regex",
        }
    }

    /// Whether it is this project's: its result must be exactly what the definition says.
    pub(crate) fn is_ours(self) -> bool {
        !matches!(self, Self::Vectorscan | Self::RegexSet | Self::AhoRegex)
    }

    /// Starts it over a definition's haystack and waits until it is ready. `None` where it is absent.
    pub(crate) fn start(
        self,
        tools: &Tools,
        policy: &Policy,
        made: &Made,
    ) -> Result<Option<Running>> {
        let mut command = match self {
            Self::Vectorscan => match &tools.vectorscan {
                Ok(program) => {
                    let mut command = Command::new(program);
                    command.arg(&policy.exported);
                    command
                }
                Err(_) => return Ok(None),
            },
            Self::V8 => {
                if tools.node.is_err() {
                    return Ok(None);
                }
                // As Envoy's V8 runs it: everything compiled with full optimisation before it starts.
                let mut command = Command::new("node");
                command
                    .args(["--no-liftoff", "--no-wasm-lazy-compilation"])
                    .arg(root().join("benches/v8/host.mjs"))
                    .arg(&policy.module);
                command
            }
            Self::Native | Self::Native128 | Self::Wasmtime | Self::RegexSet | Self::AhoRegex => {
                let (name, rules) = match self {
                    Self::Wasmtime => ("wasmtime", &policy.module),
                    Self::RegexSet => ("regex-set", &policy.exported),
                    Self::AhoRegex => ("aho-regex", &policy.exported),
                    _ => ("native", &policy.artifact),
                };
                let mut command = Command::new(&tools.runner);
                command.args(["run", name, "--rules"]).arg(rules);
                if self == Self::Native128 {
                    command.env("BLACKBAR_SIMD", "ssse3");
                }
                command
            }
        };
        if matches!(self, Self::Vectorscan | Self::V8) {
            command.arg(&made.haystack).arg(made.chunk.to_string());
        } else {
            command
                .arg("--haystack")
                .arg(&made.haystack)
                .arg("--chunk")
                .arg(made.chunk.to_string());
        }
        Running::start(self, &mut command).map(Some)
    }
}

/// An engine that is ready and waits to be asked.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) engine: Engine,
    /// What it said about itself.
    pub(crate) about: Value,
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

/// What some passes gave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    /// Seconds for all passes.
    pub(crate) seconds: f64,
    pub(crate) findings: u64,
    pub(crate) bytes_out: u64,
}

impl Running {
    fn start(engine: Engine, command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("cannot start the engine {}", engine.name()))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let output = output.context("an engine has no output")?;
        let mut running = Self {
            engine,
            about: Value::Null,
            child,
            input,
            output: BufReader::new(output).lines(),
        };
        running.about = running.line()?;
        Ok(running)
    }

    /// So many passes over the haystack.
    pub(crate) fn passes(&mut self, passes: u32) -> Result<Answer> {
        let input = self.input.as_mut().context("an engine has no input")?;
        writeln!(input, "{passes}")?;
        input.flush()?;
        let line = self.line()?;
        let number = |field: &str| {
            line[field]
                .as_u64()
                .with_context(|| format!("{} did not say its {field}", self.engine.name()))
        };
        #[expect(clippy::cast_precision_loss, reason = "2^52 ns are 52 days")]
        Ok(Answer {
            seconds: number("ns")? as f64 / 1e9,
            findings: number("findings")?,
            bytes_out: number("bytes_out")?,
        })
    }

    fn line(&mut self) -> Result<Value> {
        match self.output.next() {
            Some(line) => serde_json::from_str(&line?)
                .with_context(|| format!("{} did not print JSON", self.engine.name())),
            None => bail!("the engine {} ended early", self.engine.name()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The end of its input is its end.
        self.input = None;
        let _ = self.child.wait();
    }
}

//! What is claimed of this engine, and whether a run shows it: ratios of medians of one run, and sizes. And the few figures that no
//! definition gives: loading, memory, the command from file to file.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::engine::Engine;
use super::measure::{Effort, Measured, Spread};
use super::{Made, Prepared, Tools};
use crate::workspace::scratch;

/// How often the sparse haystack is repeated in the file that the command redacts.
const REPEATED: u32 = 16;

/// The attack that makes as many streams as codes can be decoded in orders; held against its target by itself, for nothing that other attacks
/// gain would show beside it.
const CODES: &str = "attack-codes";

/// One claim, held against what was measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Claim {
    pub(crate) title: String,
    /// `None`: what it needs was not measured, or is absent.
    pub(crate) value: Option<f64>,
    pub(crate) target: f64,
    /// Whether the value has to be at least the target; otherwise at most.
    pub(crate) at_least: bool,
    pub(crate) unit: String,
}

impl Claim {
    /// Whether it is met, where there is a value.
    pub(crate) fn met(&self) -> Option<bool> {
        self.value.map(|value| {
            if self.at_least {
                value >= self.target
            } else {
                value <= self.target
            }
        })
    }
}

/// Figures that no definition gives.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Extras {
    /// Milliseconds until a policy is ready.
    pub(crate) load_native_ms: Option<Spread>,
    pub(crate) load_wasmtime_ms: Option<Spread>,
    pub(crate) load_v8_ms: Option<Spread>,
    /// What `bench-runner memory` says.
    pub(crate) memory: Option<Value>,
    /// Rates of `blackbar redact FILE` into a file and into nothing, and of the engine over the same bytes in the same rounds.
    pub(crate) command_to_file_mb_s: Option<Spread>,
    pub(crate) command_to_null_mb_s: Option<Spread>,
    pub(crate) engine_same_bytes_mb_s: Option<Spread>,
    /// Time for each byte of that file over the time for each byte of its sixteenth, in the same rounds.
    pub(crate) growth: Option<Spread>,
    /// Ratios of each round.
    pub(crate) command_to_file: Option<Spread>,
    pub(crate) command_to_null: Option<Spread>,
}

impl Extras {
    pub(crate) fn measure(tools: &Tools, prepared: &Prepared, effort: &Effort) -> Result<Self> {
        eprintln!("bench: loading, memory, the command from file to file ...");
        let policy = prepared
            .policies
            .get("strict")
            .context("strict is not measured")?;
        let sparse = prepared.made("strict-sparse")?;
        let runs = if effort.quick { "5" } else { "21" };
        let flag = OsStr::new;
        let load = tools.ask(&[
            flag("load"),
            flag("--artifact"),
            policy.artifact.as_os_str(),
            flag("--wasm"),
            policy.module.as_os_str(),
            flag("--runs"),
            flag(runs),
        ])?;
        let memory = tools.ask(&[
            flag("memory"),
            flag("--wasm"),
            policy.module.as_os_str(),
            flag("--haystack"),
            sparse.haystack.as_os_str(),
        ])?;
        let mut extras = Self {
            load_native_ms: milliseconds(&load["native_ns"]),
            load_wasmtime_ms: milliseconds(&load["wasmtime_ns"]),
            memory: Some(memory),
            ..Self::default()
        };
        if let Some(running) = Engine::V8.start(tools, policy, sparse)? {
            extras.load_v8_ms = milliseconds(&running.about["load_ns"]);
        }
        extras.end_to_end(tools, &policy.artifact, policy, sparse, effort)?;
        Ok(extras)
    }

    /// The command as a user runs it, from a file to a file, beside the engine over the same bytes.
    fn end_to_end(
        &mut self,
        tools: &Tools,
        artifact: &Path,
        policy: &super::Policy,
        sparse: &Made,
        effort: &Effort,
    ) -> Result<()> {
        let folder = scratch()?.join("bench");
        let (input, output) = (folder.join("large.log"), folder.join("large.out"));
        let haystack = std::fs::read(&sparse.haystack)?;
        std::fs::write(&input, haystack.repeat(REPEATED as usize))?;
        let made = Made {
            haystack: input.clone(),
            bytes: sparse.bytes * u64::from(REPEATED),
            ..sparse.clone()
        };
        let mut engine = Engine::Native
            .start(tools, policy, &made)?
            .context("there is no native engine")?;
        let expected = engine.passes(1)?.bytes_out;
        let mut once = Engine::Native
            .start(tools, policy, sparse)?
            .context("there is no native engine")?;
        once.passes(1)?;
        let rounds = if effort.quick { 3 } else { 9 };
        let rate = |seconds: f64| made.bytes as f64 / 1e6 / seconds.max(1e-9);
        let (mut native, mut to_file, mut to_null) = (Vec::new(), Vec::new(), Vec::new());
        let mut growth = Vec::new();
        for _ in 0..rounds {
            let seconds = engine.passes(1)?.seconds;
            growth.push(seconds / once.passes(REPEATED)?.seconds.max(1e-9));
            native.push(rate(seconds));
            to_file.push(rate(redact(
                &tools.blackbar,
                artifact,
                &input,
                Some(&output),
            )?));
            let written = std::fs::metadata(&output)?.len();
            ensure!(
                written == expected,
                "`blackbar redact` wrote {written} bytes, and the engine {expected}"
            );
            to_null.push(rate(redact(&tools.blackbar, artifact, &input, None)?));
        }
        let over = |rates: &[f64]| {
            let each: Vec<f64> = rates.iter().zip(&native).map(|(a, b)| a / b).collect();
            Spread::of(&each)
        };
        self.command_to_file = Some(over(&to_file));
        self.command_to_null = Some(over(&to_null));
        self.growth = Some(Spread::of(&growth));
        self.command_to_file_mb_s = Some(Spread::of(&to_file));
        self.command_to_null_mb_s = Some(Spread::of(&to_null));
        self.engine_same_bytes_mb_s = Some(Spread::of(&native));
        for path in [input, output] {
            std::fs::remove_file(path)?;
        }
        Ok(())
    }
}

/// Seconds of one `blackbar redact`, from its start to its end.
fn redact(blackbar: &Path, artifact: &Path, input: &Path, output: Option<&PathBuf>) -> Result<f64> {
    let stdout = match output {
        Some(path) => File::create(path)?.into(),
        None => Stdio::null(),
    };
    let mut command = Command::new(blackbar);
    command
        .args(["redact", "--format", "text", "--policy"])
        .arg(artifact)
        .arg(input)
        .stdin(Stdio::null())
        .stdout(stdout);
    let start = Instant::now();
    let status = command.status().context("cannot start blackbar")?;
    let seconds = start.elapsed().as_secs_f64();
    ensure!(status.success(), "`blackbar redact` failed");
    Ok(seconds)
}

#[expect(clippy::cast_precision_loss, reason = "2^52 ns are 52 days")]
fn milliseconds(list: &Value) -> Option<Spread> {
    let all: Vec<f64> = list
        .as_array()?
        .iter()
        .filter_map(Value::as_u64)
        .map(|ns| ns as f64 / 1e6)
        .collect();
    (!all.is_empty()).then(|| Spread::of(&all))
}

/// Everything that is claimed, in the order of issue and README.
pub(crate) fn all(prepared: &Prepared, results: &[Measured], extras: &Extras) -> Vec<Claim> {
    let rate = |definition: &str, engine: Engine| {
        results
            .iter()
            .find(|one| one.definition == definition && one.engine == engine.name())
            .map(|one| one.mb_s.median)
    };
    let over = |a: Option<f64>, b: Option<f64>| Some(a? / b?);
    let mut claims = Vec::new();
    let mut at_least = |title: String, value: Option<f64>, target: f64| {
        claims.push(Claim {
            title,
            value,
            target,
            at_least: true,
            unit: "x".to_owned(),
        });
    };
    for (definition, target) in [("strict-sparse", 6.0), ("strict-dense", 4.0)] {
        for engine in [Engine::Wasmtime, Engine::V8] {
            at_least(
                format!("{definition}: {} over Vectorscan", engine.name()),
                over(
                    rate(definition, engine),
                    rate(definition, Engine::Vectorscan),
                ),
                target,
            );
        }
    }
    for engine in [Engine::Wasmtime, Engine::V8] {
        at_least(
            format!(
                "strict-sparse: {} over native with 16-byte vectors",
                engine.name()
            ),
            over(
                rate("strict-sparse", engine),
                rate("strict-sparse", Engine::Native128),
            ),
            0.75,
        );
    }
    for engine in [Engine::Native, Engine::Wasmtime, Engine::V8] {
        at_least(
            format!("1,000 rules over 100, {}", engine.name()),
            over(
                rate("rules-1000-sparse", engine),
                rate("rules-0100-sparse", engine),
            ),
            0.7,
        );
    }
    for engine in [Engine::Native, Engine::Wasmtime] {
        let slowest = results
            .iter()
            .filter(|one| one.definition.starts_with("attack-") && one.definition != CODES)
            .filter(|one| one.engine == engine.name())
            .min_by(|a, b| a.mb_s.median.total_cmp(&b.mb_s.median));
        at_least(
            match slowest {
                Some(one) => format!(
                    "slowest attack ({}) over sparse, {}",
                    one.definition,
                    engine.name()
                ),
                None => format!("slowest attack over sparse, {}", engine.name()),
            },
            over(
                slowest.map(|one| one.mb_s.median),
                rate("strict-sparse", engine),
            ),
            0.1,
        );
        at_least(
            format!(
                "attack with codes side by side over sparse, {}",
                engine.name()
            ),
            over(rate(CODES, engine), rate("strict-sparse", engine)),
            0.1,
        );
    }
    at_least(
        "`blackbar redact` from file to file over the engine".to_owned(),
        extras.command_to_file.map(|spread| spread.median),
        0.8,
    );
    let mut at_most = |title: &str, value: Option<f64>, target: f64, unit: &str| {
        claims.push(Claim {
            title: title.to_owned(),
            value,
            target,
            at_least: false,
            unit: unit.to_owned(),
        });
    };
    at_most(
        "time for each byte, 16 times the bytes over once, native",
        extras.growth.map(|spread| spread.median),
        1.4,
        "x",
    );
    let size = prepared
        .policies
        .get("strict")
        .map(|policy| policy.artifact_bytes as f64 / 1e6);
    at_most("artifact of strict", size, 2.5, "MB");
    let median = |spread: Option<Spread>| spread.map(|spread| spread.median);
    at_most(
        "loading strict in wasmtime",
        median(extras.load_wasmtime_ms),
        5.0,
        "ms",
    );
    at_most("loading strict in V8", median(extras.load_v8_ms), 5.0, "ms");
    let memory = |field: &str| Some(extras.memory.as_ref()?[field].as_f64()? / 1024.0);
    at_most(
        "guest memory with 64 streams open",
        memory("open_bytes").map(|kib| kib / 1024.0),
        16.0,
        "MiB",
    );
    at_most(
        "memory of a stream at rest",
        memory("stream_bytes"),
        16.0,
        "KiB",
    );
    claims
}

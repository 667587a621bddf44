//! `blackbar test`: runs the cases that lie beside packs, in the native engine and in the Wasm module. How one case is run and
//! judged lives in [`verdict`]; what a case is, in the policy crate.

pub(crate) mod verdict;

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::Context;
use blackbar_carriers::Views;
use blackbar_engine::{Engine, Plan};
use blackbar_policy::Policy;
use blackbar_policy::cases::{self, Case, Kind, PackCases};
use blackbar_policy::load::Builtins as _;
use blackbar_policy::model::{FilePlace, PackInfo};
use clap::{Args, ValueEnum};

use crate::builtins::BUILTINS;
use crate::lane::{Filter, Lane, Which};
use crate::show::count;
use crate::terminal::{self, Unit};
use crate::views::ViewArgs;
use crate::{Outcome, policy};
use verdict::{Failure, Native};

/// Run the cases of packs
///
/// Each case gives an input and the exact output. It is run whole, in 1-byte chunks and split at every position, and must give
/// the same bytes each time; what comes out must come out unchanged when it goes in again. All rules of the pack are on, with
/// the pack's own actions. Of a profile the cases of its packs are run, and its own. Without P: as for `check`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  blackbar test policies/mine                     one pack, in the native engine
  blackbar test --engine both                     every pack here, in the module too
  blackbar test secrets --rule github.pat --show-values
                                                  one rule; on failure with expected and actual output")]
pub(crate) struct Arguments {
    /// Where the cases are run
    #[arg(long, value_enum, default_value_t = Engines::Native)]
    engine: Engines,
    #[command(flatten)]
    views: ViewArgs,
    /// Only the cases of this rule
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Show the expected and the actual output of a case that fails
    #[arg(long)]
    show_values: bool,
    /// Policy files, folders of packs, folders that hold these, or names of built-ins
    #[arg(value_name = "P")]
    policies: Vec<String>,
}

/// Where cases are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engines {
    /// In the native engine
    Native,
    /// In the Wasm module
    Wasm,
    /// In both
    Both,
}

impl Engines {
    fn list(self) -> &'static [Which] {
        match self {
            Self::Native => &[Which::Native],
            Self::Wasm => &[Which::Wasm],
            Self::Both => &[Which::Native, Which::Wasm],
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let names = policy::expand(&arguments.policies)?;
    let mut out = io::stdout().lock();
    let (mut passed, mut failed) = (0, 0);
    // A pack on its own and as part of a profile is run once.
    let mut seen = HashSet::new();
    let mut unknown = arguments.rule.as_deref();
    for name in &names {
        let policy = policy::read(name)?;
        let packs = cases::load(&policy, &BUILTINS)?;
        if packs.is_empty() && arguments.rule.is_none() {
            failed += 1;
            writeln!(
                out,
                "FAILED {name}: it has no cases; write some into a cases.toml beside its policy.toml"
            )?;
        }
        for mut pack in packs {
            if !seen.insert(pack.place.shown()) {
                continue;
            }
            if let Some(rule) = &arguments.rule {
                pack.cases.retain(|case| case.rule == *rule);
                unknown = unknown.filter(|_| pack.cases.is_empty());
                if pack.cases.is_empty() {
                    continue;
                }
            }
            let (good, bad) = run_pack(arguments, &policy, &pack, &mut out)?;
            passed += good;
            failed += bad;
        }
    }
    if let Some(rule) = unknown {
        failed += 1;
        writeln!(
            out,
            "FAILED no case tests the rule `{rule}`; `blackbar explain {rule}` says whether it exists"
        )?;
    }
    if passed + failed == 0 {
        failed += 1;
        writeln!(out, "FAILED there is no case to run")?;
    }
    writeln!(out, "{passed} passed, {failed} failed")?;
    out.flush()?;
    Ok(if failed > 0 {
        Outcome::Failed
    } else {
        Outcome::Fine
    })
}

/// Runs the cases of one pack; returns how many passed and failed.
fn run_pack(
    arguments: &Arguments,
    policy: &Policy,
    pack: &PackCases,
    out: &mut dyn Write,
) -> anyhow::Result<(usize, usize)> {
    let own = own_policy(policy, pack)?;
    let artifact = policy::compile(&own)?.artifact;
    let engine = policy::load(&pack.pack, artifact.clone())?;
    let mut plan =
        Plan::new(&engine, None).with_context(|| format!("cannot use the pack `{}`", pack.pack))?;
    for rule in engine
        .rules()
        .map(|rule| rule.id.clone())
        .collect::<Vec<_>>()
    {
        if let Some(index) = engine.find_rule(&rule) {
            plan.set_enabled(index, true);
        }
    }
    let views = arguments.views.apply(Views::of(&engine));
    let (mut passed, mut failed) = (0, 0);
    for &which in arguments.engine.list() {
        let failures = run_cases(which, &engine, &plan, &artifact, views, &pack.cases)?;
        passed += pack.cases.len() - failures.len();
        failed += failures.len();
        for (index, failure) in &failures {
            let case = &pack.cases[*index];
            let place = format!("{}:{}", case.origin.file.display(), case.origin.line);
            writeln!(
                out,
                "FAILED {place}: case `{}` of {} ({which}): {failure}",
                case.name, case.rule
            )?;
            if arguments.show_values {
                failure.show(case, out)?;
            }
        }
    }
    writeln!(out, "{}", summary(&own, pack, arguments.engine, failed))?;
    Ok((passed, failed))
}

/// Runs cases on all processors; returns those that failed, by their index.
fn run_cases(
    which: Which,
    engine: &Engine,
    plan: &Plan,
    artifact: &[u8],
    views: Views,
    cases: &[Case],
) -> anyhow::Result<BTreeMap<usize, Failure>> {
    // Compiled once; each thread has a VM of its own.
    let filter = match which {
        Which::Native => None,
        Which::Wasm => Some(Filter::new(artifact)?),
    };
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(BTreeMap::new());
    let bar = terminal::progress(cases.len() as u64, Unit::Items);
    let work = || -> anyhow::Result<()> {
        let mut native = Native::new(engine, plan, views);
        let mut wasm = filter
            .as_ref()
            .map(|filter| Lane::module(filter, None, views))
            .transpose()?;
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(case) = cases.get(index) else {
                return Ok(());
            };
            let format = verdict::carried(case.format);
            let failure = match &mut wasm {
                None => native.judge(case),
                // Both ways in which the module treats a body: of a length that is not known, and of one that is.
                Some(lane) => verdict::judge_output(case, |chunks| {
                    let out = lane.whole(format, chunks, false)?;
                    if out == case.out {
                        lane.whole(format, chunks, true)
                    } else {
                        Ok(out)
                    }
                })?,
            };
            bar.inc(1);
            if let Some(failure) = failure {
                // A thread that panicked has ended the run already.
                failures
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .insert(index, failure);
            }
        }
    };
    let threads = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(cases.len().max(1));
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| match worker.join() {
                Ok(outcome) => outcome,
                Err(panic) => std::panic::resume_unwind(panic),
            })
    })?;
    bar.finish_and_clear();
    Ok(failures
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// The pack alone, with its own actions and every rule on: a profile's overrides do not reach its cases.
fn own_policy(policy: &Policy, pack: &PackCases) -> anyhow::Result<Policy> {
    let place = policy
        .packs
        .iter()
        .find(|info| info.id == pack.pack)
        .and_then(|PackInfo { place, .. }| place.as_ref());
    let mut own = match place {
        Some(FilePlace::Disk(path)) if pack.pack != policy.id => {
            Policy::load(&path.display().to_string(), &BUILTINS)?
        }
        Some(FilePlace::BuiltIn(path)) if pack.pack != policy.id => {
            let text = BUILTINS
                .text(path)
                .with_context(|| format!("there is no built-in `{path}`"))?;
            Policy::parse_str(&format!("<built-in>/{path}"), &text, &BUILTINS)?
        }
        _ => policy.clone(),
    };
    own.rules.retain(|rule| rule.pack == pack.pack);
    own.variants.clear();
    for rule in &mut own.rules {
        rule.settings.enabled = true;
    }
    Ok(own)
}

/// A line about a pack: what was run, what is known not to work, and which rules nothing tests.
fn summary(own: &Policy, pack: &PackCases, engines: Engines, failed: usize) -> String {
    let tested: HashSet<&str> = pack.cases.iter().map(|case| case.rule.as_str()).collect();
    let gaps = pack
        .cases
        .iter()
        .filter(|case| case.kind == Kind::KnownGap)
        .count();
    let untested = own
        .rules
        .iter()
        .filter(|rule| !tested.contains(rule.id.as_str()))
        .count();
    let mut line = format!("{}: {}", pack.pack, count(pack.cases.len() as u64, "case"));
    if engines == Engines::Both {
        line.push_str(" in both engines");
    }
    line.push_str(&format!(" of {}", count(tested.len() as u64, "rule")));
    if gaps > 0 {
        line.push_str(&format!(", {}", count(gaps as u64, "known gap")));
    }
    if untested > 0 {
        line.push_str(&format!(
            ", {} without a case",
            count(untested as u64, "rule")
        ));
    }
    line.push_str(if failed == 0 { ": ok" } else { ": failed" });
    line
}

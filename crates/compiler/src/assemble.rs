//! All rules together: automata that several rules share are stored once, windows get their buckets, and the artifact is
//! written.

use std::collections::HashMap;

use blackbar_engine::artifact::{DfaPart, Parts, RulePart, Window, WindowPart};
use blackbar_engine::check::Check;
use blackbar_engine::fields::{FieldPart, FieldStep};
use blackbar_engine::prefilter::HASHED;
use blackbar_engine::schema::Schema;
use blackbar_engine::{Rule as EngineRule, ViewSwitches};
use blackbar_policy::diagnostic::{Diagnostic, PolicyError};
use blackbar_policy::model::{Matcher, Policy, VIEWS};

use crate::automaton::ByteSet;
use crate::fingerprint::Plan;
use crate::report::{Report, RuleReport};
use crate::rules::{self, RuleBuild};
use crate::sample::{Quick, Statistics};
use crate::windows::{self, Print};
use crate::{Compiled, buckets, fingerprint, keyed};

/// Automata, each once.
#[derive(Default)]
struct Pool {
    dfas: Vec<DfaPart>,
    index: HashMap<(Vec<u16>, [u8; 256]), u16, Quick>,
}

impl Pool {
    fn add(&mut self, part: &DfaPart) -> u16 {
        let mut key = part.table.clone();
        key.extend(part.starts);
        *self.index.entry((key, part.classes)).or_insert_with(|| {
            self.dfas.push(part.clone());
            u16::try_from(self.dfas.len() - 1).unwrap_or(u16::MAX)
        })
    }
}

/// The bytes that a match can start with: of the first stage, and of the next where all before can be empty.
fn first(build: &RuleBuild) -> ByteSet {
    let mut set = ByteSet::default();
    for stage in &build.stages {
        set.iter_mut()
            .zip(stage.first)
            .for_each(|(word, more)| *word |= more);
        if !stage.empty {
            break;
        }
    }
    set
}

/// The paths of the rules that name fields.
fn fields(policy: &Policy) -> Vec<FieldPart> {
    let mut parts = Vec::new();
    for (rule, one) in (0..).zip(&policy.rules) {
        let Matcher::Fields(paths) = &one.matcher else {
            continue;
        };
        parts.extend(paths.iter().map(|path| {
            FieldPart {
                rule,
                steps: path
                    .steps
                    .iter()
                    .map(|step| FieldStep {
                        key: step.key.clone().map(String::into_bytes),
                        deep: step.deep,
                    })
                    .collect(),
            }
        }));
    }
    parts
}

/// What the bytes of a match are in, from its start to the end of its furthest window: but for the last byte, with which that is whole.
fn beginning(build: &RuleBuild, chosen: &[Print]) -> ByteSet {
    let apart = chosen.iter().filter(|print| print.run.is_none());
    let reach = apart.map(|print| print.offset + HASHED - 1).max();
    match (&build.whole, reach) {
        (Some(whole), Some(reach)) => fingerprint::beginning(whole, reach),
        _ => [!0; 4],
    }
}

pub(crate) fn assemble(
    policy: &Policy,
    builds: &[RuleBuild],
    schema: Schema,
    statistics: &Statistics,
    warnings: Vec<Diagnostic>,
) -> Result<Compiled, PolicyError> {
    let mut pool = Pool::default();
    let mut parts = Vec::new();
    let mut reports = Vec::new();
    let plans: Vec<&[Plan]> = builds.iter().map(|b| b.plans.as_slice()).collect();
    let chosen = windows::choose(&plans, statistics);
    for ((rule, build), chosen) in policy.rules.iter().zip(builds).zip(&chosen) {
        let before = pool.dfas.len();
        let stages: Vec<(u16, bool)> = build
            .stages
            .iter()
            .zip(&build.unique)
            .map(|(stage, &unique)| (pool.add(&stage.part), unique))
            .collect();
        let allow: Vec<u16> = build.allow.iter().map(|a| pool.add(&a.part)).collect();
        let checks = build.checks.iter().cloned().map(|check| match check {
            Check::Allow(local) => Check::Allow(allow[usize::from(local)]),
            other => other,
        });
        let own = pool.dfas[before..]
            .iter()
            .map(|dfa| 2 * dfa.table.len())
            .sum();
        reports.push(RuleReport {
            id: rule.id.clone(),
            fingerprint: if let Matcher::Fields(paths) = &rule.matcher {
                paths.iter().map(|path| path.text.clone()).collect()
            } else if chosen.is_empty() {
                vec!["its words".to_string()]
            } else {
                chosen.iter().map(fingerprint::describe).collect()
            },
            states: build
                .stages
                .iter()
                .chain(&build.allow)
                .map(|s| s.states())
                .sum(),
            bytes: own,
            stages: build.stages.len(),
            linear: build.unique.iter().all(|&u| u),
            hold_back: build.hold_back,
            candidates_per_mib: 0.0,
        });
        parts.push(RulePart {
            rule: EngineRule {
                id: rule.id.clone(),
                pack: rule.pack.clone(),
                confidence: rules::confidence(rule.confidence),
                tags: rule.tags.clone(),
                hold_back: build.hold_back,
                settings: rules::settings(&rule.settings),
            },
            left: build.left,
            stages,
            body: build.body as u8,
            lead: build.lead as u16,
            trail: build.trail as u16,
            min_prefix: build.min_prefix as u16,
            max_len: build.max_len as u32,
            select: build.select,
            checks: checks.collect(),
            context: rule.context.as_ref().map(rules::context),
            heads: [first(build), build.heads[0], build.heads[1]],
            beginning: beginning(build, chosen),
        });
    }
    let prints: Vec<(usize, &Print)> = chosen
        .iter()
        .enumerate()
        .flat_map(|(i, own)| own.iter().map(move |p| (i, p)))
        .collect();
    let dealt = buckets::deal(
        &prints.iter().map(|(_, p)| *p).collect::<Vec<_>>(),
        statistics,
    );
    let windows: Vec<WindowPart> = prints
        .iter()
        .zip(dealt.buckets)
        .map(|((rule, print), bucket)| {
            let window = Window {
                rule: *rule as u16,
                offset: print.offset as u8,
                back: print.back as u8,
                mask: print.mask,
                literal: print.literal,
                run: print.run,
            };
            WindowPart {
                window,
                bucket,
                sets: print.sets.iter().chain(&print.more).copied().collect(),
            }
        })
        .collect();
    let variants = policy
        .variants
        .iter()
        .map(|v| {
            (
                v.id.clone(),
                v.settings.iter().map(rules::settings).collect(),
            )
        })
        .collect();
    let parts = Parts {
        policy_id: policy.id.clone(),
        views: views(policy),
        dfas: pool.dfas,
        rules: parts,
        variants,
        windows,
        nibbles: dealt.nibbles,
        edges: dealt.edges,
        look_back: builds
            .iter()
            .filter_map(|build| build.look_back)
            .reduce(keyed::join)
            .unwrap_or_default(),
        fields: fields(policy),
        schema,
    };
    let artifact = parts
        .encode()
        .map_err(|error| Diagnostic::error(error.to_string()).help("split the policy in two"))?;
    let automata = parts.dfas.iter().map(|dfa| 2 * dfa.table.len()).sum();
    let mut report = Report {
        policy: policy.id.clone(),
        rules: reports,
        artifact_bytes: artifact.len(),
        automata_bytes: automata,
    };
    report.count_candidates(&parts);
    Ok(Compiled {
        artifact,
        report,
        warnings,
    })
}

/// A bit for each view that the policy switches, in the order in which all who know views have them.
fn views(policy: &Policy) -> ViewSwitches {
    let mut switches = ViewSwitches::default();
    for (bit, name) in VIEWS.into_iter().enumerate() {
        match policy.views.iter().find(|(view, _)| *view == name) {
            Some((_, true)) => switches.on |= 1 << bit,
            Some((_, false)) => switches.off |= 1 << bit,
            None => {}
        }
    }
    switches
}

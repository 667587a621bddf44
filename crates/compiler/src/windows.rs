//! Which bytes of each way to begin become its window. Chosen for all rules together: `token` and `key` end the keywords of
//! a hundred rules, and one entry in the first pass serves them all, where a rare word of each would fill it up.

use std::collections::{HashMap, HashSet};

use blackbar_engine::artifact::LeadingRun;
use blackbar_engine::prefilter::{BACK, Edge, SHAPE, WINDOW, is_literal};

use crate::automaton::{ByteSet, has};
use crate::fingerprint::{Plan, Way};
use crate::sample::{Quick, Statistics};

/// Bytes that the engine compares before it verifies.
const COMPARED: usize = 8;

// What the steps cost, with verifying a start as the unit. They are guesses of the right size: measured with
// `blackbar bench --ledger` and a profile.

/// Comparing one window at one position.
const COMPARE: f64 = 0.05;
/// Letting a position through the first pass.
const PASS: f64 = 0.15;
/// Both of a shape, of which up to sixteen bytes are looked up.
const SHAPE_COMPARE: f64 = 0.2;
const SHAPE_PASS: f64 = 0.5;
/// More entries let more through that is of no use: for each byte of a haystack, an entry that may stand anywhere.
const ENTRY: f64 = 6e-4;
/// The same of an entry that stands where words start.
const BOUND_ENTRY: f64 = 4e-5;
/// A byte between a match's start and its window: more starts are verified where a chunk ends.
const FAR: f64 = 1e-6;
/// Rounds in which rules look whether others made a better window cheap.
const ROUNDS: usize = 4;

/// A window before it has a rule and a bucket.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Print {
    pub(crate) sets: [ByteSet; WINDOW],
    /// The sets of the bytes after those, as far as they are known and looked at.
    pub(crate) more: Vec<ByteSet>,
    pub(crate) offset: usize,
    /// How far before the window the bytes begin that are compared.
    pub(crate) back: usize,
    pub(crate) mask: u64,
    pub(crate) literal: u64,
    pub(crate) run: Option<LeadingRun>,
    /// Whether it stands only where a word may start.
    pub(crate) edge: Edge,
    /// It is looked for before values only.
    pub(crate) late: bool,
    /// The share of positions at which a start is verified.
    pub(crate) verified: f64,
}

impl Print {
    /// Whether it is found by its bytes.
    pub(crate) fn is_literal(&self) -> bool {
        is_literal(&self.sets)
    }
}

/// What is looked for: windows with the same sets are one entry of the first pass, or of those that are looked for late.
type Entry = ([ByteSet; WINDOW], bool, bool);

/// One place in a way where its window may be.
#[derive(Clone, Copy)]
struct Choice {
    offset: usize,
    entry: u32,
    /// Costs whoever else has the entry.
    own: f64,
    /// Costs if nobody else has it.
    opening: f64,
}

/// What a plan would cost if its rule were alone.
pub(crate) fn alone(plan: &Plan, statistics: &Statistics) -> f64 {
    let mut chooser = Chooser::new(statistics);
    let choices = chooser.choices(plan);
    chooser.pick(&choices).0
}

/// The windows of each rule, of which `plans` says how they can be chosen.
pub(crate) fn choose(plans: &[&[Plan]], statistics: &Statistics) -> Vec<Vec<Print>> {
    let mut chooser = Chooser::new(statistics);
    let choices: Vec<Vec<Vec<Vec<Choice>>>> = plans
        .iter()
        .map(|plans| plans.iter().map(|plan| chooser.choices(plan)).collect())
        .collect();
    let mut picked: Vec<Option<(usize, Vec<Choice>)>> = vec![None; plans.len()];
    for _ in 0..ROUNDS {
        let mut changed = false;
        for (rule, plans) in choices.iter().enumerate() {
            if let Some((_, old)) = &picked[rule] {
                chooser.release(old);
            }
            let best = plans
                .iter()
                .map(|choices| chooser.pick(choices))
                .enumerate()
                .min_by(|(_, a), (_, b)| a.0.total_cmp(&b.0));
            let Some((plan, (_, best))) = best else {
                continue;
            };
            chooser.take(&best);
            let offsets = |choices: &[Choice]| choices.iter().map(|c| c.offset).collect::<Vec<_>>();
            changed |= picked[rule]
                .as_ref()
                .is_none_or(|(old, list)| *old != plan || offsets(list) != offsets(&best));
            picked[rule] = Some((plan, best));
        }
        if !changed {
            break;
        }
    }
    plans
        .iter()
        .zip(picked)
        .map(|(plans, picked)| {
            let Some((plan, choices)) = picked else {
                return Vec::new();
            };
            let plan = &plans[plan];
            let prints = plan
                .ways
                .iter()
                .zip(choices)
                .map(|(way, choice)| print(way, choice.offset, plan, statistics));
            merge(prints, statistics)
        })
        .collect()
}

struct Chooser<'a> {
    statistics: &'a Statistics,
    entries: HashMap<Entry, u32, Quick>,
    /// The share of positions of each entry, and how many ways have it.
    shares: Vec<f64>,
    users: Vec<usize>,
}

impl<'a> Chooser<'a> {
    fn new(statistics: &'a Statistics) -> Chooser<'a> {
        Chooser {
            statistics,
            entries: HashMap::default(),
            shares: Vec::new(),
            users: Vec::new(),
        }
    }

    /// For each way the places where its window may be.
    fn choices(&mut self, plan: &Plan) -> Vec<Vec<Choice>> {
        plan.ways
            .iter()
            .map(|way| {
                let places = (way.sets.len() + 1).saturating_sub(WINDOW);
                let odds = Odds::new(way, way.edge, self.statistics);
                (0..places)
                    .filter(|&offset| !plan.late || is_literal(&way.sets[offset..]))
                    .map(|offset| self.choice(way, &odds, offset, plan))
                    .collect()
            })
            .collect()
    }

    fn choice(&mut self, way: &Way, odds: &Odds, offset: usize, plan: &Plan) -> Choice {
        let sets: [ByteSet; WINDOW] = std::array::from_fn(|i| way.sets[offset + i]);
        let edge = if offset == 0 { way.edge } else { Edge::None };
        let key = (sets, edge == Edge::Word, plan.late);
        let next = self.shares.len() as u32;
        let entry = *self.entries.entry(key).or_insert(next);
        if entry == next {
            self.shares.push(odds.of(offset, WINDOW));
            self.users.push(0);
        }
        let share = self.shares[entry as usize];
        let literal = is_literal(&sets);
        let (_, verified) = compared_at(odds, offset, literal, way.run.is_some());
        let (compare, pass) = if literal {
            (COMPARE, PASS)
        } else {
            (SHAPE_COMPARE, SHAPE_PASS)
        };
        let room = match edge {
            _ if plan.late => 0.0,
            Edge::Word => BOUND_ENTRY,
            Edge::None => ENTRY,
        };
        Choice {
            offset,
            entry,
            own: verified + compare * share + FAR * offset as f64,
            opening: pass * share + room,
        }
    }

    /// The cheapest place for each way, and what they cost together.
    fn pick(&self, choices: &[Vec<Choice>]) -> (f64, Vec<Choice>) {
        let mut opened = HashSet::new();
        let mut sum = 0.0;
        let mut picked = Vec::new();
        for places in choices {
            let cost = |choice: &Choice| {
                let open = self.users[choice.entry as usize] > 0 || opened.contains(&choice.entry);
                choice.own + if open { 0.0 } else { choice.opening }
            };
            let best = places.iter().min_by(|a, b| cost(a).total_cmp(&cost(b)));
            if let Some(best) = best {
                sum += cost(best);
                opened.insert(best.entry);
                picked.push(*best);
            }
        }
        (sum, picked)
    }

    fn take(&mut self, choices: &[Choice]) {
        for choice in choices {
            self.users[choice.entry as usize] += 1;
        }
    }

    fn release(&mut self, choices: &[Choice]) {
        for choice in choices {
            self.users[choice.entry as usize] -= 1;
        }
    }
}

/// How likely the bytes of a way are, from each of them on.
struct Odds {
    /// The share of positions with a byte of the set; of the first, where it may stand.
    single: Vec<f64>,
    /// How likely the next set's bytes are after those of each.
    next: Vec<f64>,
}

impl Odds {
    fn new(way: &Way, edge: Edge, statistics: &Statistics) -> Odds {
        let sets = &way.sets;
        let edges = std::iter::once(edge).chain(std::iter::repeat(Edge::None));
        let single = sets
            .iter()
            .zip(edges)
            .map(|(set, edge)| statistics.share_at(edge, std::slice::from_ref(set)))
            .collect();
        let next = sets
            .windows(2)
            .map(|pair| statistics.share(pair) / statistics.share(&pair[..1]).max(1e-12))
            .collect();
        Odds { single, next }
    }

    /// The share of positions at which up to `length` sets match, from the one at `at` on.
    fn of(&self, at: usize, length: usize) -> f64 {
        let end = self.next.len().min(at + length - 1);
        self.single[at] * self.next[at.min(end)..end].iter().product::<f64>()
    }
}

/// How far before a window the bytes begin that are best compared, and the share of positions that passes.
fn compared_at(odds: &Odds, offset: usize, literal: bool, run: bool) -> (usize, f64) {
    // What is compared may begin before the window; a shape is looked at from the window on.
    let first = if literal && !run {
        offset.saturating_sub(usize::from(BACK))
    } else {
        offset
    };
    let length = if literal { COMPARED } else { SHAPE };
    (first..=offset)
        .map(|at| (offset - at, odds.of(at, length)))
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap_or((0, 1.0))
}

/// The window of `way` at `offset`.
fn print(way: &Way, offset: usize, plan: &Plan, statistics: &Statistics) -> Print {
    let sets = &way.sets;
    let window: [ByteSet; WINDOW] = std::array::from_fn(|i| sets[offset + i]);
    let edge = if offset == 0 { way.edge } else { Edge::None };
    let known = &sets[offset..sets.len().min(offset + SHAPE)];
    let more = known[WINDOW..].to_vec();
    let literal = is_literal(&window);
    let odds = Odds::new(way, way.edge, statistics);
    let (back, verified) = compared_at(&odds, offset, literal, way.run.is_some());
    let (mask, value) = compared(&sets[offset - back..]);
    Print {
        sets: window,
        more,
        offset,
        back,
        mask,
        literal: value,
        run: way.run,
        edge,
        late: plan.late,
        verified,
    }
}

/// The bits that all members of each set have in common, and what they are.
fn compared(sets: &[ByteSet]) -> (u64, u64) {
    let (mut mask, mut literal) = (0, 0);
    for (i, set) in sets.iter().take(COMPARED).enumerate() {
        let mut members = (0..=255u8).filter(|&b| has(set, b));
        let first = members.next().unwrap_or(0);
        let same = !members.fold(0, |bits, b| bits | (b ^ first));
        mask |= u64::from(same) << (8 * i);
        literal |= u64::from(first & same) << (8 * i);
    }
    (mask, literal)
}

/// Windows of one rule that can be one.
fn merge(prints: impl Iterator<Item = Print>, statistics: &Statistics) -> Vec<Print> {
    let mut merged: Vec<Print> = Vec::new();
    for print in prints {
        let joined = merged
            .iter()
            .enumerate()
            .find_map(|(i, other)| joined(other, &print, statistics).map(|joined| (i, joined)));
        match joined {
            Some((i, joined)) => merged[i] = joined,
            None => merged.push(print),
        }
    }
    merged
}

/// One window for both, where that costs no more than the two.
fn joined(a: &Print, b: &Print, statistics: &Statistics) -> Option<Print> {
    let alike = a.offset == b.offset && a.back == b.back && a.edge == b.edge;
    if !alike || a.is_literal() && a.sets != b.sets || a.is_literal() != b.is_literal() {
        return None;
    }
    let either = |a: &ByteSet, b: &ByteSet| std::array::from_fn(|w| a[w] | b[w]);
    let sets: [ByteSet; WINDOW] = std::array::from_fn(|i| either(&a.sets[i], &b.sets[i]));
    let more: Vec<ByteSet> = a
        .more
        .iter()
        .zip(&b.more)
        .map(|(a, b)| either(a, b))
        .collect();
    let mask = a.mask & b.mask & !(a.literal ^ b.literal);
    let literal = a.literal & mask;
    let verified = if a.is_literal() {
        let sets: Vec<ByteSet> = (0..COMPARED).map(|i| standing(mask, literal, i)).collect();
        let edge = if a.back == a.offset {
            a.edge
        } else {
            Edge::None
        };
        statistics.share_at(edge, &sets)
    } else {
        let all: Vec<ByteSet> = sets.iter().chain(&more).copied().collect();
        statistics.share_at(a.edge, &all)
    };
    let share = |sets: &[ByteSet]| statistics.share_at(a.edge, sets);
    let saved = if a.is_literal() {
        COMPARE * share(&sets)
    } else {
        // A shape for both lets through what is like neither.
        ENTRY - SHAPE_PASS * (share(&sets) - share(&a.sets) - share(&b.sets)).max(0.0)
    };
    (verified <= a.verified + b.verified + saved).then(|| Print {
        sets,
        more,
        mask,
        literal,
        verified,
        ..a.clone()
    })
}

/// The bytes that a comparison lets stand at its place `i`.
fn standing(mask: u64, literal: u64, i: usize) -> ByteSet {
    let (mask, literal) = ((mask >> (8 * i)) as u8, (literal >> (8 * i)) as u8);
    let mut set = ByteSet::default();
    (0..=255u8)
        .filter(|b| (b ^ literal) & mask == 0)
        .for_each(|b| crate::automaton::insert(&mut set, b));
    set
}

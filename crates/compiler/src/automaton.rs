//! From an expression to the engine's table: determinised by regex-automata, then resolved against what follows, pruned,
//! minimised and numbered as [`blackbar_engine::dfa`] wants it.

use std::collections::HashMap;

use blackbar_engine::artifact::DfaPart;
use blackbar_engine::dfa::{DEAD, FINAL, MATCHES, MOST_RUNS, RUN_CLASSES, Run, STARTS};
use regex_automata::dfa::{Automaton, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::{Hir, HirKind};

use crate::sample::Quick;

/// 256 bits.
pub(crate) type ByteSet = [u64; 4];

pub(crate) fn has(set: &ByteSet, byte: u8) -> bool {
    set[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
}

pub(crate) fn insert(set: &mut ByteSet, byte: u8) {
    set[usize::from(byte >> 6)] |= 1 << (byte & 63);
}

/// Bytes of memory that determinising one expression may take.
const MEMORY: usize = 8 << 20;
/// Bytes that can follow, and the end of the haystack.
const COLUMNS: usize = 257;
const END: usize = 256;

/// An automaton with what the compiler wants to know about it.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    pub(crate) part: DfaPart,
    /// The bytes that a match can start with.
    pub(crate) first: ByteSet,
    /// A match can be empty.
    pub(crate) empty: bool,
}

/// Why an expression has no automaton.
#[derive(Debug)]
pub(crate) enum BuildError {
    /// Too many states: the smallest sub-expression that has too many by itself.
    Large(String),
    /// What the library says.
    Unsupported(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Entry {
    target: u32,
    matches: bool,
}

/// Builds the anchored automaton of `hir` that reports every end of a match; no match ends before a byte of `forbidden`.
pub(crate) fn build(hir: &Hir, forbidden: &ByteSet) -> Result<Built, BuildError> {
    let dfa = determinise(hir)?;
    let (mut rows, starts) = explore(&dfa)?;
    resolve(&mut rows, forbidden);
    let (rows, starts) = minimise(&rows, &starts);
    Ok(number(&rows, &starts))
}

fn determinise(hir: &Hir) -> Result<dense::DFA<Vec<u32>>, BuildError> {
    attempt(hir, MEMORY).map_err(|error| match error {
        None => BuildError::Large(culprit(hir)),
        Some(message) => BuildError::Unsupported(message),
    })
}

/// `Err(None)`: too large.
fn attempt(hir: &Hir, memory: usize) -> Result<dense::DFA<Vec<u32>>, Option<String>> {
    let nfa = thompson::Compiler::new()
        .configure(
            thompson::Config::new()
                .utf8(false)
                .which_captures(thompson::WhichCaptures::None)
                .nfa_size_limit(Some(memory)),
        )
        .build_from_hir(hir)
        .map_err(|e| {
            if e.size_limit().is_some() {
                None
            } else {
                Some(e.to_string())
            }
        })?;
    dense::Builder::new()
        .configure(
            dense::Config::new()
                .match_kind(MatchKind::All)
                .start_kind(regex_automata::dfa::StartKind::Anchored)
                .accelerate(false)
                .minimize(false)
                .dfa_size_limit(Some(memory))
                .determinize_size_limit(Some(memory)),
        )
        .build_from_nfa(&nfa)
        .map_err(|e| {
            if e.is_size_limit_exceeded() {
                None
            } else {
                Some(e.to_string())
            }
        })
}

/// The smallest sub-expression that is too large by itself.
fn culprit(hir: &Hir) -> String {
    let parts: Vec<&Hir> = match hir.kind() {
        HirKind::Capture(c) => vec![&c.sub],
        HirKind::Repetition(r) => vec![&r.sub],
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().collect(),
        _ => Vec::new(),
    };
    match parts
        .into_iter()
        .find(|part| matches!(attempt(part, MEMORY), Err(None)))
    {
        Some(part) => culprit(part),
        None => hir.to_string(),
    }
}

type Rows = Vec<Vec<Entry>>;

/// All states that can be reached, as rows of [`COLUMNS`] entries. State 0 is dead.
fn explore(dfa: &dense::DFA<Vec<u32>>) -> Result<(Rows, [u32; STARTS]), BuildError> {
    let mut ids: HashMap<StateID, u32, Quick> = HashMap::default();
    let mut queue = Vec::new();
    let mut rows: Rows = vec![vec![Entry::default(); COLUMNS]];
    let mut index = |id: StateID, rows: &mut Rows, queue: &mut Vec<StateID>| -> u32 {
        if dfa.is_dead_state(id) {
            return 0;
        }
        *ids.entry(id).or_insert_with(|| {
            queue.push(id);
            rows.push(Vec::new());
            rows.len() as u32 - 1
        })
    };
    let mut starts = [0; STARTS];
    for (start, before) in
        starts
            .iter_mut()
            .zip([None, Some(b'\n'), Some(b'\r'), Some(b'a'), Some(b' ')])
    {
        let config = start::Config::new()
            .anchored(Anchored::Yes)
            .look_behind(before);
        let id = dfa
            .start_state(&config)
            .map_err(|e| BuildError::Unsupported(e.to_string()))?;
        *start = index(id, &mut rows, &mut queue);
    }
    let mut done = 0;
    while done < queue.len() {
        let id = queue[done];
        done += 1;
        let mut row = Vec::with_capacity(COLUMNS);
        for byte in 0..=255u8 {
            let next = dfa.next_state(id, byte);
            row.push(Entry {
                target: index(next, &mut rows, &mut queue),
                matches: dfa.is_match_state(next),
            });
        }
        row.push(Entry {
            target: 0,
            matches: dfa.is_match_state(dfa.next_eoi_state(id)),
        });
        rows[done] = row;
    }
    Ok((rows, starts))
}

/// Takes back matches before a forbidden byte, and makes dead what leads to no match.
fn resolve(rows: &mut Rows, forbidden: &ByteSet) {
    for row in rows.iter_mut() {
        for byte in 0..=255u8 {
            row[usize::from(byte)].matches &= !has(forbidden, byte);
        }
    }
    let mut sources: Vec<Vec<u32>> = vec![Vec::new(); rows.len()];
    let mut live = vec![false; rows.len()];
    let mut queue = Vec::new();
    for (state, row) in rows.iter().enumerate() {
        let mut targets: Vec<u32> = row.iter().map(|e| e.target).collect();
        targets.sort_unstable();
        targets.dedup();
        targets
            .into_iter()
            .for_each(|target| sources[target as usize].push(state as u32));
        if row.iter().any(|e| e.matches) {
            live[state] = true;
            queue.push(state);
        }
    }
    while let Some(state) = queue.pop() {
        for &source in &sources[state] {
            if !live[source as usize] {
                live[source as usize] = true;
                queue.push(source as usize);
            }
        }
    }
    for row in rows.iter_mut() {
        for entry in row.iter_mut().filter(|e| !live[e.target as usize]) {
            entry.target = 0;
        }
    }
}

/// Hopcroft's algorithm ("An n log n algorithm for minimizing states in a finite automaton", 1971): states that differ in no
/// future become one. State 0 stays dead.
fn minimise(rows: &Rows, starts: &[u32; STARTS]) -> (Rows, [u32; STARTS]) {
    let columns = distinct_columns(rows);
    let sources: Vec<Vec<Vec<u32>>> = columns
        .iter()
        .map(|&column| {
            let mut sources = vec![Vec::new(); rows.len()];
            for (state, row) in rows.iter().enumerate() {
                sources[row[column].target as usize].push(state as u32);
            }
            sources
        })
        .collect();
    // At first states differ by what matches in them.
    let mut names: HashMap<Vec<bool>, usize, Quick> = HashMap::default();
    let mut blocks: Vec<Vec<u32>> = Vec::new();
    let mut class = vec![0u32; rows.len()];
    for (state, row) in rows.iter().enumerate() {
        let matches = columns.iter().map(|&c| row[c].matches).collect();
        let name = *names.entry(matches).or_insert_with(|| {
            blocks.push(Vec::new());
            blocks.len() - 1
        });
        blocks[name].push(state as u32);
        class[state] = name as u32;
    }
    let mut waiting: Vec<u32> = (0..blocks.len() as u32).collect();
    let mut marked = vec![false; rows.len()];
    while let Some(splitter) = waiting.pop() {
        let members = blocks[splitter as usize].clone();
        for sources in &sources {
            let into: Vec<u32> = members
                .iter()
                .flat_map(|&s| sources[s as usize].iter().copied())
                .collect();
            let mut touched: Vec<u32> = into.iter().map(|&s| class[s as usize]).collect();
            touched.sort_unstable();
            touched.dedup();
            into.iter().for_each(|&s| marked[s as usize] = true);
            for block in touched {
                let states = std::mem::take(&mut blocks[block as usize]);
                let (inside, outside): (Vec<u32>, Vec<u32>) =
                    states.into_iter().partition(|&s| marked[s as usize]);
                if outside.is_empty() {
                    blocks[block as usize] = inside;
                    continue;
                }
                let (large, small) = if inside.len() > outside.len() {
                    (inside, outside)
                } else {
                    (outside, inside)
                };
                let name = blocks.len() as u32;
                small.iter().for_each(|&s| class[s as usize] = name);
                blocks[block as usize] = large;
                blocks.push(small);
                waiting.push(name);
            }
            into.iter().for_each(|&s| marked[s as usize] = false);
        }
    }
    // Dead comes first.
    let mut order: Vec<u32> = (0..blocks.len() as u32).collect();
    order.swap(0, class[0] as usize);
    let mut number = vec![0; blocks.len()];
    order
        .iter()
        .enumerate()
        .for_each(|(i, &block)| number[block as usize] = i as u32);
    let merged = order
        .iter()
        .map(|&block| {
            let row = &rows[blocks[block as usize][0] as usize];
            let entry = |e: &Entry| Entry {
                target: number[class[e.target as usize] as usize],
                ..*e
            };
            row.iter().map(entry).collect()
        })
        .collect();
    (merged, starts.map(|s| number[class[s as usize] as usize]))
}

/// One of each set of columns that are the same in all rows.
fn distinct_columns(rows: &Rows) -> Vec<usize> {
    let mut seen: HashMap<Vec<Entry>, usize, Quick> = HashMap::default();
    for column in 0..COLUMNS {
        seen.entry(rows.iter().map(|row| row[column]).collect())
            .or_insert(column);
    }
    let mut columns: Vec<usize> = seen.into_values().collect();
    columns.sort_unstable();
    columns
}

/// States whose match can only grow: it survives whatever comes, until the automaton dies.
fn sure_states(rows: &Rows) -> Vec<bool> {
    let mut sources: Vec<Vec<u32>> = vec![Vec::new(); rows.len()];
    for (state, row) in rows.iter().enumerate() {
        row.iter()
            .for_each(|e| sources[e.target as usize].push(state as u32));
    }
    let mut sure: Vec<bool> = rows
        .iter()
        .map(|row| row[END].matches && row[..END].iter().all(|e| e.target != 0 || e.matches))
        .collect();
    sure[0] = false;
    // What leads to a state that is not sure is not sure either; death alone does no harm.
    let mut queue: Vec<usize> = (1..rows.len()).filter(|&s| !sure[s]).collect();
    while let Some(state) = queue.pop() {
        for &source in &sources[state] {
            if std::mem::replace(&mut sure[source as usize], false) {
                queue.push(source as usize);
            }
        }
    }
    sure
}

/// Whether a match is complete in a state, and no longer one exists.
fn is_final(row: &[Entry]) -> bool {
    row.iter().all(|e| e.matches && e.target == 0)
}

/// Where most bytes lead from a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Link {
    by: Entry,
    bytes: ByteSet,
}

/// States that lead to each other by the same bytes.
struct Chain {
    states: Vec<usize>,
    link: Link,
    /// The last one leads to itself by them.
    loops: bool,
}

/// It takes a chain of so many states, or a loop by so many bytes, to be worth a run.
const LONG: usize = 8;

/// The longest chains, of states that are all sure or all not.
fn chains(rows: &Rows, sure: &[bool]) -> Vec<Chain> {
    if distinct_columns(rows).len() > RUN_CLASSES {
        return Vec::new();
    }
    let links: Vec<Option<Link>> = rows.iter().map(|row| widest(row)).collect();
    // What is final has a number of its own.
    let mut taken: Vec<bool> = rows.iter().map(|row| is_final(row)).collect();
    let mut seen = vec![0; rows.len()];
    let mut chains = Vec::new();
    while chains.len() < MOST_RUNS {
        let free = |state: &usize| !taken[*state];
        let starts: Vec<usize> = (1..rows.len()).filter(free).collect();
        let all = starts
            .into_iter()
            .filter_map(|first| chain(first, &links, sure, &taken, &mut seen));
        // A loop goes as far as a long chain does.
        let length = |chain: &Chain| chain.states.len() + if chain.loops { 2 * LONG } else { 0 };
        let longest = all.max_by_key(|chain| (length(chain), std::cmp::Reverse(chain.states[0])));
        match longest.filter(|chain| chain.loops || chain.states.len() > LONG) {
            Some(chain) => {
                chain.states.iter().for_each(|&state| taken[state] = true);
                chains.push(chain);
            }
            None => break,
        }
    }
    chains
}

/// The entry that most bytes have, if it leads to anything and they are not few.
fn widest(row: &[Entry]) -> Option<Link> {
    let mut by_entry: HashMap<Entry, ByteSet, Quick> = HashMap::default();
    for (byte, &entry) in (0..=255u8).zip(row) {
        insert(by_entry.entry(entry).or_default(), byte);
    }
    let count = |set: &ByteSet| set.iter().map(|word| word.count_ones()).sum::<u32>();
    let links = by_entry.into_iter().filter(|(entry, _)| entry.target != 0);
    let widest = links.max_by_key(|(entry, bytes)| (count(bytes), entry.target, entry.matches));
    widest
        .filter(|(_, bytes)| count(bytes) as usize > LONG)
        .map(|(by, bytes)| Link { by, bytes })
}

/// The chain that begins with `first`.
fn chain(
    first: usize,
    links: &[Option<Link>],
    sure: &[bool],
    taken: &[bool],
    seen: &mut [usize],
) -> Option<Chain> {
    let link = links[first]?;
    seen[first] = first;
    let mut states = vec![first];
    let mut last = first;
    loop {
        let goes_on =
            links[last].filter(|l| l.bytes == link.bytes && l.by.matches == link.by.matches);
        let Some(next) = goes_on.map(|l| l.by.target as usize) else {
            break;
        };
        if next == last {
            return Some(Chain {
                states,
                link,
                loops: true,
            });
        }
        if taken[next]
            || sure[next] != sure[first]
            || std::mem::replace(&mut seen[next], first) == first
        {
            break;
        }
        states.push(next);
        last = next;
    }
    Some(Chain {
        states,
        link,
        loops: false,
    })
}

/// Orders states as the engine wants them and writes the table.
fn number(rows: &Rows, starts: &[u32; STARTS]) -> Built {
    let sure = sure_states(rows);
    let chains = chains(rows, &sure);
    let mut place: Vec<usize> = (0..rows.len()).collect();
    // Those of chains come last, one chain after the other.
    let in_chains = chains.iter().flat_map(|chain| &chain.states);
    in_chains
        .enumerate()
        .for_each(|(i, &state)| place[state] = rows.len() + i);
    let mut order: Vec<usize> = (1..rows.len()).filter(|&s| !is_final(&rows[s])).collect();
    order.sort_by_key(|&s| (sure[s], place[s]));
    let mut number = vec![DEAD; rows.len()];
    for (state, row) in rows.iter().enumerate().skip(1) {
        if is_final(row) {
            number[state] = FINAL;
        }
    }
    for (i, &state) in order.iter().enumerate() {
        number[state] = i as u16 + 2;
    }
    let sure_from = order
        .iter()
        .position(|&s| sure[s])
        .map_or(order.len() as u16 + 2, |i| i as u16 + 2);

    let columns = distinct_columns(rows);
    let bytes: Vec<usize> = columns.iter().copied().filter(|&c| c < END).collect();
    let mut classes = [0; 256];
    for byte in 0..=255u8 {
        let same = |&column: &usize| rows.iter().all(|row| row[column] == row[usize::from(byte)]);
        classes[usize::from(byte)] = bytes.iter().position(same).unwrap_or(0) as u8;
    }
    let stride = bytes.len() + 1;
    let mut table = vec![DEAD; 2 * stride];
    table[stride..].fill(MATCHES);
    for &state in &order {
        for &column in bytes.iter().chain([&END]) {
            let entry = rows[state][column];
            table.push(number[entry.target as usize] | if entry.matches { MATCHES } else { 0 });
        }
    }
    let mut first = ByteSet::default();
    let mut empty = false;
    for &start in starts {
        let row = &rows[start as usize];
        for byte in 0..=255u8 {
            if row[usize::from(byte)].target != 0 {
                insert(&mut first, byte);
            }
        }
        empty |= row.iter().any(|e| e.matches);
    }
    let starts = starts.map(|s| number[s as usize]);
    let mut runs: Vec<Run> = chains
        .iter()
        .map(|chain| Run {
            first: number[chain.states[0]],
            last: number[chain.states[chain.states.len() - 1]],
            loops: chain.loops,
            matches: chain.link.by.matches,
            classes: (0..)
                .zip(&bytes)
                .filter(|&(_, &byte)| has(&chain.link.bytes, byte as u8))
                .fold(0, |classes, (class, _)| classes | 1 << class),
        })
        .collect();
    runs.sort_unstable_by_key(|run| run.first);
    Built {
        part: DfaPart {
            classes,
            stride: stride as u16,
            starts,
            sure: sure_from,
            table,
            runs,
        },
        first,
        empty,
    }
}

impl Built {
    /// Whether, before any byte of `next`, at most one end of a match is possible.
    pub(crate) fn ends_once_before(&self, next: &Built) -> bool {
        if next.empty {
            return false;
        }
        let stride = usize::from(self.part.stride);
        let meets: Vec<bool> = (0..stride - 1)
            .map(|class| {
                (0..=255u8).any(|b| {
                    usize::from(self.part.classes[usize::from(b)]) == class && has(&next.first, b)
                })
            })
            .collect();
        self.part.table.chunks(stride).all(|row| {
            row[..stride - 1]
                .iter()
                .zip(&meets)
                .all(|(&entry, &meets)| {
                    !(meets && entry & MATCHES != 0 && entry & !MATCHES != DEAD)
                })
        })
    }

    pub(crate) fn states(&self) -> usize {
        self.part.table.len() / usize::from(self.part.stride)
    }

    /// Bytes that it takes in the artifact.
    pub(crate) fn bytes(&self) -> usize {
        self.part.classes.len() + 2 * self.part.table.len()
    }
}

impl Built {
    /// A shortest match, if it can stand alone in a haystack.
    pub(crate) fn shortest(&self) -> Vec<u8> {
        let stride = usize::from(self.part.stride);
        let byte_of: Vec<u8> = (0..stride - 1)
            .map(|class| {
                (0..=255u8)
                    .find(|&b| usize::from(self.part.classes[usize::from(b)]) == class)
                    .unwrap_or(0)
            })
            .collect();
        let start = self.part.starts[0];
        let mut seen: HashMap<u16, Vec<u8>> = HashMap::from([(start, Vec::new())]);
        let mut queue = std::collections::VecDeque::from([start]);
        while let Some(state) = queue.pop_front() {
            let text = seen[&state].clone();
            let row = &self.part.table[usize::from(state) * stride..][..stride];
            if state == FINAL || row[stride - 1] & MATCHES != 0 {
                return text;
            }
            for (class, &byte) in byte_of.iter().enumerate() {
                let next = row[class] & !MATCHES;
                if next != DEAD && !seen.contains_key(&next) {
                    let mut text = text.clone();
                    text.push(byte);
                    seen.insert(next, text);
                    queue.push_back(next);
                }
            }
        }
        Vec::new()
    }

    /// Whether a match begins at the start of `text`, with `before` the byte that stands before it.
    pub(crate) fn finds(&self, text: &[u8], before: Option<u8>) -> bool {
        let stride = usize::from(self.part.stride);
        let entry =
            |state: u16, column: usize| self.part.table[usize::from(state) * stride + column];
        let kind = match before {
            None => 0,
            Some(b'\n') => 1,
            Some(b'\r') => 2,
            Some(b) if b.is_ascii_alphanumeric() || b == b'_' => 3,
            Some(_) => 4,
        };
        let mut state = self.part.starts[kind];
        for &byte in text {
            let next = entry(state, usize::from(self.part.classes[usize::from(byte)]));
            if state == FINAL || next & MATCHES != 0 {
                return true;
            }
            state = next & !MATCHES;
            if state == DEAD {
                return false;
            }
        }
        state == FINAL || entry(state, stride - 1) & MATCHES != 0
    }

    /// Whether `text`, as a haystack of its own, is a match from end to end.
    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        let stride = usize::from(self.part.stride);
        let mut state = self.part.starts[0];
        for &byte in text {
            let class = usize::from(self.part.classes[usize::from(byte)]);
            state = self.part.table[usize::from(state) * stride + class] & !MATCHES;
        }
        state == FINAL || self.part.table[usize::from(state) * stride + stride - 1] & MATCHES != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a run says of its states, the table says too: where each byte leads and whether a match ends before it.
    #[test]
    fn runs_are_what_the_table_says() {
        let mut all = 0;
        for pattern in [
            r"ghp_[A-Za-z0-9]{36}",
            r"[a-z]{20,40}[0-9]{12,}",
            r"eyJ[\w-]+\.[\w-]{10,}\.[\w-]{20,}",
            r"[a-z0-9.]{1,64}@(?:[a-z0-9-]{1,63}\.){1,3}[a-z]{2,12}",
            r"(?s).*EXAMPLE.*",
            r"-----BEGIN[^-]{0,40}-----[A-Za-z0-9+/=\s]+-----END",
            r"(?:[a-z]{9}|[a-z]{30}[0-9])x",
            r"(?:abcdefghij){3,}",
            r"[^\n]{3,300}",
        ] {
            let hir = regex_syntax::ParserBuilder::new()
                .utf8(false)
                .unicode(false)
                .build()
                .parse(pattern)
                .expect("a pattern");
            for forbidden in [[0; 4], [0, 0x07ff_fffe_87ff_fffe, 0, 0]] {
                let Built { part, .. } = build(&hir, &forbidden).expect("an automaton");
                let stride = usize::from(part.stride);
                let mut next = FINAL + 1;
                for run in &part.runs {
                    assert!(next <= run.first && run.first <= run.last, "{pattern}");
                    assert_eq!(run.first < part.sure, run.last < part.sure, "{pattern}");
                    next = run.last + 1;
                    let flag = if run.matches { MATCHES } else { 0 };
                    let most = if run.loops { run.last } else { run.last - 1 };
                    for state in run.first..=most {
                        let row = &part.table[usize::from(state) * stride..][..stride - 1];
                        let there = run.last.min(state + 1);
                        for (class, &entry) in row.iter().enumerate() {
                            if run.classes >> class & 1 == 1 {
                                assert_eq!(entry, there | flag, "{pattern}: {state}");
                            }
                        }
                    }
                }
                // States that no run has come before those of runs, so that one comparison tells.
                let simple = part.runs.first().map_or(part.sure, |run| run.first);
                let not_sure = part.runs.iter().filter(|run| run.first < part.sure);
                let states: u16 = not_sure.map(|run| run.last + 1 - run.first).sum();
                assert_eq!(simple.min(part.sure) + states, part.sure, "{pattern}");
                all += part.runs.len();
            }
        }
        assert!(all > 12, "{all} runs");
    }
}

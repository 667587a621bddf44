//! What regex-automata knows about a piece of a pattern: where it can end, and whether more bytes could still make it match.

use std::cell::RefCell;
use std::collections::HashMap;

use regex_automata::dfa::{Automaton as _, dense};
use regex_automata::hybrid::dfa::{Cache, DFA, OverlappingState};
use regex_automata::nfa::thompson;
use regex_automata::util::{primitives::StateID, start, syntax};
use regex_automata::{Anchored, Input, MatchKind};

fn bytes() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false)
}

fn nfa() -> thompson::Config {
    thompson::Config::new()
        .utf8(false)
        .which_captures(thompson::WhichCaptures::None)
}

/// A part of a pattern, and all places where it can end.
pub(super) struct Piece {
    pub(super) pattern: String,
    dfa: DFA,
    cache: RefCell<Cache>,
}

impl Piece {
    pub(super) fn new(pattern: &str) -> Piece {
        let dfa = DFA::builder()
            .configure(
                DFA::config()
                    .match_kind(MatchKind::All)
                    .cache_capacity(64 << 20),
            )
            .syntax(bytes())
            .thompson(nfa())
            .build(pattern)
            .expect("the compiler took this pattern");
        let cache = RefCell::new(dfa.create_cache());
        Piece {
            pattern: pattern.to_owned(),
            dfa,
            cache,
        }
    }

    /// The ends of all its matches that start at `start`, ascending.
    pub(super) fn ends(&self, hay: &[u8], start: usize) -> Vec<usize> {
        let input = Input::new(hay).range(start..).anchored(Anchored::Yes);
        let mut state = OverlappingState::start();
        let mut ends = Vec::new();
        let mut cache = self.cache.borrow_mut();
        loop {
            self.dfa
                .try_search_overlapping_fwd(&mut cache, &input, &mut state)
                .expect("bytes never make it give up");
            match state.get_match() {
                Some(found) => ends.push(found.offset()),
                None => return ends,
            }
        }
    }

    fn properties(&self) -> regex_automata::util::syntax::Config {
        bytes()
    }

    fn lengths(&self) -> (usize, Option<usize>) {
        let hir = syntax::parse_with(&self.pattern, &self.properties()).expect("parsed before");
        let properties = hir.properties();
        (
            properties.minimum_len().unwrap_or(0),
            properties.maximum_len(),
        )
    }

    pub(super) fn maximum_length(&self) -> Option<usize> {
        self.lengths().1
    }

    pub(super) fn fixed_length(&self) -> Option<usize> {
        let (least, most) = self.lengths();
        most.filter(|&most| most == least)
    }
}

/// A part of a pattern that is watched while it is read: does it live, is it sure?
pub(super) struct Body {
    dfa: dense::DFA<Vec<u32>>,
    states: HashMap<StateID, State>,
}

#[derive(Clone, Copy, Default)]
struct State {
    /// Some bytes, or the end, would complete a match.
    lives: bool,
    /// Whatever comes, what was read when it dies is a match.
    sure: bool,
    /// It lives on with some byte.
    goes_on: bool,
}

impl Body {
    /// `forbidden`: bytes before which nothing ends.
    pub(super) fn new(pattern: &str, forbidden: &[u8]) -> Body {
        let dfa = dense::Builder::new()
            .configure(
                dense::Config::new()
                    .match_kind(MatchKind::All)
                    .start_kind(regex_automata::dfa::StartKind::Anchored)
                    .minimize(false)
                    .accelerate(false),
            )
            .syntax(bytes())
            .thompson(nfa())
            .build(pattern)
            .expect("the compiler took this pattern");
        let mut body = Body {
            dfa,
            states: HashMap::new(),
        };
        body.learn(forbidden);
        body
    }

    fn learn(&mut self, forbidden: &[u8]) {
        let dfa = &self.dfa;
        let mut all = Vec::new();
        let mut seen = std::collections::HashSet::new();
        let mut queue: Vec<StateID> = (0..=255)
            .map(Some)
            .chain([None])
            .map(|before| start(dfa, before))
            .collect();
        while let Some(state) = queue.pop() {
            if seen.insert(state) {
                all.push(state);
                queue.extend((0..=255).map(|byte| dfa.next_state(state, byte)));
            }
        }
        // A match is reported one byte late: in the state that the byte behind it leads to.
        let ends_before =
            |next: StateID, byte: u8| dfa.is_match_state(next) && !forbidden.contains(&byte);
        let ends_at_end = |state| dfa.is_match_state(dfa.next_eoi_state(state));
        let mut states: HashMap<StateID, State> = all
            .iter()
            .map(|&s| {
                (
                    s,
                    State {
                        lives: false,
                        sure: true,
                        goes_on: false,
                    },
                )
            })
            .collect();
        let mut changed = true;
        while changed {
            changed = false;
            for &state in &all {
                let lives = ends_at_end(state)
                    || (0..=255).any(|byte| {
                        let next = dfa.next_state(state, byte);
                        ends_before(next, byte) || states[&next].lives
                    });
                if lives != states[&state].lives {
                    states.get_mut(&state).expect("known").lives = lives;
                    changed = true;
                }
            }
        }
        changed = true;
        while changed {
            changed = false;
            for &state in &all {
                let sure = ends_at_end(state)
                    && (0..=255).all(|byte| {
                        let next = dfa.next_state(state, byte);
                        if states[&next].lives {
                            states[&next].sure
                        } else {
                            ends_before(next, byte)
                        }
                    });
                if sure != states[&state].sure {
                    states.get_mut(&state).expect("known").sure = sure;
                    changed = true;
                }
            }
        }
        for &state in &all {
            let goes_on = (0..=255).any(|byte| states[&dfa.next_state(state, byte)].lives);
            states.get_mut(&state).expect("known").goes_on = goes_on;
        }
        self.states = states;
    }

    /// The states after `start..at`, as long as they live, with `at`.
    fn walk<'a>(&'a self, hay: &'a [u8], from: usize) -> impl Iterator<Item = (usize, State)> + 'a {
        let before = from.checked_sub(1).map(|at| hay[at]);
        let mut now = Some((from, start(&self.dfa, before)));
        std::iter::from_fn(move || {
            let (at, state) = now?;
            let known = self.states[&state];
            now = hay
                .get(at)
                .map(|&byte| (at + 1, self.dfa.next_state(state, byte)));
            known.lives.then_some((at, known))
        })
    }

    /// Whether it lives after the byte at `limit`, from `start` on.
    pub(super) fn lives_past(&self, hay: &[u8], start: usize, limit: usize) -> bool {
        limit < hay.len() && self.dies_at(hay, start) > limit
    }

    /// How far it lives from `start` on.
    pub(super) fn dies_at(&self, hay: &[u8], start: usize) -> usize {
        self.walk(hay, start)
            .map_while(Some)
            .last()
            .map_or(start, |(at, _)| at)
    }

    /// The places, from `start` on, where it is sure and could grow.
    pub(super) fn sure_positions<'a>(
        &'a self,
        hay: &'a [u8],
        start: usize,
    ) -> impl Iterator<Item = usize> + 'a {
        self.walk(hay, start)
            .filter(|(_, state)| state.sure && state.goes_on)
            .map(|(at, _)| at)
    }
}

fn start(dfa: &dense::DFA<Vec<u32>>, before: Option<u8>) -> StateID {
    let config = start::Config::new()
        .anchored(Anchored::Yes)
        .look_behind(before);
    dfa.start_state(&config)
        .expect("anchored, and no byte quits")
}

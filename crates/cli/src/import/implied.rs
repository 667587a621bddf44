//! Whether a pattern cannot match without one of some words in the match: then a keyword that the source asks for is no
//! condition of its own. Decided on the pattern's automaton and the words' at once, so that the answer is right for any pattern.

use std::collections::{HashMap, HashSet};

use regex_automata::nfa::thompson::{Compiler, Config, State};
use regex_automata::util::primitives::StateID;
use regex_syntax::hir::Hir;

/// Pairs of states that are followed before the answer is no.
const PAIRS: usize = 400_000;

/// Whether each match of `hir` holds one of `words`, in either case.
pub(super) fn implied(hir: &Hir, words: &[String]) -> bool {
    let config = Config::new().utf8(false);
    let Ok(nfa) = Compiler::new().configure(config).build_from_hir(hir) else {
        return false;
    };
    let mut words = Words::new(words);
    let mut seen = HashSet::new();
    let mut queue = vec![(nfa.start_anchored(), 0)];
    while let Some((state, reached)) = queue.pop() {
        if seen.len() > PAIRS {
            return false;
        }
        if !seen.insert((state, reached)) {
            continue;
        }
        match nfa.state(state) {
            State::Match { .. } => return false,
            other => queue.extend(next(other, reached, &mut words)),
        }
    }
    true
}

/// Where a state leads, without the ways on which a word is complete.
fn next(state: &State, reached: usize, words: &mut Words) -> Vec<(StateID, usize)> {
    let mut out = Vec::new();
    let mut bytes = |start: u8, end: u8, to: StateID, out: &mut Vec<(StateID, usize)>| {
        let mut last = None;
        for byte in start..=end {
            let after = words.step(reached, byte);
            if after != last {
                last = after;
                out.extend(after.map(|after| (to, after)));
            }
        }
    };
    match state {
        State::ByteRange { trans } => bytes(trans.start, trans.end, trans.next, &mut out),
        State::Sparse(sparse) => {
            for trans in &sparse.transitions {
                bytes(trans.start, trans.end, trans.next, &mut out);
            }
        }
        State::Dense(dense) => {
            for (byte, &to) in (0..=u8::MAX).zip(dense.transitions.iter()) {
                if to != StateID::ZERO {
                    bytes(byte, byte, to, &mut out);
                }
            }
        }
        // What a look-around asks for only takes matches away.
        State::Look { next, .. } | State::Capture { next, .. } => out.push((*next, reached)),
        State::Union { alternates } => out.extend(alternates.iter().map(|&to| (to, reached))),
        State::BinaryUnion { alt1, alt2 } => out.extend([(*alt1, reached), (*alt2, reached)]),
        State::Fail | State::Match { .. } => {}
    }
    out
}

/// The automaton that sees words go by: its states are the beginnings of words.
struct Words {
    words: Vec<Vec<u8>>,
    beginnings: Vec<Vec<u8>>,
    steps: HashMap<(usize, u8), Option<usize>>,
}

impl Words {
    fn new(words: &[String]) -> Self {
        Self {
            words: words
                .iter()
                .map(|word| word.to_ascii_lowercase().into_bytes())
                .collect(),
            beginnings: vec![Vec::new()],
            steps: HashMap::new(),
        }
    }

    /// The state after a byte; `None` where a word is complete.
    fn step(&mut self, state: usize, byte: u8) -> Option<usize> {
        let byte = byte.to_ascii_lowercase();
        if let Some(known) = self.steps.get(&(state, byte)) {
            return *known;
        }
        let mut text = self.beginnings[state].clone();
        text.push(byte);
        let to = if self.words.iter().any(|word| text.ends_with(word)) {
            None
        } else {
            while !self.words.iter().any(|word| word.starts_with(&text)) {
                text.remove(0);
            }
            Some(
                match self.beginnings.iter().position(|known| *known == text) {
                    Some(known) => known,
                    None => {
                        self.beginnings.push(text);
                        self.beginnings.len() - 1
                    }
                },
            )
        };
        self.steps.insert((state, byte), to);
        to
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex_syntax::ParserBuilder;

    #[track_caller]
    fn check(pattern: &str, words: &[&str], expected: bool) {
        let mut builder = ParserBuilder::new();
        let hir = builder
            .unicode(false)
            .utf8(false)
            .build()
            .parse(pattern)
            .unwrap();
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        assert_eq!(implied(&hir, &words), expected, "{pattern} {words:?}");
    }

    #[test]
    fn words_that_every_match_holds() {
        check("(?i)[a-z]{0,9}api_key=[0-9]{4}", &["API_KEY"], true);
        check(
            "(?:AKIA|ASIA|A3T[0-9])[A-Z]{16}",
            &["akia", "asia", "a3t"],
            true,
        );
        check("(?:AKIA|ASIA|A3T[0-9])[A-Z]{16}", &["akia", "asia"], false);
        check("[a-f0-9]{32}", &["vendor"], false);
        check("(?:aab|xaa)b", &["aab"], true);
        check("key(?:-vendor)?=[0-9]{4}", &["vendor"], false);
        check("(?:ab){3}", &["baba"], true);
        check("x?", &["x"], false);
    }
}

//! Rules that name fields of documents in place of bytes: paths over keys, and what of them has matched where a reader is. Readers of
//! documents live elsewhere; they say which key they are at, and are told whether its value is to be redacted.
//!
//! A path is a row of steps. All paths are followed at once: a state is a set of bits, one for each step that has been reached, and one
//! behind the last. A step into a child shifts those bits whose step fits; a step that may skip levels keeps its bit as well.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::plan::Plan;
use crate::rule::{Action, RuleIndex};

/// The longest key of a path in bytes, as [`fold`]ed.
pub const LONGEST_KEY: usize = 64;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldStep {
    /// The key, [`fold`]ed; `None`: any key, and any element of an array.
    pub key: Option<Vec<u8>>,
    /// Any number of levels may lie before it.
    pub deep: bool,
}

/// A path of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPart {
    /// The rule.
    pub rule: u16,
    /// From the root on.
    pub steps: Vec<FieldStep>,
}

/// A byte of a key as it is compared: in lower case; `None` for `_` and `-`, which are left out.
#[must_use]
pub fn fold(byte: u8) -> Option<u8> {
    match byte {
        b'_' | b'-' => None,
        byte => Some(byte.to_ascii_lowercase()),
    }
}

/// The paths of all rules of an artifact.
#[derive(Debug, Default)]
pub struct Fields {
    /// Words of a state.
    words: usize,
    start: Vec<u64>,
    /// Steps that any child fits.
    any: Vec<u64>,
    /// Steps before which levels may be skipped.
    deep: Vec<u64>,
    /// Steps that a key fits, without those of `any`.
    keys: BTreeMap<Vec<u8>, Vec<u64>>,
    /// The bit behind each path's last step, and its rule; in the order of the rules.
    ends: Vec<(usize, RuleIndex)>,
}

fn set(words: &mut [u64], bit: usize) {
    if let Some(word) = words.get_mut(bit / 64) {
        *word |= 1 << (bit % 64);
    }
}

fn has(words: &[u64], bit: usize) -> bool {
    words
        .get(bit / 64)
        .is_some_and(|word| word >> (bit % 64) & 1 == 1)
}

impl Fields {
    pub(crate) fn new(parts: &[FieldPart]) -> Fields {
        let bits: usize = parts.iter().map(|part| part.steps.len() + 1).sum();
        let words = bits.div_ceil(64);
        let none = || alloc::vec![0; words];
        let mut fields = Fields {
            words,
            start: none(),
            any: none(),
            deep: none(),
            keys: BTreeMap::new(),
            ends: Vec::new(),
        };
        let mut bit = 0;
        for part in parts {
            set(&mut fields.start, bit);
            for step in &part.steps {
                match &step.key {
                    None => set(&mut fields.any, bit),
                    Some(key) => set(fields.keys.entry(key.clone()).or_insert_with(none), bit),
                }
                if step.deep {
                    set(&mut fields.deep, bit);
                }
                bit += 1;
            }
            fields.ends.push((bit, RuleIndex(part.rule)));
            bit += 1;
        }
        fields.ends.sort_by_key(|end| end.1.as_usize());
        fields
    }

    /// Whether there is no path at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The state at the root of a document.
    #[must_use]
    pub fn start(&self) -> &[u64] {
        &self.start
    }

    /// The state of a child of a value whose state is `from`; `key` is [`fold`]ed, `None` for an element of an array.
    pub fn child(&self, from: &[u64], key: Option<&[u8]>, to: &mut Vec<u64>) {
        to.clear();
        let keyed = key.and_then(|key| self.keys.get(key));
        let mut carry = 0;
        for at in 0..self.words {
            let word = |words: &[u64]| words.get(at).copied().unwrap_or(0);
            let from = word(from);
            let fits = from & (word(&self.any) | keyed.map_or(0, |keyed| word(keyed)));
            to.push(fits << 1 | carry | from & word(&self.deep));
            carry = fits >> 63;
        }
    }

    /// What the rule of each path does, as [`Fields::rule`] takes it; `None`: it is off.
    pub fn actions(&self, plan: &Plan) -> impl Iterator<Item = Option<Action>> {
        let action = |rule| plan.enabled(rule).then(|| plan.action(rule));
        self.ends.iter().map(move |end| action(end.1))
    }

    /// The first rule in the artifact's order that is on and whose path ends in `state`; one that only counts stands behind all others.
    #[must_use]
    pub fn rule(&self, state: &[u64], actions: &[Option<Action>]) -> Option<(RuleIndex, Action)> {
        let ends = self.ends.iter().zip(actions);
        let mut counts = None;
        for (end, action) in ends.filter(|(end, _)| has(state, end.0)) {
            match *action {
                Some(Action::Allow) => counts = counts.or(Some((end.1, Action::Allow))),
                Some(action) => return Some((end.1, action)),
                None => {}
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(rule: u16, steps: &[(&str, bool)]) -> FieldPart {
        let step = |&(key, deep): &(&str, bool)| FieldStep {
            key: (key != "*").then(|| key.as_bytes().to_vec()),
            deep,
        };
        FieldPart {
            rule,
            steps: steps.iter().map(step).collect(),
        }
    }

    /// Rules whose path ends at a place, `0` standing for an element of an array.
    fn at(fields: &Fields, path: &str) -> Vec<usize> {
        let mut state = fields.start().to_vec();
        for key in path.split('.') {
            let mut next = Vec::new();
            let key = Some(key.as_bytes()).filter(|key| *key != b"0");
            fields.child(&state, key, &mut next);
            state = next;
        }
        let ends = fields.ends.iter().filter(|end| has(&state, end.0));
        ends.map(|end| end.1.as_usize()).collect()
    }

    #[test]
    fn paths_are_followed_together() {
        let mut parts = alloc::vec![
            part(0, &[("password", true)]),
            part(1, &[("user", false), ("email", false)]),
            part(2, &[("a", false), ("*", false), ("b", false)]),
            part(3, &[("x", false), ("b", true)]),
        ];
        // So many that a state has several words.
        for rule in 4..40 {
            parts.push(part(rule, &[("q", false), ("*", true), ("z", false)]));
        }
        let fields = Fields::new(&parts);
        assert!(fields.words > 1);
        for (path, rules) in [
            ("password", &[0][..]),
            ("a.0.password", &[0]),
            ("user.email", &[1]),
            ("user.0.email", &[]),
            ("email", &[]),
            ("a.0.b", &[2]),
            ("a.c.b", &[2]),
            ("a.b", &[]),
            ("x.b", &[3]),
            ("x.y.0.b", &[3]),
            ("y.b", &[]),
        ] {
            assert_eq!(at(&fields, path), rules, "{path}");
        }
        assert_eq!(at(&fields, "q.a.z").len(), 36);
        assert_eq!(at(&fields, "q.a.0.z").len(), 36);
        assert_eq!(at(&fields, "q.z").len(), 0);
    }
}

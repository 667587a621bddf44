//! Which field of a document a reader is at, as the paths of rules see it. Readers say which keys and containers they meet; what takes the
//! place of a value that a rule names lives with them.

use alloc::vec::Vec;

use blackbar_engine::fields::{LONGEST_KEY, fold};
use blackbar_engine::{Action, Engine, Plan, RuleIndex};

/// A rule that names a value, and what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) rule: RuleIndex,
    pub(crate) action: Action,
}

impl Named {
    /// Whether the rule does more than count.
    pub(crate) fn hides(self) -> bool {
        self.action != Action::Allow
    }
}

/// Of two rules that name a value, the one that does something to it; otherwise the first.
pub(crate) fn stronger(first: Option<Named>, second: Option<Named>) -> Option<Named> {
    first
        .filter(|named| named.hides())
        .or(second.filter(|named| named.hides()))
        .or(first)
        .or(second)
}

/// The keys and containers on the way to a value.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    /// What the rule of each path does; nothing if no rule names fields.
    actions: Vec<Option<Action>>,
    /// The states of the containers that are open, one behind the other.
    open: Vec<Vec<u64>>,
    /// States for containers to come.
    spare: Vec<Vec<u64>>,
    /// The last key, as it is compared; one that is longer than any is cut.
    key: Vec<u8>,
    /// The state of the value that has begun.
    next: Vec<u64>,
}

impl Trail {
    /// Takes the rules of `engine` as far as they are on.
    pub(crate) fn prepare(&mut self, engine: &Engine, plan: &Plan) {
        let actions = engine.fields().actions(plan);
        if !self.actions.iter().copied().eq(actions) {
            self.actions.clear();
            self.actions.extend(engine.fields().actions(plan));
        }
    }

    /// Whether any rule names fields: there is something to do at all.
    pub(crate) fn is_on(&self) -> bool {
        !self.actions.is_empty()
    }

    /// The document is over, or none.
    pub(crate) fn leave(&mut self) {
        self.spare.append(&mut self.open);
        self.key.clear();
    }

    /// A key begins.
    pub(crate) fn begin_key(&mut self) {
        self.key.clear();
    }

    /// More of a key: what it says.
    pub(crate) fn key(&mut self, text: &[u8]) {
        let room = (LONGEST_KEY + 1).saturating_sub(self.key.len());
        let folded = text.iter().filter_map(|&byte| fold(byte));
        self.key.extend(folded.take(room));
    }

    /// A value begins, behind the last key or as an element of what is open. Answers with the rule that names it.
    pub(crate) fn value(&mut self, engine: &Engine, keyed: bool) -> Option<Named> {
        let fields = engine.fields();
        match self.open.last() {
            Some(around) => {
                let key = keyed.then_some(self.key.as_slice());
                fields.child(around, key, &mut self.next);
            }
            None => {
                self.next.clear();
                self.next.extend_from_slice(fields.start());
            }
        }
        self.named(engine)
    }

    /// A value begins that has several names. Answers with the rule that names it.
    pub(crate) fn value_of<'k>(
        &mut self,
        engine: &Engine,
        names: impl Iterator<Item = &'k [u8]>,
    ) -> Option<Named> {
        let Some(around) = self.open.last() else {
            self.root(engine);
            return None;
        };
        let mut one = self.spare.pop().unwrap_or_default();
        self.next.clear();
        for name in names {
            engine.fields().child(around, Some(name), &mut one);
            self.next.resize(one.len(), 0);
            for (all, one) in self.next.iter_mut().zip(&one) {
                *all |= one;
            }
        }
        self.spare.push(one);
        self.named(engine)
    }

    /// The document itself is what has begun.
    pub(crate) fn root(&mut self, engine: &Engine) {
        self.next.clear();
        self.next.extend_from_slice(engine.fields().start());
    }

    /// A child of the value that has begun takes its place: the one behind the last key, or an element. Answers with the rule that names it.
    pub(crate) fn descend(&mut self, engine: &Engine, keyed: bool) -> Option<Named> {
        let around = core::mem::take(&mut self.next);
        let key = keyed.then_some(self.key.as_slice());
        let mut next = self.spare.pop().unwrap_or_default();
        engine.fields().child(&around, key, &mut next);
        self.next = next;
        self.spare.push(around);
        self.named(engine)
    }

    fn named(&self, engine: &Engine) -> Option<Named> {
        let (rule, action) = engine.fields().rule(&self.next, &self.actions)?;
        Some(Named { rule, action })
    }

    /// The value that has begun is a container, and opens.
    pub(crate) fn enter(&mut self) {
        let mut state = self.spare.pop().unwrap_or_default();
        state.clear();
        state.extend_from_slice(&self.next);
        self.open.push(state);
    }

    /// The innermost container ends.
    pub(crate) fn exit(&mut self) {
        self.spare.extend(self.open.pop());
    }

    /// Containers that are open.
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Bytes held on the heap.
    pub(crate) fn memory(&self) -> usize {
        let states = self.open.iter().chain(&self.spare);
        states.map(|state| state.capacity() * 8).sum::<usize>()
            + (self.open.capacity() + self.spare.capacity()) * size_of::<Vec<u64>>()
            + self.key.capacity()
            + self.actions.capacity() * size_of::<Option<Action>>()
    }
}

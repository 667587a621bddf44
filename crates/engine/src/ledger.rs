//! What a scan's work is made of: how much each step lets through, and what each rule costs. Counted only where somebody asks
//! (`blackbar bench --ledger`); the usual observer is `()`, which is compiled away.

use alloc::vec::Vec;

use crate::rule::RuleIndex;

/// Is told of a scan's steps as they are taken.
pub trait Observer {
    /// The first pass let so many positions through: of literals, and of shapes.
    fn passed(&mut self, literals: usize, shapes: usize) {
        let _ = (literals, shapes);
    }

    /// So many of them were left when their bytes were looked up.
    fn sifted(&mut self, literals: usize, shapes: usize) {
        let _ = (literals, shapes);
    }

    /// A window of `rule` stands: its known bytes are there.
    fn window(&mut self, rule: RuleIndex) {
        let _ = rule;
    }

    /// A start of `rule` is about to be verified.
    fn begin(&mut self, rule: RuleIndex) {
        let _ = rule;
    }

    /// It was, by automata that looked at `steps` bytes.
    fn end(&mut self, rule: RuleIndex, steps: u64) {
        let _ = (rule, steps);
    }
}

impl Observer for () {}

/// Counts of everything that an [`Observer`] is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Positions of literals that the first pass let through.
    pub literals: u64,
    /// Positions of shapes that it let through.
    pub shapes: u64,
    /// Positions of literals that were left when their bytes were looked up.
    pub sifted_literals: u64,
    /// Positions of shapes that were left.
    pub sifted_shapes: u64,
    /// By rule.
    pub rules: Vec<Entry>,
}

/// One rule's part of a [`Ledger`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Entry {
    /// Windows that stood.
    pub windows: u64,
    /// Starts that were verified.
    pub verified: u64,
    /// Bytes that automata looked at.
    pub steps: u64,
}

impl Ledger {
    /// An empty one for so many rules.
    #[must_use]
    pub fn new(rules: usize) -> Ledger {
        let mut ledger = Ledger::default();
        ledger.rules.resize(rules, Entry::default());
        ledger
    }

    fn entry(&mut self, rule: RuleIndex, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.rules.get_mut(rule.as_usize()) {
            change(entry);
        }
    }
}

impl Observer for Ledger {
    fn passed(&mut self, literals: usize, shapes: usize) {
        self.literals += literals as u64;
        self.shapes += shapes as u64;
    }

    fn sifted(&mut self, literals: usize, shapes: usize) {
        self.sifted_literals += literals as u64;
        self.sifted_shapes += shapes as u64;
    }

    fn window(&mut self, rule: RuleIndex) {
        self.entry(rule, |entry| entry.windows += 1);
    }

    fn end(&mut self, rule: RuleIndex, steps: u64) {
        self.entry(rule, |entry| {
            entry.verified += 1;
            entry.steps += steps;
        });
    }
}

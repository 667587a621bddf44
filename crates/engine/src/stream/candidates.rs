//! Where in one chunk a match may start: what the prefilter, words and runs point at, and the last bytes, where a window may
//! be cut off. What becomes of a start lives in [`scan`](super::scan).

use super::Follows;
use super::scan::Scan;
use crate::artifact::{LookBack, Window};
use crate::boundary;
use crate::ledger::Observer;
use crate::prefilter::{HASHED, RUN, STRIP, Strip, WINDOW, is_run};
use crate::rule::RuleIndex;
use crate::tokens::Begun;

impl<O: Observer> Scan<'_, O> {
    /// Evaluates the new starts of rules that have no windows, which words that begin in `from..to` point at.
    fn words(&mut self, from: usize, to: usize) {
        let engine = self.engine;
        let hay = self.view.hay;
        engine
            .tokens
            .words(hay, from..to, |rule, word, at| self.word(rule, word, at));
    }

    /// The same for a rule's word that may begin at `at`.
    fn word(&mut self, rule: u16, word: u16, at: usize) {
        let hay = self.view.hay;
        let program = self.engine.programs.get(usize::from(rule));
        let context = program
            .and_then(|p| p.near.as_ref())
            .map(|near| &near.context);
        let starts = context.and_then(|c| c.starts_after(usize::from(word), hay, at));
        if let Some(starts) = starts
            && let Some(first) = self.first_new(rule)
        {
            let to = starts.end.min(self.limit);
            self.evaluate_range(rule, first.max(starts.start), to);
        }
    }

    /// Evaluates the new starts that the prefilter points at.
    pub(super) fn candidates(&mut self) {
        let engine = self.engine;
        let hay = self.view.hay;
        let mut from = self.index(self.stream.evaluated);
        if from >= self.limit && self.follows == Follows::More {
            return;
        }
        // Behind that windows may be cut off, and what is known of a start must not depend on which window it has: see `tail`.
        let whole = if self.view.last { WINDOW } else { HASHED };
        let end = (hay.len() + 1).saturating_sub(whole);
        let mut strip = self.stream.strip.take().unwrap_or_default();
        strip.start_over();
        let mut looked = 0;
        let within = engine.tokens.within();
        if let Some(within) = within {
            // Words of the chunk before bear on this one.
            self.words(from.saturating_sub(within), from);
        }
        if within.is_some() && !engine.tokens.begin_words() {
            // Nothing is known of where they may begin.
            self.words(from, end);
        }
        while from < end {
            let to = end.min(from + STRIP);
            engine.prefilter.scan(hay, from, to, &mut strip);
            let passed = strip.sizes();
            engine.index.sift(hay, from, &mut strip);
            engine.tokens.sift(hay, from, &mut strip);
            let sifted = strip.sizes();
            self.observer.passed(passed.0, passed.1);
            self.observer.sifted(sifted.0, sifted.1);
            self.strip(from, &strip);
            if !engine.keywords.is_empty() {
                for &at in strip.runs.as_slice() {
                    self.look_back(from + usize::from(at), &mut looked);
                }
            }
            from = to;
        }
        if within.is_some() && self.follows != Follows::More {
            let new = self.index(self.stream.evaluated);
            self.words(end.max(new), hay.len());
        }
        if engine.keywords.is_empty() || self.follows == Follows::More {
            // No rule is keyed, or the keywords whose value is not there yet wait for it.
        } else if self.view.last {
            // No value gets longer: what is left are runs that got long enough behind the last window.
            for at in (end..hay.len()).filter(|&at| completes_run(hay, at)) {
                self.look_back(at, &mut looked);
            }
        } else {
            // Keywords whose value has not got long enough yet, or did so behind the last window.
            let far = engine.look_back.reach();
            let new = self.index(self.stream.evaluated);
            self.keywords(new.max(hay.len().saturating_sub(far)), end);
        }
        self.stream.strip = Some(strip);
    }

    /// Evaluates the starts that one strip's candidates point at, in the order of their places.
    fn strip(&mut self, from: usize, strip: &Strip) {
        let engine = self.engine;
        let hay = self.view.hay;
        let mut literals = strip.literals.as_slice();
        let mut shapes = strip.shapes.as_slice();
        let mut tokens = strip.tokens.as_slice();
        let first = |list: &[u16]| list.first().copied().unwrap_or(u16::MAX);
        loop {
            let (literal, shape, token) = (first(literals), first(shapes), first(tokens));
            let here = literal.min(shape).min(token);
            if here == u16::MAX {
                return;
            }
            let at = from + usize::from(here);
            if literal == here {
                literals = literals.get(1..).unwrap_or_default();
                engine.index.literals(hay, at, |w| self.window(w, at));
            }
            if token == here {
                tokens = tokens.get(1..).unwrap_or_default();
                engine.tokens.beginning(hay, at, |begun| match begun {
                    Begun::Window(window) => self.window(window, at),
                    Begun::Word(rule, word) => self.word(rule, word, at),
                });
            }
            if shape == here {
                shapes = shapes.get(1..).unwrap_or_default();
                engine.index.shapes(hay, at, |w| self.window(w, at));
            }
        }
    }

    /// Evaluates the starts of keyed rules before the run that got long enough at `at`. Those before `looked` were; moves
    /// that on.
    fn look_back(&mut self, at: usize, looked: &mut usize) {
        let engine = self.engine;
        let hay = self.view.hay;
        let LookBack { before, walk, most } = &engine.look_back;
        let Some(run) = (at + 1).checked_sub(RUN) else {
            return;
        };
        let least = run.saturating_sub(usize::from(*most)).max(*looked);
        let text = hay.get(least..run).unwrap_or_default();
        if !text.last().is_some_and(|&b| boundary::contains(before, b)) {
            return;
        }
        let walked = text
            .iter()
            .rev()
            .take_while(|&&b| boundary::contains(walk, b));
        self.keywords(run - walked.count(), run);
        *looked = run;
    }

    /// Evaluates the starts of keyed rules whose windows stand in `from..to`.
    fn keywords(&mut self, from: usize, to: usize) {
        let engine = self.engine;
        let hay = self.view.hay;
        engine.keywords.passing(hay, from..to, |at| {
            engine.keywords.standing(hay, at, |w| self.window(w, at));
        });
    }

    fn window(&mut self, index: u16, at: usize) {
        if let Some(window) = self.engine.windows.get(usize::from(index)) {
            self.observer.window(RuleIndex(window.rule));
            self.candidate(window, at);
        }
    }

    /// Evaluates the starts that a window at `at` stands for.
    fn candidate(&mut self, window: &Window, at: usize) {
        let Some(program) = self.engine.programs.get(usize::from(window.rule)) else {
            return;
        };
        let Some(end) = at.checked_sub(usize::from(window.offset)) else {
            return;
        };
        let is_free = |at| boundary::left_is_free(&program.left, self.view.hay, at);
        if window.run.is_none() && !(is_free(end) && self.begins(program, end)) {
            return;
        }
        let Some(first_new) = self.first_new(window.rule) else {
            return;
        };
        let (from, to) = match &window.run {
            None if program.spread == 0 => {
                if (first_new..self.limit).contains(&end) {
                    self.evaluate_free(window.rule, program, end, None);
                }
                return;
            }
            None => (end, end + 1),
            Some(run) => {
                let text = self.view.hay.get(..end).unwrap_or_default();
                let most = text.iter().rev().take(usize::from(run.max));
                let length = most
                    .take_while(|&&b| boundary::contains(&run.set, b))
                    .count();
                (end - length, (end + 1).saturating_sub(usize::from(run.min)))
            }
        };
        let to = to.min(self.limit);
        let mut from = from.max(first_new);
        if to <= from {
            return;
        }
        if window.run.is_some() {
            // The starts of a run are evaluated once, however many windows stand behind it.
            from = self.stream.runs.go_on(window.rule, from, to);
        }
        if program.spread == 0 {
            self.evaluate_range(window.rule, from, to);
        } else if (from..to).any(|start| {
            (window.run.is_none() || boundary::left_is_free(&program.left, self.view.hay, start))
                && self.lives(window.rule, program, start)
        }) {
            // An earlier start may come to light later, by a window further from it: now is the time to look at it.
            let least = from.saturating_sub(program.spread).max(first_new);
            let from = match &program.between {
                Some(set) => {
                    let text = self.view.hay.get(least..from).unwrap_or_default();
                    let near = text.iter().rev();
                    from - near.take_while(|&&b| boundary::contains(set, b)).count()
                }
                None => least,
            };
            self.evaluate_range(window.rule, from, to);
        }
    }

    /// Evaluates the new starts of runs that reach so near the window's end that the windows behind them are cut off.
    pub(super) fn tail_of_runs(&mut self) {
        let engine = self.engine;
        let hay = self.view.hay;
        for windows in engine.behind_runs.chunk_by(|a, b| a.rule == b.rule) {
            let rule = windows.first().map_or(0, |window| window.rule);
            let Some(first_new) = self.first_new(rule) else {
                continue;
            };
            let starts = windows.iter().filter_map(|w| run_tail(w, hay, first_new));
            if let Some(from) = starts.min() {
                self.evaluate_range(rule, from.max(first_new), self.limit);
            }
        }
    }

    /// Evaluates the new starts near the window's end, where the prefilter's windows are cut off; those of runs, which lie further back,
    /// were before.
    pub(super) fn tail(&mut self) {
        let engine = self.engine;
        let hay = self.view.hay;
        let new = self.index(self.stream.evaluated);
        let from = new.max(hay.len().saturating_sub(engine.starts.most()));
        let mut cut_off = core::mem::take(&mut self.stream.cut_off);
        engine.starts.cut_off(hay, from, &mut cut_off);
        for &(at, rule) in cut_off.starts.iter().rev() {
            if let Some(program) = engine.programs.get(usize::from(rule))
                && self.first_new(rule).is_some_and(|first| first <= at)
            {
                self.evaluate(rule, program, at, None);
            }
        }
        self.stream.cut_off = cut_off;
    }
}

/// Whether the byte at `at` is the last of the first [`RUN`] of a run.
fn completes_run(hay: &[u8], at: usize) -> bool {
    let text = hay.get(..=at).unwrap_or_default();
    let mut back = text.iter().rev().map(|&byte| is_run(byte));
    back.by_ref().take(RUN).filter(|&is| is).count() == RUN && !back.next().unwrap_or(false)
}

/// The first start, from `least` on, of a match whose leading run ends so near the end of `hay` that `window` behind it is
/// cut off.
fn run_tail(window: &Window, hay: &[u8], least: usize) -> Option<usize> {
    let run = window.run.as_ref()?;
    let cut = usize::from(window.offset) + HASHED;
    let most = usize::from(run.max);
    let nearest = (hay.len() + 1).saturating_sub(cut).max(least);
    let text = hay.get(least..nearest)?;
    let before = text.iter().rev().take(most);
    let mut length = before
        .take_while(|&&b| boundary::contains(&run.set, b))
        .count();
    let mut first = None;
    for end in nearest..=hay.len() {
        if length > 0 || run.min == 0 {
            let start = end - length;
            first = Some(first.map_or(start, |first: usize| first.min(start)));
        }
        let inside = hay
            .get(end)
            .is_some_and(|&b| boundary::contains(&run.set, b));
        length = if inside { most.min(length + 1) } else { 0 };
    }
    first
}

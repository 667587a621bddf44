//! Plans for parts whose bytes are counted inside of what is not, or by something that is not: masks in the place of what changes lengths.

use alloc::boxed::Box;

use blackbar_engine::{Action, Plan};

use crate::view::With;

/// The last plan that came, and what was made of it; nothing as long as there is none that changes lengths.
#[derive(Debug, Default)]
pub(crate) struct Masks {
    both: Option<Box<(Plan, Plan)>>,
}

impl Masks {
    /// The same for the plan of `with`. What was made before stays if that is the same.
    pub(crate) fn made(self, with: With<'_>) -> Masks {
        if with.plan.preserves_length() {
            return Masks::default();
        }
        let kept = self.both.filter(|both| both.0 == *with.plan);
        let both = kept.unwrap_or_else(|| {
            let mut masks = with.plan.clone();
            for (rule, _) in with.engine.indexed_rules() {
                if !masks.action(rule).preserves_length() {
                    masks.set_action(rule, Action::Mask);
                }
            }
            Box::new((with.plan.clone(), masks))
        });
        Masks { both: Some(both) }
    }

    /// What scans with masks.
    pub(crate) fn on<'a>(&'a self, with: With<'a>) -> With<'a> {
        With {
            plan: self.both.as_ref().map_or(with.plan, |both| &both.1),
            ..with
        }
    }

    /// Bytes held on the heap.
    pub(crate) fn memory(&self) -> usize {
        let both = self.both.as_deref();
        2 * both.map_or(0, |(plan, _)| size_of_val(plan.settings()))
    }
}

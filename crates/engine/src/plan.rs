//! A plan: which rules of an artifact are on, and what each does, for one use of it. Made from a profile and overrides
//! when configuration is read; never changed while streams run.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::artifact::Engine;
use crate::rule::{Action, RuleIndex, Settings};

/// The settings of every rule of one [`Engine`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    settings: Vec<Settings>,
}

/// A profile that the artifact does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanError {
    given: String,
    known: Vec<String>,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no profile `{}` in this artifact; it holds ", self.given)?;
        for (i, id) in self.known.iter().enumerate() {
            write!(f, "{}`{id}`", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl core::error::Error for PlanError {}

impl Plan {
    /// The plan of the profile `id`, or of the artifact's base profile.
    ///
    /// # Errors
    /// When the artifact holds no profile of that id.
    pub fn new(engine: &Engine, profile: Option<&str>) -> Result<Plan, PlanError> {
        let settings = match profile {
            None => engine.rules().map(|rule| rule.settings).collect(),
            Some(id) if id == engine.policy_id() => {
                engine.rules().map(|rule| rule.settings).collect()
            }
            Some(id) => match engine.variant(id) {
                Some(settings) => settings.to_vec(),
                None => {
                    let mut known = Vec::from([String::from(engine.policy_id())]);
                    known.extend(engine.variant_ids().map(String::from));
                    return Err(PlanError {
                        given: String::from(id),
                        known,
                    });
                }
            },
        };
        Ok(Plan { settings })
    }

    /// Whether a rule is on. A rule of another artifact is off.
    #[must_use]
    pub fn enabled(&self, rule: RuleIndex) -> bool {
        self.settings
            .get(rule.as_usize())
            .is_some_and(|s| s.enabled)
    }

    /// What a rule does. [`Action::Mask`] for a rule of another artifact.
    #[must_use]
    pub fn action(&self, rule: RuleIndex) -> Action {
        self.settings
            .get(rule.as_usize())
            .map_or(Action::Mask, |s| s.action)
    }

    /// The settings of all rules, in the artifact's order.
    #[must_use]
    pub fn settings(&self) -> &[Settings] {
        &self.settings
    }

    /// Turns a rule on or off.
    pub fn set_enabled(&mut self, rule: RuleIndex, enabled: bool) {
        if let Some(s) = self.settings.get_mut(rule.as_usize()) {
            s.enabled = enabled;
        }
    }

    /// Changes what a rule does.
    pub fn set_action(&mut self, rule: RuleIndex, action: Action) {
        if let Some(s) = self.settings.get_mut(rule.as_usize()) {
            s.action = action;
        }
    }

    /// Whether no enabled rule can change the length of a haystack.
    ///
    /// A number in JSON and a candidate that is masked because it grew too long keep their lengths in any case.
    #[must_use]
    pub fn preserves_length(&self) -> bool {
        self.settings
            .iter()
            .all(|s| !s.enabled || s.action.preserves_length())
    }
}

//! A plugin: one configuration, the engine it uses and what its rules do. Made when a configuration is taken, never changed after.

use std::rc::Rc;

use blackbar_carriers::Views;
use blackbar_engine::{Action, Engine, MAGIC, Plan};

use crate::config::{Config, ConfigError, Mode};
use crate::counters::Counters;
use crate::headers::Lengths;
use crate::known::Known;

/// A configuration that was taken. Streams hold on to the one that they began with.
#[derive(Debug)]
pub struct Plugin {
    /// The settings.
    pub config: Config,
    /// The rules. Shared by all plugins of a VM that use the embedded policy.
    pub engine: Rc<Engine>,
    /// What the rules do.
    pub plan: Plan,
    /// What they do where a length may not change: every tag a mask.
    pub masks: Plan,
    /// Which encoded forms of values are read.
    pub views: Views,
    /// Whether any rule may change a message at all.
    pub changes: bool,
    /// Of the names of headers that hold signatures.
    pub signature_lengths: Lengths,
    /// The plugin's counters.
    pub counters: Counters,
    /// Headers in which its rules find nothing.
    pub known: Known,
}

impl Plugin {
    /// Takes the bytes of a plugin configuration: nothing, an artifact, or JSON. `embedded` is the policy in the module.
    ///
    /// # Errors
    /// On any doubt; nothing is kept.
    ///
    /// # Panics
    /// Never, for any input.
    pub fn configure(bytes: Vec<u8>, embedded: &Embedded) -> Result<Plugin, ConfigError> {
        if bytes.starts_with(MAGIC.as_slice()) {
            let engine = Engine::load(bytes).map_err(|error| {
                ConfigError::new(&format!(
                    "the configuration is an artifact that cannot be used: {error}"
                ))
            })?;
            return Plugin::new(Config::default(), Rc::new(engine));
        }
        let config = Config::parse(&bytes)?;
        Plugin::new(config, embedded.engine()?)
    }

    fn new(config: Config, engine: Rc<Engine>) -> Result<Plugin, ConfigError> {
        let mut plan = Plan::new(&engine, config.profile.as_deref())
            .map_err(|error| ConfigError::new(&error.to_string()))?;
        for rule in &config.rules {
            let Some(index) = engine.find_rule(&rule.id) else {
                let message = format!("no rule `{}` in policy `{}`", rule.id, engine.policy_id());
                return Err(ConfigError::new(&message));
            };
            if let Some(action) = rule.action {
                plan.set_action(index, action);
            }
            if let Some(enabled) = rule.enabled {
                plan.set_enabled(index, enabled);
            }
        }
        let mut masks = plan.clone();
        let mut changes = false;
        for (index, _) in engine.indexed_rules() {
            if !plan.action(index).preserves_length() {
                masks.set_action(index, Action::Mask);
            }
            changes |= plan.enabled(index) && plan.action(index) != Action::Allow;
        }
        let counters = Counters::new(Some(&engine));
        Ok(Plugin {
            views: config.views.apply(Views::of(&engine)),
            signature_lengths: Lengths::of_all(&config.signed_bodies.headers),
            config,
            engine,
            plan,
            masks,
            changes,
            counters,
            known: Known::default(),
        })
    }

    /// Whether messages are changed, not only looked at.
    #[must_use]
    pub fn enforces(&self) -> bool {
        self.config.mode == Mode::Enforce
    }

    /// One line that tells which policy is at work.
    #[must_use]
    pub fn describe(&self) -> String {
        let rules = self.engine.indexed_rules();
        let on = rules.filter(|&(index, _)| self.plan.enabled(index));
        format!(
            "blackbar: policy {} {:08x}, profile {}, {} of {} rules on, mode {}",
            self.engine.policy_id(),
            self.engine.checksum(),
            self.config
                .profile
                .as_deref()
                .unwrap_or_else(|| self.engine.policy_id()),
            on.count(),
            self.engine.rules().len(),
            self.config.mode.as_str(),
        )
    }
}

/// The policy that lies in the module, loaded once in each VM.
pub struct Embedded(Result<Rc<Engine>, ConfigError>);

impl Embedded {
    /// Loads the artifact in the module's slot. `None`: the slot is empty.
    #[must_use]
    pub fn load(artifact: Option<&'static [u8]>) -> Embedded {
        let Some(artifact) = artifact else {
            let message = "no policy: this module holds none (see `blackbar embed`) and the configuration is no artifact";
            return Embedded(Err(ConfigError::new(message)));
        };
        let engine = Engine::load(artifact).map(Rc::new);
        Embedded(engine.map_err(|error| {
            ConfigError::new(&format!(
                "the policy in this module cannot be used: {error}"
            ))
        }))
    }

    fn engine(&self) -> Result<Rc<Engine>, ConfigError> {
        self.0.clone()
    }
}

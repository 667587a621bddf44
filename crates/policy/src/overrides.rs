//! Selectors and overrides: what a profile changes about the rules of its packs. Reads them, and applies them in order.

use crate::model::{Action, Confidence, Rule, Settings, Severity};
use crate::names::{Words, group, is_name, is_pack_name, is_rule_id, listed, nearest, quoted};
use crate::reader::{Fields, Reading, Text, Value};
use crate::rule::read_action;

const FORMS: &str = "a selector is a rule id (`github.pat`), a namespace (`github.*`), `tag:card`, `pack:pii` or `confidence:low`";

/// One `[[override]]`: what it applies to and what it changes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Override {
    selectors: Vec<(Selector, Text)>,
    enabled: Option<bool>,
    action: Option<Action>,
    severity: Option<Severity>,
}

/// Which rules an override is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Selector {
    Rule(String),
    Namespace(String),
    Tag(String),
    Pack(String),
    Group(String),
    Confidence(Confidence),
}

impl Selector {
    fn parse(text: &str) -> Option<Self> {
        let named = |name: &str| is_name(name).then(|| name.to_string());
        if let Some((kind, name)) = text.split_once(':') {
            return match kind {
                "tag" => named(name).map(Self::Tag),
                "pack" => match group(name) {
                    Some(group) => Some(Self::Group(group.to_string())),
                    None => is_pack_name(name).then(|| Self::Pack(name.to_string())),
                },
                "confidence" => Confidence::parse(name).map(Self::Confidence),
                _ => None,
            };
        }
        if let Some(namespace) = text.strip_suffix(".*") {
            return named(namespace).map(Self::Namespace);
        }
        is_rule_id(text).then(|| Self::Rule(text.to_string()))
    }

    fn selects(&self, rule: &Rule) -> bool {
        match self {
            Self::Rule(id) => rule.id == *id,
            Self::Namespace(name) => namespace(rule) == name,
            Self::Tag(tag) => rule.tags.contains(tag),
            Self::Pack(pack) => rule.pack == *pack,
            Self::Group(group) => rule
                .pack
                .split_once('/')
                .is_some_and(|(own, _)| own == group),
            Self::Confidence(confidence) => rule.confidence == *confidence,
        }
    }

    /// What the selector most likely meant, when it matches nothing.
    fn help(&self, text: &str, rules: &[Rule]) -> String {
        let mut known: Vec<String> = match self {
            Self::Rule(_) => rules.iter().map(|rule| rule.id.clone()).collect(),
            Self::Namespace(_) => rules
                .iter()
                .map(|rule| format!("{}.*", namespace(rule)))
                .collect(),
            Self::Tag(_) => rules
                .iter()
                .flat_map(|rule| &rule.tags)
                .map(|tag| format!("tag:{tag}"))
                .collect(),
            Self::Pack(_) | Self::Group(_) => rules
                .iter()
                .map(|rule| format!("pack:{}", rule.pack))
                .collect(),
            Self::Confidence(_) => rules
                .iter()
                .map(|rule| format!("confidence:{}", rule.confidence))
                .collect(),
        };
        known.sort();
        known.dedup();
        if let Some(near) = nearest(text, known.iter().map(String::as_str)) {
            return format!("did you mean `{near}`?");
        }
        // The ids of a big pack would fill the screen.
        if known.is_empty() || known.len() > 20 {
            return "correct it or leave it out; it may have been meant for a pack that is not in `packs`".to_string();
        }
        format!(
            "there are {}",
            listed(known.iter().map(String::as_str), "and")
        )
    }
}

fn namespace(rule: &Rule) -> &str {
    rule.id
        .split_once('.')
        .map_or("", |(namespace, _)| namespace)
}

/// Reads one override; `None` if anything in it was reported.
pub(crate) fn read(mut fields: Fields<'_>) -> Option<Override> {
    fields.hints(&[
        ("rule", "write the rules it is about as `match = [\"...\"]`"),
        ("rules", "write the rules it is about as `match = [\"...\"]`"),
        ("disabled", "write `enabled = false`"),
        ("confidence", "a profile may change `enabled`, `action` and `severity`; confidence belongs to the rule"),
    ]);
    let selectors = fields
        .require(
            "match",
            "say which rules it is about: match = [\"github.pat\", \"tag:card\"]",
        )
        .and_then(|value| selectors(&value));
    let enabled = fields.take("enabled").map(|value| value.boolean());
    let action = fields.take("action").map(|value| read_action(&value));
    let severity = fields.take("severity").map(|value| value.word());
    let slip = ["enabled", "action", "severity", "disabled"]
        .iter()
        .any(|key| fields.misspelt(key) || fields.has(key));
    if !slip {
        fields.error(
            format!("{} changes nothing", fields.what),
            "add `enabled = false`, `action = \"mask\"` or `severity = \"high\"`",
        );
    }
    fields.finish();
    Some(Override {
        selectors: selectors?,
        enabled: transpose(enabled)?,
        action: transpose(action)?,
        severity: transpose(severity)?,
    })
}

/// `None` if the key was there and its value was refused.
#[expect(
    clippy::option_option,
    reason = "not there, refused and read are three cases"
)]
fn transpose<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        None => Some(None),
        Some(value) => value.map(Some),
    }
}

fn selectors(value: &Value<'_>) -> Option<Vec<(Selector, Text)>> {
    let mut fine = true;
    let mut all = Vec::new();
    for text in value.texts("[\"github.pat\"]")? {
        match Selector::parse(&text.text) {
            Some(selector) => all.push((selector, text)),
            None => {
                value.error_at(
                    &text.span,
                    format!("{} is not a selector", quoted(&text.text)),
                    FORMS.into(),
                );
                fine = false;
            }
        }
    }
    fine.then_some(all)
}

/// Applies overrides in order to `settings`, one for each of `rules`; reports selectors that match nothing.
pub(crate) fn apply(
    overrides: &[Override],
    rules: &[Rule],
    settings: &mut [Settings],
    reading: &Reading<'_>,
) {
    for one in overrides {
        for (selector, text) in &one.selectors {
            let mut any = false;
            let selected = rules
                .iter()
                .zip(settings.iter_mut())
                .filter(|(rule, _)| selector.selects(rule));
            for (_, settings) in selected {
                any = true;
                settings.enabled = one.enabled.unwrap_or(settings.enabled);
                settings.action = one.action.unwrap_or(settings.action);
                settings.severity = one.severity.unwrap_or(settings.severity);
            }
            if !any {
                reading.error(
                    text.span.clone(),
                    format!("the selector {} matches no rule", quoted(&text.text)),
                    selector.help(&text.text, rules),
                );
            }
        }
    }
}

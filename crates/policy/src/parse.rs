//! Reads one policy file, a pack or a profile, into a [`Document`]. Other files that it names are not opened here.

use std::ops::Range;

use crate::descriptors::{self, DescriptorsText};
use crate::diagnostic::Diagnostic;
use crate::model::{Rule, VIEWS};
use crate::names::{group, is_name, is_pack_name, quoted};
use crate::overrides::{self, Override};
use crate::reader::{Fields, Reading, Text, Value, parse_toml};
use crate::rule;

/// What stands in one policy file.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) kind: Kind,
    pub(crate) id: Text,
    pub(crate) title: String,
    /// The file's own rules, each with the place of its id.
    pub(crate) rules: Vec<(Rule, Text)>,
    pub(crate) overrides: Vec<Override>,
    pub(crate) variants: Vec<VariantText>,
    pub(crate) views: Vec<(&'static str, bool)>,
    pub(crate) descriptors: Vec<DescriptorsText>,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Pack,
    Profile {
        /// The packs that it combines.
        packs: Vec<Text>,
    },
}

/// One `[[variant]]`.
#[derive(Debug)]
pub(crate) struct VariantText {
    pub(crate) id: Text,
    pub(crate) overrides: Vec<Override>,
}

/// Reads a file; what is wrong goes to `reading`. `None` only if something was reported.
pub(crate) fn document(reading: &Reading<'_>) -> Option<Document> {
    let table = match parse_toml(reading.source) {
        Ok(table) => table,
        Err(broken) => {
            broken.into_iter().for_each(|one| reading.push(one));
            return None;
        }
    };
    let start = start_of(reading.source.text());
    let top = Fields::new(
        table.get_ref(),
        start,
        "the policy file".to_string(),
        reading,
    );
    policy(top)
}

/// Where a message about the whole file points: the first line that says something.
fn start_of(text: &str) -> Range<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let said = line.trim();
        if !said.is_empty() && !said.starts_with('#') {
            return at..at + line.trim_end().len();
        }
        at += line.len();
    }
    0..0
}

fn policy(mut top: Fields<'_>) -> Option<Document> {
    top.hints(&[
        ("rules", "write [[rule]]"),
        ("overrides", "write [[override]]"),
        ("variants", "write [[variant]]"),
        ("descriptor", "write [[descriptors]]"),
        (
            "case",
            "cases stand in a file of their own, `cases.toml` beside the pack",
        ),
    ]);
    let pack = top.take("pack");
    let profile = top.take("profile");
    let head = match (&pack, &profile) {
        (Some(pack), None) => head(pack, "[pack]", false),
        (None, Some(profile)) => head(profile, "[profile]", true),
        (Some(_), Some(profile)) => {
            profile.error(
                "a policy file is a pack or a profile, not both",
                "keep [pack], or keep [profile] and move the rules of the pack to a pack of their own",
            );
            None
        }
        (None, None) => {
            if !top.misspelt("pack") && !top.misspelt("profile") {
                top.error(
                    "the policy file says neither [pack] nor [profile]",
                    "begin with [pack] and its `id` and `title`, then one [[rule]] for each rule",
                );
            }
            None
        }
    };
    // Rules are read even when the head is broken, so that one run reports everything.
    let pack_id = head.as_ref().map_or("", |head| head.id.text.as_str());
    let tables = top.tables("rule", "[[rule]]", "a rule");
    let no_rules = tables.as_ref().is_some_and(Vec::is_empty);
    let mut number = 0;
    let rules = top.reading.each(tables.into_iter().flatten(), |fields| {
        number += 1;
        rule::rule(fields, pack_id, number)
    });
    unique(
        top.reading,
        rules.iter().map(|(_, id)| id),
        "rule id",
        "rename one of them, or delete it",
    );

    let is_profile = profile.is_some();
    let (overrides, variants) = match (top.has("override"), top.has("variant")) {
        (false, false) => {
            top.take("override");
            top.take("variant");
            (Vec::new(), Vec::new())
        }
        _ if pack.is_some() && !is_profile => {
            for key in ["override", "variant"] {
                if let Some(value) = top.take(key) {
                    let message = format!("a pack cannot have [[{key}]]");
                    value.error(
                        message,
                        "packs hold rules; put it into a profile that lists this pack",
                    );
                }
            }
            (Vec::new(), Vec::new())
        }
        _ => {
            let overrides = top.tables("override", "[[override]]", "the override");
            let variants = top.tables("variant", "[[variant]]", "the variant");
            (
                top.reading
                    .each(overrides.into_iter().flatten(), overrides::read),
                top.reading.each(variants.into_iter().flatten(), variant),
            )
        }
    };
    let ids = variants.iter().map(|variant: &VariantText| &variant.id);
    unique(
        top.reading,
        ids,
        "variant id",
        "rename one of them, or delete it",
    );

    let tables = top.tables("descriptors", "[[descriptors]]", "the descriptors");
    let descriptors = top
        .reading
        .each(tables.into_iter().flatten(), descriptors::read);

    let combines = head.as_ref().is_some_and(|head| !head.packs.is_empty());
    if no_rules && !combines && head.is_some() && !top.misspelt("rule") && !top.has("rules") {
        top.error(
            "the policy has no rules",
            if is_profile {
                "list packs: packs = [\"secrets\"], or add a [[rule]]"
            } else {
                "add a [[rule]]"
            },
        );
    }
    top.finish();
    let head = head?;
    Some(Document {
        kind: if is_profile {
            Kind::Profile { packs: head.packs }
        } else {
            Kind::Pack
        },
        id: head.id,
        title: head.title,
        rules,
        overrides,
        variants,
        views: head.views,
        descriptors,
    })
}

struct Head {
    id: Text,
    title: String,
    packs: Vec<Text>,
    views: Vec<(&'static str, bool)>,
}

fn head(value: &Value<'_>, header: &str, is_profile: bool) -> Option<Head> {
    let mut fields = value.fields(header.to_string(), header)?;
    let id = fields
        .require(
            "id",
            "give it a permanent name, of lower-case letters, digits and `-`",
        )
        .and_then(|value| {
            if is_profile {
                name(&value)
            } else {
                pack_name(&value)
            }
        });
    let title = fields
        .require("title", "say in a few words what it is about")
        .and_then(|value| value.filled_text("say in a few words what it is about"));
    let packs = if is_profile {
        fields
            .take("packs")
            .map_or(Some(Vec::new()), |value| packs(&value))
    } else {
        fields.hints(&[(
            "packs",
            "only a profile combines packs: write [profile] instead of [pack]",
        )]);
        Some(Vec::new())
    };
    let views = if is_profile {
        fields
            .take("views")
            .map_or(Some(Vec::new()), |value| views(&value))
    } else {
        fields.hints(&[(
            "views",
            "only a profile switches views: packs are read in those of whoever uses them",
        )]);
        Some(Vec::new())
    };
    fields.finish();
    Some(Head {
        id: id?,
        title: title?.text,
        packs: packs?,
        views: views?,
    })
}

/// Which encoded forms are read.
fn views(value: &Value<'_>) -> Option<Vec<(&'static str, bool)>> {
    let mut fields = value.fields("`views`".into(), "{ base64 = true }")?;
    let mut views = Vec::new();
    let mut fine = true;
    for name in VIEWS {
        match fields.take(name).map(|value| value.boolean()) {
            Some(Some(on)) => views.push((name, on)),
            Some(None) => fine = false,
            None => {}
        }
    }
    fields.finish();
    fine.then_some(views)
}

fn packs(value: &Value<'_>) -> Option<Vec<Text>> {
    // An empty list says what leaving the key out says.
    if value.is_array() && value.entries("")?.is_empty() {
        return Some(Vec::new());
    }
    let packs = value.texts("[\"secrets\"]")?;
    let mut fine = true;
    let named = |pack: &&Text| is_pack_name(&pack.text) || group(&pack.text).is_some();
    for pack in packs.iter().filter(|pack| !named(pack)) {
        value.error_at(
            &pack.span,
            format!("{} is not the name of a pack", quoted(&pack.text)),
            "name a folder beside this file or a built-in pack, without a path; `national/*` names every pack of a group".into(),
        );
        fine = false;
    }
    fine.then_some(packs)
}

/// An id without a namespace: of a profile or a variant.
fn name(value: &Value<'_>) -> Option<Text> {
    id(value, is_name)
}

/// The id of a pack, which may lie in a group: `national/de`.
fn pack_name(value: &Value<'_>) -> Option<Text> {
    id(value, is_pack_name)
}

fn id(value: &Value<'_>, is_good: fn(&str) -> bool) -> Option<Text> {
    let id = value.text()?;
    if !is_good(&id.text) || id.text.len() > rule::LONGEST_ID {
        value.error(
            format!("{} cannot be {}", value.what, quoted(&id.text)),
            format!(
                "use lower-case letters, digits and `-`, at most {} bytes",
                rule::LONGEST_ID
            ),
        );
        return None;
    }
    Some(id)
}

fn variant(mut fields: Fields<'_>) -> Option<VariantText> {
    let id = fields
        .require(
            "id",
            "give it the name that plugin configuration chooses it by: id = \"quiet\"",
        )
        .and_then(|value| name(&value));
    if let Some(id) = &id {
        fields.what = format!("variant {}", quoted(&id.text));
    }
    let what = format!("the override of {}", fields.what);
    let overrides = fields.tables("override", "[[variant.override]]", &what);
    if overrides.as_ref().is_some_and(Vec::is_empty) && !fields.misspelt("override") {
        fields.error(
            format!("{} changes nothing", fields.what),
            "add a [[variant.override]] below it",
        );
    }
    let overrides = fields
        .reading
        .each(overrides.into_iter().flatten(), overrides::read);
    fields.finish();
    Some(VariantText { id: id?, overrides })
}

/// Reports texts that stand twice in the file, at the second one.
pub(crate) fn unique<'a>(
    reading: &Reading<'_>,
    texts: impl IntoIterator<Item = &'a Text>,
    what: &str,
    help: &str,
) {
    let mut seen = std::collections::HashMap::new();
    for text in texts {
        if let Some(first) = seen.insert(text.text.as_str(), text.span.clone()) {
            reading.push(
                Diagnostic::error(format!("the {what} {} is used twice", quoted(&text.text)))
                    .at(reading.source, text.span.clone())
                    .label("used again here")
                    .related(reading.source, first, "first used here")
                    .help(help),
            );
        }
    }
}

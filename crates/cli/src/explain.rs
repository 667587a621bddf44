//! `blackbar explain`: what a rule looks for and what it costs, or what a policy makes of a text. Why a candidate was refused is
//! worked out in [`near`].

use std::io::{self, Write};
use std::ops::Range;

use anyhow::bail;
use blackbar_carriers::{Carrier, Views};
use blackbar_engine::{Engine, Plan};
use blackbar_policy::model::{Boundary, Context, Matcher, Policy, Reach, Rule};
use clap::Args;

use crate::show::{self, count};
use crate::views::ViewArgs;
use crate::{Outcome, near, policy};

/// Explain a rule, or what a policy finds in a text and why it refuses the rest
///
/// For a rule: what it looks for, what is checked, what becomes of it, what it costs. For a text: which rules find what, and for
/// what a pattern matches but its rule refuses, which condition refused it.
#[derive(Args)]
#[command(after_help = "\
Examples:
  blackbar explain github.pat
  blackbar explain --policy policies/mine mine.token
  blackbar explain --text 'order 4111 1111 1111 1112'     why is this no card number?
  blackbar explain --policy secrets                       the ids of all rules")]
pub(crate) struct Arguments {
    /// A policy file, the folder of a pack, or the name of a built-in
    #[arg(short, long, value_name = "P", default_value = policy::DEFAULT)]
    policy: String,
    /// What to explain: a text, instead of a rule
    #[arg(long, value_name = "TEXT", conflicts_with = "rule")]
    text: Option<String>,
    #[command(flatten)]
    views: ViewArgs,
    /// Print the matched values too
    #[arg(long, requires = "text")]
    show_values: bool,
    /// The id of a rule; without it the rules are listed
    #[arg(value_name = "RULE")]
    rule: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let policy = policy::read(&arguments.policy)?;
    let mut out = io::stdout().lock();
    match (&arguments.text, &arguments.rule) {
        (Some(text), _) => explain_text(&mut out, arguments, &policy, text.as_bytes())?,
        (None, Some(id)) => match policy.rules.iter().find(|rule| rule.id == *id) {
            Some(rule) => explain_rule(&mut out, &policy, rule)?,
            None => bail!(
                "the policy `{}` has no rule `{id}`; {}",
                arguments.policy,
                suggestion(&policy, id)
            ),
        },
        (None, None) => list(&mut out, &policy)?,
    }
    out.flush()?;
    Ok(Outcome::Fine)
}

/// How to go on after an unknown id: the nearest one, those that contain it, or the way to list them.
fn suggestion(policy: &Policy, id: &str) -> String {
    let containing: Vec<&str> = policy
        .rules
        .iter()
        .map(|rule| rule.id.as_str())
        .filter(|known| known.contains(id))
        .take(8)
        .collect();
    if !containing.is_empty() {
        return format!(
            "did you mean {}?",
            containing
                .iter()
                .map(|id| format!("`{id}`"))
                .collect::<Vec<_>>()
                .join(" or ")
        );
    }
    let nearest = policy
        .rules
        .iter()
        .map(|rule| (strsim::damerau_levenshtein(&rule.id, id), &rule.id))
        .min();
    match nearest {
        Some((distance, near)) if distance <= 3 => format!("did you mean `{near}`?"),
        _ => "`blackbar explain` without a rule lists them".to_string(),
    }
}

fn list(out: &mut dyn Write, policy: &Policy) -> anyhow::Result<()> {
    let mut table = show::Table::new(&["rule", "action", "confidence", "description"]);
    for rule in &policy.rules {
        let action = if rule.settings.enabled {
            action(rule)
        } else {
            "off".to_string()
        };
        table.row([
            rule.id.clone(),
            action,
            rule.confidence.to_string(),
            rule.description.clone(),
        ]);
    }
    table.write(out)?;
    writeln!(
        out,
        "\n{} in `{}`: {}",
        count(policy.rules.len() as u64, "rule"),
        policy.id,
        policy.title
    )?;
    Ok(())
}

fn explain_rule(out: &mut dyn Write, policy: &Policy, rule: &Rule) -> anyhow::Result<()> {
    writeln!(out, "{}: {}\n", rule.id, rule.description)?;
    let mut line = |name: &str, value: &str| writeln!(out, "  {name:<12} {value}");
    match &rule.matcher {
        Matcher::Pattern(pattern) => {
            line("looks for", pattern)?;
            let part = if pattern.contains("(?<secret>") || pattern.contains("(?P<secret>") {
                "the group `secret`"
            } else {
                "the whole match"
            };
            line("redacts", part)?;
        }
        Matcher::Fields(paths) => {
            let texts: Vec<_> = paths.iter().map(|path| path.text.as_str()).collect();
            line("looks for", &format!("the fields {}", texts.join(", ")))?;
            line("redacts", "the whole value, whatever its type")?;
        }
        Matcher::Keyed {
            keywords,
            value,
            suffix,
        } => {
            line(
                "looks for",
                &format!(
                    "{} {value}",
                    if *suffix {
                        "keyword, more of a name, separator,"
                    } else {
                        "keyword, separator,"
                    }
                ),
            )?;
            line("keywords", &keywords.join(", "))?;
            line("redacts", "the value")?;
        }
    }
    line("left", &neighbour(rule.left, "before"))?;
    line("right", &neighbour(rule.right, "behind"))?;
    if let Some(context) = &rule.context {
        line("context", &surroundings(context))?;
    }
    for validator in &rule.validators {
        line("validator", &validator.to_string())?;
    }
    line(
        "action",
        &if rule.settings.enabled {
            action(rule)
        } else {
            format!("{}, but the rule is off in this policy", action(rule))
        },
    )?;
    line("severity", &rule.settings.severity.to_string())?;
    line("confidence", &rule.confidence.to_string())?;
    if !rule.tags.is_empty() {
        line("tags", &rule.tags.join(", "))?;
    }
    line("source", &rule.source)?;
    line("pack", &rule.pack)?;
    line(
        "written in",
        &format!("{}:{}", rule.origin.file.display(), rule.origin.line),
    )?;
    if let Some(max_len) = rule.max_len {
        line(
            "max_len",
            &format!("{max_len}: a match that still grows at this length is masked as it streams"),
        )?;
    }
    // Alone, so that its costs are its own and a mistake in another rule does not hide them.
    let alone = Policy {
        rules: vec![rule.clone()],
        variants: Vec::new(),
        descriptors: Vec::new(),
        ..policy.clone()
    };
    let compiled = policy::compile(&alone)?;
    for report in &compiled.report.rules {
        for window in &report.fingerprint {
            line("fingerprint", window)?;
        }
        line(
            "automata",
            &format!(
                "{}, {}",
                count(report.states as u64, "state"),
                count(report.bytes as u64, "byte")
            ),
        )?;
        line(
            "held back",
            &format!(
                "at most {} while it is undecided",
                count(u64::from(report.hold_back), "byte")
            ),
        )?;
        line(
            "candidates",
            &format!(
                "{:.1} per MiB on the sample that is shipped",
                report.candidates_per_mib
            ),
        )?;
    }
    Ok(())
}

/// What must stand before a match, and what may not.
fn surroundings(context: &Context) -> String {
    let place = format!(
        "within {} before it",
        count(u64::from(context.within), "byte")
    );
    let whole = if context.whole {
        ", each as a whole word"
    } else {
        ""
    };
    let reach = match context.reach {
        Reach::Any => "",
        Reach::Line => ", on the same line",
        Reach::Field => ", in the same field",
        Reach::Key => ", as the key of the value",
    };
    let shown = |word: &String| match word.as_str() {
        "//" => "// (the start of a URL whose password it stands in)".to_string(),
        _ => word.clone(),
    };
    let words = |lead: &str, words: &[String]| {
        let words: Vec<String> = words.iter().map(shown).collect();
        format!("{lead} {}", words.join(", "))
    };
    let lists = match (context.keywords.as_slice(), context.unless.as_slice()) {
        (with, []) => words("one of", with),
        ([], unless) => words("none of", unless),
        (with, unless) => format!("{}, {}", words("one of", with), words("none of", unless)),
    };
    format!("{lists} {place}{whole}{reach}")
}

fn neighbour(boundary: Boundary, side: &str) -> String {
    match boundary {
        Boundary::None => format!("{boundary}: anything may stand {side} it"),
        Boundary::Digit => format!("{boundary}: no digit {side} it"),
        Boundary::Word => format!("{boundary}: no letter, digit or _ {side} it"),
        Boundary::Number => format!("{boundary}: no letter, digit or one of _ . ~ {side} it"),
        Boundary::Token => format!("{boundary}: no letter, digit or one of _ + / = . - {side} it"),
    }
}

fn action(rule: &Rule) -> String {
    rule.settings
        .action
        .to_string()
        .trim_matches(['{', '}', ' '])
        .to_string()
}

fn explain_text(
    out: &mut dyn Write,
    arguments: &Arguments,
    policy: &Policy,
    text: &[u8],
) -> anyhow::Result<()> {
    let show_values = arguments.show_values;
    let engine: Engine = policy::load(&policy.id, policy::artifact(&arguments.policy)?)?;
    let plan = Plan::new(&engine, None)?;
    let mut stream = Carrier::default();
    stream.set_views(arguments.views.apply(Views::of(&engine)));
    stream.push(&engine, &plan, text, true);
    let mut found = Vec::new();
    for finding in stream.findings() {
        let span = usize::try_from(finding.start)?..usize::try_from(finding.end)?;
        let Some(rule) = engine.rule(finding.rule) else {
            continue;
        };
        let action = policy::action_word(plan.action(finding.rule));
        writeln!(
            out,
            "{} {}, {} confidence: {action}{}",
            place(&span),
            rule.id,
            word(rule.confidence),
            value(text, &span, show_values)
        )?;
        found.push((rule.id.clone(), span));
    }
    if found.is_empty() {
        let on = policy.rules.iter().filter(|rule| rule.settings.enabled);
        let rules = count(on.count() as u64, "rule");
        writeln!(
            out,
            "nothing is found by the {rules} of `{}` that are on",
            policy.id
        )?;
    }
    for near in near::candidates(policy, text, &found) {
        writeln!(
            out,
            "{} {} looks alike, refused by {}{}",
            place(&near.span),
            near.rule,
            near.refused_by,
            value(text, &near.span, show_values)
        )?;
    }
    Ok(())
}

fn place(span: &Range<usize>) -> String {
    format!("bytes {}..{}:", span.start, span.end)
}

fn value(text: &[u8], span: &Range<usize>, show_values: bool) -> String {
    match text.get(span.clone()) {
        Some(value) if show_values => format!("  {}", show::bytes(value)),
        _ => String::new(),
    }
}

fn word(confidence: blackbar_engine::Confidence) -> &'static str {
    match confidence {
        blackbar_engine::Confidence::Low => "low",
        blackbar_engine::Confidence::Medium => "medium",
        blackbar_engine::Confidence::High => "high",
    }
}

//! One rule: its stages, automata, windows and bounds. What concerns several rules at once (buckets, shared automata, lints
//! between rules) lives in [`assemble`](crate::assemble).

use blackbar_engine as engine;
use blackbar_engine::artifact::LookBack;
use blackbar_engine::check::Check;
use blackbar_engine::prefilter::Edge;
use blackbar_engine::validate::Number;
use blackbar_policy::diagnostic::Diagnostic;
use blackbar_policy::model::{self, Boundary, Matcher, Part, Rule, Validator};
use regex_syntax::hir::Hir;

use crate::allow;
use crate::automaton::{self, BuildError, Built, ByteSet, insert};
use crate::fingerprint::{self, Plan};
use crate::keyed;
use crate::pattern::{self, PatternError, Split};
use crate::sample::Statistics;

/// A rule, compiled by itself.
pub(crate) struct RuleBuild {
    pub(crate) stages: Vec<Built>,
    pub(crate) unique: Vec<bool>,
    /// The longest match of each stage, as far as it is waited for.
    pub(crate) longest: Vec<usize>,
    pub(crate) body: usize,
    pub(crate) lead: usize,
    pub(crate) trail: usize,
    pub(crate) min_prefix: usize,
    pub(crate) max_len: usize,
    pub(crate) hold_back: u32,
    pub(crate) select: bool,
    /// `Check::Allow` counts into `allow`.
    pub(crate) checks: Vec<Check>,
    pub(crate) allow: Vec<Built>,
    pub(crate) left: ByteSet,
    pub(crate) plans: Vec<Plan>,
    /// What the second and third byte of a match are in.
    pub(crate) heads: [ByteSet; 2],
    /// The whole match, unless it is found by the names of fields.
    pub(crate) whole: Option<Hir>,
    /// What the engine needs to know where its keywords are looked for before values.
    pub(crate) look_back: Option<LookBack>,
}

/// Compiles one rule.
pub(crate) fn build(rule: &Rule, statistics: &Statistics) -> Result<RuleBuild, Box<Diagnostic>> {
    let split = pattern::split(rule).map_err(|error| show(rule, error))?;
    Builder { rule, split }.build(statistics)
}

fn show(rule: &Rule, error: PatternError) -> Box<Diagnostic> {
    let message = format!("{} in rule `{}`", error.message, rule.id);
    let diagnostic = match error.range {
        Some(range) => rule.error_within(error.part, range, message),
        None => rule.error(error.part, message),
    };
    Box::new(diagnostic.help(error.help))
}

/// The bytes that a boundary keeps from standing beside a match.
pub(crate) fn boundary_set(boundary: Boundary) -> ByteSet {
    let mut set = ByteSet::default();
    let others: &[u8] = match boundary {
        Boundary::None | Boundary::Digit => b"",
        Boundary::Word => b"_",
        Boundary::Number => b"_.~",
        Boundary::Token => b"_+/=.-",
    };
    let plain = |b: &u8| match boundary {
        Boundary::None => false,
        Boundary::Digit => b.is_ascii_digit(),
        Boundary::Word | Boundary::Number | Boundary::Token => b.is_ascii_alphanumeric(),
    };
    (0..=127u8)
        .filter(plain)
        .chain(others.iter().copied())
        .for_each(|b| insert(&mut set, b));
    set
}

struct Builder<'a> {
    rule: &'a Rule,
    split: Split,
}

impl Builder<'_> {
    fn error(&self, part: Part, message: &str, help: &str) -> Box<Diagnostic> {
        Box::new(
            self.rule
                .error(part, format!("{message} in rule `{}`", self.rule.id))
                .help(help),
        )
    }

    fn build(self, statistics: &Statistics) -> Result<RuleBuild, Box<Diagnostic>> {
        let lengths = self.lengths()?;
        let (hirs, body, lead, trail) = self.stages();
        let right = boundary_set(self.rule.right);
        let mut stages = Vec::new();
        for (i, hir) in hirs.iter().enumerate() {
            let forbidden = if i + 1 == hirs.len() {
                right
            } else {
                ByteSet::default()
            };
            stages.push(self.automaton(Part::Pattern, hir, &forbidden)?);
        }
        let unique: Vec<bool> = (0..stages.len())
            .map(|i| {
                stages
                    .get(i + 1)
                    .is_none_or(|next| stages[i].ends_once_before(next))
            })
            .collect();
        let longest = hirs
            .iter()
            .map(|hir| hir.properties().maximum_len().unwrap_or(usize::MAX))
            .map(|length| length.min(lengths.max_len))
            .collect();
        let mut allow = Vec::new();
        let checks = self.checks(&mut allow)?;
        let select = checks.iter().any(Check::selects);
        if select && (unique.contains(&false) || body + 1 != stages.len()) {
            return Err(self.error(
                Part::Pattern,
                "the start of the secret is ambiguous, and a validator has to choose among its ends",
                "make what stands before the group `secret` end in a byte that the secret cannot start with, \
                 and give what follows it a fixed length",
            ));
        }
        let whole = self.split.whole();
        let left = boundary_set(self.rule.left);
        let word = boundary_set(Boundary::Word);
        // A boundary that keeps all of a word's bytes out lets matches start where words may.
        let edge = if left.iter().zip(&word).all(|(left, word)| word & !left == 0) {
            Edge::Word
        } else {
            Edge::None
        };
        let keywords = match self.rule.matcher {
            Matcher::Keyed { .. } => self.split.before.first(),
            Matcher::Pattern(_) | Matcher::Fields(_) => None,
        };
        let late = keywords.and_then(|words| {
            let look_back = keyed::look_back(&self.split)?;
            Some((look_back, fingerprint::late(words)?))
        });
        let (look_back, plans) = match late {
            Some((look_back, plan)) => (Some(look_back), vec![plan]),
            None => {
                let most = lengths.max_len;
                let plans = fingerprint::plans(&whole, keywords, most, edge, statistics);
                (None, plans)
            }
        };
        if plans.is_empty() {
            return Err(self.error(
                Part::Pattern,
                "a match can have fewer than three bytes",
                "start the pattern with something that must be there: an optional or repeated beginning never changes \
                 what is redacted",
            ));
        }
        let fields = matches!(self.rule.matcher, Matcher::Fields(_));
        let context = self.rule.context.as_ref();
        let (look_back, plans) = if fields || context.is_some_and(|c| !c.keywords.is_empty()) {
            // The words are looked for in place of the match: they are rarer than anything that such a rule finds.
            (None, Vec::new())
        } else {
            (look_back, plans)
        };
        Ok(RuleBuild {
            stages,
            unique,
            longest,
            body,
            lead,
            trail,
            min_prefix: lengths.min_prefix,
            max_len: lengths.max_len,
            hold_back: match fields {
                true => 0,
                false => u32::try_from(lengths.max_len - lengths.min_prefix + lengths.after + 1)
                    .unwrap_or(u32::MAX),
            },
            select,
            checks,
            allow,
            left,
            plans,
            heads: match fields {
                true => <[ByteSet; 2]>::default(),
                false => fingerprint::heads(&whole),
            },
            look_back,
            whole: (!fields).then_some(whole),
        })
    }

    /// The expressions of the stages, which of them is the body, and what of it is not secret.
    fn stages(&self) -> (Vec<Hir>, usize, usize, usize) {
        let fixed = |hir: &Hir| {
            let properties = hir.properties();
            properties
                .minimum_len()
                .filter(|&n| properties.maximum_len() == Some(n))
        };
        let mut before = self.split.before.clone();
        let mut body = Vec::new();
        let mut lead = 0;
        // What has a fixed length and comes right before the secret runs in the same automaton.
        if let Some(length) = before.last().and_then(fixed) {
            lead = length;
            body.extend(before.pop());
        }
        body.push(self.split.secret.clone());
        let mut trail = 0;
        let mut after = None;
        match fixed(&self.split.after) {
            Some(length) => {
                trail = length;
                body.push(self.split.after.clone());
            }
            None => after = Some(self.split.after.clone()),
        }
        let mut stages = before;
        let at = stages.len();
        stages.push(Hir::concat(body));
        stages.extend(after);
        (stages, at, lead, trail)
    }

    fn automaton(
        &self,
        part: Part,
        hir: &Hir,
        forbidden: &ByteSet,
    ) -> Result<Built, Box<Diagnostic>> {
        automaton::build(hir, forbidden).map_err(|error| match error {
            BuildError::Large(sub) => self.error(
                part,
                &format!("`{sub}` needs too many states"),
                "bound its repetitions, or make neighbouring parts start with different bytes",
            ),
            BuildError::Unsupported(what) => self.error(
                part,
                &what,
                "use ASCII word boundaries and look-around only",
            ),
        })
    }

    fn lengths(&self) -> Result<Lengths, Box<Diagnostic>> {
        let max = |hir: &Hir| hir.properties().maximum_len();
        let min = |hir: &Hir| hir.properties().minimum_len().unwrap_or(0);
        let before: usize = self
            .split
            .before
            .iter()
            .map(|h| max(h).unwrap_or(usize::MAX / 8))
            .sum();
        let bound = |what| {
            self.error(
                Part::Pattern,
                &format!("what stands {what} the secret has no upper length"),
                "bound its repetitions: `{0,16}` instead of `*`",
            )
        };
        if before > 1024 {
            return Err(bound("before"));
        }
        let after = max(&self.split.after)
            .filter(|&n| n <= 1024)
            .ok_or_else(|| bound("after"))?;
        let min_prefix = self.split.before.iter().map(min).sum();
        let own = max(&self.split.secret).map(|n| before + n + after);
        let max_len = match (own, self.rule.max_len) {
            (Some(own), Some(given)) => own.min(given as usize),
            (Some(own), None) if own <= 4096 => own,
            (None, Some(given)) => given as usize,
            _ => {
                return Err(self.error(
                    Part::Pattern,
                    "the pattern has no upper length, so that its matches would be waited for without end,",
                    "add `max_len = 512`: a match that still grows at that length is masked while it streams",
                ));
            }
        };
        if max_len <= before {
            return Err(self.error(
                Part::MaxLen,
                &format!(
                    "`max_len` leaves no room for the secret: up to {before} bytes stand before it"
                ),
                "raise it",
            ));
        }
        Ok(Lengths {
            min_prefix,
            max_len,
            after,
        })
    }

    fn number(&self, index: usize, name: &str) -> Result<&'static Number, Box<Diagnostic>> {
        Number::named(name.as_bytes()).ok_or_else(|| {
            let near = Number::all()
                .map(|number| number.name)
                .min_by_key(|known| distance(known, name))
                .unwrap_or_default();
            self.error(
                Part::Validator(index),
                &format!("there is no kind of number `{}`", name.escape_debug()),
                &format!("did you mean `{near}`? docs/policy-language.md lists them"),
            )
        })
    }

    fn checks(&self, allowed: &mut Vec<Built>) -> Result<Vec<Check>, Box<Diagnostic>> {
        let mut checks = Vec::new();
        for (i, validator) in self.rule.validators.iter().enumerate() {
            checks.push(match validator {
                Validator::Luhn => Check::Luhn,
                Validator::Iban => Check::Iban,
                Validator::Ssn => Check::Ssn,
                Validator::Entropy(bits) => Check::Entropy((bits * 1000.0).round() as u32),
                Validator::Distinct(least) => Check::Distinct(*least),
                Validator::HasDigit => Check::HasDigit,
                Validator::HasLetter => Check::HasLetter,
                Validator::NotPlaceholder => Check::NotPlaceholder,
                Validator::NotTemplate => Check::NotTemplate,
                Validator::NotWords => Check::NotWords,
                Validator::Classes(least) => Check::Classes(*least),
                Validator::NotHash => Check::NotHash,
                Validator::Crc32Base62 => Check::Crc32Base62,
                Validator::Jwt => Check::Jwt,
                Validator::Ipv6 => Check::Ipv6,
                Validator::Valid(name) => Check::Valid(self.number(i, name)?),
                Validator::Without(words) => {
                    Check::Without(words.iter().map(|w| w.as_bytes().to_vec()).collect())
                }
                Validator::Allow(patterns) => {
                    let hirs: Result<Vec<Hir>, PatternError> = patterns
                        .iter()
                        .enumerate()
                        .map(|(entry, pattern)| pattern::parse(pattern, Part::Entry(i, entry)))
                        .collect();
                    let hirs = hirs.map_err(|error| show(self.rule, error))?;
                    let none = ByteSet::default();
                    let parts = allow::automata(
                        &hirs,
                        |entry, hir| self.automaton(Part::Entry(i, entry), hir, &none),
                        |hir| automaton::build(hir, &none).ok(),
                    )?;
                    for part in parts {
                        allowed.push(part);
                        let local = u16::try_from(allowed.len() - 1).unwrap_or(u16::MAX);
                        checks.push(Check::Allow(local));
                    }
                    continue;
                }
            });
        }
        Ok(checks)
    }
}

/// How many bytes differ, position by position: enough to name the kind that was most likely meant.
fn distance(known: &str, name: &str) -> usize {
    let same = known
        .bytes()
        .zip(name.bytes())
        .filter(|(a, b)| a == b)
        .count();
    known.len().max(name.len()) - same
}

struct Lengths {
    min_prefix: usize,
    max_len: usize,
    after: usize,
}

/// The engine's form of a policy's context.
pub(crate) fn context(context: &model::Context) -> engine::Context {
    let words = |words: &[String]| words.iter().map(|w| w.as_bytes().to_vec()).collect();
    engine::Context {
        words: words(&context.keywords),
        unless: words(&context.unless),
        within: context.within,
        whole: context.whole,
        reach: match context.reach {
            model::Reach::Any => engine::Reach::Any,
            model::Reach::Line => engine::Reach::Line,
            model::Reach::Field => engine::Reach::Field,
            model::Reach::Key => engine::Reach::Key,
        },
    }
}

/// The engine's name for a policy's settings.
pub(crate) fn settings(settings: &model::Settings) -> engine::Settings {
    engine::Settings {
        enabled: settings.enabled,
        action: match settings.action {
            model::Action::Tag => engine::Action::Tag,
            model::Action::Mask => engine::Action::Mask,
            model::Action::KeepFirst(n) => engine::Action::KeepFirst(n),
            model::Action::KeepLast(n) => engine::Action::KeepLast(n),
            model::Action::Remove => engine::Action::Remove,
            model::Action::Block => engine::Action::Block,
            model::Action::Allow => engine::Action::Allow,
        },
        severity: match settings.severity {
            model::Severity::Low => engine::Severity::Low,
            model::Severity::Medium => engine::Severity::Medium,
            model::Severity::High => engine::Severity::High,
            model::Severity::Critical => engine::Severity::Critical,
        },
    }
}

/// The engine's name for a policy's confidence.
pub(crate) fn confidence(confidence: model::Confidence) -> engine::Confidence {
    match confidence {
        model::Confidence::Low => engine::Confidence::Low,
        model::Confidence::Medium => engine::Confidence::Medium,
        model::Confidence::High => engine::Confidence::High,
    }
}

//! What stands around a match and what its secret is made of, judged naively.

use blackbar_engine::validate;
use blackbar_policy::model::{Context, Reach, Rule, Validator};
use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

fn regex(pattern: &str) -> Regex {
    Regex::builder()
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .configure(Regex::config().utf8_empty(false))
        .build(pattern)
        .expect("the compiler took this pattern")
}

/// A keyword as a pattern.
pub(super) fn keyword(word: &str) -> String {
    let letters: Vec<String> = word
        .chars()
        .map(|c| match c {
            '_' => "[_. -]?".to_owned(),
            c if c.is_ascii_alphanumeric() => {
                format!("[{}{}]", c.to_ascii_lowercase(), c.to_ascii_uppercase())
            }
            c if c.is_ascii() => format!("\\{c}"),
            c => c.to_string(),
        })
        .collect();
    letters.concat()
}

/// Whether a match may start at `at`.
pub(super) fn left_is_free(forbidden: &[u8], hay: &[u8], at: usize) -> bool {
    let blocked = at
        .checked_sub(1)
        .is_some_and(|before| forbidden.contains(&hay[before]));
    (!blocked || ends_escape(&hay[..at])) && !is_inside_escape(hay, at)
}

/// A control character, `%XX`, `\xXX` or `\uXXXX` ends here.
fn ends_escape(before: &[u8]) -> bool {
    let tail = |n: usize| before.len().checked_sub(n).map(|at| &before[at..]);
    let hex = |text: &[u8]| text.iter().all(u8::is_ascii_hexdigit);
    tail(2).is_some_and(|t| t[0] == b'\\' && b"abfnrtv0".contains(&t[1]))
        || tail(3).is_some_and(|t| t[0] == b'%' && hex(&t[1..]))
        || tail(4).is_some_and(|t| t.starts_with(b"\\x") && hex(&t[2..]))
        || tail(6).is_some_and(|t| t.starts_with(b"\\u") && hex(&t[2..]))
}

/// A backslash that is not itself escaped, its letter, and for `\x` and `\u` their digits: `at` is one of those but the backslash.
/// Of more than 64 backslashes in a row the number counts as even.
fn is_inside_escape(hay: &[u8], at: usize) -> bool {
    (0..at).any(|slash| {
        let run = hay[..=slash]
            .iter()
            .rev()
            .take_while(|&&b| b == b'\\')
            .count();
        let letter = hay[slash + 1];
        let digits = match letter {
            b'u' => 4,
            b'x' => 2,
            _ => 0,
        };
        hay[slash] == b'\\'
            && run.min(64) % 2 == 1
            && b"abfnrtv0ux".contains(&letter)
            && at <= slash + 1 + digits
            && hay[slash + 2..=at.max(slash + 1)]
                .iter()
                .all(u8::is_ascii_hexdigit)
    })
}

/// The context words of a rule as patterns: those that must stand before a match, and those that may not.
pub(super) struct Words {
    keywords: Vec<Regex>,
    unless: Vec<Regex>,
}

impl Words {
    pub(super) fn new(rule: &Rule) -> Words {
        let patterns = |words: fn(&Context) -> &Vec<String>| {
            let words = rule.context.iter().flat_map(words);
            words.map(|word| regex(&keyword(word))).collect()
        };
        Words {
            keywords: patterns(|c| &c.keywords),
            unless: patterns(|c| &c.unless),
        }
    }

    /// Whether what must stand before `at` does, and nothing that may not.
    ///
    /// A word stands where it starts within so many bytes before `at`, where a word or a hump of camel case starts, and ends before
    /// `at`. One that must stand is whole if it has to be, and nothing that it does not reach over follows it before `at`. Of one that
    /// may not only bytes of a name and blanks follow; after `//`, what a URL's user and password may be made of, with a colon in it.
    pub(super) fn stand(&self, context: &Context, hay: &[u8], at: usize) -> bool {
        let hump = |i: usize| {
            i > 0
                && hay[i - 1].is_ascii_lowercase()
                && hay.get(i).is_some_and(u8::is_ascii_uppercase)
        };
        let between = regex(match context.reach {
            Reach::Any => r"(?s)\A.*\z",
            Reach::Line => r"\A[^\r\n]*\z",
            Reach::Field => r"\A[^\r\n,;&{}<]*\z",
            Reach::Key => r#"\A(?:%[0-9A-Fa-f]{2}|[ \t=:>"'`\\\[\]()#._|-])*\z"#,
        });
        let named = |b: &u8| b.is_ascii_alphanumeric() || b"_.- ".contains(b);
        let user = r"[A-Za-z0-9._~%!$*+:-]*";
        let in_password = regex(&format!(r"\A//{user}:{user}\z"));
        let mut stands = self.keywords.is_empty();
        for from in at.saturating_sub(usize::from(context.within))..at {
            let before = from.checked_sub(1).map(|i| hay[i]);
            if before.is_some_and(|b| b.is_ascii_alphanumeric()) && !hump(from) {
                continue;
            }
            let input = || Input::new(hay).range(from..at).anchored(Anchored::Yes);
            let ends = self.keywords.iter().filter_map(|word| word.find(input()));
            stands |= ends.map(|found| found.end()).any(|end| {
                let whole = !hay.get(end).is_some_and(u8::is_ascii_alphanumeric) || hump(end);
                (whole || !context.whole) && between.is_match(&hay[end..at])
            });
            let text = &hay[from..at];
            if (text.iter().all(named) || (before == Some(b':') && in_password.is_match(text)))
                && self.unless.iter().any(|word| word.is_match(input()))
            {
                return false;
            }
        }
        stands
    }
}

/// The allow lists of a rule, one for each validator.
pub(super) fn allow(rule: &Rule) -> Vec<Regex> {
    let lists = rule.validators.iter().filter_map(|v| match v {
        Validator::Allow(patterns) => Some(patterns),
        _ => None,
    });
    lists
        .map(|patterns| {
            let all: Vec<String> = patterns.iter().map(|p| format!("(?:{p})")).collect();
            regex(&format!("\\A(?:{})\\z", all.join("|")))
        })
        .collect()
}

/// Whether every validator passes. The checks themselves have their own tests.
pub(super) fn validators_pass(rule: &Rule, allow: &[Regex], value: &[u8]) -> bool {
    let mut allow = allow.iter();
    rule.validators.iter().all(|validator| match validator {
        Validator::Luhn => validate::luhn(value),
        Validator::Iban => validate::iban(value),
        Validator::Ssn => validate::ssn(value),
        Validator::Entropy(bits) => {
            f64::from(validate::entropy_millibits(value)) >= (f64::from(*bits) * 1000.0).round()
        }
        Validator::Distinct(least) => {
            let kinds: std::collections::BTreeSet<u8> = value.iter().copied().collect();
            kinds.len() >= usize::from(*least)
        }
        Validator::HasDigit => value.iter().any(u8::is_ascii_digit),
        Validator::HasLetter => value.iter().any(u8::is_ascii_alphabetic),
        Validator::NotPlaceholder => validate::not_placeholder(value),
        Validator::NotTemplate => validate::not_template(value),
        Validator::NotWords => validate::not_words(value),
        Validator::Classes(least) => validate::classes(value) >= u32::from(*least),
        Validator::NotHash => validate::not_hash(value),
        Validator::Crc32Base62 => validate::crc32_base62(value),
        Validator::Jwt => validate::jwt(value),
        Validator::Ipv6 => validate::ipv6(value),
        Validator::Without(words) => {
            let value = value.to_ascii_lowercase();
            !words.iter().any(|word| {
                let word = word.to_ascii_lowercase();
                value.windows(word.len()).any(|w| w == word.as_bytes())
            })
        }
        Validator::Valid(name) => {
            validate::Number::named(name.as_bytes()).is_some_and(|number| number.holds(value))
        }
        Validator::Allow(_) => allow.next().is_none_or(|list| !list.is_match(value)),
    })
}

/// What redacting leaves behind: `[id]` for every rule of the policy, also with its brackets percent-encoded.
pub struct Marks(Vec<Vec<u8>>);

impl Marks {
    /// The marks of these rules.
    pub fn new<'a>(ids: impl Iterator<Item = &'a str>) -> Marks {
        let both = ids.flat_map(|id| [format!("[{id}]"), format!("%5B{id}%5D")]);
        Marks(both.map(String::into_bytes).collect())
    }

    /// Whether a complete mark within `..end` starts before `start` and ends after it.
    pub(super) fn stand_around(&self, hay: &[u8], start: usize, end: usize) -> bool {
        (0..start).any(|from| {
            self.0
                .iter()
                .any(|mark| hay[from..end].starts_with(mark) && from + mark.len() > start)
        })
    }

    /// Whether `value` is nothing but marks and `*`.
    pub fn are_all_of(&self, value: &[u8]) -> bool {
        self.strip(value).is_empty()
    }

    /// `value` without the marks and `*` that it starts with.
    fn strip<'a>(&self, mut value: &'a [u8]) -> &'a [u8] {
        loop {
            let mark = self
                .0
                .iter()
                .find_map(|mark| value.strip_prefix(mark.as_slice()));
            match value.strip_prefix(b"*").or(mark) {
                Some(rest) => value = rest,
                None => return value,
            }
        }
    }

    /// Whether it is plain at `at` that the match from `start`, whose secret begins at `secret`, does not start inside a mark, and that its
    /// secret is not marks and `*` only, whatever follows.
    pub(super) fn are_not_in_question(
        &self,
        hay: &[u8],
        start: usize,
        secret: usize,
        at: usize,
    ) -> bool {
        let may_become = |text: &[u8]| self.0.iter().any(|mark| mark.starts_with(text));
        !may_become(self.strip(&hay[secret..at]))
            && !(0..start).any(|from| may_become(&hay[from..at]))
    }
}

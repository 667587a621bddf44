//! Placeholders: what stands in documentation, templates and masked output where a secret would stand.
//!
//! The danger lies on one side: a real secret that is called a placeholder is leaked. So each test here needs evidence that a
//! random value gives by chance less than once in about 10^7 values of its length: whole words rather than syllables, long
//! repetitions rather than short ones. Weak passwords are not placeholders unless they are one of the listed forms.

/// Words that nobody puts into a secret: one of them, with words of [`FILLERS`] around it, makes a placeholder.
///
/// Those of seven letters and more also decide where they make up a third of the value (`AKIAIOSFODNN7EXAMPLE`).
#[rustfmt::skip]
const MARKERS: [&[u8]; 24] = [
    b"placeholder", b"replaceme", b"undefined", b"redacted", b"changeme", b"obscured", b"example", b"replace",
    b"removed", b"masked", b"hidden", b"insert", b"dummy", b"yours", b"enter", b"your", b"todo", b"fake", b"fixme",
    b"goes", b"here", b"change", b"sanitized", b"filtered",
];

/// Words that stand around a marker; alone, or only with each other, they may be a weak password.
#[rustfmt::skip]
const FILLERS: [&[u8]; 60] = [
    b"authentication", b"authorization", b"credentials", b"credential", b"passphrase", b"connection", b"password",
    b"username", b"account", b"private", b"project", b"default", b"webhook", b"database", b"service", b"session",
    b"bearer", b"access", b"client", b"secret", b"public", b"sample", b"string", b"domain", b"server", b"passwd",
    b"apikey", b"token", b"value", b"login", b"email", b"admin", b"oauth", b"valid", b"some", b"test", b"auth",
    b"user", b"host", b"name", b"pass", b"with", b"this", b"real", b"the", b"key", b"api", b"app", b"url", b"org",
    b"com", b"foo", b"bar", b"for", b"my", b"me", b"in", b"id",
    b"text", b"data",
];

/// For each first letter of a marker or filler the second ones, as bits: most values have no place where a word could stand.
const BEGINNINGS: [u32; 26] = {
    let table = beginnings([0; 26], &MARKERS);
    beginnings(table, &FILLERS)
};

const fn beginnings(mut table: [u32; 26], mut words: &[&[u8]]) -> [u32; 26] {
    while let [[first, second, ..], rest @ ..] = words {
        let (row, _) = table.split_at_mut((*first - b'a') as usize + 1);
        if let [.., row] = row {
            *row |= 1 << (*second - b'a');
        }
        words = rest;
    }
    assert!(words.is_empty(), "every word has two letters");
    table
}

/// Whether a marker or filler may begin `text`, by its first two bytes.
fn may_begin(text: &[u8]) -> bool {
    let Some(letters) = text.first_chunk::<2>() else {
        return false;
    };
    let [first, second] = letters.map(|byte| byte.to_ascii_lowercase().wrapping_sub(b'a'));
    let row = BEGINNINGS.get(usize::from(first)).copied().unwrap_or(0);
    second < 26 && row >> second & 1 == 1
}

/// Words that a made-up value says of itself, between separators: `key_a8Fk02_invalid`, `my-fake-7f3c9a`. Measured on records of
/// public scanners, they stand in none of the secrets and in dozens of values that were written to be refused.
#[rustfmt::skip]
const DISOWNING: [&[u8]; 10] = [
    b"malformed", b"truncated", b"tooshort", b"invalid", b"bogus", b"dummy", b"short", b"extra", b"fake", b"mock",
];

/// Whole values that say that there is no value.
#[rustfmt::skip]
const NOTHING: [&[u8]; 14] = [
    b"null", b"(null)", b"nil", b"none", b"undefined", b"true", b"false", b"empty", b"n/a", b"nan", b"tbd", b"unset",
    b"missing", b"unknown",
];

/// Values that standards and vendors print as examples, for everyone to copy: the whole value, or what it ends in.
///
/// Source: RFC 6749, sections 4.1.4, 4.3.2 and 5.1; RFC 6750, sections 2.1 and 2.3; RFC 7515, appendix A.1; the debugger of jwt.io;
/// GitHub's REST documentation; Stripe's API reference; Microsoft's reference of nuget.config.
#[rustfmt::skip]
const PUBLISHED: [&[u8]; 13] = [
    b"2YotnFZFEjr1zCsicMWpAA", b"tGzv3JOkF0XG5Qx2TlKWIA", b"7Fjfp0ZBr1KtDRbnfVdmIw", b"czZCaGRSa3F0MzpnWDFmQmF0M2JW",
    b"mF_9.B5f-4.1JqM", b"vF9dft4qmT", b"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    b"SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c", b"16C7e42F292c6912E7710c838347Ae178B4a",
    b"_4eC39HqLyjWDarjtT1zdp7dc", b"_BQokikJOvBiI2HlWgH4olfQ2", b"33f!!lloppa", b"hal+9ooo_da!sY",
];

/// Marks of template languages, which no value has at both ends by chance: whatever stands between them is an expression.
#[rustfmt::skip]
const TEMPLATES: [(&[u8], &[u8]); 7] = [
    (b"${", b"}"), (b"{{", b"}}"), (b"#{", b"}"), (b"%{", b"}"), (b"$(", b")"), (b"<%", b"%>"), (b"{%", b"%}"),
];

/// Plain brackets: only words between them make a template, since a value may stand in brackets too.
const BRACKETS: [(&[u8], &[u8]); 4] = [(b"<", b">"), (b"[", b"]"), (b"{", b"}"), (b"%", b"%")];

/// Bytes that mask other bytes: a long run of one of them says that the value is not shown.
const MASKS: &[u8] = b"xX*.#?_-";

/// Bytes of text behind base64 that are looked at.
const DECODED: usize = 192;

/// Longest repeated unit that is looked for: bounds the work to one pass per length.
const LONGEST_UNIT: usize = 32;

/// Whether `value` may be a real secret rather than a placeholder.
///
/// Refused, after white space and quotes around the value are taken off:
/// - nothing at all, and words for it: `null`, `none`, `undefined`, `n/a`, `true` ...;
/// - template expressions that make up the whole value: `${VAR}`, `{{ x }}`, `$(cmd)`, `<password>`, `[hidden]`, `%VAR%`,
///   `$DB_PASSWORD`;
/// - values that consist of placeholder words (`your_api_key_here`, `changeme`, `insert-token`), or of which a long one makes
///   up a third (`AKIA…EXAMPLE`);
/// - repetitions: one character (`xxxx`, `0000-0000`), a unit three times or more (`abcabcabc`), masks (`sk-********`);
/// - a few characters and dots (`abcd...`);
/// - values with letters and digits in turn that say of themselves, between separators, that they are none (`a8fk02_invalid`,
///   `not-a-key-3d84ed`);
/// - examples that standards and vendors publish (`mF_9.B5f-4.1JqM`, the token of RFC 6750);
/// - sequences, by steps of one (`abcdefgh`, `0123456789`, `87654321`), also interleaved (`a1b2c3d4e5f6`).
pub fn not_placeholder(value: &[u8]) -> bool {
    let value = unquoted(value);
    !(value.is_empty()
        || is_nothing(value)
        || is_published(value)
        || is_template(value)
        || is_repetition(value)
        || is_sequence(value)
        || is_zigzag(value)
        || is_worded(value)
        || is_disowned(value)
        || is_encoded_word(value))
}

/// Whether `value` holds something at all: [`not_placeholder`] without its refusal of sequences and of repeated units.
///
/// `1234567890abcdef1234567890abcdef` passes, `xxxx`, `${VAR}` and `your_key_here` do not. For rules whose keyword names the
/// owner of the key: there a made-up value that reads like one is better hidden too.
pub fn not_template(value: &[u8]) -> bool {
    let value = unquoted(value);
    !(value.is_empty()
        || is_nothing(value)
        || is_published(value)
        || is_template(value)
        || is_uniform(value)
        || is_masked(value)
        || is_zigzag(value)
        || is_worded(value)
        || is_disowned(value)
        || is_encoded_word(value))
}

/// `value` without white space and quotes at its ends.
fn unquoted(value: &[u8]) -> &[u8] {
    let skip =
        |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b'\\');
    let start = value
        .iter()
        .position(|byte| !skip(byte))
        .unwrap_or(value.len());
    let end = value
        .iter()
        .rposition(|byte| !skip(byte))
        .map_or(start, |last| last + 1);
    value.get(start..end).unwrap_or_default()
}

fn is_nothing(value: &[u8]) -> bool {
    NOTHING.iter().any(|word| value.eq_ignore_ascii_case(word))
}

fn is_published(value: &[u8]) -> bool {
    PUBLISHED
        .iter()
        .any(|example| example.last() == value.last() && value.ends_with(example))
}

/// One template expression from the first byte to the last.
fn is_template(value: &[u8]) -> bool {
    let between =
        |marks: &(&'static [u8], &'static [u8])| value.strip_prefix(marks.0)?.strip_suffix(marks.1);
    // `${A}-x-${B}` is not one expression: there is something outside. The default in `${A:-x}` may be a real value.
    let inside = |inner: &[u8]| {
        !inner
            .windows(2)
            .any(|two| matches!(two, b"${" | b"{{" | b"$(" | b":-" | b":="))
            && !super::contains_word(inner, b"default")
    };
    TEMPLATES.iter().filter_map(between).any(inside)
        || BRACKETS.iter().filter_map(between).any(is_phrase)
        || is_variable(value)
        || is_misread_variable(value)
}

/// What is left of `%DB_PASSWORD%`, a variable of Windows, where `%DB` was read as a percent escape.
fn is_misread_variable(value: &[u8]) -> bool {
    let Some([escape, name @ ..]) = value.strip_suffix(b"%") else {
        return false;
    };
    let is_name = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    !escape.is_ascii() && !name.is_empty() && name.iter().all(is_name)
}

/// Words as people write them: letters of one case or capitalised, sixteen at most, two digits in all.
fn is_phrase(inner: &[u8]) -> bool {
    let separator = |byte: &u8| b" _-.:/|,'".contains(byte);
    let word = |word: &[u8]| {
        let tail = word.get(1..).unwrap_or_default();
        word.len() <= 16
            && (word.iter().all(|byte| !byte.is_ascii_lowercase())
                || tail.iter().all(|byte| !byte.is_ascii_uppercase()))
    };
    inner.first().is_some_and(u8::is_ascii_alphabetic)
        && inner
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || separator(byte))
        && inner.iter().filter(|byte| byte.is_ascii_digit()).count() <= 2
        && inner.split(separator).all(word)
}

/// A shell variable as convention writes it: `$`, then capitals with underscores (`$TOKEN`, `$DB_PASSWORD_2`).
fn is_variable(value: &[u8]) -> bool {
    value.strip_prefix(b"$").is_some_and(|name| {
        let word = name.split(|byte| *byte == b'_').next().unwrap_or_default();
        word.len() >= 2
            && word.iter().all(u8::is_ascii_uppercase)
            && name
                .iter()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
            && (name.len() > word.len() || name.len() >= 4)
    })
}

/// One character again and again, a unit again and again, or a mask over at least half of the value.
fn is_repetition(value: &[u8]) -> bool {
    // A unit that stands three times and more, the last time perhaps cut. Six equal pairs by chance: 16^-6 and less.
    let periodic = (2..=LONGEST_UNIT.min(value.len() / 3)).any(|period| {
        let shifted = value.get(period..).unwrap_or_default();
        shifted.len() >= 6 && shifted.first() == value.first() && value.starts_with(shifted)
    });
    is_uniform(value) || periodic || is_masked(value)
}

/// One letter or digit, whatever stands between, or nothing but punctuation that masks.
fn is_uniform(value: &[u8]) -> bool {
    let letters = || value.iter().filter(|byte| byte.is_ascii_alphanumeric());
    match letters().next() {
        Some(first) => {
            letters().all(|byte| byte.eq_ignore_ascii_case(first)) && letters().count() >= 3
        }
        // No letter and no digit: `****`, `......`, `-----`.
        None => {
            value.iter().all(|byte| MASKS.contains(byte))
                || value.windows(2).all(|pair| pair.first() == pair.last())
        }
    }
}

/// A mask over at least half of the value, or a few characters and dots.
fn is_masked(value: &[u8]) -> bool {
    // Four of one byte that masks, or six of any: a run of four at least, of whose three pairs one is every third of all.
    let mut thirds = value.windows(2).skip(2).step_by(3);
    if !thirds.any(|pair| pair.first() == pair.last()) {
        return is_elided(value);
    }
    let masked = longest_run(value, |byte| MASKS.contains(&byte))
        .max(longest_run(value, |_| true).saturating_sub(2));
    (masked >= 4 && masked * 2 >= value.len()) || is_elided(value)
}

/// A few characters and then dots. More than a few may be a whole value at the end of a sentence.
fn is_elided(value: &[u8]) -> bool {
    let head = value
        .strip_suffix(b"...")
        .or_else(|| value.strip_suffix("…".as_bytes()));
    head.is_some_and(|head| head.len() <= 8)
}

/// The longest run of one byte, among bytes that `counts` admits.
fn longest_run(value: &[u8], counts: impl Fn(u8) -> bool) -> usize {
    let (mut longest, mut run, mut last) = (0, 0, None);
    for byte in value {
        run = match () {
            () if !counts(*byte) => 0,
            () if last == Some(byte) => run + 1,
            () => 1,
        };
        last = Some(byte);
        longest = longest.max(run);
    }
    longest
}

/// Letters and digits that follow each other, one by one or interleaved.
fn is_sequence(value: &[u8]) -> bool {
    // Whether `b` follows `a`: within letters or digits, and as people go on (`9` to `0`, `9` to `a`, `z` to `0`).
    let follows = |a: u8, b: u8| match (a, b) {
        (b'9', b'0' | b'a') | (b'z', b'0' | b'1' | b'a') => true,
        (a, b) => b == a + 1,
    };
    // Of the letters one and two places apart: how many, how many go up and how many down.
    let mut tallies = [(0_usize, 0_usize, 0_usize); 2];
    let (mut count, mut before) = (0_usize, [None; 2]);
    for byte in value.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
        let letter = byte.to_ascii_lowercase();
        for (tally, before) in tallies.iter_mut().zip(before) {
            if let Some(before) = before {
                tally.0 += 1;
                tally.1 += usize::from(follows(before, letter));
                tally.2 += usize::from(follows(letter, before));
            }
        }
        let [last, _] = before;
        before = [Some(letter), last];
        count += 1;
        // More joints than a value of this length may have.
        let broken =
            |&(pairs, up, down): &(usize, usize, usize)| (pairs - up.max(down)) * 7 > value.len();
        if count % 8 == 0 && tallies.iter().all(broken) {
            return false;
        }
    }
    // Fewest characters: interleaved sequences show at a distance of two.
    tallies
        .iter()
        .zip([4, 8])
        .any(|(&(pairs, up, down), fewest)| {
            let missed = pairs - up.max(down);
            // Joints between runs are allowed in long values only: `abcd1234` is a weak password.
            count >= fewest && (missed == 0 || (count >= 16 && missed * 7 <= pairs))
        })
}

/// The alphabet in turning case, as in `AbCdEfGh`: six letters or more. By chance less than once in 10^9 places.
fn is_zigzag(value: &[u8]) -> bool {
    let turns = |pair: &[u8]| match pair {
        [a, b] => {
            a.is_ascii_alphabetic()
                && b.to_ascii_lowercase() == a.to_ascii_lowercase() + 1
                && a.is_ascii_lowercase() == b.is_ascii_uppercase()
        }
        _ => false,
    };
    // Of five pairs that follow each other one is every fifth of all.
    let mut fifths = value.windows(2).skip(4).step_by(5);
    let mut run = 0;
    fifths.any(turns)
        && value.windows(2).any(|pair| {
            run = if turns(pair) { run + 1 } else { 0 };
            run >= 5
        })
}

/// Made of placeholder words, or dominated by a long one.
fn is_worded(value: &[u8]) -> bool {
    let dominates = |word: &&&[u8]| word.len() >= 7 && word.len() * 3 >= value.len();
    let begins = |text: &[u8], word: &[u8]| {
        let head = text.get(..word.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(word))
    };
    let longest = MARKERS.iter().map(|word| word.len()).max().unwrap_or(0);
    let dominated = longest * 3 >= value.len()
        && suffixes(value).any(|text| {
            may_begin(text)
                && MARKERS
                    .iter()
                    .filter(dominates)
                    .any(|word| begins(text, word))
        });
    dominated || is_all_words(value)
}

/// A value that calls itself none: one of [`DISOWNING`], or `not` and a word, as a whole part between separators.
///
/// By chance a random value of 40 characters with separators says so less than once in 10^7. A phrase of words may say so on
/// purpose (`short-kettle7-extra`, `not-my-4th`), and is none of this: letters must follow digits twice, as in what a generator makes.
fn is_disowned(value: &[u8]) -> bool {
    let mixed = |two: &[u8]| matches!(two, [a, b] if a.is_ascii_digit() && b.is_ascii_alphabetic());
    if !value.iter().any(|byte| b"_-.".contains(byte))
        || value.windows(2).filter(|two| mixed(two)).count() < 2
    {
        return false;
    }
    let of_one_case = |part: &[u8]| {
        let tail = part.get(1..).unwrap_or_default();
        tail.iter().all(u8::is_ascii_lowercase) || part.iter().all(u8::is_ascii_uppercase)
    };
    let mut negated = false;
    let mut parts = value.split(|byte| b"_-.".contains(byte));
    parts.any(|part| {
        let word = of_one_case(part);
        if negated && word && !part.is_empty() && part.iter().all(u8::is_ascii_alphabetic) {
            return true;
        }
        negated = part == b"not" || part == b"NOT";
        word && DISOWNING
            .iter()
            .any(|disowning| part.eq_ignore_ascii_case(disowning))
    })
}

/// What `value` ends in: from each of its bytes on.
fn suffixes(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    (0..value.len()).filter_map(|at| value.get(at..))
}

/// Base64 of printable text that is a placeholder, or that says itself to be encrypted (`ENC[...]`): what stands in a
/// manifest whose secrets are filled in later. Text of up to [`DECODED`] bytes is looked at.
///
/// Source: RFC 4648, section 4; `ENC[` and `ENC(` are the marks of SOPS and Jasypt.
fn is_encoded_word(value: &[u8]) -> bool {
    let mut text = [0_u8; DECODED];
    let mut length = 0;
    let (mut bits, mut count) = (0_u32, 0_u32);
    let digits = value
        .iter()
        .rposition(|byte| *byte != b'=')
        .map_or(0, |last| last + 1);
    if digits < 12 || !value.len().is_multiple_of(4) {
        return false;
    }
    for byte in value.iter().take(digits) {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return false,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count < 8 {
            continue;
        }
        count -= 8;
        let byte = (bits >> count) as u8;
        bits &= (1 << count) - 1;
        if !matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t') {
            return false;
        }
        let Some(place) = text.get_mut(length) else {
            break;
        };
        *place = byte;
        length += 1;
    }
    let text = text.get(..length).unwrap_or_default();
    let marked = MARKERS
        .iter()
        .filter(|word| word.len() >= 7)
        .any(|word| super::contains_word(text, word));
    marked || text.starts_with(b"ENC[") || text.starts_with(b"ENC(") || is_all_words(text)
}

/// Only listed words, at least one marker among them, and few digits (`example123`, `your-key-1`).
fn is_all_words(value: &[u8]) -> bool {
    let (mut rest, mut marker, mut digits) = (value, false, 0);
    while let Some((first, after)) = rest.split_first() {
        if first.is_ascii_alphabetic() {
            if !may_begin(rest) {
                return false;
            }
            // The lists need no order: of all words that stand here the longest is taken.
            let here = |list: &[&[u8]]| {
                list.iter()
                    .filter(|word| {
                        rest.get(..word.len())
                            .is_some_and(|head| head.eq_ignore_ascii_case(word))
                    })
                    .map(|word| word.len())
                    .max()
                    .unwrap_or(0)
            };
            let (marked, filled) = (here(&MARKERS), here(&FILLERS));
            if marked.max(filled) == 0 {
                return false;
            }
            marker |= marked >= filled;
            rest = rest.get(marked.max(filled)..).unwrap_or_default();
        } else {
            digits += usize::from(first.is_ascii_digit());
            rest = after;
        }
    }
    marker && digits <= 4
}

#[cfg(test)]
mod tests;

//! Rules of vendors that do not exist, for more rules than are shipped and for a policy that does not change when the shipped packs
//! do. Their kinds, and how many of each there are, follow the shipped packs; names and prefixes are random.

use std::fmt::Write;

use crate::random::Random;

/// The text of a pack of `count` rules. The same count and seed give the same text for ever; more rules begin with the fewer ones.
#[must_use]
pub fn pack(id: &str, count: usize, seed: u64) -> String {
    let mut random = Random(seed);
    let mut text =
        format!("[pack]\nid = \"{id}\"\ntitle = \"Rules of vendors that do not exist\"\n");
    for number in 0..count {
        // Writing to a String cannot fail.
        let _ = rule(&mut text, &mut random, number);
    }
    text
}

fn rule(text: &mut String, random: &mut Random, number: usize) -> std::fmt::Result {
    let vendor = vendor(random);
    // Of a hundred shipped rules, about so many begin with a literal, are keyed, have several beginnings, have a beginning in any
    // case, or begin with a class: counted in policies/ when this was written.
    let share = random.below(100);
    let kind = match share {
        0..=56 => "token",
        57..=83 => "keyed",
        84..=89 => "tokens",
        90..=94 => "parameter",
        _ => "shape",
    };
    writeln!(
        text,
        "\n[[rule]]\nid = \"{vendor}.{kind}-{number}\"\ndescription = \"{kind} of a vendor that does not exist\"\nsource = \"benches/src/generated.rs\""
    )?;
    match kind {
        "token" => token(text, random, &vendor),
        "keyed" => keyed(text, random, &vendor),
        "tokens" => tokens(text, random, &vendor),
        "parameter" => parameter(text, random, &vendor),
        _ => shape(text, random, &vendor),
    }
}

/// `kavo_live_` and a tail.
fn token(text: &mut String, random: &mut Random, vendor: &str) -> std::fmt::Result {
    let short = &vendor[..random.between(3, 4) as usize];
    let middle = random.pick(&["", "live_", "sk_", "pat_", "api-", "v1_", "oauth2_"]);
    let separator = random.pick(&["_", "_", "-", "."]);
    let separator = if separator == "." { "\\." } else { separator };
    let tail = tail(random, &[20, 24, 32, 36, 40, 43, 64]);
    let distinct = random.between(6, 10);
    writeln!(
        text,
        "pattern = '{short}{separator}{middle}{tail}'\nvalidators = [{{ distinct = {distinct} }}]\nconfidence = \"high\""
    )
}

/// A name beside a value.
fn keyed(text: &mut String, random: &mut Random, vendor: &str) -> std::fmt::Result {
    let nouns = [
        "api_key",
        "token",
        "secret",
        "access_token",
        "client_secret",
        "auth_key",
    ];
    let first = random.below(nouns.len() as u64) as usize;
    let count = random.between(1, 3) as usize;
    let keywords: Vec<String> = (0..count)
        .map(|next| format!("\"{vendor}_{}\"", nouns[(first + next) % nouns.len()]))
        .collect();
    let value = tail(random, &[20, 24, 32, 40, 64]);
    let suffix = random.below(4) == 0;
    writeln!(
        text,
        "keyed = {{ keywords = [{}], value = '{value}', suffix = {suffix} }}\nleft = \"none\"\nvalidators = [{{ distinct = {} }}]",
        keywords.join(", "),
        random.between(5, 9)
    )
}

/// Several beginnings of one form.
fn tokens(text: &mut String, random: &mut Random, vendor: &str) -> std::fmt::Result {
    let short = &vendor[..3];
    let tail = tail(random, &[24, 32, 40]);
    writeln!(
        text,
        "pattern = '(?:{short}p|{short}o|{short}s)_{tail}'\nvalidators = [{{ distinct = 8 }}]\nconfidence = \"high\""
    )
}

/// A parameter of a URL, in any case.
fn parameter(text: &mut String, random: &mut Random, vendor: &str) -> std::fmt::Result {
    let noun = random.pick(&["signature", "token", "sig", "key"]);
    let tail = tail(random, &[32, 40, 64]);
    writeln!(
        text,
        "pattern = '(?i:{vendor}[_-]?{noun})(?:=|%3[Dd])(?<secret>{tail})'\nleft = \"none\""
    )
}

/// No literal at its beginning.
fn shape(text: &mut String, random: &mut Random, vendor: &str) -> std::fmt::Result {
    match random.below(3) {
        0 => writeln!(
            text,
            "pattern = '[0-9]{{{}}}-[0-9]{{{}}}-[0-9]{{{}}}'\ncontext = {{ keywords = [\"{vendor}\"], within = 40 }}",
            random.between(3, 5),
            random.between(4, 6),
            random.between(2, 5)
        ),
        1 => writeln!(
            text,
            "pattern = '[A-Za-z0-9]{{{}}}\\.{vendor}[A-Za-z0-9]{{{}}}'\nvalidators = [{{ distinct = 8 }}]",
            random.between(8, 24),
            random.between(12, 30)
        ),
        _ => writeln!(
            text,
            "pattern = '[A-Z]{{2}}[0-9]{{{}}}'\ncontext = {{ keywords = [\"{vendor}_id\", \"{vendor} number\"], within = 48 }}",
            random.between(7, 11)
        ),
    }
}

fn tail(random: &mut Random, lengths: &[u64]) -> String {
    let length = random.pick(lengths);
    match random.below(5) {
        0 | 1 => format!("[A-Za-z0-9]{{{length}}}"),
        2 => format!("[a-f0-9]{{{length}}}"),
        3 => format!("[A-Za-z0-9_-]{{{length}}}"),
        _ => format!("[A-Za-z0-9]{{{length},{}}}", length + 16),
    }
}

/// Three to four syllables.
fn vendor(random: &mut Random) -> String {
    (0..random.between(3, 4))
        .flat_map(|_| [random.pick(b"bdfgjklmnprstvwxz"), random.pick(b"aeiou")])
        .map(char::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_rules_and_each_kind() {
        let text = pack("more", 150, 7);
        for kind in ["token", "keyed", "tokens", "parameter", "shape"] {
            assert!(text.contains(&format!(".{kind}-")), "{kind}");
        }
        assert!(text.starts_with(&pack("more", 100, 7)));
    }
}

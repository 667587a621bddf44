//! Text like that of production logs, from a seed. The same seed and size give the same bytes everywhere, for ever: a change here
//! makes old records incomparable, and the test below says so.

use std::fmt::Write;

use serde::Deserialize;

/// What the text is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Service logs as JSON lines and plain lines, access log lines, one line in 64 with something to find.
    Logs,
    /// The same lines with nothing to find.
    Clean,
}

/// At least `bytes` bytes, ending with a whole line.
#[must_use]
pub fn haystack(kind: Kind, bytes: usize, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let mut text = String::with_capacity(bytes + 512);
    let mut number = 0_u64;
    while text.len() < bytes {
        let planted = kind == Kind::Logs && number % 64 == 17;
        line(&mut text, &mut random, number, planted);
        text.truncate(text.trim_end().len());
        text.push('\n');
        number += 1;
    }
    text.into_bytes()
}

fn line(text: &mut String, random: &mut Random, number: u64, planted: bool) {
    let second = number % 60;
    let minute = number / 60 % 60;
    let path = random.pick(&PATHS);
    let word = random.pick(&WORDS);
    let other = random.pick(&WORDS);
    let took = random.below(900) + 1;
    let planted = if planted {
        plant(random)
    } else {
        String::new()
    };
    // Writing to a String cannot fail.
    let _ = match random.below(4) {
        0 => writeln!(
            text,
            "{{\"ts\":\"2026-03-01T10:{minute:02}:{second:02}Z\",\"level\":\"info\",\"service\":\"{word}\",\"msg\":\"{other} done\",\
             \"ms\":{took},\"trace\":\"{:016x}\"{}{planted}{}}}",
            random.next(),
            if planted.is_empty() {
                ""
            } else {
                ",\"detail\":\""
            },
            if planted.is_empty() { "" } else { "\"" },
        ),
        1 => writeln!(
            text,
            "2026-03-01 10:{minute:02}:{second:02},{:03} INFO  [{word}-{}] {other}: {took} rows in {} ms {planted}",
            random.below(1000),
            random.below(32),
            random.below(400),
        ),
        2 => writeln!(
            text,
            "GET {path}?page={}&sort={word} HTTP/1.1 200 {} {took} \"blackbar-bench/1.0\" {planted}",
            random.below(90),
            random.below(90_000),
        ),
        _ => writeln!(
            text,
            "{word} {other} {} {path} {} {planted}",
            random.pick(&WORDS),
            random.pick(&WORDS)
        ),
    };
}

/// A value in the form of a token or of personal data; random, and nobody's.
fn plant(random: &mut Random) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    match random.below(4) {
        0 => format!("ghp_{}", random.letters(LETTERS, 36)),
        1 => format!("AKIA{}", random.letters(BASE32, 16)),
        2 => format!(
            "user{}@mail{}.blackbar-bench.net",
            random.below(10_000),
            random.below(9)
        ),
        _ => format!(
            "{}.{}.{}.{}",
            random.below(200) + 11,
            random.below(250) + 1,
            random.below(250) + 1,
            random.below(250) + 1
        ),
    }
}

const PATHS: [&str; 6] = [
    "/",
    "/api/v1/orders",
    "/api/v1/users/me",
    "/static/app.js",
    "/health",
    "/search",
];
const WORDS: [&str; 24] = [
    "request", "order", "payment", "cache", "index", "worker", "queue", "commit", "fetch",
    "render", "session", "account", "token", "retry", "timeout", "response", "handler", "update",
    "select", "batch", "stream", "key", "value", "config",
];

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick(&mut self, words: &[&'static str]) -> &'static str {
        let at = self.below(words.len() as u64) as usize;
        words[at]
    }

    fn letters(&mut self, alphabet: &[u8], count: usize) -> String {
        (0..count)
            .map(|_| {
                let at = self.below(alphabet.len() as u64) as usize;
                char::from(alphabet[at])
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FNV-1a, 64 bits.
    fn digest(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    #[test]
    fn a_seed_gives_the_same_bytes_for_ever() {
        let text = haystack(Kind::Logs, 1 << 20, 1);
        assert!(text.len() >= 1 << 20);
        assert!(text.ends_with(b"\n"));
        assert_eq!(
            digest(&text),
            DIGEST,
            "the haystack changed: records from before cannot be compared"
        );
        assert_ne!(text, haystack(Kind::Logs, 1 << 20, 2));
    }

    #[test]
    fn clean_text_holds_no_token() {
        let text = haystack(Kind::Clean, 1 << 18, 1);
        let has = |word: &[u8]| text.windows(word.len()).any(|window| window == word);
        assert!(!has(b"ghp_") && !has(b"AKIA") && !has(b"@mail"));
    }

    const DIGEST: u64 = 0xd4b5_3975_1387_7b64;
}

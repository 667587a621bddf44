//! Values to plant: in the form of tokens and of personal data, random, and nobody's. Check digits are right where a format has
//! them, so that most are findings and not refused candidates.

use crate::random::{BASE32, BASE62, BASE64, BASE64_URL, DIGITS, HEX, LOWER, Random};

/// One value, two times in five a secret. It holds no line end; a quote at most in pairs.
pub(super) fn plant(random: &mut Random) -> String {
    if random.below(5) < 2 {
        secret(random)
    } else {
        personal(random)
    }
}

fn secret(random: &mut Random) -> String {
    match random.below(16) {
        0 => format!("AKIA{}", random.letters(BASE32, 16)),
        1 => with_check("ghp", random),
        2 => with_check("npm", random),
        3 => format!(
            "github_pat_{}_{}",
            random.letters(BASE62, 22),
            random.letters(BASE62, 59)
        ),
        4 => format!("glpat-{}", random.letters(BASE64_URL, 20)),
        5 => format!(
            "xoxb-{}-{}-{}",
            random.letters(DIGITS, 12),
            random.letters(DIGITS, 12),
            random.letters(BASE62, 24)
        ),
        6 => format!("sk_live_{}", random.letters(BASE62, 24)),
        7 => format!("AIza{}", random.letters(BASE64_URL, 35)),
        8 => format!(
            "SG.{}.{}",
            random.letters(BASE64_URL, 22),
            random.letters(BASE64_URL, 43)
        ),
        // `{"alg":"HS256","typ":"JWT"}`, so that the header decodes.
        9 => format!(
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ{}.{}",
            random.letters(BASE64_URL, 93),
            random.letters(BASE64_URL, 43)
        ),
        10 => format!("Authorization: Bearer {}", random.letters(BASE64_URL, 40)),
        11 => format!("password={}", random.letters(BASE62, 14)),
        12 => format!("api_key={}", random.letters(LOWER, 32)),
        13 => format!(
            "postgres://app:{}@db.internal:5432/shop",
            random.letters(BASE62, 18)
        ),
        14 => format!("client_secret: \"{}\"", random.letters(BASE62, 32)),
        _ => format!(
            "-----BEGIN RSA PRIVATE KEY-----{}-----END RSA PRIVATE KEY-----",
            random.letters(BASE64, 400)
        ),
    }
}

fn personal(random: &mut Random) -> String {
    match random.below(10) {
        0 | 1 => format!(
            "user{}@mail{}.blackbar-bench.net",
            random.below(10_000),
            random.below(9)
        ),
        2 => card(random, "4", 16),
        3 => {
            let digits = card(random, "52", 16);
            [&digits[..4], &digits[4..8], &digits[8..12], &digits[12..16]].join(" ")
        }
        4 => iban(random),
        5 => format!(
            "+1 {}-{}-{}",
            random.between(212, 989),
            random.between(200, 999),
            random.between(1000, 9999)
        ),
        6 | 7 => format!(
            "{}.{}.{}.{}",
            random.between(11, 209),
            random.between(1, 250),
            random.between(1, 250),
            random.between(1, 250)
        ),
        8 => {
            let groups = [0; 8].map(|_| random.letters(HEX, 4));
            groups.join(":")
        }
        _ => {
            let groups = [0; 6].map(|_| random.letters(HEX, 2));
            groups.join(":")
        }
    }
}

/// Thirty random characters and the CRC-32 of them in base 62. Source: GitHub, "Behind GitHub's new authentication token formats".
fn with_check(prefix: &str, random: &mut Random) -> String {
    let body = random.letters(BASE62, 30);
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut check = [b'0'; 6];
    for place in check.iter_mut().rev() {
        *place = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    format!("{prefix}_{body}{}", String::from_utf8_lossy(&check))
}

/// A card number with its check digit (ISO/IEC 7812-1).
fn card(random: &mut Random, prefix: &str, length: usize) -> String {
    let mut digits = format!(
        "{prefix}{}",
        random.letters(DIGITS, length - 1 - prefix.len())
    );
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0') * if place % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    digits.push(char::from(b'0' + ((10 - sum % 10) % 10) as u8));
    digits
}

/// A German IBAN with its check digits (ISO 13616-1; ISO 7064, MOD 97-10).
fn iban(random: &mut Random) -> String {
    let account = random.letters(DIGITS, 18);
    // `DE00` behind it, letters as two digits: D is 13, E is 14.
    let rest = format!("{account}131400")
        .bytes()
        .fold(0, |rest, digit| (rest * 10 + u32::from(digit - b'0')) % 97);
    format!("DE{:02}{account}", 98 - rest)
}

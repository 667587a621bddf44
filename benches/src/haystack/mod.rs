//! Haystacks, made from a seed: what kinds there are, and making one. The same kind, size and seed give the same bytes everywhere,
//! for ever, except for those that are made of a policy's rules (they change with the rules) and the real logs (which are read).
//! A change here makes old records incomparable, and the test below says so.

mod attacks;
mod lines;
mod logs;
mod values;

use blackbar_policy::Policy;
use serde::Deserialize;

/// What a haystack is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Five kinds of production text in equal shares, a value to find in every 10 KiB: what a proxy sees.
    Sparse,
    /// The same text, a value in every 200 bytes: an export of customer data, a log gone wrong.
    Dense,
    /// The same text with nothing planted.
    Clean,
    /// Real log files, a block of each in turn; not part of this repository.
    RealLogs,
    /// Nothing but the literal parts of the policy's rules: every few bytes something that could begin a match.
    Fingerprints,
    /// The same, with a unit of a code in place of each byte between them: escapes, percent codes, references, one in another.
    Codes,
    /// Nothing but matches of the policy's rules that break off at the end or have a wrong byte inside.
    NearMisses,
    /// Nothing but text that the policy's patterns match; validators may refuse it.
    Matches,
    /// Runs of digits, a few hundred to a few thousand long.
    Digits,
    /// Runs of base64, a few thousand long.
    Base64,
    /// One byte, again and again; [`Recipe::byte`] says which.
    OneByte,
}

/// How a haystack is made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What it is like.
    pub kind: Kind,
    /// Its size: so many times 1,024 bytes, and then to the end of a line.
    pub kib: u32,
    /// What its randomness starts from.
    #[serde(default)]
    pub seed: u64,
    /// The byte of [`Kind::OneByte`], as a character of at most U+00FF.
    #[serde(default)]
    pub byte: Option<char>,
}

impl Recipe {
    /// Makes it. The policy is what the adversarial kinds attack. `None`: it is one of real logs, and there are none here.
    ///
    /// # Panics
    /// When the policy has no rule whose pattern can be parsed and the kind is made of rules: there is no such policy.
    #[must_use]
    pub fn make(&self, policy: &Policy) -> Option<Vec<u8>> {
        let bytes = (self.kib as usize) << 10;
        Some(match self.kind {
            Kind::Sparse => lines::text(bytes, self.seed, Some(10_240)),
            Kind::Dense => lines::text(bytes, self.seed, Some(200)),
            Kind::Clean => lines::text(bytes, self.seed, None),
            Kind::RealLogs => logs::blocks(bytes)?,
            Kind::Fingerprints => attacks::fingerprints(policy, bytes, self.seed),
            Kind::Codes => attacks::codes(policy, bytes, self.seed),
            Kind::NearMisses => attacks::near_misses(policy, bytes, self.seed),
            Kind::Matches => attacks::matches(policy, bytes, self.seed),
            Kind::Digits => attacks::digits(bytes, self.seed),
            Kind::Base64 => attacks::base64(bytes, self.seed),
            Kind::OneByte => {
                let byte = self.byte.and_then(|c| u8::try_from(u32::from(c)).ok());
                vec![byte.unwrap_or(b'0'); bytes]
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy;

    /// FNV-1a, 64 bits.
    fn digest(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    fn make(kind: Kind, kib: u32, seed: u64) -> Vec<u8> {
        let recipe = Recipe {
            kind,
            kib,
            seed,
            byte: None,
        };
        recipe.make(&policy::load("gate").unwrap()).unwrap()
    }

    #[test]
    fn a_seed_gives_the_same_bytes_for_ever() {
        let mut changed = false;
        for (kind, expected) in [
            (Kind::Sparse, 0x5b38_cef7_6295_f2ac),
            (Kind::Dense, 0x5472_63d8_648e_90d5),
            (Kind::Clean, 0x35f1_93ce_d8cb_e238),
            (Kind::Digits, 0xd515_a775_0943_a461),
            (Kind::Base64, 0x40d6_def0_6826_e6b6),
        ] {
            let text = make(kind, 256, 1);
            assert!(
                text.len() >= 256 << 10 && text.len() < 260 << 10,
                "{kind:?}"
            );
            assert!(text.ends_with(b"\n"), "{kind:?}");
            assert_ne!(text, make(kind, 256, 2));
            println!("{kind:?} {:#x}", digest(&text));
            changed |= digest(&text) != expected;
        }
        assert!(
            !changed,
            "haystacks changed: records from before cannot be compared"
        );
    }

    #[test]
    fn what_is_made_of_rules_is_made_of_all_of_them() {
        let rules = policy::load("gate").unwrap().rules.len();
        for kind in [Kind::Fingerprints, Kind::NearMisses, Kind::Matches] {
            let text = make(kind, 256, 1);
            let pieces = text.split(|&b| b == b'\n').count();
            assert!(pieces > rules, "{kind:?}: {pieces} pieces of {rules} rules");
            assert_eq!(text, make(kind, 256, 1));
        }
    }

    #[test]
    fn values_are_planted_as_often_as_is_said() {
        let clean = make(Kind::Clean, 512, 1);
        let has = |word: &[u8]| clean.windows(word.len()).any(|window| window == word);
        assert!(!has(b"ghp_") && !has(b"AKIA") && !has(b"@mail"));
        for (every, low, high) in [(10_240, 40, 62), (200, 2300, 2900)] {
            let planted = lines::planted(512 << 10, 1, every);
            assert!((low..=high).contains(&planted), "{every}: {planted}");
        }
    }
}

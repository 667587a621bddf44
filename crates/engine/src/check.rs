//! Validators of a rule as the engine runs them: which check judges which bytes. The checks themselves live in
//! [`validate`].

use alloc::vec::Vec;

use crate::dfa::{DEAD, Dfa, FINAL, MATCHES};
use crate::validate::{self, Number};

/// One validator. See the policy language for their meanings.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Check {
    /// ISO/IEC 7812-1 check digit.
    Luhn,
    /// ISO 13616 length and ISO 7064 check digits.
    Iban,
    /// Never assigned US social security numbers are refused.
    Ssn,
    /// At least this many thousandths of a bit per byte.
    Entropy(u32),
    /// At least this many different bytes.
    Distinct(u8),
    /// A digit.
    HasDigit,
    /// An ASCII letter.
    HasLetter,
    /// Not a placeholder.
    NotPlaceholder,
    /// Not a template or mask.
    NotTemplate,
    /// Not words and numbers only.
    NotWords,
    /// At least this many classes of byte.
    Classes(u8),
    /// Not a hash or UUID.
    NotHash,
    /// GitHub's and npm's checksum.
    Crc32Base62,
    /// A JSON Web Token.
    Jwt,
    /// An IPv6 address.
    Ipv6,
    /// A number of this kind: its length, parts and check digits.
    Valid(&'static Number),
    /// None of these words inside.
    Without(Vec<Vec<u8>>),
    /// The automaton (by index, matching whole values) does not match.
    Allow(u16),
}

impl Check {
    /// Whether the check accepts some ends of a match and refuses others for reasons of arithmetic, so that a shorter end
    /// is worth trying.
    #[must_use]
    pub fn selects(&self) -> bool {
        matches!(
            self,
            Check::Luhn | Check::Iban | Check::Crc32Base62 | Check::Ipv6
        )
    }

    /// Whether nothing that `value` begins with passes: asked once, before each of its ends is tried.
    pub(crate) fn refuses_beginning(&self, value: &[u8]) -> bool {
        match self {
            Check::Iban => !validate::begins_iban(value),
            _ => false,
        }
    }

    /// Whether `value` passes.
    pub(crate) fn passes(&self, value: &[u8], artifact: &[u8], dfas: &[Dfa]) -> bool {
        match self {
            Check::Luhn => validate::luhn(value),
            Check::Iban => validate::iban(value),
            Check::Ssn => validate::ssn(value),
            Check::Entropy(least) => validate::entropy_millibits(value) >= *least,
            Check::Distinct(least) => validate::distinct(value) >= u32::from(*least),
            Check::HasDigit => validate::has_digit(value),
            Check::HasLetter => validate::has_letter(value),
            Check::NotPlaceholder => validate::not_placeholder(value),
            Check::NotTemplate => validate::not_template(value),
            Check::NotWords => validate::not_words(value),
            Check::Classes(least) => validate::classes(value) >= u32::from(*least),
            Check::NotHash => validate::not_hash(value),
            Check::Crc32Base62 => validate::crc32_base62(value),
            Check::Jwt => validate::jwt(value),
            Check::Ipv6 => validate::ipv6(value),
            Check::Valid(number) => number.holds(value),
            Check::Without(words) => !words
                .iter()
                .any(|word| validate::contains_word(value, word)),
            Check::Allow(dfa) => dfas
                .get(usize::from(*dfa))
                .is_none_or(|dfa| !matches_whole(dfa, artifact, value)),
        }
    }
}

/// Whether `value`, as a haystack of its own, is a match from end to end.
fn matches_whole(dfa: &Dfa, artifact: &[u8], value: &[u8]) -> bool {
    let cells = dfa.cells(artifact);
    let mut state = dfa.start(None);
    let mut rest = value;
    loop {
        if state >= dfa.simple {
            let (reached, steps, _) = dfa.skip(artifact, state, rest);
            state = reached;
            rest = rest.get(steps..).unwrap_or_default();
        }
        let Some((&byte, after)) = rest.split_first() else {
            return state == FINAL || cells.end(state) & MATCHES != 0;
        };
        state = cells.next(state, byte) & !MATCHES;
        if state == DEAD || state == FINAL && !after.is_empty() {
            return false;
        }
        rest = after;
    }
}

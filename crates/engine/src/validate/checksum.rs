//! Check digits over plain digit strings. Those that belong to one registry (IBAN, national ids) live with that registry.

/// Whether the digits of `value` end in the right Luhn check digit. Other bytes (spaces, dashes) are skipped.
///
/// How many digits there must be is the pattern's business (cards have 13 to 19, a Canadian SIN 9); fewer than two, or
/// nothing but zeros, which would pass trivially, are refused.
///
/// Source: ISO/IEC 7812-1, annex B (Luhn's formula, US patent 2950048).
pub fn luhn(value: &[u8]) -> bool {
    // Every second digit from the right counts twice, a two-digit product as the sum of its digits. Which those are is known
    // at the end only, so both sums are kept: `this` doubles the digit that came last, `other` the one before.
    let (mut this, mut other, mut count) = (0_u32, 0_u32, 0_u32);
    for byte in value.iter().filter(|byte| byte.is_ascii_digit()) {
        let digit = u32::from(byte - b'0');
        let doubled = if digit > 4 { 2 * digit - 9 } else { 2 * digit };
        (this, other) = (other + doubled, this + digit);
        count += 1;
    }
    count >= 2 && other != 0 && other.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// By the letter of the standard: number the digits from the right, double the even ones, add up all digits.
    fn naive(value: &str) -> bool {
        let digits: Vec<u32> = value.chars().filter_map(|c| c.to_digit(10)).collect();
        let sum: u32 = digits
            .iter()
            .rev()
            .enumerate()
            .map(|(i, d)| {
                if i % 2 == 1 {
                    (2 * d) / 10 + (2 * d) % 10
                } else {
                    *d
                }
            })
            .sum();
        digits.len() >= 2 && sum > 0 && sum.is_multiple_of(10)
    }

    #[test]
    fn published_numbers() {
        // Wikipedia's worked example, and the test numbers that card networks and payment providers publish.
        for good in [
            "17893729974",
            "4111111111111111",
            "4111 1111 1111 1111",
            "5555-5555-5555-4444",
            "378282246310005",
            "6011111111111117",
            "3530111333300000",
            "30569309025904",
        ] {
            assert!(luhn(good.as_bytes()), "{good}");
        }
        for bad in [
            "4111111111111112",
            "4111111111111",
            "",
            "0",
            "7",
            "0000000000000000",
            "abc",
        ] {
            assert!(!luhn(bad.as_bytes()), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn as_the_naive_sum(value in "[0-9 -]{0,24}") {
            prop_assert_eq!(luhn(value.as_bytes()), naive(&value));
        }

        #[test]
        fn every_single_wrong_digit_is_seen(digits in "[0-9]{12,18}", at in 0_usize..12, step in 1_u8..10) {
            let check = (0..10).map(|c| alloc::format!("{digits}{c}")).find(|n| luhn(n.as_bytes()));
            prop_assume!(check.is_some());
            let mut number = check.unwrap_or_default().into_bytes();
            if let Some(byte) = number.get_mut(at) {
                *byte = b'0' + (*byte - b'0' + step) % 10;
            }
            prop_assert!(!luhn(&number));
        }
    }
}

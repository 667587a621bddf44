//! IBAN: country, length and check digits. Other account numbers do not live here.

/// What follows country and check digits, by country, sorted: runs of `n` digits, `a` letters, `c` letters or digits.
///
/// Source: SWIFT, IBAN Registry (ISO 13616-1), the column "BBAN structure"; lines marked `partial` are countries that are not
/// registered yet whose banks issue IBANs of this form (Wikipedia, "International Bank Account Number").
#[rustfmt::skip]
const STRUCTURES: [([u8; 2], &str); 111] = [
    (*b"AD", "8n12c"), (*b"AE", "19n"), (*b"AL", "8n16c"), (*b"AO", "21n" /* partial */), (*b"AT", "16n"),
    (*b"AZ", "4a20c"), (*b"BA", "16n"), (*b"BE", "12n"), (*b"BF", "2c22n" /* partial */), (*b"BG", "4a6n8c"),
    (*b"BH", "4a14c"), (*b"BI", "23n"), (*b"BJ", "2c22n" /* partial */), (*b"BR", "23n1a1c"), (*b"BY", "4c4n16c"),
    (*b"CF", "23n" /* partial */), (*b"CG", "23n" /* partial */), (*b"CH", "5n12c"),
    (*b"CI", "2c22n" /* partial */), (*b"CM", "23n" /* partial */), (*b"CR", "18n"), (*b"CV", "21n" /* partial */),
    (*b"CY", "8n16c"), (*b"CZ", "20n"), (*b"DE", "18n"), (*b"DJ", "23n"), (*b"DK", "14n"), (*b"DO", "4c20n"),
    (*b"DZ", "22n" /* partial */), (*b"EE", "16n"), (*b"EG", "25n"), (*b"ES", "20n"), (*b"FI", "14n"),
    (*b"FK", "2a12n"), (*b"FO", "14n"), (*b"FR", "10n11c2n"), (*b"GA", "23n" /* partial */), (*b"GB", "4a14n"),
    (*b"GE", "2a16n"), (*b"GI", "4a15c"), (*b"GL", "14n"), (*b"GQ", "23n" /* partial */), (*b"GR", "7n16c"),
    (*b"GT", "24c"), (*b"GW", "2c19n" /* partial */), (*b"HN", "4a20n"), (*b"HR", "17n"), (*b"HU", "24n"),
    (*b"IE", "4a14n"), (*b"IL", "19n"), (*b"IQ", "4a15n"), (*b"IR", "22n" /* partial */), (*b"IS", "22n"),
    (*b"IT", "1a10n12c"), (*b"JO", "4a4n18c"), (*b"KM", "23n" /* partial */), (*b"KW", "4a22c"), (*b"KZ", "3n13c"),
    (*b"LB", "4n20c"), (*b"LC", "4a24c"), (*b"LI", "5n12c"), (*b"LT", "16n"), (*b"LU", "3n13c"), (*b"LV", "4a13c"),
    (*b"LY", "21n"), (*b"MA", "24n" /* partial */), (*b"MC", "10n11c2n"), (*b"MD", "20c"), (*b"ME", "18n"),
    (*b"MG", "23n" /* partial */), (*b"MK", "3n10c2n"), (*b"ML", "2c22n" /* partial */), (*b"MN", "16n"),
    (*b"MR", "23n"), (*b"MT", "4a5n18c"), (*b"MU", "4a19n3a"), (*b"MZ", "21n" /* partial */),
    (*b"NE", "2c22n" /* partial */), (*b"NI", "4a20n"), (*b"NL", "4a10n"), (*b"NO", "11n"), (*b"OM", "3n16c"),
    (*b"PK", "4a16c"), (*b"PL", "24n"), (*b"PS", "4a21c"), (*b"PT", "21n"), (*b"QA", "4a21c"), (*b"RO", "4a16c"),
    (*b"RS", "18n"), (*b"RU", "14n15c"), (*b"SA", "2n18c"), (*b"SC", "4a20n3a"), (*b"SD", "14n"), (*b"SE", "20n"),
    (*b"SI", "15n"), (*b"SK", "20n"), (*b"SM", "1a10n12c"), (*b"SN", "2c22n" /* partial */), (*b"SO", "19n"),
    (*b"ST", "21n"), (*b"SV", "4a20n"), (*b"TD", "23n" /* partial */), (*b"TG", "2c22n" /* partial */),
    (*b"TL", "19n"), (*b"TN", "20n"), (*b"TR", "6n16c"), (*b"UA", "6n19c"), (*b"VA", "18n"), (*b"VG", "4a16n"),
    (*b"XK", "16n"), (*b"YE", "4a4n18c"),
];

/// The kind of each character of a structure.
fn kinds(structure: &str) -> impl Iterator<Item = u8> {
    let mut rest = structure.as_bytes();
    let mut left = 0_usize;
    let mut kind = 0;
    core::iter::from_fn(move || {
        if left == 0 {
            while let Some((&byte, after)) = rest.split_first() {
                rest = after;
                match byte {
                    b'0'..=b'9' => left = left * 10 + usize::from(byte - b'0'),
                    _ => {
                        kind = byte;
                        break;
                    }
                }
            }
        }
        left = left.checked_sub(1)?;
        Some(kind)
    })
}

/// Whether the characters are what the structure says, one by one.
fn has_structure(structure: &str, mut text: impl Iterator<Item = u8>) -> bool {
    let fits = kinds(structure).all(|kind| {
        text.next().is_some_and(|byte| match kind {
            b'n' => byte.is_ascii_digit(),
            b'a' => byte.is_ascii_alphabetic(),
            _ => byte.is_ascii_alphanumeric(),
        })
    });
    fits && text.next().is_none()
}

/// What stands in `value` but for spaces, dashes and dots between groups.
fn plain(value: &[u8]) -> impl Iterator<Item = u8> {
    value
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, b' ' | b'-' | b'.'))
}

/// The structure of what follows a known country and two check digits; `None` if `text` begins with none.
fn structure(mut text: impl Iterator<Item = u8>) -> Option<&'static str> {
    let head = [(); 4].map(|()| text.next().unwrap_or(0).to_ascii_uppercase());
    let [c1, c2, k1, k2] = head;
    // 00, 01 and 99 are congruent to real check digits but are never issued.
    if !k1.is_ascii_digit()
        || !k2.is_ascii_digit()
        || matches!([k1, k2], [b'0', b'0' | b'1'] | [b'9', b'9'])
    {
        return None;
    }
    let row = STRUCTURES.binary_search_by(|(country, _)| country.cmp(&[c1, c2]));
    row.ok()
        .and_then(|row| STRUCTURES.get(row))
        .map(|row| row.1)
}

/// Whether `value` begins as an IBAN does. If not, nothing that `value` begins with is one.
pub fn begins_iban(value: &[u8]) -> bool {
    structure(plain(value)).is_some()
}

/// Whether `value` is an IBAN: a known country, its registered structure, check digits by MOD 97-10.
///
/// Spaces, dashes and dots between groups are skipped; letters may have either case; any other byte refuses the value.
///
/// Source: ISO 13616-1 and ISO/IEC 7064 (MOD 97-10), the SWIFT IBAN Registry.
pub fn iban(value: &[u8]) -> bool {
    let plain = || plain(value);
    let mut text = plain();
    let Some(structure) = structure(&mut text) else {
        return false;
    };
    if !has_structure(structure, text) {
        return false;
    }
    // The first four characters count last; A is 10, Z is 35. One remainder goes through, however long the number.
    let remainder = plain()
        .skip(4)
        .chain(plain().take(4))
        .fold(0_u32, |rest, byte| match char::from(byte).to_digit(36) {
            Some(number @ 0..10) => (rest * 10 + number) % 97,
            Some(number) => (rest * 100 + number) % 97,
            None => rest,
        });
    remainder == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use proptest::prelude::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(STRUCTURES.is_sorted_by(|(a, _), (b, _)| a < b));
    }

    #[test]
    fn examples_of_the_registry() {
        for good in [
            "AD1200012030200359100100",
            "BE68539007547034",
            "BR1800360305000010009795493C1",
            "CH9300762011623852957",
            "DE89370400440532013000",
            "DE89 3704 0044 0532 0130 00",
            "FR1420041010050500013M02606",
            "GB29 NWBK 6016 1331 9268 19",
            "gb29nwbk60161331926819",
            "LC55HEMM000100010012001200023015",
            "MT84MALT011000012345MTLCAST001S",
            "NO9386011117947",
            "SA0380000000608010167519",
            "XK051212012345678906",
        ] {
            assert!(iban(good.as_bytes()), "{good}");
        }
    }

    #[test]
    fn near_misses() {
        for bad in [
            "",
            "DE",
            "DE88370400440532013000",      // wrong check digits
            "DE8937040044053201300",       // one short
            "DE893704004405320130000",     // one long
            "ZZ89370400440532013000",      // no such country
            "DE89 3704 0044 0532 0130/00", // a byte that does not belong
            "1289370400440532013000",
            "DEA9370400440532013000",
            "be19410d51c8d603", // right check digits, but letters where Belgium has digits
        ] {
            assert!(!iban(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn what_begins_otherwise_holds_none() {
        for (value, begins) in [
            ("DE89370400440532013000", true),
            ("d e-8.9", true),
            ("ab 4111-ab 4111-ab", false),
            ("de 99", false),
            ("de 8", false),
            ("", false),
        ] {
            assert_eq!(begins_iban(value.as_bytes()), begins, "{value}");
        }
    }

    /// The standard's own procedure with one big number, as decimal long division over the written-out digits.
    fn naive(value: &str) -> bool {
        let plain: String = value.chars().filter(|c| *c != ' ').collect();
        let Some((head, tail)) = plain.split_at_checked(4) else {
            return false;
        };
        let Some((country, check)) = head.split_at_checked(2) else {
            return false;
        };
        let Some((_, structure)) = STRUCTURES
            .iter()
            .find(|(c, _)| c.as_slice() == country.as_bytes())
        else {
            return false;
        };
        // By the letter: cut the account into the runs that the structure names.
        let mut bban = tail.chars();
        let registered = structure
            .split_inclusive(|c: char| c.is_ascii_alphabetic())
            .all(|run| {
                let (count, kind) = run.split_at(run.len() - 1);
                (0..count.parse().unwrap_or(0)).all(|_| {
                    bban.next().is_some_and(|c| match kind {
                        "n" => c.is_ascii_digit(),
                        "a" => c.is_ascii_alphabetic(),
                        _ => c.is_ascii_alphanumeric(),
                    })
                })
            })
            && bban.next().is_none();
        let written: String = alloc::format!("{tail}{head}")
            .chars()
            .map(|c| {
                c.to_digit(36)
                    .map_or(String::new(), |d| alloc::format!("{d}"))
            })
            .collect();
        let rest = written
            .chars()
            .fold(0, |r, c| (r * 10 + c.to_digit(10).unwrap_or(0)) % 97);
        registered && check.parse::<u32>().is_ok_and(|k| (2..=98).contains(&k)) && rest == 1
    }

    proptest! {
        #[test]
        fn as_the_long_division(row in 0..STRUCTURES.len(), digits in "[0-9]{30}", letters in "[A-Z]{30}", wrong in 0_u32..3) {
            let (country, structure) = STRUCTURES.get(row).copied().unwrap_or((*b"DE", "18n"));
            let country = String::from_utf8_lossy(&country).into_owned();
            let both = digits.chars().zip(letters.chars()).zip(kinds(structure));
            let bban: String = both
                .enumerate()
                .map(|(at, ((digit, letter), kind))| match kind {
                    b'a' => letter,
                    b'c' if at % 2 == 0 => letter,
                    _ => digit,
                })
                .collect();
            let mut seen = 0;
            for check in 0..100 {
                let number = alloc::format!("{country}{check:02}{bban}");
                prop_assert_eq!(iban(number.as_bytes()), naive(&number), "{}", number);
                seen += u32::from(iban(number.as_bytes()));
                let longer = alloc::format!("{number}{wrong}");
                prop_assert!(!iban(longer.as_bytes()));
            }
            // Exactly one pair of check digits belongs to every account number.
            prop_assert_eq!(seen, 1);
        }
    }
}

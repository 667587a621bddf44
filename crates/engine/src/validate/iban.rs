//! IBAN: country, length and check digits. Other account numbers do not live here.

use super::words::unescaped;

/// Length of an IBAN by country, sorted by country.
///
/// Source: SWIFT, IBAN Registry (ISO 13616-1); lines marked `partial` are countries that are not registered yet whose banks
/// issue IBANs of this length (Wikipedia, "International Bank Account Number").
#[rustfmt::skip]
const LENGTHS: [([u8; 2], u8); 111] = [
    (*b"AD", 24), (*b"AE", 23), (*b"AL", 28), (*b"AO", 25 /* partial */), (*b"AT", 20), (*b"AZ", 28),
    (*b"BA", 20), (*b"BE", 16), (*b"BF", 28 /* partial */), (*b"BG", 22), (*b"BH", 22), (*b"BI", 27),
    (*b"BJ", 28 /* partial */), (*b"BR", 29), (*b"BY", 28),
    (*b"CF", 27 /* partial */), (*b"CG", 27 /* partial */), (*b"CH", 21), (*b"CI", 28 /* partial */),
    (*b"CM", 27 /* partial */), (*b"CR", 22), (*b"CV", 25 /* partial */), (*b"CY", 28), (*b"CZ", 24),
    (*b"DE", 22), (*b"DJ", 27), (*b"DK", 18), (*b"DO", 28), (*b"DZ", 26 /* partial */),
    (*b"EE", 20), (*b"EG", 29), (*b"ES", 24),
    (*b"FI", 18), (*b"FK", 18), (*b"FO", 18), (*b"FR", 27),
    (*b"GA", 27 /* partial */), (*b"GB", 22), (*b"GE", 22), (*b"GI", 23), (*b"GL", 18), (*b"GQ", 27 /* partial */),
    (*b"GR", 27), (*b"GT", 28), (*b"GW", 25 /* partial */),
    (*b"HN", 28), (*b"HR", 21), (*b"HU", 28),
    (*b"IE", 22), (*b"IL", 23), (*b"IQ", 23), (*b"IR", 26 /* partial */), (*b"IS", 26), (*b"IT", 27),
    (*b"JO", 30), (*b"KM", 27 /* partial */), (*b"KW", 30), (*b"KZ", 20),
    (*b"LB", 28), (*b"LC", 32), (*b"LI", 21), (*b"LT", 20), (*b"LU", 20), (*b"LV", 21), (*b"LY", 25),
    (*b"MA", 28 /* partial */), (*b"MC", 27), (*b"MD", 24), (*b"ME", 22), (*b"MG", 27 /* partial */), (*b"MK", 19),
    (*b"ML", 28 /* partial */), (*b"MN", 20), (*b"MR", 27), (*b"MT", 31), (*b"MU", 30), (*b"MZ", 25 /* partial */),
    (*b"NE", 28 /* partial */), (*b"NI", 28), (*b"NL", 18), (*b"NO", 15),
    (*b"OM", 23), (*b"PK", 24), (*b"PL", 28), (*b"PS", 29), (*b"PT", 25), (*b"QA", 29),
    (*b"RO", 24), (*b"RS", 22), (*b"RU", 33),
    (*b"SA", 24), (*b"SC", 31), (*b"SD", 18), (*b"SE", 24), (*b"SI", 19), (*b"SK", 24), (*b"SM", 27),
    (*b"SN", 28 /* partial */), (*b"SO", 23), (*b"ST", 25), (*b"SV", 28),
    (*b"TD", 27 /* partial */), (*b"TG", 28 /* partial */), (*b"TL", 23), (*b"TN", 24), (*b"TR", 26),
    (*b"UA", 29), (*b"VA", 22), (*b"VG", 24), (*b"XK", 20), (*b"YE", 30),
];

/// Whether `value` is an IBAN: a known country, its registered length, check digits by MOD 97-10.
///
/// Spaces, dashes and dots between groups are skipped, also as percent escapes; letters may have either case; any other byte
/// refuses the value.
///
/// Source: ISO 13616-1 and ISO/IEC 7064 (MOD 97-10), the SWIFT IBAN Registry.
pub fn iban(value: &[u8]) -> bool {
    let plain = || unescaped(value).filter(|byte| !matches!(byte, b' ' | b'-' | b'.'));
    let mut head = [0_u8; 4];
    let mut length = 0_usize;
    for byte in plain() {
        if !byte.is_ascii_alphanumeric() {
            return false;
        }
        if let Some(slot) = head.get_mut(length) {
            *slot = byte.to_ascii_uppercase();
        }
        length += 1;
    }
    let [c1, c2, k1, k2] = head;
    let Ok(row) = LENGTHS.binary_search_by(|(country, _)| country.cmp(&[c1, c2])) else {
        return false;
    };
    if LENGTHS
        .get(row)
        .is_none_or(|(_, registered)| usize::from(*registered) != length)
    {
        return false;
    }
    // 00, 01 and 99 are congruent to real check digits but are never issued.
    if !k1.is_ascii_digit()
        || !k2.is_ascii_digit()
        || matches!([k1, k2], [b'0', b'0' | b'1'] | [b'9', b'9'])
    {
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
        assert!(LENGTHS.is_sorted_by(|(a, _), (b, _)| a < b));
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
            "DE89%203704%200044%200532%200130%2000",
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
        ] {
            assert!(!iban(bad.as_bytes()), "{bad}");
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
        let registered = LENGTHS
            .iter()
            .any(|(c, n)| c.as_slice() == country.as_bytes() && usize::from(*n) == plain.len());
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
        fn as_the_long_division(row in 0..LENGTHS.len(), body in "[0-9A-Z]{29}", wrong in 0_u32..3) {
            let (country, length) = LENGTHS.get(row).copied().unwrap_or((*b"DE", 22));
            let country = String::from_utf8_lossy(&country).into_owned();
            let bban: String = body.chars().take(usize::from(length) - 4).collect();
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

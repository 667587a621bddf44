//! National identifiers that have rules of their own, one function each. General check-digit formulas live in `checksum`.

/// Whether `value` holds nine digits that may be a US social security number. Other bytes are skipped.
///
/// Refused: area 000, 666 and 900-999, group 00, serial 0000, and the two numbers that the SSA voided because they had been
/// printed in advertisements (078-05-1120 and 219-09-9999). Since 2011 numbers are assigned at random from all the rest.
///
/// Source: US Social Security Administration, "Social Security Number Randomization" and the POMS chapter RM 10201.
pub fn ssn(value: &[u8]) -> bool {
    let mut number = 0_u32;
    let mut count = 0_u32;
    for byte in value.iter().filter(|byte| byte.is_ascii_digit()) {
        count += 1;
        if count > 9 {
            return false;
        }
        number = number * 10 + u32::from(byte - b'0');
    }
    let (area, group, serial) = (number / 1_000_000, number / 10_000 % 100, number % 10_000);
    let voided = matches!(number, 78_051_120 | 219_099_999);
    count == 9 && !matches!(area, 0 | 666 | 900..) && group != 0 && serial != 0 && !voided
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn allocation_rules() {
        for good in [
            "001-01-0001",
            "899-99-9999",
            "665-12-3456",
            "667123456",
            "123 45 6789",
            "899-01-0001",
        ] {
            assert!(ssn(good.as_bytes()), "{good}");
        }
        for bad in [
            "000-12-3456",
            "666-12-3456",
            "900-12-3456",
            "987-65-4321",
            "999-99-9999", // areas
            "123-00-4567",
            "123-45-0000", // group, serial
            "078-05-1120",
            "219-09-9999", // voided
            "",
            "12-34-567",
            "123-45-67890",
            "abc", // not nine digits
        ] {
            assert!(!ssn(bad.as_bytes()), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn as_the_written_parts(area in "[0-9]{3}", group in "[0-9]{2}", serial in "[0-9]{4}") {
            let naive = area != "000" && area != "666" && !area.starts_with('9') && group != "00" && serial != "0000"
                && (area.as_str(), group.as_str(), serial.as_str()) != ("078", "05", "1120")
                && (area.as_str(), group.as_str(), serial.as_str()) != ("219", "09", "9999");
            prop_assert_eq!(ssn(alloc::format!("{area}-{group}-{serial}").as_bytes()), naive);
        }
    }
}

//! The simplest questions about a value: which classes of byte it has, and whether a word stands in it.

/// Whether at least one byte is an ASCII digit.
pub fn has_digit(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_digit)
}

/// Whether at least one byte is an ASCII letter.
pub fn has_letter(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_alphabetic)
}

/// How many of the four classes small letter, capital, digit and anything else the bytes of `value` belong to: 0 to 4.
pub fn classes(value: &[u8]) -> u32 {
    let of: [fn(&u8) -> bool; 4] = [
        u8::is_ascii_lowercase,
        u8::is_ascii_uppercase,
        u8::is_ascii_digit,
        |byte| !byte.is_ascii_alphanumeric(),
    ];
    of.iter().map(|of| u32::from(value.iter().any(of))).sum()
}

/// Whether `word` stands anywhere in `haystack`, without regard to ASCII case. The empty word stands nowhere.
///
/// # Cost
/// At most `haystack.len() * word.len()` byte comparisons; both are short here.
pub fn contains_word(haystack: &[u8], word: &[u8]) -> bool {
    if word.is_empty() {
        // `windows(0)` panics, and a stop word that stops everything is never meant.
        return false;
    }
    haystack
        .windows(word.len())
        .any(|window| window.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn which_classes() {
        assert!(has_digit(b"abc1"));
        assert!(
            !has_digit("a\u{0661}".as_bytes()),
            "only ASCII digits count"
        );
        assert!(has_letter(b"123z"));
        assert!(
            !has_letter("12\u{00e9}".as_bytes()),
            "only ASCII letters count"
        );
        assert!(!has_digit(b"") && !has_letter(b""));
        for (value, mixed) in [
            ("", 0),
            ("abc", 1),
            ("aB", 2),
            ("aB3", 3),
            ("aB3!", 4),
            ("aB3\u{e9}", 4),
        ] {
            assert_eq!(classes(value.as_bytes()), mixed, "{value}");
        }
    }

    #[test]
    fn words() {
        assert!(contains_word(b"AKIAIOSFODNN7EXAMPLE", b"example"));
        assert!(contains_word(b"example", b"EXAMPLE"));
        assert!(!contains_word(b"exampl", b"example"));
        assert!(!contains_word(b"anything", b""));
        assert!(!contains_word(b"", b"a"));
    }

    proptest! {
        #[test]
        fn as_lowered_search(haystack in "[aAbB.]{0,12}", word in "[aAbB.]{1,3}") {
            let naive = haystack.to_ascii_lowercase().contains(&word.to_ascii_lowercase());
            prop_assert_eq!(contains_word(haystack.as_bytes(), word.as_bytes()), naive);
        }
    }
}

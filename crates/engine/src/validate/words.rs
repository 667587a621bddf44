//! The simplest questions about a value: which classes of byte it has, and whether a word stands in it.

/// Whether at least one byte is an ASCII digit.
pub fn has_digit(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_digit)
}

/// Whether at least one byte is an ASCII letter.
pub fn has_letter(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_alphabetic)
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
    fn classes() {
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

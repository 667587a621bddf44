//! JSON Web Tokens: whether a dotted string's first part is a JOSE header. Signatures are not checked, nor is the payload.

/// Longest header that is decoded, in base64url characters. Headers with certificate chains (`x5c`) reach a few thousand.
const MAX_HEADER: usize = 16 * 1024;

/// Whether `value` is a compact JWS or JWE: its first part, decoded, is a JSON object with a member `alg`.
///
/// The object is scanned, not parsed: strings end, brackets balance, `alg` is a member's name at the outermost level. At least
/// one dot must follow; the parts after it are not looked at.
///
/// Source: RFC 7519 (JWT), RFC 7515 (JWS) sections 3.1 and 4.1.1, RFC 4648 section 5 (base64url without padding).
pub fn jwt(value: &[u8]) -> bool {
    let Some(dot) = value
        .iter()
        .take(MAX_HEADER + 1)
        .position(|byte| *byte == b'.')
    else {
        return false;
    };
    let mut object = ObjectScan::default();
    decode(value.get(..dot).unwrap_or_default(), |byte| {
        object.push(byte)
    }) && object.has_alg()
}

/// Decodes unpadded base64url and gives each byte to `each`; stops with `false` where either refuses.
fn decode(text: &[u8], mut each: impl FnMut(u8) -> bool) -> bool {
    text.chunks(4).all(|group| {
        let mut bits = 0_u32;
        for character in group {
            let Some(sextet) = sextet(*character) else {
                return false;
            };
            bits = bits << 6 | u32::from(sextet);
        }
        match group.len() {
            4 => bits.to_be_bytes().iter().skip(1).all(|byte| each(*byte)),
            3 => (bits >> 2)
                .to_be_bytes()
                .iter()
                .skip(2)
                .all(|byte| each(*byte)),
            2 => (bits >> 4)
                .to_be_bytes()
                .iter()
                .skip(3)
                .all(|byte| each(*byte)),
            _ => false,
        }
    })
}

/// The six bits that a base64url character stands for.
fn sextet(character: u8) -> Option<u8> {
    match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'a'..=b'z' => Some(character - b'a' + 26),
        b'0'..=b'9' => Some(character - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

/// Reads a JSON object byte by byte and notes whether it has a member `alg`.
#[derive(Default)]
struct ObjectScan {
    /// Open brackets and braces.
    depth: u32,
    /// The outermost object was closed.
    closed: bool,
    /// Inside a string; then `escaped` tells of a backslash before.
    in_string: bool,
    escaped: bool,
    /// How many bytes the string at hand has, as far as it can still be `alg`.
    matched: Option<usize>,
    /// The last token was the string `alg` at the outermost level.
    after_alg: bool,
    found: bool,
}

impl ObjectScan {
    /// Takes the next byte; `false` when this can no longer become a JSON object.
    fn push(&mut self, byte: u8) -> bool {
        const NAME: &[u8; 3] = b"alg";
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => {
                    self.escaped = true;
                    self.matched = None;
                }
                b'"' => {
                    self.in_string = false;
                    self.after_alg = self.depth == 1 && self.matched == Some(NAME.len());
                }
                0..=0x1f => return false,
                _ => {
                    self.matched = self
                        .matched
                        .filter(|at| NAME.get(*at) == Some(&byte))
                        .map(|at| at + 1);
                }
            }
            return true;
        }
        if byte.is_ascii_whitespace() {
            return true;
        }
        if self.closed || (self.depth == 0 && byte != b'{') {
            return false;
        }
        self.found |= self.after_alg && byte == b':';
        self.after_alg = false;
        match byte {
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth -= 1;
                self.closed = self.depth == 0;
            }
            b'"' => {
                self.in_string = true;
                self.matched = Some(0);
            }
            // What numbers, literals and punctuation are made of.
            b',' | b':' | b'+' | b'-' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E' => {}
            _ => return false,
        }
        true
    }

    fn has_alg(&self) -> bool {
        self.closed && self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// Base64url as the RFC explains it: one string of bits, cut into sixes.
    fn encode(bytes: &[u8]) -> String {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bits: Vec<u8> = bytes
            .iter()
            .flat_map(|b| (0..8).rev().map(move |i| b >> i & 1))
            .collect();
        bits.chunks(6)
            .map(|six| (0..6).fold(0, |n, i| n << 1 | six.get(i).copied().unwrap_or(0)))
            .filter_map(|n| ALPHABET.get(usize::from(n)))
            .map(|b| char::from(*b))
            .collect()
    }

    fn with_header(json: &str) -> String {
        alloc::format!("{}.e30.c2ln", encode(json.as_bytes()))
    }

    #[test]
    fn headers() {
        for good in [
            r#"{"alg":"HS256","typ":"JWT"}"#,
            "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}", // RFC 7515, appendix A.1, with its line break
            r#"{"alg":"none"}"#,
            r#"{"jwk":{"kty":"EC","x":"\"}{"},"alg" : "ES256"}"#,
            r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#, // RFC 7516, appendix A.1
        ] {
            assert!(jwt(with_header(good).as_bytes()), "{good}");
        }
        for bad in [
            "",
            "{}",
            r#"{"typ":"JWT"}"#,
            r#"{"jwk":{"alg":"RS256"}}"#, // not at the outermost level
            r#"{"typ":"alg"}"#,           // a value, not a name
            r#"{"alg":"HS256""#,          // not closed
            r#"{"alg":"HS256"} x"#,
            r#"["alg","HS256"]"#,
            r#""alg""#,
            "alg",
        ] {
            assert!(!jwt(with_header(bad).as_bytes()), "{bad}");
        }
    }

    #[test]
    fn forms() {
        let token = with_header(r#"{"alg":"HS256"}"#);
        let (header, _) = token.split_once('.').unwrap_or_default();
        assert!(jwt(alloc::format!("{header}.").as_bytes()));
        assert!(!jwt(header.as_bytes()), "no dot");
        assert!(
            !jwt(alloc::format!("{header}=.e30.x").as_bytes()),
            "padding"
        );
        assert!(
            !jwt(alloc::format!("{header}A.e30.x").as_bytes()),
            "no base64 text has 4n + 1 characters"
        );
        assert!(!jwt(b"...") && !jwt(b".") && !jwt(b"") && !jwt(b"www.example.com"));
    }

    proptest! {
        #[test]
        fn decodes_what_was_encoded(bytes in proptest::collection::vec(any::<u8>(), 0..50)) {
            let mut decoded = Vec::new();
            let whole = decode(encode(&bytes).as_bytes(), |b| { decoded.push(b); true });
            prop_assert!(whole);
            prop_assert_eq!(decoded, bytes);
        }

        #[test]
        fn anything_is_survived(value in proptest::collection::vec(any::<u8>(), 0..80), json in "[{}\\[\\]\":,alg\\\\ ]{0,40}") {
            jwt(&value);
            jwt(with_header(&json).as_bytes());
        }
    }
}

//! Identifiers that look like keys but are not secret: UUIDs and content hashes.

/// Lengths in hexadecimal digits: MD5; SHA-1 and git; SHA-256 and git with SHA-256.
const HASH_LENGTHS: [usize; 3] = [32, 40, 64];

/// Where the hyphens of a UUID stand (RFC 9562, section 4).
const UUID_HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// Whether `value` is neither a UUID (8-4-4-4-12, braces allowed) nor a run of hexadecimal digits as long as an MD5, SHA-1,
/// SHA-256 or git hash.
///
/// Many API keys are 32 or 40 hexadecimal digits: a rule asks for this check only where nothing but the value's form speaks
/// for a secret.
///
/// Source: RFC 9562 (UUID), RFC 1321 (MD5), FIPS 180-4 (SHA).
pub fn not_hash(value: &[u8]) -> bool {
    let inner = value
        .strip_prefix(b"{")
        .and_then(|rest| rest.strip_suffix(b"}"))
        .unwrap_or(value);
    let uuid = inner.len() == 36
        && inner.iter().enumerate().all(|(at, byte)| match byte {
            b'-' => UUID_HYPHENS.contains(&at),
            _ => byte.is_ascii_hexdigit() && !UUID_HYPHENS.contains(&at),
        });
    let digest = HASH_LENGTHS.contains(&value.len()) && value.iter().all(u8::is_ascii_hexdigit);
    !uuid && !digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn published_values() {
        for hash in [
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", // RFC 4122's and RFC 9562's example
            "{F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6}", // as Windows writes it
            "d41d8cd98f00b204e9800998ecf8427e",     // MD5 of nothing, RFC 1321
            "da39a3ee5e6b4b0d3255bfef95601890afd80709", // SHA-1 of nothing
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", // SHA-256 of nothing
        ] {
            assert!(!not_hash(hash.as_bytes()), "{hash}");
        }
        for other in [
            "",
            "d41d8cd98f00b204e9800998ecf8427",  // one digit short
            "d41d8cd98f00b204e9800998ecf8427g", // not hexadecimal
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf", // short
            "f81d4fae7-dec-11d0-a765-00a0c91e6bf6", // a hyphen out of place
            "f81d4fae-7dec-11d0-a765-00a0c91e6bfg",
        ] {
            assert!(not_hash(other.as_bytes()), "{other}");
        }
    }

    proptest! {
        #[test]
        fn every_printed_uuid(bits in any::<u128>()) {
            let hex = alloc::format!("{bits:032x}");
            prop_assert!(!not_hash(hex.as_bytes()));
            let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|r| hex.get(r).unwrap_or_default());
            prop_assert!(!not_hash(parts.join("-").as_bytes()));
        }
    }
}

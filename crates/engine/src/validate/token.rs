//! Checksums inside vendors' tokens. JSON Web Tokens have a file of their own.

/// The digits of base 62 in the order that GitHub uses.
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Characters that hold the checksum.
const CHECK_LENGTH: usize = 6;

/// Whether the last six characters are the CRC-32, in base 62, of what stands between the last `_` and them.
///
/// Without a `_` everything before the last six characters is covered. GitHub's classic tokens (`ghp_`, `gho_`, `ghu_`,
/// `ghs_`, `ghr_`) and npm's (`npm_`) are made so; fine-grained tokens (`github_pat_`) are not known to be.
///
/// Source: GitHub, "Behind GitHub's new authentication token formats" (2021-04-05) and "Announcing npm's new access token
/// format" (2021-09-23).
pub fn crc32_base62(value: &[u8]) -> bool {
    let token = value.rsplit(|byte| *byte == b'_').next().unwrap_or(value);
    let Some((body, written)) = token.split_last_chunk::<CHECK_LENGTH>() else {
        return false;
    };
    if body.is_empty() {
        return false;
    }
    let mut rest = crc32fast::hash(body);
    written.iter().rev().all(|digit| {
        let expected = BASE62.get((rest % 62) as usize);
        rest /= 62;
        expected == Some(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use proptest::prelude::*;

    /// Bit by bit, as the CRC is defined (ISO-HDLC, reflected polynomial 0xEDB88320), and written with division from the top.
    fn naive_checksum(body: &[u8]) -> String {
        let mut crc = !0_u32;
        for byte in body {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 {
                    crc >> 1 ^ 0xEDB8_8320
                } else {
                    crc >> 1
                };
            }
        }
        let number = u64::from(!crc);
        (0..6_u32)
            .rev()
            .filter_map(|place| BASE62.get((number / 62_u64.pow(place) % 62) as usize))
            .map(|byte| char::from(*byte))
            .collect()
    }

    #[test]
    fn published_dummies() {
        // The dummy that GitHub's blog post and the npm dummy that secretlint's issue 200 take apart, in parts.
        let github = ["zQWBuTSOoRi4A9spHcVY5n", "cnsDkxkJ", "0mLq17"].concat();
        let npm = ["qkJaB6MffYVzZXWqmcoF49", "yrUxP3wf", "0LsakP"].concat();
        for body in [&github, &npm] {
            assert!(crc32_base62(body.as_bytes()));
            assert!(crc32_base62(alloc::format!("xyz_{body}").as_bytes()));
            assert!(crc32_base62(alloc::format!("x_y_{body}").as_bytes()));
            assert!(
                !crc32_base62(alloc::format!("xyz{body}").as_bytes()),
                "the prefix is not covered"
            );
        }
        // The token in GitHub's REST documentation has no valid checksum.
        assert!(!crc32_base62(b"16C7e42F292c6912E7710c838347Ae178B4a"));
    }

    #[test]
    fn too_short() {
        for short in ["", "_", "abc", "000000", "x_000000"] {
            assert!(!crc32_base62(short.as_bytes()), "{short}");
        }
    }

    proptest! {
        #[test]
        fn as_computed_bit_by_bit(body in "[0-9A-Za-z]{1,40}", wrong in "[0-9A-Za-z]{6}") {
            let check = naive_checksum(body.as_bytes());
            let token = alloc::format!("{body}{check}");
            prop_assert!(crc32_base62(token.as_bytes()));
            let token = alloc::format!("{body}{wrong}");
            prop_assert_eq!(crc32_base62(token.as_bytes()), wrong == check);
        }
    }
}

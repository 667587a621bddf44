//! Names that people or programs wrote, as opposed to values that a generator made: `AppWindowToken`, `etcd-server-main`,
//! `org.slf4j.slf4j-api`. Placeholders, which are words too, have a file of their own.

/// The pairs of letters that English text and identifiers are mostly made of: three of ten of all pairs, and nine tenths of those
/// that stand in written words.
///
/// Source: the order of P. Norvig, "English Letter Frequency Counts: Mayzner Revisited" (2013), cut where a pair makes up less
/// than about a thousandth of all.
const COMMON: &[u8] = b"th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le ve co me de hi ri ro ic ne \
ea ra ce li ch ll be ma si om ur ca el ta la ns di fo ho pe ec pr no ct us ac ot il tr ly nc et ut ss so rs un lo wa \
ge ie wh ee wi em ad ol rt po we na ul ni ts mo ow pa im mi ai sh ir su id os iv ia am fi ci vi pl ig tu ev ld ry mp \
fe bl ab gh ty op wo sa ay ex ke fr oo av ag if ap gr od bo sp rd do uc bu ei ov by rm ep tt oc fa ef cu rn sc gi da \
yo cr cl du ga qu ue ff ba ey ls va um pp ua up lu go ht ru ug ds lt pi rc rr eg au ck ew br bi pt pu ui rg ib tl ny \
ki ys ob mm ph og ud ip ub ft gn fl aw my nk xt ok";

/// For each first letter the second letters that are common after it, as bits.
const TABLE: [u32; 26] = table();

const fn table() -> [u32; 26] {
    let mut table = [0_u32; 26];
    let mut rest = COMMON;
    while let [first, second, after @ ..] = rest {
        let (row, _) = table.split_at_mut((*first - b'a') as usize + 1);
        if let [.., row] = row {
            *row |= 1 << (*second - b'a');
        }
        rest = match after {
            [b' ', next @ ..] => next,
            other => other,
        };
    }
    table
}

/// Digits that may follow a word and still leave it a word: `v10`, `key2024`.
const NUMBER: usize = 4;
/// Digits that may stand inside a name: `b64decode`, `X509Store`, `Ed25519PrivateKey`.
const INSIDE: usize = 5;
/// Neighbouring letters that a value with a number inside a name has at least, so that what they say is no chance.
const ENOUGH: u32 = 8;

/// Whether `value` may come from a generator rather than from somebody who writes names.
///
/// Refused is what consists of words and numbers only: between bytes that are neither letters nor digits stand letters, digits,
/// or letters with up to four digits after them, and of the pairs of neighbouring letters (a capital after a small letter begins
/// a new word) three fifths or more are common in English. A value without two neighbouring letters passes.
///
/// One number may also stand inside each name, as in expressions of a program (`base64.standard_b64decode`, `OAuth2Credentials`);
/// then the words must have three letters in the mean, which those of a random value have not.
///
/// A random value of sixteen letters is refused about once in a hundred times; with letters and digits mixed, practically never.
pub fn not_words(value: &[u8]) -> bool {
    let (mut pairs, mut common, mut letters, mut words) = (0_u32, 0_u32, 0_u32, 0_u32);
    let mut numbered = false;
    let is_code = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(byte);
    for segment in value.split(|byte| !byte.is_ascii_alphanumeric()) {
        let mut runs = segment.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit());
        let (first, number, last) = (runs.next(), runs.next(), runs.next());
        if runs.next().is_some() {
            return true;
        }
        match (first, number, last) {
            // A word between numbers, and a number before a word, are no name.
            (Some(first), Some(_), _) if first.iter().any(u8::is_ascii_digit) => return true,
            (_, Some(number), None) if number.len() > NUMBER => return true,
            (_, Some(number), Some(_)) if number.len() > INSIDE => return true,
            (_, _, Some(_)) => numbered = true,
            _ => {}
        }
        for word in [first, last].into_iter().flatten() {
            if word.iter().any(u8::is_ascii_digit) {
                continue;
            }
            words += 1;
            letters += word.len() as u32;
            for (first, second) in word.iter().zip(word.iter().skip(1)) {
                if first.is_ascii_lowercase() && second.is_ascii_uppercase() {
                    words += 1;
                    continue;
                }
                pairs += 1;
                let row = TABLE.get(usize::from(first.to_ascii_lowercase().wrapping_sub(b'a')));
                let bit = u32::from(second.to_ascii_lowercase().wrapping_sub(b'a'));
                common += row.map_or(0, |row| row >> (bit & 31) & 1);
            }
        }
    }
    let by_chance =
        numbered && (pairs < ENOUGH || letters < words * 3 || !value.iter().all(is_code));
    pairs == 0 || by_chance || common * 5 < pairs * 3
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names() {
        for name in [
            "AppWindowToken",
            "com.apple.xpc.activity",
            "etcd-server-main",
            "getUserCredentials",
            "NEXUS-GPT4-API-KEY",
            "_disposed_instrument",
            "not_a_real_token",
            "kube-system/default",
            "required",
            "release2024",
            "base64.standard_b64decode",
            "self.s3tables_backend.list_table_buckets",
            "Ed25519PrivateKey.generate",
            "client.OAuth2Credentials.from_json",
            "MSV1_0_PROTOCOL_MESSAGE_TYPE",
        ] {
            assert!(!not_words(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn values() {
        for value in [
            "",
            "1234567890",
            "d41d8cd98f00b204e9800998ecf8427e",
            "c3z4hlluc2ghabdxdmundse8z2rit",
            "HBHSP2KOLM6TUJ4WY8IC6IAWXHUQ",
            "Xk9mQ2vL7pR4wZ8q",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "xqzvkjwhbqpfxcd",
            "bkpzrn6cq4g3028la1s3x5k219jkpid2zr9rms-z",
            "wJ2Nv6Qq7ZS14ModjwFracD9PbkevP",
            "secret4you",
            "sowhatisth1sone?unguessable4",
            "a7pine",
            "Th3rInStAnDeRoN",
            "2024release",
            "abc123456def",
        ] {
            assert!(not_words(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn the_table_is_what_it_says() {
        let written = COMMON.split(|byte| *byte == b' ');
        assert!(
            written
                .clone()
                .all(|pair| pair.len() == 2 && pair.iter().all(u8::is_ascii_lowercase))
        );
        let pairs: u32 = TABLE.iter().map(|row| row.count_ones()).sum();
        assert_eq!(pairs as usize, written.count());
    }

    proptest! {
        #[test]
        fn anything_is_survived(value in proptest::collection::vec(any::<u8>(), 0..100)) {
            not_words(&value);
        }

        #[test]
        fn mixed_values_pass(value in "[a-z][0-9][a-z0-9]{14}", tail in "[0-9][a-z]") {
            let value = alloc::format!("{value}{tail}");
            prop_assert!(not_words(value.as_bytes()));
        }
    }
}

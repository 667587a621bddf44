//! What headers say of a body's bytes, and what becomes of it where the body may change: digests, entity tags, ranges, signatures. Whether a
//! body is scanned at all is decided in `decision`.
//!
//! Headers leave before the body is read. So a digest goes where the body *may* change, and a signature, without which a receiver refuses the
//! message, stays: then nothing of the body may change, and what should is refused. Trailers leave after the body: by then it is known.

use crate::counters::{Counters, Event};
use crate::exchange::Side;
use crate::headers::{Changes, Lengths, alike, listed};
use crate::host::Host;
use crate::map::Pair;

/// Digests of a body: RFC 9530, RFC 3230, RFC 1864, and those of object stores.
const DIGESTS: &[&[u8]] = &[
    b"content-digest",
    b"repr-digest",
    b"digest",
    b"content-md5",
    b"x-goog-hash",
    b"x-ms-content-crc64",
    b"x-ms-blob-content-md5",
];

/// Their lengths.
const DIGEST_LENGTHS: Lengths = Lengths::of(DIGESTS);

/// The same, followed by the name of an algorithm.
const DIGEST_STARTS: &[&[u8]] = &[b"x-amz-checksum-", b"x-checksum-"];

/// Headers that hold a signature of the body, or say that there is one.
pub const SIGNATURES: &[&str] = &[
    "signature-input",
    "signature",
    "x-amz-content-sha256",
    "x-hub-signature",
    "x-hub-signature-256",
    "x-signature",
    "x-signature-256",
    "x-signature-ed25519",
    "x-webhook-signature",
    "webhook-signature",
    "content-signature",
    "x-jws-signature",
    "svix-signature",
    "stripe-signature",
    "x-slack-signature",
    "x-shopify-hmac-sha256",
    "x-twilio-signature",
    "x-line-signature",
    "x-square-hmacsha256-signature",
    "x-dropbox-signature",
    "x-pagerduty-signature",
    "x-hubspot-signature",
    "x-hubspot-signature-v3",
    "x-zm-signature",
    "x-gitea-signature",
    "x-gogs-signature",
    "x-wc-webhook-signature",
    "x-mandrill-signature",
    "x-twitter-webhooks-signature",
    "x-docusign-signature-1",
    "twitch-eventsub-message-signature",
    "paypal-transmission-sig",
    "linear-signature",
    "typeform-signature",
    "intuit-signature",
];

/// Headers of object stores that begin like a digest and say how one is made or asked for.
const NO_DIGESTS: &[&[u8]] = &[
    b"x-amz-checksum-mode",
    b"x-amz-checksum-algorithm",
    b"x-amz-checksum-type",
];

/// What a signature of headers must cover, besides digests, to be broken by a change of the body: what would change with it.
const COVERED: &[&str] = &["content-length", "etag"];

/// Whether a header holds a digest of the body.
#[must_use]
pub fn is_digest(name: &[u8]) -> bool {
    let starts = |start: &&[u8]| {
        name.len() > start.len()
            && name
                .get(..start.len())
                .is_some_and(|head| alike(head, start))
    };
    let is = |list: &[&[u8]]| list.iter().any(|entry| alike(name, entry));
    DIGEST_LENGTHS.have(name) && is(DIGESTS)
        // All of them begin alike.
        || matches!(name.first(), Some(b'x' | b'X'))
            && DIGEST_STARTS.iter().any(starts)
            && !is(NO_DIGESTS)
}

/// Whether the body of a message is signed, as far as its headers say: by one of `signatures`, or in `authorization` (AWS Signature
/// Version 4; the draft of HTTP Signatures). `lengths`: of the names in `signatures`.
#[must_use]
pub fn is_signed(pairs: &[Pair<'_>], signatures: &[String], lengths: Lengths) -> bool {
    let named = |name: &str| {
        let mut found = pairs.iter().filter(|p| alike(p.name, name.as_bytes()));
        found.next().map(|pair| pair.value)
    };
    let lists = |name: &str| signatures.iter().any(|entry| entry == name);
    pairs.iter().any(|Pair { name, value }| {
        if alike(name, b"authorization") {
            let scheme = value.split(|byte| *byte == b' ').next();
            return match scheme.map(<[u8]>::to_ascii_lowercase).as_deref() {
                // The hash of the body is always a part of what is signed, unless a header says otherwise.
                Some(b"aws4-hmac-sha256" | b"aws4-ecdsa-p256-sha256") => {
                    !named("x-amz-content-sha256").is_some_and(is_unsigned) || covers(value)
                }
                Some(b"signature") => covers(value),
                _ => false,
            };
        }
        if value.is_empty() || !lengths.have(name) || !listed(name, signatures) {
            return false;
        }
        if alike(name, b"x-amz-content-sha256") {
            !is_unsigned(value)
        } else if alike(name, b"signature-input") {
            covers(value)
        } else if alike(name, b"signature") && lists("signature-input") {
            // RFC 9421 says in `signature-input` what is covered, the draft before it in a parameter.
            match named("signature-input") {
                Some(_) => false,
                None => !has(value, b"headers=") || covers(value),
            }
        } else {
            true
        }
    })
}

/// AWS: what stands where the hash of the body would.
fn is_unsigned(value: &[u8]) -> bool {
    value == b"UNSIGNED-PAYLOAD" || value == b"STREAMING-UNSIGNED-PAYLOAD-TRAILER"
}

fn covers(value: &[u8]) -> bool {
    value
        .split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'-')
        .any(|word| {
            let is = |name: &&str| word.eq_ignore_ascii_case(name.as_bytes());
            is_digest(word) || COVERED.iter().any(is)
        })
}

fn has(value: &[u8], what: &[u8]) -> bool {
    value.windows(what.len()).any(|window| window == what)
}

/// Makes the headers of a message fit a body that may change. `resize`: so may its length.
pub(crate) fn announce(
    changes: &mut Changes<'_>,
    counters: &Counters,
    host: &impl Host,
    side: Side,
    strip_range: bool,
    resize: bool,
) {
    if resize {
        changes.remove("content-length");
    }
    drop_digests(changes, counters, host);
    if side == Side::Response {
        let weakened = u64::from(changes.weaken_etag());
        counters.event(host, Event::EtagWeakened, weakened);
        if strip_range {
            changes.remove("accept-ranges");
        }
    }
}

/// Takes digests away.
pub(crate) fn drop_digests(changes: &mut Changes<'_>, counters: &Counters, host: &impl Host) {
    let dropped = u64::from(changes.remove_all(is_digest));
    counters.event(host, Event::DigestDropped, dropped);
}

/// Takes signatures away.
pub(crate) fn drop_signatures(
    changes: &mut Changes<'_>,
    counters: &Counters,
    host: &impl Host,
    signatures: &[String],
) {
    let dropped = u64::from(changes.remove_all(|name| listed(name, signatures)));
    counters.event(host, Event::SignedDropped, dropped);
}

/// Takes off a request what asks for a part of a representation.
pub(crate) fn drop_range(changes: &mut Changes<'_>, counters: &Counters, host: &impl Host) {
    let range = changes.remove("range");
    let condition = changes.remove("if-range");
    counters.event(host, Event::RangeStripped, u64::from(range || condition));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests() {
        for name in [
            "Content_Digest",
            "x-amz-checksum-crc32c",
            "X-Checksum-Sha256",
        ] {
            assert!(is_digest(name.as_bytes()), "{name}");
        }
        for name in [
            "x-checksum",
            "x-amz-checksum-",
            "X-Amz-Checksum-Mode",
            "x-amz-checksum-algorithm",
            "x-amz-checksum-type",
            "want-digest",
            "etag",
            "",
        ] {
            assert!(!is_digest(name.as_bytes()), "{name}");
        }
    }

    fn signed(pairs: &[(&str, &str)]) -> bool {
        let pairs: Vec<Pair<'_>> = pairs
            .iter()
            .map(|(name, value)| Pair {
                name: name.as_bytes(),
                value: value.as_bytes(),
            })
            .collect();
        let list: Vec<String> = SIGNATURES.iter().map(|name| (*name).into()).collect();
        let unnamed = is_signed(&pairs, &[], Lengths::default());
        assert!(!unnamed || pairs.iter().any(|p| p.name == b"authorization"));
        is_signed(&pairs, &list, Lengths::of_all(&list))
    }

    #[test]
    fn signatures_that_a_change_would_break() {
        for pairs in [
            &[("x-hub-signature-256", "sha256=00")][..],
            &[("X_Hub_Signature", "sha1=00")],
            &[("stripe-signature", "t=1,v1=00")],
            &[("signature", "00ff")],
            &[(
                "signature",
                "keyId=\"a\",headers=\"date Digest\",signature=\"b\"",
            )],
            &[
                ("signature", "sig1=:b:"),
                (
                    "signature-input",
                    "sig1=(\"@method\" \"content-digest\");created=1",
                ),
            ],
            &[("signature-input", "sig1=(\"etag\")")],
            &[("signature-input", "sig1=(\"x-goog-hash\")")],
            &[("signature-input", "sig1=(\"x-amz-checksum-crc32\")")],
            &[("x-amz-content-sha256", "e3b0")],
            &[("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")],
            &[(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host",
            )],
            &[
                (
                    "authorization",
                    "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=content-md5;host",
                ),
                ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
            ],
            &[("authorization", "Signature keyId=\"a\",headers=\"digest\"")],
        ] {
            assert!(signed(pairs), "{pairs:?}");
        }
        for pairs in [
            &[][..],
            &[("x-hub-signature", "")],
            &[
                ("signature", "sig1=:b:"),
                ("signature-input", "sig1=(\"@method\" \"@path\")"),
            ],
            &[(
                "signature",
                "keyId=\"a\",headers=\"date host\",signature=\"b\"",
            )],
            &[
                (
                    "authorization",
                    "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host",
                ),
                ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
            ],
            &[("signature-input", "sig1=(\"x-amz-checksum-mode\")")],
            &[("authorization", "Bearer digest")],
            &[("authorization", "")],
            &[("x-signature-note", "x")],
        ] {
            assert!(!signed(pairs), "{pairs:?}");
        }
    }
}

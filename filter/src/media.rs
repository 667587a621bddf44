//! What the headers of a message say about its body: content type, content coding, length, upgrade. Which carrier a content type names
//! is said by [`blackbar_carriers::Format`]; no decision about a body lives here.

use blackbar_carriers::{Format, essence};

use crate::coding::{Coding, MOST_CODINGS};
use crate::headers::is_called;
use crate::map::Pair;

/// Whether a content type is in a list of `type/subtype` and `type/*`, all in lower case. A message without one is not.
#[must_use]
pub fn listed(content_type: Option<&[u8]>, list: &[String]) -> bool {
    if list.is_empty() {
        return false;
    }
    let Some(essence) = content_type.map(essence) else {
        return false;
    };
    list.iter().any(|entry| match entry.strip_suffix('*') {
        Some(kind) => essence.starts_with(kind.as_bytes()),
        None => essence == entry.as_bytes(),
    })
}

/// What the filter needs to know from a header map, copied where it must outlive the map.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts<'a> {
    /// `:method`.
    pub method: &'a [u8],
    /// `:path`.
    pub path: Option<&'a [u8]>,
    /// `:status`; 0 where there is none.
    pub status: u32,
    /// The first `content-type`.
    pub content_type: Option<&'a [u8]>,
    /// Whether a `content-encoding` or `transfer-encoding` other than identity (and chunked) is named.
    pub encoded: bool,
    /// The content codings, in the order in which they were applied, if all of them are read here.
    pub codings: Vec<Coding>,
    /// `content-length`, if all that are there agree on one number.
    pub length: Option<u64>,
    /// Whether `upgrade` is there and `connection` agrees.
    pub asks: bool,
    /// The same, and no length of a body is announced.
    pub upgrade: bool,
    /// Whether a body is announced that is not empty, or may be.
    pub announces: bool,
    /// Whether `content-range` is there.
    pub content_range: bool,
    /// Whether trailers are to be expected: the message names some in `trailer`, or it is gRPC.
    pub trailers: bool,
}

/// Where Loki takes pushes; prefixes may stand before.
const LOKI_PUSH: [&[u8]; 2] = [b"/loki/api/v1/push", b"/api/prom/push"];

impl<'a> Facts<'a> {
    /// Reads a header map.
    #[must_use]
    pub fn of(pairs: &[Pair<'a>]) -> Facts<'a> {
        let mut facts = Facts::default();
        // The first length, whether it is a number or not, and whether all others say the same.
        let (mut length, mut agree): (Option<Option<u64>>, bool) = (None, true);
        let mut chunked = false;
        let (mut upgrade, mut connection) = (false, false);
        let mut strange = false;
        for Pair { name, value } in pairs {
            let is = |wanted: &[u8]| is_called(name, wanted);
            // Most names are told apart by their lengths.
            match name.len() {
                5 if is(b":path") => facts.path = Some(value),
                7 if is(b":method") => facts.method = value,
                7 if is(b":status") => {
                    facts.status = decimal(value)
                        .and_then(|n| u32::try_from(n).ok())
                        .unwrap_or(0)
                }
                7 if is(b"trailer") => facts.trailers |= !value.trim_ascii().is_empty(),
                7 if is(b"upgrade") => upgrade |= !value.is_empty(),
                10 if is(b"connection") => connection |= tokens(value).any(|t| t == b"upgrade"),
                12 if is(b"content-type") => {
                    facts.content_type = facts.content_type.or(Some(value));
                }
                13 if is(b"content-range") => facts.content_range = true,
                14 if is(b"content-length") => {
                    let this = decimal(value);
                    agree &= *length.get_or_insert(this) == this;
                    facts.announces |= this != Some(0);
                }
                16 if is(b"content-encoding") => {
                    for token in tokens(value).filter(|t| !t.is_empty() && t != b"identity") {
                        facts.encoded = true;
                        match Coding::of(&token) {
                            Some(coding) => facts.codings.push(coding),
                            None => strange = true,
                        }
                    }
                }
                17 if is(b"transfer-encoding") => {
                    chunked = true;
                    strange |=
                        tokens(value).any(|t| !t.is_empty() && t != b"identity" && t != b"chunked");
                }
                _ => {}
            }
        }
        facts.encoded |= strange;
        if !facts.encoded && facts.is_loki_push() {
            facts.encoded = true;
            facts.codings.push(Coding::Snappy);
        }
        let snappy = facts.codings.contains(&Coding::Snappy);
        if strange || facts.codings.len() > if snappy { 1 } else { MOST_CODINGS } {
            facts.codings.clear();
        }
        facts.length = length.flatten().filter(|_| agree);
        const GRPC: &[u8] = b"application/grpc";
        facts.trailers |= facts.content_type.is_some_and(|value| {
            let start = value.trim_ascii_start().get(..GRPC.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(GRPC))
        });
        // A request that announces a body of its own has one, whatever else it asks for: `upgrade` must not hide it.
        facts.announces |= chunked;
        facts.asks = upgrade && connection;
        facts.upgrade = facts.asks && length.is_none() && !chunked;
        facts
    }

    /// Whether this is a push to Loki in protobuf: it is packed by Snappy, and no header says so.
    /// <https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs>
    fn is_loki_push(&self) -> bool {
        if self.content_type.is_none() {
            return false;
        }
        let path = self.path.unwrap_or_default();
        let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
        let there = LOKI_PUSH.iter().any(|end| path.ends_with(end));
        there && Format::of(self.content_type) == Format::Protobuf
    }

    /// Whether this is a CONNECT request, and what follows a tunnel.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        self.method == b"CONNECT"
    }
}

/// The elements of a comma-separated value, in lower case.
fn tokens(value: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    value
        .split(|byte| *byte == b',')
        .map(|token| token.trim_ascii().to_ascii_lowercase())
}

fn decimal(value: &[u8]) -> Option<u64> {
    let value = value.trim_ascii();
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_types() {
        let list = [String::from("image/*"), String::from("application/zip")];
        assert!(listed(Some(b"image/PNG"), &list));
        assert!(listed(Some(b"application/zip; x=y"), &list));
        assert!(!listed(Some(b"application/zipper"), &list));
        assert!(!listed(Some(b"images/png"), &list));
        assert!(!listed(None, &list));
    }

    fn facts<'a>(pairs: &[(&'a str, &'a str)]) -> Facts<'a> {
        let pairs: Vec<Pair<'a>> = pairs
            .iter()
            .map(|(name, value)| Pair {
                name: name.as_bytes(),
                value: value.as_bytes(),
            })
            .collect();
        Facts::of(&pairs)
    }

    #[test]
    fn lengths_must_agree() {
        assert_eq!(facts(&[("content-length", "12")]).length, Some(12));
        assert_eq!(
            facts(&[("Content-Length", " 12 "), ("content-length", "12")]).length,
            Some(12)
        );
        assert_eq!(
            facts(&[("content-length", "12"), ("content-length", "13")]).length,
            None
        );
        for odd in ["", "+1", "-1", "0x1", "1,1", "99999999999999999999999"] {
            assert_eq!(facts(&[("content-length", odd)]).length, None, "{odd}");
        }
    }

    #[test]
    fn codings() {
        for plain in ["", "identity", "Identity , identity"] {
            assert!(!facts(&[("content-encoding", plain)]).encoded, "{plain}");
        }
        for coded in ["gzip", "identity, br", "x-unknown", "zstd"] {
            assert!(facts(&[("content-encoding", coded)]).encoded, "{coded}");
        }
        assert!(!facts(&[("transfer-encoding", "chunked")]).encoded);
        assert!(facts(&[("transfer-encoding", "gzip, chunked")]).encoded);
    }

    #[test]
    fn codings_that_are_read() {
        let of = |value| facts(&[("content-encoding", value)]).codings;
        assert_eq!(of("gzip, BR"), [Coding::Gzip, Coding::Brotli]);
        assert_eq!(of("snappy"), [Coding::Snappy]);
        for strange in ["gzip, compress", "snappy, gzip", "gzip,gzip,gzip,gzip,gzip"] {
            assert_eq!(of(strange), [], "{strange}");
        }
        let push = |path, kind| facts(&[(":path", path), ("content-type", kind)]).codings;
        let (path, kind) = ("/tenant/loki/api/v1/push?x=1", "application/x-protobuf");
        assert_eq!(push(path, kind), [Coding::Snappy]);
        assert_eq!(push(path, "application/json"), []);
        assert_eq!(push("/v1/logs", kind), []);
    }

    #[test]
    fn trailers_to_be_expected() {
        for pairs in [
            [("Trailer", "x-sum"), ("content-type", "text/plain")],
            [
                ("trailer", ""),
                ("content-type", "Application/gRPC+proto; x"),
            ],
        ] {
            assert!(facts(&pairs).trailers, "{pairs:?}");
        }
        assert!(
            !facts(&[
                ("trailer", " "),
                ("te", "trailers"),
                ("content-type", "application/json")
            ])
            .trailers
        );
    }

    #[test]
    fn upgrades_cannot_hide_a_body() {
        assert!(
            facts(&[
                ("upgrade", "websocket"),
                ("connection", "keep-alive, Upgrade")
            ])
            .upgrade
        );
        assert!(!facts(&[("upgrade", "websocket")]).upgrade);
        assert!(
            !facts(&[
                ("upgrade", "websocket"),
                ("connection", "upgrade"),
                ("content-length", "5")
            ])
            .upgrade
        );
        assert!(
            !facts(&[
                ("upgrade", "websocket"),
                ("connection", "upgrade"),
                ("transfer-encoding", "chunked")
            ])
            .upgrade
        );
        assert!(facts(&[(":method", "CONNECT")]).is_connect());
    }

    #[test]
    fn what_an_upgrade_announces() {
        let of = |name, value| {
            let asks = [("upgrade", "websocket"), ("connection", "upgrade")];
            let got = facts(&[asks[0], asks[1], (name, value)]);
            (got.asks, got.upgrade, got.announces)
        };
        assert_eq!(of("a", "b"), (true, true, false));
        assert_eq!(of("content-length", "0"), (true, false, false));
        assert_eq!(of("content-length", "5"), (true, false, true));
        assert_eq!(of("content-length", "x"), (true, false, true));
        assert_eq!(of("transfer-encoding", "chunked"), (true, false, true));
        assert!(!facts(&[("upgrade", "websocket")]).asks);
    }
}

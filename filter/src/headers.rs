//! Header maps in flight: which headers may be changed, and how a changed map is written back so that duplicates and their order
//! stay. How a value is redacted lives in [`crate::fields`].

use std::collections::{BTreeMap, BTreeSet};

use crate::host::{Host, HostError, MapKind};
use crate::map::Pair;

/// Headers that are neither scanned nor changed: a different value would break the message itself. By length, so that most names are
/// told apart by theirs.
const FIXED: &[&[&[u8]]] = &[
    &[b"te"],
    &[b"date", b"host"],
    &[b"range"],
    &[b"expect"],
    &[b"trailer", b"upgrade"],
    &[b"connection", b"keep-alive"],
    &[b"content-type"],
    &[b"content-range"],
    &[b"content-length", b"http2-settings"],
    &[b"accept-encoding"],
    &[b"content-encoding", b"proxy-connection"],
    &[b"transfer-encoding"],
];

/// Whether a header is left alone whatever it holds. Pseudo-headers are: the path is redacted on its own.
#[must_use]
pub fn is_fixed(name: &[u8]) -> bool {
    const WEBSOCKET: &[u8] = b"sec-websocket-";
    name.first() == Some(&b':')
        || FIXED
            .iter()
            .find(|group| group.first().is_some_and(|first| first.len() == name.len()))
            .is_some_and(|group| group.iter().any(|fixed| name.eq_ignore_ascii_case(fixed)))
        || name
            .get(..WEBSOCKET.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(WEBSOCKET))
}

/// Whether two names are the same for those who read `_` and `-` alike, as many servers do, and letters of either case.
///
/// It is not asked where that would take a header out of sight ([`is_fixed`]).
#[must_use]
pub fn alike(one: &[u8], other: &[u8]) -> bool {
    let fold = |byte: &u8| match byte {
        b'_' => b'-',
        other => other.to_ascii_lowercase(),
    };
    one.len() == other.len() && one.iter().map(fold).eq(other.iter().map(fold))
}

/// Whether a name is in a list.
#[must_use]
pub fn listed(name: &[u8], list: &[String]) -> bool {
    list.iter().any(|entry| alike(name, entry.as_bytes()))
}

/// A header map and what is to become of it.
pub struct Changes<'a> {
    pairs: &'a [Pair<'a>],
    /// New values by index; `None`: it goes.
    values: BTreeMap<usize, Option<Vec<u8>>>,
    /// Names with a change, in lower case.
    changed: BTreeSet<Vec<u8>>,
    /// Their lengths, one bit each: most other names are told apart by theirs.
    lengths: u128,
}

fn length_bit(name: &[u8]) -> u128 {
    1 << (name.len() % 128)
}

impl<'a> Changes<'a> {
    /// No changes yet.
    #[must_use]
    pub fn new(pairs: &'a [Pair<'a>]) -> Changes<'a> {
        Changes {
            pairs,
            values: BTreeMap::new(),
            changed: BTreeSet::new(),
            lengths: 0,
        }
    }

    /// Gives the header at `index` another value, or takes it away.
    pub fn set(&mut self, index: usize, value: Option<Vec<u8>>) {
        if let Some(pair) = self.pairs.get(index) {
            self.values.insert(index, value);
            self.changed.insert(pair.name.to_ascii_lowercase());
            self.lengths |= length_bit(pair.name);
        }
    }

    /// What the header at `index` holds now; `None`: it goes.
    fn value(&self, index: usize) -> Option<&[u8]> {
        match self.values.get(&index) {
            Some(value) => value.as_deref(),
            None => self.pairs.get(index).map(|pair| pair.value),
        }
    }

    /// Takes away all headers of a name. Answers whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        self.remove_all(|other| alike(other, name.as_bytes()))
    }

    /// Takes away all headers whose name is meant. Answers whether there was one.
    pub fn remove_all(&mut self, is_meant: impl Fn(&[u8]) -> bool) -> bool {
        let pairs = self.pairs;
        let mut any = false;
        for (index, pair) in pairs.iter().enumerate() {
            if is_meant(pair.name) {
                self.set(index, None);
                any = true;
            }
        }
        any
    }

    /// Makes a strong entity tag weak (RFC 9110, section 8.8.1): the bytes differ from those that it was made for.
    /// Answers whether there was one.
    pub fn weaken_etag(&mut self) -> bool {
        let pairs = self.pairs;
        let mut any = false;
        for (index, pair) in pairs.iter().enumerate() {
            if pair.name.eq_ignore_ascii_case(b"etag") && pair.value.starts_with(b"\"") {
                // Another rule may have changed it: it goes on from there.
                let Some(value) = self.value(index) else {
                    continue;
                };
                let weak = [b"W/", value].concat();
                self.set(index, Some(weak));
                any = true;
            }
        }
        any
    }

    /// Writes the changes. Only names that change are touched; where one has several values they are all written again, in order.
    ///
    /// The whole map is never written at once: Envoy reads a map of more than 1,024 pairs or 1 MiB as empty.
    ///
    /// # Errors
    /// As the host answers; some changes may then have been made.
    pub fn write(&self, host: &impl Host, kind: MapKind) -> Result<(), HostError> {
        if self.changed.is_empty() {
            return Ok(());
        }
        let mut groups: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
        for (index, pair) in self.pairs.iter().enumerate() {
            if self.lengths & length_bit(pair.name) == 0 {
                continue;
            }
            let name = pair.name.to_ascii_lowercase();
            if self.changed.contains(&name) {
                groups.entry(name).or_default().push(index);
            }
        }
        for indexes in groups.values() {
            let Some(name) = indexes
                .first()
                .and_then(|first| self.pairs.get(*first))
                .map(|pair| pair.name)
            else {
                continue;
            };
            let values = || indexes.iter().filter_map(|index| self.value(*index));
            match (values().next(), values().nth(1)) {
                (None, _) => host.remove_header(kind, name)?,
                (Some(only), None) => host.set_header(kind, name, only)?,
                (Some(_), Some(_)) => {
                    host.remove_header(kind, name)?;
                    for value in values() {
                        host.add_header(kind, name, value)?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_http_itself_needs_is_left_alone() {
        for name in [
            ":path",
            ":method",
            ":status",
            "Content-Length",
            "host",
            "Sec-WebSocket-Key",
            "connection",
            "content-type",
        ] {
            assert!(is_fixed(name.as_bytes()), "{name}");
        }
        for name in [
            "authorization",
            "x-host",
            "sec-fetch-mode",
            "cookie",
            "",
            "referer",
        ] {
            assert!(!is_fixed(name.as_bytes()), "{name}");
        }
        for group in FIXED {
            assert!(
                group
                    .windows(2)
                    .all(|names| names.first().map(|n| n.len()) == names.last().map(|n| n.len()))
            );
            assert!(
                group
                    .iter()
                    .all(|name| is_fixed(&name.to_ascii_uppercase()))
            );
        }
        let list = [String::from("x-api-key")];
        assert!(listed(b"X-Api-Key", &list) && !listed(b"x-api-keys", &list));
        assert!(listed(b"x_api-KEY", &list) && listed(b"x-a", &["x_a".into()]));
        for name in ["content_length", "accept_encoding", "sec_websocket_key"] {
            assert!(!is_fixed(name.as_bytes()), "nothing hides behind {name}");
        }
    }
}

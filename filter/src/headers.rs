//! Header maps in flight: which headers may be changed, and how a changed map is written back so that duplicates and their order
//! stay. How a value is redacted lives in [`crate::fields`].

use core::cmp::Ordering;

use crate::host::{Host, HostError, MapKind};
use crate::map::Pair;

/// Headers that are neither scanned nor changed: a different value would break the message itself. By length, as most names are told
/// apart by theirs.
const fn fixed(length: usize) -> &'static [&'static [u8]] {
    match length {
        2 => &[b"te"],
        4 => &[b"date", b"host"],
        5 => &[b"range"],
        6 => &[b"expect"],
        7 => &[b"trailer", b"upgrade"],
        10 => &[b"connection", b"keep-alive"],
        12 => &[b"content-type"],
        13 => &[b"content-range"],
        14 => &[b"content-length", b"http2-settings"],
        15 => &[b"accept-encoding"],
        16 => &[b"content-encoding", b"proxy-connection"],
        17 => &[b"transfer-encoding"],
        _ => &[],
    }
}

/// The lengths that the names of a list have: most other names are told apart by theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lengths(u64);

impl Lengths {
    const NONE: Lengths = Lengths(0);

    /// Those of a list that is known when this is built.
    pub(crate) const fn of(mut names: &[&[u8]]) -> Lengths {
        let mut lengths = Lengths::NONE;
        while let [name, rest @ ..] = names {
            lengths = lengths.with(name);
            names = rest;
        }
        lengths
    }

    /// Those of another list.
    #[must_use]
    pub fn of_all(names: &[String]) -> Lengths {
        let names = names.iter();
        names.fold(Lengths::NONE, |lengths, name| lengths.with(name.as_bytes()))
    }

    /// And that of `name`.
    const fn with(self, name: &[u8]) -> Lengths {
        Lengths(self.0 | Lengths::bit(name))
    }

    /// Lengths that differ by a multiple of 64 have the same bit.
    const fn bit(name: &[u8]) -> u64 {
        1 << (name.len() % 64)
    }

    /// Whether a name in the list may be as long as `name`. It may also be when none is.
    #[must_use]
    pub const fn have(self, name: &[u8]) -> bool {
        self.0 & Lengths::bit(name) != 0
    }
}

/// Whether a header is left alone whatever it holds. Pseudo-headers are: the path is redacted on its own.
#[must_use]
pub fn is_fixed(name: &[u8]) -> bool {
    const WEBSOCKET: &[u8] = b"sec-websocket-";
    name.first() == Some(&b':')
        || fixed(name.len()).iter().any(|fixed| is_called(name, fixed))
        || matches!(name.first(), Some(b's' | b'S'))
            && name
                .get(..WEBSOCKET.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(WEBSOCKET))
}

/// Whether two slices are equal, a word at a time: what the compiler makes of `==` on wasm32 goes byte by byte.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let word = |bytes: Option<&[u8; 8]>| bytes.copied().map_or(0, u64::from_le_bytes);
    if let (Some(last), Some(other_last)) = (one.last_chunk(), other.last_chunk()) {
        // The last word may share bytes with the one before it.
        let (words, other_words) = (one.as_chunks().0, other.as_chunks().0);
        return word(Some(last)) == word(Some(other_last))
            && words
                .iter()
                .zip(other_words)
                .all(|(one, other)| word(Some(one)) == word(Some(other)));
    }
    one.iter().zip(other).all(|(one, other)| one == other)
}

/// Whether a header is the one of that name, which is in lower case.
pub(crate) fn is_called(header: &[u8], name: &[u8]) -> bool {
    header.len() == name.len() && (same(header, name) || header.eq_ignore_ascii_case(name))
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
    one.len() == other.len()
        && (same(one, other) || one.iter().map(fold).eq(other.iter().map(fold)))
}

/// Whether a name is in a list.
#[must_use]
pub fn listed(name: &[u8], list: &[String]) -> bool {
    list.iter().any(|entry| alike(name, entry.as_bytes()))
}

/// A header map and what is to become of it.
pub struct Changes<'a> {
    pairs: &'a [Pair<'a>],
    /// What becomes of each header, by index; empty while nothing changes.
    fates: Vec<Fate>,
    /// The lengths of names with a change.
    lengths: Lengths,
}

/// What becomes of a header.
enum Fate {
    /// It stays as it came.
    Stays,
    /// It goes.
    Goes,
    /// It gets another value.
    Gets(Vec<u8>),
}

impl<'a> Changes<'a> {
    /// No changes yet.
    #[must_use]
    pub fn new(pairs: &'a [Pair<'a>]) -> Changes<'a> {
        Changes {
            pairs,
            fates: Vec::new(),
            lengths: Lengths::NONE,
        }
    }

    /// Gives the header at `index` another value, or takes it away.
    pub fn set(&mut self, index: usize, value: Option<Vec<u8>>) {
        let Some(pair) = self.pairs.get(index) else {
            return;
        };
        if self.fates.is_empty() {
            self.fates.resize_with(self.pairs.len(), || Fate::Stays);
        }
        if let Some(fate) = self.fates.get_mut(index) {
            *fate = value.map_or(Fate::Goes, Fate::Gets);
            self.lengths = self.lengths.with(pair.name);
        }
    }

    /// What the header at `index` holds now; `None`: it goes.
    fn value(&self, index: usize) -> Option<&[u8]> {
        match self.fates.get(index) {
            Some(Fate::Gets(value)) => Some(value),
            Some(Fate::Goes) => None,
            Some(Fate::Stays) | None => self.pairs.get(index).map(|pair| pair.value),
        }
    }

    /// Whether something becomes of the header at `index`.
    fn is_changed(&self, index: usize) -> bool {
        !matches!(self.fates.get(index), Some(Fate::Stays) | None)
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
        if self.fates.is_empty() {
            return Ok(());
        }
        let name = |index: &usize| self.pairs.get(*index).map_or(&[][..], |pair| pair.name);
        // Headers of one name together, each group in the order in which its headers came.
        let mut order: Vec<usize> = Vec::new();
        for index in (0..self.pairs.len()).filter(|index| self.lengths.have(name(index))) {
            let is_before = |other: &usize| by_name(name(other), name(&index)).is_le();
            order.insert(order.partition_point(is_before), index);
        }
        for indexes in order.chunk_by(|a, b| by_name(name(a), name(b)).is_eq()) {
            if !indexes.iter().any(|index| self.is_changed(*index)) {
                continue;
            }
            let name = indexes.first().map_or(&[][..], name);
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

/// The order of names, whatever the case of their letters.
fn by_name(one: &[u8], other: &[u8]) -> Ordering {
    let [one, other] = [one, other].map(|name| name.iter().map(u8::to_ascii_lowercase));
    one.cmp(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_is_that_of_slices() {
        let text: Vec<u8> = (0..40).collect();
        for from in 0..20 {
            for to in from..40 {
                let one = text.get(from..to).unwrap_or_default();
                assert!(same(one, one) && is_called(one, one) && alike(one, one));
                assert!(!same(one, text.get(from..to + 1).unwrap_or_default()));
                for at in 0..one.len() {
                    let mut other = one.to_vec();
                    if let Some(byte) = other.get_mut(at) {
                        *byte |= 0x80;
                    }
                    assert!(
                        !same(one, &other) && !is_called(one, &other),
                        "{from}..{to} {at}"
                    );
                }
            }
        }
        assert!(is_called(b"Content-TYPE", b"content-type"));
        assert!(!is_called(b"content_type", b"content-type"));
    }

    #[test]
    fn lengths_let_every_name_of_a_list_pass() {
        let names: Vec<String> = (1..200).map(|len| "n".repeat(len)).collect();
        for name in &names {
            let lengths = Lengths::of_all(core::slice::from_ref(name));
            assert!(lengths.have(name.as_bytes()));
            assert_eq!(lengths, Lengths::of(&[name.as_bytes()]));
            assert!(
                !lengths.have(name.split_at(1).1.as_bytes()),
                "{}",
                name.len()
            );
        }
        assert!(!Lengths::NONE.have(b""));
        assert_eq!(Lengths::of_all(&names), Lengths(u64::MAX));
    }

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
        for length in 0..100 {
            for name in fixed(length) {
                assert_eq!(name.len(), length);
                assert!(is_fixed(name) && is_fixed(&name.to_ascii_uppercase()));
            }
        }
        let list = [String::from("x-api-key")];
        assert!(listed(b"X-Api-Key", &list) && !listed(b"x-api-keys", &list));
        assert!(listed(b"x_api-KEY", &list) && listed(b"x-a", &["x_a".into()]));
        for name in ["content_length", "accept_encoding", "sec_websocket_key"] {
            assert!(!is_fixed(name.as_bytes()), "nothing hides behind {name}");
        }
    }
}

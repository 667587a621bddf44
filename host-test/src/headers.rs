//! Header maps as Envoy keeps them, and their serialised form in guest memory.
//!
//! Names are lower case. Order and duplicates are kept. Not modelled: Envoy joins duplicates of its built-in headers
//! (`content-type`, `user-agent`, ...) with a comma when it decodes or adds them.

use core::fmt;

/// Largest serialised map that Envoy reads from a guest; anything larger is read as *no pairs*.
const PAIRS_MAX_BYTES: usize = 1 << 20;
/// Most pairs that Envoy reads from a guest; anything more is read as *no pairs*.
const PAIRS_MAX_COUNT: usize = 1024;

/// An ordered header map with duplicates; names are lower case, values are bytes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Headers {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The pseudo headers of a request over plain HTTP.
    #[must_use]
    pub fn request(method: &str, authority: &str, path: &str) -> Self {
        Self::from([
            (":method", method),
            (":scheme", "http"),
            (":authority", authority),
            (":path", path),
        ])
    }

    /// The number of pairs, duplicates counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there is no pair.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Name and value of each pair, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.pairs
            .iter()
            .map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    /// The first value of that name, as `proxy_get_header_map_value` gives it.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.first_bytes(name.as_bytes())
    }

    /// All values of that name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter(move |(candidate, _)| candidate.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// The first value of that name as text, if it is UTF-8.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        core::str::from_utf8(self.first(name)?).ok()
    }

    /// Adds a pair; pseudo-headers (`:path`) stand before all others, as in Envoy.
    pub fn add(&mut self, name: &[u8], value: &[u8]) {
        let pair = (name.to_ascii_lowercase(), value.to_vec());
        if name.first() == Some(&b':') {
            let end_of_pseudo = self
                .pairs
                .iter()
                .position(|(name, _)| name.first() != Some(&b':'))
                .unwrap_or(self.pairs.len());
            self.pairs.insert(end_of_pseudo, pair);
        } else {
            self.pairs.push(pair);
        }
    }

    /// Replaces all pairs of that name by one, at the end of its kind.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        self.remove(name);
        self.add(name, value);
    }

    /// Removes all pairs of that name.
    pub fn remove(&mut self, name: &[u8]) {
        self.pairs
            .retain(|(candidate, _)| !candidate.eq_ignore_ascii_case(name));
    }

    /// The sum of all names and values, in bytes.
    #[must_use]
    pub fn byte_size(&self) -> usize {
        self.iter()
            .map(|(name, value)| name.len() + value.len())
            .sum()
    }

    /// Whether some name or value has a byte that no header may have (NUL, CR, LF).
    #[must_use]
    pub fn has_forbidden_byte(&self) -> bool {
        let forbidden = |byte: &u8| matches!(byte, 0 | b'\r' | b'\n');
        self.iter()
            .any(|(name, value)| name.iter().any(forbidden) || value.iter().any(forbidden))
    }

    pub(crate) fn first_bytes(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter()
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Appends the ABI's form: count, then all lengths, then all names and values, each followed by NUL.
    pub(crate) fn serialise_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.pairs.len() as u32).to_le_bytes());
        for (name, value) in self.iter() {
            out.extend_from_slice(&(name.len() as u32).to_le_bytes());
            out.extend_from_slice(&(value.len() as u32).to_le_bytes());
        }
        for (name, value) in self.iter() {
            out.extend_from_slice(name);
            out.push(0);
            out.extend_from_slice(value);
            out.push(0);
        }
    }

    /// Reads the ABI's form. `None` is what Envoy takes for an empty map: over a limit, cut short, too long, or a missing NUL.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > PAIRS_MAX_BYTES {
            return None;
        }
        let word = |at: usize| {
            let bytes = bytes.get(at..at.checked_add(4)?)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
        };
        let count = word(0)?;
        if count > PAIRS_MAX_COUNT {
            return None;
        }
        let mut headers = Headers::new();
        let mut at = 4 + count * 8;
        for index in 0..count {
            let mut field = |length: usize| {
                let end = at.checked_add(length)?;
                let value = bytes.get(at..end)?;
                if bytes.get(end) != Some(&0) {
                    return None;
                }
                at = end + 1;
                Some(value)
            };
            let name = field(word(4 + index * 8)?)?;
            let value = field(word(8 + index * 8)?)?;
            headers.add(name, value);
        }
        (at == bytes.len()).then_some(headers)
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut headers = Headers::new();
        for (name, value) in pairs {
            headers.add(name.as_ref(), value.as_ref());
        }
        headers
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> From<&[(N, V)]> for Headers {
    fn from(pairs: &[(N, V)]) -> Self {
        pairs
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_ref()))
            .collect()
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>, const COUNT: usize> From<&[(N, V); COUNT]> for Headers {
    fn from(pairs: &[(N, V); COUNT]) -> Self {
        Headers::from(pairs.as_slice())
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>, const COUNT: usize> From<[(N, V); COUNT]> for Headers {
    fn from(pairs: [(N, V); COUNT]) -> Self {
        Headers::from(pairs.as_slice())
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(
                self.iter().map(|(name, value)| {
                    format!("{}: {}", name.escape_ascii(), value.escape_ascii())
                }),
            )
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serialised(headers: &Headers) -> Vec<u8> {
        let mut out = Vec::new();
        headers.serialise_into(&mut out);
        out
    }

    #[test]
    fn serialised_form_is_the_one_of_the_abi() {
        let headers = Headers::from([("a", "1"), ("bc", "")]);
        assert_eq!(
            serialised(&headers),
            [
                [2u32, 1, 1, 2, 0]
                    .iter()
                    .flat_map(|word| word.to_le_bytes())
                    .collect::<Vec<_>>()
                    .as_slice(),
                b"a\x001\x00bc\x00\x00"
            ]
            .concat()
        );
        assert_eq!(Headers::parse(&serialised(&headers)), Some(headers));
    }

    #[test]
    fn any_flaw_in_the_serialised_form_reads_as_no_map() {
        let good = serialised(&Headers::from([("a", "1"), ("bc", "xyz")]));
        for cut in 0..good.len() {
            assert_eq!(Headers::parse(&good[..cut]), None, "cut at {cut}");
        }
        let mut long = good.clone();
        long.push(0);
        assert_eq!(Headers::parse(&long), None);
        let mut no_nul = good.clone();
        *no_nul.last_mut().unwrap() = b'!';
        assert_eq!(Headers::parse(&no_nul), None);
        let mut huge = good;
        huge[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(Headers::parse(&huge), None);
    }

    #[test]
    fn limits_are_1024_pairs_and_one_mebibyte() {
        let many = |count| (0..count).map(|_| ("n", "v")).collect::<Headers>();
        assert_eq!(
            Headers::parse(&serialised(&many(1024))).map(|h| h.len()),
            Some(1024)
        );
        assert_eq!(Headers::parse(&serialised(&many(1025))), None);
        let wide = |value: usize| Headers::from([("n".to_owned(), "v".repeat(value))].as_slice());
        let overhead = serialised(&wide(0)).len();
        assert!(Headers::parse(&serialised(&wide(PAIRS_MAX_BYTES - overhead))).is_some());
        assert_eq!(
            Headers::parse(&serialised(&wide(PAIRS_MAX_BYTES - overhead + 1))),
            None
        );
    }

    #[test]
    fn first_set_and_order() {
        let mut headers = Headers::from([("X", "1"), ("y", "2"), ("x", "3"), (":path", "/")]);
        assert_eq!(headers.iter().next(), Some((&b":path"[..], &b"/"[..])));
        assert_eq!(headers.first("x"), Some(&b"1"[..]));
        assert_eq!(headers.all("x").count(), 2);
        headers.set(b"X", b"4");
        assert_eq!(headers.all("x").collect::<Vec<_>>(), [b"4"]);
        assert_eq!(headers.len(), 3);
    }
}

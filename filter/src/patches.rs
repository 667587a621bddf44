//! Edits of a stream, kept until the bytes they belong to are written: the engine's own list is emptied after every slice, so that
//! its window stays small while the proxy holds the bytes. Where the bytes are and when they are written lives in [`crate::body`].

use std::collections::TryReserveError;

use blackbar_carriers::Carrier;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Patch {
    /// Stream offsets of what is replaced.
    start: u64,
    end: u64,
    /// Where the replacement stands in `bytes`.
    from: usize,
    to: usize,
}

/// Edits in the order of the stream, disjoint.
#[derive(Debug, Default)]
pub struct Patches {
    items: Vec<Patch>,
    bytes: Vec<u8>,
}

impl Patches {
    /// Copies the stream's edits since its last `clear`.
    ///
    /// # Errors
    /// There is no room; nothing was copied.
    pub fn collect(&mut self, stream: &Carrier) -> Result<(), TryReserveError> {
        let edits = stream.edits();
        let bytes = edits
            .iter()
            .map(|edit| stream.replacement(edit).len())
            .sum();
        self.items.try_reserve(edits.len())?;
        self.bytes.try_reserve(bytes)?;
        for edit in edits {
            self.add(edit.start, edit.end, stream.replacement(edit));
        }
        Ok(())
    }

    fn add(&mut self, start: u64, end: u64, replacement: &[u8]) {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(replacement);
        let to = self.bytes.len();
        match self.items.last_mut() {
            // A region that is masked as it streams comes as many edits; together they are one.
            Some(last) if last.end == start && last.to == from => (last.end, last.to) = (end, to),
            _ => self.items.push(Patch {
                start,
                end,
                from,
                to,
            }),
        }
    }

    /// Whether there is nothing to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Bytes of all replacements.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets all edits; keeps the room.
    pub fn clear(&mut self) {
        self.items.clear();
        self.bytes.clear();
    }

    /// Keeps little room beyond what is in use.
    pub fn rest(&mut self) {
        self.items.shrink_to(16);
        self.bytes.shrink_to(256);
    }

    /// As [`Patches::apply`], but an edit that begins before `base` and reaches into `bytes` writes its replacement at `base`.
    pub fn apply_from(&self, base: u64, bytes: &[u8], out: &mut Vec<u8>) {
        let straddles = self
            .items
            .iter()
            .find(|patch| patch.start < base && patch.end > base);
        if let Some(patch) = straddles {
            out.extend_from_slice(self.bytes.get(patch.from..patch.to).unwrap_or_default());
        }
        self.apply(base, bytes, out);
    }

    /// Appends `bytes`, whose first byte stands at stream offset `base`, with the edits in it.
    ///
    /// An edit that begins before `base` or ends behind `bytes` is applied as far as it reaches: its replacement is written
    /// where it begins, what it covers is left out.
    pub fn apply(&self, base: u64, bytes: &[u8], out: &mut Vec<u8>) {
        let first = self
            .items
            .partition_point(|patch| patch.end <= base && patch.start < base);
        let mut done = 0_usize;
        let within = |offset: u64| {
            usize::try_from(offset.saturating_sub(base))
                .unwrap_or(usize::MAX)
                .min(bytes.len())
        };
        for patch in self.items.get(first..).unwrap_or_default() {
            let (start, end) = (within(patch.start), within(patch.end));
            if patch.start.saturating_sub(base) >= bytes.len() as u64 {
                break;
            }
            if start > done {
                out.extend_from_slice(bytes.get(done..start).unwrap_or_default());
            }
            if patch.start >= base {
                out.extend_from_slice(self.bytes.get(patch.from..patch.to).unwrap_or_default());
            }
            done = done.max(end);
        }
        out.extend_from_slice(bytes.get(done..).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patches(items: &[(u64, u64, &str)]) -> Patches {
        let mut patches = Patches::default();
        for (start, end, text) in items {
            patches.add(*start, *end, text.as_bytes());
        }
        patches
    }

    fn applied(patches: &Patches, base: u64, bytes: &str) -> String {
        let mut out = Vec::new();
        patches.apply(base, bytes.as_bytes(), &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn edits_shrink_grow_and_keep() {
        let p = patches(&[(2, 4, "[tag]"), (5, 8, ""), (9, 10, "*")]);
        assert_eq!(applied(&p, 0, "0123456789ab"), "01[tag]48*ab");
        assert_eq!(applied(&Patches::default(), 7, "abc"), "abc");
    }

    #[test]
    fn edits_are_found_from_any_base_and_cut_at_any_end() {
        let p = patches(&[(2, 4, "[t]"), (6, 9, "*")]);
        assert_eq!(applied(&p, 4, "456789"), "45*9");
        assert_eq!(
            applied(&p, 3, "3456789"),
            "45*9",
            "what an edit covers is left out even where it began before"
        );
        assert_eq!(applied(&p, 0, "0123456"), "01[t]45*");
        assert_eq!(applied(&p, 0, "01"), "01");
        assert_eq!(applied(&p, 10, "ab"), "ab");
    }

    #[test]
    fn any_cut_gives_the_same_bytes() {
        let p = patches(&[(1, 3, "[tag]"), (3, 3, "+"), (5, 9, "**"), (9, 12, "")]);
        let text = "0123456789abcdef";
        let whole = applied(&p, 0, text);
        for cut in 0..=text.len() {
            let (a, b) = text.split_at(cut);
            assert_eq!(
                applied(&p, 0, a) + &applied(&p, cut as u64, b),
                whole,
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn neighbours_join() {
        let p = patches(&[(1, 2, "*"), (2, 3, "*"), (3, 4, "*"), (5, 6, "*")]);
        assert_eq!(p.items.len(), 2);
        assert_eq!(applied(&p, 0, "abcdefg"), "a***e*g");
    }
}

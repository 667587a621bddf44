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

/// What stands for something that is not shown, whatever its length.
pub const HIDDEN: &[u8] = b"***";

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

    /// An edit of its own, for tests of those who apply them.
    #[cfg(test)]
    pub(crate) fn put_for_test(&mut self, start: u64, end: u64, replacement: &[u8]) {
        self.add(start, end, replacement);
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

    /// The edits that change anything in `start..end`.
    fn within(&self, start: u64, end: u64) -> impl Iterator<Item = &Patch> {
        let first = self.items.partition_point(|patch| patch.end <= start);
        let rest = self.items.get(first..).unwrap_or_default().iter();
        rest.take_while(move |patch| patch.start < end)
    }

    /// Whether anything is changed in `start..end`.
    #[must_use]
    pub fn touch(&self, start: u64, end: u64) -> bool {
        self.within(start, end).next().is_some()
    }

    /// Appends `bytes`, whose first byte stands at stream offset `base`, with the edits in it: what stands around them is not changed.
    ///
    /// An edit that reaches beyond `bytes` is made here as far as it reaches: what is a mask stays one, anything else is written whole. With
    /// `mask` every edit is one, of that byte. With `hide` what no edit covers becomes [`HIDDEN`].
    pub fn apply_inside(
        &self,
        base: u64,
        bytes: &[u8],
        mask: Option<u8>,
        hide: bool,
        out: &mut Vec<u8>,
    ) {
        let end = base + bytes.len() as u64;
        let copy = |from: u64, to: u64, out: &mut Vec<u8>| {
            let place = |at: u64| usize::try_from(at - base).unwrap_or(usize::MAX);
            match bytes.get(place(from)..place(to)) {
                Some([]) | None => {}
                Some(_) if hide => out.extend_from_slice(HIDDEN),
                Some(kept) => out.extend_from_slice(kept),
            }
        };
        let mut at = base;
        for patch in self.within(base, end) {
            let (from, to) = (patch.start.max(at), patch.end.min(end));
            copy(at, from, out);
            let inside = patch.start >= base && patch.end <= end;
            let replacement = self.bytes.get(patch.from..patch.to).unwrap_or_default();
            let even = replacement.len() as u64 == patch.end - patch.start;
            let mask = mask.or_else(|| (even && !inside).then_some(b'*'));
            match mask {
                Some(mask) => out.extend((from..to).map(|_| mask)),
                None => out.extend_from_slice(replacement),
            }
            at = to;
        }
        copy(at, end, out);
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
    fn edits_inside_of_a_part_leave_what_is_around_it() {
        let p = patches(&[(2, 4, "[tag]"), (6, 9, "*56")]);
        let inside = |base: u64, bytes: &str, stars: bool, hide: bool| {
            let stars = stars.then_some(b'*');
            let mut out = Vec::new();
            p.apply_inside(base, bytes.as_bytes(), stars, hide, &mut out);
            String::from_utf8_lossy(&out).into_owned()
        };
        assert_eq!(inside(0, "0123456789", false, false), "01[tag]45*569");
        assert_eq!(inside(0, "0123456789", true, false), "01**45***9");
        assert_eq!(inside(0, "012", false, false), "01[tag]");
        assert_eq!(
            inside(3, "3456", false, false),
            "[tag]45*",
            "a mask keeps nothing where it is cut"
        );
        assert_eq!(inside(4, "45", false, true), "***");
        assert_eq!(inside(2, "23", false, true), "[tag]");
        assert_eq!(inside(3, "34", false, true), "[tag]***");
        assert!(p.touch(3, 5) && p.touch(5, 7) && !p.touch(4, 6) && !p.touch(9, 20));
    }

    #[test]
    fn neighbours_join() {
        let p = patches(&[(1, 2, "*"), (2, 3, "*"), (3, 4, "*"), (5, 6, "*")]);
        assert_eq!(p.items.len(), 2);
        assert_eq!(applied(&p, 0, "abcdefg"), "a***e*g");
    }
}

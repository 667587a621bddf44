//! Which windows may match at a candidate: literals through a table by their bytes, shapes through one bit each.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::dictionary::{Dictionary, Known, are_few, ways};
use super::sets::{self, SetIndex, Sets};
use super::{BUCKETS, SHAPE, SHAPES, Strip, WINDOW};
use crate::artifact::windows::{Loaded, Windows};
use crate::boundary::ByteSet;
use crate::transpose;

/// Which windows to look at more closely, and whether their known bytes are there.
pub(crate) struct WindowIndex {
    literals: Dictionary<u16>,
    shapes: Vec<Shapes>,
}

/// The bytes of a set, ascending.
pub(crate) fn members(set: ByteSet) -> impl Iterator<Item = u8> + Clone {
    set.into_iter()
        .zip([0, 64, 128, 192])
        .flat_map(|(word, base)| {
            let mut left = word;
            core::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                left &= left.wrapping_sub(1);
                (bit < 64).then_some(base | bit as u8)
            })
        })
}

/// Whether a window that begins with `sets` is found by its bytes: there are few ways to write them. Others are found by
/// their shape.
#[must_use]
pub fn is_literal(sets: &[ByteSet]) -> bool {
    sets.len() >= WINDOW && are_few(ways(sets.iter().take(WINDOW)))
}

/// Whether every byte that may stand first in `sets` may begin a token: a letter, a digit, or no ASCII.
#[must_use]
pub fn begins_tokens(sets: &[ByteSet]) -> bool {
    sets.first().is_some_and(sets::begins_tokens)
}

/// The windows that are `wanted`, by their bytes.
pub(crate) fn literals(windows: &Windows, wanted: impl Fn(&Loaded) -> bool) -> Dictionary<u16> {
    let wanted = windows.numbered().filter(|(_, loaded)| wanted(loaded));
    let texts = wanted.map(|(window, loaded)| (loaded.known(), window, windows.first(loaded)));
    Dictionary::new(&texts.collect::<Vec<_>>(), windows.sets())
}

impl Loaded {
    /// What is compared before it is verified.
    pub(crate) fn known(&self) -> Known {
        Known {
            back: self.window.back,
            mask: self.window.mask,
            literal: self.window.literal,
        }
    }
}

impl WindowIndex {
    /// Those of `windows` that have a bucket.
    pub(crate) fn new(windows: &Windows) -> WindowIndex {
        let mut shapes: Vec<Shapes> = Vec::new();
        for (i, part) in windows.numbered() {
            if !(SHAPES..BUCKETS).contains(&usize::from(part.bucket)) {
                continue;
            }
            let sets = windows.sets_of(part);
            let fits = shapes.iter_mut().any(|block| block.add(i, sets));
            if !fits {
                let mut block = Shapes::default();
                block.add(i, sets);
                shapes.push(block);
            }
        }
        shapes
            .iter_mut()
            .for_each(|block| block.fill(windows.sets()));
        WindowIndex {
            literals: literals(windows, |part| usize::from(part.bucket) < SHAPES),
            shapes,
        }
    }

    /// Leaves the positions where some window has the bytes that are there, or the first ones of its shape.
    #[inline]
    pub(crate) fn sift(&self, hay: &[u8], from: usize, strip: &mut Strip) {
        self.literals.sift(hay, from, &mut strip.literals);
        strip.shapes.retain(|at| {
            let text = hay.get(from + at..).unwrap_or_default();
            self.shapes.iter().any(|block| block.may_stand(text))
        });
    }

    /// The literals that stand at `at`, as far as their known bytes go; bytes beyond the end match.
    #[inline]
    pub(crate) fn literals(&self, hay: &[u8], at: usize, found: impl FnMut(u16)) {
        self.literals.standing(hay, at, found);
    }

    /// The shapes that stand at `at`; bytes beyond the end match.
    #[inline]
    pub(crate) fn shapes(&self, hay: &[u8], at: usize, mut found: impl FnMut(u16)) {
        let text = hay.get(at..).unwrap_or_default();
        for block in &self.shapes {
            let mut left = block.standing(text, SHAPE);
            while left != 0 {
                let windows = block.windows.get(left.trailing_zeros() as usize);
                windows.into_iter().flatten().for_each(|&w| found(w));
                left &= left - 1;
            }
        }
    }
}

/// What has no literal is known by its shape: digit runs, dotted quads, colon chains, long runs of one alphabet. Up to 64
/// shapes are told apart by one bit each: a position leaves those whose sets hold its byte, and sixteen positions leave
/// little.
struct Shapes {
    /// For each position and byte the shapes whose set holds it, or that have none there.
    tables: Box<[[u64; 256]; SHAPE]>,
    /// Each shape's sets, and the windows that have it.
    sets: Vec<Vec<SetIndex>>,
    windows: Vec<Vec<u16>>,
}

impl Default for Shapes {
    fn default() -> Shapes {
        Shapes {
            tables: Box::new([[0; 256]; SHAPE]),
            sets: Vec::new(),
            windows: Vec::new(),
        }
    }
}

impl Shapes {
    /// Fills the tables, when all windows were taken in.
    fn fill(&mut self, sets: &Sets) {
        for (position, table) in self.tables.iter_mut().enumerate() {
            let at = |shape: &Vec<SetIndex>| {
                let index = shape.get(position).copied();
                sets.set(index.unwrap_or(sets.any()))
            };
            *table = transpose::by_byte(self.sets.iter().map(at));
        }
    }

    /// Takes a window in, unless there is no room for it.
    fn add(&mut self, window: u16, shape: &[SetIndex]) -> bool {
        let shape = shape.get(..shape.len().min(SHAPE)).unwrap_or_default();
        if let Some(at) = self.sets.iter().position(|known| known == shape) {
            if let Some(windows) = self.windows.get_mut(at) {
                windows.push(window);
            }
            return true;
        }
        let bit = self.sets.len();
        if bit == 64 {
            return false;
        }
        self.sets.push(shape.to_vec());
        self.windows.push(Vec::from([window]));
        true
    }

    #[inline(always)]
    fn at(&self, position: usize, byte: u8) -> u64 {
        let table = self.tables.get(position);
        let slot = table.and_then(|table| table.get(usize::from(byte)));
        slot.copied().unwrap_or(0)
    }

    /// Whether the first bytes leave any shape; more of them are looked at only if that costs no branch.
    #[inline(always)]
    fn may_stand(&self, text: &[u8]) -> bool {
        match text.first_chunk::<6>() {
            Some(&[a, b, c, d, e, f]) => {
                let left = self.at(0, a)
                    & self.at(1, b)
                    & self.at(2, c)
                    & self.at(3, d)
                    & self.at(4, e)
                    & self.at(5, f);
                left != 0
            }
            None => self.standing(text, SHAPE) != 0,
        }
    }

    /// The shapes that `text` starts with; bytes beyond its end are taken to fit.
    #[inline]
    fn standing(&self, text: &[u8], most: usize) -> u64 {
        let mut left = match self.sets.len() {
            64.. => !0,
            shapes => (1u64 << shapes) - 1,
        };
        for (position, &byte) in text.iter().take(most).enumerate() {
            left &= self.at(position, byte);
            if left == 0 {
                return 0;
            }
        }
        left
    }
}

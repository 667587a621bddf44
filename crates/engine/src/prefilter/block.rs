//! From bytes to candidate positions, 64 at a time: look-ups in the nibble tables, as masks of one bit for each position.
//! What a register is lives in [`vector`](super::vector); what the tables mean, in [`super`].
//!
//! [`scalar`] computes the same one position after the other. It is the fallback, and the oracle of the vector forms.

#![allow(
    unsafe_code,
    reason = "a kernel runs with the features that were detected when the engine was loaded"
)]
#![allow(
    clippy::indexing_slicing,
    reason = "arrays of a few registers, by constants; `get` takes closures, which lose the features"
)]

use super::vector::Vector;
use super::{
    BUCKETS, ESCAPE_REACH, Edge, GROUPS, Nibbles, Positions, RUN, SHAPES, Strip, WINDOW, Width,
    is_run,
};
use crate::boundary::may_end_escape;

/// Positions in a block: as many as a mask has bits.
pub(super) const BLOCK: usize = 64;

/// Bits in the class of a byte: letters and digits.
const ALNUM: u8 = 0x07;
// With those, from the top down, one bit each: upper case, the other part of words, the other part of runs, and what escapes begin with,
// percent signs and backslashes.

/// The classes of bytes as products of nibble sets, one bit for each product.
const CLASSES: [[u8; 16]; 2] = {
    let (mut low, mut high) = ([0; 16], [0; 16]);
    // Bit, high nibbles, low nibbles from and to.
    let products: [(u8, [usize; 2], usize, usize); 8] = [
        (0, [3, 3], 0, 9),
        (1, [4, 6], 1, 15),
        (2, [5, 7], 0, 10),
        (3, [5, 5], 12, 12),
        (4, [2, 2], 5, 5),
        (5, [2, 2], 13, 13),
        (6, [5, 5], 15, 15),
        (7, [4, 5], 0, 15),
    ];
    let mut i = 0;
    while i < products.len() {
        let (bit, rows, from, to) = products[i];
        high[rows[0]] |= 1 << bit;
        high[rows[1]] |= 1 << bit;
        let mut column = from;
        while column <= to {
            low[column] |= 1 << bit;
            column += 1;
        }
        i += 1;
    }
    [low, high]
};

/// The tables of one group of eight buckets.
#[derive(Debug, Clone, Copy)]
struct Group {
    nibbles: [[[u8; 16]; 2]; WINDOW],
    /// The buckets whose windows stand where a word may start.
    bound: u8,
}

/// What the kernels look bytes up in.
#[derive(Debug, Clone)]
pub(super) struct Tables {
    groups: [Group; GROUPS],
    /// For the scalar form: the buckets of every byte at each position, eight bits for each group.
    scalar: [[u32; 256]; WINDOW],
    bound: u32,
}

impl Tables {
    pub(super) fn new(nibbles: &Nibbles, edges: &[Edge]) -> Tables {
        let mut groups = [Group {
            nibbles: [[[0; 16]; 2]; WINDOW],
            bound: 0,
        }; GROUPS];
        let mut scalar = [[0; 256]; WINDOW];
        let mut bound = 0;
        for (bucket, &edge) in edges.iter().enumerate() {
            bound |= u32::from(edge == Edge::Word) << bucket;
        }
        for (i, group) in groups.iter_mut().enumerate() {
            group.bound = (bound >> (8 * i)) as u8;
            for (table, position) in group.nibbles.iter_mut().zip(nibbles) {
                for (half, buckets) in table.iter_mut().zip(position) {
                    for (slot, &bits) in half.iter_mut().zip(buckets) {
                        *slot = (bits >> (8 * i)) as u8;
                    }
                }
            }
        }
        for (table, [low, high]) in scalar.iter_mut().zip(nibbles) {
            for (byte, slot) in table.iter_mut().enumerate() {
                let buckets =
                    |nibble: &[u32; 16], at: usize| nibble.get(at & 15).copied().unwrap_or(0);
                *slot = buckets(low, byte) & buckets(high, byte >> 4);
            }
        }
        Tables {
            groups,
            scalar,
            bound,
        }
    }

    /// The buckets of a position as the scalar form sees them, without regard to what stands before it.
    pub(super) fn buckets(&self, text: &[u8]) -> u32 {
        let of =
            |(table, &byte): (&[u32; 256], &u8)| table.get(usize::from(byte)).copied().unwrap_or(0);
        self.scalar
            .iter()
            .zip(text)
            .map(of)
            .fold(!0, |buckets, more| buckets & more)
    }

    /// Writes the candidates of `from..to` to `strip`, relative to `from`. Two more bytes follow `to - 1`, and `to - from` is
    /// at most [`STRIP`](super::STRIP).
    pub(super) fn scan(&self, width: Width, hay: &[u8], from: usize, to: usize, strip: &mut Strip) {
        strip.clear(to.saturating_sub(from));
        match width {
            // SAFETY (all of these): a width is only made where its features were detected; see `Width`.
            #[cfg(target_arch = "x86_64")]
            Width::V512 => unsafe { avx512(self, hay, from, to, strip) },
            #[cfg(target_arch = "x86_64")]
            Width::V256 => unsafe { avx2(self, hay, from, to, strip) },
            #[cfg(target_arch = "x86_64")]
            Width::V128 => unsafe { ssse3(self, hay, from, to, strip) },
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Width::V128 => unsafe {
                blocks::<super::vector::wasm::Simd128>(self, hay, from, to, strip);
            },
            #[cfg(target_arch = "aarch64")]
            Width::V128 => unsafe {
                blocks::<super::vector::aarch64::Neon>(self, hay, from, to, strip);
            },
            _ => scalar(self, hay, from, to, strip),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,popcnt")]
unsafe fn avx512(tables: &Tables, hay: &[u8], from: usize, to: usize, strip: &mut Strip) {
    // SAFETY: this function has the features.
    unsafe { blocks::<super::vector::x86::Avx512>(tables, hay, from, to, strip) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
unsafe fn avx2(tables: &Tables, hay: &[u8], from: usize, to: usize, strip: &mut Strip) {
    // SAFETY: this function has the features.
    unsafe { blocks::<super::vector::x86::Avx2>(tables, hay, from, to, strip) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "ssse3,popcnt")]
unsafe fn ssse3(tables: &Tables, hay: &[u8], from: usize, to: usize, strip: &mut Strip) {
    // SAFETY: this function has the features.
    unsafe { blocks::<super::vector::x86::Ssse3>(tables, hay, from, to, strip) }
}

/// What of earlier blocks bears on where words start.
#[derive(Clone, Copy, Default)]
pub(super) struct Before {
    /// The position that it is about.
    at: usize,
    /// The byte before is part of a word.
    word: bool,
    /// Beginnings of escapes among the 64 bytes before, the last of them highest.
    escapes: Escapes,
    /// Bytes of runs among them.
    run: u64,
    /// The byte before is a letter or a digit.
    alnum: bool,
}

/// Where escapes may begin: the bits of backslashes and of percent signs.
#[derive(Clone, Copy, Default)]
struct Escapes {
    slash: u64,
    percent: u64,
}

impl Escapes {
    /// The positions among the 64 that follow `before` at which one of these, or of those of `before`, may have ended: as
    /// [`may_end_escape`] says.
    #[inline(always)]
    fn ends(self, before: Escapes) -> u64 {
        let both = |before: u64, here: u64| u128::from(before) | u128::from(here) << 64;
        let slash = both(before.slash, self.slash);
        let percent = both(before.percent, self.percent);
        ((slash << 2 | slash << 4 | slash << 6 | percent << 3) >> 64) as u64
    }

    #[inline(always)]
    fn is_empty(self) -> bool {
        self.slash | self.percent == 0
    }
}

impl Before {
    fn of(hay: &[u8], at: usize) -> Before {
        let before = hay.get(..at).unwrap_or_default();
        let mask = |reach: usize, is: fn(u8) -> bool| {
            let near = before.iter().rev().take(reach).enumerate();
            near.filter(|&(_, &b)| is(b))
                .fold(0, |mask, (back, _)| mask | 1 << (63 - back))
        };
        Before {
            at,
            word: before.last().is_some_and(|&b| is_word(b)),
            escapes: Escapes {
                slash: mask(ESCAPE_REACH, |b| b == b'\\'),
                percent: mask(ESCAPE_REACH, |b| b == b'%'),
            },
            run: mask(RUN + 1, is_run),
            alnum: before.last().is_some_and(u8::is_ascii_alphanumeric),
        }
    }

    /// The positions of a block where a word may start: the byte before is no part of a word, or may end an escape; and those
    /// of the latter kind. Moves on to the next block.
    #[inline(always)]
    fn starts(&mut self, word: u64, escapes: Escapes) -> (u64, u64) {
        let free = !(word << 1 | u64::from(self.word));
        let after_escape = match escapes.is_empty() && self.escapes.is_empty() {
            true => 0,
            false => escapes.ends(self.escapes),
        };
        self.word = word >> 63 == 1;
        self.escapes = escapes;
        (free | after_escape, after_escape)
    }

    /// The positions of a block where a token may begin: a letter, a digit or part of a character that is not ASCII, after what
    /// is no letter or digit, in upper case, or after an escape. Moves on to the next block.
    #[inline(always)]
    fn tokens(&mut self, alnum: u64, upper: u64, high: u64, after_escape: u64) -> u64 {
        let after = alnum << 1 | u64::from(self.alnum);
        self.alnum = alnum >> 63 == 1;
        (alnum | high) & (!after | upper | after_escape)
    }

    /// The positions of a block at which a run gets long enough. Moves on to the next block.
    #[inline(always)]
    fn runs(&mut self, run: u64) -> u64 {
        // Each bit of `long`: so many bytes up to here are of a run. Shifted in from the left is what came before.
        let both = u128::from(self.run) | u128::from(run) << 64;
        let mut long = both;
        let mut length = 1;
        while length < RUN {
            long &= long << length;
            length *= 2;
        }
        self.run = run;
        ((long & !(long << 1)) >> 64) as u64
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether the byte at `at` begins a token.
fn begins_token(hay: &[u8], at: usize) -> bool {
    let before = hay.get(..at).unwrap_or_default();
    let inside = before.last().is_some_and(u8::is_ascii_alphanumeric);
    let byte = hay.get(at).copied().unwrap_or(0);
    (byte.is_ascii_alphanumeric() || !byte.is_ascii())
        && (!inside || byte.is_ascii_uppercase() || may_end_escape(before))
}

/// One position after the other.
fn scalar(tables: &Tables, hay: &[u8], from: usize, to: usize, strip: &mut Strip) {
    for at in from..to {
        let Some(text) = hay.get(at..at + WINDOW) else {
            return;
        };
        let mut buckets = tables.buckets(text);
        if buckets & tables.bound != 0 {
            let before = hay.get(..at).unwrap_or_default();
            let word = before.last().is_some_and(|&b| is_word(b));
            if word && !may_end_escape(before) {
                buckets &= !tables.bound;
            }
        }
        let here = (at - from) as u16;
        if buckets << (BUCKETS - SHAPES) != 0 {
            strip.literals.push(here);
        }
        if buckets >> SHAPES != 0 {
            strip.shapes.push(here);
        }
        let mut back = hay.get(..=at).unwrap_or_default().iter().rev();
        if back.by_ref().take(RUN).filter(|&&b| is_run(b)).count() == RUN
            && !back.next().is_some_and(|&b| is_run(b))
        {
            strip.runs.push(here);
        }
        if begins_token(hay, at) {
            strip.tokens.push(here);
        }
    }
}

/// The tables of a group in registers.
#[derive(Clone, Copy)]
struct Registers<V> {
    nibbles: [[V; 2]; WINDOW],
}

// Here and below no closure takes a register: a closure is a function of its own, without the features of this one.

/// # Safety
/// As [`blocks`].
#[inline(always)]
unsafe fn pair<V: Vector>([low, high]: &[[u8; 16]; 2]) -> [V; 2] {
    // SAFETY: what the caller upholds.
    unsafe { [V::table(low), V::table(high)] }
}

/// # Safety
/// As [`blocks`].
#[inline(always)]
unsafe fn registers<V: Vector>(group: &Group) -> Registers<V> {
    let [first, second, third] = &group.nibbles;
    // SAFETY: what the caller upholds.
    let nibbles = unsafe { [pair(first), pair(second), pair(third)] };
    Registers { nibbles }
}

/// The buckets of each byte at one position of the window.
///
/// # Safety
/// As [`blocks`].
#[inline(always)]
unsafe fn buckets<V: Vector>([low_table, high_table]: [V; 2], low: V, high: V) -> V {
    // SAFETY: what the caller upholds.
    unsafe { low_table.lookup(low).and(high_table.lookup(high)) }
}

/// # Safety
/// The machine has what `V` needs, and this is inlined into a function that enables it.
#[inline(always)]
unsafe fn blocks<V: Vector>(
    tables: &Tables,
    hay: &[u8],
    from: usize,
    to: usize,
    strip: &mut Strip,
) {
    let to = to.min((hay.len() + 1).saturating_sub(WINDOW));
    // SAFETY: the caller upholds what `V` needs; tables are of 16 bytes.
    let (registers, class) = unsafe {
        let [first, second, third, fourth] = &tables.groups;
        let registers: [Registers<V>; GROUPS] = [
            registers(first),
            registers(second),
            registers(third),
            registers(fourth),
        ];
        (registers, pair(&CLASSES))
    };
    // The strip before this one has left what is needed, unless the haystack is another one.
    let mut before = strip.before;
    if before.at != from || from == 0 {
        before = Before::of(hay, from);
    }
    let mut at = from;
    while at < to {
        let here = at - from;
        let left = to - at;
        match hay.get(at..at + BLOCK + WINDOW - 1) {
            Some(text) if left >= BLOCK => {
                // SAFETY: `text` has the bytes of a block and of the windows that reach over its end.
                let masks = unsafe { block(tables, &registers, class, text.as_ptr(), &mut before) };
                strip.literals.extend(here, masks[0]);
                strip.shapes.extend(here, masks[1]);
                strip.runs.extend(here, masks[2]);
                strip.tokens.extend(here, masks[3]);
            }
            _ => {
                // The last block is moved to where bytes follow it. They make no candidates, being masked out.
                let mut padded = [0u8; BLOCK + WINDOW - 1];
                let text = hay.get(at..).unwrap_or_default();
                padded
                    .iter_mut()
                    .zip(text)
                    .for_each(|(to, &from)| *to = from);
                // SAFETY: `padded` has the bytes of a block and of the windows that reach over its end.
                let masks =
                    unsafe { block(tables, &registers, class, padded.as_ptr(), &mut before) };
                let there = if left >= BLOCK { !0 } else { (1 << left) - 1 };
                strip.literals.extend(here, masks[0] & there);
                strip.shapes.extend(here, masks[1] & there);
                strip.runs.extend(here, masks[2] & there);
                strip.tokens.extend(here, masks[3] & there);
            }
        }
        at += BLOCK;
        before.at = at;
    }
    strip.before = before;
}

/// The candidates among 64 positions: of literals, of shapes, where runs get long enough, and where tokens begin.
///
/// # Safety
/// As [`blocks`], and `BLOCK + WINDOW - 1` bytes can be read from `text` on.
#[inline(always)]
unsafe fn block<V: Vector>(
    tables: &Tables,
    registers: &[Registers<V>; GROUPS],
    class: [V; 2],
    text: *const u8,
    before: &mut Before,
) -> [u64; 4] {
    let (mut alnum, mut high) = (0, 0);
    let (mut upper, mut underscore, mut dash) = (0, 0, 0);
    let mut escapes = Escapes::default();
    // Of literals and of shapes: those where a word may start, and those anywhere.
    let (mut bound, mut free) = ([0u64; 2], [0u64; 2]);
    let mut at = 0;
    while at < BLOCK {
        // SAFETY: `at + V::LEN` is at most BLOCK, so that all three loads lie within what the caller says is there; the
        // rest is what the caller upholds for `V`.
        unsafe {
            let bytes = V::load(text.add(at));
            high |= bytes.top() << at;
            let (low_nibbles, high_nibbles) = (bytes.low(), bytes.high());
            let class = buckets(class, low_nibbles, high_nibbles);
            alnum |= class.and(V::splat(ALNUM)).any() << at;
            upper |= class.top() << at;
            let class = class.double();
            underscore |= class.top() << at;
            let class = class.double();
            dash |= class.top() << at;
            let class = class.double();
            escapes.percent |= class.top() << at;
            escapes.slash |= class.double().top() << at;
            let mut found = [
                buckets(registers[0].nibbles[0], low_nibbles, high_nibbles),
                buckets(registers[1].nibbles[0], low_nibbles, high_nibbles),
                buckets(registers[2].nibbles[0], low_nibbles, high_nibbles),
                buckets(registers[3].nibbles[0], low_nibbles, high_nibbles),
            ];
            let mut offset = 1;
            while offset < WINDOW {
                let bytes = V::load(text.add(at + offset));
                let (low, high) = (bytes.low(), bytes.high());
                let mut group = 0;
                while group < GROUPS {
                    let here = buckets(registers[group].nibbles[offset], low, high);
                    found[group] = found[group].and(here);
                    group += 1;
                }
                offset += 1;
            }
            let mut half = 0;
            while half < 2 {
                let (first, second) = (found[2 * half], found[2 * half + 1]);
                let one = tables.groups[2 * half].bound;
                let other = tables.groups[2 * half + 1].bound;
                let in_words = first.and(V::splat(one)).or(second.and(V::splat(other)));
                let anywhere = first.and(V::splat(!one)).or(second.and(V::splat(!other)));
                bound[half] |= in_words.any() << at;
                free[half] |= anywhere.any() << at;
                half += 1;
            }
        }
        at += V::LEN;
    }
    let word = alnum | underscore;
    let (starts, after_escape) = before.starts(word, escapes);
    [
        bound[0] & starts | free[0],
        bound[1] & starts | free[1],
        before.runs(word | dash),
        before.tokens(alnum, upper, high, after_escape),
    ]
}

impl Positions {
    /// Appends the positions of the bits of `mask`, counted from `base`.
    ///
    /// How many there are is hard to predict, so that it is asked after every four only.
    #[inline(always)]
    fn extend(&mut self, base: usize, mut mask: u64) {
        let count = mask.count_ones() as usize;
        let Some(slots) = self
            .at
            .get_mut(self.len..)
            .and_then(|rest| rest.first_chunk_mut::<BLOCK>())
        else {
            return;
        };
        let mut written = 0;
        for four in slots.as_chunks_mut::<4>().0 {
            for slot in four {
                *slot = (base + mask.trailing_zeros() as usize) as u16;
                mask &= mask.wrapping_sub(1);
            }
            written += 4;
            if written >= count {
                break;
            }
        }
        self.len += count;
    }
}

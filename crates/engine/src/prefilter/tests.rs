//! The vector forms against the scalar one, and that against the definition.

#![allow(clippy::indexing_slicing, reason = "a test that indexes wrongly fails")]

extern crate std;

use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

/// Tables that let something through, from numbers.
fn tables(seed: &[u32]) -> (Nibbles, [Edge; BUCKETS]) {
    let mut nibbles: Nibbles = [[[0; 16]; 2]; WINDOW];
    let mut numbers = seed.iter().cycle();
    for slot in nibbles.iter_mut().flatten().flatten() {
        let two = [numbers.next(), numbers.next()].map(|n| n.copied().unwrap_or(0));
        *slot = two[0] & two[1].rotate_left(7);
    }
    let edges = core::array::from_fn(|i| {
        if seed
            .get(i % seed.len().max(1))
            .is_some_and(|n| n >> (i % 32) & 1 == 1)
        {
            Edge::Word
        } else {
            Edge::None
        }
    });
    (nibbles, edges)
}

type Found = (Vec<u16>, Vec<u16>, Vec<u16>, Vec<u16>);

fn scan(prefilter: &Prefilter, hay: &[u8], from: usize, to: usize) -> Found {
    let mut strip = Strip::default();
    prefilter.scan(hay, from, to, &mut strip);
    (
        strip.literals.as_slice().to_vec(),
        strip.shapes.as_slice().to_vec(),
        strip.runs.as_slice().to_vec(),
        strip.tokens.as_slice().to_vec(),
    )
}

/// Whether what an escape of some length begins with stands that far before.
fn ends_escape(before: &[u8]) -> bool {
    let lengths = [(b'%', 3), (b'\\', 2), (b'\\', 4), (b'\\', 6)];
    lengths
        .iter()
        .any(|&(opener, length)| before.len() >= length && before[before.len() - length] == opener)
}

/// What the tables mean, one bucket after the other.
fn defined(
    nibbles: &Nibbles,
    edges: &[Edge; BUCKETS],
    hay: &[u8],
    from: usize,
    to: usize,
) -> Found {
    let (mut literals, mut shapes, mut runs) = (Vec::new(), Vec::new(), Vec::new());
    let mut tokens = Vec::new();
    for at in from..to {
        let passes = |bucket: usize| {
            let sets = (0..WINDOW).all(|i| {
                let byte = usize::from(hay[at + i]);
                nibbles[i][0][byte & 15] >> bucket & 1 == 1
                    && nibbles[i][1][byte >> 4] >> bucket & 1 == 1
            });
            let before = &hay[..at];
            let word = before
                .last()
                .is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
            let escape = ends_escape(before);
            sets && (edges[bucket] == Edge::None || !word || escape)
        };
        if (0..SHAPES).any(passes) {
            literals.push((at - from) as u16);
        }
        if (SHAPES..BUCKETS).any(passes) {
            shapes.push((at - from) as u16);
        }
        let length = hay[..=at].iter().rev().take_while(|&&b| is_run(b)).count();
        if length == RUN {
            runs.push((at - from) as u16);
        }
        let here = hay[at];
        let inside = at > 0 && hay[at - 1].is_ascii_alphanumeric();
        let letter = here.is_ascii_alphanumeric() || here >= 0x80;
        let escape = ends_escape(&hay[..at]);
        if letter && (!inside || here.is_ascii_uppercase() || escape) {
            tokens.push((at - from) as u16);
        }
    }
    (literals, shapes, runs, tokens)
}

/// Bytes of the kinds that the kernels tell apart.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        4 => prop::sample::select(b"abz019AZ_-./:@ \\%nux\"".to_vec()),
        40 => prop::sample::select(b"abz019AZ_-".to_vec()),
        1 => any::<u8>(),
    ]
}

proptest! {
    #[test]
    fn all_widths_agree(
        seed in prop::collection::vec(any::<u32>(), 1..40),
        hay in prop::collection::vec(byte(), 3..700),
        from in 0usize..200,
        length in 0usize..700,
    ) {
        let (nibbles, edges) = tables(&seed);
        let mut prefilter = Prefilter::new(&nibbles, &edges);
        let last = hay.len() - (WINDOW - 1);
        let from = from.min(last);
        let to = (from + length).min(last);
        let wanted = defined(&nibbles, &edges, &hay, from, to);
        for width in Width::ALL {
            prefilter.set_width(width);
            prop_assert_eq!(&scan(&prefilter, &hay, from, to), &wanted, "{:?}", width);
        }
    }

    /// A strip full of candidates fits into its lists.
    #[test]
    fn full_strips(byte in any::<u8>(), extra in 0usize..130) {
        let nibbles: Nibbles = [[[!0; 16]; 2]; WINDOW];
        let mut prefilter = Prefilter::new(&nibbles, &[Edge::None; BUCKETS]);
        let hay = alloc::vec![byte; extra + STRIP + WINDOW - 1];
        let every: Vec<u16> = (0..STRIP as u16).collect();
        for width in Width::ALL {
            prefilter.set_width(width);
            let (literals, shapes, ..) = scan(&prefilter, &hay, extra, extra + STRIP);
            prop_assert_eq!(&literals, &every);
            prop_assert_eq!(&shapes, &every);
        }
    }
}

#[test]
fn every_offset_of_a_block() {
    // One bucket of each kind: `key` anywhere, `tok` where a word starts.
    let mut nibbles: Nibbles = [[[0; 16]; 2]; WINDOW];
    for (bucket, word) in [(0, b"key"), (SHAPES, b"tok")] {
        for (i, byte) in word.iter().enumerate() {
            nibbles[i][0][usize::from(byte & 15)] |= 1 << bucket;
            nibbles[i][1][usize::from(byte >> 4)] |= 1 << bucket;
        }
    }
    let mut edges = [Edge::None; BUCKETS];
    edges[SHAPES] = Edge::Word;
    let mut prefilter = Prefilter::new(&nibbles, &edges);
    for width in Width::ALL {
        prefilter.set_width(width);
        for at in 0..256 {
            let mut hay = alloc::vec![b'-'; 256 + 8];
            hay[at..at + 3].copy_from_slice(b"key");
            assert_eq!(scan(&prefilter, &hay, 0, 262).0, [at as u16], "{width:?}");
            hay[at..at + 3].copy_from_slice(b"tok");
            assert_eq!(scan(&prefilter, &hay, 0, 262).1, [at as u16], "{width:?}");
            if at > 0 {
                hay[at - 1] = b'x';
                assert!(scan(&prefilter, &hay, 0, 262).1.is_empty(), "{width:?}");
            }
            if at > 1 {
                hay[at - 2..at].copy_from_slice(b"\\n");
                assert_eq!(scan(&prefilter, &hay, 0, 262).1, [at as u16], "{width:?}");
            }
        }
    }
}

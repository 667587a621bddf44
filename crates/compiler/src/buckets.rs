//! Which windows share a bucket. Sets in a bucket become products of nibble sets; the fewer positions a bucket lets through,
//! and the fewer windows must then be compared, the better.
//!
//! Literals have one half of the buckets, shapes the other: what is let through is looked at by different means. Literals that
//! stand where tokens begin have none: they are looked for there.

use blackbar_engine::prefilter::{
    BUCKETS, Edge, LOOK_BACK, Nibbles, SHAPES, TOKEN, WINDOW, begins_tokens,
};

use crate::automaton::{ByteSet, has};
use crate::sample::{Shares, Statistics};
use crate::windows::Print;

/// What the engine needs to know of buckets.
pub(crate) struct Dealt {
    /// The bucket of each print.
    pub(crate) buckets: Vec<u8>,
    pub(crate) nibbles: Nibbles,
    pub(crate) edges: [Edge; BUCKETS],
}

/// The nibble sets of the three positions: low, then high.
type Products = [[u16; 2]; WINDOW];

/// Windows with the same nibbles: they go where one of them goes.
struct Item {
    nibbles: Products,
    edge: Edge,
    share: f64,
}

/// Windows that share a bucket.
#[derive(Clone)]
struct Bucket {
    nibbles: Products,
    edge: Edge,
    /// The share of positions that it lets through.
    share: f64,
}

/// Nothing at all.
const EMPTY: Bucket = Bucket {
    nibbles: [[0; 2]; WINDOW],
    edge: Edge::Word,
    share: 0.0,
};

/// Times that every item is offered to every bucket.
const ROUNDS: usize = 12;

/// Deals the windows into buckets.
pub(crate) fn deal(prints: &[&Print], statistics: &Statistics) -> Dealt {
    let shares = statistics.shares();
    let mut dealt = Dealt {
        buckets: vec![0; prints.len()],
        nibbles: [[[0; 16]; 2]; WINDOW],
        edges: [Edge::None; BUCKETS],
    };
    let (mut literals, mut shapes) = (Vec::new(), Vec::new());
    for (i, print) in prints.iter().enumerate() {
        let token = print.is_literal() && print.edge == Edge::Word && begins_tokens(&print.sets);
        match print.is_literal() {
            _ if print.late => dealt.buckets[i] = LOOK_BACK,
            _ if token => dealt.buckets[i] = TOKEN,
            true => literals.push(i),
            false => shapes.push(i),
        }
    }
    for (first, most, members) in [(0, SHAPES, literals), (SHAPES, BUCKETS - SHAPES, shapes)] {
        let (buckets, bucket_of) = group(prints, &members, most, &shares);
        for (&print, bucket) in members.iter().zip(bucket_of) {
            dealt.buckets[print] = (first + bucket) as u8;
        }
        for (i, bucket) in buckets.iter().enumerate() {
            dealt.edges[first + i] = bucket.edge;
            for (table, nibbles) in dealt.nibbles.iter_mut().zip(&bucket.nibbles) {
                for (half, &members) in table.iter_mut().zip(nibbles) {
                    half.iter_mut()
                        .enumerate()
                        .filter(|(n, _)| members >> n & 1 == 1)
                        .for_each(|(_, bits)| *bits |= 1 << (first + i));
                }
            }
        }
    }
    dealt
}

/// The buckets of one group, and which of them each member is in.
fn group(
    prints: &[&Print],
    members: &[usize],
    most: usize,
    shares: &Shares,
) -> (Vec<Bucket>, Vec<usize>) {
    let mut items: Vec<Item> = Vec::new();
    let mut item_of: Vec<usize> = Vec::new();
    for &member in members {
        let print = prints[member];
        let nibbles = print.sets.map(|set| nibbles_of(&set));
        let same = |item: &Item| item.nibbles == nibbles && item.edge == print.edge;
        let at = items.iter().position(same).unwrap_or_else(|| {
            items.push(Item {
                nibbles,
                edge: print.edge,
                share: shares.of(print.edge, &nibbles),
            });
            items.len() - 1
        });
        item_of.push(at);
    }
    let (buckets, bucket_of) = place(&items, most, shares);
    let bucket_of = item_of.iter().map(|&item| bucket_of[item]).collect();
    (buckets, bucket_of)
}

/// Deals the items, the commonest first, each to where it adds least; then lets each move as long as that helps.
fn place(items: &[Item], most: usize, shares: &Shares) -> (Vec<Bucket>, Vec<usize>) {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by(|&a, &b| items[b].share.total_cmp(&items[a].share));
    let mut buckets = vec![EMPTY; most];
    let mut bucket_of = vec![0; items.len()];
    for &item in &order {
        let (to, joined) = cheapest(&buckets, &items[item], None, shares);
        bucket_of[item] = to;
        buckets[to] = joined;
    }
    for _ in 0..ROUNDS {
        let mut moved = false;
        for &item in &order {
            let from = bucket_of[item];
            let rest = (0..items.len()).filter(|&i| i != item && bucket_of[i] == from);
            let rest = union(rest.map(|i| &items[i]), shares);
            let saved = buckets[from].share - rest.share;
            let (to, joined) = cheapest(&buckets, &items[item], Some(from), shares);
            if joined.share - buckets[to].share + 1e-9 < saved {
                bucket_of[item] = to;
                buckets[from] = rest;
                buckets[to] = joined;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    (buckets, bucket_of)
}

/// The bucket to which an item adds least, and what becomes of it.
fn cheapest(
    buckets: &[Bucket],
    item: &Item,
    except: Option<usize>,
    shares: &Shares,
) -> (usize, Bucket) {
    (0..buckets.len())
        .filter(|&i| Some(i) != except)
        .map(|i| (i, join(&buckets[i], item, shares)))
        .min_by(|(i, a), (j, b)| {
            (a.share - buckets[*i].share).total_cmp(&(b.share - buckets[*j].share))
        })
        .unwrap_or((0, EMPTY))
}

fn join(bucket: &Bucket, item: &Item, shares: &Shares) -> Bucket {
    let mut joined = bucket.clone();
    include(&mut joined, item);
    joined.share = shares.of(joined.edge, &joined.nibbles);
    joined
}

fn include(bucket: &mut Bucket, item: &Item) {
    for (position, more) in bucket.nibbles.iter_mut().zip(&item.nibbles) {
        for (half, more) in position.iter_mut().zip(more) {
            *half |= more;
        }
    }
    if item.edge == Edge::None {
        bucket.edge = Edge::None;
    }
}

fn union<'a>(items: impl Iterator<Item = &'a Item>, shares: &Shares) -> Bucket {
    let mut all = EMPTY;
    for item in items {
        include(&mut all, item);
    }
    all.share = shares.of(all.edge, &all.nibbles);
    all
}

fn nibbles_of(set: &ByteSet) -> [u16; 2] {
    (0..=255u8)
        .filter(|&b| has(set, b))
        .fold([0, 0], |[low, high], b| {
            [low | 1 << (b & 15), high | 1 << (b >> 4)]
        })
}

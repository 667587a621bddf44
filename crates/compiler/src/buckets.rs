//! Which windows share a bucket. Sets in a bucket become products of nibble sets; the fewer positions a bucket lets through,
//! and the fewer windows must then be compared, the better.

use blackbar_engine::prefilter::{BUCKETS, Nibbles, WINDOW};

use crate::automaton::{ByteSet, has};
use crate::fingerprint::Print;
use crate::sample::Statistics;

/// Windows that share a bucket, as nibble sets.
#[derive(Clone)]
struct Group {
    /// Low and high nibbles of each position.
    nibbles: [[u16; 2]; WINDOW],
    windows: usize,
    /// Expected comparisons per byte.
    cost: f64,
}

/// The bucket of each print, and the engine's tables.
pub(crate) fn assign(prints: &[&Print], statistics: &Statistics) -> (Vec<u8>, Nibbles) {
    let shares = statistics.nibbles();
    let mut groups: Vec<Group> = Vec::new();
    let mut group_of: Vec<usize> = Vec::new();
    for print in prints {
        let nibbles = print.sets.map(|set| nibbles_of(&set));
        let at = groups
            .iter()
            .position(|g| g.nibbles == nibbles)
            .unwrap_or_else(|| {
                groups.push(Group {
                    nibbles,
                    windows: 0,
                    cost: 0.0,
                });
                groups.len() - 1
            });
        groups[at].windows += 1;
        groups[at].cost = cost(&groups[at].nibbles, groups[at].windows, &shares);
        group_of.push(at);
    }
    let mut bucket_of: Vec<usize> = (0..groups.len()).collect();
    merge(&mut groups, &mut bucket_of, &shares);

    let mut names: Vec<usize> = bucket_of.clone();
    names.sort_unstable();
    names.dedup();
    let mut tables: Nibbles = [[[0; 16]; 2]; WINDOW];
    for (bucket, &group) in names.iter().enumerate() {
        for (table, nibbles) in tables.iter_mut().zip(&groups[group].nibbles) {
            for (half, &members) in table.iter_mut().zip(nibbles) {
                half.iter_mut()
                    .enumerate()
                    .filter(|(n, _)| members >> n & 1 == 1)
                    .for_each(|(_, b)| *b |= 1 << bucket);
            }
        }
    }
    let bucket = |group: &usize| {
        names
            .iter()
            .position(|&n| n == bucket_of[*group])
            .unwrap_or(0) as u8
    };
    (group_of.iter().map(bucket).collect(), tables)
}

/// Merges the pair that costs least until the buckets suffice. `bucket_of` names for each group the one it went into.
fn merge(groups: &mut [Group], bucket_of: &mut [usize], shares: &[[f64; 16]; 16]) {
    let mut alive: Vec<usize> = (0..groups.len()).collect();
    let price = |groups: &[Group], a: usize, b: usize| {
        let both = join(&groups[a], &groups[b], shares);
        both.cost - groups[a].cost - groups[b].cost
    };
    // The cheapest partner of each living group, among those after it.
    let mut partner: Vec<(f64, usize)> = vec![(f64::INFINITY, 0); groups.len()];
    let find = |groups: &[Group], alive: &[usize], a: usize| {
        let after = alive.iter().copied().filter(|&b| b > a);
        after
            .map(|b| (price(groups, a, b), b))
            .min_by(|x, y| x.0.total_cmp(&y.0))
            .unwrap_or((f64::INFINITY, 0))
    };
    for &a in &alive {
        partner[a] = find(groups, &alive, a);
    }
    while alive.len() > BUCKETS {
        let Some(&a) = alive
            .iter()
            .min_by(|&&x, &&y| partner[x].0.total_cmp(&partner[y].0))
        else {
            return;
        };
        let b = partner[a].1;
        groups[a] = join(&groups[a], &groups[b], shares);
        alive.retain(|&x| x != b);
        bucket_of
            .iter_mut()
            .filter(|x| **x == b)
            .for_each(|x| *x = a);
        for &x in &alive {
            if x == a || partner[x].1 == a || partner[x].1 == b {
                partner[x] = find(groups, &alive, x);
            } else if x < a {
                let new = price(groups, x, a);
                if new < partner[x].0 {
                    partner[x] = (new, a);
                }
            }
        }
    }
}

fn join(a: &Group, b: &Group, shares: &[[f64; 16]; 16]) -> Group {
    let nibbles =
        std::array::from_fn(|i| std::array::from_fn(|h| a.nibbles[i][h] | b.nibbles[i][h]));
    let windows = a.windows + b.windows;
    Group {
        nibbles,
        windows,
        cost: cost(&nibbles, windows, shares),
    }
}

/// Expected comparisons per byte: the share of positions that the nibble sets let through, times the windows.
fn cost(nibbles: &[[u16; 2]; WINDOW], windows: usize, shares: &[[f64; 16]; 16]) -> f64 {
    let share = |[low, high]: &[u16; 2]| -> f64 {
        (0..16)
            .filter(|h| high >> h & 1 == 1)
            .map(|h| {
                (0..16)
                    .filter(|l| low >> l & 1 == 1)
                    .map(|l| shares[h][l])
                    .sum::<f64>()
            })
            .sum()
    };
    nibbles.iter().map(share).product::<f64>() * (1.0 + windows as f64)
}

fn nibbles_of(set: &ByteSet) -> [u16; 2] {
    (0..=255u8)
        .filter(|&b| has(set, b))
        .fold([0, 0], |[low, high], b| {
            [low | 1 << (b & 15), high | 1 << (b >> 4)]
        })
}

//! A number's letters and digits, and the check-digit formulas that many issuers share. No issuer's own rules live here.

/// Most letters and digits of a number that is judged here.
const MOST: usize = 40;

/// The letters and digits of a value, letters in upper case, without what separates them.
#[derive(Clone, Copy)]
pub(crate) struct Plain {
    bytes: [u8; MOST],
    len: usize,
}

impl Plain {
    /// `None` if there are none, or more than any number has.
    pub(crate) fn new(value: &[u8]) -> Option<Plain> {
        let mut plain = Plain {
            bytes: [0; MOST],
            len: 0,
        };
        for byte in value.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
            *plain.bytes.get_mut(plain.len)? = byte.to_ascii_uppercase();
            plain.len += 1;
        }
        (plain.len > 0).then_some(plain)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn text(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The character at a position, 0 beyond the end.
    pub(super) fn char(&self, at: usize) -> u8 {
        self.text().get(at).copied().unwrap_or(0)
    }

    /// The value of the character at a position: `0` is 0, `A` is 10, `Z` is 35. Beyond the end 0.
    pub(super) fn at(&self, at: usize) -> u32 {
        char::from(self.char(at)).to_digit(36).unwrap_or(0)
    }

    pub(super) fn last(&self) -> u32 {
        self.at(self.len.saturating_sub(1))
    }

    /// Whether it is `len` digits.
    pub(super) fn digits(&self, len: usize) -> bool {
        self.len == len && self.text().iter().all(u8::is_ascii_digit)
    }

    /// Whether all of the part are digits and there are any.
    pub(super) fn are_digits(&self, from: usize, to: usize) -> bool {
        let part = self.text().get(from..to).unwrap_or_default();
        !part.is_empty() && part.iter().all(u8::is_ascii_digit)
    }

    pub(super) fn is_letter(&self, at: usize) -> bool {
        self.char(at).is_ascii_uppercase()
    }

    /// A part as a number; letters count as their values. Wraps where it is too long for that to mean anything.
    pub(super) fn number(&self, from: usize, to: usize) -> u64 {
        (from..to.min(self.len)).fold(0_u64, |n, at| {
            n.wrapping_mul(10).wrapping_add(u64::from(self.at(at)))
        })
    }

    /// Two digits.
    pub(super) fn pair(&self, from: usize) -> u32 {
        self.at(from) * 10 + self.at(from + 1)
    }

    /// The part without what stands around it, as a number of its own.
    pub(super) fn part(&self, from: usize, to: usize) -> Plain {
        let mut part = Plain {
            bytes: [0; MOST],
            len: 0,
        };
        for (slot, &byte) in part
            .bytes
            .iter_mut()
            .zip(self.text().get(from..to).unwrap_or_default())
        {
            *slot = byte;
            part.len += 1;
        }
        part
    }

    /// With `other` behind it, if both fit.
    pub(super) fn joined(&self, other: Plain) -> Option<Plain> {
        let mut whole = *self;
        for &byte in other.text() {
            *whole.bytes.get_mut(whole.len)? = byte;
            whole.len += 1;
        }
        Some(whole)
    }

    /// With zeros before it, so that it has `len` characters.
    pub(super) fn padded(&self, len: usize) -> Plain {
        let mut bytes = [b'0'; MOST];
        let shift = len.min(MOST).saturating_sub(self.len);
        for (slot, &byte) in bytes.iter_mut().skip(shift).zip(self.text()) {
            *slot = byte;
        }
        Plain {
            bytes,
            len: self.len + shift,
        }
    }

    /// Whether every character is the same, which many formulas accept and no issuer issues.
    pub(super) fn is_uniform(&self) -> bool {
        self.text().iter().all(|&b| b == self.char(0))
    }

    /// The sum of the first characters' values, each times its weight.
    pub(super) fn sum(&self, weights: &[u32]) -> u32 {
        weights
            .iter()
            .enumerate()
            .map(|(at, weight)| weight * self.at(at))
            .sum()
    }

    /// As [`Plain::sum`], with products of two digits counted as the sum of these.
    pub(super) fn cross_sum(&self, weights: &[u32]) -> u32 {
        let product = |(at, weight): (usize, &u32)| {
            let product = weight * self.at(at);
            product / 10 + product % 10
        };
        weights.iter().enumerate().map(product).sum()
    }

    /// The sum of all but the last character, weighted 2, 3, ... from the right, starting over after `most`.
    pub(super) fn sum_from_right(&self, most: u32) -> u32 {
        let mut weight = 1;
        (0..self.len.saturating_sub(1))
            .rev()
            .map(|at| {
                weight = if weight >= most { 2 } else { weight + 1 };
                weight * self.at(at)
            })
            .sum()
    }

    /// The remainder of the whole as a number in base 10.
    pub(super) fn modulo(&self, modulus: u32) -> u32 {
        (0..self.len).fold(0, |rest, at| (rest * 10 + self.at(at)) % modulus)
    }

    /// The Luhn formula over all characters.
    pub(super) fn luhn(&self) -> bool {
        let sum: u32 = self
            .text()
            .iter()
            .rev()
            .enumerate()
            .map(|(i, _)| {
                let value = self.at(self.len - 1 - i);
                match i % 2 {
                    0 => value,
                    _ if value > 4 => 2 * value - 9,
                    _ => 2 * value,
                }
            })
            .sum();
        self.len > 1 && sum.is_multiple_of(10)
    }
}

/// Whether there is such a day in a leap year.
pub(super) fn is_date(month: u32, day: u32) -> bool {
    let days = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// The pure systems of ISO/IEC 7064: whether the number, its check character last, leaves the remainder 1. `X` stands for 10 in
/// MOD 11-2, `*` is not used here.
///
/// Source: ISO/IEC 7064:2003, section 7.
pub(super) fn iso7064_pure(number: &Plain, modulus: u32, radix: u32) -> bool {
    let last = number.len().saturating_sub(1);
    let rest = (0..number.len()).fold(0, |rest, at| {
        let value = match number.char(at) {
            b'X' if modulus == 11 && at == last => 10,
            _ => number.at(at),
        };
        (rest * radix + value) % modulus
    });
    number.len() > 1 && rest == 1
}

/// The hybrid systems of ISO/IEC 7064 (MOD 11,10 and MOD 37,36): whether the check character is right.
///
/// Source: ISO/IEC 7064:2003, section 8.
pub(super) fn iso7064_hybrid(number: &Plain, modulus: u32) -> bool {
    let last = number.len().saturating_sub(1);
    let check = (0..last).fold(modulus, |check, at| {
        let sum = (check + number.at(at)) % modulus;
        let sum = if sum == 0 { modulus } else { sum };
        sum * 2 % (modulus + 1)
    });
    last > 0 && (check + number.last()) % modulus == 1
}

/// Verhoeff's formula: the dihedral group of order ten.
///
/// Source: J. Verhoeff, "Error detecting decimal codes", Mathematical Centre Tract 29, 1969.
pub(super) fn verhoeff(number: &Plain) -> bool {
    const PRODUCT: [[u8; 10]; 10] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
        [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
        [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
        [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
        [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
        [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
        [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
        [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
        [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ];
    const PERMUTED: [[u8; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    let check = (0..number.len())
        .rev()
        .zip(0..)
        .fold(0_u8, |check, (at, i)| {
            let digit = entry(&PERMUTED, i % 8, number.at(at) as usize);
            entry(&PRODUCT, usize::from(check), usize::from(digit))
        });
    number.len() > 1 && check == 0
}

/// Damm's formula: a quasigroup of order ten.
///
/// Source: H. M. Damm, "Total anti-symmetrische Quasigruppen", Marburg, 2004.
pub(super) fn damm(number: &Plain) -> bool {
    const TABLE: [[u8; 10]; 10] = [
        [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
        [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
        [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
        [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
        [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
        [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
        [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
        [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
        [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
        [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
    ];
    let check = (0..number.len()).fold(0_u8, |check, at| {
        entry(&TABLE, usize::from(check), number.at(at) as usize)
    });
    number.len() > 1 && check == 0
}

/// An entry of a table of digits; 0 where it has none.
fn entry(table: &[[u8; 10]], row: usize, column: usize) -> u8 {
    let row = table.get(row);
    row.and_then(|row| row.get(column)).copied().unwrap_or(0)
}

/// Whether the entry of `table` at `index` is `letter`.
pub(super) fn entry_is(table: &[u8], index: u32, letter: u8) -> bool {
    table.get(index as usize) == Some(&letter)
}

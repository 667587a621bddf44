//! The formulas by themselves, for numbers of a user's own.

use super::formula::{damm, iso7064_hybrid, iso7064_pure, verhoeff};
use super::{Number, plain};

pub(super) const NUMBERS: &[Number] = &[
    // ISO/IEC 7064:2003, all but the systems with two check letters.
    plain("iso7064-mod11-2", |n| {
        let last = n.len().saturating_sub(1);
        n.are_digits(0, last)
            && (n.char(last) == b'X' || n.are_digits(last, last + 1))
            && iso7064_pure(n, 11, 2)
    }),
    plain("iso7064-mod37-2", |n| iso7064_pure(n, 37, 2)),
    plain("iso7064-mod97-10", |n| {
        n.len() > 2 && n.text().iter().all(u8::is_ascii_digit) && n.modulo(97) == 1
    }),
    plain("iso7064-mod11-10", |n| {
        n.text().iter().all(u8::is_ascii_digit) && iso7064_hybrid(n, 10)
    }),
    plain("iso7064-mod37-36", |n| iso7064_hybrid(n, 36)),
    // J. Verhoeff, 1969, and H. M. Damm, 2004: digits with one check digit.
    plain("verhoeff", |n| {
        n.text().iter().all(u8::is_ascii_digit) && verhoeff(n)
    }),
    plain("damm", |n| {
        n.text().iter().all(u8::is_ascii_digit) && damm(n)
    }),
];

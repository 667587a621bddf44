//! National, tax and health numbers of the Americas.

use super::formula::{entry_is, is_date};
use super::{Number, plain};

pub(super) const NUMBERS: &[Number] = &[
    // Argentina: CUIT and CUIL (AFIP, Resolucion General 10/1997): modulus 11.
    plain("ar-cuit", |n| {
        let rest = n.sum(&[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        let kind = matches!(n.pair(0), 20 | 23 | 24 | 27 | 30 | 33 | 34 | 50 | 51 | 55);
        n.digits(11) && kind && entry_is(b"09987654321", rest, n.char(10))
    }),
    // Brazil: CPF (Receita Federal, IN 1548/2015): two check digits by modulus 11.
    plain("br-cpf", |n| {
        let check = |sum: u32| sum * 10 % 11 % 10;
        n.digits(11)
            && !n.is_uniform()
            && check(n.sum(&[10, 9, 8, 7, 6, 5, 4, 3, 2])) == n.at(9)
            && check(n.sum(&[11, 10, 9, 8, 7, 6, 5, 4, 3, 2])) == n.at(10)
    }),
    // Brazil: CNPJ (IN 2229/2024; letters count as their distance from `0` in ASCII).
    plain("br-cnpj", |n| {
        let sum = |weights: &[u32]| -> u32 {
            let value = |at: usize| u32::from(n.char(at).saturating_sub(b'0'));
            weights
                .iter()
                .enumerate()
                .map(|(at, w)| w * value(at))
                .sum()
        };
        let check = |rest: u32| if rest < 2 { 0 } else { 11 - rest };
        n.len() == 14
            && n.are_digits(12, 14)
            && !n.is_uniform()
            && check(sum(&[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) == n.at(12)
            && check(sum(&[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) == n.at(13)
    }),
    // Canada: social insurance number (ESDC): Luhn. No number begins with 8; those with 0 are made up, and printed as examples.
    plain("ca-sin", |n| {
        n.digits(9) && n.at(0) != 8 && !n.is_uniform() && n.luhn()
    }),
    // Canada: personal health number of British Columbia (Ministry of Health): modulus 11, first digit 9.
    plain("ca-bc-phn", |n| {
        let sum = n.part(1, 9).sum(&[2, 4, 8, 5, 10, 9, 7, 3]);
        n.digits(10) && n.at(0) == 9 && (11 - sum % 11) % 11 == n.last()
    }),
    // Chile: RUT (Registro Civil): modulus 11, weights 2 to 7 from the right; K is 10.
    plain("cl-rut", |n| {
        let check = (11 - n.sum_from_right(7) % 11) % 11;
        (8..=9).contains(&n.len())
            && n.are_digits(0, n.len() - 1)
            && n.at(0) + n.at(1) > 0
            && entry_is(b"0123456789K", check, n.char(n.len() - 1))
    }),
    // Colombia: NIT (DIAN, Orden Administrativa 4/1989): modulus 11 with prime weights.
    plain("co-nit", |n| {
        const WEIGHTS: [u32; 15] = [3, 7, 13, 17, 19, 23, 29, 37, 41, 43, 47, 53, 59, 67, 71];
        let places = (0..n.len().saturating_sub(1)).rev();
        let sum: u32 = places.zip(WEIGHTS).map(|(at, w)| w * n.at(at)).sum();
        (8..=11).contains(&n.len())
            && n.are_digits(0, n.len())
            && entry_is(b"01987654321", sum % 11, n.char(n.len() - 1))
    }),
    // Cuba: carne de identidad: the date of birth stands first.
    plain("cu-ni", |n| n.digits(11) && is_date(n.pair(2), n.pair(4))),
    // Dominican Republic: cedula (JCE): Luhn.
    plain("do-cedula", |n| n.digits(11) && !n.is_uniform() && n.luhn()),
    // Ecuador: cedula (Registro Civil): province, a third digit up to 6, modulus 10.
    plain("ec-ci", |n| {
        let sum = n.cross_sum(&[2, 1, 2, 1, 2, 1, 2, 1, 2]) + n.last();
        n.digits(10) && matches!(n.pair(0), 1..=24 | 30) && n.at(2) < 7 && sum.is_multiple_of(10)
    }),
    // Guatemala: NIT (SAT): modulus 11, weights 2, 3, ... from the right; K is 10.
    plain("gt-nit", |n| {
        let check = (11 - n.sum_from_right(40) % 11) % 11;
        (3..=12).contains(&n.len())
            && n.are_digits(0, n.len() - 1)
            && !n.is_uniform()
            && entry_is(b"0123456789K", check, n.char(n.len() - 1))
    }),
    // Mexico: CURP (DOF 18 October 2021): date, sex, state, check digit. N-tilde lies between N and O and counts.
    plain("mx-curp", |n| {
        let value = |at: usize| match n.char(at) {
            b'O'..=b'Z' => n.at(at) + 1,
            _ => n.at(at),
        };
        let sum: u32 = (0..17).map(|at| value(at) * (18 - at as u32)).sum();
        n.len() == 18
            && (0..4).all(|at| n.is_letter(at))
            && n.are_digits(4, 10)
            && is_date(n.pair(6), n.pair(8))
            && matches!(n.char(10), b'H' | b'M' | b'X')
            && (10 - sum % 10) % 10 == n.last()
    }),
    // Mexico: RFC (Codigo Fiscal, SAT): three or four letters, a date, three characters. The last is a check digit that old
    // numbers do not keep to.
    plain("mx-rfc", |n| {
        let letters = if n.len() == 10 {
            4
        } else {
            n.len().saturating_sub(9)
        };
        matches!(n.len(), 10..=13)
            && n.are_digits(letters, letters + 6)
            && is_date(n.pair(letters + 2), n.pair(letters + 4))
    }),
    // Mexico: social security number (IMSS): Luhn.
    plain("mx-nss", |n| n.digits(11) && !n.is_uniform() && n.luhn()),
    // Peru: RUC (SUNAT): modulus 11.
    plain("pe-ruc", |n| {
        let check = 11 - n.sum(&[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        n.digits(11) && matches!(n.pair(0), 10 | 15 | 16 | 17 | 20) && check % 10 == n.last()
    }),
    // El Salvador: NIT (Ministerio de Hacienda): the weights depend on the serial number.
    plain("sv-nit", |n| {
        let check = if n.number(10, 13) <= 100 {
            n.sum(&[14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11 % 10
        } else {
            (11 - n.sum(&[2, 7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11 % 10
        };
        n.digits(14) && matches!(n.at(0), 0 | 1 | 9) && check == n.last()
    }),
    // United States: national provider identifier (45 CFR 162.406): Luhn with 80840 before it, which adds 24.
    plain("us-npi", |n| {
        let sum = 24 + n.cross_sum(&[2, 1, 2, 1, 2, 1, 2, 1, 2]) + n.last();
        n.digits(10) && matches!(n.at(0), 1 | 2) && sum.is_multiple_of(10)
    }),
    // United States: DEA number (21 CFR 1301): two letters, seven digits with a check digit.
    plain("us-dea", |n| {
        let odd = n.at(2) + n.at(4) + n.at(6);
        let even = n.at(3) + n.at(5) + n.at(7);
        n.len() == 9
            && b"ABCDEFGHJKLMNPRSTUX".contains(&n.char(0))
            && (n.is_letter(1) || n.char(1) == b'9')
            && n.are_digits(2, 9)
            && n.number(2, 9) > 0
            && (odd + 2 * even) % 10 == n.last()
    }),
    // United States: ITIN (IRS, Publication 1915): 9, and the groups in use.
    plain("us-itin", |n| {
        n.digits(9) && n.at(0) == 9 && matches!(n.pair(3), 50..=65 | 70..=88 | 90..=92 | 94..=99)
    }),
    // United States: EIN (IRS): prefixes of the campuses.
    plain("us-ein", |n| {
        n.digits(9)
            && matches!(n.pair(0), 1..=6 | 10..=16 | 20..=27 | 30..=48 | 50..=68 | 71..=77 | 80..=88 | 90..=95 | 98 | 99)
    }),
    // Uruguay: cedula de identidad (DNIC): modulus 10.
    plain("uy-ci", |n| {
        let number = n.padded(8);
        let sum = number.sum(&[2, 9, 8, 7, 6, 3, 4]);
        (n.digits(7) || n.digits(8)) && !n.is_uniform() && (10 - sum % 10) % 10 == number.last()
    }),
    // Venezuela: RIF (SENIAT): the letter counts, modulus 11.
    plain("ve-rif", |n| {
        let letter = match n.char(0) {
            b'V' => 4,
            b'E' => 8,
            b'J' | b'C' => 12,
            b'P' => 16,
            b'G' => 20,
            _ => return false,
        };
        let sum = letter + n.part(1, 9).sum(&[3, 2, 7, 6, 5, 4, 3, 2]);
        n.len() == 10 && n.are_digits(1, 10) && entry_is(b"00987654321", sum % 11, n.char(9))
    }),
];

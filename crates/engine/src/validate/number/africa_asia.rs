//! National, tax and health numbers of Africa, Asia and the Pacific.

use super::formula::{entry_is, is_date, iso7064_pure, verhoeff};
use super::{Number, plain};

pub(super) const NUMBERS: &[Number] = &[
    // United Arab Emirates: Emirates id (ICP): 784, the year of birth, Luhn.
    plain("ae-eid", |n| {
        n.digits(15) && n.number(0, 3) == 784 && matches!(n.pair(3), 19 | 20) && n.luhn()
    }),
    // Australia: tax file number (ATO): modulus 11; and Medicare card (Services Australia): modulus 10.
    plain("au-tfn", |n| {
        n.digits(9) && !n.is_uniform() && n.sum(&[1, 4, 3, 7, 5, 8, 6, 9, 10]) % 11 == 0
            || n.digits(8) && !n.is_uniform() && n.sum(&[10, 7, 8, 4, 6, 3, 5, 1]) % 11 == 0
    }),
    plain("au-medicare", |n| {
        (n.digits(10) || n.digits(11))
            && (2..=6).contains(&n.at(0))
            && n.sum(&[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == n.at(8)
    }),
    // China: resident identity card (GB 11643-1999): ISO 7064 MOD 11-2 and a date.
    plain("cn-ric", |n| {
        n.len() == 18
            && n.are_digits(0, 17)
            && n.at(0) > 0
            && matches!(n.pair(6), 18..=20)
            && is_date(n.pair(10), n.pair(12))
            && (n.char(17) == b'X' || n.are_digits(17, 18))
            && iso7064_pure(n, 11, 2)
    }),
    // Egypt: national id (Civil Registry): century, date of birth, governorate.
    plain("eg-id", |n| {
        n.digits(14)
            && matches!(n.at(0), 2 | 3)
            && is_date(n.pair(3), n.pair(5))
            && matches!(n.pair(7), 1..=4 | 11..=19 | 21..=29 | 31..=35 | 88)
    }),
    // Hong Kong: identity card (Immigration Department): letters count from 10, a missing one as 36, modulus 11.
    plain("hk-hkid", |n| {
        let letters = n.len().saturating_sub(7);
        let first = if letters == 2 { n.at(0) } else { 36 };
        let digits = n.part(letters, letters + 6).sum(&[7, 6, 5, 4, 3, 2]);
        let sum = first * 9 + n.at(letters.saturating_sub(1)) * 8 + digits;
        (1..=2).contains(&letters)
            && (0..letters).all(|at| n.is_letter(at))
            && n.are_digits(letters, letters + 6)
            && entry_is(b"0123456789A", (11 - sum % 11) % 11, n.char(n.len() - 1))
    }),
    // Indonesia: NPWP (Directorate General of Taxes): Luhn over the first nine; and NIK: a date, women with 40 added to the day.
    plain("id-npwp", |n| {
        let number = if n.len() == 16 { n.part(1, 16) } else { *n };
        (n.digits(15) || n.digits(16) && n.at(0) == 0)
            && number.number(0, 9) > 0
            && number.part(0, 9).luhn()
    }),
    plain("id-nik", |n| {
        n.digits(16)
            && n.pair(0) > 10
            && n.pair(6) <= 71
            && is_date(n.pair(8), n.pair(6) % 40)
            && n.number(12, 16) > 0
    }),
    // Israel: teudat zehut (Population Authority): Luhn over nine digits.
    plain("il-id", |n| {
        (n.digits(8) || n.digits(9)) && !n.is_uniform() && n.padded(9).luhn()
    }),
    // India: Aadhaar and virtual id (UIDAI): Verhoeff.
    plain("in-aadhaar", |n| {
        let text = n.text();
        n.digits(12) && n.at(0) > 1 && !text.iter().eq(text.iter().rev()) && verhoeff(n)
    }),
    plain("in-vid", |n| n.digits(16) && n.at(0) > 1 && verhoeff(n)),
    // Iran: shenase-ye melli (Civil Registration): modulus 11.
    plain("ir-melli", |n| {
        let rest = n.sum(&[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        n.digits(10) && !n.is_uniform() && (if rest < 2 { rest } else { 11 - rest }) == n.last()
    }),
    // Japan: My Number (Ministry of Internal Affairs, order 85 of 2014): modulus 11.
    plain("jp-my-number", |n| {
        let rest = n.sum(&[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        n.digits(12) && !n.is_uniform() && (if rest < 2 { 0 } else { 11 - rest }) == n.last()
    }),
    // Korea: resident and foreigner registration number (Ministry of the Interior). Since October 2020 without a check digit: the
    // date counts.
    plain("kr-rrn", |n| n.digits(13) && is_date(n.pair(2), n.pair(4))),
    // Kazakhstan: IIN (law of 12 January 2007): modulus 11 in two rounds.
    plain("kz-iin", |n| {
        let first = n.sum(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) % 11;
        let second = n.sum(&[3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2]) % 11;
        n.digits(12)
            && is_date(n.pair(2), n.pair(4))
            && (1..=6).contains(&n.at(6))
            && (if first == 10 { second } else { first }) == n.last()
    }),
    // Sri Lanka: NIC (Department for Registration of Persons): day of the year, women with 500 added.
    plain("lk-nic", |n| {
        let day = |at: usize| (1..=366).contains(&(n.number(at, at + 3) % 500));
        n.len() == 10 && n.are_digits(0, 9) && matches!(n.char(9), b'V' | b'X') && day(2)
            || n.digits(12) && matches!(n.pair(0), 19 | 20) && day(4)
    }),
    // Mauritius: national id: a letter, date, six digits, a check character by modulus 17.
    plain("mu-nid", |n| {
        let sum: u32 = (0..13).map(|at| n.at(at) * (14 - at as u32)).sum();
        n.len() == 14
            && n.is_letter(0)
            && n.are_digits(1, 13)
            && is_date(n.pair(3), n.pair(1))
            && (17 - sum % 17) % 17 == n.last()
    }),
    // Malaysia: NRIC (JPN): date and place of birth.
    plain("my-nric", |n| {
        n.digits(12)
            && is_date(n.pair(2), n.pair(4))
            && !matches!(n.pair(6), 0 | 17..=20 | 69 | 70 | 73 | 80 | 81 | 94..=97)
    }),
    // New Zealand: IRD number (Inland Revenue): modulus 11, a second round where the first leaves 10.
    plain("nz-ird", |n| {
        let number = n.padded(9);
        let first = (11 - number.sum(&[3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        let second = (11 - number.sum(&[7, 4, 3, 2, 5, 2, 7, 6]) % 11) % 11;
        (n.digits(8) || n.digits(9))
            && (10_000_000..150_000_000).contains(&number.number(0, 9))
            && (if first == 10 { second } else { first }) == number.last()
    }),
    // Pakistan: CNIC (NADRA): province, then sex at the end.
    plain("pk-cnic", |n| {
        n.digits(13) && (1..=7).contains(&n.at(0)) && n.last() > 0
    }),
    // Saudi Arabia: national id and iqama (Ministry of Interior): Luhn.
    plain("sa-id", |n| {
        n.digits(10) && matches!(n.at(0), 1 | 2) && n.luhn()
    }),
    // Singapore: NRIC and FIN (ICA): modulus 11; the letters of the check differ by series.
    plain("sg-nric", |n| {
        let (offset, letters) = match n.char(0) {
            b'S' => (0, b"JZIHGFEDCBA"),
            b'T' => (4, b"JZIHGFEDCBA"),
            b'F' => (0, b"XWUTRQPNMLK"),
            b'G' => (4, b"XWUTRQPNMLK"),
            b'M' => (3, b"XWUTRQPNJLK"),
            _ => return false,
        };
        let sum = offset + n.part(1, 8).sum(&[2, 7, 6, 5, 4, 3, 2]);
        n.len() == 9 && n.are_digits(1, 8) && entry_is(letters, sum % 11, n.char(8))
    }),
    // Thailand: citizen and tax id (Department of Provincial Administration): modulus 11.
    plain("th-id", |n| {
        let sum = n.sum(&[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
        n.digits(13) && !n.is_uniform() && (11 - sum % 11) % 10 == n.last()
    }),
    // Taiwan: national id and resident certificate (Ministry of the Interior): the letter counts as two digits.
    plain("tw-id", |n| {
        const LETTERS: [u32; 26] = [
            10, 11, 12, 13, 14, 15, 16, 17, 34, 18, 19, 20, 21, 22, 35, 23, 24, 25, 26, 27, 28, 29,
            32, 30, 31, 33,
        ];
        let letter = LETTERS.get(n.at(0).saturating_sub(10) as usize);
        let letter = letter.copied().unwrap_or(0);
        let sum = letter / 10 + letter % 10 * 9 + n.part(1, 10).sum(&[8, 7, 6, 5, 4, 3, 2, 1, 1]);
        n.len() == 10
            && n.is_letter(0)
            && n.are_digits(1, 10)
            && matches!(n.at(1), 1 | 2 | 8 | 9)
            && sum.is_multiple_of(10)
    }),
    // South Africa: identity number (Department of Home Affairs): date and Luhn; and the tax reference number (SARS): Luhn.
    plain("za-id", |n| {
        n.digits(13) && is_date(n.pair(2), n.pair(4)) && n.at(10) < 3 && n.luhn()
    }),
    plain("za-tin", |n| {
        n.digits(10) && matches!(n.at(0), 0..=3 | 9) && !n.is_uniform() && n.luhn()
    }),
];

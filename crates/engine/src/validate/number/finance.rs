//! Account, routing and card numbers other than IBANs, and device numbers with a check digit.

use super::{Number, Plain, bytes, plain};

pub(super) const NUMBERS: &[Number] = &[
    // ISO 9362: four letters for the party, an ISO 3166 country, two characters for the place, three for the branch.
    plain("bic", |n| {
        let country = [n.char(4), n.char(5)];
        (n.len() == 8 || n.len() == 11)
            && (0..4).all(|at| n.is_letter(at))
            && COUNTRIES.binary_search(&&country).is_ok()
    }),
    // American Bankers Association: routing transit number: Federal Reserve districts, weights 3, 7, 1.
    plain("us-aba", |n| {
        n.digits(9)
            && matches!(n.pair(0), 0..=12 | 21..=32 | 61..=72 | 80)
            && n.number(0, 9) > 0
            && n.sum(&[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
    }),
    // SIX, "Swiss implementation guidelines": reference of a payment slip, modulus 10 recursive.
    plain("ch-esr", |n| {
        const TABLE: [u32; 10] = [0, 9, 4, 6, 8, 2, 7, 1, 3, 5];
        let last = n.len().saturating_sub(1);
        let carry = (0..last).fold(0, |carry, at| {
            let row = (carry + n.at(at)) % 10;
            TABLE.get(row as usize).copied().unwrap_or(0)
        });
        (5..=27).contains(&n.len())
            && n.are_digits(0, n.len())
            && !n.is_uniform()
            && (10 - carry) % 10 == n.last()
    }),
    // Spain: codigo cuenta cliente (Consejo Superior Bancario): two check digits by modulus 11.
    plain("es-ccc", |n| {
        let check = |number: Plain| {
            let sum = number.sum(&[1, 2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11;
            if sum < 2 { sum } else { 11 - sum }
        };
        n.digits(20)
            && check(n.part(0, 8).padded(10)) == n.at(8)
            && check(n.part(10, 20)) == n.at(9)
    }),
    // Norway: kontonummer (Bits): modulus 11.
    plain("no-kontonr", |n| {
        let check = (11 - n.sum(&[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        n.digits(11) && !n.is_uniform() && check == n.last()
    }),
    // Czechia: account number (CNB decree 169/2011) and bank code: prefix and account each by modulus 11.
    bytes("cz-account", cz_account),
    // New Zealand: bank, branch, account, suffix (Payments NZ, register of bank branches): banks that exist.
    plain("nz-account", |n| {
        (15..=16).contains(&n.len())
            && n.are_digits(0, n.len())
            && matches!(n.pair(0), 1..=6 | 8..=31 | 33 | 35 | 38 | 88)
    }),
    // GSMA TS.06: international mobile equipment identity: Luhn; without or with the software version nothing to check.
    plain("imei", |n| {
        n.digits(15) && n.luhn() && !n.is_uniform() || n.digits(14) || n.digits(16)
    }),
    // Any card network: ISO/IEC 7812-1 ranges of issuers and their lengths, and the check digit.
    plain("card", card),
];

/// Ranges of issuers by their first digits, and the lengths of their numbers.
///
/// Source: ISO/IEC 7812-1 and the networks' own publications, collected at <https://en.wikipedia.org/wiki/Payment_card_number>.
#[rustfmt::skip]
const ISSUERS: &[(u32, u32, u8, u8)] = &[
    // first four digits from, to; shortest, longest
    (1800, 1800, 15, 15), (2131, 2131, 15, 15),             // JCB
    (2014, 2014, 15, 15), (2149, 2149, 15, 15),             // Diners Club enRoute
    (2200, 2204, 16, 19),                                   // Mir
    (2205, 2205, 16, 16),                                   // BORICA
    (2221, 2720, 16, 16),                                   // Mastercard
    (3000, 3059, 14, 19), (3095, 3095, 14, 19),             // Diners Club
    (3088, 3094, 16, 16), (3096, 3102, 16, 16), (3112, 3120, 16, 16), (3158, 3159, 16, 16), (3337, 3349, 16, 16), // JCB
    (3400, 3499, 15, 15), (3700, 3799, 15, 15),             // American Express
    (3528, 3589, 16, 19),                                   // JCB
    (3600, 3699, 14, 19), (3800, 3999, 14, 19),             // Diners Club
    (4000, 4999, 13, 19),                                   // Visa
    (5000, 5099, 12, 19),                                   // Maestro, Verve, Elo, Dankort
    (5100, 5599, 16, 16),                                   // Mastercard
    (5600, 5899, 12, 19),                                   // Maestro
    (6000, 6999, 12, 19),                                   // Maestro, Discover, UnionPay, RuPay, InterPayment, Troy
    (7000, 7999, 16, 19),                                   // fuel cards
    (8100, 8171, 16, 19), (8600, 8600, 16, 16),             // UnionPay, Uzcard
    (9792, 9792, 16, 16), (9860, 9860, 16, 16),             // Troy, Humo
];

fn card(n: &Plain) -> bool {
    let first = n.pair(0) * 100 + n.pair(2);
    let length = n.len() as u8;
    ISSUERS.iter().any(|&(from, to, shortest, longest)| {
        (from..=to).contains(&first) && (shortest..=longest).contains(&length)
    }) && n.are_digits(0, n.len())
        && n.luhn()
}

fn cz_account(value: &[u8]) -> bool {
    let Some(slash) = value.iter().position(|byte| matches!(byte, b'/' | b'%')) else {
        return false;
    };
    let account = value.get(..slash).unwrap_or_default();
    account.split(|&byte| byte == b'-').all(|part| {
        Plain::new(part).is_some_and(|part| {
            let sum = part.padded(10).sum(&[6, 3, 7, 9, 10, 5, 8, 4, 2, 1]);
            (1..=10).contains(&part.len()) && part.are_digits(0, part.len()) && sum % 11 == 0
        })
    })
}

/// ISO 3166-1 alpha-2, and XK for Kosovo, which SWIFT uses.
#[rustfmt::skip]
const COUNTRIES: [&[u8; 2]; 250] = [
    b"AD", b"AE", b"AF", b"AG", b"AI", b"AL", b"AM", b"AO", b"AQ", b"AR", b"AS", b"AT", b"AU", b"AW", b"AX", b"AZ",
    b"BA", b"BB", b"BD", b"BE", b"BF", b"BG", b"BH", b"BI", b"BJ", b"BL", b"BM", b"BN", b"BO", b"BQ", b"BR", b"BS",
    b"BT", b"BV", b"BW", b"BY", b"BZ", b"CA", b"CC", b"CD", b"CF", b"CG", b"CH", b"CI", b"CK", b"CL", b"CM", b"CN",
    b"CO", b"CR", b"CU", b"CV", b"CW", b"CX", b"CY", b"CZ", b"DE", b"DJ", b"DK", b"DM", b"DO", b"DZ", b"EC", b"EE",
    b"EG", b"EH", b"ER", b"ES", b"ET", b"FI", b"FJ", b"FK", b"FM", b"FO", b"FR", b"GA", b"GB", b"GD", b"GE", b"GF",
    b"GG", b"GH", b"GI", b"GL", b"GM", b"GN", b"GP", b"GQ", b"GR", b"GS", b"GT", b"GU", b"GW", b"GY", b"HK", b"HM",
    b"HN", b"HR", b"HT", b"HU", b"ID", b"IE", b"IL", b"IM", b"IN", b"IO", b"IQ", b"IR", b"IS", b"IT", b"JE", b"JM",
    b"JO", b"JP", b"KE", b"KG", b"KH", b"KI", b"KM", b"KN", b"KP", b"KR", b"KW", b"KY", b"KZ", b"LA", b"LB", b"LC",
    b"LI", b"LK", b"LR", b"LS", b"LT", b"LU", b"LV", b"LY", b"MA", b"MC", b"MD", b"ME", b"MF", b"MG", b"MH", b"MK",
    b"ML", b"MM", b"MN", b"MO", b"MP", b"MQ", b"MR", b"MS", b"MT", b"MU", b"MV", b"MW", b"MX", b"MY", b"MZ", b"NA",
    b"NC", b"NE", b"NF", b"NG", b"NI", b"NL", b"NO", b"NP", b"NR", b"NU", b"NZ", b"OM", b"PA", b"PE", b"PF", b"PG",
    b"PH", b"PK", b"PL", b"PM", b"PN", b"PR", b"PS", b"PT", b"PW", b"PY", b"QA", b"RE", b"RO", b"RS", b"RU", b"RW",
    b"SA", b"SB", b"SC", b"SD", b"SE", b"SG", b"SH", b"SI", b"SJ", b"SK", b"SL", b"SM", b"SN", b"SO", b"SR", b"SS",
    b"ST", b"SV", b"SX", b"SY", b"SZ", b"TC", b"TD", b"TF", b"TG", b"TH", b"TJ", b"TK", b"TL", b"TM", b"TN", b"TO",
    b"TR", b"TT", b"TV", b"TW", b"TZ", b"UA", b"UG", b"UM", b"US", b"UY", b"UZ", b"VA", b"VC", b"VE", b"VG", b"VI",
    b"VN", b"VU", b"WF", b"WS", b"XK", b"YE", b"YT", b"ZA", b"ZM", b"ZW",
];

#[cfg(test)]
pub(super) fn countries_are_sorted() -> bool {
    COUNTRIES.is_sorted_by(|a, b| a < b)
}

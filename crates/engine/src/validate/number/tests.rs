//! Published numbers of each kind, and what one wrong character does.

use super::*;
use alloc::vec::Vec;

/// Examples that issuers, standards and encyclopaedias print. Each pair is a kind and a number.
#[rustfmt::skip]
const PUBLISHED: &[(&str, &str)] = &[
    ("at-svnr", "1237 010180"),
    ("be-nn", "93.05.18-223.61"),
    ("bg-egn", "7523169263"),
    ("bg-lnch", "7111042925"),
    ("jmbg", "0101006500006"),
    ("ch-ahv", "756.9217.0769.85"),
    ("cy-tic", "10259033P"),
    ("cz-rc", "736028/5163"),
    ("de-idnr", "86095742719"),
    ("de-idnr", "47036892816"),
    ("de-rvnr", "15070649C103"),
    ("de-rvnr", "65180539W001"),
    ("de-kvnr", "A123456780"),
    ("de-kvnr", "A000500015"),
    ("de-ausweis", "T220001293"),
    ("de-ausweis", "L01X00T471"),
    ("de-ausweis", "L01X00T47"),
    ("dk-cpr", "211062-5629"),
    ("ee-ik", "37605030299"),
    ("lt-asmens", "33309240064"),
    ("es-nif", "12345678Z"),
    ("es-nif", "X-1234567-L"),
    ("es-nif", "A58818501"),
    ("es-nuss", "281234567840"),
    ("fi-hetu", "131052-308T"),
    ("fr-nir", "2 55 08 14 168 025 38"),
    ("fr-spi", "3023217600053"),
    ("gb-nhs", "943 476 5919"),
    ("gb-utr", "1955839661"),
    ("gb-nino", "AB 12 34 56 C"),
    ("gr-amka", "01013099997"),
    ("gr-afm", "094259216"),
    ("hr-oib", "69435151530"),
    ("hu-tax-id", "8071592153"),
    ("hu-taj", "111111110"),
    ("hu-szemelyi", "1-800101-7750"),
    ("hu-szemelyi", "29701011231"),
    ("ie-pps", "1234567T"),
    ("ie-pps", "1234567FA"),
    ("is-kennitala", "120174-3399"),
    ("it-cf", "RSSMRA85T10A562S"),
    ("it-cf", "MRTMTT25D09F205Z"),
    ("lu-nin", "1893120105732"),
    ("lv-pk", "161175-19997"),
    ("md-idnp", "1008600038413"),
    ("nl-bsn", "111222333"),
    ("no-fnr", "15108695088"),
    ("pl-pesel", "44051401359"),
    ("pl-nip", "8567346215"),
    ("pl-id-card", "ABA300000"),
    ("pt-nif", "123456789"),
    ("pt-cc", "00000000 0 ZZ4"),
    ("ro-cnp", "1630615123457"),
    ("ru-inn", "7707083893"),
    ("ru-inn", "500100732259"),
    ("ru-snils", "112-233-445 95"),
    ("se-pnr", "811228-9874"),
    ("se-pnr", "19811228-9874"),
    ("si-tax", "15012557"),
    ("tr-tckn", "10000000146"),
    ("ua-rnokpp", "1759013776"),
    ("ar-cuit", "20-05536168-2"),
    ("br-cpf", "111.444.777-35"),
    ("br-cnpj", "11.222.333/0001-81"),
    ("br-cnpj", "12.ABC.345/01DE-35"),
    ("ca-sin", "046 454 286"),
    ("ca-bc-phn", "9698658215"),
    ("cl-rut", "30.686.957-4"),
    ("cl-rut", "12.531.909-2"),
    ("co-nit", "213.123.432-1"),
    ("cu-ni", "91021027775"),
    ("do-cedula", "00113918205"),
    ("ec-ci", "1714307103"),
    ("gt-nit", "576937-K"),
    ("mx-curp", "BOXW310820HNERXN09"),
    ("mx-curp", "HEGG560427MVZRRL04"),
    ("mx-rfc", "GODE561231GR8"),
    ("mx-nss", "72795608040"),
    ("pe-ruc", "20512333797"),
    ("sv-nit", "0614-050707-104-8"),
    ("us-npi", "1234567893"),
    ("us-dea", "AP5836727"),
    ("us-itin", "912-90-3456"),
    ("us-ein", "91-1144442"),
    ("uy-ci", "1.234.567-2"),
    ("ve-rif", "V-11470283-4"),
    ("au-tfn", "123 456 782"),
    ("au-medicare", "2123 45670 1"),
    ("cn-ric", "11010519491231002X"),
    ("eg-id", "29001011234567"),
    ("hk-hkid", "G123456(A)"),
    ("hk-hkid", "A123456(3)"),
    ("id-npwp", "01.300.066.6-091.000"),
    ("id-nik", "3171011708450001"),
    ("il-id", "39337423"),
    ("in-aadhaar", "2341 2341 2346"),
    ("in-vid", "2341234123412341"),
    ("ir-melli", "0499370899"),
    ("jp-my-number", "123456789018"),
    ("kr-rrn", "971013-9019902"),
    ("lk-nic", "853400937V"),
    ("mu-nid", "A2103451905713"),
    ("my-nric", "770305-02-1234"),
    ("nz-ird", "49091850"),
    ("nz-ird", "136-410-132"),
    ("pk-cnic", "34201-0891231-8"),
    ("sa-id", "1000000008"),
    ("sg-nric", "S1234567D"),
    ("sg-nric", "F1612347K"),
    ("th-id", "1-2345-45678-78-1"),
    ("tw-id", "A123456789"),
    ("za-id", "7503305044089"),
    ("za-tin", "0001339050"),
    ("bic", "DEUTDEFF500"),
    ("us-aba", "111000025"),
    ("ch-esr", "21 00000 00003 13947 14300 09017"),
    ("es-ccc", "1234-1234-16 1234567890"),
    ("no-kontonr", "8601 11 17947"),
    ("cz-account", "19-2000145399/0800"),
    ("imei", "49-015420-323751-8"),
    ("card", "4111 1111 1111 1111"),
    ("iso7064-mod11-2", "079X"),
    ("iso7064-mod37-2", "G123489654321Y"),
    ("iso7064-mod97-10", "99991234567890121414 90"),
    ("iso7064-mod11-10", "00200667308 5"),
    ("iso7064-mod37-36", "A12425GABC1234002M"),
    ("verhoeff", "2363"),
    ("damm", "5724"),
    ("base58check", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    ("base58check", "3P14159f73E4gFr7JterCCQh9QjiTjiZrG"),
    ("bech32", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4"),
    ("bech32", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"),
    ("eip-55", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
    ("eip-55", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"),
    ("monero", "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A"),
];

/// Kinds that have no check character at their end: a date, a prefix or a range is all that there is to judge.
const UNCHECKED: &[&str] = &[
    "au-medicare",
    "bic",
    "cu-ni",
    "cz-account",
    "de-ausweis",
    "dk-cpr",
    "eg-id",
    "gb-nino",
    "gb-utr",
    "id-nik",
    "is-kennitala",
    "id-npwp",
    "imei",
    "kr-rrn",
    "lk-nic",
    "lv-pk",
    "mx-rfc",
    "my-nric",
    "nz-account",
    "pk-cnic",
    "pl-id-card",
    "us-ein",
    "us-itin",
    "at-svnr",
];

fn holds(name: &str, value: &[u8]) -> bool {
    Number::named(name.as_bytes()).is_some_and(|number| number.holds(value))
}

#[test]
fn names_are_unique() {
    let names: Vec<&str> = Number::all().map(|number| number.name).collect();
    for (i, name) in names.iter().enumerate() {
        assert!(!names.iter().take(i).any(|other| other == name), "{name}");
    }
    assert!(Number::named(b"zz-none").is_none());
    assert!(finance::countries_are_sorted());
}

#[test]
fn published_numbers_hold() {
    for (name, value) in PUBLISHED {
        assert!(holds(name, value.as_bytes()), "{name} {value}");
    }
}

/// With another last character hardly any is right: of ten digits one, and two where a formula maps two remainders to one digit.
#[test]
fn another_last_character_is_seen() {
    let mut tried = 0;
    for (name, value) in PUBLISHED {
        if UNCHECKED.contains(name) {
            continue;
        }
        let value = value.trim_end_matches(')');
        let (head, last) = value.split_at(value.len() - 1);
        let others = if last.bytes().all(|b| b.is_ascii_digit()) {
            "0123456789"
        } else {
            "ABCDEFGHJKLMNPRSTUVWXYZ"
        };
        let right = others
            .chars()
            .filter(|other| holds(name, alloc::format!("{head}{other}").as_bytes()))
            .count();
        assert!(
            (1..=2).contains(&right) || !others.contains(last),
            "{name} {value}: {right}"
        );
        tried += 1;
    }
    assert!(tried > 70);
}

#[test]
fn what_is_no_number_of_the_kind() {
    for (name, value) in [
        ("br-cpf", "111.111.111-11"),
        ("cn-ric", "11010519491331002X"),
        ("de-idnr", "12345678903"),
        ("gb-nino", "QQ123456C"),
        ("es-nif", "12345678A"),
        ("it-cf", "RSSMRA85T10A562"),
        ("bech32", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"),
        ("bech32", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7Kv8f3t4"),
        ("eip-55", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"),
        ("eip-55", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe"),
        ("base58check", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"),
        ("base58check", "0OIl"),
        ("bic", "DEUTZZFF"),
        ("card", "1234567890123452"),
    ] {
        assert!(!holds(name, value.as_bytes()), "{name} {value}");
    }
}

#[test]
fn nothing_panics() {
    let long = [b'9'; 200];
    for number in Number::all() {
        for length in 0..long.len() {
            let digits = long.get(..length).unwrap_or_default();
            let _ = number.holds(digits);
            let letters: Vec<u8> = digits.iter().map(|_| b'Z').collect();
            let _ = number.holds(&letters);
            let mixed: Vec<u8> = (0..length)
                .map(|i| if i % 3 == 0 { b'A' } else { b'0' })
                .collect();
            let _ = number.holds(&mixed);
            let bytes: Vec<u8> = (0..length).map(|i| (i * 7 + 128) as u8).collect();
            let _ = number.holds(&bytes);
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_judged(value in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60)) {
        for number in Number::all() {
            let _ = number.holds(&value);
        }
    }

    /// Both hybrid and dihedral formulas see every wrong digit and every swap of neighbours.
    #[test]
    fn wrong_digits_and_swaps_are_seen(digits in "[0-9]{5,14}", at in 0_usize..5) {
        for name in ["verhoeff", "damm"] {
            let right: Vec<u8> = (b'0'..=b'9').filter(|&check| {
                let mut value = digits.clone().into_bytes();
                value.push(check);
                holds(name, &value)
            }).collect();
            proptest::prop_assert_eq!(right.len(), 1);
            let mut value = digits.clone().into_bytes();
            value.extend(&right);
            let differ = value.get(at) != value.get(at + 1);
            value.swap(at, at + 1);
            proptest::prop_assert_eq!(holds(name, &value), !differ);
        }
    }
}

//! What is encoded is found, and the bytes that stand for it are replaced: in every cut, and however codes are stacked.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod encode;
mod support;

use blackbar_carriers::{Carrier, Format, Views};
use blackbar_engine::Place;
use encode::{base64, escaped, hex, percent, wide};
use support::Subject;

/// The policy without the rule that finds something in everything.
fn subject() -> Subject {
    let (rules, _) = support::POLICY
        .split_once("[[rule]]\nid = \"t.bytes\"")
        .unwrap();
    Subject::of(rules)
}

#[track_caller]
fn redacts(input: &[u8], wanted: &str) {
    let got = subject().check(input, Place::Text, Views::ALL);
    assert_eq!(
        String::from_utf8_lossy(&got.out),
        wanted,
        "{}",
        String::from_utf8_lossy(input)
    );
}

#[test]
fn percent_codes_are_read() {
    redacts(b"a=ghp%5FABCDEFG1&b", "a=ghp%5F[t.key]&b");
    redacts(b"a=ghp_ABC%44EFG1&b", "a=ghp_[t.key]&b");
    redacts(b"a=ghp_ABC%2544EFG1&b", "a=ghp_[t.key]&b");
    redacts(b"a=ghp_ABC%252544EFG1&b", "a=ghp_[t.key]&b");
    redacts(
        b"x%40ab.de 100% %zz x@ab.de%",
        "********* 100% %zz *******%",
    );
    redacts(b"api_key%3dabc%21def%22", "api_key%3d[t.keyed]%22");
}

#[test]
fn escapes_are_read_in_text_too() {
    redacts(
        br#"INFO {"m":"x\u0040ab.de"}"#,
        r#"INFO {"m":"************"}"#,
    );
    redacts(br"C:\users\new x@ab.de", r"C:\users\new *******");
}

#[test]
fn base64_is_read_at_any_alignment() {
    for lead in 0..9 {
        for url in [false, true] {
            let text = format!("{}ghp_ABCDEFG1 and more", &"?>?>?>?>?"[..lead]);
            let coded = base64(text.as_bytes(), url);
            for before in ["", "/", "ab_", "Basic ", "x=", "\"", "zzz"] {
                let input = format!("{before}{coded}");
                let got = subject().run(input.as_bytes(), Place::Text, Views::ALL, &[]);
                let ids: Vec<_> = got.findings.iter().map(|f| f.0.as_str()).collect();
                assert_eq!(ids, ["t.key"], "{input} of {text}");
                let (start, end) = (got.findings[0].1 as usize, got.findings[0].2 as usize);
                // All digits that hold a bit of the secret, and no other.
                let secret = lead + 4;
                assert_eq!(start, before.len() + secret * 8 / 6);
                assert_eq!(end, before.len() + ((secret + 8) * 8).div_ceil(6));
            }
        }
    }
}

#[test]
fn too_short_or_unreadable_runs_are_left() {
    let subject = subject();
    for input in [
        base64(b"ghp_ABCDEFG1", false),
        base64(b"\x01ghp_ABCDEF\x01", false),
        hex(b"ghp_ABCDEF"),
    ] {
        let got = subject.check(input.as_bytes(), Place::Text, Views::ALL);
        assert_eq!(got.out, input.as_bytes());
    }
}

#[test]
fn hex_is_read() {
    let secret = hex(b"say ghp_ABCDEFG1 now");
    redacts(
        secret.as_bytes(),
        &format!("{}[t.key]{}", hex(b"say ghp_"), hex(b" now")),
    );
    let odd = format!("key-f{secret}");
    redacts(
        odd.as_bytes(),
        &format!("key-f{}[t.key]{}", hex(b"say ghp_"), hex(b" now")),
    );
}

#[test]
fn a_view_that_is_off_sees_nothing() {
    let subject = subject();
    let views = Views::ALL;
    for (off, input) in [
        (
            Views {
                percent: false,
                ..views
            },
            "ghp_ABC%44EFG1".to_owned(),
        ),
        (
            Views {
                escapes: false,
                ..views
            },
            r"ghp_ABC\u0044EFG1".to_owned(),
        ),
        (
            Views {
                base64: false,
                ..views
            },
            base64(b"token ghp_ABCDEFG1 end", false),
        ),
        (
            Views {
                hex: false,
                ..views
            },
            hex(b"token ghp_ABCDEFG1 end"),
        ),
    ] {
        let on = subject.run(input.as_bytes(), Place::Text, views, &[]);
        assert_ne!(on.out, input.as_bytes(), "{input}");
        let off = subject.run(input.as_bytes(), Place::Text, off, &[]);
        assert_eq!(off.out, input.as_bytes(), "{input}");
    }
}

/// Texts of matches, noise and codes, stacked at random.
fn text(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % below
    };
    const BITS: &[&str] = &[
        "ghp_ABCDEFG1",
        "x@ab.de",
        "4111111111111111",
        "Q",
        "AKIA12345",
        "sk-abcdefgh",
        "-----B",
        "~",
        "passwd",
        "=",
        "abcdefgh",
        " ",
        "\n",
        "%",
        "\\",
        "\\u00",
        "%2",
        "+",
        "/",
        "\0",
        "ghp_",
        "abcdefghijklmnopqrstuvwxyz0123",
        "[t.key]",
        "é",
    ];
    let mut all = Vec::new();
    for _ in 0..1 + next(5) {
        let mut piece: Vec<u8> = (0..next(4))
            .flat_map(|_| BITS[next(BITS.len())].bytes())
            .collect();
        for _ in 0..next(3) {
            let from = next(piece.len() + 1);
            let coded = match next(7) {
                0 => percent(&piece[from..]).into_bytes(),
                1 => escaped(&piece[from..]).into_bytes(),
                2 => base64(&piece[from..], next(2) == 0).into_bytes(),
                3 => hex(&piece[from..]).into_bytes(),
                4 => wide(&piece[from..], next(2) == 0),
                _ => piece[from..].to_vec(),
            };
            piece.truncate(from);
            piece.extend(coded);
        }
        all.extend(piece);
    }
    all
}

#[test]
fn any_cut_gives_the_same() {
    let subject = Subject::new();
    let (mut found, mut more) = (0, 0);
    for seed in 1..1200 {
        let text = text(seed);
        if text.len() > 500 {
            continue;
        }
        let got = subject.check(&text, Place::Text, Views::ALL);
        let plain = subject.run(&text, Place::Text, Views::NONE, &[]);
        // What is found without views is found with them.
        assert!(
            plain.findings.iter().all(|f| got.findings.contains(f)),
            "{seed}"
        );
        found += usize::from(!got.findings.is_empty());
        more += usize::from(got.findings.len() > plain.findings.len());
        let mut unique = got.findings.clone();
        unique.dedup();
        assert_eq!(unique, got.findings, "seed {seed}: found twice");
    }
    assert!(found > 300 && more > 100, "{found} {more}");
}

#[test]
fn text_in_utf_16_stays_so() {
    let text = "card 4111111111111111, mail x@ab.de, key ghp_ABCDEFG1 é\n";
    let wanted = "card [t.card], mail *******, key ghp_[t.key] é\n";
    for big in [false, true] {
        for mark in ["", "\u{feff}"] {
            let code = |text: &str| -> Vec<u8> {
                let units = format!("{mark}{text}").encode_utf16().collect::<Vec<_>>();
                let bytes = |unit: u16| {
                    if big {
                        unit.to_be_bytes()
                    } else {
                        unit.to_le_bytes()
                    }
                };
                units.into_iter().flat_map(bytes).collect()
            };
            for format in [Format::Text, Format::Json] {
                let got = subject().check(&code(text), format, Views::default());
                assert_eq!(
                    got.out,
                    code(wanted),
                    "{}",
                    String::from_utf8_lossy(&got.out)
                );
            }
        }
    }
}

#[test]
fn quoted_printable_and_entities_are_read() {
    redacts(b"key=3A ghp_ABC=\r\nD=45FG1=20", "key=3A ghp_[t.key]=20");
    redacts(
        b"<a>x&#64;ab.de</a> &amp; b&c",
        "<a>***********</a> &amp; b&c",
    );
}

#[test]
fn a_policy_switches_views() {
    assert_eq!(Views::NAMES, blackbar_policy::model::VIEWS);
    let head = "[profile]\nid = \"v\"\ntitle = \"V\"\n";
    let rule =
        "[[rule]]\nid = \"t.key\"\ndescription = \"d\"\nsource = \"s\"\npattern = 'ghp_[A-Z]{8}'\n";
    let of = |views: &str| {
        let text = format!("{head}{views}{rule}");
        let loaded =
            blackbar_policy::Policy::parse_str("v.toml", &text, &blackbar_policy::load::NoBuiltins);
        let compiled = blackbar_compiler::compile(&loaded.unwrap()).unwrap();
        Views::of(&blackbar_engine::Engine::load(compiled.artifact).unwrap())
    };
    assert_eq!(of(""), Views::default());
    for name in Views::NAMES {
        for on in [true, false] {
            let mut wanted = Views::default();
            *wanted.named(name).unwrap() = on;
            assert_eq!(of(&format!("views = {{ {name} = {on} }}\n")), wanted);
        }
    }
}

/// A rule that looks at what stands before its match, and one whose match may be as long as a window.
const CONTEXT: &str = r#"
[pack]
id = "t"
title = "Test"

[[rule]]
id = "t.session"
description = "not beside that word"
source = "none"
pattern = '''sess=(?<secret>[a-z0-9]{24,400})'''
context = { unless = ["example"], within = 32 }
left = "none"
confidence = "medium"
action = "tag"

[[rule]]
id = "t.key"
description = "with digits of base64 that are escaped elsewhere"
source = "none"
pattern = '''ghp_(?<secret>[A-Z0-9/?]{8})'''
left = "none"
right = "none"
confidence = "high"
action = "tag"
"#;

#[test]
fn a_view_stays_while_what_stands_before_an_open_match_differs() {
    let subject = Subject::of(CONTEXT);
    let value: String = "k3j9x2m7q4w8e1r5t6".chars().cycle().take(240).collect();
    // What was decoded makes another word of it.
    let input = format!("&#65;example_sess={value} end");
    let got = subject.check(input.as_bytes(), Place::Text, Views::default());
    assert_eq!(got.out, b"&#65;example_sess=[t.session] end");
}

#[test]
fn codes_in_utf_16_are_read_wherever_a_piece_ends() {
    for coded in [
        "\\u0067hp_ABCDEFG1 ",
        "g&#104;p_ABCDEFG1 ",
        "g%68p_ABCDEFG1 ",
    ] {
        for before in ["", "caf\u{e9} ", "x "] {
            let input = [before.as_bytes().to_vec(), wide(coded.as_bytes(), false)].concat();
            let got = subject().check(&input, Place::Text, Views::default());
            let ids: Vec<_> = got.findings.iter().map(|f| f.0.as_str()).collect();
            assert_eq!(ids, ["t.key"], "{before}{coded}");
        }
    }
}

#[test]
fn a_code_in_a_code_is_read_however_long_ago_the_outer_one_stood() {
    let subject = Subject::of(CONTEXT);
    for filler in [20, 200, 300, 400] {
        let words = "x ".repeat(filler / 2);
        for before in ["%20 \\/ ", "%20 ", ""] {
            let input = format!("{before}{words}%2567hp_ABCDEF\\/1 end");
            let got = subject.check(input.as_bytes(), Place::Text, Views::default());
            let wanted = format!("{before}{words}%2567hp_[t.key] end");
            assert_eq!(String::from_utf8_lossy(&got.out), wanted);
        }
    }
}

#[test]
fn what_base64_holds_is_read_as_such_in_an_escaped_string_too() {
    let subject = Subject::of(CONTEXT);
    for pad in 0..3 {
        for secret in ["gh&#112;_AB??DEF1", "gh%70_AB??DEF1"] {
            let text = format!("{}say hello {secret} now ok", &"   "[..pad]);
            let coded = base64(text.as_bytes(), false).replace('/', "\\/");
            for before in ["", "\\n ", &format!("\\n {}", "x ".repeat(100))] {
                let input = format!("{before}{coded}");
                let got = subject.check(input.as_bytes(), Place::Text, Views::ALL);
                let ids: Vec<_> = got.findings.iter().map(|f| f.0.as_str()).collect();
                assert_eq!(ids, ["t.key"], "{input}");
            }
        }
    }
}

const NUMBER: &str = r#"
[pack]
id = "t"
title = "Test"

[[rule]]
id = "t.number"
description = "digits"
source = "none"
pattern = '''[0-9]{3}-[0-9]{2}-[0-9]{4}'''
left = "digit"
right = "digit"
confidence = "high"
action = "tag"
"#;

#[test]
fn a_byte_that_is_not_printable_ends_what_is_read() {
    let subject = Subject::of(NUMBER);
    for text in [
        &b"n 078-05-1120\x001234 and so on, on and on"[..],
        b"n 078-05-1120\x00 234 and so on, on and on",
        b"abcdefghijklmno 078-05-1120\x001234 and so on, on and on",
    ] {
        let number = text.iter().position(|&byte| byte == b'0').unwrap();
        let input = base64(text, false);
        let got = subject.check(input.as_bytes(), Place::Text, Views::ALL);
        let (start, end) = (number * 8 / 6, ((number + 11) * 8).div_ceil(6));
        let wanted = format!("{}[t.number]{}", &input[..start], &input[end..]);
        assert_eq!(String::from_utf8_lossy(&got.out), wanted);
    }
}

#[test]
fn what_grows_in_utf_16_is_written_once() {
    let line = "abcdefghijklmnopqrstuvwxyz ".repeat(50);
    let text = format!("a -----B{line}~ end");
    let input = wide(text.as_bytes(), false);
    let got = subject().check(&input, Place::Text, Views::default());
    assert_eq!(got.out, wide(b"a -----B[t.pem]~ end", false));
}

#[test]
fn nothing_undecided_is_let_out_by_force() {
    let subject = subject();
    let coded = base64(b"ghp_ABCDEFG1 and more text than that", false);
    let coded_later = base64(b"user is ghp_ABCDEFG1 and more text", false);
    let in_escapes = format!("\\n{coded}");
    for (input, secret) in [
        (&coded, 5..16),
        (&coded_later, 16..27),
        (&in_escapes, 7..18),
    ] {
        // Half an escape goes on.
        for cut in 2..input.len() {
            let mut carrier = Carrier::default();
            carrier.set_views(Views::ALL);
            carrier.reset(Format::Text);
            carrier.push(
                &subject.engine,
                &subject.plan,
                &input.as_bytes()[..cut],
                false,
            );
            let decided = usize::try_from(carrier.decided()).unwrap();
            carrier.force(&subject.engine);
            let mut out = Vec::new();
            carrier.take_output(&mut out);
            let kept = out.get(decided..).unwrap_or_default();
            assert!(kept.iter().all(|&byte| byte == b'*'), "{input} at {cut}");
            carrier.push(
                &subject.engine,
                &subject.plan,
                &input.as_bytes()[cut..],
                true,
            );
            carrier.take_output(&mut out);
            let out = String::from_utf8_lossy(&out);
            assert!(!out.contains(&input[secret.clone()]), "{out} at {cut}");
        }
    }
}

#[test]
fn nothing_piles_up_while_something_grows() {
    let subject = subject();
    let mut carrier = Carrier::default();
    carrier.push(&subject.engine, &subject.plan, b"\\n -----Bxx ", false);
    let chunk = "ghp_ABCDEFG1 ".repeat(1000);
    let (mut out, mut early) = (Vec::new(), 0);
    for turn in 0..32 {
        carrier.push(&subject.engine, &subject.plan, chunk.as_bytes(), false);
        carrier.take_output(&mut out);
        if turn == 3 {
            early = carrier.memory();
        }
    }
    assert!(
        carrier.memory() <= early + 1024,
        "{} grew to {}",
        early,
        carrier.memory()
    );
}

#[test]
fn what_a_run_and_a_view_of_it_find_is_told_once() {
    let input = format!("{} ", hex(b"say ghp_ABCDEFG1\\~ now"));
    let got = subject().check(input.as_bytes(), Place::Text, Views::ALL);
    assert_eq!(got.findings, [("t.key".to_owned(), 16, 32)]);
}

#[test]
fn percent_codes_as_they_came_are_read_over_no_escapes() {
    // Read so far, `378-05-1120`, if `%32` counts beside percent codes that were escaped.
    let input = r"%\%37\u0025\u0033\u0038\u002D05\u002d\u0025\u0033\u00311%32\u0025\u0033\u0030";
    let got = Subject::of(NUMBER).check(input.as_bytes(), Place::Text, Views::default());
    assert_eq!(String::from_utf8_lossy(&got.out), input);
}

#[test]
fn a_view_ends_only_if_it_may_begin_anew() {
    // In UTF-16 the reference stands for the end, so that nothing grows there; as it came it is none, and something does.
    let filler = "3d363240623d36333d324564652d3d".repeat(6);
    let input = format!("-&#45;-&#45;-B&#126\0;\0{filler}\0~");
    let got = subject().check(input.as_bytes(), Place::Text, Views::default());
    let end = input.len() as u64 - 1;
    assert_eq!(got.findings, [("t.pem".to_owned(), 14, end)]);
}

#[test]
fn what_might_have_begun_a_code_leaves_no_trace() {
    // No escape begins with `\a`: percent codes behind it are read as those before it.
    let got = subject().check(
        b"=2D=2D=2D=25=32=44=25=32=44B\\a%7E",
        Place::Text,
        Views::ALL,
    );
    assert_eq!(
        String::from_utf8_lossy(&got.out),
        "=2D=2D=2D=25=32=44=25=32=44B[t.pem]%7E"
    );
}

#[test]
fn half_characters_belong_to_what_grows() {
    for (input, wanted) in [
        ("-%2D-%2D-\0B\0\0%\0aa", "-%2D-%2D-\0B[t.pem]"),
        ("-----&#66\0;\0\0&\0\0", "-----&#66\0;[t.pem]"),
        ("-----&#66\0;\0\0&\0~\0 ", "-----&#66\0;[t.pem]\0~\0 "),
        (
            "---\\u002d-\\u004\x002\0\0\\\0aa",
            "---\\u002d-\\u004\x002[t.pem]",
        ),
    ] {
        let got = subject().check(input.as_bytes(), Place::Text, Views::default());
        assert_eq!(String::from_utf8_lossy(&got.out), wanted);
    }
}

#[test]
fn a_code_that_came_long_before_bears_on_nothing() {
    // Not decided by whether the view over percent codes that `%41` began is still there: a longer chunk lets it live longer.
    let filler = "x ".repeat(84);
    redacts(
        format!(r"%41 {filler}g=25=36=38p_ABC\u0044EFG1 end").as_bytes(),
        &format!("%41 {filler}g=25=36=38p_[t.key] end"),
    );
}

//! Small policies and haystacks that are made to go wrong: ambiguous ends of prefix, secret and suffix, windows at different distances,
//! leading runs, matches that outgrow `max_len`, overlapping rules, near misses, escapes, marks, bytes that are no text.

use std::fmt::Write as _;

use crate::choices::Choices;

/// A pattern that can be written as a regular expression and of which matches can be made.
#[derive(Debug, Clone)]
enum Node {
    Literal(&'static str),
    /// As in a pattern, and some members.
    Class(&'static str, &'static [u8]),
    Repeat(Box<Node>, usize, Option<usize>),
    Either(Vec<Node>),
    Row(Vec<Node>),
    Look(&'static str),
}

const LITERALS: &[&str] = &[
    "a", "b", "ab", "aab", "key", "k1", "Q", "1", "22", "-", "=", ":", "ba", "aaa", "#", "==", "x1",
];
const CLASSES: &[(&str, &[u8])] = &[
    ("[ab]", b"ab"),
    ("[a-z]", b"abxyz"),
    ("[0-9]", b"0129"),
    ("[a-z0-9]", b"ab19z"),
    ("[A-Z]", b"QABK"),
    ("[a1-]", b"a1-"),
    ("[^a]", b"b1 -\n"),
    ("[^\\n]", b"ab1 Q"),
    (".", b"a1-Q"),
    ("(?s-u:.)", b"a\n\xff\x00"),
    ("\\w", b"ab_1Q"),
    ("[=:]", b"=:"),
    ("[\\x80-\\xff]", b"\x80\xfe\xff"),
    ("[^\\s]", b"ab1*["),
];
const LOOKS: &[&str] = &["\\b", "(?m:^)", "(?m:$)", "^", "$", "\\B"];

fn node(c: &mut Choices<'_>, depth: usize) -> Node {
    match c.below(if depth == 0 { 6 } else { 10 }) {
        0..=2 => Node::Literal(c.one(LITERALS)),
        3..=5 => {
            let (class, members) = c.one(CLASSES);
            Node::Class(class, members)
        }
        6 | 7 => {
            let least = c.below(4);
            let most = match c.below(8) {
                0 => None,
                n => Some(least + n),
            };
            Node::Repeat(Box::new(node(c, depth - 1)), least, most)
        }
        8 => Node::Either((0..c.between(2, 3)).map(|_| node(c, depth - 1)).collect()),
        _ if c.chance(60) => Node::Look(c.one(LOOKS)),
        _ => Node::Row((0..c.between(2, 3)).map(|_| node(c, depth - 1)).collect()),
    }
}

impl Node {
    fn write(&self, out: &mut String) {
        match self {
            Node::Literal(text) | Node::Class(text, _) | Node::Look(text) => out.push_str(text),
            Node::Repeat(sub, least, most) => {
                out.push_str("(?:");
                sub.write(out);
                let most = most.map(|n| n.to_string()).unwrap_or_default();
                let _ = write!(out, "){{{least},{most}}}");
            }
            Node::Either(all) => {
                for (i, sub) in all.iter().enumerate() {
                    out.push_str(if i == 0 { "(?:" } else { "|" });
                    sub.write(out);
                }
                out.push(')');
            }
            Node::Row(all) => all.iter().for_each(|sub| sub.write(out)),
        }
    }

    fn sample(&self, c: &mut Choices<'_>, out: &mut Vec<u8>) {
        match self {
            Node::Literal(text) => out.extend(text.bytes()),
            Node::Class(_, members) => out.push(c.one(members)),
            Node::Repeat(sub, least, most) => {
                let more = c.below(most.map_or(12, |m| m - least + 1));
                (0..least + more).for_each(|_| sub.sample(c, out));
            }
            Node::Either(all) => all[c.below(all.len())].sample(c, out),
            Node::Row(all) => all.iter().for_each(|sub| sub.sample(c, out)),
            Node::Look(_) => {}
        }
    }
}

/// Patterns that a generator rarely hits on: the pattern, whether it needs `max_len`, and texts that match or nearly do.
const KNOWN: &[(&str, bool, &[&str])] = &[
    (
        r"ghp_(?<secret>[A-Z0-9]{4,8})",
        false,
        &["ghp_AB12", "ghp_AB12CD34", "ghp_A", "gghp_AB12CD345"],
    ),
    (
        r"key[=:]{1,2}(?<secret>[a-z0-9=]{3,12})",
        false,
        &["key=abc", "key==abc=", "key::a=c", "key=="],
    ),
    (
        r"(?<secret>[0-9]{3,6})-x",
        false,
        &["123-x", "0123456-x", "12-x", "123-"],
    ),
    (
        r"(?<secret>[0-9]{2,6})(?:-?x){1,3}",
        false,
        &["12x", "12-x-x", "123xxx", "12-x-"],
    ),
    (
        r"[a-z0-9.]{1,64}@[a-z]{2,8}\.[a-z]{2,3}",
        false,
        &["a@bc.de", "a.b@cd.ef", "abc@de", "@bc.de"],
    ),
    (
        r"[a-z0-9%]{1,24}(?:@|%4)[a-z]{2,4}",
        false,
        &["ab%4xy", "a%4b@cd", "x y%4z@ab", "q@ab r%4cd", "a%b%4c@de"],
    ),
    (
        r"run_(?<secret>[a-z0-9]{20,40})",
        false,
        &[
            "run_0123456789abcdefghij0123",
            "run_0123456789abcdefgh",
            "run_0123456789abcdefghij0123456789abcdefghij0123",
        ],
    ),
    (
        r"run:(?<secret>[a-z]{24})\b",
        false,
        &[
            "run:abcdefghijklmnopqrstuvwx",
            "run:abcdefghijklmnopqrstuvwxyz",
        ],
    ),
    (
        r"tok(?<secret>[a-z0-9]{9,}\.[a-z0-9]{18,}=?)",
        true,
        &[
            "tok0123456789abcdef0123.abcdefghijklmnopqrstuvw=",
            "tok012345678.abcdefghijklmnopq",
            "tok01234567890123456789.abcdefghijklmnopqrstuvwxyzabcdefgh!",
        ],
    ),
    (
        r"(?:AA|BBBB|C.{3}C)(?<secret>[0-9]{2,})",
        true,
        &["AA12", "BBBB1234567890", "CabcC12", "BBBAA12"],
    ),
    (
        r"(?i)token(?<secret>[a-f0-9]{4,6})",
        false,
        &["TOKENabcd", "token0123", "Tokenabcdef0"],
    ),
    (
        r"\bq[0-9]{2,5}\b",
        false,
        &["q12", " q12345 ", "q123456", "xq12"],
    ),
    (
        r"(?m)^L(?<secret>[0-9]{2,4})$",
        false,
        &["L12\n", "\nL1234\n", "L12", "L12\r\n"],
    ),
    (
        r"-----B(?<secret>[^E]*)E--",
        true,
        &["-----Bxyz\nxyzE--", "-----BxyzE-", "-----B", "E--"],
    ),
    (
        r"BEGIN(?<secret>[^~]{1,})",
        true,
        &[
            "BEGIN",
            "BEGINabc~",
            "BEGIN~",
            "BEGIN*",
            "BEGIN[a.a]",
            "BEGIN[a.a]x~",
        ],
    ),
    (
        r"(?:x.{8}=|y=)(?<secret>[0-9=]{6,9})#",
        false,
        &[
            "xabcy=12=3456789#",
            "y=123456#",
            "xabcy=12=3456#",
            "x12345678=",
        ],
    ),
    (
        r"a{3,5}b{0,2}(?<secret>[ab]{2,6})c?",
        false,
        &["aaabbab", "aaaaaab", "aaabbbbbbbbc", "aaab"],
    ),
    (
        r"(?:foo|foobar|foob)(?<secret>(?:bar|b|a|r|7){2,9})",
        false,
        &["foobar", "foobarbar7", "foobab", "foob"],
    ),
    (
        r"[0-9]{4}(?:[ -]?[0-9]{4}){2}",
        false,
        &["111122223333", "1111 2222-3333", "1111 2222 333"],
    ),
    (
        r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}",
        false,
        &["1.2.3.4", "255.255.255.255", "1.2.3", "1.2.3.4.5"],
    ),
    (
        r"n(?u:[é-ü]){1,3}(?<secret>[0-9]{2,4})",
        false,
        &["né12", "nüü1234", "nö1", "n12", "nééé123"],
    ),
    (
        r"(?u:[ß-ÿ€])(?<secret>[a-z]{2,9})",
        false,
        &["ßabc", "€ab", "ÿa", "€abc"],
    ),
    (r"\x00\xff(?<secret>[\x80-\xff]{2,5})", false, &["\u{0}"]),
    (
        r#""p":"(?<secret>[^"\\]{1,}(?:\\.[^"\\]*)*)""#,
        true,
        &["\"p\":\"a\\\"b\"", "\"p\":\"abc\"", "\"p\":\"\""],
    ),
    (
        r"k=(?<secret>\S+)",
        true,
        &[
            "k=a",
            "k=abcdefgh ",
            "k=*",
            "k=****",
            "k=[a.a]",
            "k=[a.ab",
            "k=*a",
            "k=%5Ba.a%5D",
        ],
    ),
    (
        r"pw:(?<secret>[^ ]{2,}) ?;",
        true,
        &["pw:ab;", "pw:abcdef ;", "pw:a ;b;", "pw:ab"],
    ),
    (
        r"(?:ab){1,6}(?<secret>[ab0-9]{2,6})",
        false,
        &["ababab12", "abab", "abababababababab", "ab12"],
    ),
    (
        r"(?<secret>(?:[0-9a-f]{1,4}:){2,7}[0-9a-f]{1,4})",
        false,
        &["1:2:3", "fe80:0:1:2", "1:2", "a:b:c:d:e:f:1:2"],
    ),
];

/// Values for keyed rules.
const VALUES: &[(&str, bool)] = &[
    ("[a-z0-9]{3,9}", false),
    ("[^\\s\"]{2,20}", false),
    ("[A-Z][0-9]{2,4}", false),
    ("\\S+", true),
    ("[0-9]{2,5}[a-z]{1,2}", false),
];
const KEYED: &[&str] = &[
    "api_key=ab12",
    "\"apiKey\": \"ab12cd\"",
    "API-KEY => Q123",
    "apikey:",
    "my_token == abc",
    "token%3Dabc12",
    "<token>abc</token>",
    "api key = xy z",
    "token_prod='123ab'",
    "\\\"token\\\":\\\"abc\\\"",
    "token = ",
];

const BOUNDARIES: &[&str] = &["word", "none", "digit", "token"];
const ACTIONS: &[&str] = &[
    "\"tag\"",
    "\"mask\"",
    "{ keep_first = 2 }",
    "{ keep_last = 4 }",
    "\"block\"",
    "\"remove\"",
    "\"allow\"",
];
const VALIDATORS: &[&str] = &[
    "\"has-digit\"",
    "\"has-letter\"",
    "\"luhn\"",
    "{ distinct = 3 }",
    "{ entropy = 1.5 }",
    "{ without = [\"ab1\", \"AA\"] }",
    "{ allow = ['a+1*', '12'] }",
    "\"not-placeholder\"",
    "\"not-template\"",
    "\"not-words\"",
    "{ classes = 2 }",
    "\"ipv6\"",
];
const CONFIDENCES: &[&str] = &["medium", "low", "high"];

/// What haystacks are made of besides matches.
const NOISE: &[&[u8]] = &[
    b" ",
    b"\n",
    b"a",
    b"1",
    b"\\n",
    b"\\u003d",
    b"\\x0a",
    b"%3D",
    b"\\\\",
    b"\\",
    b"\0",
    b"\xff",
    b"\xff\xfe",
    b"\xc3",
    b"[a.a]",
    b"[a.b]",
    b"[a.c",
    b"%5Ba.b%5D",
    b"***",
    b"*",
    b"_",
    b"-",
    b"=",
    b"\"",
    b"ctx ",
    b"Ctx_word: ",
    b"ctx-",
    b".",
    b"\r\n",
    b"[",
    b"]",
    b"x",
    b",",
    b": ",
    b"{\"n\": ",
    b"}",
    b"aaaaaaaaaaaaaaaa",
    b"0000000000",
    b"\\u00",
    b"\\x",
];

/// A policy as a file, and what can be put into haystacks for it.
pub struct Generated {
    /// The policy file.
    pub toml: String,
    /// Texts that match a rule, or nearly.
    bits: Vec<Vec<u8>>,
    samples: Vec<Node>,
}

/// A policy of one to four rules. `plain`: each rule tags or masks, and none can match in a mark.
pub fn policy(c: &mut Choices<'_>, plain: bool) -> Generated {
    let mut made = Generated {
        toml: String::from("[pack]\nid = \"a\"\ntitle = \"Generated\"\n"),
        bits: Vec::new(),
        samples: Vec::new(),
    };
    for i in 0..c.between(1, 4) {
        rule(c, i, plain, &mut made);
    }
    made
}

fn rule(c: &mut Choices<'_>, index: usize, plain: bool, made: &mut Generated) {
    let id = ["a.a", "a.b", "a.c", "a.d"][index];
    let needs_max;
    let matcher = match c.below(if plain { 4 } else { 10 }) {
        0..=3 => {
            let (pattern, max, bits) = c.one(KNOWN);
            needs_max = max;
            made.bits.extend(bits.iter().map(|b| b.as_bytes().to_vec()));
            if pattern.starts_with("\\x00") {
                made.bits.push(b"\0\xff\x80\x81\xff".to_vec());
                made.bits.push(b"\0\xff\x80".to_vec());
            }
            format!("pattern = '''{pattern}'''")
        }
        4 => {
            let (value, max) = c.one(VALUES);
            needs_max = max;
            made.bits
                .extend(KEYED.iter().map(|b| b.as_bytes().to_vec()));
            let suffix = c.chance(80);
            format!(
                "keyed = {{ keywords = [\"api_key\", \"token\"], value = '''{value}''', suffix = {suffix} }}"
            )
        }
        _ => {
            let count = c.between(1, 5);
            let mut nodes: Vec<Node> = (0..count).map(|_| node(c, 2)).collect();
            // Most patterns start with something that must be there.
            if c.chance(200) {
                nodes.insert(0, Node::Literal(c.one(&["key", "aab", "a1", "x", "22:"])));
            }
            let count = nodes.len();
            let from = c.below(count);
            let to = c.between(from + 1, count);
            let mut pattern = String::new();
            for (i, node) in nodes.iter().enumerate() {
                if i == from {
                    pattern.push_str("(?<secret>");
                }
                node.write(&mut pattern);
                if i + 1 == to {
                    pattern.push(')');
                }
            }
            needs_max = c.chance(128) || pattern.contains(",}");
            made.samples.push(Node::Row(nodes));
            format!("pattern = '''{pattern}'''")
        }
    };
    let toml = &mut made.toml;
    let _ = write!(
        toml,
        "[[rule]]\nid = \"{id}\"\ndescription = \"x\"\nsource = \"none\"\n{matcher}\n\
         left = \"{}\"\nright = \"{}\"\nconfidence = \"{}\"\n",
        c.one(BOUNDARIES),
        c.one(BOUNDARIES),
        c.one(CONFIDENCES)
    );
    let actions = if plain { &ACTIONS[..2] } else { ACTIONS };
    let action = if c.chance(100) {
        0
    } else {
        c.below(actions.len())
    };
    let _ = writeln!(toml, "action = {}", actions[action]);
    if needs_max || c.chance(40) {
        // A mark that `max_len` cuts is no mark: plain policies leave room for it.
        let max = if plain {
            90
        } else {
            c.one(&[24, 9, 12, 16, 40, 64, 90])
        };
        let _ = writeln!(toml, "max_len = {max}");
    }
    if c.chance(60) {
        let validator = c.one(VALIDATORS);
        let _ = writeln!(toml, "validators = [{validator}]");
    }
    if c.chance(40) {
        let within = c.one(&[16, 4, 64, 128]);
        let words = c.one(&[
            "keywords = [\"ctx\", \"word_x\"]",
            "keywords = [\"ctx\"], unless = [\"word_x\", \"ct\"]",
            "unless = [\"ctx\"]",
        ]);
        let whole = c.one(&["", ", whole = true"]);
        let reach = c.one(&[
            "",
            ", reach = \"line\"",
            ", reach = \"field\"",
            ", reach = \"key\"",
        ]);
        let _ = writeln!(
            toml,
            "context = {{ {words}, within = {within}{whole}{reach} }}"
        );
    }
}

impl Generated {
    /// A haystack of up to `most` pieces.
    pub fn haystack(&self, c: &mut Choices<'_>, most: usize) -> Vec<u8> {
        let mut hay = Vec::new();
        for _ in 0..c.between(1, most) {
            match c.below(8) {
                0..=2 if !self.bits.is_empty() => {
                    hay.extend_from_slice(&self.bits[c.below(self.bits.len())])
                }
                0..=4 if !self.samples.is_empty() => {
                    self.samples[c.below(self.samples.len())].sample(c, &mut hay)
                }
                5 => {
                    // A piece of a match.
                    let from = hay.len();
                    match self.samples.is_empty() {
                        true => hay.extend_from_slice(&self.bits[c.below(self.bits.len())]),
                        false => self.samples[c.below(self.samples.len())].sample(c, &mut hay),
                    }
                    let keep = c.below(hay.len() - from + 1);
                    hay.truncate(from + keep);
                }
                6 if c.chance(40) => {
                    let byte = c.one(b"a1=*\\x\xff".as_slice());
                    let count = c.between(10, 100);
                    hay.extend(std::iter::repeat_n(byte, count));
                }
                _ => hay.extend(c.one(NOISE)),
            }
        }
        hay
    }
}

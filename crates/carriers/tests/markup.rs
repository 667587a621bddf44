//! XML and HTML that are redacted stay documents: an independent reader finds the same elements, attributes, comments and instructions.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod support;

use std::cell::RefCell;

use blackbar_carriers::{Carrier, Format, Views};
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::{RawKind, ScriptEscapeKind};
use html5ever::tokenizer::{
    BufferQueue, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use support::{Random, Subject};

#[track_caller]
fn becomes(format: Format, input: &str, wanted: &str) {
    let got = Subject::new().check(input.as_bytes(), format, Views::default());
    assert_eq!(String::from_utf8_lossy(&got.out), wanted);
}

#[test]
fn text_and_values_of_attributes_are_redacted() {
    for format in [Format::Xml, Format::Html] {
        for (input, wanted) in [
            ("<a>ghp_ABCDEFG1</a>", "<a>ghp_[t.key]</a>"),
            ("<a b='ghp_ABCDEFG1'/>", "<a b='ghp_[t.key]'/>"),
            ("<a>x&#64;ab.de</a>", "<a>***********</a>"),
            ("<a b=\"x&#x40;ab.de\">1</a>", "<a b=\"************\">1</a>"),
            // By name.
            ("<passwd>hunter22</passwd>", "<passwd>[t.keyed]</passwd>"),
            (
                "<a passwd=\"hunter22\" b=\"c\"/>",
                "<a passwd=\"[t.keyed]\" b=\"c\"/>",
            ),
            // A reference is one thing.
            ("<a>&#4111111111111111;</a>", "<a>[t.card]</a>"),
            ("<a>Q&amp;&lt;1&gt;</a>", "<a>Q**********&gt;</a>"),
            // What grows goes over the ends of elements.
            (
                "<a>-----Babc<b/>d</a><c>[t.pem]~</c>",
                "<a>-----B[t.pem]<b/>[t.pem]</a><c>[t.pem]~</c>",
            ),
            ("<!-- ghp_ABCDEFG1 -->", "<!-- ghp_[t.key] -->"),
            ("<!--Q---->", "<!--Q---->"),
            ("<a>ghp_ABCDEFG1]</a>", "<a>ghp_[t.key]]</a>"),
            ("<a>4111111111111111]&gt;</a>", "<a>[t.card]]&gt;</a>"),
        ] {
            becomes(format, input, wanted);
        }
    }
}

#[test]
fn nothing_that_is_written_ends_what_it_stands_in() {
    becomes(
        Format::Xml,
        "<a><![CDATA[ghp_ABCDEFG1]]><![CDATA[4111111111111111]><]]></a>",
        "<a><![CDATA[ghp_[t.key]]]><![CDATA[[t.card]><]]></a>",
    );
    becomes(Format::Xml, "<a>4111111111111111]></a>", "<a>[t.card]></a>");
    becomes(
        Format::Xml,
        "<?xml version='1.0'?><?p ghp_ABCDEFG1?><!DOCTYPE a [<!ENTITY b 'ghp_ABCDEFG1'><!-- don't -->]><a>&b;</a>",
        "<?xml version='1.0'?><?p ghp_********?><!DOCTYPE a [<!ENTITY b 'ghp_********'><!-- don't -->]><a>&b;</a>",
    );
    becomes(
        Format::Html,
        "<script>var a = \"ghp_ABCDEFG1\"; '-----Ba</script ><b>~c</b>",
        "<script>var a = \"ghp_[t.key]\"; '-----B[t.pem]</script ><b>~c</b>",
    );
    becomes(
        Format::Html,
        "<script><!-- <script> \"Q\" </script> ghp_ABCDEFG1 --></script><title>Q</title>~",
        "<script><!-- <script> \"Q\"*</script> ghp_[t.key] --></script><title>Q</title>~",
    );
    becomes(
        Format::Html,
        "<a href=https://x/?k=ghp_ABCDEFG1&amp;b>1</a><style>Q</style>",
        "<a href=https://x/?k=ghp_[t.key]&amp;b>1</a><style>Q</style>",
    );
}

#[test]
fn names_stay_but_what_only_looks_like_one_does_not() {
    becomes(
        Format::Xml,
        "<ghp_ABCDEFG1 ghp_ABCDEFG1=''/>",
        "<ghp_ABCDEFG1 ghp_ABCDEFG1=''/>",
    );
    becomes(Format::Html, "by Jane <x@ab.de>", "by Jane <xxxxxxx>");
    becomes(Format::Html, "by Jane <a x@ab.de>", "by Jane <a xxxxxxx>");
    becomes(Format::Xml, "by Jane <x@ab.de>", "by Jane <*******>");
}

#[test]
fn what_is_no_xml_is_text_from_where_it_breaks() {
    for (input, wanted) in [
        ("a < ghp_ABCDEFG1", "a < ghp_[t.key]"),
        ("<a <ghp_ABCDEFG1>", "<a <ghp_[t.key]>"),
        ("<a b=ghp_ABCDEFG1>", "<a b=ghp_[t.key]>"),
        ("<a b='<ghp_ABCDEFG1'>", "<a b='<ghp_[t.key]'>"),
        ("<a b>ghp_ABCDEFG1", "<a b>ghp_[t.key]"),
        ("\0<ghp_ABCDEFG1", "\0<ghp_[t.key]"),
    ] {
        becomes(Format::Xml, input, wanted);
    }
    // UTF-16, either end first.
    let wide = |text: &str, big: bool| -> Vec<u8> {
        let two = |b: u8| if big { [0, b] } else { [b, 0] };
        text.bytes().flat_map(two).collect()
    };
    for format in [Format::Xml, Format::Html] {
        for big in [false, true] {
            let text = wide("<a>ghp_ABCDEFG1</a>", big);
            let got = Subject::new().check(&text, format, Views::default());
            assert_eq!(got.out, wide("<a>ghp_[t.key]</a>", big));
        }
    }
}

/// Constructs of all kinds: each prefix is one that is not closed.
const UNCLOSED: &[(Format, &[&str])] = &[
    (
        Format::Xml,
        &[
            "<?xml version = \"1.0\" encoding='UTF-8' standalone=\"yes\" ?>",
            "<?p q?>",
            "<!DOCTYPE a SYSTEM \"b\">",
            "<!DOCTYPE a PUBLIC \"-//b\" 'c' [<!ELEMENT a (#PCDATA | b)*> %d; <!ENTITY e \"<f>&#37;\">]>",
            "<!DOCTYPE a [<!-- b - --> <?c 'd?> <![INCLUDE[]]>]>",
            "<a b = \"c&lt;\" d='e' />",
            "</a >",
            "<!-- a - b -->",
            "<![CDATA[a]b]]>",
            "a &lt; ]]",
        ],
    ),
    (
        Format::Html,
        &[
            "<!doctype html PUBLIC \"a\" 'b'>",
            "<!DOCTYPE",
            "<a b = \"c&lt;\" d='e' f=g / h></a >",
            "<!-- a - b -- --!>",
            "<!a>",
            "<?a>",
            "</ a>",
            "<script><!-- <script> '\\n' </script> --></script>",
            "<style>a</style >",
            "<title>&lt;</title>",
            "<textarea>a",
            "<plaintext>a",
        ],
    ),
];

#[test]
fn nothing_hides_in_what_is_not_closed() {
    const SECRETS: [&str; 3] = ["ghp_ABCDEFG1", "x@ab.de", "4111111111111111"];
    let subject = Subject::new();
    let shows = |text: &[u8], secret: &str| {
        let text = String::from_utf8_lossy(text);
        text.contains(secret)
    };
    for &(format, constructs) in UNCLOSED {
        for construct in constructs {
            for end in 0..=construct.len() {
                let prefix = &construct[..end];
                let [key, mail, card] = SECRETS;
                for text in [
                    format!("{prefix}{key}"),
                    format!("{prefix}{mail}"),
                    format!("{prefix}\n{key}, {mail}\n<a>{card}</a>\n"),
                    format!("{prefix}\n{card}\n<a {mail}>{key}>"),
                ] {
                    let out = subject.check(text.as_bytes(), format, Views::default()).out;
                    let plain = subject.run(text.as_bytes(), Format::Text, Views::default(), &[]);
                    for secret in SECRETS {
                        // What is behind a digit is no card number.
                        let found = !shows(&plain.out, secret);
                        let out = String::from_utf8_lossy(&out);
                        assert!(!found || !out.contains(secret), "{text}\n{out}");
                    }
                }
            }
        }
    }
}

#[test]
fn what_stands_before_the_root_is_read_by_its_grammar() {
    for (input, wanted) in [
        (
            "<?xml version=\"1.0\"><a>ghp_ABCDEFG1</a>",
            "<?xml version=\"1.0\"><a>ghp_[t.key]</a>",
        ),
        (
            "<?xml version='ghp_ABCDEFG1' ?><ghp_ABCDEFG1/>",
            "<?xml version='ghp_********' ?><ghp_ABCDEFG1/>",
        ),
        ("<?xml \nghp_ABCDEFG1 ", "<?xml \nghp_[t.key] "),
        ("<?xml version='x@ab.de'?>", "<?xml version='*******'?>"),
        ("<?ghp_ABCDEFG1 a?>", "<?ghp_xxxxxxxx a?>"),
        ("<?a ?ghp_ABCDEFG1", "<?a ?ghp_********"),
        ("<?= ghp_ABCDEFG1 ?>", "<?= ghp_[t.key] ?>"),
        (
            "<!DOCTYPE ghp_ABCDEFG1 [ ghp_ABCDEFG1 <!ELEMENT x ANY> ]><ghp_ABCDEFG1/>",
            "<!DOCTYPE ghp_xxxxxxxx [ ghp_xxxxxxxx <!ELEMENT x ANY> ]><ghp_ABCDEFG1/>",
        ),
        (
            "<!-- -----B --><!DOCTYPE SYSTEM ~<a>",
            "<!-- -----B[t.pem]--><!DOCTYPE SYSTEM ~<a>",
        ),
        (
            "<!DOCTYPE a [<?b ghp_ABCDEFG1 ' ?>]><ghp_ABCDEFG1/>",
            "<!DOCTYPE a [<?b ghp_******** ' ?>]><ghp_ABCDEFG1/>",
        ),
        ("<!DOCTYPE a <ghp_ABCDEFG1>", "<!DOCTYPE a <ghp_[t.key]>"),
        ("<a ghp_ABCDEFG1>", "<a ghp_[t.key]>"),
    ] {
        becomes(Format::Xml, input, wanted);
    }
    for (input, wanted) in [
        (
            "<!doctype html ghp_ABCDEFG1 x@ab.de>",
            "<!doctype html ghp_******** *******>",
        ),
        ("<!DOCTYPE ghp_ABCDEFG1>", "<!DOCTYPE ghp_xxxxxxxx>"),
        // A slash stands between names.
        ("<p -----Ba/b c>~", "<p -----Bx/x x>~"),
    ] {
        becomes(Format::Html, input, wanted);
    }
}

#[test]
fn what_stands_before_the_root_of_a_document_stays() {
    const ROOT: &str = "<ghp_ABCDEFG1 a=''/>";
    const BEFORE: &[&str] = &[
        "<?xml version=\"1.0\"?>",
        "<?xml version = '1.1'\tencoding=\"ISO-8859-1\"\r\nstandalone='no' ?>\n",
        "\u{feff}<?xml version='1.0' encoding='utf-8'?>",
        "<?xml-stylesheet href=\"a.css\" type='text/css'?>",
        "<?a?><?b_c.d-1 ? > '?>",
        "<!DOCTYPE html>",
        "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\"\n \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd\">",
        "<!DOCTYPE a:b SYSTEM 'it&apos;s <b>' [ ]>",
        "<!DOCTYPE a [<!ELEMENT a (#PCDATA | b)*><!ELEMENT b ((c, d?) | e+)><!ELEMENT c EMPTY><!ELEMENT d ANY>]>",
        "<!DOCTYPE a [<!ATTLIST a b CDATA #IMPLIED c (x|y) \"x\" d NMTOKENS #REQUIRED e ID #FIXED 'f>g'>]>",
        "<!DOCTYPE a [<!ENTITY b \"<c d='e'>&#37;</c>\"><!ENTITY % f SYSTEM \"g\"> %f; <!ENTITY h PUBLIC 'i' 'j' NDATA k>]>",
        "<!DOCTYPE a [<!NOTATION b SYSTEM \"c\"><!-- don't > ]> - --><?d don't > ]> ?>\n]>",
        "<!DOCTYPE é [<!ELEMENT é ANY>]>",
    ];
    for before in BEFORE {
        let text = format!("{before}{ROOT}");
        becomes(Format::Xml, &text, &text);
    }
}

/// What a reader finds, without the text.
fn outline(text: &str) -> Option<Vec<String>> {
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..Default::default()
    };
    let document = roxmltree::Document::parse_with_options(text, options).ok()?;
    let mut all = Vec::new();
    for node in document.descendants().filter(|node| !node.is_text()) {
        let name = match node.pi() {
            Some(pi) => pi.target,
            None => node.tag_name().name(),
        };
        let depth = node.ancestors().count();
        let names: Vec<&str> = node.attributes().map(|a| a.name()).collect();
        all.push(format!("{:?} {depth} {name} {names:?}", node.node_type()));
    }
    Some(all)
}

/// Takes note of tokens, and goes into scripts and styles as a browser does.
#[derive(Default)]
struct Outline(RefCell<Vec<String>>);

impl TokenSink for Outline {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        let mut all = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) => {
                let attributes: Vec<String> =
                    tag.attrs.iter().map(|a| a.name.local.to_string()).collect();
                all.push(format!("{:?} {} {attributes:?}", tag.kind, tag.name));
                if tag.kind == TagKind::StartTag {
                    return match &*tag.name {
                        "script" => TokenSinkResult::RawData(RawKind::ScriptData),
                        "style" | "xmp" => TokenSinkResult::RawData(RawKind::Rawtext),
                        "title" | "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
                        _ => TokenSinkResult::Continue,
                    };
                }
            }
            Token::CommentToken(_) => all.push("comment".to_owned()),
            Token::DoctypeToken(doctype) => all.push(format!("{:?}", doctype.name)),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

fn tokens(text: &str) -> Vec<String> {
    let _ = ScriptEscapeKind::Escaped;
    let tokenizer = Tokenizer::new(Outline::default(), TokenizerOpts::default());
    let queue = BufferQueue::default();
    queue.push_back(StrTendril::from(text));
    let _ = tokenizer.feed(&queue);
    tokenizer.end();
    tokenizer.sink.0.into_inner()
}

impl Random {
    fn text(&mut self, more: &[&'static str]) -> String {
        const BITS: &[&str] = &[
            "ghp_ABCDEFG1",
            "x@ab.de",
            "x&#64;ab.de",
            "4111111111111111",
            "Q",
            "é",
            "-----B",
            "~",
            "sk-abcdefgh",
            "AKIAé12345",
            "&amp;",
            "&lt;",
            " ",
            "\n",
            "passwd",
            "a",
            "]",
        ];
        let all: Vec<&str> = BITS.iter().chain(more).copied().collect();
        (0..self.below(5)).map(|_| self.pick(&all)).collect()
    }

    fn xml(&mut self, depth: usize) -> String {
        match self.below(if depth == 0 { 4 } else { 7 }) {
            0 | 1 => self.text(&["'", "\"", "=", "-"]),
            2 => format!(
                "<![CDATA[{}]]>",
                self.text(&["<", "&", "]>", "<b>"]).replace("]]>", "")
            ),
            3 => {
                let text = self.text(&["<", "&", "'", ">", "<a>"]);
                format!("<!--{}-->", text.replace("--", "").trim_end_matches('-'))
            }
            4 => format!("<?p {}?>", self.text(&["<", "\"", "&"]).replace("?>", "")),
            _ => {
                let name = self.pick(&["a", "passwd", "x:y", "ghp_ABCDEFG1"]);
                let name = name.replace(':', "-");
                let attributes: String = ["b", "passwd", "c"][..self.below(4)]
                    .iter()
                    .map(|name| format!(" {name} = \"{}\"", self.text(&["'", ">", "="])))
                    .collect();
                let inside: String = (0..self.below(4)).map(|_| self.xml(depth - 1)).collect();
                format!("<{name}{attributes}>{inside}</{name}>")
            }
        }
    }

    fn html(&mut self) -> String {
        const BITS: &[&str] = &[
            "<a href=\"",
            "\">",
            "<b c='",
            "'>",
            "<i d=",
            ">",
            "</a>",
            "</b>",
            "<!--",
            "-->",
            "--!>",
            "<!-->",
            "<!doctype html>",
            "<script>",
            "</script>",
            "</script",
            "<!-- <script>",
            "<style>",
            "</style>",
            "<title>",
            "</title >",
            "<textarea>",
            "</textarea>",
            "<",
            "</",
            "<!",
            "<?",
            "/",
            "=",
            "\"",
            "'",
            "--",
            "-",
            "&",
            "&amp",
            "<br/>",
            "<passwd>",
            "]]>",
            "]",
            ">",
        ];
        (0..self.below(12))
            .map(|_| {
                if self.below(2) == 0 {
                    self.text(&[])
                } else {
                    self.pick(BITS).to_owned()
                }
            })
            .collect()
    }
}

#[test]
fn a_reader_of_xml_finds_the_same_document() {
    let subject = Subject::new();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut documents, mut changed) = (0, 0);
    for turn in 0..4000 {
        let inside: String = (0..3).map(|_| random.xml(2)).collect();
        let kind = random.pick(&[
            "",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
            "<!DOCTYPE r [<!ENTITY e \"ghp_ABCDEFG1\">]>",
        ]);
        let text = format!("{kind}<r>{inside}</r>");
        let Some(before) = outline(&text) else {
            continue;
        };
        documents += 1;
        let got = if turn % 40 == 0 {
            subject.check(text.as_bytes(), Format::Xml, Views::default())
        } else {
            let ends: Vec<usize> = (1..text.len()).filter(|end| end % 3 == 0).collect();
            let whole = subject.run(text.as_bytes(), Format::Xml, Views::default(), &[]);
            assert_eq!(
                subject.run(text.as_bytes(), Format::Xml, Views::default(), &ends),
                whole,
                "{text}"
            );
            whole
        };
        let out = String::from_utf8(got.out).unwrap();
        assert_eq!(outline(&out), Some(before), "{text}\n{out}");
        changed += usize::from(out != text);
    }
    assert!(documents > 1500 && changed > 1000, "{documents} {changed}");
}

#[test]
fn a_browser_finds_the_same_tokens() {
    let subject = Subject::new();
    let mut random = Random(0x1234_5678_9abc_def1);
    let mut changed = 0;
    for turn in 0..6000 {
        let text = random.html();
        let got = if turn % 60 == 0 {
            subject.check(text.as_bytes(), Format::Html, Views::default())
        } else {
            subject.run(text.as_bytes(), Format::Html, Views::default(), &[])
        };
        let out = String::from_utf8(got.out).unwrap();
        let (before, after) = (tokens(&text), tokens(&out));
        assert_eq!(
            before.len(),
            after.len(),
            "{text}\n{out}\n{before:?}\n{after:?}"
        );
        for (before, after) in before.iter().zip(&after) {
            // A name in which something is found becomes letters; one that then stands there twice is one.
            let same = before == after || before.len() >= after.len() && after.contains('x');
            assert!(same, "{text}\n{out}\n{before}\n{after}");
        }
        changed += usize::from(out != text);
    }
    assert!(changed > 1500, "{changed}");
}

#[test]
fn memory_is_bounded() {
    let subject = Subject::new();
    for format in [Format::Xml, Format::Html] {
        for piece in [
            "<a b='c'>d</a>",
            "<",
            "&",
            "&a",
            "]",
            "-",
            "<!--",
            "<a",
            " x='",
            "<![CDATA[",
            "<script>",
        ] {
            let mut carrier = Carrier::new(format);
            let mut most = 0;
            for turn in 0..300 {
                let text = piece.repeat(300);
                carrier.push(&subject.engine, &subject.plan, text.as_bytes(), false);
                carrier.clear();
                carrier.rest(&mut Vec::new());
                if turn == 0 {
                    most = 2 * carrier.memory() + 8192;
                }
                assert!(carrier.memory() <= most, "{piece} {turn}");
            }
        }
    }
}

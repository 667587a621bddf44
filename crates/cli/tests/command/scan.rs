//! `blackbar scan`: what is found where, in every form of output, and never the value.

use std::io::Write;

use crate::{NEAR, Scratch, TOKEN};

fn input() -> String {
    format!("first line\n\u{e9}t\u{e9} {TOKEN} and acc-12345678\n{NEAR}\n")
}

#[test]
fn text_names_file_line_and_column() {
    let scratch = Scratch::new();
    scratch.write("a.log", input());
    let run = scratch.run(&["scan", "--policy", "mine.toml", "a.log"]);
    assert_eq!(
        run.ended(0),
        "a.log:2:7 mine.token\na.log:2:33 mine.account\n"
    );
    assert_eq!(run.err, "");
    assert_eq!(
        scratch
            .feed(&["scan", "--policy", "mine.toml"], input())
            .ended(0),
        "-:2:7 mine.token\n-:2:33 mine.account\n"
    );
}

#[test]
fn jsonl_has_exactly_the_keys_that_it_promises() {
    let scratch = Scratch::new();
    scratch.write("a.log", input());
    let run = scratch.run(&[
        "scan",
        "--policy",
        "mine.toml",
        "--format",
        "jsonl",
        "a.log",
    ]);
    let expected = concat!(
        r#"{"file":"a.log","start":17,"end":34,"rule":"mine.token","action":"tag"}"#,
        "\n",
        r#"{"file":"a.log","start":43,"end":51,"rule":"mine.account","action":"keep_last = 2"}"#,
        "\n"
    );
    assert_eq!(run.ended(0), expected);
}

#[test]
fn summaries_count_by_rule_and_by_file() {
    let scratch = Scratch::new();
    scratch.write("logs/a.log", input());
    scratch.write("logs/b.log", TOKEN);
    let run = scratch.run(&[
        "scan",
        "--policy",
        "mine.toml",
        "--format",
        "summary",
        "logs",
    ]);
    let bytes = input().len() + TOKEN.len();
    let expected = format!(
        "rule          findings  files  action\n\
         mine.token           2      2  tag\n\
         mine.account         1      1  keep_last = 2\n\n\
         3 findings in 2 files, {bytes} bytes\n"
    );
    assert_eq!(run.ended(0), expected);
    let by_file = scratch.run(&[
        "scan",
        "--policy",
        "mine.toml",
        "--format",
        "summary",
        "--by",
        "file",
        "logs",
    ]);
    assert!(
        by_file
            .ended(0)
            .contains("logs/b.log  mine.token           1  tag\n"),
        "{}",
        by_file.text()
    );
    let none = scratch.feed(
        &["scan", "--policy", "mine.toml", "--format", "summary"],
        "",
    );
    assert_eq!(none.ended(0), "0 findings in 1 file, 0 bytes\n");
}

#[test]
fn findings_fail_only_where_that_was_asked_for() {
    let scratch = Scratch::new();
    for (text, flag, status) in [
        (TOKEN, true, 1),
        (TOKEN, false, 0),
        (NEAR, true, 0),
        ("", true, 0),
    ] {
        let mut arguments = vec!["scan", "--policy", "mine.toml"];
        arguments.extend(flag.then_some("--fail-on-findings"));
        scratch.feed(&arguments, text).ended(status);
    }
    // An input that could not be read is worse than a finding.
    scratch.write("a.log", TOKEN);
    let run = scratch.run(&[
        "scan",
        "--policy",
        "mine.toml",
        "--fail-on-findings",
        "a.log",
        "missing",
    ]);
    run.says(2, "there is no file `missing`");
    assert_eq!(run.text(), "a.log:1:1 mine.token\n");
}

#[test]
fn lines_are_counted_across_blocks() {
    let scratch = Scratch::new();
    let mut text = "x".repeat(100) + "\n";
    text = text.repeat(5000);
    text.push_str(&format!("   {TOKEN}\n"));
    assert_eq!(
        scratch
            .feed(&["scan", "--policy", "mine.toml"], &text)
            .ended(0),
        "-:5001:4 mine.token\n"
    );
}

#[test]
fn values_are_shown_on_request_only() {
    let scratch = Scratch::new();
    for format in ["text", "jsonl", "summary"] {
        let scan = ["scan", "--policy", "mine.toml", "--format", format];
        let run = scratch.feed(&scan, input());
        assert!(
            !run.ended(0).contains(TOKEN) && !run.err.contains(TOKEN),
            "{format}"
        );
        assert!(!run.text().contains("12345678"), "{format}");
    }
    let shown = scratch.feed(&["scan", "--policy", "mine.toml", "--show-values"], input());
    assert_eq!(
        shown.ended(0),
        format!("-:2:7 mine.token {TOKEN}\n-:2:33 mine.account 12345678\n")
    );
    let shown = scratch.feed(
        &[
            "scan",
            "--policy",
            "mine.toml",
            "--show-values",
            "--format",
            "jsonl",
        ],
        TOKEN,
    );
    assert!(shown.ended(0).contains(&format!(r#","value":"{TOKEN}"}}"#)));
}

#[test]
fn binary_input_is_scanned() {
    let scratch = Scratch::new();
    let mut input = vec![0xff, 0x00, 0xc3];
    input.extend_from_slice(TOKEN.as_bytes());
    input.push(0);
    let run = scratch.feed(
        &["scan", "--policy", "mine.toml", "--format", "jsonl"],
        &input,
    );
    assert_eq!(
        run.ended(0),
        "{\"file\":\"-\",\"start\":3,\"end\":20,\"rule\":\"mine.token\",\"action\":\"tag\"}\n"
    );
}

#[test]
fn compressed_files_of_a_folder_are_scanned() {
    let scratch = Scratch::new();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(input().as_bytes()).unwrap();
    scratch.write("logs/a.log.gz", gzip.finish().unwrap());
    scratch.write("logs/b.log", TOKEN);
    let run = scratch.run(&["scan", "--policy", "mine.toml", "-z", "logs"]);
    assert_eq!(
        run.ended(0),
        "logs/a.log.gz:2:7 mine.token\nlogs/a.log.gz:2:33 mine.account\nlogs/b.log:1:1 mine.token\n"
    );
    // Without it, it is binary, and left out.
    let run = scratch.run(&["scan", "--policy", "mine.toml", "logs"]);
    assert_eq!(run.ended(0), "logs/b.log:1:1 mine.token\n");
    assert!(run.err.contains("1 binary file was left out"));
}

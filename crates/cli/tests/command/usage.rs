//! Arguments: what is refused, and that the help teaches.

use crate::Scratch;

#[test]
fn wrong_usage_ends_with_status_2() {
    let scratch = Scratch::new();
    for (arguments, message) in [
        (&[][..], "Usage"),
        (&["redcat"], "redact"),
        (&["redact", "--polcy", "x"], "--policy"),
        (&["redact", "--chunk", "0"], "0 is not in"),
        (&["redact", "--chunk", "1000000000"], "is not in"),
        (
            &["redact", "--engine", "fast"],
            "[possible values: native, wasm]",
        ),
        (
            &["redact", "--format", "xml"],
            "[possible values: auto, text, json]",
        ),
        (
            &["scan", "--format", "xml"],
            "[possible values: text, jsonl, summary]",
        ),
        (
            &["scan", "--by", "file"],
            "`--by file` is a matter of `--format summary`",
        ),
        (&["compile", "mine.toml"], "--output"),
        (&["embed"], "--output"),
        (&["explain", "--show-values"], "--text"),
        (&["export", "--format", "csv"], "tsv"),
    ] {
        let run = scratch.run(arguments);
        run.says(2, message);
        assert_eq!(run.text(), "", "{arguments:?}");
    }
}

#[test]
fn help_teaches_by_examples() {
    let scratch = Scratch::new();
    let top = scratch.run(&["--help"]);
    let names = [
        "redact", "scan", "eval", "check", "test", "explain", "compile", "embed", "export", "bench",
    ];
    for name in names {
        assert!(top.ended(0).contains(&format!("  {name} ")), "{name}");
        let help = scratch.run(&[name, "--help"]);
        assert!(
            help.ended(0).contains("Examples:\n")
                && help.text().contains(&format!("blackbar {name}")),
            "{name}"
        );
    }
    assert!(
        scratch
            .run(&["--version"])
            .ended(0)
            .starts_with("blackbar ")
    );
}

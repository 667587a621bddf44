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
            &["redact", "--format", "tar"],
            "[possible values: auto, text, json, form",
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

/// Each is told in one go: what is wrong, with which file, and how to mend it.
#[test]
fn wrong_inputs_are_told_in_one_sentence() {
    let scratch = Scratch::new();
    scratch.write("empty.toml", "");
    scratch.write("bytes.bin", [0, 0xff, 0xfe, b'\n', 7]);
    scratch.write("folder/keep", "");
    for (arguments, message) in [
        (
            &["redact", "missing.log"][..],
            "there is no file `missing.log`",
        ),
        (
            &["redact", "--policy", ""],
            "the name of the policy is empty",
        ),
        (
            &["redact", "--policy", "./missing.toml"],
            "cannot read `./missing.toml`: there is no such file",
        ),
        (&["redact", "--policy", "zebra"], "`national/ae` and "),
        (
            &["redact", "--policy", "empty.toml"],
            "says neither [pack] nor [profile]",
        ),
        (
            &["redact", "--policy", "bytes.bin"],
            "cannot read `bytes.bin`: it is not UTF-8",
        ),
        (
            &["redact", "--policy", "folder"],
            "the folder `folder` has no `policy.toml`",
        ),
        (
            &["redact", "--profile", "zebra"],
            "no profile `zebra` in this artifact; it holds `default`, ",
        ),
        (&["explain", "github.pta"], "did you mean `github.pat`?"),
        (
            &["compile", "mine.toml", "-o", "nowhere/x.bbar"],
            "cannot write `nowhere/x.bbar`: there is no folder `nowhere`",
        ),
        (
            &["compile", "mine.toml", "-o", "folder"],
            "cannot write `folder`: it is a folder",
        ),
        (
            &["embed", "--module", "bytes.bin", "-o", "x.wasm"],
            "not a valid Wasm module: it does not begin as Wasm does",
        ),
        (&["bench", "empty.toml"], "`empty.toml` is empty"),
        (&["eval", "empty.toml"], "`empty.toml` holds no record"),
        (
            &["eval", "bytes.bin"],
            "bytes.bin:1:1: the line is not a JSON object",
        ),
        (&["test", "empty.toml"], "says neither [pack] nor [profile]"),
    ] {
        let run = scratch.run(arguments);
        run.says(2, message);
        assert_eq!(run.text(), "", "{arguments:?}");
        let sentences = run.err.lines().filter(|line| line.contains("error: "));
        assert_eq!(sentences.count(), 1, "{arguments:?}: {}", run.err);
        assert!(run.err.len() < 700, "{arguments:?}: {}", run.err);
    }
}

#[test]
fn a_folder_without_files_is_told() {
    let scratch = Scratch::new();
    scratch.write("folder/.hidden", "x");
    let run = scratch.run(&["redact", "folder"]);
    assert_eq!(run.ended(0), "");
    assert!(run.err.contains("no file to read in the folder `folder`"));
}

/// A report shows lines of the file that it is about, and the file may be a log that was named by mistake.
#[test]
fn a_log_that_is_named_as_a_policy_shows_no_value() {
    let scratch = Scratch::new();
    let token = concat!("ghp_", "Eeeby3abP3E2Zs8IQ9Y7aJZqhB6bae2dTjzx");
    let line = format!("user jane.doe@initech-mail.com sent {token}\n");
    scratch.write("app.log", line.repeat(20_000));
    let run = scratch.run(&["redact", "--policy", "app.log"]);
    run.says(2, "is it the right file?");
    assert!(run.err.contains("app.log:1:6") && run.err.contains("user ****"));
    // Not one report for each line: five, of a few lines each.
    assert!(run.err.lines().count() < 50, "{}", run.err);
    for value in [token, "jane.doe", "initech"] {
        assert!(!run.err.contains(value), "{}", run.err);
    }
    for line in ["{\"id\": ", "{\"id\": 7, \"text\": "] {
        scratch.write("bad.jsonl", format!("{line}\"{token}\n"));
        let run = scratch.run(&["eval", "bad.jsonl"]);
        run.says(2, "bad.jsonl:1:");
        assert!(!run.err.contains(token), "{}", run.err);
    }
}

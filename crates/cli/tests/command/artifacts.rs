//! `blackbar compile`, `embed` and `export`, and artifacts wherever a policy may be named: whole, damaged, older, newer.

use crate::{Scratch, TOKEN};

fn compiled(scratch: &Scratch) -> Vec<u8> {
    scratch
        .run(&["compile", "mine.toml", "-o", "mine.bbar"])
        .ended(0);
    scratch.read("mine.bbar")
}

#[test]
fn an_artifact_stands_for_its_policy() {
    let scratch = Scratch::new();
    let artifact = compiled(&scratch);
    assert_eq!(&artifact[..4], b"BBAR");
    for engine in ["native", "wasm"] {
        let run = scratch.feed(
            &["redact", "--policy", "mine.bbar", "--engine", engine],
            TOKEN,
        );
        assert_eq!(run.ended(0), "[mine.token]");
    }
    assert_eq!(
        scratch
            .feed(&["scan", "--policy", "mine.bbar"], TOKEN)
            .ended(0),
        "-:1:1 mine.token\n"
    );
    // Known by its first bytes, whatever it is called.
    scratch.write("policy.bin", &artifact);
    assert_eq!(
        scratch
            .feed(&["redact", "--policy", "policy.bin"], TOKEN)
            .ended(0),
        "[mine.token]"
    );
}

#[test]
fn the_same_policy_gives_the_same_bytes() {
    let scratch = Scratch::new();
    assert!(compiled(&scratch) == compiled(&scratch));
}

#[test]
fn a_damaged_artifact_is_refused_whole() {
    let scratch = Scratch::new();
    let artifact = compiled(&scratch);
    let refused = |what: &str, bytes: &[u8]| {
        scratch.write("bad.bbar", bytes);
        let run = scratch.feed(&["redact", "--policy", "bad.bbar"], TOKEN);
        run.says(2, "cannot load the artifact `bad.bbar`: ");
        assert!(
            run.err.contains("compile") || run.err.contains("copy it again"),
            "{what}: {}",
            run.err
        );
        assert_eq!((run.err.lines().count(), run.text()), (1, ""), "{what}");
    };
    for length in [
        0,
        1,
        3,
        4,
        15,
        16,
        17,
        artifact.len() / 2,
        artifact.len() - 1,
    ] {
        refused(&format!("cut to {length}"), &artifact[..length]);
    }
    for at in (0..artifact.len()).step_by(artifact.len() / 40 + 1) {
        let mut flipped = artifact.clone();
        flipped[at] ^= 1 << (at % 8);
        refused(&format!("bit of byte {at}"), &flipped);
    }
    let longer = [&artifact[..], b"x"].concat();
    refused("longer", &longer);
    for version in [0, u8::MAX] {
        let mut other = artifact.clone();
        other[4] = version;
        scratch.write("bad.bbar", &other);
        scratch
            .feed(&["redact", "--policy", "bad.bbar"], TOKEN)
            .says(2, "version");
    }
}

#[test]
fn what_needs_the_source_says_so() {
    let scratch = Scratch::new();
    compiled(&scratch);
    for arguments in [
        &["test", "mine.bbar"][..],
        &["explain", "--policy", "mine.bbar", "mine.token"],
        &["export", "mine.bbar"],
        &["compile", "mine.bbar", "-o", "x.bbar"],
    ] {
        scratch.run(arguments).says(
            2,
            "`mine.bbar` is a compiled artifact, and its source is needed here",
        );
    }
    scratch
        .run(&["check", "mine.bbar"])
        .says(2, "is a compiled artifact");
}

#[test]
fn the_report_says_what_each_rule_costs() {
    let scratch = Scratch::new();
    let run = scratch.run(&[
        "compile",
        "mine.toml",
        "-o",
        "mine.bbar",
        "--report",
        "json",
    ]);
    let report: serde_json::Value = serde_json::from_str(run.ended(0)).unwrap();
    assert_eq!(report["artifact_bytes"], scratch.read("mine.bbar").len());
    let rules = report["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 3);
    for rule in rules {
        assert!(
            rule["states"].as_u64() > Some(0) && rule["hold_back"].as_u64() > Some(0),
            "{rule}"
        );
        assert!(
            !rule["fingerprint"].as_array().unwrap().is_empty()
                && rule["candidates_per_mib"].is_number(),
            "{rule}"
        );
    }
    let text = scratch.run(&[
        "compile",
        "mine.toml",
        "-o",
        "mine.bbar",
        "--report",
        "text",
    ]);
    assert!(text.ended(0).starts_with("rule "), "{}", text.text());
    assert!(text.text().contains("\nmine.token "), "{}", text.text());
}

#[test]
fn a_policy_goes_into_the_module_and_comes_with_it() {
    let scratch = Scratch::new();
    let artifact = compiled(&scratch);
    for policy in ["mine.toml", "mine.bbar"] {
        scratch
            .run(&["embed", "--policy", policy, "-o", "filter.wasm"])
            .ended(0);
        let module = scratch.read("filter.wasm");
        assert_eq!(&module[..4], b"\0asm");
        assert!(
            module
                .windows(artifact.len())
                .any(|window| window == artifact),
            "{policy}"
        );
    }
    // Into a module that was written before, in place of the policy there.
    let module = scratch.read("filter.wasm");
    scratch
        .run(&[
            "embed",
            "--policy",
            "mine.toml",
            "--module",
            "filter.wasm",
            "-o",
            "again.wasm",
        ])
        .ended(0);
    assert!(scratch.read("again.wasm") == module);
}

#[test]
fn a_module_that_is_none_is_refused() {
    let scratch = Scratch::new();
    scratch.write("text.wasm", "not wasm");
    let run = scratch.run(&[
        "embed",
        "--policy",
        "mine.toml",
        "--module",
        "text.wasm",
        "-o",
        "out.wasm",
    ]);
    run.says(2, "cannot put the policy `mine.toml` into `text.wasm`: ");
    assert!(!scratch.path("out.wasm").exists());
    let run = scratch.run(&[
        "embed",
        "--policy",
        "mine.toml",
        "--module",
        "missing.wasm",
        "-o",
        "out.wasm",
    ]);
    run.says(2, "there is no file `missing.wasm`");
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let scratch = Scratch::new();
    scratch
        .run(&["compile", "mine.toml", "-o", "no/such/x.bbar"])
        .says(2, "cannot write `no/such/x.bbar`: ");
    scratch
        .run(&["embed", "--policy", "mine.toml", "-o", "no/such/x.wasm"])
        .says(2, "cannot write `no/such/x.wasm`: ");
}

#[test]
fn export_gives_one_rule_a_line() {
    let scratch = Scratch::new();
    let run = scratch.run(&["export", "--format", "tsv", "mine.toml"]);
    let lines: Vec<(&str, &str)> = run
        .ended(0)
        .lines()
        .map(|line| line.split_once('\t').unwrap())
        .collect();
    assert_eq!(
        lines.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
        ["mine.token", "mine.account", "mine.number"]
    );
    // What it says is what the rule means, boundaries included.
    let regex = |index: usize| regex_automata::meta::Regex::new(lines[index].1).unwrap();
    for (index, text, is) in [
        (0, TOKEN.to_string(), true),
        (0, format!("x{TOKEN}"), false),
        (1, "acc-12345678".to_string(), true),
        (1, "acc-1234567".to_string(), false),
        (2, "770000000000".to_string(), true),
    ] {
        assert_eq!(
            regex(index).is_match(&text),
            is,
            "{} on {text}",
            lines[index].1
        );
    }
}

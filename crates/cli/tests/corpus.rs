//! Real logs through the command: nothing changes outside findings, however the input is cut. The logs lie beside this checkout and are
//! no part of it; without them the test says so and passes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use blackbar_policy::Policy;
use blackbar_policy::load::NoBuiltins;
use serde_json::Value;

fn logs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/logs");
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "log"))
        .collect();
    files.sort();
    files
}

fn blackbar(arguments: &[&str], file: &Path) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_blackbar"))
        .args(arguments)
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?} {}", file.display());
    output.stdout
}

/// What the findings say that the output must be: every region of overlapping findings replaced by the first one's mark.
fn expected(input: &[u8], findings: &[u8]) -> (Vec<u8>, usize) {
    let mut found: Vec<(usize, usize, String)> = String::from_utf8(findings.to_vec())
        .unwrap()
        .lines()
        .map(|line| {
            let finding: Value = serde_json::from_str(line).unwrap();
            assert_eq!(finding["action"], "tag");
            let number = |key: &str| usize::try_from(finding[key].as_u64().unwrap()).unwrap();
            let rule = finding["rule"].as_str().unwrap().to_owned();
            (number("start"), number("end"), rule)
        })
        .collect();
    let count = found.len();
    // Of findings of the same bytes the most confident one gives the label, then the first in the policy, as they are listed.
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/default.toml");
    let policy = Policy::load(policy.to_str().unwrap(), &NoBuiltins).unwrap();
    let confidence = |id: &str| policy.rule(id).unwrap().confidence;
    found.sort_by_key(|(start, end, rule)| {
        (
            *start,
            std::cmp::Reverse(*end),
            std::cmp::Reverse(confidence(rule)),
        )
    });
    let (mut out, mut at) = (Vec::new(), 0);
    let mut regions: Vec<(usize, usize, String)> = Vec::new();
    for (start, end, rule) in found {
        match regions.last_mut() {
            Some(last) if start < last.1 => last.1 = last.1.max(end),
            _ => regions.push((start, end, rule)),
        }
    }
    for (start, end, rule) in regions {
        out.extend_from_slice(&input[at..start]);
        out.extend_from_slice(format!("[{rule}]").as_bytes());
        at = end;
    }
    out.extend_from_slice(&input[at..]);
    (out, count)
}

#[test]
fn real_logs_change_in_findings_only() {
    let logs = logs();
    if logs.is_empty() {
        eprintln!("skipped: no logs beside this checkout");
        return;
    }
    let mut findings = 0;
    for log in &logs {
        let input = fs::read(log).unwrap();
        let (expected, count) = expected(&input, &blackbar(&["scan", "--format", "jsonl"], log));
        findings += count;
        for arguments in [&["redact"][..], &["redact", "--chunk", "777"]] {
            let output = blackbar(arguments, log);
            // The bytes themselves stay out of the message.
            assert!(output == expected, "{arguments:?} {}", log.display());
        }
    }
    assert!(
        findings > 0,
        "nothing at all was found in {} logs",
        logs.len()
    );
}

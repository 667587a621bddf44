//! The command as a user meets it: arguments, standard input and files in; output, messages and exit status out. How rules match is
//! tested where rules live.

mod artifacts;
mod bench;
mod eval;
mod import;
mod policies;
mod redact;
mod scan;
mod usage;
mod views;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Rules of our own, so that these tests do not depend on what is shipped.
const POLICY: &str = r#"
[pack]
id = "mine"
title = "Tokens of our own"

[[rule]]
id = "mine.token"
description = "Token of the billing service"
source = "https://example.com/tokens"
pattern = 'bill_[a-z0-9]{12}'
validators = ["has-digit"]
severity = "high"

[[rule]]
id = "mine.account"
description = "Account number"
source = "https://example.com/accounts"
pattern = 'acc-(?<secret>[0-9]{8})'
action = { keep_last = 2 }

[[rule]]
id = "mine.number"
description = "Order number, which is long and stands alone"
source = "https://example.com/orders"
pattern = '77[0-9]{10}'
"#;

/// What the rule `mine.token` finds; and what it must not.
const TOKEN: &str = "bill_k3x9m2p7q1zz";
const NEAR: &str = "bill_abcdefghijkl";

/// How a run of the command ended.
struct Run {
    status: i32,
    out: Vec<u8>,
    err: String,
}

impl Run {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.out).expect("the output is text")
    }

    /// The run must have ended with this status; returns its output.
    #[track_caller]
    fn ended(&self, status: i32) -> &str {
        assert_eq!(
            self.status,
            status,
            "out: {:?}\nerr: {}",
            String::from_utf8_lossy(&self.out),
            self.err
        );
        self.text()
    }

    /// The run must have ended with this status and said this on standard error.
    #[track_caller]
    fn says(&self, status: i32, message: &str) {
        self.ended(status);
        assert!(
            self.err.contains(message),
            "{message:?} is not in:\n{}",
            self.err
        );
    }
}

/// A scratch folder with `mine.toml` in it, in which the command runs.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        let scratch = Self(TempDir::new().expect("a scratch folder"));
        scratch.write("mine.toml", POLICY);
        scratch
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("a folder");
        fs::write(&path, content).expect("a file");
        path
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("a file that was written")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blackbar"));
        command.args(arguments).current_dir(self.0.path());
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.feed(arguments, b"")
    }

    fn feed(&self, arguments: &[&str], input: impl AsRef<[u8]>) -> Run {
        let mut child = self.command(arguments).spawn().expect("the command starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        let input = input.as_ref().to_vec();
        // A command that refuses its arguments does not read its input.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().expect("the command ends");
        writer.join().expect("the writer ends");
        Run {
            status: output.status.code().unwrap_or(-1),
            out: output.stdout,
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

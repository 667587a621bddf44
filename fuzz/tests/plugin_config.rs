//! Plugin configuration from anyone: understood or refused with a message; what was refused is not shown.

use blackbar_filter::config::Config;
use blackbar_fuzz::choices::{Choices, Seeded};

const GOOD: &[&str] = &[
    r#"{"profile": "quiet", "mode": "shadow", "rules": {"github.pat": {"action": {"keep_last": 4}, "enabled": false}}}"#,
    r#"{"scan": {"request": {"headers": true, "url": true, "body": false, "trailers": true}}, "hold_limit": 262144, "on_failure": "open"}"#,
    r#"{"log_headers": ["user-agent", "referer"], "content_encoding": {"request": "block", "response": "pass", "strip_accept_encoding": true}}"#,
    r#"{"content_encoding": {"request": "decode", "response": "strip", "unknown": "strip", "max_ratio": 7, "max_decoded": 1, "max_memory": 1048576}}"#,
    r#"{"tcp": {"downstream": {"format": "redis", "logins": "pass"}, "upstream": {"scan": true, "undecided": "mask"}}}"#,
];
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"",
    "null",
    "1e999",
    "-1",
    "\\u0000",
    "\\ud800",
    "true",
    "\"mode\":",
    "\"rules\":",
    " ",
    "[[[[[[[[",
];

#[test]
fn what_is_changed_is_understood_or_refused() {
    let mut seeded = Seeded::new(0x9e37_79b9_7f4a_7c15);
    let (mut understood, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let bytes = seeded.bytes(24);
        let mut c = Choices::new(&bytes);
        let mut text = c.one(GOOD).as_bytes().to_vec();
        for _ in 0..c.below(4) {
            let at = c.below(text.len());
            match c.below(4) {
                0 => text[at] = c.byte(),
                1 => text.truncate(at.max(1)),
                2 => {
                    text.remove(at);
                }
                _ => {
                    text.splice(at..at, c.one(PIECES).bytes());
                }
            }
            if text.is_empty() {
                text.push(b'{');
            }
        }
        match Config::parse(&text) {
            Ok(_) => understood += 1,
            Err(error) => {
                assert!(!error.to_string().is_empty() && error.to_string().len() < 2000);
                refused += 1;
            }
        }
    }
    assert!(
        understood > 1000 && refused > 1000,
        "{understood} {refused}"
    );
}

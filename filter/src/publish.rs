//! Filter state for access logs: what is published under which name, made safe for a log line. What is redacted lives in
//! [`crate::fields`].

use crate::host::{Host, HostError};

/// The path, redacted: `%FILTER_STATE(wasm.blackbar.path:PLAIN)%` in Envoy.
pub const PATH: &str = "blackbar.path";
/// The query without its `?`, redacted.
pub const QUERY: &str = "blackbar.query";
/// Followed by a request header's name.
pub const HEADER: &str = "blackbar.header.";
/// Followed by a response header's name.
pub const RESPONSE_HEADER: &str = "blackbar.response_header.";

/// Publishes one value.
///
/// # Errors
/// As the host answers.
pub fn publish(host: &impl Host, name: &str, value: &[u8]) -> Result<(), HostError> {
    host.set_property(name, escape(value).as_bytes())
}

/// A value that cannot begin a new log line or break its reader: control bytes and bytes that are no UTF-8 become `\xNN`.
///
/// Text access logs print filter state as it is, newlines and all.
#[must_use]
pub fn escape(value: &[u8]) -> String {
    let mut out = String::with_capacity(value.len());
    for chunk in value.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                // Unicode's own line and paragraph separators end lines for some readers, too.
                c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                    let mut bytes = [0; 4];
                    c.encode_utf8(&mut bytes)
                        .bytes()
                        .for_each(|byte| push_hex(&mut out, byte));
                }
                c => out.push(c),
            }
        }
        chunk
            .invalid()
            .iter()
            .for_each(|byte| push_hex(&mut out, *byte));
    }
    out
}

fn push_hex(out: &mut String, byte: u8) {
    out.push_str("\\x");
    for half in [byte >> 4, byte & 15] {
        out.push(char::from_digit(u32::from(half), 16).unwrap_or('?'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_log_line_can_be_forged() {
        assert_eq!(escape(b"/a?b=c d\"e\\"), "/a?b=c d\"e\\");
        assert_eq!(
            escape(b"a\r\nb\0\x1b[31m\x7f"),
            "a\\x0d\\x0ab\\x00\\x1b[31m\\x7f"
        );
        assert_eq!(
            escape("ü\u{2028}\u{85}".as_bytes()),
            "ü\\xe2\\x80\\xa8\\xc2\\x85"
        );
        assert_eq!(escape(b"\xff\xfea\xc3"), "\\xff\\xfea\\xc3");
    }
}

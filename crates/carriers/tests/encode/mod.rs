//! Encoders for what tests hide, written apart from the decoders under test.
#![allow(dead_code, reason = "each test uses some of these")]

/// RFC 4648, without padding.
pub(crate) fn base64(text: &[u8], url: bool) -> String {
    let digits: &[u8] = if url {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    } else {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    };
    let mut out = String::new();
    for three in text.chunks(3) {
        let word = three
            .iter()
            .fold(0_u32, |word, &b| word << 8 | u32::from(b))
            << (8 * (3 - three.len()));
        for i in 0..=three.len() {
            out.push(char::from(digits[(word >> (18 - 6 * i) & 63) as usize]));
        }
    }
    out
}

/// Two digits for each byte.
pub(crate) fn hex(text: &[u8]) -> String {
    text.iter().map(|b| format!("{b:02x}")).collect()
}

/// `%41`.
pub(crate) fn percent(text: &[u8]) -> String {
    text.iter().map(|b| format!("%{b:02X}")).collect()
}

/// `\u0041`.
pub(crate) fn escaped(text: &[u8]) -> String {
    text.iter().map(|b| format!("\\u{b:04x}")).collect()
}

/// `&#65;` or `&#x41;`.
pub(crate) fn entities(text: &[u8], hex: bool) -> String {
    let entity = |b: &u8| match hex {
        true => format!("&#x{b:x};"),
        false => format!("&#{b};"),
    };
    text.iter().map(entity).collect()
}

/// `=41`.
pub(crate) fn quoted(text: &[u8]) -> String {
    text.iter().map(|b| format!("={b:02X}")).collect()
}

/// UTF-16 of ASCII.
pub(crate) fn wide(text: &[u8], big: bool) -> Vec<u8> {
    text.iter()
        .flat_map(|&b| if big { [0, b] } else { [b, 0] })
        .collect()
}

//! What headers say of WebSocket: whether it follows them (RFC 6455, section 4; RFC 8441 for HTTP/2), and whether extensions are named. Frames
//! are read by the carrier; what becomes of a stream is decided in `decision`.

use crate::counters::{Counters, Event};
use crate::headers::{Changes, alike};
use crate::host::Host;
use crate::map::Pair;

/// The header that offers extensions, and takes them.
const EXTENSIONS: &str = "sec-websocket-extensions";

/// Whether headers of a request ask for WebSocket, or those of a response agree to it: in `upgrade`, or in `:protocol` of a CONNECT.
pub(crate) fn is_named(pairs: &[Pair<'_>]) -> bool {
    pairs.iter().any(|Pair { name, value }| {
        let mut protocols = value.split(|byte| *byte == b',');
        (name.eq_ignore_ascii_case(b"upgrade") || *name == b":protocol")
            && protocols.any(|one| one.trim_ascii().eq_ignore_ascii_case(b"websocket"))
    })
}

/// Whether headers of a response name a protocol, and not WebSocket.
pub(crate) fn is_other(pairs: &[Pair<'_>]) -> bool {
    let upgrade = |pair: &&Pair<'_>| pair.name.eq_ignore_ascii_case(b"upgrade");
    let mut named = pairs.iter().filter(upgrade);
    named.any(|pair| !pair.value.trim_ascii().is_empty()) && !is_named(pairs)
}

/// Whether any extension is named. Each may make frames what nothing here reads; the only one that is registered compresses them.
pub(crate) fn is_extended(pairs: &[Pair<'_>]) -> bool {
    pairs.iter().any(|pair| {
        alike(pair.name, EXTENSIONS.as_bytes())
            && pair
                .value
                .split(|byte| *byte == b',')
                .any(|one| !one.trim_ascii().is_empty())
    })
}

/// Takes the offers of extensions out of a request: a server that is offered none takes none.
pub(crate) fn drop_offers(changes: &mut Changes<'_>, counters: &Counters, host: &impl Host) {
    if changes.remove(EXTENSIONS) {
        counters.event(host, Event::WebSocketOffersDropped, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs<'a>(all: &[(&'a str, &'a str)]) -> Vec<Pair<'a>> {
        let pair = |(name, value): &(&'a str, &'a str)| Pair {
            name: name.as_bytes(),
            value: value.as_bytes(),
        };
        all.iter().map(pair).collect()
    }

    #[test]
    fn where_websocket_is_named() {
        for (name, value, named) in [
            ("upgrade", "websocket", true),
            ("Upgrade", "h2c, WebSocket", true),
            (":protocol", "websocket", true),
            ("upgrade", "h2c", false),
            ("upgrade", "websockets", false),
            ("x-upgrade", "websocket", false),
            (":protocol", "connect-udp", false),
        ] {
            assert_eq!(is_named(&pairs(&[(name, value)])), named, "{name}: {value}");
        }
    }

    #[test]
    fn where_something_else_is_named() {
        for (name, value, other) in [
            ("upgrade", "h2c", true),
            ("Upgrade", "h2c, websocket", false),
            ("upgrade", "WebSocket", false),
            ("upgrade", " ", false),
            ("connection", "upgrade", false),
        ] {
            let got = is_other(&pairs(&[(name, value)]));
            assert_eq!(got, other, "{name}: {value}");
        }
    }

    #[test]
    fn where_extensions_are() {
        for (name, value, extended) in [
            ("Sec-WebSocket-Extensions", "permessage-deflate", true),
            ("sec_websocket_extensions", "x; y=1, z", true),
            ("sec-websocket-extensions", " , ", false),
            ("sec-websocket-protocol", "json", false),
        ] {
            let got = is_extended(&pairs(&[("a", "b"), (name, value)]));
            assert_eq!(got, extended, "{name}: {value}");
        }
    }
}

//! Network addresses whose form a regular expression cannot check. IPv4 and MAC addresses are regular: their rules are patterns.

use core::net::Ipv6Addr;

/// Whether `value` is a textual IPv6 address: eight groups, or fewer around one `::`; the last two may be an IPv4 address.
///
/// A zone (`%eth0`) is ignored. Times such as `12:34:56`, MAC addresses, and a
/// prefix length (`/64`) are refused: the first two are not addresses, the last is not part of one. `::` alone is an address;
/// a rule that does not want it says so in its pattern.
///
/// Source: RFC 4291, section 2.2; RFC 4007, section 11 (zones).
pub fn ipv6(value: &[u8]) -> bool {
    let address = value.split(|&byte| byte == b'%').next();
    core::str::from_utf8(address.unwrap_or_default())
        .is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn forms_of_the_rfc() {
        for good in [
            "ABCD:EF01:2345:6789:ABCD:EF01:2345:6789",
            "2001:DB8:0:0:8:800:200C:417A",
            "2001:DB8::8:800:200C:417A",
            "FF01::101",
            "::1",
            "::",
            "0:0:0:0:0:0:13.1.68.3",
            "::FFFF:129.144.52.38",
            "fe80::1%eth0",
            "fe80::1%25eth0",
        ] {
            assert!(ipv6(good.as_bytes()), "{good}");
        }
        for bad in [
            "12:34:56",
            "2024-01-01 12:34:56",
            "00:1a:2b:3c:4d:5e",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "1::2::3",
            "1:2:3:4:5:6:7:",
            ":1:2:3:4:5:6:7:8",
            "12345::",
            "::1.2.3",
            "::256.1.1.1",
            "g::1",
            "2001:db8::/32",
            "",
            "%eth0",
        ] {
            assert!(!ipv6(bad.as_bytes()), "{bad}");
        }
        assert!(!ipv6(b"::1\xff"));
    }

    /// Counts groups by hand: no `::` means exactly eight, one `::` means at most seven.
    fn naive(text: &str) -> bool {
        let group =
            |g: &str| !g.is_empty() && g.len() <= 4 && g.bytes().all(|b| b.is_ascii_hexdigit());
        let groups = |side: &str| -> Option<usize> {
            let parts: Vec<&str> = if side.is_empty() {
                Vec::new()
            } else {
                side.split(':').collect()
            };
            parts.iter().all(|g| group(g)).then_some(parts.len())
        };
        match text.split_once("::") {
            None => groups(text) == Some(8),
            Some((left, right)) => {
                matches!((groups(left), groups(right)), (Some(l), Some(r)) if l + r <= 7)
            }
        }
    }

    proptest! {
        #[test]
        fn as_counted_by_hand(text in "([0-9a-f]{1,5}|:|::){1,17}") {
            prop_assert_eq!(ipv6(text.as_bytes()), naive(&text), "{}", text);
        }

        #[test]
        fn addresses_as_printed(bits in any::<u128>(), keep in any::<u128>()) {
            // Masks give runs of zero groups, which are printed with `::`.
            for bits in [bits, bits & keep, bits & keep << 64, bits >> 96] {
                let text = alloc::format!("{}", Ipv6Addr::from_bits(bits));
                prop_assert!(ipv6(text.as_bytes()), "{}", text);
            }
        }
    }
}

//! What a header's value is made of, by the header's name: which parts may be changed, and which hold it together. How they are changed
//! lives in [`crate::fields`].

use core::ops::Range;

use crate::headers::alike;

/// What the value of a header is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Anything.
    Plain,
    /// `name=value; name=value` (RFC 6265, section 4.2).
    Cookies,
    /// One cookie and its attributes (RFC 6265, section 4.1).
    SetCookie,
    /// A scheme, and a token or parameters (RFC 9110, section 11.4).
    Credentials,
    /// A reference to a resource (RFC 3986).
    Url,
    /// References in angle brackets, and parameters (RFC 8288).
    Links,
    /// Base64 of bytes, or a list of it: binary metadata of gRPC.
    Binary,
}

const COOKIES: &[&str] = &["cookie", "cookie2"];
const SET_COOKIE: &[&str] = &["set-cookie", "set-cookie2"];
const CREDENTIALS: &[&str] = &["authorization", "proxy-authorization"];
const URLS: &[&str] = &[
    "referer",
    "location",
    "content-location",
    "origin",
    "destination",
    "sourcemap",
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
    "x-forwarded-uri",
    "x-envoy-original-path",
];

impl Kind {
    /// The kind of value that a header of that name has.
    #[must_use]
    pub fn of(name: &[u8]) -> Kind {
        let is = |list: &[&str]| list.iter().any(|entry| alike(name, entry.as_bytes()));
        if is_binary(name) {
            Kind::Binary
        } else if is(COOKIES) {
            Kind::Cookies
        } else if is(URLS) {
            Kind::Url
        } else if is(CREDENTIALS) {
            Kind::Credentials
        } else if is(SET_COOKIE) {
            Kind::SetCookie
        } else if alike(name, b"link") {
            Kind::Links
        } else {
            Kind::Plain
        }
    }
}

/// gRPC: names of binary metadata end with `-bin`.
fn is_binary(name: &[u8]) -> bool {
    let end = name.len().saturating_sub(4);
    name.get(end..).is_some_and(|end| alike(end, b"-bin"))
}

/// How a part is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// As the rule says.
    AsFound,
    /// What is found becomes `*`, as many bytes: where a tag's brackets may not stand.
    Stars,
    /// What is found becomes `x`, as many bytes: where only letters may stand.
    Crosses,
    /// As soon as anything is found in it, all of it becomes `*`.
    AllStars,
}

/// A part of a value that may be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it stands in the value.
    pub at: Range<usize>,
    /// How it is changed.
    pub write: Write,
    /// Whether it is a credential whatever rules say of it: access logs do not show it.
    pub opaque: bool,
}

/// Parts that can be taken out, each with what separates it from the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Where it begins, with the mark that leads it in.
    pub lead: usize,
    /// Its elements, in order.
    pub units: Vec<Range<usize>>,
}

/// What a value is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    /// In order, disjoint. What is in none is never changed.
    pub parts: Vec<Part>,
    /// In order, disjoint.
    pub lists: Vec<List>,
}

impl Layout {
    /// Reads a value. `published`: not in flight, so that nothing but its look holds it together.
    #[must_use]
    pub fn of(kind: Kind, value: &[u8], published: bool) -> Layout {
        let mut layout = Layout::default();
        let all = 0..value.len();
        match kind {
            Kind::Plain | Kind::Binary => layout.add(all, Write::AsFound),
            Kind::Cookies => layout.cookies(value),
            Kind::SetCookie => layout.set_cookie(value, published),
            Kind::Credentials => layout.credentials(value),
            Kind::Url => layout.url(value, all),
            Kind::Links => layout.links(value),
        }
        layout
    }

    /// A user and a password.
    #[must_use]
    pub fn of_user_and_password(value: &[u8]) -> Layout {
        let mut layout = Layout::default();
        layout.user(value, 0..value.len());
        layout
    }

    fn add(&mut self, at: Range<usize>, write: Write) {
        if !at.is_empty() {
            self.parts.push(Part {
                at,
                write,
                opaque: false,
            });
        }
    }

    fn add_opaque(&mut self, at: Range<usize>) {
        if !at.is_empty() {
            self.parts.push(Part {
                at,
                write: Write::AsFound,
                opaque: true,
            });
        }
    }

    fn user(&mut self, value: &[u8], at: Range<usize>) {
        let colon = find(value, &at, |byte| byte == b':');
        self.add(at.start..colon, Write::AsFound);
        self.add((colon + 1).min(at.end)..at.end, Write::AsFound);
    }

    fn cookies(&mut self, value: &[u8]) {
        let mut units = Vec::new();
        for at in split(value, 0..value.len(), b';') {
            let at = trim(value, at);
            if !at.is_empty() {
                self.pair(value, at.clone());
                units.push(at);
            }
        }
        self.lists.push(List { lead: 0, units });
    }

    fn set_cookie(&mut self, value: &[u8], published: bool) {
        const ATTRIBUTES: &[&str] = &[
            "expires",
            "max-age",
            "domain",
            "path",
            "secure",
            "httponly",
            "samesite",
            "priority",
            "partitioned",
            "version",
            "port",
        ];
        for (index, at) in split(value, 0..value.len(), b';').enumerate() {
            let at = trim(value, at);
            let name = trim(value, at.start..find(value, &at, |byte| byte == b'='));
            let name = value.get(name).unwrap_or_default();
            let known = is(name, ATTRIBUTES);
            if index == 0 || published || !known {
                self.pair(value, at);
            }
        }
    }

    /// `name=value`, or a value alone. Brackets may not stand in a name.
    fn pair(&mut self, value: &[u8], at: Range<usize>) {
        let equals = find(value, &at, |byte| byte == b'=');
        if equals == at.end {
            self.add(at, Write::AsFound);
            return;
        }
        self.add(trim(value, at.start..equals), Write::Stars);
        let inside = unquoted(value, trim(value, equals + 1..at.end));
        self.add(inside, Write::AsFound);
    }

    fn credentials(&mut self, value: &[u8]) {
        let all = trim(value, 0..value.len());
        let space = find(value, &all, |byte| matches!(byte, b' ' | b'\t'));
        let scheme = value.get(all.start..space).unwrap_or_default();
        let rest = trim(value, space..all.end);
        if rest.is_empty() {
            // No scheme.
            self.add_opaque(all);
            return;
        }
        // What stands there and is no scheme may be anything.
        if !is(scheme, SCHEMES) {
            self.parts.push(Part {
                at: all.start..space,
                write: Write::Stars,
                opaque: !is_scheme(scheme),
            });
        }
        let is_token = is(scheme, &["basic", "bearer", "negotiate", "ntlm"]);
        if is_token || !has_parameters(value, &rest) {
            self.add_opaque(rest);
            return;
        }
        for at in split_outside_quotes(value, rest, b',') {
            let at = trim(value, at);
            let equals = find(value, &at, |byte| byte == b'=');
            if equals == at.end {
                self.add_opaque(at);
                continue;
            }
            let name = trim(value, at.start..equals);
            self.add(name.clone(), Write::Stars);
            let right = trim(value, equals + 1..at.end);
            let inside = unquoted(value, right.clone());
            let text = value.get(inside.clone()).unwrap_or_default();
            // What was not written as one value may hold another parameter.
            let one = match inside == right {
                true => !text
                    .iter()
                    .any(|b| matches!(b, b'&' | b'=' | b'"' | b' ' | b'\t')),
                false => !text.contains(&b'"'),
            };
            if one && is(value.get(name).unwrap_or_default(), TELLING) {
                self.add(inside, Write::AsFound);
            } else {
                self.add_opaque(inside);
            }
        }
    }

    fn url(&mut self, value: &[u8], at: Range<usize>) {
        let mut start = at.start;
        if let Some(colon) = scheme_end(value, &at) {
            if !is(
                value.get(start..colon).unwrap_or_default(),
                &["http", "https"],
            ) {
                self.add(start..colon, Write::Crosses);
            }
            start = colon + 1;
            if !starts_with(value, start, &at, b"/") {
                // `mailto:`, `data:`, `urn:`: nothing there holds a URL together.
                self.add(start..at.end, Write::AsFound);
                return;
            }
        }
        if starts_with(value, start, &at, b"//") {
            let rest = start + 2..at.end;
            let end = find(value, &rest, |byte| {
                matches!(byte, b'/' | b'?' | b'#' | b'\\')
            });
            self.authority(value, start + 2..end);
            start = end;
        }
        if starts_with(value, start, &at, b"/") {
            start += 1;
        }
        let fragment = find(value, &(start..at.end), |byte| byte == b'#');
        let query = find(value, &(start..fragment), |byte| byte == b'?');
        self.add(start..query, Write::AsFound);
        if query < fragment {
            let units: Vec<_> = split(value, query + 1..fragment, b'&').collect();
            for unit in &units {
                self.add(unit.clone(), Write::AsFound);
            }
            self.lists.push(List { lead: query, units });
        }
        self.add((fragment + 1).min(at.end)..at.end, Write::AsFound);
    }

    fn authority(&mut self, value: &[u8], at: Range<usize>) {
        let bytes = value.get(at.clone()).unwrap_or_default();
        let mut host = at.start;
        if let Some(end) = bytes.iter().rposition(|byte| *byte == b'@') {
            self.user(value, at.start..at.start + end);
            host = at.start + end + 1;
        }
        let mut end = at.end;
        let rest = value.get(host..end).unwrap_or_default();
        if let Some(colon) = rest.iter().rposition(|byte| *byte == b':')
            && rest
                .get(colon + 1..)
                .is_some_and(|port| port.len() <= 5 && port.iter().all(u8::is_ascii_digit))
        {
            end = host + colon;
        }
        // What is left of an address must not be one any more: it would be read as another, or not at all.
        let name = value.get(host..end).unwrap_or_default();
        let literal = name.first() == Some(&b'[');
        let numbers = name.iter().all(|b| b.is_ascii_digit() || *b == b'.');
        let write = if literal || numbers {
            Write::AllStars
        } else {
            Write::Stars
        };
        self.add(host..end, write);
    }

    fn links(&mut self, value: &[u8]) {
        let all = 0..value.len();
        let mut at = 0;
        while at < all.end {
            let open = find(value, &(at..all.end), |byte| byte == b'<');
            self.link_parameters(value, at..open);
            if open == all.end {
                break;
            }
            let close = find(value, &(open..all.end), |byte| byte == b'>');
            self.url(value, open + 1..close);
            at = close + 1;
        }
    }

    /// Between two references: `; rel="next"; title=x, `.
    fn link_parameters(&mut self, value: &[u8], at: Range<usize>) {
        for piece in split_outside_quotes(value, at, b';') {
            for piece in split_outside_quotes(value, piece, b',') {
                let piece = trim(value, piece);
                let equals = find(value, &piece, |byte| byte == b'=');
                let right = trim(value, (equals + 1).min(piece.end)..piece.end);
                let inside = unquoted(value, right.clone());
                self.add(trim(value, piece.start..equals), Write::Stars);
                if inside == right {
                    self.add(right, Write::Stars);
                } else {
                    self.add(inside, Write::AsFound);
                }
            }
        }
    }
}

/// Schemes that stay whatever is found: those of IANA's registry, and others that are in use.
const SCHEMES: &[&str] = &[
    "basic",
    "bearer",
    "digest",
    "dpop",
    "gnap",
    "hoba",
    "mutual",
    "negotiate",
    "ntlm",
    "oauth",
    "privatetoken",
    "scram-sha-1",
    "scram-sha-256",
    "vapid",
    "aws4-hmac-sha256",
    "aws4-ecdsa-p256-sha256",
    "signature",
    "hawk",
    "hmac",
    "mac",
    "token",
    "key",
    "apikey",
    "api-key",
    "splunk",
    "ssws",
    "geniekey",
    "bot",
    "jwt",
];

/// Whether it could be a scheme that is not in the list.
fn is_scheme(text: &[u8]) -> bool {
    text.len() <= 24
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

/// Parameters of credentials that are none themselves: what they say helps in a log, and rules find what should not stand there.
const TELLING: &[&str] = &[
    "realm",
    "uri",
    "algorithm",
    "qop",
    "nc",
    "charset",
    "userhash",
    "username",
    "credential",
    "signedheaders",
    "headers",
    "keyid",
    "id",
    "ts",
    "created",
    "expires",
    "version",
    "oauth_signature_method",
    "oauth_version",
    "oauth_timestamp",
];

fn is(name: &[u8], list: &[&str]) -> bool {
    list.iter()
        .any(|entry| name.eq_ignore_ascii_case(entry.as_bytes()))
}

/// Whether credentials are parameters, not one token: a name, an equals sign and something more than padding.
fn has_parameters(value: &[u8], at: &Range<usize>) -> bool {
    let equals = find(value, at, |byte| byte == b'=');
    let name = value.get(trim(value, at.start..equals)).unwrap_or_default();
    let rest = value.get(equals..at.end).unwrap_or_default();
    !name.is_empty()
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_*.".contains(byte))
        && rest.iter().any(|byte| *byte != b'=')
}

/// Where the scheme of an absolute URL ends: at its colon.
fn scheme_end(value: &[u8], at: &Range<usize>) -> Option<usize> {
    let colon = find(value, at, |byte| {
        !byte.is_ascii_alphanumeric() && !b"+-.".contains(&byte)
    });
    let first = value.get(at.start).is_some_and(u8::is_ascii_alphabetic);
    (first && colon < at.end && value.get(colon) == Some(&b':')).then_some(colon)
}

fn starts_with(value: &[u8], start: usize, at: &Range<usize>, what: &[u8]) -> bool {
    value
        .get(start..at.end)
        .is_some_and(|rest| rest.starts_with(what))
}

/// Where the first such byte stands; the end if there is none.
fn find(value: &[u8], at: &Range<usize>, is: impl Fn(u8) -> bool) -> usize {
    value
        .get(at.clone())
        .unwrap_or_default()
        .iter()
        .position(|byte| is(*byte))
        .map_or(at.end, |position| at.start + position)
}

/// The ranges between separators.
fn split(value: &[u8], at: Range<usize>, by: u8) -> impl Iterator<Item = Range<usize>> + '_ {
    let bytes = value.get(at.clone()).unwrap_or_default();
    let mut start = at.start;
    bytes.split(move |byte| *byte == by).map(move |piece| {
        let range = start..start + piece.len();
        start = range.end + 1;
        range
    })
}

/// The same, but for separators in a quoted string (RFC 9110, section 5.6.4).
fn split_outside_quotes(value: &[u8], at: Range<usize>, by: u8) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let (mut start, mut quoted, mut escaped) = (at.start, false, false);
    for (index, byte) in value.get(at.clone()).unwrap_or_default().iter().enumerate() {
        let here = at.start + index;
        if escaped {
            escaped = false;
        } else if quoted && *byte == b'\\' {
            escaped = true;
        } else if *byte == b'"' {
            quoted = !quoted;
        } else if *byte == by && !quoted {
            pieces.push(start..here);
            start = here + 1;
        }
    }
    pieces.push(start..at.end);
    pieces
}

/// Without spaces and tabs at both ends.
fn trim(value: &[u8], at: Range<usize>) -> Range<usize> {
    let bytes = value.get(at.clone()).unwrap_or_default();
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let Some(first) = bytes.iter().position(|byte| !is_space(byte)) else {
        return at.start..at.start;
    };
    let last = bytes.iter().rposition(|byte| !is_space(byte));
    at.start + first..at.start + last.unwrap_or(first) + 1
}

/// What stands between quotes, or all of it.
fn unquoted(value: &[u8], at: Range<usize>) -> Range<usize> {
    match value.get(at.clone()) {
        Some([b'"', .., b'"']) => at.start + 1..at.end - 1,
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value with its parts in braces: `{}` as found, `<>` stars, `()` all stars; opaque ones end with `!`.
    fn shown(kind: Kind, value: &str) -> String {
        let layout = Layout::of(kind, value.as_bytes(), false);
        let (mut out, mut at) = (String::new(), 0);
        for part in &layout.parts {
            assert!(part.at.start >= at, "{value}: {layout:?}");
            let (open, close) = match part.write {
                Write::AsFound => ('{', '}'),
                Write::Stars => ('<', '>'),
                Write::Crosses => ('x', 'x'),
                Write::AllStars => ('(', ')'),
            };
            out += value.get(at..part.at.start).unwrap_or_default();
            out.push(open);
            out += value.get(part.at.clone()).unwrap_or_default();
            out.push(close);
            out += if part.opaque { "!" } else { "" };
            at = part.at.end;
        }
        out + value.get(at..).unwrap_or_default()
    }

    #[test]
    fn names() {
        for (name, kind) in [
            ("Cookie", Kind::Cookies),
            ("set_cookie", Kind::SetCookie),
            ("proxy-authorization", Kind::Credentials),
            ("REFERER", Kind::Url),
            ("link", Kind::Links),
            ("grpc-status-details-bin", Kind::Binary),
            ("x_bin", Kind::Binary),
            ("bin", Kind::Plain),
            ("", Kind::Plain),
            ("x-cookie", Kind::Plain),
        ] {
            assert_eq!(Kind::of(name.as_bytes()), kind, "{name}");
        }
    }

    #[test]
    fn cookies() {
        for (value, expected) in [
            ("", ""),
            ("a=1", "<a>={1}"),
            (
                "a=1; b=\"x y\";c ; =d;;",
                "<a>={1}; <b>=\"{x y}\";{c} ; ={d};;",
            ),
            ("a=b=c; d=", "<a>={b=c}; <d>="),
            ("a=\"", "<a>={\"}"),
        ] {
            assert_eq!(shown(Kind::Cookies, value), expected);
        }
        assert_eq!(
            shown(
                Kind::SetCookie,
                "s=v; Path=/a=b; Expires=Wed, 21 Oct 2026 07:28:00 GMT; HttpOnly; x=y"
            ),
            "<s>={v}; Path=/a=b; Expires=Wed, 21 Oct 2026 07:28:00 GMT; HttpOnly; <x>={y}"
        );
    }

    #[test]
    fn credentials() {
        for (value, expected) in [
            ("", ""),
            ("abc", "{abc}!"),
            ("Basic dTpw==", "Basic {dTpw==}!"),
            ("Bearer a=b", "Bearer {a=b}!"),
            ("Token  abc==", "Token  {abc==}!"),
            (
                "Digest username=\"a, b\", response=\"6f\", nc=1",
                "Digest <username>=\"{a, b}\", <response>=\"{6f}!\", <nc>={1}",
            ),
            (
                "AWS4-HMAC-SHA256 Credential=AK/1/s3, SignedHeaders=a;b,Signature=ff",
                "AWS4-HMAC-SHA256 <Credential>={AK/1/s3}, <SignedHeaders>={a;b},<Signature>={ff}!",
            ),
            (
                "HMAC-SHA256 Credential=id&SignedHeaders=x;host&Signature=AB",
                "<HMAC-SHA256> <Credential>={id&SignedHeaders=x;host&Signature=AB}!",
            ),
            (
                "Signature keyId=\"k\" signature=\"deadbeef\"",
                "Signature <keyId>=\"{k\" signature=\"deadbeef}!\"",
            ),
            (
                "Digest username=\"a, response=\"6f,1\"",
                "Digest <username>={\"a, response=\"6f}!,{1\"}!",
            ),
            ("Hawk id=a b", "Hawk <id>={a b}!"),
            ("Custom a", "<Custom> {a}!"),
            ("a_b c", "<a_b>! {c}!"),
        ] {
            assert_eq!(shown(Kind::Credentials, value), expected);
        }
    }

    #[test]
    fn urls() {
        for (value, expected) in [
            ("", ""),
            ("null", "{null}"),
            ("https://a.test", "https://<a.test>"),
            (
                "https://u:p@a.test:80/x/y?k=v&w#f",
                "https://{u}:{p}@<a.test>:80/{x/y}?{k=v}&{w}#{f}",
            ),
            ("//10.0.0.1/", "//(10.0.0.1)/"),
            ("http://[::1]:8/a", "http://([::1]):8/{a}"),
            ("/a?", "/{a}?"),
            ("a/b:c", "{a/b:c}"),
            ("?x&&y", "?{x}&&{y}"),
            ("#", "#"),
            ("mailto:a@b.test", "xmailtox:{a@b.test}"),
            ("http://h:123456/", "http://<h:123456>/"),
        ] {
            assert_eq!(shown(Kind::Url, value), expected);
        }
    }

    #[test]
    fn links() {
        for (value, expected) in [
            (
                "</a?b=c>; rel=\"next, x\"; t=u, <https://h/>; q",
                "</{a}?{b=c}>; <rel>=\"{next, x}\"; <t>=<u>, <https://<h>/>; <q>",
            ),
            ("no reference", "<no reference>"),
            ("<open", "<{open}"),
        ] {
            assert_eq!(shown(Kind::Links, value), expected);
        }
    }

    #[test]
    fn any_bytes_are_read() {
        let alphabet = b"a=;,\"<>:/?@[#& \\";
        for kind in [
            Kind::Cookies,
            Kind::SetCookie,
            Kind::Credentials,
            Kind::Url,
            Kind::Links,
        ] {
            let mut state = 7_u32;
            for _ in 0..20_000 {
                let mut value = Vec::new();
                for _ in 0..12 {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let index = usize::try_from(state >> 24).unwrap_or(0) % alphabet.len();
                    value.extend(alphabet.get(index));
                }
                let layout = Layout::of(kind, &value, false);
                let mut at = 0;
                for part in &layout.parts {
                    assert!(part.at.start >= at && part.at.end > part.at.start);
                    at = part.at.end;
                }
                assert!(at <= value.len());
                // Nothing but what holds parts together is in none of them.
                let all = Layout::of(kind, &value, true).parts;
                for (at, byte) in value.iter().enumerate() {
                    let inside = all.iter().any(|part| part.at.contains(&at));
                    assert!(
                        inside || !byte.is_ascii_alphanumeric(),
                        "{kind:?} {value:?}"
                    );
                }
                let units = layout.lists.iter().flat_map(|list| &list.units);
                assert!(units.clone().all(|unit| unit.end <= value.len()));
                assert!(units.is_sorted_by(|a, b| a.end <= b.start));
            }
        }
    }
}

//! Rules that name fields, through the real module: in headers, cookies, the query, bodies, and in messages of protobuf that the policy has
//! descriptors of. Which bytes are a field is the business of the tests of carriers.

mod filter_support;

use std::path::Path;
use std::sync::LazyLock;

use blackbar_host_test::{Chunking, Headers, Host, Module, Transaction};
use blackbar_policy::Policy;
use blackbar_policy::load::NoBuiltins;
use filter_support::{clean, text, values};

/// The policy of `testdata/descriptors`.
static FILTER: LazyLock<Module> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/descriptors");
    let policy = Policy::load(folder.to_str().unwrap(), &NoBuiltins);
    let policy = policy.unwrap_or_else(|error| panic!("{error}"));
    let artifact = blackbar_compiler::compile(&policy).unwrap().artifact;
    Module::new(&blackbar_module::embed(blackbar_module::MODULE, &artifact).unwrap()).unwrap()
});

fn host(configuration: &str) -> Host {
    let builder = Host::builder(&FILTER).configuration(configuration);
    let host = builder.extra_vms(0).start();
    host.unwrap_or_else(|error| panic!("{error}"))
}

/// A length-delimited field.
fn field(number: u8, contents: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, contents.len() as u8][..], contents].concat()
}

fn frame(message: &[u8]) -> Vec<u8> {
    let len = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0][..], &len, message].concat()
}

/// Request and response with these bodies, to a path, both of a type.
fn transaction(path: &str, media: &str, request: &[u8], response: &[u8]) -> Transaction {
    let mut transaction = Transaction::request(request);
    transaction.request_headers.set(b":path", path.as_bytes());
    transaction.response_body = response.to_vec();
    for headers in [
        &mut transaction.request_headers,
        &mut transaction.response_headers,
    ] {
        headers.set(b"content-type", media.as_bytes());
        headers.remove(b"content-length");
    }
    transaction
}

#[track_caller]
fn bodies(host: &mut Host, transaction: &Transaction) -> [Vec<u8>; 2] {
    let mut seen = None;
    for chunking in [Chunking::whole(), Chunking::size(3), Chunking::size(1)] {
        let outcome = host.run(transaction, &chunking);
        clean(host, &outcome);
        let both = [outcome.upstream.body, outcome.downstream.body];
        assert_eq!(seen.get_or_insert(both.clone()), &both);
    }
    seen.unwrap()
}

#[test]
fn the_path_of_a_call_says_what_its_messages_are() {
    let mut host = host("{}");
    // Field 3 of a user is a password, of what finds one it is nothing; field 2 there is a token, and here an address of mail.
    let message = |two: &str, three: &str| {
        frame(&[field(2, two.as_bytes()), field(3, three.as_bytes())].concat())
    };
    let (before, found) = (message("one", "hunter2"), message("***", "hunter2"));
    let user = message("***", "*******");
    for media in ["application/grpc", "application/grpc-web+proto"] {
        let call = transaction("/acme.v1.Users/Find", media, &before, &before);
        assert_eq!(bodies(&mut host, &call), [found.clone(), user.clone()]);
        // Nobody knows what this is.
        let call = transaction("/acme.v1.Users/Put", media, &before, &before);
        assert_eq!(bodies(&mut host, &call), [before.clone(), before.clone()]);
    }
    // What the content type says of a call that is known does not matter.
    let media = "application/grpc; messageType=acme.v1.Card";
    let call = transaction("/acme.v1.Users/Find", media, &before, &before);
    assert_eq!(bodies(&mut host, &call), [found, user]);
}

#[test]
fn a_path_of_the_policy_or_the_content_type_says_it_otherwise() {
    let mut host = host("{}");
    let plain = |three: &str| field(3, three.as_bytes());
    let (before, after) = (plain("hunter2"), plain("*******"));
    for path in ["/v1/users?x", "/v1/users/", "/v1/%75sers"] {
        let call = transaction(path, "application/x-protobuf", &before, &before);
        let got = bodies(&mut host, &call);
        assert_eq!(got, [after.clone(), before.clone()], "{path}");
    }
    let media = "application/x-protobuf; messageType=\"acme.v1.User\"";
    let call = transaction("/other", media, &before, &before);
    assert_eq!(bodies(&mut host, &call), [after.clone(), after]);
    let media = "application/x-protobuf; messageType=acme.v1.Nobody";
    let call = transaction("/other", media, &before, &before);
    assert_eq!(bodies(&mut host, &call), [before.clone(), before]);
}

#[test]
fn headers_cookies_and_queries_have_fields() {
    let mut host = host(r#"{"pass_headers": {"request": [], "response": []}}"#);
    let mut call = Transaction::request("pass_word=x&y=1");
    let head = &mut call.request_headers;
    head.set(b":path", b"/a?Pass-Word=hunter%202&b=2");
    head.set(b"content-type", b"application/x-www-form-urlencoded");
    for (name, value) in [
        ("cookie", "a=1; token=t; b=2"),
        ("token", "hunter2"),
        ("referer", "https://a.test/?token=x&y#f"),
        ("x-note", "token: t"),
    ] {
        head.add(name.as_bytes(), value.as_bytes());
    }
    call.response_headers.add(b"set-cookie", b"token=x; Path=/");
    call.response_headers
        .add(b"location", b"/cb#token=x&state=1");
    let outcome = host.run(&call, &Chunking::whole());
    clean(&host, &outcome);
    let sent = outcome.upstream.headers.as_ref();
    for (name, wanted) in [
        (":path", "/a?Pass-Word=%5Bt.field%5D&b=2"),
        ("cookie", "a=1; token=[t.field]; b=2"),
        ("token", "[t.field]"),
        ("referer", "https://a.test/?token=%5Bt.field%5D&y#f"),
        ("x-note", "token: t"),
    ] {
        assert_eq!(values(sent, name), [wanted], "{name}");
    }
    assert_eq!(text(&outcome.upstream.body), "pass_word=%5Bt.field%5D&y=1");
    let came: Option<&Headers> = outcome.downstream.headers.as_ref();
    assert_eq!(values(came, "set-cookie"), ["token=[t.field]; Path=/"]);
    assert_eq!(
        values(came, "location"),
        ["/cb#token=%5Bt.field%5D&state=1"]
    );
}

/// A module with a rule for each of these lists of fields.
fn naming(rules: &[Vec<String>], action: &str) -> Vec<u8> {
    let mut text = String::from("[pack]\nid = \"t\"\ntitle = \"t\"\n");
    for (at, fields) in rules.iter().enumerate() {
        text += &format!(
            "[[rule]]\nid = \"t.field-{at}\"\ndescription = \"d\"\nsource = \"none\"\nfields = {fields:?}\naction = \"{action}\"\n"
        );
    }
    let policy = Policy::parse_str("t.toml", &text, &NoBuiltins);
    let policy = policy.unwrap_or_else(|error| panic!("{error}"));
    let artifact = blackbar_compiler::compile(&policy).unwrap().artifact;
    blackbar_module::embed(blackbar_module::MODULE, &artifact).unwrap()
}

#[test]
fn headers_that_are_made_of_parts_are_named_by_their_own_names() {
    const PARTED: [(&str, &str); 8] = [
        ("cookie", "a=1; b=2"),
        ("referer", "https://a.test/x?y=1#z"),
        ("x-original-url", "/a/b?c=1"),
        ("authorization", "Basic dXNlcjpwYXNz"),
        ("set-cookie", "a=1; Path=/; Secure"),
        ("location", "https://a.test/x?y=1#z"),
        (
            "link",
            "<https://a.test/x?y=1>; rel=\"next\", </b>; rel=last",
        ),
        ("x-bytes-bin", "aHVudGVyMg=="),
    ];
    let fields: Vec<String> = PARTED
        .iter()
        .map(|(name, _)| name.replace('-', "_").to_uppercase())
        .collect();
    for (action, wanted) in [
        ("tag", Some("[t.field-0]")),
        ("mask", None),
        ("allow", None),
    ] {
        let module = Module::new(&naming(std::slice::from_ref(&fields), action)).unwrap();
        let builder = Host::builder(&module)
            .configuration(r#"{"pass_headers": {"request": [], "response": []}}"#)
            .extra_vms(0);
        let mut host = builder.start().unwrap_or_else(|error| panic!("{error}"));
        let mut call = Transaction::request("");
        for (at, (name, value)) in PARTED.into_iter().enumerate() {
            let headers = match at {
                0..4 => &mut call.request_headers,
                _ => &mut call.response_headers,
            };
            headers.add(name.as_bytes(), value.as_bytes());
        }
        let outcome = host.run(&call, &Chunking::whole());
        clean(&host, &outcome);
        for (at, (name, value)) in PARTED.into_iter().enumerate() {
            let headers = match at {
                0..4 => outcome.upstream.headers.as_ref(),
                _ => outcome.downstream.headers.as_ref(),
            };
            let wanted = match (action, name) {
                ("allow", _) => value.to_owned(),
                // The number of bytes stays.
                (_, "x-bytes-bin") => "KioqKioqKg==".to_owned(),
                _ => wanted.map_or_else(|| "*".repeat(value.len()), str::to_owned),
            };
            assert_eq!(values(headers, name), [wanted], "{action} {name}");
        }
        let metrics = host.metrics();
        let rules = metrics
            .iter()
            .filter(|(name, _)| name.starts_with("blackbar.rule."));
        let counted: u64 = rules.map(|(_, count)| count).sum();
        assert_eq!(counted, PARTED.len() as u64, "{action}: {metrics:?}");
    }
}

#[test]
fn links_stay_links() {
    let mut host = host("{}");
    let mut call = Transaction::request("");
    let links = |first: &str, second: &str| {
        format!(
            "<https://a.test/?token={first}>; rel=\"next\", <https://b.test/2?page=1&token={second}&y#x>; rel=\"last\"; title=\"x\""
        )
    };
    let link = links("hunter2", "hunter3");
    call.response_headers.add(b"link", link.as_bytes());
    let outcome = host.run(&call, &Chunking::whole());
    clean(&host, &outcome);
    let came = outcome.downstream.headers.as_ref();
    let tag = "%5Bt.field%5D";
    assert_eq!(values(came, "link"), [links(tag, tag)]);
}

#[test]
fn frames_cost_the_same_however_many_rules_there_are() {
    // Messages that are empty, and some in which there is no value to look for.
    frames_cost_the_same(&[0; 5].repeat(20_000));
    frames_cost_the_same(&b"\0\0\0\0\x01 ".repeat(5_000));
}

#[track_caller]
fn frames_cost_the_same(frames: &[u8]) {
    let cost = |fields: usize| {
        let rules: Vec<_> = (0..fields).map(|at| vec![format!("field{at}")]).collect();
        let module = Module::with_fuel(&naming(&rules, "tag")).unwrap();
        let mut host = Host::builder(&module).extra_vms(0).start().unwrap();
        let call = transaction("/", "application/grpc+json", frames, b"");
        let before = host.fuel_used();
        let outcome = host.run(&call, &Chunking::size(64 << 10));
        clean(&host, &outcome);
        assert_eq!(outcome.upstream.body, frames);
        host.fuel_used() - before
    };
    let (few, many) = (cost(1), cost(500));
    println!("{few} instructions, with many rules {many}");
    assert!(many < few + few / 4, "{few} {many}");
}

#[test]
fn access_logs_show_no_field() {
    let mut host = host(r#"{"mode": "log_only", "log_headers": ["token", "referer"]}"#);
    let mut call = Transaction::request("");
    let head = &mut call.request_headers;
    head.set(b":path", b"/a?token=hunter2&b=2");
    head.add(b"token", b"hunter2");
    head.add(b"referer", b"https://a.test/?token=hunter2");
    let outcome = host.run(&call, &Chunking::whole());
    clean(&host, &outcome);
    let shown = |name: &str| outcome.filter_state.get(name).map(|value| text(value));
    assert_eq!(
        shown("wasm.blackbar.query").as_deref(),
        Some("token=[t.field]&b=2")
    );
    assert_eq!(
        shown("wasm.blackbar.header.token").as_deref(),
        Some("[t.field]")
    );
    assert_eq!(
        shown("wasm.blackbar.header.referer").as_deref(),
        Some("https://a.test/?token=[t.field]")
    );
}

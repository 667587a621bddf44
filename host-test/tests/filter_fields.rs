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
    let call = transaction("/v1/users?x", "application/x-protobuf", &before, &before);
    assert_eq!(bodies(&mut host, &call), [after.clone(), before.clone()]);
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

//! The real module with the tests' policy in it, compiled once, and the native engine as the oracle.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::sync::LazyLock;

use blackbar_engine::{Engine, Place, Plan, Stream};
use blackbar_host_test::{
    Chunking, Headers, Host, HostBuilder, Module, Outcome, Quirks, Transaction,
};

/// The artifact of `filter/tests/demo.toml`.
pub(crate) static ARTIFACT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let text = include_str!("../../../filter/tests/demo.toml");
    let policy =
        blackbar_policy::Policy::parse_str("demo.toml", text, &blackbar_policy::load::NoBuiltins)
            .unwrap_or_else(|error| panic!("{error}"));
    blackbar_compiler::compile(&policy)
        .unwrap_or_else(|error| panic!("{error}"))
        .artifact
});

/// The module with that artifact embedded.
pub(crate) static FILTER: LazyLock<Module> = LazyLock::new(|| {
    Module::new(&blackbar_module::embed(blackbar_module::MODULE, &ARTIFACT).unwrap()).unwrap()
});

/// The module without a policy.
pub(crate) static BARE: LazyLock<Module> =
    LazyLock::new(|| Module::new(blackbar_module::MODULE).unwrap());

pub(crate) static ENGINE: LazyLock<Engine> =
    LazyLock::new(|| Engine::load(ARTIFACT.as_slice()).unwrap());

/// A running filter with that configuration.
pub(crate) fn host(configuration: &str) -> Host {
    builder(configuration)
        .start()
        .unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn quirky(configuration: &str, quirks: Quirks) -> Host {
    builder(configuration)
        .quirks(quirks)
        .start()
        .unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn builder(configuration: &str) -> HostBuilder<'static> {
    Host::builder(&FILTER)
        .configuration(configuration)
        .extra_vms(0)
}

/// What the native engine makes of a haystack, whole.
pub(crate) fn native(profile: Option<&str>, place: Place, text: &[u8]) -> Vec<u8> {
    let plan = Plan::new(&ENGINE, profile).unwrap();
    let mut stream = Stream::new(place);
    let mut out = Vec::new();
    stream.push(&ENGINE, &plan, text, true);
    stream.take_output(&mut out);
    out
}

/// `GET /` with more headers, answered by 200 with more headers and a body.
pub(crate) fn response(headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Transaction {
    let mut transaction = Transaction::response(body);
    headers.iter().for_each(|(name, value)| {
        transaction
            .response_headers
            .add(name.as_bytes(), value.as_bytes())
    });
    transaction
}

/// `POST /` with more headers and a body.
pub(crate) fn request(headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Transaction {
    let mut transaction = Transaction::request(body);
    headers.iter().for_each(|(name, value)| {
        transaction
            .request_headers
            .add(name.as_bytes(), value.as_bytes())
    });
    transaction
}

/// `GET` of a path with more headers.
pub(crate) fn fetch(path: &str, headers: &[(&str, &str)]) -> Transaction {
    let mut transaction = Transaction::response("");
    transaction.request_headers.set(b":path", path.as_bytes());
    headers.iter().for_each(|(name, value)| {
        transaction
            .request_headers
            .add(name.as_bytes(), value.as_bytes())
    });
    transaction
}

/// All values of a header that the upstream got, in order.
pub(crate) fn values(headers: Option<&Headers>, name: &str) -> Vec<String> {
    headers
        .into_iter()
        .flat_map(|headers| headers.all(name))
        .map(|value| String::from_utf8_lossy(value).into_owned())
        .collect()
}

/// The run must not have trapped, and nothing must be wrong on the wire.
pub(crate) fn clean(host: &Host, outcome: &Outcome) {
    assert_eq!(host.failure(), None);
    assert_eq!(outcome.violations, [], "{:?}", outcome.log_lines);
}

/// A whole exchange that must be clean.
pub(crate) fn run(host: &mut Host, transaction: &Transaction, chunking: &Chunking) -> Outcome {
    let outcome = host.run(transaction, chunking);
    clean(host, &outcome);
    outcome
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

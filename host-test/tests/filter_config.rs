//! Configuration and life of the real module: what it takes, what it refuses, what it asks of a host.

mod filter_support;

use blackbar_host_test::{Chunking, FailurePolicy, Host, Quirks, Status, Transaction};
use blackbar_host_test::{Hostcall, LogLevel};
use filter_support::*;

fn refusal(configuration: impl Into<Vec<u8>>) -> String {
    let error = Host::builder(&FILTER)
        .configuration(configuration)
        .start()
        .unwrap_err();
    assert!(error.refused(), "{error}");
    let lines: Vec<String> = error.log_lines().iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 1, "one line: {lines:?}");
    assert!(
        lines[0].starts_with("[error] blackbar: configuration refused: ")
            && !lines[0].contains('\n'),
        "{lines:?}"
    );
    lines[0].clone()
}

#[test]
fn anything_in_doubt_is_refused_with_one_clear_line() {
    for (configuration, reason) in [
        (r#"{"mode": "enforced"}"#, "unknown variant `enforced`"),
        (r#"{"modes": "enforce"}"#, "unknown field `modes`"),
        (
            r#"{"profile": "strict"}"#,
            "no profile `strict` in this artifact; it holds `demo`, `even`, `none`",
        ),
        (
            r#"{"rules": {"github.pat": {"action": "mask"}}}"#,
            "no rule `github.pat` in policy `demo`",
        ),
        (
            r#"{"rules": {"demo.key": {"action": {"keep_last": "4"}}}}"#,
            "invalid type",
        ),
        (r#"{"mode": "off"} x"#, "trailing characters"),
        (r#"{"mode": "off""#, "EOF"),
        ("yes", "not understood"),
        ("\0", "not understood"),
    ] {
        let line = refusal(configuration);
        assert!(line.contains(reason), "{line}");
    }
    let line = refusal(b"\x0a\x0d\x0a\x04mode\x12\x05\x1a\x03off".as_slice());
    assert!(line.contains("protobuf Struct; use StringValue"), "{line}");
}

#[test]
fn a_damaged_artifact_is_refused() {
    for end in [4, 5, 20, ARTIFACT.len() / 2, ARTIFACT.len() - 1] {
        let line = refusal(&ARTIFACT[..end]);
        assert!(line.contains("an artifact that cannot be used"), "{line}");
    }
    for at in [6, 40, ARTIFACT.len() / 2, ARTIFACT.len() - 1] {
        let mut other = ARTIFACT.clone();
        other[at] ^= 1;
        let line = refusal(other);
        assert!(line.contains("an artifact that cannot be used"), "{line}");
    }
    let damaged = blackbar_module::embed(blackbar_module::MODULE, &ARTIFACT[..100]).unwrap();
    let module = blackbar_host_test::Module::new(&damaged).unwrap();
    let error = Host::builder(&module).start().unwrap_err();
    assert!(
        error.refused()
            && error
                .to_string()
                .contains("the policy in this module cannot be used"),
        "{error}"
    );
}

#[test]
fn a_module_without_a_policy_takes_an_artifact_and_nothing_else() {
    for configuration in ["", r#"{"mode": "off"}"#] {
        let error = Host::builder(&BARE)
            .configuration(configuration)
            .start()
            .unwrap_err();
        assert!(
            error.refused()
                && error
                    .to_string()
                    .contains("no policy: this module holds none"),
            "{error}"
        );
    }
    let mut host = Host::builder(&BARE)
        .configuration(ARTIFACT.as_slice())
        .start()
        .unwrap();
    let outcome = run(
        &mut host,
        &Transaction::response("key-12345678"),
        &Chunking::size(1),
    );
    assert_eq!(text(&outcome.downstream.body), "[demo.key]");
}

/// What a policy says of views lies in its artifact; the configuration has the last word.
#[test]
fn a_policy_switches_views() {
    let rule = include_str!("../../filter/tests/demo.toml");
    let (head, rest) = rule.split_once("title").unwrap();
    let policy = format!("{head}views = {{ hex = true }}\ntitle{rest}");
    let policy =
        blackbar_policy::Policy::parse_str("v.toml", &policy, &blackbar_policy::load::NoBuiltins);
    let artifact = blackbar_compiler::compile(&policy.unwrap())
        .unwrap()
        .artifact;
    let module = blackbar_module::embed(blackbar_module::MODULE, &artifact).unwrap();
    let module = blackbar_host_test::Module::new(&module).unwrap();
    let hex: String = "key-12345678".bytes().map(|b| format!("{b:02x}")).collect();
    for (configuration, found) in [("", true), (r#"{"views": {"hex": false}}"#, false)] {
        let mut host = Host::builder(&module)
            .configuration(configuration)
            .start()
            .unwrap();
        let outcome = run(
            &mut host,
            &Transaction::response(hex.as_str()),
            &Chunking::size(1),
        );
        assert_eq!(text(&outcome.downstream.body) == "[demo.key]", found);
    }
}

#[test]
fn one_line_says_what_is_at_work() {
    let mut host = host(
        r#"{"profile": "even", "mode": "shadow", "rules": {"demo.mask": {"enabled": false}}}"#,
    );
    let lines: Vec<String> = host.take_logs().iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let checksum = format!("{:08x}", ENGINE.checksum());
    assert_eq!(
        lines[0],
        format!(
            "[info] blackbar: policy demo {checksum}, profile even, 7 of 8 rules on, mode shadow"
        )
    );
}

#[test]
fn overrides_profiles_and_updates_at_run_time() {
    let mut host = builder(r#"{"rules": {"demo.key": {"action": {"keep_first": 4}}, "demo.mask": {"enabled": false}}}"#).workers(2).extra_vms(2).start().unwrap();
    let body = "key-12345678 msk-abcdef";
    let through = |host: &mut Host| {
        text(
            &run(host, &Transaction::response(body), &Chunking::size(5))
                .downstream
                .body,
        )
    };
    assert_eq!(through(&mut host), "key-******** msk-abcdef");
    // A stream in flight ends on the configuration that it began with.
    let mut old = host.exchange();
    let transaction = Transaction::response(body);
    old.request_headers(transaction.request_headers.clone(), true);
    old.response_headers(transaction.response_headers.clone(), false);
    host.reconfigure(r#"{"profile": "even"}"#).unwrap();
    assert_eq!(through(&mut host), "************ **********");
    assert_eq!(
        text(&old.response_body(body.as_bytes(), true).downstream.body),
        "key-******** msk-abcdef"
    );
    drop(old);
    assert!(host.reconfigure("{").is_err());
    assert_eq!(
        through(&mut host),
        "************ **********",
        "the one before stays"
    );
    host.reconfigure("").unwrap();
    assert_eq!(through(&mut host), "[demo.key] **********");
    host.reconfigure(ARTIFACT.as_slice()).unwrap();
    assert_eq!(through(&mut host), "[demo.key] **********");
    assert_eq!(host.failure(), None);
    assert_eq!(host.update_rejected(), 1);
}

#[test]
fn a_configuration_that_cannot_be_read_is_refused() {
    for status in [Status::Ok, Status::NotFound, Status::InternalFailure] {
        let quirks = Quirks::default().answer(Hostcall::GetBuffer, status);
        let error = builder(r#"{"mode": "off"}"#)
            .quirks(quirks)
            .start()
            .unwrap_err();
        assert!(error.refused(), "{error}");
    }
}

/// The module asks for proxy-wasm functions only, and offers proxy-wasm callbacks and its memory.
#[test]
fn imports_exports_and_size() {
    let inspection = blackbar_module::inspect(blackbar_module::MODULE).unwrap();
    let mut imports: Vec<String> = inspection.imports.iter().map(ToString::to_string).collect();
    imports.sort();
    let known = [
        "func env.proxy_add_header_map_value",
        "func env.proxy_close_stream",
        "func env.proxy_define_metric",
        "func env.proxy_get_buffer_bytes",
        "func env.proxy_get_header_map_pairs",
        "func env.proxy_increment_metric",
        "func env.proxy_log",
        "func env.proxy_remove_header_map_value",
        "func env.proxy_replace_header_map_value",
        "func env.proxy_send_local_response",
        "func env.proxy_set_buffer_bytes",
        "func env.proxy_set_property",
    ];
    assert_eq!(imports, known);
    let mut exports: Vec<String> = inspection.exports.iter().map(ToString::to_string).collect();
    exports.sort();
    let known = [
        "func _initialize",
        "func proxy_abi_version_0_2_1",
        "func proxy_on_configure",
        "func proxy_on_context_create",
        "func proxy_on_delete",
        "func proxy_on_downstream_connection_close",
        "func proxy_on_downstream_data",
        "func proxy_on_memory_allocate",
        "func proxy_on_new_connection",
        "func proxy_on_request_body",
        "func proxy_on_request_headers",
        "func proxy_on_request_trailers",
        "func proxy_on_response_body",
        "func proxy_on_response_headers",
        "func proxy_on_response_trailers",
        "func proxy_on_upstream_connection_close",
        "func proxy_on_upstream_data",
        "func proxy_on_vm_start",
        // Two numbers that the linker leaves; no host looks at them.
        "global __data_end",
        "global __heap_base",
        "memory memory",
    ];
    assert_eq!(exports, known);
    // A quarter of it is what decodes zstd and brotli, the dictionary of brotli half of that; formats of raw TCP are a part of the carriers.
    assert!(inspection.size < 1_350_000, "{} bytes", inspection.size);
    assert!(
        inspection.memory_pages < 64,
        "{} pages",
        inspection.memory_pages
    );
}

#[test]
fn no_value_stands_in_a_log_line_or_a_counter() {
    for configuration in [
        "",
        r#"{"mode": "shadow"}"#,
        r#"{"mode": "log_only", "log_headers": ["x-a"]}"#,
    ] {
        let mut host = builder(configuration)
            .failure_policy(FailurePolicy::Closed)
            .log_level(LogLevel::Trace)
            .start()
            .unwrap();
        for value in [
            "key-12345678",
            "msk-abcdef",
            "pan-123456789012",
            "drp-123456",
            "stp-123456",
            "open-abcdef-shut",
        ] {
            let mut transaction = fetch(&format!("/{value}?a={value}"), &[("x-a", value)]);
            transaction.response_body = value.into();
            transaction.response_headers.remove(b"content-length");
            let outcome = run(&mut host, &transaction, &Chunking::size(4));
            let told = format!(
                "{:?} {:?}",
                host.metrics(),
                outcome
                    .log_lines
                    .iter()
                    .chain(&host.take_logs())
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
            );
            assert!(!told.contains(value), "{told}");
        }
    }
}

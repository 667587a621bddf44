//! Raw connections: both directions, every cut, ends in each order, connections that are refused, hosts that answer anything, memory. The
//! native carrier is the oracle.

mod filter_support;

use blackbar_carriers::{Carrier, Format, Framing, Logins};
use blackbar_engine::{Action, Plan};
use blackbar_host_test::{Host, Hostcall, Quirks, TcpConnection, TcpStep};
use filter_support::*;

/// Names in the configuration, and formats.
const FORMATS: &[(&str, Format)] = &[
    ("bytes", Format::Bytes),
    ("text", Format::Text),
    ("lines", Format::Stream(Framing::Lines)),
    ("json", Format::Stream(Framing::Json)),
    ("syslog", Format::Stream(Framing::Syslog)),
    ("messagepack", Format::Stream(Framing::MessagePack)),
    ("redis", Format::Stream(Framing::Redis(Logins::Mask))),
    ("dogstatsd", Format::Stream(Framing::Dogstatsd)),
];

fn named(name: &str) -> Format {
    FORMATS.iter().find(|(known, _)| *known == name).unwrap().1
}

/// A message of each format, in which something is found.
fn message(name: &str) -> Vec<u8> {
    let text = "a key-12345678 sesame_key=abcdefghijkl0";
    match name {
        "json" => format!("{{\"a\":\"{text}\",\"n\":[1]}}\0").into_bytes(),
        "syslog" => format!("{} <34>1 - {text}<1>{text}\n", text.len() + 8).into_bytes(),
        "messagepack" => [b"\x92\x01\xd9", &[text.len() as u8][..], text.as_bytes()].concat(),
        "redis" => format!(
            "*2\r\n$4\r\nECHO\r\n${}\r\n{text}\r\n+{text}\r\n",
            text.len()
        )
        .into_bytes(),
        "dogstatsd" => [&(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat(),
        _ => format!("{text}\r\n").into_bytes(),
    }
}

fn both(format: &str) -> String {
    format!(
        r#"{{"tcp": {{"downstream": {{"format": "{format}", "logins": "mask"}}, "upstream": {{"format": "{format}"}}}}}}"#
    )
}

/// What the native carrier makes of a direction.
fn native(format: Format, text: &[u8]) -> Vec<u8> {
    let mut plan = Plan::new(&ENGINE, None).unwrap();
    if format.is_counted() {
        for (index, _) in ENGINE.indexed_rules() {
            if !plan.action(index).preserves_length() {
                plan.set_action(index, Action::Mask);
            }
        }
    }
    let mut carrier = Carrier::new(format);
    let mut out = Vec::new();
    carrier.push(&ENGINE, &plan, text, true);
    carrier.take_output(&mut out);
    out
}

/// Sends `text` one way, cut at `cuts`; the end comes with the last bytes, or by itself.
fn send(
    connection: &mut TcpConnection,
    text: &[u8],
    cuts: &[usize],
    client: bool,
    joined: bool,
) -> (Vec<u8>, TcpStep) {
    let mut got = Vec::new();
    let mut at = 0;
    let mut step = TcpStep::default();
    for &cut in cuts.iter().chain([&text.len()]) {
        let last = cut == text.len();
        let mut pieces = vec![(&text[at..cut], last && joined)];
        if last && !joined {
            pieces.push((b"", true));
        }
        for (piece, end) in pieces {
            step = match client {
                true => connection.from_client(piece, end),
                false => connection.from_upstream(piece, end),
            };
            got.extend_from_slice(if client {
                &step.upstream
            } else {
                &step.downstream
            });
        }
        at = cut;
    }
    (got, step)
}

fn closed_well(host: &mut Host, connection: TcpConnection) {
    assert_eq!(connection.finish(), []);
    assert_eq!(host.failure(), None);
}

#[test]
fn every_cut_in_both_directions_is_as_the_native_carrier_has_it() {
    for (name, format) in FORMATS {
        let mut host = host(&both(name));
        let text = message(name).repeat(2);
        let expected = native(*format, &text);
        assert!(expected != text, "{name}");
        assert!(!shown(&expected).contains("12345678"), "{name}");
        for client in [true, false] {
            let all: Vec<Vec<usize>> = (1..text.len())
                .map(|cut| vec![cut])
                .chain([
                    vec![],
                    (1..text.len()).collect(),
                    (1..text.len()).step_by(3).collect(),
                ])
                .collect();
            for cuts in all {
                for joined in [true, false] {
                    let mut connection = host.connection();
                    let (got, step) = send(&mut connection, &text, &cuts, client, joined);
                    assert_eq!(shown(&got), shown(&expected), "{name} {cuts:?} {client}");
                    assert!(
                        !step.closed
                            && (if client {
                                step.upstream_end
                            } else {
                                step.downstream_end
                            })
                    );
                    closed_well(&mut host, connection);
                }
            }
        }
        assert_eq!(host.counter("blackbar.body.lost_bytes"), 0);
    }
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

#[test]
fn a_message_that_is_over_goes_on_with_the_chunk_that_ends_it() {
    for (name, format) in FORMATS.iter().skip(2) {
        let mut host = host(&both(name));
        let one = message(name);
        let expected = native(*format, &one);
        let mut connection = host.connection();
        // A client that asks and waits, a server that answers.
        for size in [one.len(), 7, 1] {
            for client in [true, false] {
                let mut got = Vec::new();
                for piece in one.chunks(size) {
                    let step = match client {
                        true => connection.from_client(piece, false),
                        false => connection.from_upstream(piece, false),
                    };
                    got.extend_from_slice(if client {
                        &step.upstream
                    } else {
                        &step.downstream
                    });
                }
                assert_eq!(shown(&got), shown(&expected), "{name} by {size}");
            }
        }
        closed_well(&mut host, connection);
    }
}

#[test]
fn decided_bytes_go_on_and_undecided_ones_wait_or_are_masked() {
    let mut carrying = host(&both("text"));
    let mut connection = carrying.connection();
    assert_eq!(
        connection.from_client(b"first key-1234", false).upstream,
        b"first "
    );
    // The other direction does not wait for this one.
    assert_eq!(
        connection
            .from_upstream(b"x key-12345678.", false)
            .downstream,
        b"x [demo.key]."
    );
    assert_eq!(
        connection.from_client(b"5678 and", false).upstream,
        b"[demo.key] and"
    );
    closed_well(&mut carrying, connection);

    let mut masking = host(r#"{"tcp": {"downstream": {"undecided": "mask"}}}"#);
    let mut connection = masking.connection();
    assert_eq!(
        connection.from_client(b"first key-1234", false).upstream,
        b"first ********"
    );
    assert_eq!(
        connection.from_client(b"5678 and", false).upstream,
        b"**** and"
    );
    closed_well(&mut masking, connection);
    assert!(masking.counter("blackbar.body.forced") > 0);
}

#[test]
fn each_side_may_end_first() {
    let (question, answer) = (b"a key-12345678 key-1234", b"b key-12345678 key-12");
    for order in ["cu", "uc", "both at once"] {
        let mut host = host(&both("lines"));
        let mut connection = host.connection();
        let mut got = (Vec::new(), Vec::new());
        let mut take = |step: TcpStep| {
            got.0.extend(step.upstream);
            got.1.extend(step.downstream);
            assert!(!step.closed);
        };
        match order {
            "cu" => {
                take(connection.from_client(question, false));
                take(connection.from_client(b"", true));
                take(connection.from_upstream(answer, false));
                take(connection.from_upstream(b"", true));
            }
            "uc" => {
                take(connection.from_upstream(answer, false));
                take(connection.from_upstream(b"", true));
                take(connection.from_client(question, false));
                take(connection.from_client(b"", true));
            }
            _ => {
                take(connection.from_upstream(answer, true));
                take(connection.from_client(question, true));
            }
        }
        assert_eq!(text(&got.0), "a [demo.key] key-1234", "{order}");
        assert_eq!(text(&got.1), "b [demo.key] key-12", "{order}");
        closed_well(&mut host, connection);
        assert_eq!(host.counter("blackbar.body.lost_bytes"), 0);
    }
}

#[test]
fn what_waits_on_a_connection_that_breaks_is_lost_and_counted() {
    let mut host = host(&both("lines"));
    let mut connection = host.connection();
    assert_eq!(connection.from_client(b"a key-1234", false).upstream, b"a ");
    closed_well(&mut host, connection);
    assert_eq!(host.counter("blackbar.body.lost_bytes"), 8);
}

#[test]
fn a_rule_that_blocks_closes_the_connection() {
    for client in [true, false] {
        let mut host = host(&both("lines"));
        let mut connection = host.connection();
        let mut send = |text: &[u8]| match client {
            true => connection.from_client(text, false),
            false => connection.from_upstream(text, false),
        };
        assert!(!send(b"fine\n").closed);
        let step = send(b"more stp-123456\nand more\n");
        assert!(step.closed && step.upstream.is_empty() && step.downstream.is_empty());
        let step = connection.from_client(b"again\n", false);
        assert!(step.upstream.is_empty());
        assert!(
            connection
                .from_upstream(b"again\n", false)
                .downstream
                .is_empty()
        );
        closed_well(&mut host, connection);
        assert_eq!(host.counter("blackbar.rule.demo.stop.blocked"), 1);
    }
}

#[test]
fn shadow_counts_and_changes_nothing() {
    let mut host = host(
        r#"{"mode": "shadow", "tcp": {"downstream": {"format": "redis", "logins": "mask"}, "upstream": {"format": "lines"}}}"#,
    );
    let mut connection = host.connection();
    let command = b"AUTH pw\r\nECHO key-12345678 stp-123456\r\n";
    for piece in command.chunks(5) {
        assert_eq!(connection.from_client(piece, false).upstream, piece);
    }
    let answer = b"key-12345678 stp-123456 key-12";
    assert_eq!(connection.from_upstream(answer, false).downstream, answer);
    closed_well(&mut host, connection);
    assert_eq!(host.counter("blackbar.rule.demo.key.shadow"), 2);
    assert_eq!(host.counter("blackbar.rule.demo.stop.shadow"), 2);
    assert_eq!(host.counter("blackbar.login.masked"), 0);
}

#[test]
fn modes_and_directions_that_are_not_scanned() {
    for configuration in [
        r#"{"mode": "off"}"#,
        r#"{"mode": "log_only"}"#,
        r#"{"tcp": {"downstream": {"scan": false}, "upstream": {"scan": false}}}"#,
    ] {
        let mut host = host(configuration);
        let mut connection = host.connection();
        assert_eq!(
            connection.from_client(b"key-12345678", false).upstream,
            b"key-12345678"
        );
        assert_eq!(
            connection.from_upstream(b"key-1", true).downstream,
            b"key-1"
        );
        closed_well(&mut host, connection);
    }
    // Without a table: masks, both ways.
    let mut host = host("");
    let mut connection = host.connection();
    assert_eq!(
        connection.from_client(b"key-12345678 ", false).upstream,
        b"************ "
    );
    assert_eq!(
        connection.from_upstream(b"key-12345678 ", false).downstream,
        b"************ "
    );
    closed_well(&mut host, connection);
}

#[test]
fn logins_pass_to_the_server_and_are_counted() {
    let mut host =
        host(r#"{"tcp": {"downstream": {"format": "redis"}, "upstream": {"format": "redis"}}}"#);
    let mut connection = host.connection();
    let login = b"*3\r\n$4\r\nAUTH\r\n$4\r\njane\r\n$12\r\nkey-12345678\r\n";
    assert_eq!(connection.from_client(login, false).upstream, login);
    assert_eq!(
        connection.from_upstream(b"+OK\r\n", false).downstream,
        b"+OK\r\n"
    );
    closed_well(&mut host, connection);
    assert_eq!(host.counter("blackbar.open.login"), 2);
    assert_eq!(host.counter("blackbar.rule.demo.key.redacted"), 0);
}

#[test]
fn a_module_without_a_policy_lets_nothing_through() {
    let mut host = match Host::builder(&BARE).configuration("").extra_vms(0).start() {
        Ok(host) => host,
        // It refuses its configuration, and the proxy does not start.
        Err(error) => return assert!(error.refused()),
    };
    let mut connection = host.connection();
    assert!(connection.from_client(b"a", false).upstream.is_empty());
}

#[test]
fn hosts_may_answer_anything() {
    let calls: Vec<Hostcall> = FILTER
        .imports()
        .iter()
        .filter_map(|name| Hostcall::named(name.rsplit('.').next()?))
        .collect();
    assert!(calls.contains(&Hostcall::CloseStream));
    let mut cases = 0;
    for call in calls {
        for status in (0..=12).chain([99, u32::MAX]) {
            for after in [0, 1, 2, 4] {
                for configuration in [
                    both("lines"),
                    both("redis"),
                    r#"{"on_failure": "open"}"#.to_owned(),
                ] {
                    let quirks = Quirks::default().answer_raw(call, after, status);
                    let Ok(mut host) = builder(&configuration).quirks(quirks).start() else {
                        continue;
                    };
                    let mut connection = host.connection();
                    let mut out = Vec::new();
                    for piece in [
                        &b"a key-12345678\r\nb key-1234"[..],
                        b"5678\r\n",
                        b"stp-123456\r\n",
                        b"key-87654321\r\n",
                        b"",
                    ] {
                        let step = connection.from_client(piece, piece.is_empty());
                        out.extend(step.upstream);
                        out.extend(connection.from_upstream(piece, piece.is_empty()).downstream);
                    }
                    let _ = connection.finish();
                    assert_eq!(
                        host.failure(),
                        None,
                        "{call:?} answering {status} after {after}"
                    );
                    let out = text(&out);
                    // A host that claims to have written and has not is believed; all others let nothing through.
                    let lies = status == 0 && call == Hostcall::SetBuffer;
                    if !configuration.contains("open") && !lies {
                        let leaks = ["key-12345678", "key-87654321", "stp-123456"]
                            .iter()
                            .any(|value| out.contains(value));
                        assert!(!leaks, "{call:?} answering {status} after {after}: {out}");
                    }
                    for line in host.take_logs() {
                        assert!(!line.to_string().contains("key-1"), "{line}");
                    }
                    cases += 1;
                }
            }
        }
    }
    assert!(cases > 1000, "{cases}");
}

#[test]
fn a_stream_that_never_ends_takes_no_memory() {
    for (name, format) in FORMATS {
        let mut host = host(&both(name));
        let mut connection = host.connection();
        let one = message(name);
        let many = one.repeat(64 * 1024 / one.len());
        let expected = native(*format, &many);
        let mut first = 0_u64;
        for round in 0..60 {
            assert!(
                connection.from_client(&many, false).upstream == expected,
                "{name}"
            );
            assert!(
                connection.from_upstream(&many, false).downstream == expected,
                "{name}"
            );
            if round == 4 {
                first = host.memory_pages();
            }
        }
        let last = host.memory_pages();
        // 110 pages have gone through each way since then.
        assert!(last <= first + 16, "{name}: {first} pages became {last}");
        // A message without an end, all of it undecided: masked beyond the bound.
        closed_well(&mut host, connection);
    }
    let mut host = host(r#"{"hold_limit": 100, "tcp": {"downstream": {"format": "lines"}}}"#);
    let mut connection = host.connection();
    let mut out = connection.from_client(b"open-", false).upstream;
    for _ in 0..100 {
        out.extend(connection.from_client(b"aaaa", false).upstream);
    }
    assert!(
        out.len() >= 305 && out.iter().all(|byte| *byte == b'*'),
        "{}",
        text(&out)
    );
    closed_well(&mut host, connection);
    assert!(host.counter("blackbar.body.hold_limit") > 0);
    assert_eq!(named("lines"), Format::Stream(Framing::Lines));
}

#[test]
fn a_connection_that_waits_takes_little_memory() {
    for (name, _) in FORMATS {
        let mut host = host(&both(name));
        let one = message(name);
        let open = |host: &mut Host, count: usize| -> Vec<TcpConnection> {
            let connect = |_| {
                let mut connection = host.connection();
                connection.from_client(&one.repeat(20), false);
                connection.from_client(&one[..one.len() / 2], false);
                connection.from_upstream(&one, false);
                connection
            };
            (0..count).map(connect).collect()
        };
        let first = open(&mut host, 100);
        let before = host.memory_pages();
        let more = open(&mut host, 400);
        let each = (host.memory_pages() - before) * 65536 / 400;
        assert!(each < 16 * 1024, "{name}: {each} bytes for each");
        drop((first, more));
    }
}

//! `cargo xtask demo`: the scenario envoy-config/demo, shown: before and after side by side, access log, counters.

use std::path::PathBuf;

use anyhow::Result;

use crate::envoy::{self, Running, Setting};
use crate::http::{Headers, Received, Upstream};
use crate::scenario::{Report, Scenario, Seen, Transcript, play};
use crate::workspace::{build_binary, embed, is_inner};
use crate::{EnvoyArguments, setup};

const SCENARIO: &str = "demo";
/// Of each column, in characters.
const WIDTH: usize = 58;

pub(crate) fn run(arguments: &EnvoyArguments, keep: bool) -> Result<bool> {
    if !is_inner() {
        println!(
            "blackbar demo: a policy in the Wasm module, the module in a proxy, real requests with planted values\n"
        );
    }
    setup::wasm()?;
    let Some(envoy) = envoy::find(arguments)? else {
        return in_host(keep);
    };
    let (scenario, module) = prepare()?;
    let upstream = Upstream::start()?;
    let setting = Setting {
        configuration: &scenario.envoy,
        files: &scenario.files,
        module: &module,
        upstream: upstream.port,
    };
    let running = Running::start(&envoy, &setting)?;
    println!(
        "Envoy {} listens on 127.0.0.1:{}, the upstream on 127.0.0.1:{}",
        envoy.release, running.listener, upstream.port
    );
    let transcript = play(&scenario, &upstream, &running)?;
    let good = conclude(&scenario, &transcript);
    if keep {
        leave_running(&scenario, &upstream, &running)?;
    }
    Ok(good)
}

/// The module with the policy, made as a user makes it.
fn prepare() -> Result<(Scenario, PathBuf)> {
    let scenario = Scenario::read(SCENARIO)?;
    println!("building the command `blackbar` (with the module inside) ...");
    let blackbar = build_binary("blackbar", false)?;
    let module = embed(&blackbar, &scenario.expect.policy)?;
    println!(
        "embedded the policy `{}` with `blackbar embed`",
        scenario.expect.policy
    );
    Ok((scenario, module))
}

#[cfg(feature = "host")]
fn in_host(keep: bool) -> Result<bool> {
    let (scenario, module) = prepare()?;
    println!(
        "no Envoy: the wasmtime host runs the same module and the same exchanges, without a network"
    );
    let transcript = crate::scenario::play_in_host(&scenario, &module)?;
    if keep {
        println!("(--keep: the wasmtime host has nothing to leave running)");
    }
    Ok(conclude(&scenario, &transcript))
}

/// wasmtime is not part of this build: the same task in one that has it.
#[cfg(not(feature = "host"))]
fn in_host(keep: bool) -> Result<bool> {
    println!("building the wasmtime host ...");
    let mut words = vec!["demo", "--no-envoy"];
    words.extend(keep.then_some("--keep"));
    Ok(crate::workspace::with_host(&words).status()?.success())
}

/// Shows everything, and says how many checks hold.
fn conclude(scenario: &Scenario, transcript: &Transcript) -> bool {
    show(scenario, transcript);
    let report = Report::of(scenario, transcript);
    report.print_failures();
    println!(
        "\ndemo: {} of {} checks hold",
        report.passed(),
        report.checks.len()
    );
    report.failed() == 0 && report.passed() > 0
}

fn show(scenario: &Scenario, transcript: &Transcript) {
    for (exchange, seen) in scenario.expect.exchanges.iter().zip(&transcript.seen) {
        println!("\n── {}", exchange.name);
        let request = &exchange.request;
        let headers = request.header_list();
        let names = names(&headers);
        let start = format!("{} {}", request.method, request.path.0);
        let sent = lines(&start, &headers, &names, &request.plain());
        let arrived = match seen.upstream.first() {
            Some(received) => received_lines(received, &names),
            None => vec![format!("(nothing: the proxy answered {})", status(seen))],
        };
        if sent != arrived || request.has_body() {
            columns("the client sent", "the upstream got", &sent, &arrived);
        }
        let reply = &exchange.reply;
        let Ok(answer) = &seen.client else { continue };
        if seen.upstream.is_empty() || reply.is_echo() {
            continue;
        }
        let headers = reply.header_list();
        let names = self::names(&headers);
        let sent = lines(
            &reply.status().to_string(),
            &headers,
            &names,
            &reply.plain(),
        );
        let arrived = received_lines(answer, &names);
        if sent != arrived {
            columns("the upstream answered", "the client got", &sent, &arrived);
        }
    }
    println!("\n── access log");
    for line in transcript.seen.iter().filter_map(|seen| seen.log.as_ref()) {
        println!("{line}");
    }
    println!("\n── counters (/stats)");
    for (name, value) in &transcript.counters {
        println!("{name}: {value}");
    }
    println!();
}

fn status(seen: &Seen) -> &str {
    seen.client
        .as_ref()
        .map_or("nothing", |received| received.start.as_str())
}

fn received_lines(received: &Received, names: &[String]) -> Vec<String> {
    let body = received
        .plain_body()
        .unwrap_or_else(|| received.body.clone());
    lines(
        &received.start,
        &received.headers,
        names,
        &String::from_utf8_lossy(&body),
    )
}

fn names(headers: &Headers) -> Vec<String> {
    headers.iter().map(|(name, _)| name.clone()).collect()
}

/// Start line, the headers of these names, body: in this order on both sides.
fn lines(start: &str, headers: &Headers, names: &[String], body: &str) -> Vec<String> {
    let mut all = vec![start.to_owned()];
    for name in names {
        for (_, value) in headers.iter().filter(|(known, _)| known == name) {
            all.push(format!("{name}: {}", String::from_utf8_lossy(value)));
        }
    }
    all.extend(body.lines().map(str::to_owned));
    all
}

fn columns(left_title: &str, right_title: &str, left: &[String], right: &[String]) {
    let left = wrapped(left);
    let right = wrapped(right);
    println!("   {left_title:<WIDTH$} │ {right_title}");
    let nothing = String::new();
    for row in 0..left.len().max(right.len()) {
        let before = left.get(row).unwrap_or(&nothing);
        let after = right.get(row).unwrap_or(&nothing);
        println!("   {before:<WIDTH$} │ {after}");
    }
}

fn wrapped(lines: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for line in lines {
        let characters: Vec<char> = line
            .chars()
            .map(|c| if c.is_control() { '·' } else { c })
            .collect();
        all.extend(characters.chunks(WIDTH).map(|chunk| chunk.iter().collect()));
    }
    all
}

/// Until the user ends it: Envoy and the upstream stay, and the upstream sends back what it is sent, or a page with
/// planted values.
fn leave_running(scenario: &Scenario, upstream: &Upstream, running: &Running) -> Result<()> {
    if let Some(exchange) = scenario.expect.exchanges.first() {
        let mut reply = exchange.reply.reply(&exchange.name)?;
        reply.echo = true;
        upstream.answer_with(reply);
    }
    println!("\nleft running until Ctrl-C:");
    println!("  through blackbar  http://127.0.0.1:{}/", running.listener);
    println!("  the upstream      http://127.0.0.1:{}/", upstream.port);
    println!(
        "  Envoy's admin     http://127.0.0.1:{}/stats?filter=wasmcustom",
        running.admin
    );
    println!(
        "  try: curl -H 'content-type: text/plain' -d 'mail me at jane@example.org' http://127.0.0.1:{}/",
        running.listener
    );
    loop {
        running.alive()?;
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
}

//! Bodies in which nothing is found pass through the module in Envoy byte for byte, in both directions, however they are cut:
//! bodies made here (binary, invalid UTF-8, NUL, empty, large), and every file of a folder given (JSONTestSuite's bodies).

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::envoy::{Envoy, Running, Setting};
use crate::http::{Client, Framing, Payload, Reply, Upstream};
use crate::scenario::{Report, Scenario};
use crate::workspace::{embed, root};

/// Its configuration scans everything in both directions.
const SCENARIO: &str = "demo";
/// Bodies of the public parser test suites, where a checkout has them beside it.
const CORPUS: &str = "../shared/corpus/json";
/// Below this, a body also goes byte by byte.
const SMALL: usize = 512;
/// Above this, a body also goes in one piece: the filter's `hold_limit`, beyond which it cannot make the proxy wait.
const LARGE: usize = 256 << 10;

/// Sends every body and checks both sides.
pub(crate) fn run(envoy: &Envoy, blackbar: &Path) -> Result<Report> {
    let mut bodies = made();
    let corpus = root().join(CORPUS);
    if corpus.is_dir() {
        bodies.extend(files(&corpus, blackbar)?);
    } else {
        println!(
            "no corpus of JSON bodies beside this checkout: only the bodies made here are sent"
        );
    }
    let scenario = Scenario::read(SCENARIO)?;
    let module = embed(blackbar, &scenario.expect.policy)?;
    let upstream = Upstream::start()?;
    let setting = Setting {
        configuration: &scenario.envoy,
        files: &scenario.files,
        module: &module,
        upstream: upstream.port,
    };
    let running = Running::start(envoy, &setting)?;
    let mut client = Client::new(running.listener);
    let mut random = Random(0x6c61_636b);
    let mut report = Report::default();
    for (name, body) in bodies {
        let mut ways = vec![
            ("announced length", Framing::Length, cut(&body, &mut random)),
            ("chunked", Framing::Chunked, cut(&body, &mut random)),
        ];
        if body.len() > LARGE {
            // All at once: Envoy hands over up to 1 MiB in one callback.
            ways.push(("in one chunk", Framing::Chunked, vec![body.clone()]));
        }
        if body.len() <= SMALL {
            ways.push((
                "byte by byte",
                Framing::Chunked,
                body.chunks(1).map(<[u8]>::to_vec).collect(),
            ));
        }
        for (way, framing, pieces) in ways {
            let outcome = one(&mut client, &upstream, &body, pieces, framing, &mut random);
            report.add(format!("passthrough: {name}, {way}"), outcome);
        }
        running.alive()?;
    }
    Ok(report)
}

/// The body goes up in these pieces, and comes down cut anew.
fn one(
    client: &mut Client,
    upstream: &Upstream,
    body: &[u8],
    pieces: Vec<Vec<u8>>,
    framing: Framing,
    random: &mut Random,
) -> Result<(), String> {
    let pause = if pieces.len() < 8 {
        Duration::from_millis(1)
    } else {
        Duration::ZERO
    };
    let kind = ("content-type".to_owned(), b"application/json".to_vec());
    upstream.answer_with(Reply {
        status: 200,
        headers: vec![kind.clone()],
        payload: Payload {
            pieces: cut(body, random),
            pause,
            framing,
            trailers: Vec::new(),
        },
        echo: false,
    });
    let payload = Payload {
        pieces,
        pause,
        framing,
        trailers: Vec::new(),
    };
    let answer = client
        .send("POST", "/echo", &vec![kind], payload)
        .map_err(|error| format!("{error:#}"))?;
    let arrived = upstream.received();
    match arrived.as_slice() {
        [request] => same("upstream", body, &request.body, request.broken)?,
        many => {
            return Err(format!(
                "{} requests arrived, status {}",
                many.len(),
                answer.start
            ));
        }
    }
    same("client", body, &answer.body, answer.broken)
}

fn same(side: &str, sent: &[u8], got: &[u8], broken: bool) -> Result<(), String> {
    if broken {
        return Err(format!(
            "{side}: the body broke off after {} of {} bytes",
            got.len(),
            sent.len()
        ));
    }
    if sent == got {
        return Ok(());
    }
    let at = sent
        .iter()
        .zip(got)
        .take_while(|(one, other)| one == other)
        .count();
    Err(format!(
        "{side}: {} bytes where {} were sent, different from byte {at} on",
        got.len(),
        sent.len()
    ))
}

/// The folder's files in which the command finds nothing.
fn files(folder: &Path, blackbar: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let output = Command::new(blackbar)
        .args(["scan", "--all", "--format", "jsonl"])
        .arg(folder)
        .stdin(Stdio::null())
        .output()
        .context("cannot start blackbar")?;
    if !output.status.success() {
        bail!("`blackbar scan` failed on {}", folder.display());
    }
    let matching: HashSet<PathBuf> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|finding| finding["file"].as_str().map(PathBuf::from))
        .collect();
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next)?.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if !matching.contains(&path) {
                let name = path
                    .strip_prefix(folder)
                    .unwrap_or(&path)
                    .display()
                    .to_string();
                found.push((name, std::fs::read(&path)?));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn made() -> Vec<(String, Vec<u8>)> {
    let mut random = Random(7);
    let mut noise =
        |count: usize| -> Vec<u8> { (0..count).map(|_| random.next().to_le_bytes()[3]).collect() };
    let mut bodies = vec![
        ("nothing at all".to_owned(), Vec::new()),
        ("one byte".to_owned(), b"g".to_vec()),
        ("NUL bytes".to_owned(), vec![0; 3000]),
        (
            "invalid UTF-8 around the start of a token".to_owned(),
            b"\xff\xfeghp_\xc3\x28\xa0ghp_abc\xff".to_vec(),
        ),
        ("noise, 64 KiB".to_owned(), noise(64 << 10)),
        ("noise, 3 MiB".to_owned(), noise(3 << 20)),
        (
            "starts of tokens, 1 MiB".to_owned(),
            b"ghp_ AKIA sk_live_ eyJ -----BEGIN ".repeat((1 << 20) / 34),
        ),
    ];
    // Numbers and addresses without an end: wherever it is cut, a candidate is undecided.
    let numbers: String = (0..90_000)
        .map(|n| format!("{{\"user.name{n}\":[-122.{n:05}8463,41{n}]}}\n"))
        .collect();
    bodies.push(("JSON of numbers, 3 MiB".to_owned(), numbers.into_bytes()));
    let deep = [b"[".repeat(20_000), b"]".repeat(20_000)].concat();
    bodies.push(("deeply nested JSON".to_owned(), deep));
    bodies
}

/// Pieces of 1 byte to a few KiB, so that both short and long ones come.
fn cut(body: &[u8], random: &mut Random) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let most = 1_usize << (random.next() % 17);
        let size = (random.next() as usize % most + 1).min(rest.len());
        let (piece, tail) = rest.split_at(size);
        pieces.push(piece.to_vec());
        rest = tail;
    }
    pieces
}

/// SplitMix64: the same cuts in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

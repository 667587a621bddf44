//! The filter natively, over a host that records: random bodies in random chunks against the engine, whole.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::cell::{Cell, RefCell};
use std::sync::LazyLock;

use blackbar_engine::{Engine, Place, Plan, Stream};
use blackbar_filter::host::{Action, BufferKind, Host, HostError, Level, MapKind};
use blackbar_filter::{Filter, Side, map};

static ARTIFACT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let policy = blackbar_policy::Policy::parse_str(
        "demo.toml",
        include_str!("demo.toml"),
        &blackbar_policy::load::NoBuiltins,
    )
    .unwrap_or_else(|error| panic!("{error}"));
    blackbar_compiler::compile(&policy)
        .unwrap_or_else(|error| panic!("{error}"))
        .artifact
});

/// A proxy that keeps what it is asked to keep, as Envoy does, and writes down what it is told.
#[derive(Default)]
struct Recorder {
    configuration: Vec<u8>,
    headers: RefCell<Vec<(Vec<u8>, Vec<u8>)>>,
    buffer: RefCell<Vec<u8>>,
    logs: RefCell<Vec<String>>,
    replies: RefCell<Vec<u32>>,
    counters: RefCell<Vec<(String, u64)>>,
    writes: Cell<u32>,
    /// In a trailers callback: an empty buffer takes nothing, as in Envoy.
    trailers: Cell<bool>,
}

impl Host for Recorder {
    fn log(&self, _: Level, message: &str) {
        self.logs.borrow_mut().push(message.to_owned());
    }

    fn read_into(
        &self,
        kind: BufferKind,
        start: usize,
        into: &mut [u8],
    ) -> Result<usize, HostError> {
        let bytes = self.read(kind, start, into.len())?;
        into[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    fn read(&self, kind: BufferKind, start: usize, len: usize) -> Result<Vec<u8>, HostError> {
        let buffer = match kind {
            BufferKind::PluginConfiguration => self.configuration.clone(),
            _ => self.buffer.borrow().clone(),
        };
        Ok(buffer.into_iter().skip(start).take(len).collect())
    }

    fn replace(&self, _: BufferKind, len: usize, bytes: &[u8]) -> Result<(), HostError> {
        assert!(
            len >= self.buffer.borrow().len(),
            "only ever the whole buffer"
        );
        if self.trailers.get() && self.buffer.borrow().is_empty() {
            return Err(HostError::BAD_ARGUMENT);
        }
        self.writes.set(self.writes.get() + 1);
        *self.buffer.borrow_mut() = bytes.to_vec();
        Ok(())
    }

    fn append(&self, _: BufferKind, len: usize, bytes: &[u8]) -> Result<(), HostError> {
        assert_eq!(len, self.buffer.borrow().len(), "only ever behind all");
        self.writes.set(self.writes.get() + 1);
        self.buffer.borrow_mut().extend_from_slice(bytes);
        Ok(())
    }

    fn map(&self, _: MapKind) -> Result<Vec<u8>, HostError> {
        let headers = self.headers.borrow();
        let pairs: Vec<(&[u8], &[u8])> = headers
            .iter()
            .map(|(name, value)| (name.as_slice(), value.as_slice()))
            .collect();
        Ok(map::encode(&pairs))
    }

    fn set_header(&self, kind: MapKind, name: &[u8], value: &[u8]) -> Result<(), HostError> {
        self.remove_header(kind, name)?;
        self.add_header(kind, name, value)
    }

    fn add_header(&self, _: MapKind, name: &[u8], value: &[u8]) -> Result<(), HostError> {
        self.headers
            .borrow_mut()
            .push((name.to_vec(), value.to_vec()));
        Ok(())
    }

    fn remove_header(&self, _: MapKind, name: &[u8]) -> Result<(), HostError> {
        self.headers.borrow_mut().retain(|(other, _)| other != name);
        Ok(())
    }

    fn set_property(&self, _: &str, _: &[u8]) -> Result<(), HostError> {
        Err(HostError::UNIMPLEMENTED)
    }

    fn reply(&self, status: u32, _: &str, _: &str) -> Result<(), HostError> {
        self.replies.borrow_mut().push(status);
        Ok(())
    }

    fn close(&self) -> Result<(), HostError> {
        Err(HostError::UNIMPLEMENTED)
    }

    fn define_counter(&self, name: &str) -> Result<u32, HostError> {
        self.counters.borrow_mut().push((name.to_owned(), 0));
        Ok(self.counters.borrow().len() as u32 - 1)
    }

    fn increment(&self, id: u32, by: u64) -> Result<(), HostError> {
        assert!(by > 0);
        self.counters.borrow_mut()[id as usize].1 += by;
        Ok(())
    }
}

fn filter(configuration: &str) -> Filter<Recorder> {
    let host = Recorder {
        configuration: configuration.into(),
        ..Recorder::default()
    };
    let mut filter = Filter::new(host, Some(ARTIFACT.as_slice()));
    filter.on_context_create(1, 0);
    assert!(
        filter.on_configure(1, configuration.len()),
        "{:?}",
        filter.host().logs
    );
    filter
}

/// Marsaglia's xorshift: the same numbers on every run. <https://www.jstatsoft.org/article/view/v008i14>
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

const PIECES: &[&str] = &[
    "key-12345678",
    "key-1234",
    "key-",
    "k",
    "msk-abcdef",
    "pan-123456789012",
    "drp-123456",
    "cnt-123456",
    "open-abcdef-shut",
    "open-abc",
    "sesame_key=abcdefghijkl0",
    "sesame_key=",
    " ",
    " ",
    "\n",
    ",",
    "lorem ipsum ",
    "\u{fc}",
    "[demo.key]",
    "1",
    "-",
    "x",
];

#[test]
fn random_bodies_in_random_chunks() {
    let filter = random_bodies("", None, 10_000);
    assert!(filter.host().writes.get() > 1000);
    let of = |name: &str| counted(&filter, name);
    assert!(
        of("blackbar.body.held_bytes") > 10_000 && of("blackbar.rule.demo.key.redacted") > 1000
    );
    assert_eq!(
        of("blackbar.body.lost_bytes")
            + of("blackbar.failure.closed")
            + of("blackbar.body.hold_limit"),
        0
    );
}

/// Chunks that the proxy could not hold: carried, beside shorter ones that are held. With trailers, the end is one that decides.
#[test]
fn random_bodies_in_chunks_beyond_the_hold_limit() {
    for limit in [64, 80, 120] {
        let configuration = format!(r#"{{"hold_limit": {limit}}}"#);
        let filter = random_bodies(&configuration, Some(limit), 5_000);
        let of = |name: &str| counted(&filter, name);
        assert!(of("blackbar.body.hold_limit") > 1000);
        assert!(of("blackbar.body.held_bytes") > 10_000);
        assert!(of("blackbar.rule.demo.key.redacted") > 1000);
        assert_eq!(
            of("blackbar.body.lost_bytes")
                + of("blackbar.failure.closed")
                + of("blackbar.body.forced"),
            0
        );
    }
}

/// Bodies cut at random, each against the native engine. With `beyond`, most are longer than so many bytes, and no candidate in them is.
fn random_bodies(configuration: &str, beyond: Option<usize>, rounds: u32) -> Filter<Recorder> {
    let engine = Engine::load(ARTIFACT.as_slice()).unwrap();
    let plan = Plan::new(&engine, None).unwrap();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut filter = filter(configuration);
    for round in 0..rounds {
        let trailers = numbers.below(2) == 0;
        let pieces = if beyond.is_some() { 200 } else { 30 };
        let mut body: String = (0..numbers.below(pieces))
            .map(|_| PIECES[numbers.below(PIECES.len())])
            .collect();
        if beyond.is_some() && trailers {
            body.push('\n');
        }
        let mut stream = Stream::new(Place::Text);
        let mut expected = Vec::new();
        stream.push(&engine, &plan, body.as_bytes(), true);
        stream.take_output(&mut expected);

        let (id, side) = (
            round + 2,
            if numbers.below(2) == 0 {
                Side::Request
            } else {
                Side::Response
            },
        );
        let length_known = numbers.below(2) == 0;
        let most = 1 + numbers.below(beyond.map_or(40, |limit| 2 * limit));
        filter.on_context_create(id, 1);
        let mut headers = vec![(b":status".to_vec(), b"200".to_vec())];
        if length_known {
            headers.push((b"content-length".to_vec(), body.len().to_string().into()));
        }
        let count = headers.len();
        filter.host().headers.replace(headers);
        assert_eq!(filter.on_headers(id, side, count, false), Action::Continue);

        let mut sent: Vec<u8> = Vec::new();
        let mut rest = body.as_bytes();
        let mut ended = false;
        while !ended {
            let (chunk, after) = rest.split_at(numbers.below(most + 1).min(rest.len()));
            rest = after;
            ended = rest.is_empty() && (trailers || numbers.below(2) == 0);
            filter.host().buffer.borrow_mut().extend_from_slice(chunk);
            let size = filter.host().buffer.borrow().len();
            if filter.on_body(id, side, size, ended && !trailers) == Action::Continue {
                sent.extend(filter.host().buffer.take());
            }
        }
        if trailers {
            filter
                .host()
                .headers
                .replace(vec![(b"x".to_vec(), b"1".to_vec())]);
            filter.host().trailers.set(true);
            assert_eq!(filter.on_trailers(id, side, 1), Action::Continue);
            filter.host().trailers.set(false);
            sent.extend(filter.host().buffer.take());
        }
        assert!(filter.host().replies.borrow().is_empty());
        assert_eq!(
            String::from_utf8_lossy(&sent),
            String::from_utf8_lossy(&expected),
            "round {round}: length known {length_known}, trailers {trailers}, {body:?}"
        );
        filter.on_delete(id);
    }
    filter
}

fn counted(filter: &Filter<Recorder>, name: &str) -> u64 {
    let counters = filter.host().counters.borrow();
    counters
        .iter()
        .find(|(known, _)| known == name)
        .map_or(0, |(_, count)| *count)
}

#[test]
fn contexts_that_were_never_made_get_nothing_through() {
    let mut filter = filter("");
    assert_eq!(filter.on_headers(77, Side::Request, 1, true), Action::Pause);
    assert_eq!(filter.on_body(77, Side::Response, 10, true), Action::Pause);
    assert_eq!(*filter.host().replies.borrow(), [503, 503]);
    filter.on_delete(77);
    filter.on_context_create(9, 5);
    assert_eq!(filter.on_headers(9, Side::Request, 1, true), Action::Pause);
}

#[test]
fn a_body_that_grew_or_shrank_under_the_filter_is_refused() {
    for (kept, answer) in [
        (&b"key-1234567"[..], Action::Continue),
        (b"xey-1234567", Action::Pause),
        (b"key-123", Action::Pause),
        (b"", Action::Pause),
    ] {
        let mut filter = filter("");
        filter.on_context_create(2, 1);
        filter
            .host()
            .headers
            .replace(vec![(b":status".to_vec(), b"200".to_vec())]);
        filter.on_headers(2, Side::Response, 1, false);
        filter.host().buffer.replace(b"key-1234567".to_vec());
        assert_eq!(filter.on_body(2, Side::Response, 11, false), Action::Pause);
        let buffer = [kept, b" end"].concat();
        let size = buffer.len();
        filter.host().buffer.replace(buffer);
        assert_eq!(
            filter.on_body(2, Side::Response, size, true),
            answer,
            "{kept:?}"
        );
        assert_eq!(
            filter.host().replies.borrow().len(),
            usize::from(answer == Action::Pause)
        );
        if answer == Action::Pause {
            assert!(filter.host().buffer.borrow().is_empty(), "discarded");
        }
    }
}

/// A response with these chunks, each with the size that the proxy claims; what is in the buffer and what was answered after each.
fn response(configuration: &str, chunks: &[(&str, Option<usize>)]) -> Vec<(Action, String)> {
    let mut filter = filter(configuration);
    filter.on_context_create(2, 1);
    filter
        .host()
        .headers
        .replace(vec![(b":status".to_vec(), b"200".to_vec())]);
    filter.on_headers(2, Side::Response, 1, false);
    let mut seen = Vec::new();
    for (chunk, claimed) in chunks {
        filter
            .host()
            .buffer
            .borrow_mut()
            .extend_from_slice(chunk.as_bytes());
        let size = claimed.unwrap_or(filter.host().buffer.borrow().len());
        let action = filter.on_body(2, Side::Response, size, false);
        let buffer = filter.host().buffer.borrow().clone();
        seen.push((action, String::from_utf8(buffer).unwrap()));
        if action == Action::Continue {
            filter.host().buffer.take();
        }
    }
    seen
}

#[test]
fn nothing_known_to_be_secret_waits_in_the_buffer_of_a_proxy_that_may_not_wait() {
    let seen = response("", &[("key-12345678 key-1234", None), ("5678 ", None)]);
    assert_eq!(
        seen,
        [
            (Action::Pause, "[demo.key] key-1234".into()),
            (Action::Continue, "[demo.key] [demo.key] ".into())
        ]
    );
}

#[test]
fn bytes_beyond_the_claimed_size_are_scanned_too() {
    for claimed in [0, 1, 5, 12] {
        let seen = response("", &[("key-12345678 and key-12345678 end", Some(claimed))]);
        assert_eq!(
            seen,
            [(Action::Continue, "[demo.key] and [demo.key] end".into())],
            "{claimed}"
        );
    }
    let seen = response("", &[("short", Some(100))]);
    assert_eq!(
        seen,
        [(Action::Pause, String::new())],
        "fewer than claimed: refused"
    );
}

#[test]
fn what_is_longer_than_the_hold_limit_is_masked() {
    for configuration in [
        r#"{"hold_limit": 20}"#,
        r#"{"hold_limit": 20, "on_hold_limit": "mask"}"#,
    ] {
        let seen = response(
            configuration,
            &[("a open-abc", None), ("defghijkl", None), ("mnop", None)],
        );
        let actions: Vec<Action> = seen.iter().map(|(action, _)| *action).collect();
        assert_eq!(actions, [Action::Pause, Action::Pause, Action::Continue]);
        assert_eq!(seen[2].1, "a *********************");
    }
}

#[test]
fn what_the_proxy_could_not_hold_is_carried_or_masked() {
    let chunks = [
        ("plain words, key-12345678, key-12", None),
        ("34", None),
        ("5678 and more words key-1234", None),
        ("", None),
        ("-\n", None),
    ];
    assert_eq!(
        response(r#"{"hold_limit": 20}"#, &chunks),
        [
            (Action::Continue, "plain words, [demo.key], ".into()),
            (Action::Continue, String::new()),
            (Action::Continue, "[demo.key] and more words ".into()),
            (Action::Continue, String::new()),
            (Action::Continue, "key-1234-\n".into()),
        ],
        "never held again: the next piece could be more than the proxy takes"
    );
    let seen = response(r#"{"hold_limit": 20, "on_hold_limit": "mask"}"#, &chunks);
    assert_eq!(
        seen[0],
        (Action::Continue, "plain words, [demo.key], ******".into())
    );
}

/// The tail is carried, and trailers come: nothing of it goes on, and the message does not end as if it were whole.
#[test]
fn trailers_after_a_carried_end() {
    for (on_failure, answer) in [("closed", Action::Pause), ("open", Action::Continue)] {
        for side in [Side::Request, Side::Response] {
            let mut filter = filter(&format!(
                r#"{{"hold_limit": 20, "on_failure": "{on_failure}"}}"#
            ));
            filter.on_context_create(2, 1);
            filter
                .host()
                .headers
                .replace(vec![(b":status".to_vec(), b"200".to_vec())]);
            filter.on_headers(2, side, 1, false);
            let body = b"plain words, and then key-1234";
            filter.host().buffer.replace(body.to_vec());
            assert_eq!(filter.on_body(2, side, body.len(), false), Action::Continue);
            assert_eq!(filter.host().buffer.take(), b"plain words, and then ");
            filter.host().trailers.set(true);
            assert_eq!(filter.on_trailers(2, side, 1), answer);
            assert!(filter.host().buffer.borrow().is_empty());
            assert_eq!(counted(&filter, "blackbar.body.lost_bytes"), 8);
            let (refused, status) = match (answer, side) {
                (Action::Continue, _) => (0, None),
                (_, Side::Request) => (1, Some(500)),
                (_, Side::Response) => (1, Some(502)),
            };
            assert_eq!(counted(&filter, "blackbar.failure.closed"), refused);
            assert_eq!(counted(&filter, "blackbar.open.failure"), 1 - refused);
            assert_eq!(filter.host().replies.borrow().first().copied(), status);
            let logs = filter.host().logs.borrow();
            let told = logs.iter().filter(|line| line.contains("trailers")).count();
            assert_eq!(told, 1, "{logs:?}");
            assert!(!logs.iter().any(|line| line.contains("1234")), "{logs:?}");
        }
    }
}

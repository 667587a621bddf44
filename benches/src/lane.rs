//! Running a policy over a haystack, as it is measured: the native engine, and the module in the wasmtime host. Every chunk is copied
//! in, as a proxy or a pipe does, and the whole output is produced; what comes out is counted and dropped, as a socket would take it.

use std::fmt;

use blackbar_carriers::Carrier;
use blackbar_engine::{Engine, Place, Plan, Width};
use blackbar_host_test::{Exchange, Headers, Host, Module, Step};

/// What one pass over a haystack found and wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Findings of all rules.
    pub findings: u64,
    /// Bytes of output.
    pub bytes_out: u64,
}

/// Why a lane cannot be run.
#[derive(Debug)]
pub struct LaneError(String);

impl fmt::Display for LaneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for LaneError {}

fn failed(error: &dyn fmt::Display) -> LaneError {
    LaneError(error.to_string())
}

/// The variable that limits the vectors of the native engine; for comparisons only, what is found is the same.
pub const SIMD: &str = "BLACKBAR_SIMD";

/// What the variable says.
fn limit() -> Result<Option<Width>, LaneError> {
    let Ok(limit) = std::env::var(SIMD) else {
        return Ok(None);
    };
    let known = Width::named(&limit);
    let unknown = || {
        LaneError(format!(
            "{SIMD} is `{limit}`, which names no width of vectors"
        ))
    };
    known.map(Some).ok_or_else(unknown)
}

/// The engine in this process.
#[derive(Debug)]
pub struct Native {
    engine: Engine,
    plan: Plan,
    stream: Carrier,
    out: Vec<u8>,
}

impl Native {
    /// Loads an artifact.
    ///
    /// # Errors
    /// When the engine refuses it.
    pub fn new(artifact: Vec<u8>) -> Result<Self, LaneError> {
        let mut engine = Engine::load(artifact).map_err(|error| failed(&error))?;
        if let Some(width) = limit()? {
            engine.set_width(width.min(engine.width()));
        }
        let plan = Plan::new(&engine, None).map_err(|error| failed(&error))?;
        Ok(Self {
            engine,
            plan,
            stream: Carrier::new(Place::Text),
            out: Vec::new(),
        })
    }

    /// How many rules it has.
    #[must_use]
    pub fn rules(&self) -> usize {
        self.engine.rules().len()
    }

    /// How many bytes the engine looks up at once.
    #[must_use]
    pub fn width(&self) -> &'static str {
        match self.engine.width() {
            Width::Scalar => "1 byte",
            Width::V128 => "16 bytes",
            Width::V256 => "32 bytes",
            Width::V512 => "64 bytes",
        }
    }

    /// Redacts a haystack.
    pub fn redact(&mut self, haystack: &[u8], chunk: usize) -> Seen {
        self.pass(haystack, chunk, true)
    }

    /// Looks for findings and writes nothing.
    pub fn scan(&mut self, haystack: &[u8], chunk: usize) -> Seen {
        self.pass(haystack, chunk, false)
    }

    fn pass(&mut self, haystack: &[u8], chunk: usize, write: bool) -> Seen {
        let mut seen = Seen {
            findings: 0,
            bytes_out: 0,
        };
        self.stream.reset(Place::Text);
        for piece in haystack.chunks(chunk) {
            self.stream.spare(piece.len()).copy_from_slice(piece);
            self.stream
                .commit(&self.engine, &self.plan, piece.len(), false);
            self.decided(&mut seen, write);
        }
        self.stream.push(&self.engine, &self.plan, b"", true);
        self.decided(&mut seen, write);
        seen
    }

    fn decided(&mut self, seen: &mut Seen, write: bool) {
        seen.findings += self.stream.findings().len() as u64;
        if write {
            self.stream.take_output(&mut self.out);
            seen.bytes_out += self.out.len() as u64;
            self.out.clear();
        } else {
            self.stream.clear();
        }
    }
}

/// The most that the host buffers: more than any haystack, so that it is never what is measured.
const BUFFER_LIMIT: usize = 1 << 27;

/// The module in the wasmtime host, which moves bytes as Envoy does.
#[derive(Debug)]
pub struct Wasm {
    host: Host,
}

impl Wasm {
    /// Starts a module that holds a policy. `mode`: of the plugin configuration, `enforce` or `shadow`.
    ///
    /// # Errors
    /// When it does not start.
    pub fn new(module: &Module, mode: &str) -> Result<Self, LaneError> {
        let host = Host::builder(module)
            .configuration(configuration(mode))
            .extra_vms(0)
            .buffer_limit(BUFFER_LIMIT)
            .start()
            .map_err(|error| failed(&error))?;
        Ok(Self { host })
    }

    /// Sends a haystack through as the body of a response of unknown length.
    ///
    /// # Errors
    /// When the module fails, or what it sent is wrong on the wire.
    pub fn redact(&mut self, haystack: &[u8], chunk: usize) -> Result<Seen, LaneError> {
        let before = self.findings();
        let mut exchange = self.open();
        let mut bytes_out = 0;
        for piece in haystack.chunks(chunk) {
            let step = exchange.response_body(piece, false);
            bytes_out += taken(&mut exchange, step);
        }
        let step = exchange.response_body(&[], true);
        bytes_out += taken(&mut exchange, step);
        let ending = exchange.finish();
        if let Some(why) = self.host.failure() {
            return Err(LaneError(format!("the module failed: {why}")));
        }
        if let Some(violation) = ending.violations.first() {
            return Err(LaneError(format!("wrong on the wire: {violation:?}")));
        }
        Ok(Seen {
            findings: self.findings() - before,
            bytes_out,
        })
    }

    /// Opens an exchange and brings it to where the body of its response begins.
    pub fn open(&mut self) -> Exchange {
        let mut exchange = self.host.exchange();
        exchange.request_headers(Headers::request("GET", "blackbar", "/"), true);
        let head = Headers::from([(":status", "200"), ("content-type", "text/plain")]);
        exchange.response_headers(head, false);
        exchange
    }

    /// Opens an exchange and brings it to where the body of its request begins.
    pub fn open_request(&mut self) -> Exchange {
        let mut exchange = self.host.exchange();
        let mut request = Headers::request("POST", "blackbar", "/");
        request.add(b"content-type", b"text/plain");
        exchange.request_headers(request, false);
        exchange
    }

    /// The host, for what only it knows: memory, fuel.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The sum of the module's counters over its rules, one count for each finding.
    fn findings(&self) -> u64 {
        self.host
            .metrics()
            .iter()
            .filter(|(name, _)| name.starts_with("blackbar.rule."))
            .map(|(_, count)| count)
            .sum()
    }
}

/// The plugin configuration that is measured: all defaults but for `mode`, which is the module's.
#[must_use]
pub fn configuration(mode: &str) -> String {
    format!("{{\"mode\":\"{mode}\"}}")
}

/// Takes what left towards the client and gives the allocation back.
fn taken(exchange: &mut Exchange, step: Step) -> u64 {
    let bytes = step.downstream.body.len() as u64;
    exchange.recycle(step);
    bytes
}

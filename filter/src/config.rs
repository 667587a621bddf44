//! Plugin configuration: what the JSON may say, its defaults, and how it is refused. What the settings do lives with those who use
//! them; the same is told to users in CONFIGURATION.md. Profiles and rule ids are checked where the artifact is at hand
//! ([`crate::plugin`]). How the JSON is read lives in `read`.

mod read;
mod tcp;

use core::fmt;

use blackbar_carriers::{Files, Views};
use blackbar_engine::Action;
use serde::Deserialize;

use crate::coding::Limits;
use crate::exchange::Side;
use crate::integrity;
use read::{Raw, Table, table};
pub use tcp::{Stream, Tcp, Undecided, Way};

/// Longest message about a configuration, in characters.
const MESSAGE_LEN: usize = 400;

/// What the filter does with what it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Redact traffic in flight.
    #[default]
    Enforce,
    /// Count what would be redacted, change nothing.
    Shadow,
    /// Publish redacted path, query and headers for access logs; traffic is not touched, bodies are not read.
    LogOnly,
    /// Do nothing.
    Off,
}

impl Mode {
    /// As it stands in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Enforce => "enforce",
            Mode::Shadow => "shadow",
            Mode::LogOnly => "log_only",
            Mode::Off => "off",
        }
    }
}

/// What happens to a body in a content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoded {
    /// Refuse the message: a request with 415, a response with 502.
    #[default]
    Block,
    /// Let it through unread: a leak, counted.
    Pass,
    /// Take the body away.
    Strip,
    /// Decode it here, and let it go on without its coding.
    Decode,
}

/// What happens to a body that is a part of a representation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Partial {
    /// It is scanned by itself, and what is found is masked.
    #[default]
    Mask,
    /// The message is refused: a request with 400, a response with 502.
    Block,
}

/// What happens to a signed body in which something is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signed {
    /// The message is refused. One in which nothing is found goes on as it came.
    #[default]
    Block,
    /// It is redacted like any other, and the signature is taken away.
    Drop,
    /// Signed bodies go on unread: a leak, counted.
    Pass,
}

/// What happens to a message when the filter cannot do its work on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Refuse the message.
    #[default]
    Closed,
    /// Let it through as it is: a leak, counted.
    Open,
}

/// What is done with undecided bytes at the end of a chunk when the proxy would have to hold more than the hold limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnHoldLimit {
    /// They wait inside the module for the next chunk; trailers in its place are a failure.
    #[default]
    Carry,
    /// They are masked.
    Mask,
}

/// What is done with the parts of multipart bodies that have a file name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileParts {
    /// They are scanned.
    #[default]
    Scan,
    /// They go on unread.
    Pass,
}

impl From<FileParts> for Files {
    fn from(parts: FileParts) -> Files {
        match parts {
            FileParts::Scan => Files::Scan,
            FileParts::Pass => Files::Pass,
        }
    }
}

/// One value for requests and one for responses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Both<T> {
    /// For requests.
    pub request: T,
    /// For responses.
    pub response: T,
}

/// Which parts of a request are scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScanRequest {
    /// Header values.
    pub headers: bool,
    /// Path and query.
    pub url: bool,
    /// The body.
    pub body: bool,
    /// Trailer values.
    pub trailers: bool,
}

impl Default for ScanRequest {
    fn default() -> ScanRequest {
        ScanRequest {
            headers: true,
            url: true,
            body: true,
            trailers: true,
        }
    }
}

/// Which parts of a response are scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScanResponse {
    /// Header values.
    pub headers: bool,
    /// The body.
    pub body: bool,
    /// Trailer values.
    pub trailers: bool,
}

impl Default for ScanResponse {
    fn default() -> ScanResponse {
        ScanResponse {
            headers: true,
            body: true,
            trailers: true,
        }
    }
}

/// Which parts of traffic are scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scan {
    /// Of requests.
    #[serde(deserialize_with = "table")]
    pub request: ScanRequest,
    /// Of responses.
    #[serde(deserialize_with = "table")]
    pub response: ScanResponse,
    /// Messages of WebSocket.
    pub websocket: bool,
    /// What flows after another upgrade, and after CONNECT.
    pub upgrades: bool,
}

impl Default for Scan {
    fn default() -> Scan {
        Scan {
            request: ScanRequest::default(),
            response: ScanResponse::default(),
            websocket: true,
            upgrades: false,
        }
    }
}

/// Settings about content codings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContentEncoding {
    /// For request bodies.
    pub request: Encoded,
    /// For response bodies.
    pub response: Encoded,
    /// For bodies that are to be decoded and carry a coding that is not read here. Never [`Encoded::Decode`].
    pub unknown: Encoded,
    /// Take `accept-encoding` off requests whose responses are to be scanned.
    pub strip_accept_encoding: bool,
    /// Bytes that may be decoded for each byte that came.
    pub max_ratio: u32,
    /// The most bytes that one body may be decoded to.
    pub max_decoded: u64,
    /// The most memory that decoders may take, for all bodies of a VM.
    pub max_memory: u32,
}

impl Default for ContentEncoding {
    fn default() -> ContentEncoding {
        ContentEncoding {
            request: Encoded::Block,
            response: Encoded::Block,
            unknown: Encoded::Block,
            strip_accept_encoding: true,
            max_ratio: 100,
            max_decoded: 256 * 1024 * 1024,
            max_memory: 32 * 1024 * 1024,
        }
    }
}

impl ContentEncoding {
    /// What is done with bodies of that side.
    #[must_use]
    pub fn of(&self, side: Side) -> Encoded {
        match side {
            Side::Request => self.request,
            Side::Response => self.response,
        }
    }

    /// What is done with what is not decoded, of bodies of that side.
    #[must_use]
    pub fn undecoded(&self, side: Side) -> Encoded {
        match self.of(side) {
            Encoded::Decode => self.unknown,
            other => other,
        }
    }

    /// Bounds of decoding.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            ratio: u64::from(self.max_ratio),
            decoded: self.max_decoded,
            memory: self.max_memory as usize,
        }
    }
}

/// Settings about signed bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBodies {
    /// Of requests.
    pub request: Signed,
    /// Of responses.
    pub response: Signed,
    /// Header names, in lower case, that hold a signature of the body.
    pub headers: Vec<String>,
}

impl SignedBodies {
    /// What is done with bodies of that side.
    #[must_use]
    pub fn of(&self, side: Side) -> Signed {
        match side {
            Side::Request => self.request,
            Side::Response => self.response,
        }
    }
}

/// Which encoded forms of values are read; what is not said is as the policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ViewChoice {
    escapes: Option<bool>,
    percent: Option<bool>,
    entities: Option<bool>,
    utf16: Option<bool>,
    base64: Option<bool>,
    hex: Option<bool>,
    quoted_printable: Option<bool>,
}

impl ViewChoice {
    /// The views that there are, where the policy wants `views`.
    #[must_use]
    pub fn apply(&self, views: Views) -> Views {
        Views {
            escapes: self.escapes.unwrap_or(views.escapes),
            percent: self.percent.unwrap_or(views.percent),
            entities: self.entities.unwrap_or(views.entities),
            utf16: self.utf16.unwrap_or(views.utf16),
            base64: self.base64.unwrap_or(views.base64),
            hex: self.hex.unwrap_or(views.hex),
            quoted_printable: self.quoted_printable.unwrap_or(views.quoted_printable),
        }
    }
}

/// What one rule does, in place of what the profile says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleOverride {
    /// The rule's permanent id.
    pub id: String,
    /// Another action.
    pub action: Option<Action>,
    /// On or off.
    pub enabled: Option<bool>,
}

/// A whole plugin configuration, every value set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The profile's id; the artifact's base profile if none is named.
    pub profile: Option<String>,
    /// What is done with findings.
    pub mode: Mode,
    /// Which parts are scanned.
    pub scan: Scan,
    /// Which encoded forms are read.
    pub views: ViewChoice,
    /// In the order of the file; ids are unique.
    pub rules: Vec<RuleOverride>,
    /// Header names, in lower case, whose values go on untouched in [`Mode::Enforce`].
    pub pass_headers: Both<Vec<String>>,
    /// Request header names, in lower case, that are published.
    pub log_headers: Vec<String>,
    /// Response header names, in lower case, that are published.
    pub log_response_headers: Vec<String>,
    /// Whether [`Mode::Enforce`] publishes as [`Mode::LogOnly`] does.
    pub publish: bool,
    /// Content codings.
    pub content_encoding: ContentEncoding,
    /// Content types, in lower case, whose bodies are not scanned: `image/png` or `image/*`.
    pub skip_content_types: Both<Vec<String>>,
    /// What is done with the parts of multipart bodies that have a file name.
    pub file_parts: FileParts,
    /// Take `range` and `if-range` off requests whose responses are to be scanned.
    pub strip_range: bool,
    /// What happens to bodies that are parts.
    pub partial_content: Partial,
    /// What happens to bodies that are signed.
    pub signed_bodies: SignedBodies,
    /// What flows over raw connections, and through tunnels.
    pub tcp: Tcp,
    /// The most bytes of a body that are held in the proxy while a candidate is undecided.
    pub hold_limit: usize,
    /// What is done with undecided bytes beyond it.
    pub on_hold_limit: OnHoldLimit,
    /// The status of the reply that [`Action::Block`] gives.
    pub block_status: u32,
    /// What happens when the filter cannot do its work.
    pub on_failure: OnFailure,
}

/// Credentials that the upstream must see to let a request in.
const PASS_REQUEST: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "apikey",
    "x-goog-api-key",
    "x-amz-security-token",
    "x-auth-token",
    "x-access-token",
    "x-csrf-token",
    "x-xsrf-token",
    "x-vault-token",
    "private-token",
];

/// Credentials that a client must see to come back.
const PASS_RESPONSE: &[&str] = &["set-cookie"];

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| String::from(*name)).collect()
}

impl Default for Config {
    fn default() -> Config {
        Config {
            profile: None,
            mode: Mode::Enforce,
            scan: Scan::default(),
            views: ViewChoice::default(),
            rules: Vec::new(),
            pass_headers: Both {
                request: owned(PASS_REQUEST),
                response: owned(PASS_RESPONSE),
            },
            log_headers: owned(&["user-agent", "referer"]),
            log_response_headers: Vec::new(),
            publish: false,
            content_encoding: ContentEncoding::default(),
            skip_content_types: Both {
                request: Vec::new(),
                response: Vec::new(),
            },
            file_parts: FileParts::Scan,
            strip_range: true,
            partial_content: Partial::Mask,
            signed_bodies: SignedBodies {
                request: Signed::Block,
                response: Signed::Block,
                headers: owned(integrity::SIGNATURES),
            },
            tcp: Tcp::default(),
            hold_limit: 256 * 1024,
            on_hold_limit: OnHoldLimit::Carry,
            block_status: 403,
            on_failure: OnFailure::Closed,
        }
    }
}

/// A configuration that was refused. The message is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    message: String,
}

impl ConfigError {
    /// An error with that message, made fit for one log line.
    #[must_use]
    pub fn new(message: &str) -> ConfigError {
        let clean = message
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(MESSAGE_LEN);
        ConfigError {
            message: clean.collect(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for ConfigError {}

impl Config {
    /// Reads a configuration. No bytes at all are the defaults.
    ///
    /// # Errors
    /// On any doubt: text that is no JSON, bytes after it, an unknown or repeated key, a wrong type, a value out of range, a
    /// serialized protobuf `Struct`.
    ///
    /// # Panics
    /// Never, for any input.
    pub fn parse(bytes: &[u8]) -> Result<Config, ConfigError> {
        if bytes.is_empty() {
            return Ok(Config::default());
        }
        let raw = serde_json::from_slice::<Table<Raw>>(bytes).map_err(|error| {
            if is_protobuf_struct(bytes) {
                ConfigError::new(
                    "the configuration is a protobuf Struct; use StringValue with JSON text",
                )
            } else {
                ConfigError::new(&format!("the configuration is not understood: {error}"))
            }
        })?;
        raw.0.check()
    }
}

/// Whether bytes look like a serialized `google.protobuf.Struct`: field 1 with a map entry whose own field 1 is the key.
fn is_protobuf_struct(bytes: &[u8]) -> bool {
    let Some((0x0a, rest)) = bytes.split_first().map(|(tag, rest)| (*tag, rest)) else {
        return false;
    };
    // The length of the entry is a varint of at most five bytes; the last has no high bit.
    let Some(end) = rest.iter().take(5).position(|byte| byte & 0x80 == 0) else {
        return false;
    };
    let length = rest
        .iter()
        .take(end + 1)
        .rev()
        .fold(0_u64, |sum, byte| sum << 7 | u64::from(byte & 0x7f));
    let entry = rest.get(end + 1..).unwrap_or_default();
    entry.first() == Some(&0x0a)
        && u64::try_from(entry.len()).is_ok_and(|len| length >= 2 && length <= len)
}

#[cfg(test)]
mod tests;

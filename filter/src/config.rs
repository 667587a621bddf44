//! Plugin configuration: what the JSON may say, its defaults, and how it is refused. What the settings do lives with those who use
//! them; the same is told to users in CONFIGURATION.md. Profiles and rule ids are checked where the artifact is at hand
//! ([`crate::plugin`]).

use core::fmt;
use core::marker::PhantomData;

use crate::coding::Limits;
use crate::exchange::Side;
use blackbar_carriers::{Files, Views};
use blackbar_engine::Action;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The most bytes that `keep_first` and `keep_last` may keep, as in policies.
const MOST_KEPT: u8 = 64;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scan {
    /// Of requests.
    #[serde(deserialize_with = "table")]
    pub request: ScanRequest,
    /// Of responses.
    #[serde(deserialize_with = "table")]
    pub response: ScanResponse,
    /// What flows after an upgrade (WebSocket, CONNECT).
    pub upgrades: bool,
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

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Raw {
    profile: Option<String>,
    mode: Mode,
    #[serde(deserialize_with = "table")]
    scan: Scan,
    #[serde(deserialize_with = "table")]
    views: ViewChoice,
    rules: Rules,
    #[serde(deserialize_with = "table")]
    pass_headers: RawBoth,
    log_headers: Option<Vec<String>>,
    log_response_headers: Option<Vec<String>>,
    publish: bool,
    #[serde(deserialize_with = "table")]
    content_encoding: ContentEncoding,
    #[serde(deserialize_with = "table")]
    skip_content_types: RawBoth,
    file_parts: FileParts,
    strip_range: bool,
    hold_limit: u64,
    on_hold_limit: OnHoldLimit,
    #[serde(deserialize_with = "table")]
    block: RawBlock,
    on_failure: OnFailure,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawBoth {
    request: Option<Vec<String>>,
    response: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawBlock {
    status: u32,
}

impl Default for RawBlock {
    fn default() -> RawBlock {
        RawBlock {
            status: Config::default().block_status,
        }
    }
}

impl Default for Raw {
    fn default() -> Raw {
        let config = Config::default();
        Raw {
            profile: None,
            mode: config.mode,
            scan: config.scan,
            views: config.views,
            rules: Rules::default(),
            pass_headers: RawBoth::default(),
            log_headers: None,
            log_response_headers: None,
            publish: config.publish,
            content_encoding: config.content_encoding,
            skip_content_types: RawBoth::default(),
            file_parts: config.file_parts,
            strip_range: config.strip_range,
            hold_limit: config.hold_limit as u64,
            on_hold_limit: config.on_hold_limit,
            block: RawBlock::default(),
            on_failure: config.on_failure,
        }
    }
}

/// The least memory for decoders that is taken, in bytes: what one body needs.
const MIN_DECODING: u32 = 1024 * 1024;

/// The largest hold limit that is taken, in bytes.
const MAX_HOLD: u64 = 64 * 1024 * 1024;

impl Raw {
    fn check(self) -> Result<Config, ConfigError> {
        let default = Config::default();
        if self.hold_limit > MAX_HOLD {
            return Err(ConfigError::new(&format!(
                "hold_limit is {}, the most is {MAX_HOLD}",
                self.hold_limit
            )));
        }
        let coding = &self.content_encoding;
        if coding.unknown == Encoded::Decode {
            return Err(ConfigError::new(
                "content_encoding.unknown is decode, which is for codings that are known",
            ));
        }
        if coding.max_ratio == 0 || coding.max_decoded == 0 || coding.max_memory < MIN_DECODING {
            return Err(ConfigError::new(&format!(
                "content_encoding allows nothing to be decoded: max_memory is at least {MIN_DECODING}, the others 1"
            )));
        }
        if !(400..=599).contains(&self.block.status) {
            return Err(ConfigError::new(&format!(
                "block.status is {}, not from 400 to 599",
                self.block.status
            )));
        }
        Ok(Config {
            profile: self.profile,
            mode: self.mode,
            scan: self.scan,
            views: self.views,
            rules: self.rules.0,
            pass_headers: Both {
                request: names(
                    "pass_headers.request",
                    self.pass_headers.request,
                    default.pass_headers.request,
                )?,
                response: names(
                    "pass_headers.response",
                    self.pass_headers.response,
                    default.pass_headers.response,
                )?,
            },
            log_headers: names("log_headers", self.log_headers, default.log_headers)?,
            log_response_headers: names(
                "log_response_headers",
                self.log_response_headers,
                default.log_response_headers,
            )?,
            publish: self.publish,
            content_encoding: self.content_encoding,
            skip_content_types: Both {
                request: types(
                    "skip_content_types.request",
                    self.skip_content_types.request,
                )?,
                response: types(
                    "skip_content_types.response",
                    self.skip_content_types.response,
                )?,
            },
            file_parts: self.file_parts,
            strip_range: self.strip_range,
            hold_limit: usize::try_from(self.hold_limit).unwrap_or(default.hold_limit),
            on_hold_limit: self.on_hold_limit,
            block_status: self.block.status,
            on_failure: self.on_failure,
        })
    }
}

/// `tchar` of RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn names(
    key: &str,
    given: Option<Vec<String>>,
    default: Vec<String>,
) -> Result<Vec<String>, ConfigError> {
    let Some(mut given) = given else {
        return Ok(default);
    };
    for name in &mut given {
        if !is_token(name) {
            return Err(ConfigError::new(&format!(
                "{key} holds `{name}`, which is no header name"
            )));
        }
        name.make_ascii_lowercase();
    }
    Ok(given)
}

fn types(key: &str, given: Option<Vec<String>>) -> Result<Vec<String>, ConfigError> {
    let mut given = given.unwrap_or_default();
    for media in &mut given {
        let fits = media.split_once('/').is_some_and(|(kind, sub)| {
            is_token(kind)
                && !kind.contains('*')
                && (sub == "*" || (is_token(sub) && !sub.contains('*')))
        });
        if !fits {
            return Err(ConfigError::new(&format!(
                "{key} holds `{media}`; write `image/png` or `image/*`"
            )));
        }
        media.make_ascii_lowercase();
    }
    Ok(given)
}

/// A JSON object read as `T`. Serde's derived structs would take an array, too, its elements in the order of the fields.
struct Table<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Table<T>, D::Error> {
        table(deserializer).map(Table)
    }
}

fn table<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Object<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }
    deserializer.deserialize_map(Object(PhantomData))
}

/// The `rules` table: a map whose keys may not be repeated.
#[derive(Default)]
struct Rules(Vec<RuleOverride>);

impl<'de> Deserialize<'de> for Rules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Rules, D::Error> {
        struct Ids;
        impl<'de> Visitor<'de> for Ids {
            type Value = Rules;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of rule ids")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Rules, A::Error> {
                let mut rules: Vec<RuleOverride> = Vec::new();
                let mut seen = std::collections::BTreeSet::new();
                while let Some((id, rule)) = map.next_entry::<String, Table<RawRule>>()? {
                    let rule = rule.0;
                    if !seen.insert(id.clone()) {
                        return Err(de::Error::custom(format_args!(
                            "rule `{id}` stands twice in `rules`"
                        )));
                    }
                    rules.push(RuleOverride {
                        id,
                        action: rule.action.map(|action| action.0),
                        enabled: rule.enabled,
                    });
                }
                Ok(Rules(rules))
            }
        }
        deserializer.deserialize_map(Ids)
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawRule {
    action: Option<RawAction>,
    enabled: Option<bool>,
}

struct RawAction(Action);

impl<'de> Deserialize<'de> for RawAction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RawAction, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Form {
            Tag,
            Mask,
            Remove,
            Block,
            Allow,
            KeepFirst(u8),
            KeepLast(u8),
        }
        let action = match Form::deserialize(deserializer)? {
            Form::Tag => Action::Tag,
            Form::Mask => Action::Mask,
            Form::Remove => Action::Remove,
            Form::Block => Action::Block,
            Form::Allow => Action::Allow,
            Form::KeepFirst(n) | Form::KeepLast(n) if n > MOST_KEPT => {
                return Err(de::Error::custom(format_args!(
                    "keep {n} bytes, where {MOST_KEPT} are the most"
                )));
            }
            Form::KeepFirst(n) => Action::KeepFirst(n),
            Form::KeepLast(n) => Action::KeepLast(n),
        };
        Ok(RawAction(action))
    }
}

#[cfg(test)]
mod tests;

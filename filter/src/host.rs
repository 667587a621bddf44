//! What the filter asks of a proxy, as a trait: the ABI shell implements it with hostcalls, tests with a recording host.
//! The meaning of the answers lives with the callers; nothing here decides anything.

use core::fmt;

/// Why a hostcall did not give what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostError {
    /// The host answered with this proxy-wasm status, which is not `Ok` (0). Any number may come.
    Status(u32),
    /// The host answered `Ok`, but the answer cannot be used: a pointer that the module never handed out, or a size
    /// beyond the room it was given.
    Answer,
}

impl HostError {
    /// `NotFound` (1).
    pub const NOT_FOUND: HostError = HostError::Status(1);
    /// `BadArgument` (2).
    pub const BAD_ARGUMENT: HostError = HostError::Status(2);
    /// `Empty` (7).
    pub const EMPTY: HostError = HostError::Status(7);
    /// `Unimplemented` (12).
    pub const UNIMPLEMENTED: HostError = HostError::Status(12);
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostError::Status(status) => write!(f, "status {status}"),
            HostError::Answer => f.write_str("an answer that cannot be used"),
        }
    }
}

impl core::error::Error for HostError {}

/// Log levels of proxy-wasm that the filter uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// 2.
    Info,
    /// 3.
    Warn,
    /// 4.
    Error,
}

impl Level {
    /// The number in the ABI.
    #[must_use]
    pub fn code(self) -> u32 {
        match self {
            Level::Info => 2,
            Level::Warn => 3,
            Level::Error => 4,
        }
    }
}

/// The buffers of proxy-wasm that the filter uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BufferKind {
    /// 0.
    RequestBody,
    /// 1.
    ResponseBody,
    /// 2: what the client of a raw connection sent.
    DownstreamData,
    /// 3: what its upstream sent.
    UpstreamData,
    /// 7.
    PluginConfiguration,
}

impl BufferKind {
    /// The number in the ABI.
    #[must_use]
    pub fn code(self) -> u32 {
        match self {
            BufferKind::RequestBody => 0,
            BufferKind::ResponseBody => 1,
            BufferKind::DownstreamData => 2,
            BufferKind::UpstreamData => 3,
            BufferKind::PluginConfiguration => 7,
        }
    }
}

/// The header maps of proxy-wasm that the filter uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapKind {
    /// 0.
    RequestHeaders,
    /// 1.
    RequestTrailers,
    /// 2.
    ResponseHeaders,
    /// 3.
    ResponseTrailers,
}

impl MapKind {
    /// The number in the ABI.
    #[must_use]
    pub fn code(self) -> u32 {
        match self {
            MapKind::RequestHeaders => 0,
            MapKind::RequestTrailers => 1,
            MapKind::ResponseHeaders => 2,
            MapKind::ResponseTrailers => 3,
        }
    }
}

/// What a callback answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// 0: the proxy goes on with what it holds.
    Continue,
    /// 1: the proxy keeps what it holds, whole, until a later callback of the same stream continues.
    Pause,
}

impl Action {
    /// The number in the ABI.
    #[must_use]
    pub fn code(self) -> u32 {
        match self {
            Action::Continue => 0,
            Action::Pause => 1,
        }
    }
}

/// The proxy. Calls act on the stream whose callback is running.
///
/// An implementation never panics, whatever the proxy answers.
pub trait Host {
    /// Writes one log line.
    fn log(&self, level: Level, message: &str);

    /// Copies at most `into.len()` bytes of a buffer, from `start` on, into `into`, and says how many there were. Past the
    /// end: 0.
    ///
    /// # Errors
    /// As the host answers; `into` may then hold anything.
    fn read_into(
        &self,
        kind: BufferKind,
        start: usize,
        into: &mut [u8],
    ) -> Result<usize, HostError>;

    /// At most `len` bytes of a buffer, from `start` on.
    ///
    /// # Errors
    /// As the host answers.
    fn read(&self, kind: BufferKind, start: usize, len: usize) -> Result<Vec<u8>, HostError>;

    /// Replaces the whole buffer of a body, which has `len` bytes.
    ///
    /// # Errors
    /// As the host answers.
    fn replace(&self, kind: BufferKind, len: usize, bytes: &[u8]) -> Result<(), HostError>;

    /// Adds bytes behind the buffer of a body, which has `len` bytes.
    ///
    /// # Errors
    /// As the host answers.
    fn append(&self, kind: BufferKind, len: usize, bytes: &[u8]) -> Result<(), HostError>;

    /// A header map in the serialised form of the ABI (see [`crate::map`]). A map without pairs is empty.
    ///
    /// # Errors
    /// As the host answers.
    fn map(&self, kind: MapKind) -> Result<Vec<u8>, HostError>;

    /// Makes `value` the only value of a header.
    ///
    /// # Errors
    /// As the host answers.
    fn set_header(&self, kind: MapKind, name: &[u8], value: &[u8]) -> Result<(), HostError>;

    /// Adds one more value of a header.
    ///
    /// # Errors
    /// As the host answers.
    fn add_header(&self, kind: MapKind, name: &[u8], value: &[u8]) -> Result<(), HostError>;

    /// Removes all values of a header.
    ///
    /// # Errors
    /// As the host answers.
    fn remove_header(&self, kind: MapKind, name: &[u8]) -> Result<(), HostError>;

    /// Sets a property of the stream (in Envoy: filter state `wasm.<name>`).
    ///
    /// # Errors
    /// As the host answers.
    fn set_property(&self, name: &str, value: &[u8]) -> Result<(), HostError>;

    /// Answers the request in the upstream's place.
    ///
    /// # Errors
    /// As the host answers.
    fn reply(&self, status: u32, details: &str, body: &str) -> Result<(), HostError>;

    /// Closes the connection, to the client and to the upstream.
    ///
    /// # Errors
    /// As the host answers.
    fn close(&self) -> Result<(), HostError>;

    /// The id of the counter of that name.
    ///
    /// # Errors
    /// As the host answers; hosts without metrics answer `Unimplemented`.
    fn define_counter(&self, name: &str) -> Result<u32, HostError>;

    /// Adds to a counter. `by` is above zero.
    ///
    /// # Errors
    /// As the host answers.
    fn increment(&self, id: u32, by: u64) -> Result<(), HostError>;
}

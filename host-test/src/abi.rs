//! The numbers of the proxy-wasm 0.2.1 ABI: statuses, kinds, and the list of host functions.
//!
//! Nothing here decides anything; what a host function does is in `hostcalls`.
//! Source: <https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1>.

use core::fmt;

/// What a host function answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// No such header, property, metric, queue, function, or no such buffer now.
    NotFound = 1,
    /// An argument out of its range, or a map that is not open in this phase.
    BadArgument = 2,
    /// A value could not be serialised.
    SerializationFailure = 3,
    /// A value could not be parsed.
    ParseFailure = 4,
    /// A property path could not be evaluated.
    BadExpression = 5,
    /// A pointer outside of the guest's memory, or the guest's allocator gave nothing.
    InvalidMemoryAccess = 6,
    /// The queue has nothing.
    Empty = 7,
    /// The shared value changed meanwhile.
    CasMismatch = 8,
    /// The result is not of the expected kind.
    ResultMismatch = 9,
    /// The host failed.
    InternalFailure = 10,
    /// The connection broke.
    BrokenConnection = 11,
    /// The host does not have this function.
    Unimplemented = 12,
}

impl Status {
    /// Every status, for tests that try all answers.
    pub const ALL: [Status; 13] = [
        Status::Ok,
        Status::NotFound,
        Status::BadArgument,
        Status::SerializationFailure,
        Status::ParseFailure,
        Status::BadExpression,
        Status::InvalidMemoryAccess,
        Status::Empty,
        Status::CasMismatch,
        Status::ResultMismatch,
        Status::InternalFailure,
        Status::BrokenConnection,
        Status::Unimplemented,
    ];
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the client to the upstream.
    Request,
    /// From the upstream to the client.
    Response,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Direction::Request => "request",
            Direction::Response => "response",
        })
    }
}

/// The level of a log line, as `proxy_log` numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum LogLevel {
    /// 0
    Trace = 0,
    /// 1
    Debug = 1,
    /// 2
    Info = 2,
    /// 3
    Warn = 3,
    /// 4
    Error = 4,
    /// 5
    Critical = 5,
}

impl LogLevel {
    pub(crate) fn from_raw(raw: u32) -> Option<Self> {
        Some(match raw {
            0 => LogLevel::Trace,
            1 => LogLevel::Debug,
            2 => LogLevel::Info,
            3 => LogLevel::Warn,
            4 => LogLevel::Error,
            5 => LogLevel::Critical,
            _ => return None,
        })
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LogLevel::Trace => "trace",
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
            LogLevel::Critical => "critical",
        })
    }
}

/// A header map, as hostcalls number them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MapKind {
    Headers(Direction),
    Trailers(Direction),
    /// gRPC metadata and HTTP call responses: this host makes no calls, so they are never there.
    Call,
}

impl MapKind {
    pub(crate) fn from_raw(raw: u32) -> Option<Self> {
        Some(match raw {
            0 => MapKind::Headers(Direction::Request),
            1 => MapKind::Trailers(Direction::Request),
            2 => MapKind::Headers(Direction::Response),
            3 => MapKind::Trailers(Direction::Response),
            4..=7 => MapKind::Call,
            _ => return None,
        })
    }
}

/// A buffer, as hostcalls number them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BufferKind {
    Body(Direction),
    /// TCP data from the client (`Request`) or from the upstream (`Response`).
    Tcp(Direction),
    VmConfiguration,
    PluginConfiguration,
    /// HTTP call body, gRPC message: never there, as this host makes no calls.
    Call,
    /// Data of a foreign function call: always there, always empty.
    CallData,
}

impl BufferKind {
    pub(crate) fn from_raw(raw: u32) -> Option<Self> {
        Some(match raw {
            0 => BufferKind::Body(Direction::Request),
            1 => BufferKind::Body(Direction::Response),
            2 => BufferKind::Tcp(Direction::Request),
            3 => BufferKind::Tcp(Direction::Response),
            4 | 5 => BufferKind::Call,
            6 => BufferKind::VmConfiguration,
            7 => BufferKind::PluginConfiguration,
            8 => BufferKind::CallData,
            _ => return None,
        })
    }
}

macro_rules! hostcalls {
    ($($variant:ident = $name:literal,)*) => {
        /// A host function.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(usize)]
        pub enum Hostcall {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Hostcall {
            /// Every host function that this host has.
            pub const ALL: &'static [Hostcall] = &[$(Hostcall::$variant,)*];

            /// The name under which a guest imports it from `env`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Hostcall::$variant => $name,)*
                }
            }

            /// The host function of that name.
            #[must_use]
            pub fn named(name: &str) -> Option<Hostcall> {
                match name {
                    $($name => Some(Hostcall::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

hostcalls! {
    Log = "proxy_log",
    LogLevel = "proxy_get_log_level",
    Status = "proxy_get_status",
    CurrentTime = "proxy_get_current_time_nanoseconds",
    TickPeriod = "proxy_set_tick_period_milliseconds",
    EffectiveContext = "proxy_set_effective_context",
    Done = "proxy_done",
    GetProperty = "proxy_get_property",
    SetProperty = "proxy_set_property",
    GetMapPairs = "proxy_get_header_map_pairs",
    SetMapPairs = "proxy_set_header_map_pairs",
    GetMapValue = "proxy_get_header_map_value",
    ReplaceMapValue = "proxy_replace_header_map_value",
    RemoveMapValue = "proxy_remove_header_map_value",
    AddMapValue = "proxy_add_header_map_value",
    MapSize = "proxy_get_header_map_size",
    GetBuffer = "proxy_get_buffer_bytes",
    BufferStatus = "proxy_get_buffer_status",
    SetBuffer = "proxy_set_buffer_bytes",
    LocalResponse = "proxy_send_local_response",
    ContinueStream = "proxy_continue_stream",
    CloseStream = "proxy_close_stream",
    DefineMetric = "proxy_define_metric",
    IncrementMetric = "proxy_increment_metric",
    RecordMetric = "proxy_record_metric",
    GetMetric = "proxy_get_metric",
    GetSharedData = "proxy_get_shared_data",
    SetSharedData = "proxy_set_shared_data",
    RegisterQueue = "proxy_register_shared_queue",
    ResolveQueue = "proxy_resolve_shared_queue",
    Dequeue = "proxy_dequeue_shared_queue",
    Enqueue = "proxy_enqueue_shared_queue",
    HttpCall = "proxy_http_call",
    GrpcCall = "proxy_grpc_call",
    GrpcStream = "proxy_grpc_stream",
    GrpcSend = "proxy_grpc_send",
    GrpcCancel = "proxy_grpc_cancel",
    GrpcClose = "proxy_grpc_close",
    ForeignFunction = "proxy_call_foreign_function",
}

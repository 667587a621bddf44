//! The table `tcp`: what flows over raw connections, and through tunnels of HTTP. How it is scanned lives in [`crate::connection`].

use blackbar_carriers::{Format, Framing, Logins};
use serde::Deserialize;

use super::read::table;
use crate::exchange::Side;

/// What bytes of one direction are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Nobody knows: what is found becomes a mask.
    #[default]
    Bytes,
    /// Text, without messages.
    Text,
    /// Lines of text, each by itself.
    Lines,
    /// Documents of JSON, or lines.
    Json,
    /// Syslog, counted or in lines.
    Syslog,
    /// Values of MessagePack.
    Messagepack,
    /// Commands and replies of Redis.
    Redis,
    /// Datagrams of DogStatsD behind their lengths.
    Dogstatsd,
}

/// What is done with undecided bytes at the end of what came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undecided {
    /// They wait for more.
    #[default]
    Carry,
    /// They are masked.
    Mask,
}

/// What is done with the passwords of logins that a format knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LoginChoice {
    Pass,
    Mask,
    Scan,
}

/// One direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Way {
    /// Whether it is scanned at all.
    pub scan: bool,
    /// What it is written in.
    pub format: Stream,
    /// What is done with undecided bytes.
    pub undecided: Undecided,
    /// What is done with passwords of logins.
    pub logins: Logins,
}

impl Way {
    /// The format as carriers know it.
    #[must_use]
    pub fn format(&self) -> Format {
        Format::Stream(match self.format {
            Stream::Bytes => return Format::Bytes,
            Stream::Text => return Format::Text,
            Stream::Lines => Framing::Lines,
            Stream::Json => Framing::Json,
            Stream::Syslog => Framing::Syslog,
            Stream::Messagepack => Framing::MessagePack,
            Stream::Redis => Framing::Redis(self.logins),
            Stream::Dogstatsd => Framing::Dogstatsd,
        })
    }
}

/// Both directions of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "Raw")]
pub struct Tcp {
    /// From the client to the upstream.
    pub downstream: Way,
    /// From the upstream to the client.
    pub upstream: Way,
}

impl Tcp {
    /// Of a tunnel's side.
    #[must_use]
    pub fn of(&self, side: Side) -> &Way {
        match side {
            Side::Request => &self.downstream,
            Side::Response => &self.upstream,
        }
    }
}

impl Default for Tcp {
    fn default() -> Tcp {
        Tcp::from(Raw::default())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Raw {
    #[serde(deserialize_with = "table")]
    downstream: RawWay,
    #[serde(deserialize_with = "table")]
    upstream: RawWay,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawWay {
    scan: Option<bool>,
    format: Stream,
    undecided: Undecided,
    logins: Option<LoginChoice>,
}

impl RawWay {
    /// The server has to let clients in; what it answers are no commands.
    fn or(self, logins: LoginChoice) -> Way {
        Way {
            scan: self.scan.unwrap_or(true),
            format: self.format,
            undecided: self.undecided,
            logins: match self.logins.unwrap_or(logins) {
                LoginChoice::Pass => Logins::Pass,
                LoginChoice::Mask => Logins::Mask,
                LoginChoice::Scan => Logins::Scan,
            },
        }
    }
}

impl From<Raw> for Tcp {
    fn from(raw: Raw) -> Tcp {
        Tcp {
            downstream: raw.downstream.or(LoginChoice::Pass),
            upstream: raw.upstream.or(LoginChoice::Scan),
        }
    }
}

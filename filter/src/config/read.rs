//! How a configuration's JSON is read and refused. What it means lives in [`crate::config`].

use core::fmt;
use core::marker::PhantomData;

use blackbar_engine::Action;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{
    Both, Config, ConfigError, ContentEncoding, Encoded, FileParts, Mode, OnFailure, OnHoldLimit,
    Partial, RuleOverride, Scan, Signed, SignedBodies, Tcp, ViewChoice,
};

/// The most bytes that `keep_first` and `keep_last` may keep, as in policies.
const MOST_KEPT: u8 = 64;

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
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
    partial_content: Partial,
    #[serde(deserialize_with = "table")]
    signed_bodies: RawSigned,
    #[serde(deserialize_with = "table")]
    tcp: Tcp,
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

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawSigned {
    request: Signed,
    response: Signed,
    headers: Option<Vec<String>>,
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
            partial_content: config.partial_content,
            signed_bodies: RawSigned::default(),
            tcp: config.tcp,
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
    pub(super) fn check(self) -> Result<Config, ConfigError> {
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
            partial_content: self.partial_content,
            signed_bodies: SignedBodies {
                request: self.signed_bodies.request,
                response: self.signed_bodies.response,
                headers: names(
                    "signed_bodies.headers",
                    self.signed_bodies.headers,
                    default.signed_bodies.headers,
                )?,
            },
            tcp: self.tcp,
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
pub(super) struct Table<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Table<T>, D::Error> {
        table(deserializer).map(Table)
    }
}

pub(super) fn table<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
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

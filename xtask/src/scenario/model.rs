//! expect.toml, typed. Unknown keys are refused; so is an expectation that could not fail.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use crate::http::{Framing, Headers, Payload, Reply, gzip};
use crate::workspace::root;

/// One folder of envoy-config/.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    /// envoy.yaml, as it stands.
    pub(crate) envoy: String,
    /// Other YAML files of the folder, which envoy.yaml names as `./NAME`.
    pub(crate) files: Vec<(String, String)>,
    pub(crate) expect: Expect,
}

/// expect.toml.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    pub(crate) title: String,
    /// What `blackbar embed --policy` is given.
    pub(crate) policy: String,
    /// The plugin configuration; it stands in envoy.yaml word by word. Empty: none there.
    pub(crate) configuration: String,
    #[serde(rename = "exchange")]
    pub(crate) exchanges: Vec<Exchange>,
    /// The filter's counters after the last exchange.
    #[serde(rename = "counter", default)]
    pub(crate) counters: Vec<Counter>,
}

/// A request, its answer, and what must be seen of both.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    pub(crate) name: String,
    /// Values that must not be seen where they do not belong.
    #[serde(default)]
    pub(crate) planted: Vec<Planted>,
    /// What is changed before.
    pub(crate) change: Option<Change>,
    pub(crate) request: Request,
    #[serde(default)]
    pub(crate) reply: ReplyText,
    #[serde(default)]
    pub(crate) expect: Expected,
}

/// A file with the filter's configuration that is moved over the one there is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    pub(crate) file: String,
    /// Words of the file, and what takes their place.
    pub(crate) from: String,
    pub(crate) to: String,
    /// The proxy must reject it.
    #[serde(default)]
    pub(crate) refused: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Planted {
    pub(crate) value: Text,
    /// Where it may be seen all the same: a scenario that only cleans responses lets requests pass. Logs and counters are
    /// never a place where it may.
    #[serde(default)]
    pub(crate) may_reach: Vec<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Place {
    Upstream,
    Client,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    #[serde(default = "get")]
    pub(crate) method: String,
    pub(crate) path: Text,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Values>,
    #[serde(default)]
    body: Option<Text>,
    #[serde(default)]
    chunks: Vec<Text>,
    #[serde(default)]
    pause_ms: u64,
    #[serde(default)]
    gzip: bool,
    #[serde(default)]
    trailers: BTreeMap<String, Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplyText {
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, Values>,
    #[serde(default)]
    body: Option<Text>,
    #[serde(default)]
    chunks: Vec<Text>,
    #[serde(default)]
    pause_ms: u64,
    #[serde(default)]
    gzip: bool,
    #[serde(default)]
    echo: bool,
    #[serde(default)]
    trailers: BTreeMap<String, Text>,
}

impl Default for ReplyText {
    fn default() -> Self {
        Self {
            status: ok(),
            headers: BTreeMap::new(),
            body: None,
            chunks: Vec::new(),
            pause_ms: 0,
            gzip: false,
            echo: false,
            trailers: BTreeMap::new(),
        }
    }
}

fn get() -> String {
    "GET".to_owned()
}

fn ok() -> u16 {
    200
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    pub(crate) upstream: Option<Side>,
    pub(crate) client: Option<Side>,
    /// Fields of this exchange's line of the access log, which is JSON.
    #[serde(default)]
    pub(crate) log: BTreeMap<String, Text>,
}

/// What one side must have received. A header that is not named is not checked; a body that is not given neither.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Side {
    /// Upstream only: nothing may have arrived at all.
    #[serde(default)]
    pub(crate) nothing: bool,
    /// Client only.
    pub(crate) status: Option<u16>,
    /// Upstream only.
    pub(crate) path: Option<Text>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Values>,
    #[serde(default)]
    pub(crate) absent: Vec<String>,
    /// Exact bytes, after content-encoding was undone.
    pub(crate) body: Option<Text>,
    #[serde(default)]
    pub(crate) trailers: BTreeMap<String, Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counter {
    /// As the filter names it; Envoy's way of writing it is undone.
    pub(crate) name: String,
    pub(crate) value: u64,
}

/// Text given whole or in parts that are joined, so that no token stands whole in the repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) String);

/// One value, or several for a header that comes more than once.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Values {
    One(Text),
    /// `{ each = [...] }`
    Each {
        each: Vec<Text>,
    },
}

impl Values {
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Text> {
        match self {
            Self::One(text) => std::slice::from_ref(text).iter(),
            Self::Each { each } => each.iter(),
        }
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;
        impl<'de> Visitor<'de> for Parts {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or a list of texts to join")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Text, A::Error> {
                let mut text = String::new();
                while let Some(part) = parts.next_element::<String>()? {
                    text.push_str(&part);
                }
                Ok(Text(text))
            }
        }
        deserializer.deserialize_any(Parts)
    }
}

impl Scenario {
    /// Every folder of envoy-config/, by name.
    pub(crate) fn all() -> Result<Vec<Self>> {
        let folder = root().join("envoy-config");
        let mut names: Vec<String> = std::fs::read_dir(&folder)
            .with_context(|| format!("no folder {}", folder.display()))?
            .flatten()
            .filter(|entry| entry.path().is_dir())
            // What is no HTTP is checked by its clients alone.
            .filter(|entry| {
                let file = |name: &str| entry.path().join(name).is_file();
                file("expect.toml") || !file("clients.py")
            })
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        ensure!(!names.is_empty(), "envoy-config/ holds no scenario");
        names.iter().map(|name| Self::read(name)).collect()
    }

    pub(crate) fn read(name: &str) -> Result<Self> {
        let folder = root().join("envoy-config").join(name);
        let text = |file: &str| {
            std::fs::read_to_string(folder.join(file))
                .with_context(|| format!("cannot read envoy-config/{name}/{file}"))
        };
        let envoy = text("envoy.yaml")?;
        ensure!(
            folder.join("README.md").is_file(),
            "envoy-config/{name} has no README.md"
        );
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&folder)?.flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            if file.ends_with(".yaml") && file != "envoy.yaml" {
                files.push((file.clone(), text(&file)?));
            }
        }
        files.sort();
        let expect = text("expect.toml")?;
        let expect: Expect = toml::from_str(&expect)
            .with_context(|| format!("in envoy-config/{name}/expect.toml"))?;
        let scenario = Self {
            name: name.to_owned(),
            envoy,
            files,
            expect,
        };
        scenario
            .verify()
            .with_context(|| format!("in envoy-config/{name}/expect.toml"))?;
        Ok(scenario)
    }

    /// Refuses what would make a check empty.
    fn verify(&self) -> Result<()> {
        let expect = &self.expect;
        let texts = self.files.iter().map(|(_, text)| text);
        ensure!(
            texts
                .chain([&self.envoy])
                .any(|text| text.contains(&expect.configuration)),
            "the configuration does not stand in envoy.yaml in these words"
        );
        for change in expect.exchanges.iter().flat_map(|each| &each.change) {
            ensure!(
                self.files.iter().any(|(name, _)| *name == change.file),
                "there is no file {} to be changed",
                change.file
            );
        }
        ensure!(!expect.exchanges.is_empty(), "there is no [[exchange]]");
        let mut seen = Vec::new();
        for exchange in &expect.exchanges {
            let name = &exchange.name;
            ensure!(!seen.contains(&name), "two exchanges are called `{name}`");
            seen.push(name);
            ensure!(!exchange.is_idle(), "the exchange `{name}` expects nothing");
            for planted in &exchange.planted {
                if !exchange.sends(&planted.value.0) {
                    bail!("the exchange `{name}` has a planted value that it never sends");
                }
            }
            for side in [&exchange.expect.upstream, &exchange.expect.client]
                .into_iter()
                .flatten()
            {
                side.verify(name)?;
            }
            exchange.request.payload(name)?;
            exchange.reply.payload(name)?;
        }
        Ok(())
    }
}

impl Side {
    fn verify(&self, name: &str) -> Result<()> {
        let more = self.status.is_some()
            || self.path.is_some()
            || self.body.is_some()
            || !self.headers.is_empty();
        ensure!(
            !(self.nothing && more),
            "the exchange `{name}` expects nothing upstream, and something"
        );
        for header in self.headers.keys().chain(&self.absent) {
            ensure!(
                header.chars().all(|c| !c.is_ascii_uppercase()),
                "the exchange `{name}` writes the header `{header}` in capitals; HTTP has it in lower case"
            );
        }
        Ok(())
    }
}

impl Exchange {
    fn is_idle(&self) -> bool {
        let expected = &self.expect;
        self.planted.is_empty()
            && expected.upstream.is_none()
            && expected.client.is_none()
            && expected.log.is_empty()
    }

    fn sends(&self, value: &str) -> bool {
        let mut text = self.request.path.0.clone();
        let headers = self
            .request
            .headers
            .values()
            .chain(self.reply.headers.values());
        for part in headers
            .flat_map(Values::iter)
            .chain(self.request.trailers.values())
            .chain(self.reply.trailers.values())
        {
            text.push('\n');
            text.push_str(&part.0);
        }
        for (body, chunks) in [
            (&self.request.body, &self.request.chunks),
            (&self.reply.body, &self.reply.chunks),
        ] {
            text.push('\n');
            body.iter()
                .chain(chunks)
                .for_each(|part| text.push_str(&part.0));
        }
        text.contains(value)
    }
}

impl Request {
    pub(crate) fn header_list(&self) -> Headers {
        let mut list = headers(&self.headers);
        if self.gzip {
            list.push(("content-encoding".to_owned(), b"gzip".to_vec()));
        }
        list
    }

    pub(crate) fn payload(&self, name: &str) -> Result<Payload> {
        payload(
            name,
            self.body.as_ref(),
            &self.chunks,
            self.pause_ms,
            self.gzip,
            &self.trailers,
        )
    }

    pub(crate) fn has_body(&self) -> bool {
        self.body.is_some() || !self.chunks.is_empty()
    }

    /// The body as it is before any encoding, for people.
    pub(crate) fn plain(&self) -> String {
        shown(self.body.as_ref(), &self.chunks)
    }
}

impl ReplyText {
    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    pub(crate) fn is_echo(&self) -> bool {
        self.echo
    }

    pub(crate) fn header_list(&self) -> Headers {
        let mut list = headers(&self.headers);
        if self.gzip {
            list.push(("content-encoding".to_owned(), b"gzip".to_vec()));
        }
        list
    }

    pub(crate) fn reply(&self, name: &str) -> Result<Reply> {
        Ok(Reply {
            status: self.status,
            headers: self.header_list(),
            payload: self.payload(name)?,
            echo: self.echo,
        })
    }

    fn payload(&self, name: &str) -> Result<Payload> {
        payload(
            name,
            self.body.as_ref(),
            &self.chunks,
            self.pause_ms,
            self.gzip,
            &self.trailers,
        )
    }

    pub(crate) fn plain(&self) -> String {
        shown(self.body.as_ref(), &self.chunks)
    }
}

/// A body for people; a sign where one chunk ends and the next begins.
fn shown(body: Option<&Text>, chunks: &[Text]) -> String {
    let parts: Vec<&str> = body
        .into_iter()
        .chain(chunks)
        .map(|text| text.0.as_str())
        .collect();
    parts.join("┊")
}

fn headers(map: &BTreeMap<String, Values>) -> Headers {
    map.iter()
        .flat_map(|(name, values)| {
            values
                .iter()
                .map(move |value| (name.clone(), value.0.clone().into_bytes()))
        })
        .collect()
}

fn payload(
    name: &str,
    body: Option<&Text>,
    chunks: &[Text],
    pause_ms: u64,
    packed: bool,
    trailers: &BTreeMap<String, Text>,
) -> Result<Payload> {
    ensure!(
        body.is_none() || chunks.is_empty(),
        "`{name}` has a body and chunks"
    );
    ensure!(
        pause_ms == 0 || chunks.len() > 1,
        "`{name}` has a pause and no two chunks"
    );
    let mut pieces: Vec<Vec<u8>> = body
        .into_iter()
        .chain(chunks)
        .map(|text| text.0.clone().into_bytes())
        .collect();
    if packed {
        // Packed as one, and split in as many pieces as were asked for: pieces of a gzip stream are not gzip each.
        let count = pieces.len().max(1);
        let stream = gzip(&pieces.concat());
        pieces = stream
            .chunks(stream.len().div_ceil(count).max(1))
            .map(<[u8]>::to_vec)
            .collect();
    }
    let chunked = !chunks.is_empty() || !trailers.is_empty();
    Ok(Payload {
        pieces,
        pause: Duration::from_millis(pause_ms),
        framing: if chunked {
            Framing::Chunked
        } else {
            Framing::Length
        },
        trailers: trailers
            .iter()
            .map(|(name, value)| (name.clone(), value.0.clone().into_bytes()))
            .collect(),
    })
}

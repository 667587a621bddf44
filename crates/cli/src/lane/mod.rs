//! One way of running a policy over a haystack: the native engine, or the real Wasm module in a host that behaves as Envoy does.
//! Both take chunks and give back what is decided, and both must give the same bytes.

mod wasm;

use std::fmt;

use anyhow::bail;
use blackbar_carriers::{Carrier, Format, Views};
use clap::ValueEnum;

use crate::policy::Ready;
pub(crate) use wasm::Filter;
use wasm::Wasm;

/// What `--engine` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Which {
    /// The engine, compiled for this machine
    Native,
    /// The module that a proxy loads, in a wasmtime host
    Wasm,
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Wasm => "wasm",
        })
    }
}

/// A policy that is running, one haystack at a time.
pub(crate) enum Lane {
    /// In this process.
    Native(Box<Native>),
    /// In the module.
    Wasm(Box<Wasm>),
}

/// The native engine with its stream.
pub(crate) struct Native {
    ready: Ready,
    stream: Carrier,
    findings: u64,
}

impl Lane {
    /// Makes it ready for its first haystack.
    ///
    /// # Errors
    /// When the module refuses the policy.
    pub(crate) fn new(which: Which, ready: Ready) -> anyhow::Result<Self> {
        match which {
            Which::Native => {
                let mut stream = Carrier::new(Format::Text);
                stream.set_views(ready.views);
                Ok(Self::Native(Box::new(Native {
                    ready,
                    stream,
                    findings: 0,
                })))
            }
            Which::Wasm => {
                let filter = Filter::new(&ready.artifact)?;
                let mut wasm = Wasm::new(&filter, ready.profile.as_deref(), ready.views)?;
                wasm.know(ready.engine);
                Ok(Self::Wasm(Box::new(wasm)))
            }
        }
    }

    /// The module with a policy in it, running the policy's base profile or a variant.
    ///
    /// # Errors
    /// When the module refuses the policy.
    pub(crate) fn module(
        filter: &Filter,
        profile: Option<&str>,
        views: Views,
    ) -> anyhow::Result<Self> {
        Ok(Self::Wasm(Box::new(Wasm::new(filter, profile, views)?)))
    }

    /// Says what messages of protobuf the haystacks are, by a name in the policy's descriptors.
    ///
    /// # Errors
    /// When there is no such message.
    pub(crate) fn set_message(&mut self, name: Option<&str>) -> anyhow::Result<()> {
        let Some(name) = name else {
            return Ok(());
        };
        let schema = match self {
            Self::Native(native) => native.ready.engine.schema(),
            Self::Wasm(wasm) => wasm.schema(),
        };
        let Some(message) = schema.message(name.as_bytes()) else {
            bail!(if schema.is_empty() {
                format!(
                    "the policy has no descriptors, so that nobody knows what `{name}` is; add [[descriptors]] to it"
                )
            } else {
                format!(
                    "the policy's descriptors have no message `{name}`; write its full name, package and all"
                )
            });
        };
        match self {
            Self::Native(native) => native.stream.set_message(Some(message)),
            Self::Wasm(wasm) => wasm.set_message(name),
        }
        Ok(())
    }

    /// Starts a haystack.
    pub(crate) fn start(&mut self, format: Format) -> anyhow::Result<()> {
        match self {
            Self::Native(native) => native.stream.reset(format),
            // A pipe does not say how long it is, and a file may grow.
            Self::Wasm(wasm) => wasm.start(format, None)?,
        }
        Ok(())
    }

    /// Room for the next chunk, to be taken by [`Lane::commit`].
    pub(crate) fn room(&mut self, len: usize) -> &mut [u8] {
        match self {
            Self::Native(native) => native.stream.spare(len),
            Self::Wasm(wasm) => wasm.room(len),
        }
    }

    /// Takes the first `len` bytes of the room as the next chunk; appends what is decided to `out`.
    pub(crate) fn commit(&mut self, len: usize, out: &mut Vec<u8>) -> anyhow::Result<()> {
        match self {
            Self::Native(native) => native.commit(len, false, out),
            Self::Wasm(wasm) => wasm.commit(len, out)?,
        }
        Ok(())
    }

    /// Takes a chunk; appends what is decided to `out`.
    pub(crate) fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> anyhow::Result<()> {
        self.room(chunk.len()).copy_from_slice(chunk);
        self.commit(chunk.len(), out)
    }

    /// Ends the haystack; appends the rest to `out`.
    pub(crate) fn end(&mut self, out: &mut Vec<u8>) -> anyhow::Result<()> {
        match self {
            Self::Native(native) => native.commit(0, true, out),
            Self::Wasm(wasm) => wasm.end(out)?,
        }
        Ok(())
    }

    /// A whole haystack in chunks. `announced`: the module is told its length beforehand, as Content-Length does; it then
    /// holds an undecided tail itself and does not make the proxy wait.
    pub(crate) fn whole(
        &mut self,
        format: Format,
        chunks: &[&[u8]],
        announced: bool,
    ) -> anyhow::Result<Vec<u8>> {
        let mut out = Vec::new();
        match self {
            Self::Wasm(wasm) if announced => {
                let length = chunks.iter().map(|chunk| chunk.len() as u64).sum();
                wasm.start(format, Some(length))?;
            }
            Self::Native(_) | Self::Wasm(_) => self.start(format)?,
        }
        for chunk in chunks {
            self.feed(chunk, &mut out)?;
        }
        self.end(&mut out)?;
        Ok(out)
    }

    /// How many parts of the haystack went on unread, being packed in a form that nothing here reads. The module refuses such.
    pub(crate) fn unread(&self) -> u64 {
        match self {
            Self::Native(native) => native.stream.unread(),
            Self::Wasm(_) => 0,
        }
    }

    /// Findings since it was made.
    pub(crate) fn findings(&self) -> u64 {
        match self {
            Self::Native(native) => native.findings,
            Self::Wasm(wasm) => wasm.findings(),
        }
    }
}

impl Native {
    fn commit(&mut self, len: usize, last: bool, out: &mut Vec<u8>) {
        let Self {
            ready,
            stream,
            findings,
        } = self;
        if last {
            stream.push(&ready.engine, &ready.plan, b"", true);
        } else {
            stream.commit(&ready.engine, &ready.plan, len, false);
        }
        *findings += stream.findings().len() as u64;
        stream.take_output(out);
    }
}

//! The one error of this crate. Not here: any decision about what is an error.

use std::fmt;

/// Why a module cannot be read or cannot take a policy. Never holds bytes of the module or of the artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedError {
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Not Wasm, cut short, or not valid; the parser's words and offset.
    Malformed { reason: String, offset: u64 },
    /// A component, not a core module.
    Component,
    /// No memory, an imported one, several, or one that is 64-bit or shared.
    Memory { reason: &'static str },
    /// No marker in the data.
    NoSlot,
    /// The marker stands more than once.
    ManySlots { found: usize },
    /// The marker is there, the eight bytes after it are not.
    SlotCut,
    /// The slot says that there is a policy, and no segment holds it.
    SlotDangling { pointer: u32, length: u32 },
    /// An empty artifact would read as "no policy".
    EmptyArtifact,
    /// More bytes than the memory may grow by.
    TooLarge { given: u64, limit: u64 },
}

impl EmbedError {
    pub(crate) fn malformed(error: &wasmparser::BinaryReaderError) -> Self {
        let reason = match error.message() {
            // What follows in the parser's words is a table of bytes, over several lines.
            long if long.starts_with("magic header not detected") => {
                "it does not begin as Wasm does, with a zero byte and `asm`".to_owned()
            }
            other => other.to_owned(),
        };
        Self::from(Kind::Malformed {
            reason,
            offset: error.offset() as u64,
        })
    }
}

impl From<Kind> for EmbedError {
    fn from(kind: Kind) -> Self {
        Self { kind }
    }
}

impl fmt::Display for EmbedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Malformed { reason, offset } => {
                write!(f, "not a valid Wasm module: {reason} (at byte {offset})")
            }
            Kind::Component => write!(f, "a Wasm component, where a core module is needed"),
            Kind::Memory { reason } => write!(f, "the module cannot take a policy: {reason}"),
            Kind::NoSlot => write!(
                f,
                "the module has no slot for a policy; it was not built from blackbar's filter"
            ),
            Kind::ManySlots { found } => {
                write!(
                    f,
                    "the module has {found} slots for a policy, where one is needed"
                )
            }
            Kind::SlotCut => write!(
                f,
                "the module's slot is cut short by the end of its data segment"
            ),
            Kind::SlotDangling { pointer, length } => write!(
                f,
                "the module's slot names {length} bytes at {pointer}, and no data segment holds them"
            ),
            Kind::EmptyArtifact => write!(f, "the artifact is empty"),
            Kind::TooLarge { given, limit } => write!(
                f,
                "the artifact has {given} bytes, and the module's memory has room for {limit}"
            ),
        }
    }
}

impl std::error::Error for EmbedError {}

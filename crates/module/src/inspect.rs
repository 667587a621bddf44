//! What a module asks of its host, offers it, and holds. Reading only.

use std::fmt;
use std::ops::Range;

use wasmparser::{ExternalKind, Parser, Payload, TypeRef};

use crate::error::EmbedError;
use crate::layout::Layout;

/// What [`inspect`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The module's size in bytes.
    pub size: usize,
    /// What the host must provide, in the module's order.
    pub imports: Vec<Item>,
    /// What the host may call, in the module's order.
    pub exports: Vec<Item>,
    /// Memory at start, in pages of 64 KiB, an embedded policy included.
    pub memory_pages: u64,
    /// The embedded policy's bytes within the module's file, where there is one.
    pub artifact: Option<Range<usize>>,
}

/// An import or export.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// The import's module name (`env`); empty for an export.
    pub module: String,
    /// Its name.
    pub name: String,
    /// `func`, `memory`, `table`, `global` or `tag`.
    pub kind: &'static str,
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.module.is_empty() {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}.{}", self.kind, self.module, self.name)
        }
    }
}

/// Reads a module's imports, exports, memory and embedded policy, without running it.
///
/// # Errors
/// The module is not Wasm, cut short, or has no slot for a policy, as for [`crate::embed()`].
///
/// # Panics
/// Never, for any input.
pub fn inspect(module: &[u8]) -> Result<Inspection, EmbedError> {
    let mut imports = Vec::new();
    let mut exports = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload.map_err(|error| EmbedError::malformed(&error))? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.map_err(|error| EmbedError::malformed(&error))?;
                    imports.push(Item {
                        module: import.module.to_owned(),
                        name: import.name.to_owned(),
                        kind: import_kind(import.ty),
                    });
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.map_err(|error| EmbedError::malformed(&error))?;
                    exports.push(Item {
                        module: String::new(),
                        name: export.name.to_owned(),
                        kind: export_kind(export.kind),
                    });
                }
            }
            _ => {}
        }
    }
    let layout = Layout::read(module)?;
    Ok(Inspection {
        size: module.len(),
        imports,
        exports,
        memory_pages: layout.memory.content.initial,
        artifact: layout.artifact(),
    })
}

fn import_kind(ty: TypeRef) -> &'static str {
    match ty {
        TypeRef::Func(_) | TypeRef::FuncExact(_) => "func",
        TypeRef::Memory(_) => "memory",
        TypeRef::Table(_) => "table",
        TypeRef::Global(_) => "global",
        TypeRef::Tag(_) => "tag",
    }
}

fn export_kind(kind: ExternalKind) -> &'static str {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => "func",
        ExternalKind::Memory => "memory",
        ExternalKind::Table => "table",
        ExternalKind::Global => "global",
        ExternalKind::Tag => "tag",
    }
}

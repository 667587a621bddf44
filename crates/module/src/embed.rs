//! Writing a policy into a module. Not here: finding the places (`layout`), or what an artifact means.

use std::ops::Range;

use wasm_encoder::{ConstExpr, DataCountSection, DataSection, MemorySection, MemoryType, Section};
use wasmparser::{Validator, WasmFeatures};

use crate::PAGE;
use crate::error::{EmbedError, Kind};
use crate::layout::Layout;

/// Returns `module` with `artifact` inside it, ready for a proxy-wasm host.
///
/// Only the memory, data and data count sections change; every other byte is copied. A module that already holds a policy
/// gets the new one in its place: `embed(&embed(m, a)?, b)` equals `embed(m, b)`, byte for byte. The artifact itself is not
/// looked at: the module refuses one that it cannot load.
///
/// # Errors
/// The module is cut short, not Wasm, not valid, has no slot or more than one, or its memory cannot grow by the artifact's
/// pages; or the artifact is empty.
///
/// # Panics
/// Never, for any input.
///
/// # Cost
/// One copy of the module, and one validation of the result.
///
/// # Example
/// ```
/// let error = blackbar_module::embed(b"not wasm", b"policy").unwrap_err();
/// assert!(error.to_string().starts_with("not a valid Wasm module"));
/// ```
pub fn embed(module: &[u8], artifact: &[u8]) -> Result<Vec<u8>, EmbedError> {
    if artifact.is_empty() {
        return Err(Kind::EmptyArtifact.into());
    }
    let layout = Layout::read(module)?;
    let memory = &layout.memory.content;
    // A policy that is there already was put at the old end of memory: that is where the next one goes too.
    let base = match layout.slot.artifact {
        Some(_) => u64::from(layout.slot.pointer),
        None => memory.initial.saturating_mul(PAGE),
    };
    let given = artifact.len() as u64;
    let end_limit = memory
        .maximum
        .unwrap_or(PAGE)
        .min(PAGE)
        .saturating_mul(PAGE);
    let room = end_limit.saturating_sub(base);
    let too_large = || EmbedError::from(Kind::TooLarge { given, limit: room });
    if given > room {
        return Err(too_large());
    }
    let pointer = u32::try_from(base).map_err(|_| too_large())?;
    let length = u32::try_from(given).map_err(|_| too_large())?;

    let mut edits = vec![
        Edit {
            range: layout.memory.range.clone(),
            bytes: section(&memory_section(memory, (base + given).div_ceil(PAGE))),
        },
        Edit {
            range: layout.data.range.clone(),
            bytes: section(&data_section(module, &layout, pointer, length, artifact)),
        },
    ];
    if let Some(range) = &layout.data_count {
        let kept = layout.data.content.len() - usize::from(layout.slot.artifact.is_some());
        let count = u32::try_from(kept + 1).map_err(|_| too_large())?;
        edits.push(Edit {
            range: range.clone(),
            bytes: section(&DataCountSection { count }),
        });
    }
    let result = splice(module, edits);
    // The parser has seen sections, not code: what leaves here is a module that a host can load.
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(&result)
        .map_err(|error| EmbedError::malformed(&error))?;
    Ok(result)
}

fn memory_section(memory: &wasmparser::MemoryType, pages: u64) -> MemorySection {
    let mut section = MemorySection::new();
    section.memory(MemoryType {
        minimum: pages,
        maximum: memory.maximum,
        memory64: memory.memory64,
        shared: memory.shared,
        page_size_log2: memory.page_size_log2,
    });
    section
}

fn data_section(
    module: &[u8],
    layout: &Layout,
    pointer: u32,
    length: u32,
    artifact: &[u8],
) -> DataSection {
    let mut section = DataSection::new();
    for (index, segment) in layout.data.content.iter().enumerate() {
        if layout.slot.artifact == Some(index) {
            continue;
        }
        let fields = &layout.slot.fields;
        if segment.bytes.contains(&fields.start) {
            let mut entry = module[segment.entry.clone()].to_vec();
            let at = fields.start - segment.entry.start;
            entry[at..at + 4].copy_from_slice(&pointer.to_le_bytes());
            entry[at + 4..at + 8].copy_from_slice(&length.to_le_bytes());
            section.raw(&entry);
        } else {
            section.raw(&module[segment.entry.clone()]);
        }
    }
    let address = ConstExpr::i32_const(pointer.cast_signed());
    section.active(0, &address, artifact.iter().copied());
    section
}

struct Edit {
    range: Range<usize>,
    bytes: Vec<u8>,
}

fn section(section: &impl Section) -> Vec<u8> {
    let mut bytes = vec![section.id()];
    section.encode(&mut bytes);
    bytes
}

fn splice(module: &[u8], mut edits: Vec<Edit>) -> Vec<u8> {
    edits.sort_by_key(|edit| edit.range.start);
    let mut result =
        Vec::with_capacity(module.len() + edits.iter().map(|edit| edit.bytes.len()).sum::<usize>());
    let mut copied = 0;
    for edit in edits {
        result.extend_from_slice(&module[copied..edit.range.start]);
        result.extend_from_slice(&edit.bytes);
        copied = edit.range.end;
    }
    result.extend_from_slice(&module[copied..]);
    result
}

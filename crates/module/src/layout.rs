//! Where things lie in a module: sections, memory, data segments, the slot. Reading only; nothing is changed here.

use std::ops::Range;

use wasmparser::{DataKind, MemoryType, Operator, Parser, Payload, TypeRef};

use crate::error::{EmbedError, Kind};
use crate::{PAGE, SLOT_MARKER};

/// What [`crate::embed`] and [`crate::inspect`] need to know. All ranges are bytes of the module's file.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The module's only memory, and the section that declares it (header included).
    pub(crate) memory: Section<MemoryType>,
    /// The data section (header included) and its segments.
    pub(crate) data: Section<Vec<Segment>>,
    /// The data count section, header included, where there is one.
    pub(crate) data_count: Option<Range<usize>>,
    pub(crate) slot: Slot,
}

#[derive(Debug)]
pub(crate) struct Section<T> {
    pub(crate) range: Range<usize>,
    pub(crate) content: T,
}

#[derive(Debug)]
pub(crate) struct Segment {
    /// The whole entry, with flags and offset expression.
    pub(crate) entry: Range<usize>,
    /// The bytes that go to memory.
    pub(crate) bytes: Range<usize>,
    /// The address, for an active segment with a constant one.
    address: Option<u32>,
}

/// The slot found in the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    /// The eight bytes to patch: pointer and length.
    pub(crate) fields: Range<usize>,
    pub(crate) pointer: u32,
    /// The artifact's segment, as an index, where one is embedded. It is always the last one.
    pub(crate) artifact: Option<usize>,
}

impl Layout {
    pub(crate) fn read(module: &[u8]) -> Result<Self, EmbedError> {
        let mut memories = None;
        let mut data = None;
        let mut data_count = None;
        let mut before = 0;
        for payload in Parser::new(0).parse_all(module) {
            let payload = payload.map_err(|error| EmbedError::malformed(&error))?;
            match &payload {
                Payload::Version { encoding, .. } if *encoding != wasmparser::Encoding::Module => {
                    return Err(Kind::Component.into());
                }
                Payload::ImportSection(imports) => {
                    for import in imports.clone().into_imports() {
                        let import = import.map_err(|error| EmbedError::malformed(&error))?;
                        if matches!(import.ty, TypeRef::Memory(_)) {
                            let reason = "it imports its memory";
                            return Err(Kind::Memory { reason }.into());
                        }
                    }
                }
                Payload::MemorySection(section) => {
                    let types = section
                        .clone()
                        .into_iter()
                        .collect::<Result<Vec<_>, _>>()
                        .map_err(|error| EmbedError::malformed(&error))?;
                    memories = Some((before..section.range().end, types));
                }
                Payload::DataCountSection { range, .. } => data_count = Some(before..range.end),
                Payload::DataSection(section) => {
                    let mut segments = Vec::new();
                    for segment in section.clone() {
                        let segment = segment.map_err(|error| EmbedError::malformed(&error))?;
                        let end = segment.range.end;
                        segments.push(Segment {
                            bytes: end - segment.data.len()..end,
                            entry: segment.range,
                            address: constant_address(&segment.kind),
                        });
                    }
                    data = Some((before..section.range().end, segments));
                }
                _ => {}
            }
            match payload.as_section() {
                Some((_, range)) => before = range.end,
                // The magic and version. Code bodies lie inside a section already counted.
                None if before == 0 => before = 8,
                None => {}
            }
        }
        let Some((range, types)) = memories else {
            let reason = "it has no memory";
            return Err(Kind::Memory { reason }.into());
        };
        let (range, segments, memory) = match (types.as_slice(), data) {
            ([memory], Some((data_range, segments))) => (
                range,
                Section {
                    range: data_range,
                    content: segments,
                },
                *memory,
            ),
            ([_], None) => return Err(Kind::NoSlot.into()),
            _ => {
                let reason = "it has several memories";
                return Err(Kind::Memory { reason }.into());
            }
        };
        if memory.memory64 || memory.shared || memory.page_size_log2.is_some() {
            let reason = "its memory is not a plain 32-bit one";
            return Err(Kind::Memory { reason }.into());
        }
        let slot = Slot::find(module, &segments.content)?;
        Ok(Self {
            memory: Section {
                range,
                content: memory,
            },
            data: segments,
            data_count,
            slot,
        })
    }

    /// The artifact's bytes in the file, where one is embedded.
    pub(crate) fn artifact(&self) -> Option<Range<usize>> {
        let segment = self.data.content.get(self.slot.artifact?)?;
        Some(segment.bytes.clone())
    }
}

impl Slot {
    /// The one slot of the module. An embedded artifact may hold the marker's bytes by chance: the segment that a slot in
    /// another segment points to is not searched.
    fn find(module: &[u8], segments: &[Segment]) -> Result<Self, EmbedError> {
        let mut candidates = Vec::new();
        for (index, segment) in segments.iter().enumerate() {
            let bytes = &module[segment.bytes.clone()];
            for at in occurrences(bytes) {
                candidates.push((index, segment.bytes.start + at, segment.bytes.end));
            }
        }
        let last = segments.len().wrapping_sub(1);
        let points_to_last = |&(index, at, end): &(usize, usize, usize)| {
            let (pointer, length) = fields(module, at, end)?;
            let artifact = segments.get(last)?;
            (index != last
                && length != 0
                && u64::from(pointer) % PAGE == 0
                && artifact.address == Some(pointer)
                && artifact.bytes.len() as u64 == u64::from(length))
            .then_some(())
        };
        let artifact = candidates
            .iter()
            .any(|one| points_to_last(one).is_some())
            .then_some(last);
        if artifact.is_some() {
            candidates.retain(|&(index, ..)| index != last);
        }
        let (at, end) = match candidates.as_slice() {
            [] => return Err(Kind::NoSlot.into()),
            [(_, at, end)] => (*at, *end),
            many => return Err(Kind::ManySlots { found: many.len() }.into()),
        };
        let (pointer, length) = fields(module, at, end).ok_or(Kind::SlotCut)?;
        if artifact.is_none() && (pointer, length) != (0, 0) {
            return Err(Kind::SlotDangling { pointer, length }.into());
        }
        let start = at + SLOT_MARKER.len();
        Ok(Self {
            fields: start..start + 8,
            pointer,
            artifact,
        })
    }
}

fn fields(module: &[u8], marker: usize, segment_end: usize) -> Option<(u32, u32)> {
    let bytes = module.get(marker + SLOT_MARKER.len()..segment_end)?;
    let (pointer, rest) = bytes.split_first_chunk::<4>()?;
    let length = rest.first_chunk::<4>()?;
    Some((u32::from_le_bytes(*pointer), u32::from_le_bytes(*length)))
}

fn occurrences(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    bytes
        .windows(SLOT_MARKER.len())
        .enumerate()
        .filter(|(_, window)| *window == SLOT_MARKER)
        .map(|(at, _)| at)
}

fn constant_address(kind: &DataKind<'_>) -> Option<u32> {
    let DataKind::Active {
        memory_index: 0,
        offset_expr,
    } = kind
    else {
        return None;
    };
    let mut operators = offset_expr.get_operators_reader();
    match (operators.read().ok()?, operators.read().ok()?) {
        // An address is unsigned; the format writes it as a signed constant.
        (Operator::I32Const { value }, Operator::End) => Some(value.cast_unsigned()),
        _ => None,
    }
}

//! Embedding into small guests made here, and into the real module. What the embedded policy then does is tested in
//! host-test and in real Envoy.

use blackbar_module::{MODULE, SLOT_MARKER, embed, inspect};
use proptest::prelude::*;
use wasm_encoder::{
    CodeSection, ConstExpr, CustomSection, DataCountSection, DataSection, ExportKind,
    ExportSection, Function, FunctionSection, MemorySection, MemoryType, Module, RawSection,
    TypeSection, ValType,
};
use wasmparser::{DataKind, Operator, Parser, Payload, Validator};

const PAGE: usize = 65_536;

/// What the small guest is like.
#[derive(Debug, Clone)]
struct Guest {
    pages: u64,
    maximum: Option<u64>,
    data_count: bool,
    segments: Vec<Vec<u8>>,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            pages: 2,
            maximum: None,
            data_count: true,
            segments: vec![b"before".to_vec(), slot(), b"after".to_vec()],
        }
    }
}

fn slot() -> Vec<u8> {
    let mut bytes = b"text ".to_vec();
    bytes.extend_from_slice(&SLOT_MARKER);
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(b" text");
    bytes
}

impl Guest {
    fn build(&self) -> Vec<u8> {
        let mut module = Module::new();
        let mut types = TypeSection::new();
        types.ty().function([], [ValType::I32]);
        module.section(&types);
        let mut functions = FunctionSection::new();
        functions.function(0);
        module.section(&functions);
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: self.pages,
            maximum: self.maximum,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        module.section(&memories);
        let mut exports = ExportSection::new();
        exports.export("memory", ExportKind::Memory, 0);
        exports.export("answer", ExportKind::Func, 0);
        module.section(&exports);
        if self.data_count {
            module.section(&DataCountSection {
                count: self.segments.len() as u32,
            });
        }
        let mut code = CodeSection::new();
        let mut function = Function::new([]);
        function.instructions().i32_const(42).end();
        code.function(&function);
        module.section(&code);
        if !self.segments.is_empty() {
            let mut data = DataSection::new();
            let mut address = 1024;
            for segment in &self.segments {
                data.active(0, &ConstExpr::i32_const(address), segment.iter().copied());
                address += i32::try_from(segment.len()).unwrap() + 16;
            }
            module.section(&data);
        }
        module.section(&CustomSection {
            name: "note".into(),
            data: b"kept"[..].into(),
        });
        module.finish()
    }
}

/// Every section's id and content.
fn sections(module: &[u8]) -> Vec<(u8, Vec<u8>)> {
    Parser::new(0)
        .parse_all(module)
        .filter_map(|payload| payload.unwrap().as_section())
        .map(|(id, range)| (id, module[range].to_vec()))
        .collect()
}

/// Each segment's address and bytes.
fn segments(module: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::DataSection(section) = payload.unwrap() {
            for segment in section {
                let segment = segment.unwrap();
                let DataKind::Active { offset_expr, .. } = segment.kind else {
                    panic!("passive segment")
                };
                let Operator::I32Const { value } =
                    offset_expr.get_operators_reader().read().unwrap()
                else {
                    panic!("address is not a constant")
                };
                found.push((value.cast_unsigned(), segment.data.to_vec()));
            }
        }
    }
    found
}

/// Pointer and length in the module's slot.
fn slot_fields(module: &[u8]) -> (u32, u32) {
    for (_, bytes) in segments(module) {
        if let Some(at) = bytes.windows(16).position(|window| window == SLOT_MARKER) {
            let word = |from: usize| u32::from_le_bytes(bytes[from..from + 4].try_into().unwrap());
            return (word(at + 16), word(at + 20));
        }
    }
    panic!("no slot")
}

#[track_caller]
fn refused(module: &[u8], artifact: &[u8], words: &str) {
    let error = embed(module, artifact).unwrap_err().to_string();
    assert!(error.contains(words), "{error:?} does not say {words:?}");
}

#[test]
fn the_artifact_lies_at_the_old_end_of_memory() {
    let guest = Guest::default().build();
    let artifact = vec![7; PAGE + 1];
    let module = embed(&guest, &artifact).unwrap();
    Validator::new().validate_all(&module).unwrap();
    let end = (2 * PAGE) as u32;
    assert_eq!(slot_fields(&module), (end, artifact.len() as u32));
    assert_eq!(segments(&module).last().unwrap(), &(end, artifact.clone()));
    let found = inspect(&module).unwrap();
    assert_eq!(found.memory_pages, 4);
    assert_eq!(&module[found.artifact.unwrap()], artifact);
    assert_eq!(inspect(&guest).unwrap().artifact, None);
}

#[test]
fn only_three_sections_change() {
    let guest = Guest::default().build();
    let module = embed(&guest, b"policy").unwrap();
    let (before, after) = (sections(&guest), sections(&module));
    let changed: Vec<u8> = before
        .iter()
        .zip(&after)
        .filter(|(old, new)| old != new)
        .map(|(old, _)| old.0)
        .collect();
    assert_eq!(before.len(), after.len());
    assert_eq!(
        changed,
        [5, 12, 11],
        "memory, data count and data, in the order of the file"
    );
    assert_eq!(segments(&module)[0], segments(&guest)[0]);
    assert_eq!(segments(&module)[2], segments(&guest)[2]);
}

#[test]
fn a_module_without_a_data_count_gets_none() {
    let guest = Guest {
        data_count: false,
        ..Guest::default()
    }
    .build();
    let module = embed(&guest, b"policy").unwrap();
    assert!(sections(&module).iter().all(|(id, _)| *id != 12));
}

#[test]
fn section_headers_padded_by_a_linker_are_kept() {
    // A custom section whose size is written in five bytes, as lld does.
    let mut guest = vec![];
    let plain = Guest::default().build();
    guest.extend_from_slice(&plain[..8]);
    let padded = [0, 0x86, 0x80, 0x80, 0x80, 0x00, 3, b'p', b'a', b'd', 1, 2];
    guest.extend_from_slice(&padded);
    guest.extend_from_slice(&plain[8..]);
    let module = embed(&guest, b"policy").unwrap();
    assert_eq!(&module[8..8 + padded.len()], padded);
}

#[test]
fn embedding_again_replaces() {
    let guest = Guest::default().build();
    let long = vec![1; 3 * PAGE];
    // An artifact may hold the marker's bytes: a policy about blackbar itself.
    let sly = slot();
    for (first, second) in [
        (&long, &b"short".to_vec()),
        (&b"short".to_vec(), &long),
        (&sly, &long),
        (&long, &sly),
    ] {
        let twice = embed(&embed(&guest, first).unwrap(), second).unwrap();
        assert_eq!(twice, embed(&guest, second).unwrap());
    }
}

#[test]
fn what_cannot_take_a_policy_is_refused() {
    let guest = Guest::default().build();
    refused(&guest, b"", "artifact is empty");
    refused(b"", b"policy", "not a valid Wasm module");
    refused(b"GIF89a", b"policy", "not a valid Wasm module");
    refused(&[0; 64], b"policy", "not a valid Wasm module");
    refused(b"\0asm\x0d\0\x01\0", b"policy", "component");
    let with = |segments| {
        Guest {
            segments,
            ..Guest::default()
        }
        .build()
    };
    refused(&with(vec![]), b"policy", "no slot");
    refused(
        &with(vec![b"blackbar-slot-v2".to_vec()]),
        b"policy",
        "no slot",
    );
    refused(&with(vec![slot(), slot()]), b"policy", "2 slots");
    refused(&with(vec![[slot(), slot()].concat()]), b"policy", "2 slots");
    refused(&with(vec![SLOT_MARKER.to_vec()]), b"policy", "cut short");
    let mut dangling = SLOT_MARKER.to_vec();
    dangling.extend_from_slice(&[0, 0, 2, 0, 9, 0, 0, 0]);
    refused(&with(vec![dangling]), b"policy", "names 9 bytes at 131072");
    let full = Guest {
        maximum: Some(3),
        ..Guest::default()
    }
    .build();
    refused(
        &full,
        &vec![0; PAGE + 1],
        "65537 bytes, and the module's memory has room for 65536",
    );
    assert!(embed(&full, &vec![0; PAGE]).is_ok());
    let end = Guest {
        pages: 65_536,
        ..Guest::default()
    }
    .build();
    refused(&end, b"policy", "room for 0");
}

#[test]
fn modules_with_unfit_memories_are_refused() {
    let no_memory = Module::new().finish();
    refused(&no_memory, b"policy", "no memory");
    let mut module = Module::new();
    let mut memories = MemorySection::new();
    for _ in 0..2 {
        memories.memory(MemoryType {
            minimum: 1,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
    }
    module.section(&memories);
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(0), slot());
    module.section(&data);
    refused(&module.finish(), b"policy", "several memories");
}

#[test]
fn a_body_that_does_not_validate_is_refused() {
    // Sections parse, the function's body does not: i32.add on an empty stack.
    let mut guest = Guest::default().build();
    let body = [0x41, 42, 0x0b];
    let at = guest.windows(3).position(|window| window == body).unwrap();
    guest[at..at + 2].copy_from_slice(&[0x6a, 0x6a]);
    refused(&guest, b"policy", "not a valid Wasm module");
}

#[test]
fn a_module_cut_short_anywhere_is_refused() {
    let mut whole = Module::new();
    // Without the custom section: a module may end before it.
    for (id, data) in sections(&Guest::default().build())
        .iter()
        .filter(|(id, _)| *id != 0)
    {
        whole.section(&RawSection { id: *id, data });
    }
    let whole = whole.finish();
    assert!(embed(&whole, b"policy").is_ok());
    for end in 0..whole.len() {
        assert!(embed(&whole[..end], b"policy").is_err(), "cut at {end}");
        assert!(inspect(&whole[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn the_real_module_takes_a_policy() {
    let module = embed(MODULE, b"BBAR policy").unwrap();
    Validator::new().validate_all(&module).unwrap();
    let (before, after) = (inspect(MODULE).unwrap(), inspect(&module).unwrap());
    assert_eq!(before.artifact, None);
    assert_eq!(&module[after.artifact.clone().unwrap()], b"BBAR policy");
    assert_eq!(
        (before.imports, before.exports),
        (after.imports, after.exports)
    );
}

proptest! {
    #[test]
    fn any_artifact_lands_whole(artifact in prop::collection::vec(any::<u8>(), 1..5000), pages in 1_u64..40,
            data_count: bool, other in prop::collection::vec(any::<u8>(), 0..64)) {
        let guest = Guest { pages, data_count, maximum: None, segments: vec![other, slot()] }.build();
        let module = embed(&guest, &artifact).unwrap();
        Validator::new().validate_all(&module).unwrap();
        let found = inspect(&module).unwrap();
        prop_assert_eq!(&module[found.artifact.unwrap()], &artifact[..]);
        prop_assert_eq!(slot_fields(&module), ((pages as u32) << 16, artifact.len() as u32));
        prop_assert_eq!(embed(&module, b"next").unwrap(), embed(&guest, b"next").unwrap());
    }

    #[test]
    fn damaged_modules_never_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            embedded: bool) {
        let mut guest = Guest::default().build();
        if embedded {
            guest = embed(&guest, b"policy").unwrap();
        }
        for (at, byte) in flips {
            let at = at.index(guest.len());
            guest[at] = byte;
        }
        // What is not refused must be a module that a host can load.
        if let Ok(module) = embed(&guest, b"policy") {
            prop_assert!(Validator::new_with_features(wasmparser::WasmFeatures::all()).validate_all(&module).is_ok());
        }
    }
}

//! Artifacts that were cut, changed or made up: an error that says so, or an engine that scans without panic, hang or growth.

use blackbar_engine::Engine;
use blackbar_fuzz::targets::{artifact_load, load_and_scan, sign, small_artifact};
use proptest::prelude::*;

#[test]
fn cut_short_at_every_length() {
    let whole = small_artifact();
    for length in 0..whole.len() {
        let error = Engine::load(whole[..length].to_vec()).expect_err("it is cut");
        assert!(!error.to_string().is_empty());
        let mut signed = whole[..length].to_vec();
        sign(&mut signed);
        assert!(
            Engine::load(signed).is_err(),
            "cut at {length}, with a right checksum"
        );
    }
    assert!(Engine::load([whole, b"\0"].concat()).is_err());
}

#[test]
fn every_bit_flipped() {
    let whole = small_artifact();
    let mut loaded = 0;
    for at in 0..8 * whole.len() {
        let mut changed = whole.to_vec();
        changed[at / 8] ^= 1 << (at % 8);
        assert!(Engine::load(changed.clone()).is_err(), "bit {at}");
        sign(&mut changed);
        // Every bit is tried in the first bytes of each kilobyte; loading is what differs, scanning takes longer.
        if at % 7 == 0 || at < 4096 {
            loaded += u32::from(load_and_scan(changed).is_ok());
        }
    }
    assert!(
        loaded > 100,
        "changed artifacts were scanned with: {loaded}"
    );
}

/// An artifact with tables of descriptors at its end.
fn described() -> Vec<u8> {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/descriptors");
    let folder = folder.to_str().expect("a path that is text");
    let policy = blackbar_policy::Policy::load(folder, &blackbar_policy::load::NoBuiltins)
        .unwrap_or_else(|error| panic!("{error}"));
    let compiled = blackbar_compiler::compile(&policy).unwrap_or_else(|error| panic!("{error}"));
    compiled.artifact
}

#[test]
fn tables_of_descriptors_are_not_trusted() {
    let whole = described();
    let engine = Engine::load(whole.clone()).expect("it is whole");
    assert!(!engine.schema().is_empty());
    // Only artifacts with tables have their version; without them it says what an older engine reads.
    assert_eq!((whole[4], small_artifact()[4]), (9, 8));
    let mut older = whole.clone();
    older[4] = 8;
    sign(&mut older);
    assert!(Engine::load(older).is_err());
    let start = whole.len() - 800;
    for length in start..whole.len() {
        let mut cut = whole[..length].to_vec();
        sign(&mut cut);
        assert!(Engine::load(cut).is_err(), "cut at {length}");
    }
    let (mut refused, mut loaded) = (0, 0);
    for at in 8 * start..8 * whole.len() {
        let mut changed = whole.clone();
        changed[at / 8] ^= 1 << (at % 8);
        sign(&mut changed);
        match Engine::load(changed) {
            Ok(_) => loaded += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 1000 && loaded > 100, "{refused} {loaded}");
}

#[test]
fn other_versions_are_named() {
    for (version, says) in [(0u16, "older"), (u16::MAX, "newer")] {
        let mut other = small_artifact().to_vec();
        other[4..6].copy_from_slice(&version.to_le_bytes());
        sign(&mut other);
        let error = Engine::load(other)
            .expect_err("another version")
            .to_string();
        assert!(
            error.contains(says) && error.contains(&version.to_string()),
            "{error}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn changed_and_signed(bytes in proptest::collection::vec(any::<u8>(), 8..60)) {
        artifact_load(&bytes);
    }

    #[test]
    fn made_up(bytes in proptest::collection::vec(any::<u8>(), 0..200), magic in any::<bool>()) {
        let mut bytes = bytes;
        if magic {
            bytes.splice(0..bytes.len().min(8), *b"BBAR\x01\0\0\0");
            sign(&mut bytes);
        }
        prop_assert!(load_and_scan(bytes).is_err());
    }
}

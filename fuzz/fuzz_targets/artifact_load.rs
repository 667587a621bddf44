//! The body is `blackbar_fuzz::targets::artifact_load`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| blackbar_fuzz::targets::artifact_load(data));

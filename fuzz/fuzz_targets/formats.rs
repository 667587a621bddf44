//! The body is `blackbar_fuzz::formats::formats`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| blackbar_fuzz::formats::formats(data));

//! The body is `blackbar_fuzz::coding::coding`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| blackbar_fuzz::coding::coding(data));

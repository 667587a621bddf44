//! The body is `blackbar_fuzz::targets::split_equals_whole`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| blackbar_fuzz::targets::split_equals_whole(data));

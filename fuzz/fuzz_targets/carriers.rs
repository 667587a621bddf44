//! The body is `blackbar_fuzz::carriers::carriers`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| blackbar_fuzz::carriers::carriers(data));

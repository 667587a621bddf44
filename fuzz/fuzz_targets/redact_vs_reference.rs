//! The body is `blackbar_fuzz::targets::redact_vs_reference`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| blackbar_fuzz::targets::redact_vs_reference(data));

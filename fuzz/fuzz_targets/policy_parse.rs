//! The body is `blackbar_fuzz::targets::policy_parse`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| blackbar_fuzz::targets::policy_parse(data));

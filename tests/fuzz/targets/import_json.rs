//! What other tracers write as JSON, by every format that is.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    tm_import::checks::json(octets);
});

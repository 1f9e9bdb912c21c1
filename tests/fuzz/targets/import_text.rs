//! What other tracers print for people, by every format that is no JSON.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    tm_import::checks::text(octets);
});

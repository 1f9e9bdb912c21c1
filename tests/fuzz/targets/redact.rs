//! A stream that is redacted, and its twin.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    tm_redact::checks::stream(octets);
});

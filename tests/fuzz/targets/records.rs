//! Records, read into types.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    tm_schema::checks::records(octets);
});

//! A state file of tm-watch, its first line, and a stream that is watched with it.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    tm_watch::checks::state_and_stream(octets);
});

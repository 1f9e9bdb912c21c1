//! The configuration file.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    tm_stream::settings::check(&String::from_utf8_lossy(octets));
});

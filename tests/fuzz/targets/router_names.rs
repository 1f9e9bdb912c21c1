//! Names of routers.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    tm_path::geohint::check(&String::from_utf8_lossy(octets));
});

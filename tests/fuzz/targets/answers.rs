//! Answers of geolocation providers, and what flags say of places and servers.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    tm_geo::checks::answers(octets);
    tm_geo::checks::flags(&String::from_utf8_lossy(octets));
});

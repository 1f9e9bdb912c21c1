//! Lines, and a member set on them.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    tm_stream::lines::check(octets);
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        tm_stream::splice::check(line);
        tm_enrich::hop::check(line);
    }
});

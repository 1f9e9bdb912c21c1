//! Stop sets, hosts files, lists of addresses and prefixes.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    tm_tracer::checks::lists(&String::from_utf8_lossy(octets));
});

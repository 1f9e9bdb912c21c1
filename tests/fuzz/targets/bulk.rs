//! What a bulk run reads back: quoted probes, and the observations that it kept on disk.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    tm_tracer::checks::bulk(octets);
});

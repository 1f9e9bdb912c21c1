//! Prefix tables and the databases made of them; TXT answers of Team Cymru.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    tm_asn::checks::tables(&String::from_utf8_lossy(octets));
    tm_asn::checks::answers(octets);
});

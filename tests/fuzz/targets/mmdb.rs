//! MaxMind DB files, and the records in them as tm-asn and tm-geo take them.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    for (ip, found) in tm_enrich::database::check(octets) {
        tm_asn::checks::record(&found, ip);
        tm_geo::checks::record(&found, ip);
    }
});

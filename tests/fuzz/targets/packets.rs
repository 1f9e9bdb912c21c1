//! What comes off the wire: ICMP messages, what they quote, their extensions, TCP answers.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    tm_tracer::packet::parse::check(octets);
    tm_tracer::packet::extension::check(octets);
});

//! Strangers' text on a terminal and in names of files; the first octet says how much fits.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    let Some((columns, text)) = octets.split_first() else { return };
    let text = String::from_utf8_lossy(text);
    tm_stream::text::check(&text, usize::from(*columns));
    let (one, other) = text.split_once('\n').unwrap_or((&text, ""));
    tm_stream::file_name::check(one, other);
});

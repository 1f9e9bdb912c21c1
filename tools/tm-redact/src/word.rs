//! Texts that may stay: words of the schema and of public registries, recognised one by one. What
//! is not recognised is not looked at any further.

/// Stands where a text was that had to go.
pub(crate) const WITHHELD: &str = "withheld";

/// ISO 3166-1 codes and names.
const COUNTRIES: &str = include_str!("countries.tsv");

/// Programs that records name.
const TOOLS: [&str; 14] = [
    "tm-probe",
    "tm-import",
    "tm-watch",
    "tracemap",
    "traceroute",
    "tracert",
    "mtr",
    "scamper",
    "trippy",
    "nexttrace",
    "ripe-atlas",
    "globalping",
    "paris-traceroute",
    "dublin-traceroute",
];

const SYSTEMS: [&str; 8] =
    ["linux", "macos", "windows", "freebsd", "netbsd", "openbsd", "android", "ios"];

const MACHINES: [&str; 12] = [
    "x86_64",
    "x86",
    "aarch64",
    "arm",
    "riscv64",
    "powerpc64",
    "powerpc",
    "s390x",
    "mips",
    "mips64",
    "loongarch64",
    "sparc64",
];

/// Sources that everybody uses; a file or a server of one's own is none.
const SOURCES: [&str; 9] = [
    "asn.cymru.com",
    "cymru",
    "team-cymru",
    "ip-api.com",
    "ipapi.co",
    "name",
    "rtt",
    "anycast",
    "mock",
];

/// What stands behind a program's name and a slash: measurements, and whom `NextTrace` asks.
const BEHIND: [&str; 13] = [
    "traceroute",
    "mtr",
    "LeoMoeAPI",
    "LeoMoeApi",
    "IPInfo",
    "IPInfoLocal",
    "IPInsight",
    "IPAPI.com",
    "IPSB",
    "IP.SB",
    "Ip2region",
    "chunzhen",
    "DN42",
];

const RESERVED: [&str; 4] = ["private", "documentation", "transition", "reserved"];

const REGISTRIES: [&str; 8] =
    ["arin", "ripencc", "ripe", "apnic", "lacnic", "afrinic", "iana", "other"];

const INTERFACE_ROLES: [&str; 4] = ["incoming", "incoming_sub_ip", "outgoing", "next_hop"];

fn kept(text: &str, words: &[&str]) -> String {
    if words.contains(&text) { text.to_owned() } else { WITHHELD.to_owned() }
}

/// A program; of `PROGRAM/WORD` at least the program.
pub(crate) fn tool(text: &str) -> String {
    match text.split_once('/') {
        Some((program, word)) if BEHIND.contains(&word) && TOOLS.contains(&program) => {
            text.to_owned()
        }
        Some((program, _)) => kept(program, &TOOLS),
        None => kept(text, &TOOLS),
    }
}

/// Who said so.
pub(crate) fn source(text: &str) -> String {
    if SOURCES.contains(&text) { text.to_owned() } else { tool(text) }
}

/// An operating system and an architecture.
pub(crate) fn platform(text: &str) -> String {
    let parts = text.split_once('-');
    let is_known = parts
        .is_some_and(|(system, machine)| SYSTEMS.contains(&system) && MACHINES.contains(&machine));
    if is_known { text.to_owned() } else { WITHHELD.to_owned() }
}

/// Three small numbers.
pub(crate) fn version(text: &str) -> String {
    let is_version = text.split('.').count() == 3 && text.split('.').all(|part| is_number(part, 2));
    if is_version { text.to_owned() } else { WITHHELD.to_owned() }
}

/// A regional registry.
pub(crate) fn registry(text: &str) -> Option<String> {
    let known = |word: &&&str| word.eq_ignore_ascii_case(text);
    REGISTRIES.iter().find(known).map(|_| text.to_owned())
}

/// What an AS number is reserved for.
pub(crate) fn reserved(text: &str) -> Option<String> {
    RESERVED.contains(&text).then(|| text.to_owned())
}

/// What an RFC 5837 interface is to the packet.
pub(crate) fn interface_role(text: &str) -> Option<String> {
    INTERFACE_ROLES.contains(&text).then(|| text.to_owned())
}

/// traceroute's annotations: `!X`, `!F-1400`, `!<13>`, `!<12-0>`.
pub(crate) fn note(text: &str) -> Option<String> {
    let rest = text.strip_prefix('!')?;
    let code = rest.strip_prefix('<').and_then(|code| code.strip_suffix('>'));
    let is_note = if let Some(code) = code {
        code.splitn(2, '-').all(|part| is_number(part, 3))
    } else {
        let (letter, number) = rest.split_once('-').unwrap_or((rest, "0"));
        matches!(letter.as_bytes(), [b'A'..=b'Z']) && is_number(number, 5)
    };
    is_note.then(|| text.to_owned())
}

fn is_number(text: &str, digits: usize) -> bool {
    (1..=digits).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit())
}

/// The code and the name of a country, from either.
pub(crate) fn country(code: Option<&str>, name: Option<&str>) -> Option<(String, String)> {
    let rows = || COUNTRIES.lines().filter_map(|line| line.split_once('\t'));
    let by_code = |code: &str| rows().find(|row| row.0.eq_ignore_ascii_case(code));
    let by_name = |name: &str| rows().find(|row| row.1.eq_ignore_ascii_case(name));
    let found = code.and_then(by_code).or_else(|| name.and_then(by_name));
    found.map(|(code, name)| (code.to_owned(), name.to_owned()))
}

/// The code of a country.
pub(crate) fn country_code(code: &str) -> Option<String> {
    country(Some(code), None).map(|(code, _)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_found_by_code_and_by_name() {
        let germany = Some(("DE".to_owned(), "Germany".to_owned()));
        assert_eq!(country(Some("DE"), None), germany);
        assert_eq!(country(Some("de"), Some("Deutschland")), germany);
        assert_eq!(country(None, Some("germany")), germany);
        assert_eq!(country(Some("router7.example.net"), Some("192.0.2.1")), None);
    }

    #[test]
    fn the_table_is_sound() {
        let rows: Vec<_> = COUNTRIES.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(rows.len(), 249);
        for row in rows {
            let (code, name) = row.split_once('\t').unwrap();
            assert!(code.len() == 2 && code.bytes().all(|octet| octet.is_ascii_uppercase()));
            assert!(!name.is_empty() && !name.contains(['(', '\t']), "{row}");
        }
    }

    #[test]
    fn only_annotations_are_notes() {
        for text in ["!N", "!X", "!F-1400", "!<13>", "!<12-0>"] {
            assert_eq!(note(text).as_deref(), Some(text));
        }
        for text in
            ["", "!", "X", "!router", "!192.0.2.1", "!<x>", "!F-192.0.2.1", "!<192>x", "!10", "!F-"]
        {
            assert_eq!(note(text), None, "{text}");
        }
    }

    #[test]
    fn versions_and_platforms_are_not_addresses_or_names() {
        assert_eq!(version("0.1.0"), "0.1.0");
        assert_eq!(platform("linux-x86_64"), "linux-x86_64");
        for text in ["192.0.2.1", "1.2.3-alice", "10.0.513", "1..2", "x.y.z"] {
            assert_eq!(version(text), WITHHELD, "{text}");
        }
        assert_eq!(platform("linux-alices-laptop"), WITHHELD);
        assert_eq!(tool("alice"), WITHHELD);
        assert_eq!(source("nexttrace/LeoMoeAPI"), "nexttrace/LeoMoeAPI");
        assert_eq!(source("nexttrace/alice"), "nexttrace");
        assert_eq!(source("cymru"), "cymru");
        for text in ["alice/LeoMoeAPI", "/", "", "alice.mmdb", "as.example.net", "mtr "] {
            assert_eq!(source(text), WITHHELD, "{text}");
        }
    }
}

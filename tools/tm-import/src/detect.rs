//! What an input is: of JSON the names of its first members tell, of text the shape of its first
//! lines.

use crate::flags::Format;
use crate::{address, nexttrace_raw, traceroute, tracert};

/// What can be said of the beginning of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    It(Format),
    /// Hop records, which need no import.
    Records,
    /// It may become clear with more of it.
    Unclear,
}

/// Looks at the first octets; `ended`: there are no others.
pub(crate) fn detect(head: &[u8], ended: bool) -> Verdict {
    let text = String::from_utf8_lossy(head);
    let start = text.trim_start();
    if start.starts_with(['{', '[']) && !start.starts_with("[NextTrace") {
        return json(start.as_bytes());
    }
    let lines: Vec<&str> = text.lines().collect();
    // The last line may go on.
    let whole =
        if ended || text.ends_with('\n') { lines.len() } else { lines.len().saturating_sub(1) };
    let lines = lines.get(..whole).unwrap_or_default();
    lines.iter().position(|line| of_line(line).is_some()).map_or(Verdict::Unclear, |at| {
        let format = lines.get(at).and_then(|line| of_line(line));
        let rest = lines.get(at + 1..).unwrap_or_default();
        match format {
            Some(Format::Traceroute) if !ended && rest.len() < 2 => Verdict::Unclear,
            Some(Format::Traceroute) if rest.iter().any(|line| is_continuation(line)) => {
                Verdict::It(Format::Bsd)
            }
            Some(format) => Verdict::It(format),
            None => Verdict::Unclear,
        }
    })
}

/// Another responder of the hop before, on a line of its own.
fn is_continuation(line: &str) -> bool {
    let first = line.split_whitespace().next().unwrap_or_default();
    line.starts_with("   ") && first.parse::<u8>().is_err() && line.ends_with(" ms")
}

fn of_line(line: &str) -> Option<Format> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let first = *words.first()?;
    let is_number = |word: Option<&&str>| word.is_some_and(|word| word.parse::<u32>().is_ok());
    if line.starts_with("traceroute [(") {
        return Some(Format::Paris);
    }
    if traceroute::is_heading(line) {
        // macOS and the BSDs send smaller probes, to farther TTLs.
        let small = [" 40 byte", " 52 byte", " 12 byte"].iter().any(|size| line.contains(size));
        let is_bsd = line.contains(" 64 hops max, ") && small;
        return Some(if is_bsd { Format::Bsd } else { Format::Traceroute });
    }
    if first.starts_with("Mtr_Version") || (first.starts_with("MTR.") && line.contains(',')) {
        return Some(Format::MtrCsv);
    }
    if line.starts_with("HOST: ") || line.contains(".|-- ") {
        return Some(Format::MtrReport);
    }
    let is_raw = matches!(first, "x" | "h") && is_number(words.get(1));
    if is_raw && words.len() == 3 && (first == "x" || address::canonical(words.get(2)?).is_some()) {
        return Some(Format::MtrRaw);
    }
    if nexttrace_raw::is_banner(line) {
        return None;
    }
    if nexttrace_raw::is_row(line) {
        return Some(Format::NexttraceRaw);
    }
    if first.parse::<u8>().is_ok() {
        return of_hop(line, words.get(1)?);
    }
    // The heading of tracert has a name with its address behind it.
    let has_bracket = words.iter().any(|word| {
        let inner = word.split_once('[').and_then(|(_, rest)| rest.split(']').next());
        inner.is_some_and(|inner| address::canonical(inner).is_some())
    });
    (has_bracket && tracert::heading(line).is_some()).then_some(Format::Tracert)
}

/// tracert has the times first and the address last.
fn of_hop(line: &str, second: &str) -> Option<Format> {
    if second.starts_with(|c: char| c.is_ascii_digit() || c == '<')
        && address::canonical(second).is_none()
        && tracert::hop(line).is_some_and(|hop| hop.is_ok())
    {
        return Some(Format::Tracert);
    }
    let is_responder = address::canonical(second).is_some() || line.contains(" (");
    (is_responder && line.trim_end().ends_with("ms")).then_some(Format::Traceroute)
}

/// Goes through the members of the first object until one tells.
fn json(text: &[u8]) -> Verdict {
    let (mut depth, mut at, mut names) = (0_u32, 0, Vec::new());
    let mut base = None;
    while let Some(&octet) = text.get(at) {
        at += 1;
        match octet {
            b'{' => {
                depth += 1;
                base.get_or_insert(depth);
            }
            b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let begin = at;
                while text.get(at).is_some_and(|&octet| octet != b'"') {
                    at += if text.get(at) == Some(&b'\\') { 2 } else { 1 };
                }
                let string = text.get(begin..at).unwrap_or_default();
                at += 1;
                let after = text.get(at..).unwrap_or_default().trim_ascii_start();
                if base == Some(depth) && after.first() == Some(&b':') {
                    let value = after.get(1..).unwrap_or_default().trim_ascii_start();
                    if let Some(verdict) = of_member(string, value, &names) {
                        return verdict;
                    }
                    names.push(string);
                }
            }
            _ => {}
        }
        if base.is_some_and(|base| depth < base) {
            break;
        }
    }
    Verdict::Unclear
}

fn of_member(name: &[u8], value: &[u8], before: &[&[u8]]) -> Option<Verdict> {
    let text = |wanted: &str| value.starts_with(format!("\"{wanted}\"").as_bytes());
    let format = match name {
        b"fw" | b"msm_id" | b"prb_id" | b"msm_name" => Format::RipeAtlas,
        b"report" => Format::MtrJson,
        b"Hops" => Format::NexttraceJson,
        b"flows" => Format::Dublin,
        b"meta" => Format::Tracemap,
        b"trace" if before.contains(&&b"timestamp"[..]) => Format::Tracemap,
        b"info" => Format::Trippy,
        b"probesCount" | b"measurementOptions" | b"createdAt" => Format::Globalping,
        b"userid" | b"list_name" | b"stop_reason" | b"probec" => Format::Scamper,
        b"type" if text("cycle-start") || text("cycle-stop") || text("tracelb") => Format::Scamper,
        b"trace_id" => return Some(Verdict::Records),
        _ => return None,
    };
    Some(Verdict::It(format))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_few_octets_are_enough_and_too_few_are_unclear() {
        let of = |text: &str| detect(text.as_bytes(), false);
        assert_eq!(of(r#"[{"x":{"fw":1},"fw":5020"#), Verdict::It(Format::RipeAtlas));
        assert_eq!(of("{\n \"report\": {"), Verdict::It(Format::MtrJson));
        assert_eq!(of("x 0 33000\n"), Verdict::It(Format::MtrRaw));
        assert_eq!(of("x 0 330"), Verdict::Unclear);
        assert_eq!(of(r#"{"type":"hop","v":1,"trace_id":"#), Verdict::Records);
        assert_eq!(
            of("  1    <1 ms    <1 ms     1 ms  192.168.1.1\n"),
            Verdict::It(Format::Tracert)
        );
        assert_eq!(of("hello\nworld\n"), Verdict::Unclear);
    }

    proptest! {
        #[test]
        fn nothing_panics(head in proptest::collection::vec(any::<u8>(), 0..200), ended: bool) {
            detect(&head, ended);
            detect(&[b"{\"a\":", &head[..]].concat(), ended);
        }
    }
}

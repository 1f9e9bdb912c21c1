//! Windows `tracert`. It speaks every language, so lines are told by their shape: a number, three
//! times or stars, then an address. Words are never looked at.

use std::io::Read;

use tm_schema::{Method, Probe, Protocol, Reply, ReplyKind};
use tm_stream::Error;

use crate::address;
use crate::draft::{Draft, Ttl, answered, lost};
use crate::hash::Hash;
use crate::sink::Sink;
use crate::traceroute::TextLines;

/// Imports every trace of the text.
pub(crate) fn read(from: impl Read, sink: &mut Sink) -> Result<(), Error> {
    let mut lines = TextLines::new(from);
    let (mut draft, mut hash) = (None::<Draft>, Hash::default());
    while let Some((number, line)) = lines.next_text(sink)? {
        let has_hops = draft.as_ref().is_some_and(|draft| !draft.ttls.is_empty());
        if let Some(begun) = heading(&line) {
            if has_hops && let Some(done) = draft.take() {
                finish(done, std::mem::take(&mut hash), sink)?;
            }
            // The largest TTL may stand before the address or after it, on another line.
            let max_hops = draft.take().and_then(|before| before.max_hops);
            draft = Some(Draft { max_hops: begun.max_hops.or(max_hops), ..begun });
            hash.add(line.as_bytes());
            continue;
        }
        match hop(&line) {
            Some(Ok((ttl, found))) => {
                hash.add(line.as_bytes());
                let draft = draft.get_or_insert_with(empty);
                if found.responders.is_empty() && found.lost.is_empty() {
                    draft.error = Some(words_of(&line));
                }
                draft.ttls.insert(ttl, found);
            }
            Some(Err(reason)) => sink.bad(number, reason)?,
            None if has_hops => {} // the last words
            None => {
                let draft = draft.get_or_insert_with(empty);
                draft.max_hops = largest_ttl(&line).or(draft.max_hops);
            }
        }
    }
    match draft.filter(|draft| draft.target.is_some() || !draft.ttls.is_empty()) {
        Some(draft) => finish(draft, hash, sink),
        None => Ok(()),
    }
}

fn finish(mut draft: Draft, hash: Hash, sink: &mut Sink) -> Result<(), Error> {
    draft.assume_time_exceeded();
    sink.trace(draft, hash)
}

fn empty() -> Draft {
    Draft {
        tool: "tracert".to_owned(),
        platform: "windows".to_owned(),
        protocol: Some(Protocol::Icmp),
        method: Some(Method::Classic),
        ..Draft::default()
    }
}

/// The line that names the host: it begins with no number and has an address, in brackets after
/// a name or by itself.
pub(crate) fn heading(line: &str) -> Option<Draft> {
    if line.trim_start().starts_with(|c: char| c.is_ascii_digit())
        && line.split_whitespace().next().is_some_and(|word| word.parse::<u16>().is_ok())
    {
        return None;
    }
    let words: Vec<&str> = line.split_whitespace().map(trimmed).collect();
    let bracketed = |word: &&str| {
        let (_, rest) = word.split_once('[')?;
        address::canonical(rest.split(']').next()?)
    };
    let found = words.iter().enumerate().find_map(|(at, word)| Some((at, bracketed(word)?)));
    let (host, target) = match found {
        Some((at, ip)) => {
            let word = *words.get(at)?;
            let before = word.split('[').next().filter(|name| !name.is_empty());
            (before.or_else(|| at.checked_sub(1).and_then(|at| words.get(at).copied())), ip)
        }
        None => (None, words.iter().find_map(|word| address::canonical(word))?),
    };
    let host = host.map_or_else(|| target.clone(), str::to_owned);
    let max_hops = largest_ttl(line);
    Some(Draft { host: Some(host), target: Some(target), max_hops, ..empty() })
}

/// Without the full stop or colon of the sentence.
fn trimmed(word: &str) -> &str {
    word.trim_end_matches([',', ':', '.', '。', '：'])
}

/// The only number of the line that a TTL can be.
fn largest_ttl(line: &str) -> Option<u8> {
    line.split_whitespace().find_map(|word| trimmed(word).parse().ok()).filter(|&ttl| ttl > 0)
}

/// A line that begins with a number: the TTL, and what happened there.
pub(crate) fn hop(line: &str) -> Option<Result<(u8, Ttl), String>> {
    let mut words = line.split_whitespace().peekable();
    let ttl: u16 = words.next()?.parse().ok()?;
    let Some(ttl) = u8::try_from(ttl).ok().filter(|&ttl| ttl > 0) else {
        return Some(Err(format!("{ttl} is no TTL")));
    };
    let (mut at, mut probes) = (Ttl::default(), Vec::new());
    while let Some(&word) = words.peek() {
        if word == "*" {
            at.lost.push(lost());
            words.next();
        } else if let Some((probe, has_unit)) = time(word) {
            probes.push(probe);
            words.next();
            if !has_unit {
                words.next(); // the unit, in whatever script
            }
        } else {
            break;
        }
    }
    let rest: Vec<&str> = words.collect();
    let bracketed = |word: &str| address::canonical(word.strip_prefix('[')?.split(']').next()?);
    let found = rest.iter().enumerate().find_map(|(place, word)| {
        let ip = bracketed(word).or_else(|| address::canonical(trimmed(word)))?;
        let name = bracketed(word).and_then(|_| rest.get(place.checked_sub(1)?).copied());
        Some((place, ip, name))
    });
    match found {
        Some((place, ip, name)) => {
            let said = rest.get(place + 1..).unwrap_or_default().join(" ");
            let responder = at.responder(&ip);
            responder.name = name.map(str::to_owned);
            if probes.is_empty() {
                // It reports an error instead of a time.
                responder.probes.push(Probe { rtt_ms: None, ..answered(0.0) });
                responder.reply = Some(refusal(&said));
            }
            responder.probes.append(&mut probes);
        }
        None if probes.is_empty() => {}
        None => return Some(Err("times without an address".to_owned())),
    }
    Some(Ok((ttl, at)))
}

/// `12` or `<1` with its unit in the next word, `12ms` with it in the same.
fn time(word: &str) -> Option<(Probe, bool)> {
    let (at_most, number) = match word.strip_prefix('<') {
        Some(number) => (true, number),
        None => (false, word),
    };
    let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    let (digits, unit) = number.split_at(end);
    let is_unit = unit.chars().all(|c| c.is_alphabetic() || c == '.') && unit.len() <= 12;
    // `12.34.…` would be an address.
    let is_time = is_unit && !unit.starts_with('.');
    let ms: u32 = digits.parse().ok().filter(|_| is_time)?;
    Some((Probe { at_most, ..answered(f64::from(ms)) }, !unit.is_empty()))
}

fn refusal(said: &str) -> Reply {
    let note = (!said.is_empty()).then(|| said.to_owned());
    let kind = ReplyKind::DestUnreachable;
    Reply { kind, icmp_type: None, code: None, ttl: None, note }
}

fn words_of(line: &str) -> String {
    line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(line: &str) -> (u8, Ttl) {
        hop(line).unwrap().unwrap()
    }

    #[test]
    fn a_time_below_one_is_an_upper_bound() {
        let (ttl, at) = of("  1     1 ms    <1 ms     *     DESKTOP-X [192.168.1.2]");
        let responder = &at.responders[0];
        assert_eq!((ttl, responder.ip.as_str(), at.lost.len()), (1, "192.168.1.2", 1));
        assert_eq!(responder.name.as_deref(), Some("DESKTOP-X"));
        let bounds: Vec<_> = responder.probes.iter().map(|p| (p.rtt_ms, p.at_most)).collect();
        assert_eq!(bounds, [(Some(1.0), false), (Some(1.0), true)]);
    }

    #[test]
    fn any_language_will_do() {
        for line in [
            " 10    12 ms    11 ms    13 ms  93.184.216.34",
            " 10    12 мс    11 мс    13 мс  93.184.216.34",
            " 10    12 毫秒    11 毫秒    13 毫秒  93.184.216.34",
            " 10    12ms    11ms    13ms  93.184.216.34 ",
        ] {
            let (ttl, at) = of(line);
            assert_eq!((ttl, at.responders[0].probes.len()), (10, 3), "{line}");
        }
        for line in [
            "  2     *        *        *     Zeitüberschreitung der Anforderung.",
            "  2     *        *        *     请求超时。",
        ] {
            assert_eq!((of(line).1.lost.len(), of(line).1.responders.len()), (3, 0));
        }
        for line in [
            "Routenverfolgung zu example.com [93.184.216.34]",
            "到 example.com [93.184.216.34] 的路由:",
            "example.com [93.184.216.34] へのルートをトレースしています",
            "Détermination de l'itinéraire vers example.com [93.184.216.34]",
        ] {
            let draft = heading(line).unwrap();
            assert_eq!(draft.host.as_deref(), Some("example.com"), "{line}");
            assert_eq!(draft.target.as_deref(), Some("93.184.216.34"));
        }
        let bare = heading("Tracing route to 192.0.2.1 over a maximum of 30 hops").unwrap();
        assert_eq!((bare.host.as_deref(), bare.max_hops), (Some("192.0.2.1"), Some(30)));
    }

    #[test]
    fn a_report_is_a_refusal_in_its_own_words() {
        let (_, at) = of("  3  192.168.1.1  reports: Destination host unreachable.");
        let reply = at.responders[0].reply.as_ref().unwrap();
        assert_eq!(reply.kind, ReplyKind::DestUnreachable);
        assert_eq!(reply.note.as_deref(), Some("reports: Destination host unreachable."));
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "\\PC{0,80}") {
            let _ = (hop(&line), hop(&format!(" 3 {line}")), heading(&line));
        }
    }
}

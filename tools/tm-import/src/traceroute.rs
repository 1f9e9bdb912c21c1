//! The text of traceroute: Linux, GNU inetutils, macOS and the BSDs, and paris-traceroute, which
//! differ in their first line and little else.

use std::io::Read;
use std::net::IpAddr;

use tm_schema::{Asn, Method, Protocol, Reply, ReplyKind};
use tm_stream::Error;
use tm_stream::lines::{LONGEST, Line, Lines};

use crate::draft::{Draft, answered, lost};
use crate::hash::Hash;
use crate::sink::Sink;
use crate::{address, mpls, note};

/// Lines of an input, as text.
pub(crate) struct TextLines<R>(Lines<R>);

impl<R: Read> TextLines<R> {
    pub(crate) fn new(from: R) -> Self {
        Self(Lines::new(from))
    }

    /// The next line that has something on it, without its end, and its number.
    pub(crate) fn next_text(&mut self, sink: &mut Sink) -> Result<Option<(u64, String)>, Error> {
        loop {
            let next = match self.0.next_line() {
                Ok(Some(Line::Whole(line))) => {
                    Some(String::from_utf8_lossy(line).trim_end().to_owned())
                }
                Ok(Some(Line::Piece { last, .. })) => {
                    if last {
                        sink.bad(self.0.number(), format_args!("a line of over {LONGEST} octets"))?;
                    }
                    None
                }
                Ok(None) => return Ok(None),
                Err(error) => return Err(sink.cannot_read(&error)),
            };
            match next {
                Some(text) if !text.trim().is_empty() => {
                    return Ok(Some((self.0.number(), text)));
                }
                _ => {}
            }
        }
    }
}

/// Imports every trace of the text.
pub(crate) fn read(from: impl Read, sink: &mut Sink) -> Result<(), Error> {
    let mut lines = TextLines::new(from);
    let mut parser = Parser::default();
    while let Some((number, line)) = lines.next_text(sink)? {
        if parser.begins_trace(&line)
            && let Some((draft, hash)) = parser.take()
        {
            sink.trace(draft, hash)?;
        }
        if let Err(reason) = parser.line(&line) {
            sink.bad(number, reason)?;
        }
    }
    match parser.take() {
        Some((draft, hash)) => sink.trace(draft, hash),
        None => Ok(()),
    }
}

/// Whether the line is the first of a trace.
pub(crate) fn is_heading(line: &str) -> bool {
    let line = line.trim_start();
    ["traceroute to ", "traceroute6 to ", "traceroute [(", "traceroute from "]
        .iter()
        .any(|start| line.starts_with(start))
}

/// The TTL of a line of a hop, and what comes after it.
fn hop_number(line: &str) -> Option<(u8, &str)> {
    let line = line.trim_start();
    let end = line.find(char::is_whitespace)?;
    let (number, rest) = line.split_at(end);
    Some((number.parse().ok().filter(|&ttl| ttl > 0)?, rest))
}

/// A trace that is being read.
#[derive(Default)]
pub(crate) struct Parser {
    draft: Option<Draft>,
    hash: Hash,
    ttl: u8,
}

impl Parser {
    /// The line belongs to no trace that came before it.
    fn begins_trace(&self, line: &str) -> bool {
        let starts_over = || hop_number(line).is_some_and(|(ttl, _)| ttl <= self.ttl);
        is_heading(line) || (self.ttl > 0 && starts_over())
    }

    /// The trace so far; the next line begins another.
    pub(crate) fn take(&mut self) -> Option<(Draft, Hash)> {
        let hash = std::mem::take(&mut self.hash);
        self.ttl = 0;
        let mut draft = self.draft.take()?;
        draft.assume_time_exceeded();
        if draft.method == Some(Method::Paris) {
            // One flow for all of it.
            let responders = draft.ttls.values_mut().flat_map(|ttl| &mut ttl.responders);
            responders.for_each(|responder| responder.flows = vec![0]);
        }
        Some((draft, hash))
    }

    /// Reads one line, or says why it cannot.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), String> {
        if is_heading(line) {
            self.hash.add(line.trim().as_bytes());
            self.draft = Some(heading(line));
            return Ok(());
        }
        if let Some((ttl, rest)) = hop_number(line) {
            self.hash.add(line.trim().as_bytes());
            self.ttl = ttl;
            self.draft.get_or_insert_with(unheaded).ttls.entry(ttl).or_default();
            return self.probes(rest);
        }
        let is_continuation = line.starts_with(char::is_whitespace) && self.ttl > 0;
        if is_continuation {
            self.hash.add(line.trim().as_bytes());
            if line.trim_start().trim_start_matches('[').starts_with("MPLS") {
                self.labels(line);
                return Ok(());
            }
            return self.probes(line);
        }
        if line.starts_with("traceroute: ") || line.starts_with("traceroute6: ") {
            // What it said on stderr.
            let error = line.split_once(": ").map(|(_, error)| error.to_owned());
            if let Some(draft) = &mut self.draft {
                draft.error = error;
            }
            return Ok(());
        }
        Err("no line of a traceroute".to_owned())
    }

    fn labels(&mut self, line: &str) {
        let ttl = self.draft.as_mut().and_then(|draft| draft.ttls.get_mut(&self.ttl));
        if let Some(responder) = ttl.and_then(|ttl| ttl.responders.last_mut()) {
            responder.mpls.extend(mpls::labels(line));
        }
    }

    /// What was answered to the probes of one TTL. An RTT belongs to the address before it.
    fn probes(&mut self, text: &str) -> Result<(), String> {
        let Some(draft) = &mut self.draft else { return Ok(()) };
        let ttl = draft.ttls.entry(self.ttl).or_default();
        let mut words = text.split_whitespace().peekable();
        let (mut current, mut asn, mut measured) = (None::<String>, None::<Asn>, false);
        while let Some(word) = words.next() {
            if word == "*" {
                ttl.lost.push(lost());
                measured = true;
            } else if let Some(ms) = milliseconds(word, words.peek().copied()) {
                if !word.ends_with("ms") {
                    words.next();
                }
                let ip = current.as_deref().ok_or("a time without an address")?;
                ttl.responder(ip).probes.push(answered(ms));
                measured = true;
            } else if word.starts_with("<MPLS") {
                let ip = current.as_deref().ok_or("a label without an address")?;
                ttl.responder(ip).mpls = mpls::labels(word);
            } else if word.starts_with('<') && word.ends_with('>') {
                if let (Some(ip), Some(reply)) = (current.as_deref(), tcp_reply(word)) {
                    ttl.responder(ip).reply = Some(reply);
                    draft.protocol = Some(Protocol::Tcp);
                }
            } else if let Some(inner) = bracketed(word, '[', ']') {
                let found = origin(inner);
                match &current {
                    Some(ip) if !measured => ttl.responder(ip).asn = Some(found),
                    _ => asn = Some(found),
                }
            } else if word.starts_with('!') {
                let ip = current.as_deref().ok_or("an annotation without an address")?;
                let is_v6 = address::parse(ip).is_some_and(|ip| ip.is_ipv6());
                let reply = note::reply(word, is_v6)
                    .ok_or_else(|| format!("`{word}` is no annotation that is known"))?;
                ttl.responder(ip).reply = Some(reply);
            } else if let Some(size) = word.strip_prefix("F=") {
                let size = size.parse().ok().filter(|size| (1..=65_535).contains(size));
                ttl.size = Some(size.ok_or_else(|| format!("`{word}` is no path MTU"))?);
            } else if is_way_back(word) {
                // A guess at the length of the way back (--back).
            } else {
                let second = words.peek().and_then(|next| bracketed(next, '(', ')'));
                if second.is_some() {
                    words.next();
                }
                let (ip, name) = identity(word, second)?;
                let responder = ttl.responder(&ip);
                responder.name = name.or(responder.name.take());
                responder.asn = asn.take().or(responder.asn.take());
                (current, measured) = (Some(ip), false);
            }
        }
        Ok(())
    }
}

/// `name (address)`, `address (name)`, `address`, `name`: the responder and its name.
fn identity(first: &str, second: Option<&str>) -> Result<(String, Option<String>), String> {
    let other = second.map(str::to_owned);
    if let Some(ip) = second.and_then(address::canonical) {
        let is_name = address::canonical(first).is_none();
        return Ok((ip, is_name.then(|| first.to_owned())));
    }
    if let Some(ip) = address::canonical(first) {
        return Ok((ip, other));
    }
    match second {
        None if is_name(first) => Ok((first.to_owned(), Some(first.to_owned()))),
        _ => Err(format!("`{first}` is neither an address nor a time")),
    }
}

fn is_name(word: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || "._-".contains(c);
    word.contains('.') && word.chars().all(fits) && word.chars().any(char::is_alphabetic)
}

fn bracketed(word: &str, open: char, close: char) -> Option<&str> {
    word.strip_prefix(open)?.strip_suffix(close)
}

/// `0.643 ms` in two words, `0.643ms` in one.
fn milliseconds(word: &str, next: Option<&str>) -> Option<f64> {
    let number = match word.strip_suffix("ms") {
        Some(number) => number,
        None if next == Some("ms") => word,
        None => return None,
    };
    let is_number = number.starts_with(|c: char| c.is_ascii_digit());
    number.parse().ok().filter(|ms: &f64| is_number && ms.is_finite())
}

fn is_way_back(word: &str) -> bool {
    let number = word.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    number.is_some_and(|number| number.parse::<i32>().is_ok())
}

/// `AS15169`, `AS1/AS2`, `*` or `AS0`: nobody's.
fn origin(text: &str) -> Asn {
    let number = |part: &str| part.trim().strip_prefix("AS")?.parse::<u32>().ok();
    let mut origins: Vec<u32> =
        text.split(['/', ',', ' ']).filter_map(number).filter(|&number| number > 0).collect();
    let source = Some("traceroute".to_owned());
    let first = origins.first().copied();
    if origins.len() < 2 {
        origins.clear();
    }
    Asn { number: first, origins, source, ..Asn::default() }
}

/// The flags of a TCP reply (Linux, `-T -O info`).
fn tcp_reply(word: &str) -> Option<Reply> {
    let flags: Vec<&str> = bracketed(word, '<', '>')?.split(',').collect();
    let kind = match () {
        () if flags.contains(&"syn") && flags.contains(&"ack") => ReplyKind::SynAck,
        () if flags.contains(&"rst") => ReplyKind::Rst,
        () => return None,
    };
    Some(Reply { kind, icmp_type: None, code: None, ttl: None, note: None })
}

fn unheaded() -> Draft {
    Draft { tool: "traceroute".to_owned(), method: None, ..Draft::default() }
}

/// `traceroute to example.com (192.0.2.1) from 10.0.0.1, 30 hops max, 60 byte packets`, or of
/// paris-traceroute `traceroute [(10.0.0.1:33456) -> (192.0.2.1:33457)], protocol udp, algo
/// hopbyhop, duration 18 s`.
fn heading(line: &str) -> Draft {
    let line = line.trim();
    if let Some(rest) = line.strip_prefix("traceroute [(") {
        return paris_heading(rest);
    }
    let (what, rest) = line.split_once(", ").unwrap_or((line, ""));
    let mut words = what.split_whitespace().skip(1);
    let mut draft = Draft { method: Some(Method::Classic), ..unheaded() };
    while let Some(word) = words.next() {
        match word {
            "to" => draft.host = words.next().map(str::to_owned),
            "from" => draft.source_ip = words.next().and_then(address::canonical),
            _ => {
                let ip = bracketed(word, '(', ')').and_then(address::canonical);
                draft.target = ip.or(draft.target);
            }
        }
    }
    if draft.target.is_none() {
        draft.target = draft.host.as_deref().and_then(address::canonical);
    }
    let max_hops = rest.split(", ").find_map(|part| part.strip_suffix(" hops max"));
    draft.max_hops = max_hops.and_then(|number| number.parse().ok());
    draft
}

fn paris_heading(rest: &str) -> Draft {
    let endpoint = |text: &str| {
        let inner = text.trim().trim_matches(['(', ')', ']']);
        let (ip, port) = inner.rsplit_once(':')?;
        Some((ip.parse::<IpAddr>().ok()?.to_string(), port.parse::<u16>().ok()))
    };
    let (endpoints, options) = rest.split_once("],").unwrap_or((rest, ""));
    let (from, to) = endpoints.split_once("->").unwrap_or((endpoints, ""));
    let mut draft = Draft {
        tool: "paris-traceroute".to_owned(),
        method: Some(Method::Paris),
        source_ip: endpoint(from).map(|end| end.0),
        ..Draft::default()
    };
    for option in options.split(',').map(str::trim) {
        match option.split_once(' ') {
            Some(("protocol", "udp")) => draft.protocol = Some(Protocol::Udp),
            Some(("protocol", "tcp")) => draft.protocol = Some(Protocol::Tcp),
            Some(("protocol", "icmp")) => draft.protocol = Some(Protocol::Icmp),
            Some(("algo", "mda")) => draft.method = Some(Method::Mda),
            _ => {}
        }
    }
    if let Some((ip, port)) = endpoint(to) {
        draft.target = Some(ip);
        draft.port = port.filter(|_| draft.protocol != Some(Protocol::Icmp));
    }
    draft
}

/// One trace of the text, for a format that has it inside.
pub(crate) fn one(text: &str) -> Option<Draft> {
    let mut parser = Parser::default();
    for line in text.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()) {
        if parser.draft.is_some() && is_heading(line) {
            return None;
        }
        parser.line(line).ok()?;
    }
    parser.take().map(|(draft, _)| draft).filter(|draft| !draft.ttls.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hop(line: &str) -> crate::draft::Ttl {
        let mut parser = Parser::default();
        parser.line(line).unwrap();
        parser.draft.unwrap().ttls.pop_first().unwrap().1
    }

    fn seen(line: &str) -> Vec<(String, Vec<f64>)> {
        let times = |at: &crate::draft::Responder| {
            at.probes.iter().filter_map(|probe| probe.rtt_ms).collect()
        };
        hop(line).responders.iter().map(|at| (at.ip.clone(), times(at))).collect()
    }

    #[test]
    fn an_rtt_belongs_to_the_address_before_it() {
        let line = " 5  203.0.113.37  11.328 ms 203.0.113.33  11.371 ms * 203.0.113.37  11.360 ms";
        let wanted = [
            ("203.0.113.37".to_owned(), vec![11.328, 11.360]),
            ("203.0.113.33".to_owned(), vec![11.371]),
        ];
        assert_eq!(seen(line), wanted);
        assert_eq!(hop(line).lost.len(), 1);
    }

    #[test]
    fn names_addresses_and_origins_stand_in_any_order() {
        let linux =
            hop(" 3  a.example (192.0.2.1) [AS64500/AS64501]  1.0 ms b (192.0.2.2) [*]  2 ms");
        let (first, second) = (&linux.responders[0], &linux.responders[1]);
        assert_eq!((first.name.as_deref(), first.ip.as_str()), (Some("a.example"), "192.0.2.1"));
        let asn = first.asn.as_ref().unwrap();
        assert_eq!((asn.number, asn.origins.as_slice()), (Some(64500), &[64500, 64501][..]));
        let none = second.asn.as_ref().unwrap();
        assert_eq!((none.number, none.source.as_deref()), (None, Some("traceroute")));
        let bsd = hop(
            " 3  [AS64500] a.example (192.0.2.1)  1.0 ms [AS64501] b.example (192.0.2.2)  2 ms",
        );
        let numbers: Vec<_> =
            bsd.responders.iter().map(|at| at.asn.as_ref().unwrap().number).collect();
        assert_eq!(numbers, [Some(64500), Some(64501)]);
        let inetutils = hop("  1   10.0.1.1 (r1.example)  0.643ms  0.730ms");
        assert_eq!(inetutils.responders[0].name.as_deref(), Some("r1.example"));
        assert_eq!(inetutils.responders[0].probes.len(), 2);
    }

    #[test]
    fn annotations_labels_and_path_mtus() {
        let line =
            " 7  10.0.7.1 <MPLS:L=24107,E=0,S=1,T=1>  0.1 ms !X F=1400  0.2 ms !X '-4'  0.3 ms !X";
        let at = &hop(line).responders[0];
        let reply = at.reply.as_ref().unwrap();
        assert_eq!((reply.code, reply.note.as_deref()), (Some(13), Some("!X")));
        assert_eq!((at.probes.len(), at.mpls[0].label), (3, 24107));
        assert_eq!(hop(line).size, Some(1400));
        let tcp = hop(" 8  10.9.0.1 <syn,ack>  0.2 ms");
        assert_eq!(tcp.responders[0].reply.as_ref().unwrap().kind, ReplyKind::SynAck);
        let closed = hop(" 8  10.9.0.1 <rst,ack>  0.2 ms");
        assert_eq!(closed.responders[0].reply.as_ref().unwrap().kind, ReplyKind::Rst);
        assert!(hop(" 8  10.9.0.1 <fin,ack>  0.2 ms").responders[0].reply.is_none());
    }

    #[test]
    fn headings_say_what_they_say() {
        let of = |line: &str| {
            let draft = heading(line);
            (draft.host, draft.target, draft.source_ip, draft.max_hops, draft.port)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            of(
                "traceroute6 to www.example (2001:db8::1) from 2001:db8::2, 64 hops max, 12 byte packets"
            ),
            (some("www.example"), some("2001:db8::1"), some("2001:db8::2"), Some(64), None)
        );
        assert_eq!(
            of(
                "traceroute [(192.168.1.127:33456) -> (8.8.8.8:33457)], protocol udp, algo hopbyhop, duration 18 s"
            ),
            (None, some("8.8.8.8"), some("192.168.1.127"), None, Some(33457))
        );
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "\\PC{0,80}") {
            let mut parser = Parser::default();
            let _ = parser.line(" 1  10.0.0.1  1 ms");
            let _ = parser.line(&line);
            let _ = parser.line(&format!(" 2  {line}"));
            let _ = parser.line(&format!("traceroute to {line}"));
            parser.take();
        }
    }
}

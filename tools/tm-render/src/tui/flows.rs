//! The ways of the flows: a column for each flow, a line for each TTL. Flows under the same letter
//! met the same responder. Where all paths were looked for, few flows are followed from end to end;
//! the links are drawn instead: behind each responder, the letters of those that follow it.

use tm_schema::Method;
use tm_stream::text::shown;

use crate::footer;
use crate::symbols::Symbols;
use crate::view::{Responder, Ttl, View};

/// Flows that are drawn.
const MOST: usize = 48;

/// The graph as lines of text.
pub(crate) fn lines(view: &View, symbols: Symbols) -> Vec<String> {
    let flows: Vec<u16> = view.flows().into_iter().collect();
    if flows.len() < 2 {
        return vec![
            "one flow: it sees one way of those that load balancers have".to_owned(),
            "tm-probe --flows 16 follows sixteen".to_owned(),
        ];
    }
    if view.trace.as_ref().is_some_and(|trace| trace.method == Some(Method::Mda)) {
        return links(view, symbols);
    }
    let shown = flows.get(..flows.len().min(MOST)).unwrap_or(&flows);
    let mut lines = vec![format!("  # {}  responders", ruler(shown))];
    for (ttl, at) in &view.ttls {
        let of_flow = |flow: &u16| {
            letter(at.responders.iter().position(|at| at.flows.contains(flow)), symbols)
        };
        let drawn: String = shown.iter().map(of_flow).collect();
        lines.push(format!("{ttl:>3} {drawn}  {}", responders(at)));
    }
    let paths = distinct(view, shown);
    lines.push(format!(" {} flows, {paths} different ways", flows.len()));
    if flows.len() > shown.len() {
        lines.push(format!(" ({} flows are not drawn)", flows.len() - shown.len()));
    }
    lines
}

/// The graph: a line for each responder, and who follows it.
fn links(view: &View, symbols: Symbols) -> Vec<String> {
    let ttls: Vec<(u8, &Ttl)> = view.ttls.iter().map(|(&ttl, at)| (ttl, at)).collect();
    let mut lines = vec!["  #   responders, and the letters of those that follow".to_owned()];
    for (index, &(ttl, at)) in ttls.iter().enumerate() {
        let next = ttls.get(index + 1).map(|(_, next)| *next);
        let number = |line: usize| if line == 0 { ttl.to_string() } else { String::new() };
        if at.responders.is_empty() {
            lines.push(format!("{ttl:>3}   *"));
        }
        for (line, responder) in at.responders.iter().enumerate() {
            let letter = letter(Some(line), symbols);
            let (ip, follow) = (shown(&responder.ip, 45), followers(at, responder, next, symbols));
            lines.push(format!("{:>3} {letter} {ip}{follow}", number(line)));
        }
    }
    lines.extend(view.trace.as_ref().and_then(footer::promise));
    lines
}

/// Who follows a responder.
fn followers(at: &Ttl, responder: &Responder, next: Option<&Ttl>, symbols: Symbols) -> String {
    let Some(next) = next else { return String::new() };
    if footer::balances_packets(at) || footer::balances_packets(next) {
        return format!(" {} ? packet by packet", symbols.arrow());
    }
    let follows =
        |other: &&Responder| other.flows.iter().any(|flow| responder.flows.contains(flow));
    let letters: String = next
        .responders
        .iter()
        .enumerate()
        .filter(|(_, other)| follows(other))
        .map(|(index, _)| letter(Some(index), symbols))
        .collect();
    match (letters.is_empty(), next.responders.is_empty()) {
        (false, _) => format!(" {} {letters}", symbols.arrow()),
        (true, true) => format!(" {} *", symbols.arrow()),
        (true, false) => String::new(),
    }
}

/// The last digit of each flow's number.
fn ruler(flows: &[u16]) -> String {
    flows.iter().filter_map(|flow| char::from_digit(u32::from(flow % 10), 10)).collect()
}

fn letter(responder: Option<usize>, symbols: Symbols) -> char {
    let silent = if symbols == Symbols::Ascii { '.' } else { '·' };
    match responder {
        None => silent,
        Some(at @ 0..26) => char::from(b'A' + at as u8),
        Some(at @ 26..52) => char::from(b'a' + (at - 26) as u8),
        Some(_) => '+',
    }
}

fn responders(at: &Ttl) -> String {
    if at.responders.is_empty() {
        return "*".to_owned();
    }
    let one = |(index, ip): (usize, &str)| match at.responders.len() {
        1 => shown(ip, 45),
        _ => format!("{} {}", letter(Some(index), Symbols::Ascii), shown(ip, 45)),
    };
    let ips = at.responders.iter().map(|responder| responder.ip.as_str());
    ips.enumerate().map(one).collect::<Vec<_>>().join("  ")
}

/// How many different sequences of responders the flows met. Silence is none of anybody's.
fn distinct(view: &View, flows: &[u16]) -> usize {
    let way = |flow: &u16| -> Vec<Option<&str>> {
        let met = |ttl: &Ttl| ttl.responders.iter().position(|at| at.flows.contains(flow));
        view.ttls.values().map(|ttl| Some(ttl.responders.get(met(ttl)?)?.ip.as_str())).collect()
    };
    let mut ways: Vec<_> = flows.iter().map(way).collect();
    ways.sort_unstable();
    ways.dedup();
    ways.len()
}

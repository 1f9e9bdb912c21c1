//! `nexttrace --raw` and `nexttrace --mtr --raw`: a line for each probe, twelve columns between
//! bars. A probe of a TTL that was probed before, and not just now, begins a round.

use std::io::Read;

use tm_stream::Error;

use crate::address;
use crate::draft::{Draft, answered, lost};
use crate::hash::Hash;
use crate::nexttrace::{Place, geo, origin};
use crate::sink::Sink;
use crate::traceroute::TextLines;

/// A line: the TTL, and what stands in the other columns.
struct Row<'a> {
    ttl: u8,
    columns: Vec<&'a str>,
}

/// Imports the rounds of the text.
pub(crate) fn read(from: impl Read, sink: &mut Sink) -> Result<(), Error> {
    let mut lines = TextLines::new(from);
    let (mut draft, mut hash, mut before) = (empty(0), Hash::default(), 0);
    while let Some((number, line)) = lines.next_text(sink)? {
        let Some(row) = row(&line) else {
            if !is_banner(&line) {
                sink.bad(number, "no line of nexttrace --raw")?;
            }
            continue;
        };
        if row.ttl != before && draft.ttls.contains_key(&row.ttl) {
            let next = empty(draft.round + 1);
            write(std::mem::replace(&mut draft, next), std::mem::take(&mut hash), sink)?;
        }
        before = row.ttl;
        hash.add(line.as_bytes());
        add(&mut draft, &row);
    }
    if draft.ttls.is_empty() { Ok(()) } else { write(draft, hash, sink) }
}

/// What nexttrace says before it begins.
pub(crate) fn is_banner(line: &str) -> bool {
    line.starts_with("NextTrace") || line.starts_with("[NextTrace")
}

/// Whether the line is one of this format.
pub(crate) fn is_row(line: &str) -> bool {
    row(line).is_some()
}

fn empty(round: u64) -> Draft {
    Draft { tool: "nexttrace".to_owned(), round, ..Draft::default() }
}

fn row(line: &str) -> Option<Row<'_>> {
    let mut columns = line.split('|').map(str::trim);
    let ttl = columns.next()?.parse().ok().filter(|&ttl| ttl > 0)?;
    let columns: Vec<&str> = columns.collect();
    let who = *columns.first()?;
    let fits = (who == "*" && columns.len() >= 6)
        || (columns.len() == 11 && address::canonical(who).is_some());
    fits.then_some(Row { ttl, columns })
}

fn add(draft: &mut Draft, row: &Row) {
    let ttl = draft.ttls.entry(row.ttl).or_default();
    let column = |at: usize| row.columns.get(at).copied().unwrap_or_default();
    let Some(ip) = address::canonical(column(0)) else {
        ttl.lost.push(lost());
        return;
    };
    let responder = ttl.responder(&ip);
    // It leaves the time out where it is 0.00.
    responder.probes.push(answered(column(2).parse().unwrap_or(f64::NAN)));
    responder.name = Some(column(1)).filter(|name| !name.is_empty()).map(str::to_owned);
    let text = |at: usize| column(at).to_owned();
    let degrees = |at: usize| column(at).parse().unwrap_or(0.0);
    let place = Place {
        asnumber: text(3),
        country: text(4),
        prov: text(5),
        city: text(6),
        owner: text(8),
        lat: degrees(9),
        lng: degrees(10),
        ..Place::default()
    };
    responder.asn = origin(&place).or_else(|| responder.asn.take());
    responder.geo = geo(place).or_else(|| responder.geo.take());
}

fn write(mut draft: Draft, hash: Hash, sink: &mut Sink) -> Result<(), Error> {
    if let Some((&last, _)) = draft.ttls.last_key_value() {
        draft.fill(1, last);
    }
    draft.assume_time_exceeded();
    sink.trace(draft, hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_their_columns() {
        assert!(is_row("4|*||||||") && is_row("4|*||||||||||"));
        assert!(is_row("3|203.0.113.1|a.b|1.20|64500|DE||Frankfurt||Org|50.1|8.6"));
        for no in ["", "x|*||||||", "0|*||||||", "1|host||||||||||", "1|*", "1|192.0.2.1|a"] {
            assert!(!is_row(no), "{no}");
        }
    }
}

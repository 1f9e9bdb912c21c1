//! `mtr --report`, `--report-wide` and `--csv`: one line a hop, columns named in the first line.

use std::io::Read;

use tm_schema::Time;
use tm_stream::Error;

use crate::draft::Draft;
use crate::hash::Hash;
use crate::json::Number;
use crate::mtr_json::{Fields, empty, identity, named, ttl};
use crate::sink::Sink;
use crate::traceroute::TextLines;
use crate::{address, mpls};

/// A report that is being read.
#[derive(Default)]
struct Open {
    draft: Option<Draft>,
    hash: Hash,
    columns: Vec<String>,
    ttl: u8,
}

impl Open {
    fn finish(&mut self, sink: &mut Sink) -> Result<(), Error> {
        self.ttl = 0;
        let hash = std::mem::take(&mut self.hash);
        match self.draft.take().filter(|draft| !draft.ttls.is_empty()) {
            Some(draft) => sink.trace(draft, hash),
            None => Ok(()),
        }
    }

    fn add(&mut self, number: u8, host: &str, asn: Option<&str>, fields: &Fields) {
        let draft = self.draft.get_or_insert_with(empty);
        draft.ttls.insert(number, ttl(host, asn, fields));
        self.ttl = number;
    }
}

/// Gives a column's value its place.
fn set(fields: &mut Fields, column: &str, value: &str) {
    let number = value.trim().trim_end_matches('%').parse().ok().map(Number);
    match column.trim() {
        "Loss%" => fields.loss = number,
        "Snt" => fields.sent = number,
        "Rcv" => fields.received = number,
        "Drop" => fields.dropped = number,
        "Avg" => fields.avg = number,
        "Best" => fields.best = number,
        "Wrst" => fields.worst = number,
        "StDev" => fields.stddev = number,
        _ => {}
    }
}

/// Imports every report of the text.
pub(crate) fn read_report(from: impl Read, sink: &mut Sink) -> Result<(), Error> {
    let mut lines = TextLines::new(from);
    let mut open = Open::default();
    while let Some((number, line)) = lines.next_text(sink)? {
        if let Some(start) = line.strip_prefix("Start: ") {
            open.finish(sink)?;
            open.draft = Some(Draft { started_at: start_time(start.trim()), ..empty() });
        } else if let Some(heading) = line.strip_prefix("HOST: ") {
            if open.ttl > 0 {
                open.finish(sink)?;
            }
            open.columns = heading.split_whitespace().skip(1).map(str::to_owned).collect();
        } else if let Err(reason) = report_line(&mut open, &line) {
            sink.bad(number, reason)?;
            continue;
        }
        open.hash.add(line.as_bytes());
    }
    open.finish(sink)
}

/// `2026-11-25T10:16:07+0000`; older ones leave the zone out, and so what it means.
fn start_time(text: &str) -> Option<Time> {
    let at = text.len().checked_sub(2)?;
    let (front, minutes) = text.is_char_boundary(at).then(|| text.split_at(at))?;
    format!("{front}:{minutes}").parse().ok()
}

/// `  1.|-- host   0.0%  4 …`, another responder of that hop, or its labels.
fn report_line(open: &mut Open, line: &str) -> Result<(), String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let first = words.first().copied().unwrap_or_default();
    let Some((number, _)) = first.split_once('.').filter(|(number, rest)| {
        matches!(*rest, "" | "|--") && number.bytes().all(|b| b.is_ascii_digit())
    }) else {
        return extra_line(open, line);
    };
    let number = number.parse::<u8>().ok().filter(|&ttl| ttl > 0);
    let number = number.ok_or_else(|| format!("`{first}` is no hop"))?;
    let mut words = words.into_iter().skip(1).filter(|word| *word != "|--").peekable();
    let asn = words.next_if(|word| word.starts_with("AS") && is_origin(word));
    let rest: Vec<&str> = words.collect();
    let count = open.columns.len();
    let split = rest.len().checked_sub(count).filter(|&at| at > 0 && count > 0);
    let (host, values) = split
        .and_then(|at| rest.split_at_checked(at))
        .ok_or("it has not as many columns as the first line")?;
    let mut fields = Fields::default();
    for (column, value) in open.columns.clone().iter().zip(values) {
        set(&mut fields, column, value);
    }
    open.add(number, &host.join(" "), asn, &fields);
    Ok(())
}

fn is_origin(word: &str) -> bool {
    word.get(2..).is_some_and(|rest| rest == "???" || rest.bytes().all(|b| b.is_ascii_digit()))
}

fn extra_line(open: &mut Open, line: &str) -> Result<(), String> {
    let ttl = open.draft.as_mut().and_then(|draft| draft.ttls.get_mut(&open.ttl));
    let ttl = ttl.filter(|_| line.starts_with(' ')).ok_or("no line of an mtr report")?;
    if line.contains("MPLS") {
        if let Some(responder) = ttl.responders.last_mut() {
            responder.mpls.extend(mpls::labels(line));
        }
        return Ok(());
    }
    let text = line.trim().trim_start_matches("|  ").trim_start_matches("`|-- ");
    let (ip, name) = identity(text.trim()).ok_or("no line of an mtr report")?;
    if address::parse(&ip).is_none() && (name.is_none() || ip.contains(' ')) {
        return Err("no line of an mtr report".to_owned());
    }
    ttl.responders.push(named(ip, name));
    Ok(())
}

/// Imports every report of the table.
pub(crate) fn read_csv(from: impl Read, sink: &mut Sink) -> Result<(), Error> {
    let mut lines = TextLines::new(from);
    let mut open = Open::default();
    while let Some((number, line)) = lines.next_text(sink)? {
        if line.starts_with("Mtr_Version") {
            open.finish(sink)?;
            open.columns = line.split(',').map(|column| column.trim().to_owned()).collect();
            continue;
        }
        let values: Vec<&str> = line.split(',').collect();
        let value = |name: &str| {
            let at = open.columns.iter().position(|column| column == name)?;
            values.get(at).map(|value| value.trim())
        };
        let hop = value("Hop").and_then(|hop| hop.parse::<u8>().ok()).filter(|&hop| hop > 0);
        let (Some(hop), Some(ip)) = (hop, value("Ip")) else {
            let reason = match open.columns.is_empty() {
                true => "no line with the names of the columns comes before it",
                false => "Hop: no number from 1 to 255",
            };
            sink.bad(number, reason)?;
            continue;
        };
        let (ip, asn) = (ip.to_owned(), value("Asn").map(str::to_owned));
        let begun = Draft {
            host: value("Host").map(str::to_owned),
            version: value("Mtr_Version")
                .and_then(|v| v.strip_prefix("MTR."))
                .unwrap_or("")
                .to_owned(),
            started_at: value("Start_Time").and_then(epoch),
            ..empty()
        };
        let mut fields = Fields::default();
        for (column, value) in open.columns.iter().zip(&values) {
            set(&mut fields, column, value);
        }
        let is_other = open.draft.as_ref().is_some_and(|draft| draft.host != begun.host);
        if is_other || hop <= open.ttl {
            open.finish(sink)?;
        }
        open.draft.get_or_insert(begun);
        open.add(hop, &ip, asn.as_deref(), &fields);
        open.hash.add(line.as_bytes());
    }
    open.finish(sink)
}

fn epoch(text: &str) -> Option<Time> {
    Time::from_microseconds(text.parse::<i64>().ok()?.checked_mul(1_000_000)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_start_is_a_point_in_time_only_with_its_zone() {
        let time = start_time("2026-11-25T10:16:07+0100").unwrap();
        assert_eq!(time.to_string(), "2026-11-25T09:16:07.000000Z");
        assert_eq!(start_time("Thu Nov 25 10:16:07 2021"), None);
        assert_eq!(start_time("é"), None);
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "\\PC{0,80}") {
            let mut open = Open { columns: vec!["Loss%".into(), "Snt".into()], ..Open::default() };
            let _ = report_line(&mut open, "  1.|-- 192.0.2.1 0.0% 4");
            let _ = (report_line(&mut open, &line), report_line(&mut open, &format!("  1.|-- {line}")));
            let _ = report_line(&mut open, &format!("   {line}"));
            start_time(&line);
        }
    }
}

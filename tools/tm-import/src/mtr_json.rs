//! `mtr --json`: statistics of each hop, and no single RTT.

use std::io::Read;

use serde::Deserialize;
use serde_json::value::RawValue;
use tm_schema::{Asn, Method, Rtt};
use tm_stream::Error;

use crate::address;
use crate::draft::{Draft, Responder, Ttl, statistics};
use crate::json::{self, Number, Stopped, Text};
use crate::sink::Sink;

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    report: Report<'a>,
}

#[derive(Deserialize)]
struct Report<'a> {
    mtr: Mtr,
    #[serde(borrow, default)]
    hubs: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Mtr {
    dst: String,
    #[serde(default)]
    tests: Option<Number>,
}

#[derive(Deserialize)]
struct Hub {
    count: Number,
    host: String,
    #[serde(rename = "ASN", default)]
    asn: Option<String>,
    #[serde(flatten)]
    fields: Fields,
}

/// The columns that mtr was asked for, by its names of them.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(crate) struct Fields {
    #[serde(rename = "Loss%", default)]
    pub(crate) loss: Option<Number>,
    #[serde(rename = "Snt", default)]
    pub(crate) sent: Option<Number>,
    #[serde(rename = "Rcv", default)]
    pub(crate) received: Option<Number>,
    #[serde(rename = "Drop", default)]
    pub(crate) dropped: Option<Number>,
    #[serde(rename = "Avg", default)]
    pub(crate) avg: Option<Number>,
    #[serde(rename = "Best", default)]
    pub(crate) best: Option<Number>,
    #[serde(rename = "Wrst", default)]
    pub(crate) worst: Option<Number>,
    #[serde(rename = "StDev", default)]
    pub(crate) stddev: Option<Number>,
}

impl Fields {
    /// Probes sent and answered, as far as they follow from the columns.
    pub(crate) fn counted(&self) -> (u32, u32) {
        let of = |number: Option<Number>| number.and_then(Number::count);
        let sent = of(self.sent);
        let by_loss = |sent: u32| {
            let loss = self.loss?.0.clamp(0.0, 100.0);
            Some((f64::from(sent) * (100.0 - loss) / 100.0).round() as u32)
        };
        let by_drop = |sent: u32| Some(sent.saturating_sub(of(self.dropped)?));
        let received = of(self.received).or_else(|| sent.and_then(by_drop));
        let received = received.or_else(|| sent.and_then(by_loss)).unwrap_or(0);
        (sent.unwrap_or(received).max(received), received)
    }

    /// What is known of the RTTs of `received` answers.
    pub(crate) fn rtt(&self, received: u32) -> Option<Rtt> {
        let ms = |number: Option<Number>| number.map(|number| number.0);
        let of_all = [ms(self.best), ms(self.avg), ms(self.worst)];
        statistics(received, of_all, ms(self.stddev))
    }
}

/// Imports every document.
pub(crate) fn read(from: impl Read, sink: &mut Sink) -> Result<(), Error> {
    json::each(from, sink, document)
}

fn document(text: Text, sink: &mut Sink) -> Result<(), Stopped> {
    let mended = without_hubs(text.text);
    let text = mended.as_deref().map_or(text, |mended| Text { text: mended, ..text });
    let report = text.parse::<Document>()?.report;
    let mut draft = Draft {
        target: address::canonical(&report.mtr.dst),
        host: Some(report.mtr.dst),
        probes: report.mtr.tests.and_then(Number::count),
        ..empty()
    };
    for hub in text.parts::<Hub>("report.hubs", &report.hubs, sink)? {
        let Some(number) = hub.count.ttl() else { continue };
        draft.ttls.insert(number, ttl(&hub.host, hub.asn.as_deref(), &hub.fields));
    }
    json::write(draft, text, sink)
}

/// A report without hubs, whose list mtr opens and does not close, with the end that it lacks.
fn without_hubs(text: &str) -> Option<String> {
    let (before, rest) = text.rsplit_once('[')?;
    let is_open = !rest.is_empty() && rest.chars().all(|c| c.is_whitespace() || c == '}');
    let is_hubs = before.trim_end().trim_end_matches(':').trim_end().ends_with("\"hubs\"");
    (is_open && is_hubs).then(|| format!("{before}[]{rest}"))
}

pub(crate) fn empty() -> Draft {
    Draft { tool: "mtr".to_owned(), method: Some(Method::Classic), ..Draft::default() }
}

/// A TTL of which mtr prints one line.
pub(crate) fn ttl(host: &str, asn: Option<&str>, fields: &Fields) -> Ttl {
    let (sent, received) = fields.counted();
    let mut ttl = Ttl { counted: Some((sent, received)), ..Ttl::default() };
    if let Some((ip, name)) = identity(host)
        && received > 0
    {
        let responder =
            Responder { rtt: fields.rtt(received), asn: origin(asn), ..named(ip, name) };
        ttl.responders.push(responder);
    }
    ttl
}

/// `???`, `name`, `address` or `name (address)`.
pub(crate) fn identity(host: &str) -> Option<(String, Option<String>)> {
    let host = host.trim();
    if host.is_empty() || host == "???" {
        return None;
    }
    let inner = host.strip_suffix(')').and_then(|host| host.rsplit_once(" ("));
    Some(match inner.and_then(|(name, ip)| Some((name, address::canonical(ip)?))) {
        Some((name, ip)) => (ip, Some(name.to_owned())),
        None => match address::canonical(host) {
            Some(ip) => (ip, None),
            None => (host.to_owned(), Some(host.to_owned())),
        },
    })
}

pub(crate) fn named(ip: String, name: Option<String>) -> Responder {
    Responder { ip, name, ..Responder::default() }
}

/// `AS15169`; `AS???`: mtr asked, and nobody knew.
pub(crate) fn origin(text: Option<&str>) -> Option<Asn> {
    let number = text?.trim().strip_prefix("AS")?.parse().ok();
    Some(Asn { number, source: Some("mtr".to_owned()), ..Asn::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_addresses_or_both() {
        let some = |ip: &str, name: Option<&str>| Some((ip.to_owned(), name.map(str::to_owned)));
        assert_eq!(identity("???"), None);
        assert_eq!(identity("192.0.2.1"), some("192.0.2.1", None));
        assert_eq!(identity("a.b (192.0.2.1)"), some("192.0.2.1", Some("a.b")));
        assert_eq!(identity("a.b"), some("a.b", Some("a.b")));
        assert_eq!(identity("evil (x)"), some("evil (x)", Some("evil (x)")));
    }

    #[test]
    fn a_list_of_hubs_that_is_not_closed_is_empty() {
        let torn = "{\"report\": {\"mtr\": {\"dst\": \"x\"},\n    \"hubs\": [  }\n}\n";
        let mended = without_hubs(torn).unwrap();
        let document: Document = serde_json::from_str(&mended).unwrap();
        assert!(document.report.hubs.is_empty());
        assert_eq!(without_hubs("{\"report\":{\"hubs\": []}}"), None);
        assert_eq!(without_hubs("{\"report\":{\"hubs\": ["), None);
    }

    #[test]
    fn counts_follow_from_whatever_columns_there_are() {
        let number = |n: f64| Some(Number(n));
        let loss = Fields { loss: number(33.3), sent: number(3.0), ..Fields::default() };
        assert_eq!(loss.counted(), (3, 2));
        let drop = Fields { dropped: number(1.0), sent: number(4.0), ..Fields::default() };
        assert_eq!(drop.counted(), (4, 3));
        assert_eq!(Fields::default().counted(), (0, 0));
    }

    #[test]
    fn zero_of_a_hop_that_lost_everything_is_no_time() {
        let zero = Some(Number(0.0));
        let fields = Fields { best: zero, avg: zero, worst: zero, ..Fields::default() };
        assert_eq!(fields.rtt(0), None);
        assert_eq!(fields.rtt(1).unwrap().max, 0.0);
    }

    #[test]
    fn statistics_that_contradict_themselves_are_none() {
        let number = |n: f64| Some(Number(n));
        let fields = |best, avg, worst| Fields {
            best: number(best),
            avg: number(avg),
            worst: number(worst),
            ..Fields::default()
        };
        assert!(fields(1.0, 2.0, 3.0).rtt(4).is_some());
        for (best, avg, worst) in [(4.0, 4.0, 0.0), (2.0, 1.0, 3.0), (1.0, 4.0, 3.0)] {
            assert_eq!(fields(best, avg, worst).rtt(4), None, "{best} {avg} {worst}");
        }
    }
}

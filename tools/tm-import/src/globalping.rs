//! Globalping measurements: one trace for each probe. Its traceroute is the Linux one, whose text
//! it keeps; that says more (lost probes, annotations) and is read where it is whole.

use std::io::Read;

use serde::Deserialize;
use serde_json::value::RawValue;
use tm_schema::{Asn, Stop, Time};
use tm_stream::Error;

use crate::draft::{Draft, answered, lost};
use crate::json::{self, Stopped};
use crate::python::protocol;
use crate::sink::Sink;
use crate::{address, traceroute};

#[derive(Deserialize)]
struct Measurement<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    target: Option<String>,
    #[serde(rename = "createdAt", default)]
    created_at: Option<String>,
    #[serde(rename = "updatedAt", default)]
    updated_at: Option<String>,
    #[serde(rename = "measurementOptions", default)]
    options: Options,
    #[serde(borrow)]
    results: Vec<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Options {
    protocol: Option<String>,
    port: Option<u16>,
}

#[derive(Deserialize)]
struct Outcome {
    probe: Vantage,
    result: Found,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Vantage {
    city: Option<String>,
    country: Option<String>,
    asn: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    raw_output: Option<String>,
    #[serde(default)]
    resolved_address: Option<String>,
    #[serde(default)]
    hops: Vec<Hop>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hop {
    #[serde(default)]
    resolved_address: Option<String>,
    #[serde(default)]
    resolved_hostname: Option<String>,
    #[serde(default)]
    asn: Vec<u32>,
    #[serde(default)]
    timings: Vec<Timing>,
    #[serde(default)]
    duplicate: Option<bool>,
}

#[derive(Deserialize)]
struct Timing {
    #[serde(default)]
    rtt: Option<f64>,
}

/// Imports every measurement.
pub(crate) fn read(from: impl Read, sink: &mut Sink) -> Result<(), Error> {
    json::each(from, sink, |text, sink| {
        let measurement: Measurement = text.parse()?;
        if !matches!(measurement.kind.as_str(), "traceroute" | "mtr") {
            let reason = format!("type: `{}` is no trace", measurement.kind);
            return Err(Stopped::Bad(text.line, reason));
        }
        for (at, raw) in measurement.results.iter().enumerate() {
            let part = text.part(raw);
            match part.parse_as::<Outcome>(&format!("results[{at}]")) {
                Ok(outcome) => json::write(draft(&measurement, outcome), part, sink)?,
                Err((line, reason)) => sink.bad(line, reason)?,
            }
        }
        Ok(())
    })
}

fn draft(measurement: &Measurement, outcome: Outcome) -> Draft {
    let Outcome { probe, result } = outcome;
    let is_mtr = measurement.kind == "mtr";
    let text = result.raw_output.unwrap_or_default();
    let of_text = (!is_mtr).then(|| traceroute::one(&text)).flatten();
    let target = result.resolved_address.as_deref().and_then(address::canonical);
    let failed = result.status.as_deref() == Some("failed");
    let mut draft = of_text.unwrap_or_else(|| of_hops(&result.hops, is_mtr, target.as_deref()));
    let time = |text: Option<&String>| text.and_then(|text| text.parse::<Time>().ok());
    draft.tool = format!("globalping/{}", measurement.kind);
    draft.platform = vantage(&probe);
    draft.host = measurement.target.clone().or(draft.host);
    draft.target = target.or(draft.target);
    draft.protocol = measurement.options.protocol.as_deref().and_then(protocol);
    draft.port = measurement.options.port.filter(|_| draft.protocol.is_some());
    draft.started_at = time(measurement.created_at.as_ref());
    draft.completed_at = time(measurement.updated_at.as_ref());
    if failed {
        draft.stop = Some(Stop::Error);
        draft.error = text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned);
    }
    draft
}

/// Where the probe stands, which is all that is said of it.
fn vantage(probe: &Vantage) -> String {
    let asn = probe.asn.map(|asn| format!("AS{asn}"));
    let parts: Vec<String> =
        [probe.city.clone(), probe.country.clone(), asn].into_iter().flatten().collect();
    format!("globalping probe {}", parts.join(", ")).trim_end().to_owned()
}

fn of_hops(hops: &[Hop], is_mtr: bool, target: Option<&str>) -> Draft {
    let mut draft = Draft::default();
    for (number, hop) in (1..=u8::MAX).zip(hops) {
        let ip = hop.resolved_address.as_deref().and_then(address::canonical);
        if hop.duplicate == Some(true) && ip.as_deref() == target {
            break; // beyond the destination, which answers each probe
        }
        let ttl = draft.ttls.entry(number).or_default();
        let Some(ip) = ip else {
            ttl.lost = hop.timings.iter().map(|_| lost()).collect();
            continue;
        };
        let responder = ttl.responder(&ip);
        let rtt = |timing: &Timing| timing.rtt.and_then(crate::draft::valid);
        responder.probes = hop.timings.iter().filter_map(rtt).map(answered).collect();
        responder.name = hop.resolved_hostname.clone().filter(|name| *name != ip);
        responder.asn = hop.asn.first().map(|&number| Asn {
            number: Some(number),
            origins: if hop.asn.len() > 1 { hop.asn.clone() } else { Vec::new() },
            source: Some("globalping".to_owned()),
            ..Asn::default()
        });
        // Its traceroute lists answers only; its mtr, every probe.
        let silent = hop.timings.iter().filter(|timing| rtt(timing).is_none());
        ttl.lost = silent.filter(|_| is_mtr).map(|_| lost()).collect();
    }
    draft.assume_time_exceeded();
    draft
}

//! `nexttrace --json`: the fields of its own Go types, RTTs in nanoseconds.

use std::io::Read;

use serde::Deserialize;
use serde_json::value::RawValue;
use tm_schema::{Asn, Confidence, Geo};
use tm_stream::Error;

use crate::draft::{Draft, answered, lost};
use crate::json::{self, Number, Stopped, Text};
use crate::sink::Sink;
use crate::{address, mpls};

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(rename = "Hops", borrow)]
    hops: Vec<Option<Vec<&'a RawValue>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Hop {
    #[serde(default)]
    address: Option<Address>,
    #[serde(default)]
    hostname: String,
    #[serde(rename = "TTL")]
    ttl: Number,
    #[serde(rename = "RTT", default)]
    rtt: Option<Number>,
    #[serde(default)]
    geo: Option<Place>,
    #[serde(rename = "MPLS", default)]
    mpls: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Address {
    #[serde(rename = "IP")]
    ip: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Place {
    pub(crate) asnumber: String,
    pub(crate) country: String,
    pub(crate) country_en: String,
    pub(crate) prov: String,
    pub(crate) prov_en: String,
    pub(crate) city: String,
    pub(crate) city_en: String,
    pub(crate) owner: String,
    pub(crate) isp: String,
    pub(crate) lat: f64,
    pub(crate) lng: f64,
    pub(crate) prefix: String,
    pub(crate) source: String,
}

/// Imports every document.
pub(crate) fn read(from: impl Read, sink: &mut Sink) -> Result<(), Error> {
    json::each(from, sink, document)
}

fn document(text: Text, sink: &mut Sink) -> Result<(), Stopped> {
    let document: Document = text.parse()?;
    let mut draft = Draft { tool: "nexttrace".to_owned(), ..Draft::default() };
    for (at, probes) in document.hops.iter().enumerate() {
        let probes = probes.as_deref().unwrap_or_default();
        for hop in text.parts::<Hop>(&format!("Hops[{at}]"), probes, sink)? {
            probe(&mut draft, hop);
        }
    }
    if let Some((&last, _)) = draft.ttls.last_key_value() {
        draft.fill(1, last);
    }
    draft.assume_time_exceeded();
    json::write(draft, text, sink)
}

fn probe(draft: &mut Draft, hop: Hop) {
    let Some(number) = hop.ttl.ttl() else { return };
    let ttl = draft.ttls.entry(number).or_default();
    let Some(ip) = hop.address.and_then(|address| address::canonical(&address.ip)) else {
        ttl.lost.push(lost());
        return;
    };
    let responder = ttl.responder(&ip);
    let nanoseconds = hop.rtt.map_or(f64::NAN, |rtt| rtt.0);
    responder.probes.push(answered(nanoseconds / 1e6));
    if !hop.hostname.is_empty() {
        responder.name = Some(hop.hostname);
    }
    if responder.mpls.is_empty() {
        responder.mpls = hop.mpls.iter().flatten().flat_map(|text| mpls::labels(text)).collect();
    }
    if let Some(place) = hop.geo {
        responder.asn = origin(&place).or(responder.asn.take());
        responder.geo = geo(place).or(responder.geo.take());
    }
}

fn known(text: String) -> Option<String> {
    Some(text).filter(|text| !text.trim().is_empty())
}

/// Names in English where there are any.
fn either(english: String, local: String) -> Option<String> {
    known(english).or_else(|| known(local))
}

fn provider(place: &Place) -> String {
    match place.source.trim() {
        "" => "nexttrace".to_owned(),
        source => format!("nexttrace/{source}"),
    }
}

pub(crate) fn origin(place: &Place) -> Option<Asn> {
    let number = place.asnumber.trim().trim_start_matches("AS").parse().ok()?;
    Some(Asn {
        number: Some(number),
        org: either(place.owner.clone(), place.isp.clone()),
        prefix: known(place.prefix.clone()),
        source: Some(provider(place)),
        ..Asn::default()
    })
}

/// Its place; 0,0 is how it says that it knows none.
pub(crate) fn geo(place: Place) -> Option<Geo> {
    let source = Some(provider(&place));
    let point = is_place(place.lat, place.lng).then_some((place.lat, place.lng));
    let country = either(place.country_en, place.country);
    let geo = Geo {
        lat: point.map(|point| point.0),
        lon: point.map(|point| point.1),
        city: either(place.city_en, place.city),
        region: either(place.prov_en, place.prov),
        country,
        source,
        confidence: Some(Confidence::Low),
        ..Geo::default()
    };
    let says = geo.lat.is_some() || geo.city.is_some() || geo.country.is_some();
    says.then_some(geo)
}

/// A point on Earth that is not Null Island, where what has no place is put.
pub(crate) fn is_place(lat: f64, lon: f64) -> bool {
    (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon) && (lat, lon) != (0.0, 0.0)
}

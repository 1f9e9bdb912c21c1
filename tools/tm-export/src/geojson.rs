//! `--format geojson`: hops as points, legs as lines, cut at the antimeridian (RFC 7946).

use serde_json::{Value, json};
use tm_atlas::arc::{arc, cut};
use tm_path::sphere::Point;

use crate::session::{Responder, Session};
use crate::words::{as_number, confidence};

/// The collection of a session.
pub(crate) fn write(session: &Session) -> String {
    let mut features = Vec::new();
    let mut before: Option<(u8, Point)> = None;
    for (hop, ttl, _) in session.path() {
        for responder in &ttl.responders {
            features.extend(responder.point().map(|point| place(hop, ttl, responder, point)));
        }
        let first = ttl.responders.first().filter(|first| !first.is_impossible());
        let Some(point) = first.and_then(Responder::point) else { continue };
        if let Some((from, start)) = before.filter(|(_, start)| *start != point) {
            features.push(leg((from, start), (hop, point)));
        }
        before = Some((hop, point));
    }
    for feature in &mut features {
        let properties = feature.get_mut("properties").and_then(Value::as_object_mut);
        properties.map(|all| all.insert("vantage".to_owned(), session.vantage.clone().into()));
    }
    let collection = json!({"type": "FeatureCollection", "features": features});
    serde_json::to_string(&collection).unwrap_or_default() + "\n"
}

fn place(hop: u8, ttl: &crate::session::Ttl, responder: &Responder, point: Point) -> Value {
    let geo = responder.geo.clone().unwrap_or_default();
    json!({
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": position(point)},
        "properties": {
            "hop": hop,
            "ip": responder.ip,
            "hostname": responder.hostname(),
            "asn": responder.asn.as_ref().and_then(as_number),
            "as_org": responder.asn.as_ref().and_then(|asn| asn.org.as_deref()),
            "rtt_min": responder.rtt.map(|rtt| rtt.min),
            "rtt_avg": responder.rtt.map(|rtt| rtt.avg),
            "rtt_max": responder.rtt.map(|rtt| rtt.max),
            "loss_pct": ttl.loss_pct(),
            "city": geo.city,
            "country_code": geo.country_code,
            "source": geo.source,
            "accuracy_km": geo.accuracy_km,
            "confidence": geo.confidence.map(confidence),
            "impossible": geo.impossible,
            "is_destination": responder.is_destination,
        },
    })
}

fn leg((from, start): (u8, Point), (to, end): (u8, Point)) -> Value {
    let parts: Vec<Vec<Value>> = cut(&arc(start, end))
        .iter()
        .map(|part| part.iter().copied().map(position).collect())
        .collect();
    json!({
        "type": "Feature",
        "geometry": {"type": "MultiLineString", "coordinates": parts},
        "properties": {
            "from_hop": from,
            "to_hop": to,
            "km": start.km_to(end).round(),
            "hops_between": to.saturating_sub(from).saturating_sub(1),
        },
    })
}

/// Longitude first, to about ten centimetres.
fn position(point: Point) -> Value {
    let rounded = |degrees: f64| (degrees * 1e6).round() / 1e6;
    json!([rounded(point.lon), rounded(point.lat)])
}

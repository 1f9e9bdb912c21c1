//! `--format json`: the document of the Python tracemap, {meta, hops}. What it has no member for
//! is left out; where several addresses answered at one TTL, each probe says which.

use serde_json::{Map, Value, json};

use crate::session::{Responder, Session, Ttl};

/// The document of a session.
pub(crate) fn write(session: &Session) -> String {
    let farthest = session.ttls.keys().copied().max().unwrap_or(0);
    let hops: Vec<Value> = (1..=farthest)
        .filter_map(|hop| session.ttls.get(&hop).map(|ttl| entry(hop, ttl)))
        .collect();
    let document = json!({"meta": meta(session), "hops": hops});
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

fn meta(session: &Session) -> Value {
    let end = session.end();
    let platform = end.map_or("", |end| end.platform.as_str());
    let (system, release) = platform.split_once('-').unwrap_or((platform, ""));
    let mut letters = system.chars();
    let system: String =
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    let most = session.ttls.keys().copied().max().unwrap_or(0);
    json!({
        "tool": end.map_or("tracemap", |end| end.tool.as_str()),
        "version": end.map_or(env!("CARGO_PKG_VERSION"), |end| end.version.as_str()),
        "host": session.host,
        "resolved_ip": session.resolved_ip,
        "max_hops": end.and_then(|end| end.max_hops).unwrap_or(most),
        "probes": end.and_then(|end| end.probes),
        "timeout_s": end.and_then(|end| end.timeout_s),
        "protocol": session.protocol.map_or("udp", tm_schema::Protocol::as_str),
        "started_at": session.started_at(),
        "completed_at": session.completed_at(),
        "platform_system": system,
        "platform_release": release,
    })
}

fn entry(hop: u8, ttl: &Ttl) -> Value {
    let first = ttl.responders.first();
    let several = ttl.responders.len() > 1;
    let mut probes: Vec<Value> = Vec::new();
    for responder in &ttl.responders {
        let ip = several.then_some(&responder.ip);
        probes
            .extend(responder.rtts.iter().map(|rtt| json!({"rtt_ms": rtt, "ok": true, "ip": ip})));
    }
    let lost = (ttl.sent as usize).saturating_sub(probes.len());
    probes.extend((0..lost).map(|_| json!({"rtt_ms": null, "ok": false, "ip": null})));
    let mut entry = json!({
        "hop": hop,
        "ip": first.map(|first| &first.ip),
        "hostname": first.and_then(Responder::hostname),
        "probes": probes,
        "geo": first.and_then(geo),
        "is_private": first.is_some_and(|first| first.is_private),
        "is_timeout": first.is_none(),
    });
    // The document knows an AS only inside a place; beside it, where there is none.
    if let Some(first) = first.filter(|first| geo(first).is_none())
        && let Some(entry) = entry.as_object_mut()
    {
        entry.extend(origin(first));
    }
    entry
}

fn geo(responder: &Responder) -> Option<Value> {
    let point = responder.point()?;
    let geo = responder.geo.as_ref()?;
    let mut value = Map::new();
    value.insert("lat".to_owned(), point.lat.into());
    value.insert("lon".to_owned(), point.lon.into());
    for (name, text) in [
        ("city", &geo.city),
        ("country", &geo.country),
        ("country_code", &geo.country_code),
        ("region", &geo.region),
    ] {
        value.insert(name.to_owned(), text.clone().into());
    }
    for name in ["asn", "asn_org"] {
        value.insert(name.to_owned(), Value::Null);
    }
    value.extend(origin(responder));
    Some(value.into())
}

fn origin(responder: &Responder) -> Map<String, Value> {
    let mut value = Map::new();
    if let Some(asn) = responder.asn.as_ref().filter(|asn| asn.number.is_some()) {
        value.insert("asn".to_owned(), asn.number.into());
        value.insert("asn_org".to_owned(), asn.org.clone().into());
    }
    value
}

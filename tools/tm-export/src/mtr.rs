//! `--format mtr-json`: what `mtr --json` writes, for programs that read that.

use serde_json::{Value, json};

use crate::session::{Responder, Session, Ttl};
use crate::words::as_number;

/// The document of a session.
pub(crate) fn write(session: &Session) -> String {
    let tests = session.ttls.values().map(|ttl| ttl.sent).max().unwrap_or(0);
    let hubs: Vec<Value> =
        session.path().map(|(hop, ttl, responder)| hub(hop, ttl, responder)).collect();
    let document = json!({"report": {
        "mtr": {
            // mtr writes the name of the machine there.
            "src": session.vantage.as_deref().or(session.source_ip.as_deref()).unwrap_or(""),
            "dst": session.host,
            "tos": 0,
            "tests": tests,
            "psize": "",
            "bitpattern": "",
        },
        "hubs": hubs,
    }});
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

fn hub(hop: u8, ttl: &Ttl, responder: Option<&Responder>) -> Value {
    let host = match responder {
        None => "???".to_owned(),
        Some(responder) => match responder.hostname() {
            Some(name) => format!("{name} ({})", responder.ip),
            None => responder.ip.clone(),
        },
    };
    let rtt = responder.and_then(|responder| responder.rtt);
    let number = |value: Option<f64>| (value.unwrap_or(0.0) * 100.0).round() / 100.0;
    let mut hub = json!({
        "count": hop,
        "host": host,
        "Loss%": number(Some(ttl.loss_pct())),
        "Snt": ttl.sent,
        // Statistics do not say which was the last.
        "Last": match responder {
            Some(responder) if responder.rtts.is_empty() && rtt.is_some() => Value::Null,
            _ => number(responder.and_then(|responder| responder.rtts.last().copied())).into(),
        },
        "Avg": number(rtt.map(|rtt| rtt.avg)),
        "Best": number(rtt.map(|rtt| rtt.min)),
        "Wrst": number(rtt.map(|rtt| rtt.max)),
        "StDev": number(rtt.and_then(|rtt| rtt.stddev)),
    });
    let asn = responder.and_then(|responder| responder.asn.as_ref()).and_then(as_number);
    if let (Some(asn), Some(hub)) = (asn, hub.as_object_mut()) {
        hub.insert("ASN".to_owned(), asn.into());
    }
    hub
}

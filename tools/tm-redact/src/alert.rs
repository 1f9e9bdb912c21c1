//! Alerts: what was and what is now, by the kind of alert. Addresses become pseudonyms, an AS path
//! loses the AS that it begins in, measurements stay; the message is written anew.

use serde_json::{Map, Value};
use tm_schema::{Alert, AlertKind, Stop};

use crate::address::Addresses;

/// Members that say what a value is.
const MEMBERS: [&str; 19] = [
    "ip", "ips", "hop", "path", "ases", "rtt_ms", "min", "avg", "median", "max", "stddev",
    "jitter", "loss_pct", "lost", "sent", "received", "rounds", "reached", "stop",
];

/// Why a trace ended.
const STOPS: [Stop; 7] = [
    Stop::Destination,
    Stop::GapLimit,
    Stop::MaxHops,
    Stop::Unreachable,
    Stop::StopSet,
    Stop::Interrupted,
    Stop::Error,
];

/// Greater numbers are no measurements; they could be addresses.
const GREATEST: f64 = 1e6;

/// Redacts what an alert tells.
pub(crate) struct Told<'a> {
    pub(crate) addresses: &'a mut Addresses,
    pub(crate) keeps_own_as: bool,
    pub(crate) coarse_rtt: bool,
}

impl Told<'_> {
    /// What may stay of a value.
    pub(crate) fn value(&mut self, kind: AlertKind, value: &Value) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value.clone(),
            Value::Array(path) if path.iter().any(|item| as_number(item).is_some()) => {
                self.as_path(path)
            }
            Value::Array(values) => values.iter().map(|value| self.value(kind, value)).collect(),
            Value::Object(members) => {
                let known = members.iter().filter(|(name, _)| MEMBERS.contains(&name.as_str()));
                let redacted = known.map(|(name, value)| (name.clone(), self.value(kind, value)));
                Value::Object(redacted.collect::<Map<_, _>>())
            }
            Value::String(text) => self.text(text),
            Value::Number(_) => match (kind, measurement(value)) {
                (AlertKind::RouteChange | AlertKind::AsPathChange, _) | (_, None) => Value::Null,
                (_, Some(number)) if self.coarse_rtt => number.ceil().into(),
                _ => value.clone(),
            },
        }
    }

    /// Addresses, several of them with a stroke between, and words of the schema.
    fn text(&mut self, text: &str) -> Value {
        if text == "*" || STOPS.iter().any(|stop| stop.as_str() == text) {
            return text.into();
        }
        let all = text.split('|').map(|part| self.addresses.pseudonym_of_text(part));
        let all: Option<Vec<_>> = all.collect();
        all.map(|all| all.join("|")).into()
    }

    /// The path without the AS that it begins in.
    fn as_path(&self, path: &[Value]) -> Value {
        let numbers = path.iter().map(as_number);
        let own = numbers.clone().flatten().next().filter(|_| !self.keeps_own_as);
        numbers.filter(|number| number.is_none() || *number != own).collect()
    }
}

/// An AS number, as a number or as `AS64500`.
fn as_number(value: &Value) -> Option<u32> {
    match value {
        Value::Number(number) => number.as_u64().and_then(|number| number.try_into().ok()),
        Value::String(text) => text.strip_prefix("AS")?.parse().ok(),
        _ => None,
    }
}

fn measurement(value: &Value) -> Option<f64> {
    value.as_f64().filter(|number| number.abs() <= GREATEST)
}

/// What an alert says, of its kind alone.
pub(crate) fn message(alert: &Alert) -> String {
    let what = match alert.kind {
        AlertKind::RouteChange => "the route changed",
        AlertKind::AsPathChange => "the AS path changed",
        AlertKind::RttChange => "the RTT changed",
        AlertKind::Loss => "packets are lost",
        AlertKind::Unreachable => "the destination does not answer",
        AlertKind::Recovered => "an earlier alert is over",
    };
    alert.hop.map_or(what.to_owned(), |hop| format!("{what} at hop {hop}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::key::Key;

    fn told(kind: AlertKind, value: &Value) -> Value {
        let mut addresses = Addresses::new(&Key::from([1; 32]));
        Told { addresses: &mut addresses, keeps_own_as: false, coarse_rtt: true }.value(kind, value)
    }

    #[test]
    fn a_path_loses_the_as_that_it_begins_in() {
        let path = json!([64500, "AS64500", null, 3356, "AS15169", "192.0.2.1"]);
        let redacted = told(AlertKind::AsPathChange, &path);
        assert_eq!(redacted, json!([null, 3356, 15169, null]));
    }

    #[test]
    fn measurements_stay_and_texts_go() {
        let value =
            json!({"median": 12.25, "name": "alice", "max": 3_405_803_785_u32, "ip": "alice"});
        assert_eq!(
            told(AlertKind::RttChange, &value),
            json!({"median": 13.0, "max": null, "ip": null})
        );
        let was = json!({"path": ["9.9.9.9|9.9.9.8", "*", "alice"], "ases": [64500, 3356]});
        let route = told(AlertKind::RouteChange, &was);
        let path = route["path"].as_array().unwrap();
        assert!(path[0].as_str().unwrap().contains('|') && !route.to_string().contains("9.9.9"));
        assert_eq!(
            (&path[1], &path[2], &route["ases"]),
            (&json!("*"), &Value::Null, &json!([3356]))
        );
        let end = json!({"reached": false, "stop": "gap_limit"});
        assert_eq!(told(AlertKind::Unreachable, &end), end);
    }
}

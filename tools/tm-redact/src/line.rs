//! A line as redaction needs it: the record, and the members that the record does not know.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tm_schema::Record;

/// The record types that tracemap knows, and their members.
pub(crate) const MEMBERS: [(&str, &[&str]); 3] = [
    (
        "hop",
        &[
            "type",
            "v",
            "trace_id",
            "host",
            "resolved_ip",
            "source_ip",
            "vantage",
            "protocol",
            "port",
            "round",
            "at",
            "hop",
            "ip",
            "probes",
            "sent",
            "received",
            "loss_pct",
            "rtt",
            "reply",
            "mpls",
            "interface",
            "nat",
            "mtu",
            "hints",
            "flows",
            "is_destination",
            "is_private",
            "is_timeout",
            "dns",
            "asn",
            "geo",
        ],
    ),
    (
        "trace",
        &[
            "type",
            "v",
            "trace_id",
            "host",
            "resolved_ip",
            "source_ip",
            "vantage",
            "protocol",
            "port",
            "round",
            "tool",
            "version",
            "platform",
            "max_hops",
            "probes",
            "timeout_s",
            "method",
            "started_at",
            "completed_at",
            "reached",
            "stop",
            "error",
            "hops",
            "responded",
            "sent",
            "received",
            "ignored",
            "paths",
            "mtu",
            "stop_set",
        ],
    ),
    (
        "alert",
        &[
            "type",
            "v",
            "at",
            "host",
            "resolved_ip",
            "source_ip",
            "vantage",
            "trace_id",
            "round",
            "kind",
            "of",
            "since",
            "severity",
            "hop",
            "before",
            "after",
            "message",
        ],
    ),
];

/// One line.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) record: Record,
    raw: Box<RawValue>,
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let record = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        Ok(Self { record, raw })
    }
}

impl Line {
    /// The type that the line says it has; `None`: it says none, or it is no object.
    pub(crate) fn type_name(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct OnlyType<'a> {
            #[serde(borrow, rename = "type")]
            kind: Cow<'a, str>,
        }
        serde_json::from_str::<OnlyType<'_>>(self.raw.get()).ok().map(|only| only.kind.into_owned())
    }

    /// The line as it came, without its end.
    pub(crate) fn as_it_came(&self) -> &str {
        self.raw.get()
    }

    /// Shows every member that the record does not know to `see`: its name and its value.
    pub(crate) fn strange_members(&self, see: impl FnMut(&str, &RawValue)) {
        let kind = match &self.record {
            Record::Hop(_) => "hop",
            Record::Trace(_) => "trace",
            Record::Alert(_) => "alert",
            Record::Other(_) => return,
        };
        let known = MEMBERS.iter().find(|(name, _)| *name == kind).map_or(&[][..], |(_, all)| *all);
        let visitor = Strange { known, see };
        // The line has been read once, so that it can be read again.
        let _ = serde_json::Deserializer::from_str(self.raw.get()).deserialize_map(visitor);
    }
}

struct Strange<'a, F> {
    known: &'a [&'a str],
    see: F,
}

impl<'de, F: FnMut(&str, &RawValue)> Visitor<'de> for Strange<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            if self.known.contains(&&*name) {
                map.next_value::<IgnoredAny>()?;
            } else {
                (self.see)(&name, map.next_value::<&RawValue>()?);
            }
        }
        Ok(())
    }
}

/// A name, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_members_are_those_of_the_schema() {
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../../../docs/schema.json")).unwrap();
        for kind in schema["oneOf"].as_array().unwrap() {
            let own = kind["properties"].as_object().unwrap();
            let name = own["type"]["const"].as_str().unwrap();
            let (_, members) = MEMBERS.iter().find(|(known, _)| *known == name).unwrap();
            let reference = kind["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
            let body = schema["$defs"][reference]["properties"].as_object().unwrap();
            let wanted: BTreeSet<_> = own.keys().chain(body.keys()).map(String::as_str).collect();
            assert_eq!(members.iter().copied().collect::<BTreeSet<_>>(), wanted, "{name}");
        }
    }

    #[test]
    fn strange_members_are_seen_as_they_stand() {
        let line = r#"{"type":"alert","at":"2026-11-24T10:00:00Z","host":"h","trace_id":"t","kind":"loss","severity":"info","hop":null,"before":1,"after":2,"message":"m","mi\u006ee": [1, 2.50],"x":{}}"#;
        let line: Line = serde_json::from_str(line).unwrap();
        let mut seen = Vec::new();
        line.strange_members(|name, value| seen.push(format!("{name}={}", value.get())));
        assert_eq!(seen, ["mine=[1, 2.50]", "x={}"]);
    }
}

//! Telling the records of a stream apart, and keeping those that are not ours.

use std::borrow::Cow;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{Alert, Hop, Trace};

/// One line of a stream. A type that this version does not know is kept byte for byte.
#[derive(Clone, Debug)]
pub enum Record {
    /// `"type": "hop"`
    Hop(Box<Hop>),
    /// `"type": "trace"`
    Trace(Box<Trace>),
    /// `"type": "alert"`
    Alert(Box<Alert>),
    /// Anything else, as it was written.
    Other(Box<RawValue>),
}

#[derive(Deserialize)]
struct TypeOnly<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let kind = serde_json::from_str::<TypeOnly>(raw.get()).ok().and_then(|only| only.kind);
        match kind.as_deref() {
            Some("hop") => typed(&raw).map(Self::Hop),
            Some("trace") => typed(&raw).map(Self::Trace),
            Some("alert") => typed(&raw).map(Self::Alert),
            _ => Ok(Self::Other(raw)),
        }
    }
}

impl Record {
    /// Reads a line, in half the time of the general way where the line begins with its type, as
    /// ours do.
    ///
    /// # Errors
    /// Where the line is no JSON, or not what its type says.
    pub fn from_slice(line: &[u8]) -> serde_json::Result<Self> {
        // Members that are passed over are not looked at: what is no UTF-8 would slip through.
        if line.starts_with(br#"{"type":"hop","#)
            && let Ok(text) = str::from_utf8(line)
        {
            return serde_json::from_str(text).map(Box::new).map(Self::Hop);
        }
        serde_json::from_slice(line)
    }
}

fn typed<T: DeserializeOwned, E: Error>(raw: &RawValue) -> Result<Box<T>, E> {
    serde_json::from_str(raw.get()).map(Box::new).map_err(E::custom)
}

#[derive(Serialize)]
struct Tagged<'a, T> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    body: &'a T,
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Hop(body) => Tagged { kind: "hop", body }.serialize(serializer),
            Self::Trace(body) => Tagged { kind: "trace", body }.serialize(serializer),
            Self::Alert(body) => Tagged { kind: "alert", body }.serialize(serializer),
            Self::Other(raw) => raw.serialize(serializer),
        }
    }
}

impl From<Hop> for Record {
    fn from(hop: Hop) -> Self {
        Self::Hop(Box::new(hop))
    }
}

impl From<Trace> for Record {
    fn from(trace: Trace) -> Self {
        Self::Trace(Box::new(trace))
    }
}

/// The version of records that say none.
pub(crate) fn version() -> u32 {
    crate::VERSION
}

/// The round of records that say none.
pub(crate) fn first_round() -> u64 {
    1
}

/// What must hold of any lines: a record can be written and read again as one of its kind, and the
/// short cut of [`Record::from_slice`] reads what the general way reads.
#[cfg(any(test, fuzzing))]
pub fn check(octets: &[u8]) {
    use std::mem::discriminant;
    for line in octets.split(|octet| *octet == b'\n') {
        let general = serde_json::from_slice::<Record>(line);
        let Ok(record) = Record::from_slice(line) else {
            // A line with two types is a stranger's, unless it begins with ours.
            assert!(!general.is_ok_and(|record| !matches!(record, Record::Other(_))));
            continue;
        };
        let is_same = |other: &Record| discriminant(other) == discriminant(&record);
        assert!(general.is_ok_and(|other| is_same(&other) || matches!(other, Record::Other(_))));
        let written = serde_json::to_string(&record).unwrap_or_default();
        assert!(serde_json::from_str(&written).is_ok_and(|again| is_same(&again)), "{written}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SILENT: &str = r#"{"type":"hop","v":1,"trace_id":"t","host":"h","resolved_ip":"192.0.2.1","source_ip":null,"protocol":"udp","port":33434,"round":1,"at":"2026-11-24T10:00:00.000000Z","hop":3,"ip":null,"probes":[{"rtt_ms":null,"ok":false,"flow":0}],"sent":1,"received":0,"loss_pct":100.0,"rtt":null,"reply":null,"flows":[],"is_destination":false,"is_private":false,"is_timeout":true}"#;

    #[test]
    fn a_line_that_is_no_utf8_is_no_record_wherever_that_is() {
        let line = |member: &[u8]| {
            let (before, end) = SILENT.split_at(SILENT.len() - 1);
            [before.as_bytes(), b",\"x\":{\"", member, b"\":1}", end.as_bytes()].concat()
        };
        assert!(Record::from_slice(&line(b"so\xc3\xa9urce")).is_ok());
        assert!(Record::from_slice(&line(b"so\xffurce")).is_err());
    }

    #[test]
    fn a_hop_reads_and_writes_the_same_line() {
        let record: Record = serde_json::from_str(SILENT).unwrap();
        assert!(matches!(&record, Record::Hop(hop) if hop.hop == 3 && hop.is_timeout));
        assert_eq!(serde_json::to_string(&record).unwrap(), SILENT);
    }

    #[test]
    fn unknown_members_of_a_known_type_are_no_error() {
        let line = SILENT.replace("\"v\":1", "\"v\":1,\"mine\":{\"a\":[1,2]}");
        assert!(matches!(serde_json::from_str(&line).unwrap(), Record::Hop(_)));
    }

    #[test]
    fn strangers_are_kept_byte_for_byte() {
        for line in [r#"{"type":"x",  "a":1.50}"#, r#"{"a":[1e3]}"#, r"[1,2]", "17"] {
            let record: Record = serde_json::from_str(line).unwrap();
            assert_eq!(serde_json::to_string(&record).unwrap(), line);
        }
    }

    #[test]
    fn a_missing_member_is_named() {
        let error = serde_json::from_str::<Record>(r#"{"type":"hop"}"#).unwrap_err();
        assert!(error.to_string().contains("trace_id"), "{error}");
    }

    /// Records as the tools write them.
    fn samples() -> Vec<Vec<u8>> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/samples/");
        let text = std::fs::read_to_string(format!("{folder}trace.ndjson")).unwrap();
        text.lines().chain([SILENT]).map(|line| line.as_bytes().to_vec()).collect()
    }

    proptest! {
        #[test]
        fn damaged_records_panic_nowhere_and_what_is_read_can_be_read_again(
            line in tm_mutate::octets(samples())
        ) {
            check(&line);
        }
    }
}

//! What must hold of any stream, whatever strangers wrote into it: what comes out are records that
//! read again and hold nothing else, and nothing in them tells who and where it was.
//!
//! That is checked by a twin: the same stream, in which whatever identifies is another. But for the
//! pseudonyms, both become the same. And pseudonyms look like pseudonyms.

#![allow(clippy::expect_used, clippy::panic)] // what a check cannot do has failed

use std::net::IpAddr;

use clap::Parser;
use serde_json::{Map, Value};
use tm_schema::{Alert, Asn, Geo, Hop, Record, Trace};

use crate::address;
use crate::flags::Flags;
use crate::key::Key;
use crate::line::Line;
use crate::redactor::Redactor;

/// Stands for a pseudonym, and for whatever else may differ.
const MASK: &str = "masked";

/// The flags that say how much stays.
const MODES: [&[&str]; 2] =
    [&["tm-redact"], &["tm-redact", "--own-as", "keep", "--coarse-rtt", "--coarse-time", "minute"]];

/// Redacts every line and its twin.
///
/// # Panics
/// Where it does not hold.
pub(crate) fn check(octets: &[u8]) {
    for mode in MODES {
        let key = Key::from(*b"32-char-str-for-AES-key-and-pad.");
        let mut redactors = [(); 2].map(|()| Redactor::new(&Flags::parse_from(mode), &key));
        for line in octets.split(|octet| *octet == b'\n') {
            if let Ok(line) = serde_json::from_slice::<Line>(line) {
                check_line(&line, &mut redactors);
            }
        }
    }
}

fn check_line(line: &Line, [redactor, other]: &mut [Redactor; 2]) {
    line.strange_members(|_, _| ());
    let Some(redacted) = redactor.record(&line.record) else {
        return assert!(other.record(&line.record).is_none());
    };
    let text = reads_again(&redacted);
    check_pseudonyms(&line.record, &redacted);
    let twin = other.record(&twin_of(&line.record)).expect("a twin is of the same type");
    let [one, two] = [&redacted, &twin].map(masked);
    assert_eq!(one, two, "{text} tells of {}", line.as_it_came());
}

/// What is written is a record of the same members that tracemap has.
fn reads_again(record: &Record) -> String {
    let text = serde_json::to_string(record).expect("a record can be written");
    let again: Line = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    again.strange_members(|name, _| panic!("{name} in {text}"));
    let same = std::mem::discriminant(&again.record) == std::mem::discriminant(record);
    assert!(same, "{text}");
    text
}

/// The same record of somebody else: other names and addresses, and other words wherever no word is
/// meant to stay.
fn twin_of(record: &Record) -> Record {
    match record {
        Record::Hop(hop) => Record::Hop(Box::new(Hop {
            trace_id: other(&hop.trace_id),
            host: other(&hop.host),
            resolved_ip: hop.resolved_ip.as_ref().map(other),
            source_ip: hop.source_ip.as_ref().map(other),
            vantage: hop.vantage.as_ref().map(other),
            ip: hop.ip.as_ref().map(other),
            dns: None,
            interface: hop.interface.clone().map(|mut interface| {
                interface.index = None;
                interface.name = interface.name.as_ref().map(other);
                interface
            }),
            asn: hop.asn.clone().map(|asn| Asn {
                prefix: asn.prefix.as_ref().map(other),
                error: asn.error.as_ref().map(other),
                ..asn
            }),
            geo: hop.geo.clone().map(|geo| Geo {
                lat: None,
                lon: None,
                city: geo.city.as_ref().map(other),
                region: None,
                accuracy_km: None,
                evidence: Vec::new(),
                conflicts: vec!["somewhere else".to_owned()],
                error: geo.error.as_ref().map(other),
                ..geo
            }),
            ..(**hop).clone()
        })),
        Record::Trace(trace) => Record::Trace(Box::new(Trace {
            trace_id: other(&trace.trace_id),
            host: other(&trace.host),
            resolved_ip: trace.resolved_ip.as_ref().map(other),
            source_ip: trace.source_ip.as_ref().map(other),
            vantage: trace.vantage.as_ref().map(other),
            error: trace.error.as_ref().map(other),
            ..(**trace).clone()
        })),
        Record::Alert(alert) => Record::Alert(Box::new(Alert {
            trace_id: other(&alert.trace_id),
            host: other(&alert.host),
            resolved_ip: alert.resolved_ip.as_ref().map(other),
            source_ip: alert.source_ip.as_ref().map(other),
            vantage: alert.vantage.as_ref().map(other),
            message: "somebody else's".to_owned(),
            before: alert.before.as_ref().map(other_value),
            after: alert.after.as_ref().map(other_value),
            ..(**alert).clone()
        })),
        Record::Other(raw) => Record::Other(raw.clone()),
    }
}

fn other(text: impl AsRef<str>) -> String {
    format!("another than {}", text.as_ref())
}

/// The same, with a member that nobody knows in each object.
fn other_value(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(other_value).collect(),
        Value::Object(members) => {
            let all = members.iter().map(|(name, value)| (name.clone(), other_value(value)));
            let mine = ("my_own".to_owned(), Value::from("somebody"));
            Value::Object(all.chain([mine]).collect::<Map<_, _>>())
        }
        _ => value.clone(),
    }
}

/// The record without what may differ. The name of an AS goes where it holds a name of the host, so
/// that it may be gone from one.
fn masked(record: &Record) -> Value {
    let mut value = serde_json::to_value(record).expect("a record can be written");
    for name in ["trace_id", "host", "resolved_ip", "source_ip", "vantage", "ip"] {
        if let Some(value) = value.get_mut(name).filter(|value| !value.is_null()) {
            *value = MASK.into();
        }
    }
    if let Some(asn) = value.get_mut("asn") {
        *asn = Value::Null;
    }
    value
}

/// Pseudonyms look like what they stand for, and are something else.
fn check_pseudonyms(before: &Record, after: &Record) {
    let pairs = named(before).into_iter().zip(named(after));
    for (before, after) in pairs {
        let (Some(before), Some(after)) = (before, after) else {
            assert!(before.is_none() && after.is_none(), "{before:?} became {after:?}");
            continue;
        };
        let letters = after.strip_prefix("host-").unwrap_or_default();
        let is_name = letters.len() == 10 && letters.bytes().all(|c| c.is_ascii_alphanumeric());
        match before.parse::<IpAddr>() {
            Ok(ip) => address::check(ip, after),
            Err(_) if before.contains('%') => {
                assert!(is_name || after.parse::<IpAddr>().is_ok(), "{before:?} became {after}");
            }
            Err(_) => assert!(is_name, "{before:?} became {after}"),
        }
    }
    if let (Record::Alert(before), Record::Alert(after)) = (before, after) {
        for value in [&after.before, &after.after].into_iter().flatten() {
            check_told(value);
        }
        assert!(before.before.is_some() || after.before.is_none());
    }
}

/// Names and addresses of a record.
fn named(record: &Record) -> Vec<Option<&str>> {
    let (host, resolved_ip, source_ip, vantage, ip) = match record {
        Record::Hop(hop) => {
            (&hop.host, &hop.resolved_ip, &hop.source_ip, &hop.vantage, hop.ip.as_deref())
        }
        Record::Trace(trace) => {
            (&trace.host, &trace.resolved_ip, &trace.source_ip, &trace.vantage, None)
        }
        Record::Alert(alert) => {
            (&alert.host, &alert.resolved_ip, &alert.source_ip, &alert.vantage, None)
        }
        Record::Other(_) => return Vec::new(),
    };
    vec![Some(host), resolved_ip.as_deref(), source_ip.as_deref(), vantage.as_deref(), ip]
}

/// Of texts, an alert tells addresses and words of the schema.
fn check_told(value: &Value) {
    match value {
        Value::String(text) => {
            let is_word = text.chars().all(|c| c.is_ascii_lowercase() || c == '_') || text == "*";
            let are_addresses = text.split('|').all(|part| part.parse::<IpAddr>().is_ok());
            assert!(is_word || are_addresses, "{text}");
        }
        Value::Array(values) => values.iter().for_each(check_told),
        Value::Object(members) => members.values().for_each(check_told),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn samples_are_redacted() {
        for sample in tm_mutate::seeds("redact") {
            check(&sample);
        }
    }

    proptest! {
        #![proptest_config(tm_mutate::cases(128))]

        #[test]
        fn damaged_streams_are_redacted_or_dropped(
            octets in tm_mutate::octets(tm_mutate::seeds("redact"))
        ) {
            check(&octets);
        }
    }
}

//! What a filter sees of a hop record's line: raw values, looked up without parsing the rest.

use std::net::IpAddr;

use serde::Deserialize;
use tm_stream::splice::{self, Shape, Unspliced};

/// The members of one line that enrichers read, each as it is written; empty where it is not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hop<'a> {
    kind: &'a str,
    ip: &'a str,
    /// `trace_id`
    pub trace_id: &'a str,
    /// `hop`
    pub hop: &'a str,
    /// `host`
    pub host: &'a str,
    /// `source_ip`
    pub source_ip: &'a str,
    /// `rtt`
    pub rtt: &'a str,
    /// `flows`
    pub flows: &'a str,
    /// `dns`
    pub dns: &'a str,
    /// `is_destination`
    pub is_destination: &'a str,
}

impl<'a> Hop<'a> {
    /// Scans a line, on which `member` may be set afterwards.
    pub fn scan(line: &'a [u8], member: &str) -> Result<(Self, Shape), Unspliced> {
        let mut hop = Self::default();
        // As octets, names are told apart by a tree of comparisons, not one after the other.
        let shape = splice::scan(line, member, |key, value| match key.as_bytes() {
            b"type" => hop.kind = value,
            b"ip" => hop.ip = value,
            b"trace_id" => hop.trace_id = value,
            b"hop" => hop.hop = value,
            b"host" => hop.host = value,
            b"source_ip" => hop.source_ip = value,
            b"rtt" => hop.rtt = value,
            b"flows" => hop.flows = value,
            b"dns" => hop.dns = value,
            b"is_destination" => hop.is_destination = value,
            _ => {}
        })?;
        Ok((hop, shape))
    }

    /// The responder of a hop record.
    pub fn responder(&self) -> Option<IpAddr> {
        (self.kind == "\"hop\"").then_some(())?;
        address(self.ip)
    }

    /// Where the probes left from.
    pub fn source(&self) -> Option<IpAddr> {
        address(self.source_ip)
    }

    /// It is the last record of a trace.
    pub fn ends_trace(&self) -> bool {
        self.kind == "\"trace\""
    }

    /// The smallest RTT in milliseconds, where it can be one.
    pub fn rtt_min(&self) -> Option<f64> {
        self.written_rtt_min().filter(|rtt| rtt.is_finite() && *rtt >= 0.0)
    }

    fn written_rtt_min(&self) -> Option<f64> {
        #[derive(Deserialize)]
        struct Rtt {
            min: f64,
        }
        // tm-probe writes it first; other spellings are parsed.
        if let Some(rest) = self.rtt.strip_prefix("{\"min\":")
            && let Some(end) = rest.find([',', '}'])
            && let Some(Ok(min)) = rest.get(..end).map(str::parse)
        {
            return Some(min);
        }
        let is_object = self.rtt.starts_with('{'); // serde reads arrays as structs too
        is_object.then(|| serde_json::from_str::<Rtt>(self.rtt).ok())?.map(|rtt| rtt.min)
    }

    /// The name that tm-dns found.
    pub fn hostname(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Dns {
            hostname: Option<String>,
        }
        let is_object = self.dns.starts_with('{');
        is_object.then(|| serde_json::from_str::<Dns>(self.dns).ok())??.hostname
    }
}

fn address(value: &str) -> Option<IpAddr> {
    value.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

/// What must hold of any line: an RTT is a number, and one that can be reckoned with.
///
/// # Panics
/// Where it does not hold.
#[cfg(any(test, fuzzing))]
pub fn check(line: &[u8]) {
    if let Ok((hop, _)) = Hop::scan(line, "geo") {
        assert!(hop.rtt_min().is_none_or(|rtt| rtt.is_finite() && rtt >= 0.0), "{}", hop.rtt);
        let _ = (hop.responder(), hop.source(), hop.hostname(), hop.ends_trace());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_however_they_are_spelt() {
        let line = br#" {"rtt" : { "avg":2, "min": 1.5 }, "ip":"2001:db8::1","typ\u0065":"hop","dns":{"hostname":"a\u002eb"}} "#;
        let (hop, _) = Hop::scan(line, "geo").unwrap();
        assert_eq!(hop.responder(), Some("2001:db8::1".parse().unwrap()));
        assert_eq!((hop.rtt_min(), hop.hostname().as_deref()), (Some(1.5), Some("a.b")));
        let (hop, _) = Hop::scan(br#"{"rtt":{"min":0.25,"max":1}}"#, "geo").unwrap();
        assert_eq!((hop.rtt_min(), hop.responder()), (Some(0.25), None));
    }

    #[test]
    fn what_is_absent_or_of_another_type_is_nothing() {
        for line in [
            r#"{"type":"hop","ip":null,"rtt":null,"dns":null}"#,
            r#"{"type":"trace","ip":"192.0.2.1","rtt":{"min":"x"},"dns":{"error":"timeout"}}"#,
            r#"{"type":"hop","ip":"nobody","rtt":[1],"dns":7}"#,
            r#"{"rtt":{"min":1e999,"max":2}}"#,
            r#"{"rtt":{"min":NaN,"max":2}}"#,
            r#"{"rtt":{"min":-1,"max":2}}"#,
            "{}",
        ] {
            let (hop, _) = Hop::scan(line.as_bytes(), "geo").unwrap();
            assert_eq!((hop.responder(), hop.rtt_min(), hop.hostname()), (None, None, None));
        }
    }

    proptest::proptest! {
        #[test]
        fn damaged_lines_are_scanned_or_refused(
            line in tm_mutate::octets(vec![
                br#"{"type":"hop","trace_id":"t","host":"h","source_ip":"10.0.0.2","hop":3,"ip":"2001:db8::1","rtt":{"min":1.5,"avg":2.0},"flows":[0],"dns":{"hostname":"a.example"},"is_destination":true}"#.to_vec(),
                br#"{"type":"trace","hops":3, "x" : [1,{"a":"\\u0041"}]}"#.to_vec(),
            ])
        ) {
            check(&line);
        }
    }
}

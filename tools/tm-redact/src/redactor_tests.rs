//! Nothing that identifies survives: secrets are put into every text of a record, in every
//! notation, and looked for in what comes out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use clap::Parser;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::line::Line;

fn redactor(args: &[&str]) -> Redactor {
    let flags = Flags::parse_from([&["tm-redact"], args].concat());
    Redactor::new(&flags, &Key::from(*b"32-char-str-for-AES-key-and-pad."))
}

/// The record that comes out, as JSON.
fn redacted(redactor: &mut Redactor, record: &Value) -> Option<Value> {
    let line: Line = serde_json::from_str(&record.to_string()).unwrap();
    redactor.record(&line.record).map(|record| serde_json::to_value(&record).unwrap())
}

fn notations(ip: IpAddr) -> Vec<String> {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            vec![
                v4.to_string(),
                format!("{a}-{b}-{c}-{d}"),
                format!("{d}.{c}.{b}.{a}"),
                format!("{a:03}{b:03}{c:03}{d:03}"),
                format!("{:08x}", v4.to_bits()),
                v4.to_bits().to_string(),
                v4.to_ipv6_mapped().to_string(),
            ]
        }
        IpAddr::V6(v6) => {
            let hex = format!("{:032x}", v6.to_bits());
            let nibbles: Vec<_> = hex.chars().rev().map(String::from).collect();
            vec![v6.to_string(), hex, nibbles.join("."), v6.to_bits().to_string()]
        }
    }
}

#[derive(Clone, Debug)]
struct Secrets {
    addresses: Vec<IpAddr>,
    names: Vec<String>,
}

impl Secrets {
    /// A text that holds the `at`th secret in one of its notations.
    fn text(&self, at: usize) -> String {
        let all: Vec<String> = self.all();
        let secret = all[at % all.len()].clone();
        match at % 5 {
            0 | 1 => secret,
            2 => format!("error from {secret}: no route"),
            3 => format!("{secret}/24"),
            _ => secret.to_uppercase(),
        }
    }

    fn all(&self) -> Vec<String> {
        let addresses = self.addresses.iter().flat_map(|ip| notations(*ip));
        addresses.chain(self.names.clone()).collect()
    }
}

fn secrets() -> impl Strategy<Value = Secrets> {
    let v4 = (1u32..224, any::<u32>())
        .prop_map(|(high, low)| IpAddr::V4(Ipv4Addr::from_bits(high << 24 | low & 0x00ff_ffff)));
    let v6 = any::<u128>().prop_map(|low| IpAddr::V6(Ipv6Addr::from_bits(0x2 << 124 | low >> 4)));
    let not_fixed = |ip: &IpAddr| !ip.is_loopback();
    let addresses =
        prop::collection::vec(prop_oneof![v4, v6].prop_filter("fixed", not_fixed), 1..4);
    let name = "[a-z]{6,12}-[0-9]{2}\\.[a-z]{7,12}\\.(com|net|example)";
    (addresses, prop::collection::vec(name, 1..3))
        .prop_map(|(addresses, names)| Secrets { addresses, names })
}

/// Replaces every text of a value that is free by one that holds secrets, and adds members.
fn poison(value: &mut Value, secrets: &Secrets, seed: &mut usize, free: &[&str]) {
    let next = |seed: &mut usize| {
        *seed =
            seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *seed >> 33
    };
    match value {
        Value::Object(members) => {
            for (name, value) in members.iter_mut() {
                match value {
                    Value::String(text) if free.contains(&name.as_str()) => {
                        *text = secrets.text(next(seed));
                    }
                    _ => poison(value, secrets, seed, free),
                }
            }
            members.insert("my_own".into(), json!({"deep": [secrets.text(next(seed))]}));
            members.insert(secrets.text(next(seed)), json!(1));
        }
        Value::Array(values) => {
            for value in values {
                match value {
                    Value::String(text) => *text = secrets.text(next(seed)),
                    _ => poison(value, secrets, seed, free),
                }
            }
        }
        _ => {}
    }
}

const FREE: [&str; 30] = [
    "trace_id",
    "host",
    "resolved_ip",
    "source_ip",
    "ip",
    "note",
    "role",
    "name",
    "hostname",
    "source",
    "error",
    "org",
    "prefix",
    "country",
    "registry",
    "city",
    "region",
    "country_code",
    "says",
    "tool",
    "version",
    "platform",
    "message",
    "before",
    "after",
    "from",
    "path",
    "text",
    "median",
    "to",
];

fn full_hop() -> Value {
    let mut hop = json!({
        "type": "hop", "v": 1, "trace_id": "t", "host": "h", "resolved_ip": "9.9.9.9",
        "source_ip": "192.168.1.2", "protocol": "udp", "port": 33434, "round": 1,
        "at": "2026-11-24T10:17:42.123456Z", "hop": 3, "ip": "9.9.9.9",
        "probes": [{"rtt_ms": 1.25, "ok": true, "flow": 0, "at": "2026-11-24T10:17:42.123456Z"}],
        "sent": 1, "received": 1, "loss_pct": 0.0,
        "rtt": {"min": 1.25, "avg": 1.25, "median": 1.25, "max": 1.25, "stddev": 0.0, "jitter": 0.0},
        "reply": {"kind": "dest_unreachable", "type": 3, "code": 13, "ttl": 60, "note": "!X"},
        "mpls": [{"label": 24015, "tc": 0, "bottom": true, "ttl": 1}],
        "interface": {"role": "incoming", "index": 7, "name": "ge-0/0/1", "mtu": 1500},
        "nat": true, "flows": [0], "is_destination": false, "is_private": false,
        "is_timeout": false
    });
    hop["dns"] = json!({
        "hostname": "h", "names": ["h"], "verified": true,
        "resolvers": [{"source": "s", "says": ["h"], "error": "e"}],
        "target": [{"source": "s", "says": ["h"]}], "source": "s", "error": "e"
    });
    hop["asn"] = json!({
        "number": 3356, "org": "Lumen", "prefix": "9.9.9.0/24", "country": "US",
        "registry": "arin", "origins": [3356], "source": "asn.cymru.com", "error": "e"
    });
    hop["geo"] = json!({
        "lat": 50.11, "lon": 8.68, "city": "Frankfurt", "region": "Hesse", "country": "Germany",
        "country_code": "DE", "accuracy_km": 5.0, "source": "ip-api.com", "confidence": "high",
        "score": 0.9, "evidence": [{"source": "name", "says": "fra", "score": 0.5}],
        "conflicts": ["text"], "error": "e"
    });
    hop
}

fn full_trace() -> Value {
    json!({
        "type": "trace", "v": 1, "trace_id": "t", "host": "h", "resolved_ip": "9.9.9.9",
        "source_ip": "192.168.1.2", "protocol": "icmp", "port": null, "round": 1,
        "tool": "tm-probe", "version": "0.1.0", "platform": "linux-x86_64", "max_hops": 30,
        "probes": 3, "timeout_s": 2.0, "method": "paris",
        "started_at": "2026-11-24T10:17:42.123456Z", "completed_at": "2026-11-24T10:17:43Z",
        "reached": true, "stop": "destination", "error": "e", "hops": 3, "responded": 3,
        "sent": 9, "received": 9
    })
}

fn full_alert(kind: &str) -> Value {
    json!({
        "type": "alert", "v": 1, "at": "2026-11-24T10:17:42.123456Z", "host": "h", "trace_id": "t",
        "kind": kind, "severity": "info", "hop": 3,
        "before": {"ip": "9.9.9.9", "path": ["9.9.9.9"], "median": 3.5},
        "after": "text", "message": "text"
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_secret_survives_anywhere(secrets in secrets(), seed: usize, own in "keep|drop") {
        let mut redactor = redactor(&["--own-as", &own]);
        let kinds = ["route_change", "as_path_change", "rtt_change", "loss"];
        let alerts = kinds.map(full_alert);
        let mut seed = seed;
        for mut record in [full_hop(), full_hop(), full_trace()].into_iter().chain(alerts) {
            poison(&mut record, &secrets, &mut seed, &FREE);
            // Members that are no objects of free members.
            record.as_object_mut().unwrap().insert("after".into(), json!(secrets.text(seed)));
            let out = redacted(&mut redactor, &record).unwrap().to_string().to_lowercase();
            for secret in secrets.all() {
                prop_assert!(!out.contains(&secret.to_lowercase()), "{secret} in {out}");
            }
        }
    }

    #[test]
    fn redacting_twice_alike_gives_the_same(secrets in secrets(), mut seed: usize) {
        let mut record = full_hop();
        poison(&mut record, &secrets, &mut seed, &FREE);
        let first = redacted(&mut redactor(&[]), &record);
        prop_assert_eq!(first, redacted(&mut redactor(&[]), &record));
    }
}

#[test]
fn a_redacted_hop_says_what_helps_and_nothing_else() {
    let mut redactor = redactor(&["--own-as", "keep"]);
    let out = redacted(&mut redactor, &full_hop()).unwrap();
    let ip = out["ip"].as_str().unwrap();
    assert_eq!((&out["resolved_ip"], &out["is_private"]), (&json!(ip), &json!(false)));
    assert!(out["host"].as_str().unwrap().starts_with("host-"));
    assert_eq!(out["rtt"], full_hop()["rtt"]);
    assert_eq!(out["at"], full_hop()["at"]);
    assert_eq!(out["reply"], full_hop()["reply"]);
    assert_eq!(out["interface"], json!({"role": "incoming", "mtu": 1500}));
    assert_eq!(
        out["asn"],
        json!({"number": 3356, "org": "Lumen", "country": "US", "registry": "arin",
               "origins": [3356], "source": "asn.cymru.com", "error": "withheld"})
    );
    assert_eq!(
        out["geo"],
        json!({"country": "Germany", "country_code": "DE", "source": "ip-api.com",
               "confidence": "high", "score": 0.9, "error": "withheld"})
    );
    let members: Map<String, Value> = out.as_object().unwrap().clone();
    assert!(!members.contains_key("dns") && !out.to_string().contains("24015"));
}

#[test]
fn a_source_of_ones_own_is_withheld_and_a_demonstration_is_not() {
    let source = |text: &str| {
        let mut hop = full_hop();
        hop["geo"]["source"] = text.into();
        redacted(&mut redactor(&[]), &hop).unwrap()["geo"]["source"].clone()
    };
    assert_eq!(source("/home/alice/city.mmdb"), "withheld");
    assert_eq!(source("mock"), "mock");
}

#[test]
fn the_as_that_a_trace_begins_in_goes_and_the_others_stay() {
    let mut redactor = redactor(&[]);
    let mut number_left = |trace: &str, ttl: u8, number: u32| {
        let mut hop = full_hop();
        hop["trace_id"] = trace.into();
        hop["hop"] = ttl.into();
        hop["asn"] = json!({"number": number, "source": "asn.cymru.com"});
        redacted(&mut redactor, &hop).unwrap()["asn"]["number"].as_u64()
    };
    assert_eq!(number_left("a", 2, 64_500), None);
    assert_eq!(number_left("a", 3, 64_500), None);
    assert_eq!(number_left("a", 4, 3356), Some(3356));
    assert_eq!(number_left("a", 5, 64_500), None, "it comes back to where it began");
    assert_eq!(number_left("b", 2, 64_501), None);
    assert_eq!(number_left("b", 3, 64_500), None, "own in another trace from the same source");
}

#[test]
fn an_as_that_is_named_after_the_host_goes() {
    let asn = |org: &str| {
        let mut hop = full_hop();
        hop["host"] = "www.acmecorp.com".into();
        hop["asn"]["org"] = org.into();
        redacted(&mut redactor(&["--own-as", "keep"]), &hop).unwrap()["asn"].clone()
    };
    assert_eq!(asn("ACMECORP-AS Acmecorp Ltd"), Value::Null);
    assert_eq!(asn("Lumen")["org"], "Lumen");
    for telling in ["customer 9.9.9.9", "router.example.net", "09090909", "2620:fe::9"] {
        assert_eq!((&asn(telling)["org"], &asn(telling)["number"]), (&Value::Null, &json!(3356)));
    }
    assert_eq!(asn("Level 3 Parent, LLC.")["org"], "Level 3 Parent, LLC.");
}

#[test]
fn times_and_rtts_can_be_coarse() {
    let mut redactor = redactor(&["--coarse-time", "hour", "--coarse-rtt"]);
    let out = redacted(&mut redactor, &full_hop()).unwrap();
    assert_eq!(out["at"], "2026-11-24T10:00:00.000000Z");
    assert_eq!(out["probes"][0], json!({"rtt_ms": 2.0, "ok": true, "flow": 0, "at": out["at"]}));
    assert_eq!(out["rtt"]["avg"], 2.0);
    let trace = redacted(&mut redactor, &full_trace()).unwrap();
    assert_eq!(trace["completed_at"], "2026-11-24T10:00:00.000000Z");
}

#[test]
fn a_trace_keeps_how_it_was_made() {
    let out = redacted(&mut redactor(&[]), &full_trace()).unwrap();
    for member in ["tool", "version", "platform", "method", "stop", "sent", "started_at"] {
        assert_eq!(out[member], full_trace()[member], "{member}");
    }
    assert_eq!(out["error"], "withheld");
    assert!(out["source_ip"].as_str().unwrap().starts_with("192.168."));
}

#[test]
fn records_of_another_version_are_not_understood() {
    let mut hop = full_hop();
    hop["v"] = 2.into();
    assert_eq!(redacted(&mut redactor(&[]), &hop), None);
    assert_eq!(redacted(&mut redactor(&[]), &json!({"type": "note", "ip": "9.9.9.9"})), None);
}

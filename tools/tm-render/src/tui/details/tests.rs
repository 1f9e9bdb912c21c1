//! What is told of one hop, fact by fact.

use std::io::Write as _;

use clap::Parser;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::{Value, json};
use tm_stream::input::Input;

use super::lines;
use crate::flags::Flags;
use crate::tui::app::App;
use crate::tui::feed::Feed;

/// A hop that one probe met, with these members besides.
fn hop(members: &Value) -> Value {
    let mut hop = json!({"type": "hop", "v": 1, "trace_id": "t", "host": "example.com",
        "resolved_ip": "198.51.100.9", "source_ip": "192.0.2.1", "protocol": "udp", "port": 33434,
        "round": 1, "at": "2026-11-29T10:00:00.000000Z", "hop": 1, "ip": "203.0.113.1",
        "probes": [{"rtt_ms": 1.5, "ok": true, "flow": 0}], "sent": 1, "received": 1,
        "loss_pct": 0.0, "rtt": {"min": 1.5, "avg": 1.5, "median": 1.5, "max": 1.5, "stddev": 0.0,
        "jitter": null}, "reply": null, "flows": [0], "is_destination": false,
        "is_private": false, "is_timeout": false});
    let all = hop.as_object_mut().unwrap();
    all.extend(members.as_object().unwrap().clone());
    hop
}

/// The details of the first hop of records.
fn details(records: &[Value]) -> Vec<String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for record in records {
        writeln!(file, "{record}").unwrap();
    }
    let flags = Flags::parse_from(["tm-render", "--tui"]);
    let input = Input::open(file.path()).unwrap();
    let mut app = App::new(&flags, false, Feed::start(vec![input]).unwrap());
    while !app.ended {
        app.turn();
    }
    app.width = 200;
    app.key(KeyEvent::new(KeyCode::Char('j'), KeyModifiers::NONE));
    lines(&app)
}

/// What stands beside a title, where it stands there.
fn told(members: &Value, title: &str) -> Vec<String> {
    let lines = details(&[hop(members)]);
    let of = |line: &String| Some(line.strip_prefix(title)?.trim_start().to_owned());
    lines.iter().filter_map(of).collect()
}

#[test]
fn nothing_is_told_where_there_is_nothing() {
    assert_eq!(details(&[]), ["no hop is chosen"]);
    let plain = details(&[hop(&json!({}))]);
    for title in ["names", "AS", "place", "MPLS", "NAT", "MTU", "way back?", "router?", "reply"] {
        assert!(!plain.iter().any(|line| line.starts_with(title)), "{title}: {plain:?}");
    }
}

#[test]
fn a_silent_hop_is_its_loss() {
    let silent = json!({"ip": null, "probes": [{"rtt_ms": null, "ok": false, "flow": 0}],
        "received": 0, "loss_pct": 100.0, "rtt": null, "flows": [], "is_timeout": true});
    // Silence at the end of a path is no hop; this one is in the middle.
    let lines = details(&[hop(&silent), hop(&json!({"hop": 2}))]);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[0], "hop       1: nobody answered");
    assert!(lines[1].starts_with("loss      100.0%: 1 of 1 probes ("), "{lines:?}");
}

#[test]
fn an_answer_that_was_not_timed_has_no_figures() {
    let untimed = json!({"probes": [{"rtt_ms": null, "ok": true, "flow": 0}], "rtt": null});
    assert_eq!(told(&untimed, "RTT"), ["-"]);
}

#[test]
fn how_large_datagrams_may_be_is_told_with_what_limits_them() {
    for (mtu, wanted) in [
        (json!({"octets": null, "limit": null}), "not known"),
        (json!({"octets": 1400, "limit": null}), "at least 1400 octets"),
        (json!({"octets": 1500, "limit": "interface"}), "1500 octets: larger ones cannot be sent"),
        (json!({"octets": 1400, "limit": "reported"}), "1400 octets: as a router on the way says"),
        (
            json!({"octets": 1400, "limit": "refused"}),
            "1400 octets: a router on the way refuses larger ones",
        ),
        (
            json!({"octets": 1400, "limit": "black_hole"}),
            "1400 octets: larger ones vanish on the way",
        ),
    ] {
        assert_eq!(told(&json!({"mtu": mtu}), "MTU"), [wanted]);
    }
}

#[test]
fn a_rewritten_datagram_is_told_and_one_that_was_not_is_not() {
    let rewritten = ["the quoted datagram was rewritten on its way"];
    assert_eq!(told(&json!({"nat": true}), "NAT"), rewritten);
    assert!(told(&json!({"nat": false}), "NAT").is_empty());
}

#[test]
fn what_replies_suggest_is_called_a_guess() {
    let hints = json!({"hints": {"initial_ttl": 64, "reply_hops": 9, "router": 2}});
    assert_eq!(told(&hints, "way back?"), ["9 hops, if the reply left with TTL 64: a guess"]);
    let routers = "those of this hop with number 2 may be one: a guess by labels";
    assert_eq!(told(&hints, "router?"), [routers]);
    let half = json!({"hints": {"initial_ttl": 64}});
    assert!(told(&half, "way back?").is_empty() && told(&half, "router?").is_empty());
}

#[test]
fn names_are_told_with_whether_they_lead_back() {
    let names = |dns: Value| told(&json!({"dns": dns}), "names").concat();
    let mut dns = json!({"hostname": "a.example", "names": ["a.example", "b.example"],
        "verified": true, "source": "192.0.2.53"});
    assert_eq!(names(dns.clone()), "a.example b.example, verified  (192.0.2.53)");
    dns["verified"] = json!(false);
    assert_eq!(names(dns), "a.example b.example, not verified  (192.0.2.53)");
    assert_eq!(names(json!({"hostname": "a.example", "source": "file"})), "a.example  (file)");
    assert_eq!(names(json!({"source": "192.0.2.53"})), "none  (192.0.2.53)");
    let failed = json!({"error": "time\u{1b}out", "source": "192.0.2.53"});
    let said = names(failed);
    assert!(said.starts_with("not known: time") && said.ends_with("out  (192.0.2.53)"), "{said}");
    assert!(!said.contains('\u{1b}'), "{said:?}");
}

#[test]
fn origins_are_told_or_why_they_are_not_known() {
    let origin = |asn: Value| told(&json!({"asn": asn}), "AS").concat();
    assert_eq!(
        origin(json!({"error": "timeout", "source": "cymru"})),
        "not known: timeout  (cymru)"
    );
    assert_eq!(origin(json!({"source": "cymru"})), "none  (cymru)");
    let several = json!({"number": 64500, "org": "Example", "prefix": "203.0.113.0/24",
        "country": "NL", "registry": "ripencc", "origins": [64500, 64501], "source": "cymru"});
    let all = "AS64500  Example  203.0.113.0/24  NL  ripencc  also AS64501  (cymru)";
    assert_eq!(origin(several), all);
}

//! tm-asn against a real DNS server with Team Cymru's zone, as a user meets it. Databases are in
//! `asn_databases.rs`.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RecordType;
use serde_json::{Value, json};
use tempfile::TempDir;
use tm_tests::dns::{DnsServer, Say};
use tm_tests::hop_line::{Live, filter, hop, hops, members};

const ZONE: &str = "asn.cymru.com";

/// A zone with one of everything.
fn zone(name: &str, kind: RecordType) -> Say {
    let Some(name) = name.strip_suffix(".asn.cymru.com").filter(|_| kind == RecordType::TXT) else {
        return Say::no_such_name();
    };
    match name.strip_suffix(".origin").unwrap_or(name) {
        "1.1.0.9" => Say::txt(&["7 | 9.0.0.0/8 | US | arin | 1990-01-01"]),
        "2.2.0.9" => Say::txt(&[
            "7 | 9.0.0.0/8 | US | arin | 1990-01-01",
            "8 | 9.0.0.0/16 | DE | ripencc | 2000-01-01",
        ]),
        "3.3.0.9" => {
            Say::txt(&["9 8 | 9.0.3.0/24 | US | arin | ", "10 | 9.0.3.0/24 | US | arin | "])
        }
        "4.4.0.9" => {
            let strings = ["8 | 9.0.4.0/2", "4 | D", "E | ripencc | 2000-01-01"];
            Say::Txt(vec![strings.map(str::to_owned).to_vec()])
        }
        "5.5.0.9" => Say::txt(&["NA | 9.0.5.0/24 |  | other | "]),
        "6.6.0.9" => Say::Code(ResponseCode::ServFail),
        "7.7.0.9" => Say::txt(&["8 | 9.0.7.0/24 | DE | ripencc | \x1b]0;pwned\x07"]),
        "8.8.0.9" => Say::txt(&["8 | 10.0.0.0/8 | DE | ripencc | 2000-01-01"]),
        "9.9.0.9" => Say::txt(&["64512 | 9.0.9.0/24 | US | arin | 2000-01-01"]),
        "10.10.0.9" => Say::txt(&["11 | 9.0.10.0/24 | US | arin | 2000-01-01"]),
        "11.11.0.9" => {
            Say::OverTcp(Box::new(Say::txt(&["8 | 9.0.11.0/24 | DE | ripencc | 2000-01-01"])))
        }
        "AS7" | "as7" => {
            Say::txt(&["7 | US | arin | 1990-01-01 | SEVEN - Seven Networks, Inc., US"])
        }
        "as8" => Say::txt(&["8 | DE | ripencc | 2000-01-01 | ACHT, DE"]),
        "as11" => Say::txt(&["11 | US | arin | 2000-01-01 | ELEVEN\x1b[2J, US"]),
        six if six.ends_with(".1.0.0.0.0.0.a.2.origin6") => {
            Say::txt(&["8 | 2a00:1::/32 | DE | ripencc | 2010-01-01"])
        }
        within if within.ends_with(".1.0.9") || within.ends_with(".2.1.9") => {
            Say::txt(&["7 | 9.0.0.0/8 | US | arin | 1990-01-01"])
        }
        _ => Say::no_such_name(),
    }
}

fn run(server: &DnsServer, home: &Path, args: &[&str], ips: &[&str]) -> Vec<Value> {
    let address = server.address.to_string();
    let args = [&["--resolver", &address, "--timeout", "1"], args].concat();
    members(&filter("tm-asn", &args, home, &hops(ips)), "asn")
}

fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn every_kind_of_answer_is_told_apart() {
    let server = DnsServer::start(zone);
    let ips: Vec<_> = (1..=12).map(|n| format!("9.0.{n}.{n}")).collect();
    let mut ips: Vec<&str> = ips.iter().map(String::as_str).collect();
    ips.push("2a00:1::77");
    let seven = "SEVEN - Seven Networks, Inc.";
    let wanted = [
        json!({"number": 7, "org": seven, "prefix": "9.0.0.0/8", "country": "US", "registry": "arin", "source": ZONE}),
        json!({"number": 8, "org": "ACHT", "prefix": "9.0.0.0/16", "country": "DE", "registry": "ripencc", "source": ZONE}),
        json!({"origins": [8, 9, 10], "prefix": "9.0.3.0/24", "country": "US", "registry": "arin", "source": ZONE}),
        json!({"number": 8, "org": "ACHT", "prefix": "9.0.4.0/24", "country": "DE", "registry": "ripencc", "source": ZONE}),
        json!({"source": ZONE}),
        json!({"error": "servfail", "source": ZONE}),
        json!({"error": "malformed answer", "source": ZONE}),
        json!({"error": "malformed answer", "source": ZONE}),
        json!({"origins": [64512], "reserved": "private", "prefix": "9.0.9.0/24", "country": "US", "registry": "arin", "source": ZONE}),
        json!({"number": 11, "org": "ELEVEN\u{1b}[2J", "prefix": "9.0.10.0/24", "country": "US", "registry": "arin", "source": ZONE}),
        json!({"number": 8, "org": "ACHT", "prefix": "9.0.11.0/24", "country": "DE", "registry": "ripencc", "source": ZONE}),
        json!({"source": ZONE}),
        json!({"number": 8, "org": "ACHT", "prefix": "2a00:1::/32", "country": "DE", "registry": "ripencc", "source": ZONE}),
    ];
    let home = home();
    let output = filter("tm-asn", &["-r", &server.address.to_string()], home.path(), &hops(&ips));
    assert!(!output.stdout.contains(&0x1b), "escapes of strangers are written as \\u001b");
    for ((asn, wanted), ip) in members(&output, "asn").iter().zip(&wanted).zip(&ips) {
        assert_eq!(asn, wanted, "{ip}");
    }
}

#[test]
fn nothing_is_asked_twice_and_nothing_private_at_all() {
    let server = DnsServer::start(|name, kind| {
        Say::Late(Duration::from_millis(30), Box::new(zone(name, kind)))
    });
    let home = home();
    let ips = ["9.0.1.1", "10.0.0.1", "9.0.1.2", "192.0.2.7", "fe80::1", "100.64.0.1", "9.0.4.4"];
    let mut many: Vec<&str> = ips.iter().copied().cycle().take(100).collect();
    many.push("9.0.2.2");
    let first = run(&server, home.path(), &[], &many);
    for (ip, asn) in many.iter().zip(&first) {
        assert_eq!(asn.is_object(), ip.starts_with('9'), "{ip} {asn}");
        assert!(asn.get("error").is_none(), "{asn}");
    }
    let mut asked = server.asked();
    asked.sort();
    // Two addresses of one /24 are one question, and so are two prefixes of one AS.
    let name = |name: &str| format!("{name}.{ZONE} TXT");
    let origin = asked.iter().find(|name| name.ends_with(".1.0.9.origin.asn.cymru.com TXT"));
    let mut wanted = vec![
        origin.unwrap().clone(),
        name("2.2.0.9.origin"),
        name("4.4.0.9.origin"),
        name("as7"),
        name("as8"),
    ];
    wanted.sort();
    assert_eq!(asked, wanted);
    // Another run has the cache of the first, also for other addresses of the same /24.
    assert_eq!(run(&server, home.path(), &[], &many), first);
    assert_eq!(run(&server, home.path(), &[], &["9.0.1.99"])[0], first[0]);
    assert_eq!(server.asked().len(), 5);
    // What is cached of 9.0.0.0/8 says nothing of the longer prefixes inside it.
    let other = run(&server, home.path(), &[], &["9.1.2.3"]);
    assert_eq!(other[0]["prefix"], "9.0.0.0/8");
    assert_eq!(server.asked().len(), 6, "the origin is asked for, the name of AS 7 is known");
    // No cache, no memory.
    run(&server, home.path(), &["--no-cache"], &["9.0.1.1"]);
    assert_eq!(server.asked().len(), 8);
    run(&server, home.path(), &["--refresh"], &["9.0.1.1"]);
    assert_eq!(server.asked().len(), 10);
}

#[test]
fn behind_a_translator_the_ipv4_router_itself_is_asked_about() {
    let server = DnsServer::start(zone);
    let home = home();
    let private = ["64:ff9b::10.0.0.1", "64:ff9b::100.64.0.1", "64:ff9b:1::9.0.1.1"];
    let out = run(&server, home.path(), &[], &["64:ff9b::900:101", "9.0.1.1"]);
    assert_eq!((&out[0], &out[0]["number"]), (&out[1], &json!(7)));
    let asked = server.asked();
    assert_eq!(asked.iter().filter(|name| name.contains(".origin.")).count(), 1, "{asked:?}");
    assert!(run(&server, home.path(), &[], &private).iter().all(Value::is_null));
    assert_eq!(server.asked().len(), asked.len(), "nobody outside knows a private address");
}

#[test]
fn errors_are_not_kept_and_not_routed_is() {
    let server = DnsServer::start(zone);
    let home = home();
    for wanted in [2, 3] {
        run(&server, home.path(), &[], &["9.0.6.6", "9.0.12.12"]);
        assert_eq!(server.asked().len(), wanted, "{:?}", server.asked());
    }
}

#[test]
fn offline_sends_nothing_and_uses_what_is_there() {
    let server = DnsServer::start(zone);
    let home = home();
    let before = run(&server, home.path(), &[], &["9.0.1.1"]);
    let asked = server.asked().len();
    let offline = run(&server, home.path(), &["--offline"], &["9.0.1.1", "9.0.4.4"]);
    assert_eq!(offline, [before[0].clone(), Value::Null], "no answer, no member");
    let db = table(home.path(), "t.dat", "9.0.4.0/24\t12\n");
    let offline = run(&server, home.path(), &["--offline", "--db", &db], &["9.0.4.4", "9.0.5.5"]);
    assert_eq!(offline[0], json!({"number": 12, "prefix": "9.0.4.0/24", "source": "t.dat"}));
    assert_eq!(offline[1], json!({"source": "t.dat"}));
    assert_eq!(server.asked().len(), asked);
}

#[test]
fn a_dead_server_delays_nobody_beyond_the_timeout_once() {
    let dead = DnsServer::start(|_, _| Say::Nothing);
    let home = home();
    let ips: Vec<String> = (1..=200).map(|n| format!("9.{n}.1.1")).collect();
    let ips: Vec<&str> = ips.iter().map(String::as_str).collect();
    let begun = Instant::now();
    let out = run(&dead, home.path(), &["--concurrency", "4"], &ips);
    // Each of them waiting its turn would make 50 times as long.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(out.iter().all(|asn| *asn == json!({"error": "timeout", "source": ZONE})), "{out:?}");
}

#[test]
fn who_did_not_answer_is_asked_again_while_the_stream_goes_on() {
    let server = DnsServer::failing_at_first(zone);
    let (home, address) = (home(), server.address.to_string());
    let mut live = Live::start("tm-asn", &["--resolver", &address], home.path());
    let record = hop(1, "9.0.1.1", 1.0);
    assert_eq!(live.member(&record, "asn")["error"], "servfail");
    assert!(live.comes_to_show(&record, "asn", "org"));
}

#[test]
fn sources_are_asked_in_the_order_that_is_wanted() {
    let server = DnsServer::start(zone);
    let home = home();
    let one = table(home.path(), "one.dat", "9.0.1.0/24\t100\n");
    let two = table(home.path(), "two.dat", "9.0.0.0/16\t200\n");
    let db = ["--db", &one, "--db", &two];
    let numbers = |args: &[&str]| -> Vec<Value> {
        let args = [&db, args].concat();
        let out = run(&server, home.path(), &args, &["9.0.1.1", "9.0.4.4", "9.9.9.9", "2a00:1::1"]);
        out.iter().map(|asn| asn["number"].clone()).collect()
    };
    let none = Value::Null;
    assert_eq!(numbers(&["--source", "db"]), [json!(100), json!(200), none.clone(), none.clone()]);
    assert_eq!(numbers(&[]), [json!(100), json!(200), none.clone(), json!(8)]);
    assert_eq!(numbers(&["--source", "cymru,db"]), [json!(7), json!(8), none, json!(8)]);
}

#[test]
fn the_zone_can_be_another() {
    let server = DnsServer::start(|name, kind| match name.strip_suffix(".as.example.net") {
        Some(name) => zone(&format!("{name}.{ZONE}"), kind),
        None => Say::no_such_name(),
    });
    let out = run(&server, home().path(), &["--cymru-zone", "as.example.net"], &["9.0.4.4"]);
    assert_eq!((&out[0]["org"], &out[0]["source"]), (&json!("ACHT"), &json!("as.example.net")));
}

fn table(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

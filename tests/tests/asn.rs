//! tm-asn against a real DNS server with Team Cymru's zone, and against databases of every kind,
//! as a user meets it.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RecordType;
use serde_json::{Value, json};
use tempfile::TempDir;
use tm_tests::dns::{DnsServer, Say};
use tm_tests::hop_line::{filter, filter_command, hop, lines, records};

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

fn members(output: &Output) -> Vec<Value> {
    records(output).iter().map(|record| record["asn"].clone()).collect()
}

fn run(server: &DnsServer, home: &Path, args: &[&str], ips: &[&str]) -> Vec<Value> {
    let address = server.address.to_string();
    let args = [&["--resolver", &address, "--timeout", "1"], args].concat();
    members(&filter("tm-asn", &args, home, &hops(ips)))
}

fn hops(ips: &[&str]) -> String {
    let all: Vec<_> = ips.iter().zip(1..).map(|(ip, ttl)| hop(ttl, ip, 1.0)).collect();
    lines(&all)
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
    for ((asn, wanted), ip) in members(&output).iter().zip(&wanted).zip(&ips) {
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
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(out.iter().all(|asn| *asn == json!({"error": "timeout", "source": ZONE})), "{out:?}");
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

// Databases.

fn table(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

const PYASN: &str = "; IP-ASN32-DAT file\n; Original file : x\n9.0.0.0/8\t7\n9.1.0.0/16\t8\n\
                     2a00::/16\t9\n9.2.0.0/16\t23456\n9.3.0.0/16\t4200000001\n";
const CAIDA: &str = "9.0.0.0\t8\t7\n9.1.0.0\t16\t8_9\n9.2.0.0\t16\t8,9\n9.3.0.0\t16\t4_7,9\n\
                     9.1.2.0\t24\t10\n9.4.0.0\t16\t64512_7\n";
const RANGES: &str = "9.0.0.0\t9.0.0.255\t0\tNone\tNot routed\n9.0.1.0\t9.0.3.255\t7\tUS\tSEVEN\n\
                      9.0.4.0\t9.0.4.9\t8\tDE\tACHT GmbH\n150996224\t150996479\t7\tUS\tSEVEN\n\
                      2a00::\t2a00:1:ffff:ffff:ffff:ffff:ffff:ffff\t9\tSE\tNIO\n";

/// What each table says, whichever way it is read.
fn wanted(source: &str) -> Vec<(&'static str, &'static str, Value)> {
    vec![
        (PYASN, "9.9.9.9", json!({"number": 7, "prefix": "9.0.0.0/8", "source": source})),
        (PYASN, "9.1.9.9", json!({"number": 8, "prefix": "9.1.0.0/16", "source": source})),
        (PYASN, "2a00:9::9", json!({"number": 9, "prefix": "2a00::/16", "source": source})),
        (
            PYASN,
            "9.2.0.1",
            json!({"origins": [23456], "reserved": "transition", "prefix": "9.2.0.0/16", "source": source}),
        ),
        (
            PYASN,
            "9.3.0.1",
            json!({"origins": [4_200_000_001_u32], "reserved": "private", "prefix": "9.3.0.0/16", "source": source}),
        ),
        (PYASN, "8.8.8.8", json!({"source": source})),
        (
            CAIDA,
            "9.1.9.9",
            json!({"number": 8, "origins": [8, 9], "prefix": "9.1.0.0/16", "source": source}),
        ),
        (CAIDA, "9.2.0.1", json!({"origins": [8, 9], "prefix": "9.2.0.0/16", "source": source})),
        (
            CAIDA,
            "9.3.0.1",
            json!({"number": 4, "origins": [4, 7, 9], "prefix": "9.3.0.0/16", "source": source}),
        ),
        (CAIDA, "9.1.2.3", json!({"number": 10, "prefix": "9.1.2.0/24", "source": source})),
        (
            CAIDA,
            "9.4.2.3",
            json!({"origins": [64512, 7], "reserved": "private", "prefix": "9.4.0.0/16", "source": source}),
        ),
        (RANGES, "9.0.0.1", json!({"source": source})),
        (
            RANGES,
            "9.0.1.1",
            json!({"number": 7, "org": "SEVEN", "prefix": "9.0.1.0/24", "country": "US", "source": source}),
        ),
        (
            RANGES,
            "9.0.3.1",
            json!({"number": 7, "org": "SEVEN", "prefix": "9.0.2.0/23", "country": "US", "source": source}),
        ),
        (
            RANGES,
            "9.0.4.9",
            json!({"number": 8, "org": "ACHT GmbH", "prefix": "9.0.4.8/31", "country": "DE", "source": source}),
        ),
        (RANGES, "9.0.4.10", json!({"source": source})),
        (
            RANGES,
            "9.0.5.1",
            json!({"number": 7, "org": "SEVEN", "prefix": "9.0.5.0/24", "country": "US", "source": source}),
        ),
        (
            RANGES,
            "2a00:1:1::1",
            json!({"number": 9, "org": "NIO", "prefix": "2a00::/31", "country": "SE", "source": source}),
        ),
    ]
}

fn look_up(home: &Path, db: &str, ip: &str) -> Value {
    let args = ["--offline", "--no-cache", "--db", db];
    members(&filter("tm-asn", &args, home, &hops(&[ip])))[0].clone()
}

fn build(home: &Path, files: &[&str], to: &Path) -> Output {
    let to = to.display().to_string();
    filter("tm-asn", &[&["build"], files, &["-o", &to]].concat(), home, "")
}

#[test]
fn tables_say_the_same_as_they_are_packed_and_built() {
    let home = home();
    for (text, ip, wanted) in wanted("t.dat") {
        let db = table(home.path(), "t.dat", text);
        assert_eq!(look_up(home.path(), &db, ip), wanted, "{ip} of {text}");
    }
    for (text, ip, wanted) in wanted("t.dat.gz") {
        let db = table(home.path(), "t.dat", text);
        assert!(Command::new("gzip").args(["-f", &db]).status().unwrap().success());
        assert_eq!(look_up(home.path(), &format!("{db}.gz"), ip), wanted, "{ip} of {text}");
    }
    for (text, ip, wanted) in wanted("t.mmdb") {
        let db = table(home.path(), "t.dat", text);
        let to = home.path().join("t.mmdb");
        let built = build(home.path(), &[&db], &to);
        assert!(
            built.status.success() && built.stdout.is_empty() && built.stderr.is_empty(),
            "{built:?}"
        );
        assert_eq!(look_up(home.path(), &to.display().to_string(), ip), wanted, "{ip} of {text}");
    }
}

#[test]
fn several_tables_make_one_file_that_others_read() {
    let home = home();
    let one = table(home.path(), "one.pfx2as", CAIDA);
    let two = table(home.path(), "two.tsv", RANGES);
    let to = home.path().join("asn.mmdb");
    let built = build(home.path(), &[&one, &two], &to);
    assert!(built.status.success(), "{built:?}");
    let to = to.display().to_string();
    // The names of one table serve the prefixes of the other.
    let asn = look_up(home.path(), &to, "9.9.9.9");
    assert_eq!(
        asn,
        json!({"number": 7, "org": "SEVEN", "prefix": "9.0.0.0/8", "source": "asn.mmdb"})
    );
    let mmdblookup = |ip: &str| {
        let output = Command::new("mmdblookup").args(["--file", &to, "--ip", ip]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        mmdblookup("9.1.9.9"),
        "{ \"autonomous_system_number\": 8 <uint32> \"autonomous_system_organization\": \
         \"ACHT GmbH\" <utf8_string> \"origins\": [ 8 <uint32> 9 <uint32> ] \
         \"prefix_length\": 16 <uint16> }"
    );
    assert!(mmdblookup("2a00::1").contains("\"iso_code\": \"SE\" <utf8_string>"));
    assert_eq!(mmdblookup("8.8.8.8"), "");
}

#[test]
fn lines_that_are_none_of_a_table_are_named_and_the_rest_is_built() {
    let home = home();
    let bad =
        table(home.path(), "bad.dat", "9.0.0.0/8\t7\nhello world\n9.1.0.0/99\t8\n9.2.0.0/16\t9\n");
    let to = home.path().join("asn.mmdb");
    let output = build(home.path(), &[&bad], &to);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        errors,
        format!("tm-asn: {bad}:2: field 1 is no prefix\ntm-asn: {bad}:3: field 1 is no prefix\n")
    );
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(look_up(home.path(), &to.display().to_string(), "9.2.0.1")["number"], 9);

    fs::remove_file(&to).unwrap();
    let strict = build(home.path(), &["--strict", &bad], &to);
    assert_eq!((strict.status.code(), to.exists()), (Some(2), false));
    let none = table(home.path(), "none.txt", "no table at all, just words\n");
    let output = build(home.path(), &[&none], &to);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors, format!("tm-asn: {none}:1: no line of a table of AS numbers\n"));
    assert_eq!((output.status.code(), to.exists()), (Some(2), false));
}

#[test]
fn a_database_that_cannot_be_used_is_named_once_and_the_next_one_asked() {
    let home = home();
    let good = table(home.path(), "good.dat", PYASN);
    let built = home.path().join("built.mmdb");
    assert!(build(home.path(), &[&good], &built).status.success());
    let bytes = fs::read(&built).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = home.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let mut all = vec![
        home.path().join("missing.mmdb").display().to_string(),
        home.path().join("missing.dat").display().to_string(),
        write("empty.mmdb", b""),
        write("cut.mmdb", &bytes[..bytes.len() / 2]),
        write("noise.mmdb", &[0xab; 4096]),
        write("noise.dat", &[0xff; 4096]),
        write("zeros.dat", &[0; 1 << 20]),
        write("bad.gz", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3]),
    ];
    for (n, data) in hostile_records().iter().enumerate() {
        all.push(write(&format!("hostile{n}.mmdb"), &mmdb_of(data)));
    }
    for bad in &all {
        let begun = Instant::now();
        let args = ["--offline", "--no-cache", "--db", bad, "--db", &good];
        let output =
            filter("tm-asn", &args, home.path(), &hops(&["9.9.9.9", "9.1.9.9", "8.8.8.8"]));
        let numbers: Vec<_> = members(&output).iter().map(|asn| asn["number"].clone()).collect();
        assert_eq!(numbers, [json!(7), json!(8), Value::Null], "{bad}");
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(errors.lines().count(), 1, "{bad}: {errors}");
        assert!(errors.contains(bad.as_str()) && errors.len() < 400, "{bad}: {errors}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{bad}");
    }
}

/// Records that want a reader to fall, to loop, or to fill the memory.
fn hostile_records() -> Vec<Vec<u8>> {
    // Each array holds 16 pointers to the next: 16^8 values.
    let mut fans = Vec::new();
    for level in 1..=8_u16 {
        fans.extend([16, 0x04]);
        let next = level * 34;
        for _ in 0..16 {
            fans.extend([0x20 | (next >> 8) as u8, next as u8]);
        }
    }
    fans.extend([0xa1, 1]);
    vec![
        fans,
        vec![0x20, 0],                      // a pointer to itself
        vec![0xe1, 0x41, b'a', 0x20, 0],    // a map that holds itself
        vec![0x27, 0xff, 0xff, 0xff],       // a pointer out of the file
        vec![0xff, 0xff, 0xff, 0xff],       // a map of 16 million members
        vec![0x5f, 0xff, 0xff, 0xff, b'x'], // a text that is longer than the file
        vec![0xe1; 4000],                   // maps in maps in maps
        vec![0x41, 0xff],                   // a text that is not UTF-8
        vec![0x00, 0xf0],                   // a type that does not exist
    ]
}

/// An MMDB that has this one record for every address.
fn mmdb_of(record: &[u8]) -> Vec<u8> {
    let at = 1 + 16_u32; // one node, then the data
    let [_, b, c, d] = at.to_be_bytes();
    let mut file = vec![b, c, d, b, c, d];
    file.extend([0; 16]);
    file.extend(record);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    file.push(0xe0 | 9);
    for (name, value) in [
        ("binary_format_major_version", vec![0xa1, 2]),
        ("binary_format_minor_version", vec![0xa0]),
        ("build_epoch", vec![0x04, 2, 0x65, 0, 0, 0]),
        ("database_type", text("Hostile-ASN")),
        ("description", vec![0xe0]),
        ("ip_version", vec![0xa1, 6]),
        ("languages", vec![0x00, 0x04]),
        ("node_count", vec![0xc1, 1]),
        ("record_size", vec![0xa1, 24]),
    ] {
        file.extend(text(name));
        file.extend(value);
    }
    file
}

fn text(text: &str) -> Vec<u8> {
    let head = match text.len() {
        len @ 0..29 => vec![0x40 | len as u8],
        len => vec![0x5d, (len - 29) as u8],
    };
    [&head, text.as_bytes()].concat()
}

#[test]
fn databases_are_found_where_users_put_them() {
    let home = home();
    let folder = home.path().join(".local/share/tracemap");
    fs::create_dir_all(&folder).unwrap();
    let run = |env: Option<(&str, &str)>| {
        let mut command = filter_command("tm-asn", &["--offline", "-"], home.path());
        command.envs(env);
        let input = home.path().join("in.ndjson");
        fs::write(&input, hops(&["9.9.9.9"])).unwrap();
        let output = command.stdin(fs::File::open(input).unwrap()).output().unwrap();
        let warned = !output.stderr.is_empty();
        (members(&output)[0]["source"].clone(), warned)
    };
    assert_eq!(run(None), (Value::Null, true), "nothing is there, which is said");
    let text = table(&folder, "ip2asn-v4.tsv", RANGES);
    fs::write(folder.join("notes-on-asn.md"), "not a table").unwrap();
    fs::write(folder.join("GeoLite2-City.mmdb"), "not about AS numbers").unwrap();
    assert_eq!(run(None), (json!("ip2asn-v4.tsv"), false));
    assert!(build(home.path(), &[&text], &folder.join("asn.mmdb")).status.success());
    assert_eq!(run(None), (json!("asn.mmdb"), false), "an index is preferred to its table");

    let config = home.path().join(".config/tracemap");
    fs::create_dir_all(&config).unwrap();
    let set = table(home.path(), "set.dat", PYASN);
    fs::write(config.join("config.toml"), format!("[tm-asn]\ndb = [\"{set}\"]\n")).unwrap();
    assert_eq!(run(None), (json!("set.dat"), false));
    let other = table(home.path(), "env.dat", PYASN);
    assert_eq!(run(Some(("TRACEMAP_ASN_DB", &other))), (json!("env.dat"), false));
}

#[test]
fn a_table_that_takes_long_to_read_is_said_to_be_slow() {
    let home = home();
    let mut text = String::new();
    for n in 0..400_000_u32 {
        text +=
            &format!("{}.{}.{}.0/24\t{}\n", 1 + n / 65_536, n / 256 % 256, n % 256, 1 + n % 60_000);
    }
    let db = table(home.path(), "big.dat", &text);
    let args = ["--offline", "--no-cache", "--db", &db];
    let output = filter("tm-asn", &args, home.path(), &hops(&["4.4.4.4"]));
    assert_eq!(members(&output)[0]["prefix"], "4.4.4.0/24");
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains(&format!("`tm-asn build {db} -o asn.mmdb`")), "{words}");
}

// Documentation.

/// Commands of the `console` blocks of a page, each with what it must print.
fn examples(page: &str) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for block in page.split("```console\n").skip(1) {
        for line in block.split("```").next().unwrap().lines() {
            match (line.strip_prefix("$ "), all.last_mut()) {
                (Some(command), _) => all.push((command.to_owned(), String::new())),
                (None, Some((_, output))) => *output += &format!("{line}\n"),
                (None, None) => unreachable!("a block begins with a command"),
            }
        }
    }
    all
}

#[test]
fn what_the_documentation_shows_is_what_happens() {
    let home = home();
    table(home.path(), "table.dat", "9.0.0.0/8\t7\n9.1.0.0/16\t8\n");
    let trace = hops(&["192.168.1.1", "9.9.9.9", "9.1.2.3", "8.8.8.8"]);
    fs::write(home.path().join("trace.ndjson"), trace).unwrap();
    let tools = tm_tests::tool("tm-asn").parent().unwrap().display().to_string();
    let examples = examples(include_str!("../../docs/asn.md"));
    assert!(examples.len() >= 7, "{examples:?}");
    for (command, wanted) in examples {
        let output = Command::new("sh")
            .args(["-c", &command])
            .current_dir(&home)
            .env("HOME", home.path())
            .env("PATH", format!("{tools}:/usr/bin:/bin"))
            .output()
            .unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        assert_eq!((out, output.stderr.len()), (wanted, 0), "{command}");
    }
}

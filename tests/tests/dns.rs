//! tm-dns against a real DNS server on loopback, as a user meets it.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RecordType;
use serde_json::{Value, json};
use tm_tests::dns::{DnsServer, Say};
use tm_tests::hop_line::{Live, filter, filter_command, hop, lines, records};
use tm_tests::{bare, tool};

/// A zone with one of everything.
fn zone(name: &str, kind: RecordType) -> Say {
    match (name, kind) {
        ("1.0.0.9.in-addr.arpa", _) => Say::ptr("ae-1.r20.londen12.uk.example.net."),
        ("2.0.0.9.in-addr.arpa", _) => {
            Say::Ptr(vec!["b.example.net.".into(), "a.example.net.".into()])
        }
        ("3.0.0.9.in-addr.arpa", _) => Say::no_such_name(),
        ("4.0.0.9.in-addr.arpa", _) => Say::Code(ResponseCode::ServFail),
        ("5.0.0.9.in-addr.arpa", _) => Say::Code(ResponseCode::Refused),
        ("6.0.0.9.in-addr.arpa", _) => Say::Truncated,
        ("7.0.0.9.in-addr.arpa", _) => Say::OverTcp(Box::new(Say::ptr("big.example.net."))),
        ("8.0.0.9.in-addr.arpa", _) => Say::Ptr(vec![]),
        ("9.0.0.9.in-addr.arpa", _) => Say::ptr("evil\x1b[2J\"x.example.net."),
        ("b.example.net", RecordType::A) => Say::Address(vec!["9.0.0.2".parse().unwrap()]),
        ("a.example.net", RecordType::A) => Say::Address(vec!["9.0.0.77".parse().unwrap()]),
        ("example.com", RecordType::A) => Say::Address(vec!["9.0.0.1".parse().unwrap()]),
        (v6, RecordType::PTR) if v6.ends_with("ip6.arpa") => Say::ptr("six.example.net."),
        _ => Say::no_such_name(),
    }
}

fn run(server: &DnsServer, args: &[&str], records_in: &[Value]) -> Vec<Value> {
    let home = tempfile::tempdir().unwrap();
    let address = server.address.to_string();
    let args = [&["--resolver", &address, "--timeout", "1"], args].concat();
    records(&filter("tm-dns", &args, home.path(), &lines(records_in)))
}

#[test]
fn every_kind_of_answer_is_told_apart() {
    let server = DnsServer::start(zone);
    let ips = (1..=9).map(|n| format!("9.0.0.{n}"));
    let hops: Vec<_> = ips.map(|ip| hop(1, &ip, 1.0)).chain([hop(2, "2a00:1::1", 1.0)]).collect();
    let out = run(&server, &[], &hops);
    let source = server.address.to_string();
    let wanted = [
        json!({"hostname": "ae-1.r20.londen12.uk.example.net", "names": ["ae-1.r20.londen12.uk.example.net"], "source": source}),
        json!({"hostname": "a.example.net", "names": ["a.example.net", "b.example.net"], "source": source}),
        json!({"source": source}),
        json!({"error": "servfail", "source": source}),
        json!({"error": "refused", "source": source}),
        json!({"error": "truncated", "source": source}),
        json!({"hostname": "big.example.net", "names": ["big.example.net"], "source": source}),
        json!({"source": source}),
    ];
    for (record, wanted) in out.iter().zip(wanted) {
        assert_eq!(record["dns"], wanted, "{}", record["ip"]);
    }
    let evil = out[8]["dns"]["hostname"].as_str().unwrap();
    assert!(evil.chars().all(|c| c.is_ascii_graphic()), "{evil:?}");
    assert_eq!(out[9]["dns"]["hostname"], "six.example.net");
}

#[test]
fn names_are_verified_by_looking_them_up() {
    let server = DnsServer::start(zone);
    let hops: Vec<_> = (1..=3).map(|n| hop(n, &format!("9.0.0.{n}"), 1.0)).collect();
    let out = run(&server, &["--verify"], &hops);
    assert_eq!(out[0]["dns"]["verified"], false);
    // The name that leads back is the one to show.
    assert_eq!(out[1]["dns"]["hostname"], "b.example.net");
    assert_eq!(out[1]["dns"]["verified"], true);
    assert!(out[2]["dns"].get("verified").is_none());
}

#[test]
fn nothing_is_asked_twice_and_nothing_private_at_all() {
    let server = DnsServer::start(|name, kind| {
        Say::Late(Duration::from_millis(30), Box::new(zone(name, kind)))
    });
    let ips = ["9.0.0.1", "10.0.0.1", "9.0.0.2", "192.0.2.7", "fe80::1", "100.64.0.1", "127.0.0.1"];
    let hops: Vec<_> = (0..100).map(|n| hop(1, ips[n % ips.len()], 1.0)).collect();
    let mut input = lines(&hops);
    input += "{\"type\":\"trace\",\"ip\":\"9.0.0.3\"}\n";
    let home = tempfile::tempdir().unwrap();
    let address = server.address.to_string();
    for run in 0..2 {
        let output = filter("tm-dns", &["-r", &address], home.path(), &input);
        let out = records(&output);
        assert_eq!(out.len(), 101);
        for (before, mut after) in hops.iter().zip(out) {
            let dns = after.as_object_mut().unwrap().remove("dns");
            assert_eq!(&after, before, "run {run}");
            let is_public = after["ip"].as_str().unwrap().starts_with('9');
            assert_eq!(dns.is_some(), is_public, "{after}");
        }
    }
    let mut asked = server.asked();
    asked.sort();
    // The second run had the cache of the first.
    assert_eq!(asked, ["1.0.0.9.in-addr.arpa PTR", "2.0.0.9.in-addr.arpa PTR"]);
}

#[test]
fn the_cache_can_be_left_out_and_can_be_refreshed() {
    let server = DnsServer::start(zone);
    let home = tempfile::tempdir().unwrap();
    let address = server.address.to_string();
    let input = lines(&[hop(1, "9.0.0.1", 1.0), hop(2, "9.0.0.3", 1.0)]);
    let run = |flag: &[&str]| {
        let args = [&["-r", &address], flag].concat();
        records(&filter("tm-dns", &args, home.path(), &input));
        server.asked().len()
    };
    assert_eq!(run(&["--no-cache"]), 2);
    assert!(!home.path().join(".cache").exists());
    assert_eq!((run(&[]), run(&[])), (4, 4), "no name is an answer worth keeping");
    assert_eq!(run(&["--refresh"]), 6);
}

#[test]
fn errors_are_not_kept() {
    let server = DnsServer::start(zone);
    let home = tempfile::tempdir().unwrap();
    let address = server.address.to_string();
    for _ in 0..2 {
        let input = lines(&[hop(1, "9.0.0.4", 1.0)]);
        records(&filter("tm-dns", &["-r", &address], home.path(), &input));
    }
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn a_dead_server_delays_nobody_beyond_the_timeout_once() {
    let dead = DnsServer::start(|_, _| Say::Nothing);
    let home = tempfile::tempdir().unwrap();
    let address = dead.address.to_string();
    let mut child = filter_command("tm-dns", &["-r", &address, "-w", "0.4"], home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines_out = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut waited = Vec::new();
    for n in 1..=20 {
        let begun = Instant::now();
        stdin.write_all(lines(&[hop(1, &format!("9.0.1.{n}"), 1.0)]).as_bytes()).unwrap();
        let line = lines_out.next().unwrap().unwrap();
        assert!(line.contains("\"error\":\"timeout\""), "{line}");
        waited.push(begun.elapsed());
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
    let slow = waited.iter().filter(|time| **time > Duration::from_millis(300)).count();
    assert_eq!(slow, 1, "{waited:?}");
}

#[test]
fn a_second_server_steps_in_for_a_dead_one() {
    let dead = DnsServer::start(|_, _| Say::Nothing);
    let well = DnsServer::start(zone);
    let home = tempfile::tempdir().unwrap();
    let (dead, well) = (dead.address.to_string(), well.address.to_string());
    let input = lines(&[hop(1, "9.0.0.1", 1.0), hop(2, "9.0.0.2", 1.0)]);
    let args = ["-r", &dead, "-r", &well, "-w", "1"];
    let out = records(&filter("tm-dns", &args, home.path(), &input));
    for record in out {
        assert_eq!(record["dns"]["source"], well, "{record}");
        assert!(record["dns"]["hostname"].is_string());
    }
}

/// As `zone`, but for 9.66.0.0/16, whose own servers are dead: whoever asks about it waits.
fn zone_with_a_hole(name: &str, kind: RecordType) -> Say {
    if name.ends_with(".66.9.in-addr.arpa") { Say::Nothing } else { zone(name, kind) }
}

#[test]
fn a_dead_zone_costs_its_own_names_and_no_others() {
    let server = DnsServer::start(|name, kind| match kind {
        RecordType::PTR if !name.contains(".66.9.") => Say::ptr("a.example.net."),
        _ => zone_with_a_hole(name, kind),
    });
    let is_dead = |n: &u32| n.is_multiple_of(10);
    let ip = |n: u32| format!("9.{}.{}.{}", if is_dead(&n) { 66 } else { 1 }, n / 250, n % 250);
    let hops: Vec<_> = (0..600).map(|n| hop(1, &ip(n), 1.0)).collect();
    let out = run(&server, &["--no-cache"], &hops);
    for (record, n) in out.iter().zip(0..600) {
        let (name, error) = (&record["dns"]["hostname"], &record["dns"]["error"]);
        assert_eq!(
            (name.is_string(), *error == "timeout"),
            (!is_dead(&n), is_dead(&n)),
            "{record}"
        );
    }
}

#[test]
fn a_dead_zone_is_not_waited_for_name_by_name() {
    let server = DnsServer::start(zone_with_a_hole);
    let ip = |n: u32| format!("9.66.{}.{}", n / 100, n % 100);
    let hops: Vec<_> = (0..300).map(|n| hop(1, &ip(n), 1.0)).collect();
    let out = run(&server, &["--no-cache", "--concurrency", "8"], &hops);
    assert!(out.iter().all(|record| record["dns"]["error"] == "timeout"), "{out:?}");
    let mut asked = server.asked();
    asked.sort();
    asked.dedup(); // lost datagrams are sent again
    assert!(asked.len() < 60, "{} of 300 names", asked.len());
}

#[test]
fn hops_of_a_dead_zone_leave_the_next_trace_its_names() {
    let server = DnsServer::start(zone_with_a_hole);
    let (home, address) = (tempfile::tempdir().unwrap(), server.address.to_string());
    let args = ["-r", &address, "-w", "0.4", "--no-cache"];
    let mut live = Live::start("tm-dns", &args, home.path());
    for n in 1..=4 {
        let dead = live.member(&hop(1, &format!("9.66.0.{n}"), 1.0), "dns");
        assert_eq!(dead["error"], "timeout");
        let well = live.member(&hop(1, &format!("9.0.0.{}", 1 + n % 2), 1.0), "dns");
        assert!(well["hostname"].is_string(), "{well}");
    }
}

#[test]
fn who_did_not_answer_is_asked_again_while_the_stream_goes_on() {
    let server = DnsServer::failing_at_first(zone);
    let (home, address) = (tempfile::tempdir().unwrap(), server.address.to_string());
    let mut live = Live::start("tm-dns", &["-r", &address], home.path());
    let record = hop(1, "9.0.0.1", 1.0);
    assert_eq!(live.member(&record, "dns")["error"], "servfail");
    assert!(live.comes_to_show(&record, "dns", "hostname"));
}

#[test]
fn comparing_asks_each_server_once_and_waits_once_for_a_dead_one() {
    let (well, dead) = (DnsServer::start(zone), DnsServer::start(|_, _| Say::Nothing));
    let address = dead.address.to_string();
    let mut hops: Vec<_> = (1..=90).map(|n| hop(n, &format!("9.7.0.{n}"), 1.0)).collect();
    hops.push(hop(91, "9.0.0.1", 1.0));
    hops[90]["is_destination"] = true.into();
    let begun = Instant::now();
    let out = run(&well, &["--compare-resolvers", "-r", &address, "--concurrency", "8"], &hops);
    // Each of them waiting its turn would make 22 seconds.
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    let silent = json!({"source": address, "says": [], "error": "timeout"});
    assert!(out.iter().all(|record| record["dns"]["resolvers"][1] == silent), "{out:?}");
    assert_eq!(out[90]["dns"]["target"][1], silent);
    assert_eq!(out[90]["dns"]["target"][0]["says"], json!(["9.0.0.1"]));
    let mut asked = well.asked();
    asked.sort();
    let all = asked.len();
    asked.dedup();
    assert_eq!((asked.len(), all), (92, 92), "{asked:?}");
}

#[test]
fn two_targets_at_one_address_are_both_compared() {
    let server = DnsServer::start(|name, kind| match (name, kind) {
        ("other.example", RecordType::A) => Say::Address(vec!["9.0.0.7".parse().unwrap()]),
        _ => zone(name, kind),
    });
    let mut hops: Vec<_> = (1..=5).map(|n| hop(n, "9.0.0.1", 1.0)).collect();
    for (hop, host) in hops.iter_mut().zip(["x", "example.com", "other.example", "9.0.0.1"]).skip(1)
    {
        hop["host"] = host.into();
        hop["is_destination"] = true.into();
    }
    let out = run(&server, &["--compare-resolvers"], &hops);
    let says: Vec<_> =
        out.iter().map(|record| record["dns"]["target"][0]["says"].clone()).collect();
    let wanted = [Value::Null, json!(["9.0.0.1"]), json!(["9.0.0.7"]), Value::Null, Value::Null];
    assert_eq!(says, wanted);
    assert_eq!(server.asked().len(), 3, "{:?}", server.asked());
}

#[test]
fn what_each_server_says_is_laid_side_by_side() {
    let one = DnsServer::start(zone);
    let other = DnsServer::start(|name, kind| match name {
        "1.0.0.9.in-addr.arpa" => Say::Code(ResponseCode::ServFail),
        "example.com" => Say::Address(vec!["9.9.9.9".parse().unwrap()]),
        _ => zone(name, kind),
    });
    let mut last = hop(1, "9.0.0.1", 1.0);
    last["is_destination"] = true.into();
    let address = other.address.to_string();
    let out = run(&one, &["--compare-resolvers", "-r", &address], &[last]);
    let (one, other) = (one.address.to_string(), other.address.to_string());
    assert_eq!(
        out[0]["dns"]["resolvers"],
        json!([
            {"source": one, "says": ["ae-1.r20.londen12.uk.example.net"]},
            {"source": other, "says": [], "error": "servfail"}
        ])
    );
    assert_eq!(
        out[0]["dns"]["target"],
        json!([{"source": one, "says": ["9.0.0.1"]}, {"source": other, "says": ["9.9.9.9"]}])
    );
}

#[test]
fn lines_that_are_no_records_pass_and_are_named() {
    let server = DnsServer::start(zone);
    let home = tempfile::tempdir().unwrap();
    let address = server.address.to_string();
    let good = hop(1, "9.0.0.1", 1.0).to_string();
    let input = format!("{good}\n\nnot json\n{{\"type\":\"hop\",\"ip\":\"9.0.0.1\"\n[1]\n{good}");
    let output = filter("tm-dns", &["-r", &address], home.path(), &input);
    let (out, err) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let kept: Vec<_> = out.split('\n').collect();
    assert_eq!(kept[1..5], ["", "not json", "{\"type\":\"hop\",\"ip\":\"9.0.0.1\"", "[1]"]);
    assert!(kept[0].contains("londen12") && kept[5].contains("londen12"), "{out}");
    assert!(!out.ends_with('\n'), "the last line had no newline");
    assert_eq!(
        err,
        "tm-dns: stdin:3: it is not a JSON object\n\
         tm-dns: stdin:4: expected `,` or `}` at column 29\n\
         tm-dns: stdin:5: it is not a JSON object\n"
    );
    let strict = filter("tm-dns", &["-r", &address, "--strict"], home.path(), &input);
    assert_eq!(strict.status.code(), Some(2));
    assert!(String::from_utf8(strict.stdout).unwrap().starts_with(&good[..good.len() - 1]));
}

#[test]
fn without_any_server_every_hop_has_the_reason_and_the_way_out_is_said_once() {
    let home = tempfile::tempdir().unwrap();
    let (conf, input) = (home.path().join("resolv.conf"), home.path().join("hops"));
    std::fs::write(&input, lines(&[hop(1, "9.0.0.1", 1.0), hop(2, "9.0.0.2", 2.0)])).unwrap();
    let failed = json!({"error": "no resolver"});
    let of_zone = json!({"error": "no resolver", "source": "asn.cymru.com"});
    for text in ["", "# none\noptions ndots:1\n"] {
        std::fs::write(&conf, text).unwrap();
        for (name, member, wanted) in [("tm-dns", "dns", &failed), ("tm-asn", "asn", &of_zone)] {
            let script = format!(
                "mount --bind '{}' /etc/resolv.conf && exec '{}' <'{}'",
                conf.display(),
                tool(name).display(),
                input.display()
            );
            let mut command = bare("unshare");
            command.args(["-rmn", "sh", "-c", &script]).env("HOME", home.path());
            let output = command.env("PATH", "/usr/sbin:/usr/bin:/bin").output().unwrap();
            let found: Vec<Value> =
                records(&output).iter().map(|record| record[member].clone()).collect();
            assert_eq!(found, [wanted.clone(), wanted.clone()], "{name}");
            let stderr = String::from_utf8(output.stderr).unwrap();
            let said = "no DNS server in /etc/resolv.conf; name one with --resolver";
            assert_eq!(stderr, format!("{name}: {said}\n"));
        }
    }
}

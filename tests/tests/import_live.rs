//! Other traceroutes run live in the labs, imported, and compared with tm-probe.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tm_schema::{Hop, Protocol, ReplyKind};
use tm_tests::importing::{import, of_pipe, path, root};
use tm_tests::{Lab, Traced};

fn is_there(program: &str) -> bool {
    let found = Command::new("which").arg(program).output().is_ok_and(|out| out.status.success());
    if !found {
        let _ = writeln!(std::io::stderr(), "{program} is not installed: not compared");
    }
    found
}

type Seen = BTreeMap<u8, BTreeSet<String>>;

fn seen(hops: &[Hop]) -> Seen {
    let mut seen = Seen::new();
    for hop in hops {
        seen.entry(hop.hop).or_default().extend(hop.ip.clone());
    }
    seen
}

/// Same TTLs, same silence, and where they differ the balanced hop's other routers.
fn agree(theirs: &Traced, ours: &Traced, who: &str) {
    let (theirs, ours) = (seen(&theirs.hops), seen(&ours.hops));
    assert_eq!(theirs.keys().collect::<Vec<_>>(), ours.keys().collect::<Vec<_>>(), "{who}");
    for (ttl, responders) in &theirs {
        let balanced = |ip: &String| ip.starts_with("203.0.113.3");
        assert!(
            responders.is_subset(&ours[ttl]) || responders.iter().all(balanced),
            "{who}: {ttl}"
        );
        assert_eq!(responders.is_empty(), ours[ttl].is_empty(), "{who}: TTL {ttl}");
    }
}

#[test]
fn programs_run_live_are_imported_as_tm_probe_sees_the_same_path() {
    let target = "198.51.100.9";
    let ours = Lab::new("tour").probe(&["--flows", "16", "-q", "1", target]);
    let programs: [(&str, &[&str]); 8] = [
        ("traceroute", &["-n", "-w", "1", target]),
        ("traceroute", &["-I", "-e", "-n", "-w", "1", target]),
        ("traceroute", &["-T", "-n", "-w", "1", target]),
        ("inetutils-traceroute", &["-w", "1", target]),
        ("mtr", &["--json", "-n", "-c", "2", "-i", "0.3", "-G", "1", target]),
        ("mtr", &["--report", "-n", "-c", "2", "-i", "0.3", "-G", "1", target]),
        ("mtr", &["--csv", "-n", "-c", "2", "-i", "0.3", "-G", "1", target]),
        ("mtr", &["--raw", "-n", "-c", "2", "-i", "0.3", "-G", "1", target]),
    ];
    for (program, args) in programs {
        if !is_there(program) {
            continue;
        }
        let log = tempfile::NamedTempFile::new().unwrap();
        let output = Lab::new("tour").logged(log.path()).command(program, args).output().unwrap();
        let theirs = of_pipe(&["--host", target], &output.stdout);
        let who = format!("{program} {args:?}: {}", theirs.stderr);
        assert!(theirs.traces[0].reached, "{who}");
        agree(&theirs, &ours, &who);
        took_its_time(&theirs, &least_delays(log.path()), &who);
    }
}

/// How long the lab held back at least what each address answered, in milliseconds.
fn least_delays(log: &Path) -> BTreeMap<String, f64> {
    let mut least = BTreeMap::new();
    for line in std::fs::read_to_string(log).unwrap().lines() {
        let packet: Value = serde_json::from_str(line).unwrap();
        if let (Some(ip), Some(ms)) = (packet["responder"].as_str(), packet["rtt_ms"].as_f64()) {
            let known = least.entry(ip.to_owned()).or_insert(ms);
            *known = ms.min(*known);
        }
    }
    least
}

/// No answer was there before the lab sent it, and that of the destination not so late that no busy
/// machine explains it: another unit is a thousand times as much.
fn took_its_time(traced: &Traced, least: &BTreeMap<String, f64>, who: &str) {
    const ROUNDED: f64 = 0.05; // mtr's report has one decimal
    for hop in &traced.hops {
        let (Some(ip), Some(rtt)) = (&hop.ip, hop.rtt) else { continue };
        let (delay, ttl) = (least[ip], hop.hop);
        assert!(rtt.min >= delay - ROUNDED, "{who}: TTL {ttl}: {} of {delay} ms", rtt.min);
        assert!(!hop.is_destination || rtt.min < delay * 50.0, "{who}: {} ms", rtt.min);
    }
    let destination = traced.hops.iter().find(|hop| hop.is_destination).unwrap();
    assert!(destination.rtt.is_some(), "{who}");
}

#[test]
fn scamper_run_live_is_imported_as_the_kernel_routers_are() {
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if !is_root || !is_there("scamper") {
        return; // it gives up privileges that only real root has
    }
    let lab = root().join("tests/lab/netns/lab.sh");
    // Port 80 is open, 81 is not.
    for (how, protocol, port, kind) in [
        ("trace -w 1", Protocol::Udp, Some(33435), ReplyKind::DestUnreachable),
        ("trace -w 1 -P icmp-paris", Protocol::Icmp, None, ReplyKind::EchoReply),
        ("trace -w 1 -P tcp -d 80", Protocol::Tcp, Some(80), ReplyKind::SynAck),
        ("trace -w 1 -P tcp -d 81", Protocol::Tcp, Some(81), ReplyKind::Rst),
    ] {
        let args = ["--real-root", "--", "scamper", "-O", "json", "-c", how, "-i", "10.9.0.1"];
        let output = Command::new(&lab).args(args).stdin(Stdio::null()).output().unwrap();
        let theirs = of_pipe(&[], &output.stdout);
        let trace = &theirs.traces[0];
        let path = path(&theirs, trace);
        assert_eq!(
            (path.len(), path[5].as_str(), path[7].as_str()),
            (8, "6 *", "8 10.9.0.1"),
            "{how}: {path:?}"
        );
        assert!(trace.reached && theirs.stderr.is_empty(), "{how}: {}", theirs.stderr);
        assert_eq!((trace.protocol, trace.port), (Some(protocol), port), "{how}");
        let reply = theirs.hops.last().unwrap().reply.as_ref().unwrap();
        assert_eq!((reply.kind, reply.ttl), (kind, Some(57)), "{how}");
    }
}

#[test]
fn dublin_run_live_is_imported_with_its_flows() {
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if !is_root || !is_there("dublin-traceroute") {
        return; // it wants real root
    }
    let folder = tempfile::tempdir().unwrap();
    let lab = root().join("tests/lab/netns/lab.sh").canonicalize().unwrap();
    // It looks every name up, and would wait for a resolver that the lab does not have.
    std::fs::write(folder.path().join("resolv.conf"), "nameserver 127.0.0.1\n").unwrap();
    let program =
        "mount --bind resolv.conf /etc/resolv.conf && exec dublin-traceroute -n 8 -T 9 10.9.0.1";
    let program = ["--real-root", "--", "unshare", "-m", "sh", "-c", program];
    let run = Command::new(lab).args(program).current_dir(&folder).stdin(Stdio::null()).output();
    let run = run.unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    let theirs = import(&[folder.path().join("trace.json").to_str().unwrap()]);
    assert!(theirs.stderr.is_empty() && theirs.traces[0].reached, "{}{said}", theirs.stderr);
    let seen = seen(&theirs.hops);
    let wanted = |ttl: u8| -> BTreeSet<String> {
        // Its own text: `4    10.0.4.2 (10.0.4.2), IP ID: …`.
        let rows = said.lines().filter_map(|line| line.split_once(' '));
        let rows = rows.filter(|(number, _)| number.parse() == Ok(ttl));
        rows.filter_map(|(_, rest)| Some(rest.split(['(', ')']).nth(1)?.to_owned())).collect()
    };
    for (ttl, responders) in &seen {
        assert_eq!(*responders, wanted(*ttl), "{ttl}: {said}");
    }
    assert!(seen.len() == 8 && seen.values().any(|responders| responders.len() > 1), "{seen:?}");
}

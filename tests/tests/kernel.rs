//! The tracer against real kernel routers: every target, both families, every protocol, with and
//! without privileges, from a plain vantage point and from behind a NAT. The truth comes from the
//! script that builds the lab.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tm_tests::{Traced, tool};

fn lab() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/netns/lab.sh")
}

/// The paths that are true from one vantage point.
fn truth(from: &str) -> Vec<Value> {
    let output = Command::new(lab()).arg("--truth").output().unwrap();
    let truth: Value = serde_json::from_slice(&output.stdout).unwrap();
    let paths = truth["paths"].as_array().unwrap();
    paths.iter().filter(|path| path["from"] == from).cloned().collect()
}

fn in_lab(flags: &[&str], program: &str, args: &[&str]) -> std::process::Output {
    let mut command = Command::new(lab());
    command.args(flags).arg("--").arg(program).args(args);
    command.stdin(Stdio::null()).env("XDG_CONFIG_HOME", "/nonexistent").output().unwrap()
}

fn probe(flags: &[&str], args: &[&str], targets: &[&str]) -> Traced {
    let program = tool("tm-probe").display().to_string();
    let output = in_lab(flags, &program, &[args, targets].concat());
    Traced::from(&output)
}

type Hops = BTreeMap<u64, BTreeSet<String>>;

fn true_hops(path: &Value) -> Hops {
    let hop = |hop: &Value| {
        let responders = hop["responders"].as_array().unwrap().iter();
        let responders = responders.map(|ip| canonical(ip.as_str().unwrap())).collect();
        (hop["ttl"].as_u64().unwrap(), responders)
    };
    path["hops"].as_array().unwrap().iter().map(hop).collect()
}

fn canonical(ip: &str) -> String {
    ip.parse::<std::net::IpAddr>().unwrap().to_string()
}

fn seen_hops(traced: &Traced, target: &str) -> Hops {
    let mut hops = Hops::new();
    for hop in traced.hops.iter().filter(|hop| hop.host == target) {
        let responders = hops.entry(u64::from(hop.hop)).or_default();
        responders.extend(hop.ip.clone());
    }
    hops
}

/// Every TTL is somebody whom the truth names, and silent where the truth is.
fn check_path(path: &Value, traced: &Traced, protocol: &str, what: &str) {
    let target = path["address"].as_str().unwrap();
    let (wanted, seen) = (true_hops(path), seen_hops(traced, target));
    for (ttl, responders) in &wanted {
        let seen =
            seen.get(ttl).unwrap_or_else(|| panic!("{what}: nothing of TTL {ttl}: {seen:?}"));
        assert!(
            seen.is_subset(responders),
            "{what}: TTL {ttl} is {seen:?}, in truth {responders:?}"
        );
        assert_eq!(seen.is_empty(), responders.is_empty(), "{what}: TTL {ttl}");
    }
    let trace = traced.traces.iter().find(|trace| trace.host == target).unwrap();
    let outcome = &path["outcome"];
    assert_eq!(trace.stop.unwrap().as_str(), outcome["stop"], "{what}: {trace:?}");
    assert_eq!(Value::from(trace.reached), outcome["reached"], "{what}");
    let beyond: Vec<_> = seen.iter().filter(|(ttl, _)| !wanted.contains_key(ttl)).collect();
    let expected = &outcome["replies"][protocol];
    if expected.is_null() {
        assert!(beyond.iter().all(|(_, responders)| responders.is_empty()), "{what}: {beyond:?}");
        return;
    }
    assert!(beyond.is_empty(), "{what}: {beyond:?}");
    let last = traced.hops.iter().rfind(|hop| hop.host == target).unwrap();
    let reply = serde_json::to_value(&last.reply).unwrap();
    for member in ["kind", "type", "code", "note"] {
        assert_eq!(reply[member], expected[member], "{what}: {member} of {last:?}");
    }
}

fn check_all(from: &str, privilege: &[&str], protocol: &str, args: &[&str]) {
    let paths = truth(from);
    let targets: Vec<&str> = paths.iter().map(|path| path["address"].as_str().unwrap()).collect();
    assert!(targets.len() >= 10);
    let flags = [&["--from", from], privilege].concat();
    let traced = probe(&flags, &[args, &["-w", "0.7"]].concat(), &targets);
    for path in &paths {
        let address = &path["address"];
        check_path(path, &traced, protocol, &format!("{from} {privilege:?} {args:?} {address}"));
    }
    let known: BTreeSet<String> =
        paths.iter().flat_map(|path| true_hops(path).into_values().flatten()).collect();
    for hop in &traced.hops {
        assert!(hop.ip.as_ref().is_none_or(|ip| known.contains(ip)), "a stranger: {hop:?}");
    }
}

const USER: &[&str] = &["--drop-caps", "--ping-group"];

#[test]
fn udp() {
    for privilege in [&[][..], USER] {
        check_all("src", privilege, "udp", &["-U"]);
        check_all("src", privilege, "udp:7", &["-U", "-p", "7"]);
    }
}

#[test]
fn icmp() {
    for privilege in [&[][..], USER] {
        check_all("src", privilege, "icmp", &["-I"]);
    }
}

#[test]
fn tcp() {
    for privilege in [&[][..], USER] {
        check_all("src", privilege, "tcp:80", &["-T"]);
        check_all("src", privilege, "tcp", &["-T", "-p", "81"]);
    }
}

#[test]
fn from_behind_a_nat() {
    for privilege in [&[][..], USER] {
        check_all("nat", privilege, "udp", &["-U"]);
        check_all("nat", privilege, "icmp", &["-I"]);
    }
    check_all("nat", &[], "tcp:80", &["-T"]);
}

#[test]
fn many_flows_find_the_whole_diamond_and_every_link_is_true() {
    let paths = truth("src");
    let path = paths.iter().find(|path| path["target"] == "dst" && path["family"] == 4).unwrap();
    let links: BTreeSet<(String, String)> = path["links"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| {
            (link["from"].as_str().unwrap().to_owned(), link["to"].as_str().unwrap().to_owned())
        })
        .collect();
    for privilege in [&[][..], USER] {
        let target = path["address"].as_str().unwrap();
        let traced = probe(privilege, &["-q", "1", "--flows", "64"], &[target]);
        assert_eq!(seen_hops(&traced, target), true_hops(path), "{privilege:?}");
        let seen: BTreeSet<(String, String)> = traced
            .hops
            .iter()
            .flat_map(|hop| traced.hops.iter().map(move |next| (hop, next)))
            .filter(|(hop, next)| {
                next.hop == hop.hop + 1 && hop.flows.iter().any(|flow| next.flows.contains(flow))
            })
            .filter_map(|(hop, next)| Some((hop.ip.clone()?, next.ip.clone()?)))
            .collect();
        assert_eq!(seen, links, "{privilege:?}: equal flows at neighbouring TTLs are the links");
    }
}

#[test]
fn limits_on_icmp_errors_as_linux_has_them_fake_no_loss() {
    let paths = truth("src");
    let path = paths.iter().find(|path| path["target"] == "dst" && path["family"] == 4).unwrap();
    let target = path["address"].as_str().unwrap();
    let traced = probe(&["--icmp-limits"], &[], &[target]);
    let lost: Vec<_> =
        traced.hops.iter().filter(|hop| !hop.is_timeout && hop.loss_pct > 0.0).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn traceroute_and_scamper_see_the_same_path() {
    let (target, ours) = ("10.9.0.1", probe(&[], &[], &["10.9.0.1"]));
    let wanted = truth("src");
    let wanted = true_hops(wanted.iter().find(|path| path["address"] == target).unwrap());
    let of_lines = |text: &str, skip: usize| -> Hops {
        let lines = text.lines().skip(skip);
        lines
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                let ttl = words.next()?.parse().ok()?;
                let ips = words.filter(|word| word.parse::<std::net::IpAddr>().is_ok());
                Some((ttl, ips.map(str::to_owned).collect()))
            })
            .collect()
    };
    let traceroute = in_lab(&[], "traceroute", &["-n", "-w", "0.5", target]);
    let scamper = in_lab(&["--real-root"], "scamper", &["-c", "trace -w 1", "-i", target]);
    let others = [
        ("traceroute", of_lines(&String::from_utf8_lossy(&traceroute.stdout), 1)),
        ("scamper", of_lines(&String::from_utf8_lossy(&scamper.stdout), 1)),
    ];
    let ours = seen_hops(&ours, target);
    for (name, theirs) in others {
        if name == "scamper" && theirs.is_empty() && is_no_root() {
            continue; // scamper gives up privileges that only real root has
        }
        assert_eq!(theirs.len(), ours.len(), "{name}: {theirs:?}");
        for (ttl, responders) in &theirs {
            assert!(responders.is_subset(&wanted[ttl]), "{name}: TTL {ttl}: {responders:?}");
            assert_eq!(responders.is_empty(), ours[ttl].is_empty(), "{name}: TTL {ttl}");
        }
    }
}

fn is_no_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout != b"0\n"
}

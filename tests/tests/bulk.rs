//! Bulk runs: every record against what the simulator or the kernel's routers really did, and the
//! promises about order, rate, memory and interruption.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tm_schema::{Hop, Method, Stop};
use tm_tests::{Lab, Traced, tool};

const PROTOCOLS: [&str; 3] = ["-U", "-I", "-T"];
const V4: &str = "198.51.100.9";
const V6: &str = "2001:db8:9::9";
/// All destinations of `bulk.toml`: 64 + 16 + 4 of IPv4, 64 of IPv6.
const ALL: [&str; 4] =
    ["198.51.100.128/28", "2001:db8:9::/122", "198.51.100.0/26", "198.51.100.192/30"];

/// What became of every probe, by destination and TTL.
type Truth = BTreeMap<(String, u64), Vec<Value>>;

/// A bulk run, and what the simulator saw of it, in its order.
fn bulk(topology: &str, args: &[&str]) -> (Traced, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let fixed = ["--bulk", "-w", "1", "--near-rate", "0"];
    let traced = Lab::new(topology).logged(&log).probe(&[&fixed, args].concat());
    let text = std::fs::read_to_string(log).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    // The kernel resets connections that it did not open; a SYN of ours has 24 octets.
    let header = |line: &Value| if line["dst"].as_str().unwrap().contains(':') { 40 } else { 20 };
    let is_probe = |line: &Value| line["protocol"] != 6 || line["len"] == header(line) + 24;
    (traced, lines.filter(is_probe).collect())
}

fn truth(log: &[Value]) -> Truth {
    let mut truth = Truth::new();
    for line in log {
        let key = (line["dst"].as_str().unwrap().to_owned(), line["ttl"].as_u64().unwrap());
        truth.entry(key).or_default().push(line.clone());
    }
    truth
}

/// Every hop is what the simulator did with the one probe for it, and nothing else is reported.
fn check(traced: &Traced, truth: &Truth, most_off: f64, what: &str) {
    let mut errors = Vec::new();
    for hop in &traced.hops {
        let line = &truth[&(hop.host.clone(), u64::from(hop.hop))];
        let what = format!("{what}: {} TTL {}: {line:?}\n{hop:?}", hop.host, hop.hop);
        assert_eq!((line.len(), hop.sent, hop.probes.len()), (1, 1, 1), "{what}");
        let line = &line[0];
        assert_eq!(hop.ip.as_deref(), line["responder"].as_str(), "{what}");
        assert_eq!(hop.is_timeout, hop.ip.is_none(), "{what}");
        assert_eq!(hop.received, u32::from(hop.ip.is_some()), "{what}");
        if let (Some(reply), Some(rtt)) = (&hop.reply, &hop.rtt) {
            assert_eq!(reply.kind.as_str(), line["action"], "{what}");
            errors.push(rtt.min - line["rtt_ms"].as_f64().unwrap());
        }
    }
    // Half of a tick of 64 us is the mean error where only eight octets are quoted.
    errors.sort_by(f64::total_cmp);
    let (least, median) = (errors[0], errors[errors.len() / 2]);
    assert!(least > -0.07 && median < most_off, "{what}: RTTs are off by {least} to {median}");
    for trace in &traced.traces {
        let lines = |key: &&(String, u64)| key.0 == trace.host;
        let sent = truth.keys().filter(lines).count();
        let answered =
            truth.iter().filter(|(key, line)| lines(key) && !line[0]["responder"].is_null());
        assert_eq!(trace.sent as usize, sent, "{what}: {trace:?}");
        assert_eq!(trace.received as usize, answered.count(), "{what}: {trace:?}");
        assert_eq!((trace.probes, trace.method), (Some(1), Some(Method::Paris)));
        let hops: Vec<u8> =
            traced.hops.iter().filter(|hop| hop.host == trace.host).map(|hop| hop.hop).collect();
        assert_eq!(hops, (1..=trace.hops as u8).collect::<Vec<_>>(), "{what}");
    }
}

#[test]
fn every_hop_of_every_target_is_the_truth_and_all_ttls_are_one_flow() {
    for protocol in PROTOCOLS {
        let (traced, log) =
            bulk("bulk", &[&[protocol, "--rate", "3000", "-m", "12"], &ALL[..]].concat());
        let truth = truth(&log);
        assert_eq!((traced.code, traced.traces.len()), (Some(0), 148), "{}", traced.stderr);
        // No target and TTL twice, and none left out where the target is not known to be nearer.
        assert_eq!(truth.len(), log.len(), "{protocol}");
        let quiet = truth.keys().filter(|key| key.0 == "198.51.100.193");
        assert_eq!(quiet.count(), 12, "{protocol}");
        let all = 148 * 12;
        assert!((all / 2..all * 9 / 10).contains(&log.len()), "{protocol}: {}", log.len());
        check(&traced, &truth, 5.0, protocol);
        // What a balancer hashes: ports, or the ICMP checksum and identifier.
        let hashed: &[usize] = if protocol == "-I" { &[0, 1, 2] } else { &[0, 1] };
        let mut flows: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for line in &log {
            let words: Vec<_> = hashed.iter().map(|&at| line["words"][at].to_string()).collect();
            flows.entry(line["dst"].as_str().unwrap()).or_default().insert(words.join(" "));
        }
        assert!(flows.values().all(|flows| flows.len() == 1), "{protocol}: {flows:?}");
        let at = |host: &str, ttl| {
            let found = traced.hops.iter().find(|hop| hop.host == host && hop.hop == ttl);
            found.unwrap_or_else(|| panic!("{protocol} {host} {ttl}"))
        };
        for host in [V4, V6] {
            assert_eq!(at(host, 3).mpls.len(), 2);
            assert!(
                at(host, 4).is_timeout || at(host, 4).interface.as_ref().unwrap().index == Some(7)
            );
        }
        assert!(protocol != "-U" || at("198.51.100.130", 3).nat == Some(true));
        let refused = traced.traces.iter().find(|trace| trace.host == "198.51.100.193").unwrap();
        assert_eq!((refused.stop, refused.hops), (Some(Stop::Unreachable), 3));
        assert_eq!(at("198.51.100.193", 3).reply.as_ref().unwrap().note.as_deref(), Some("!X"));
        let lost = log.iter().filter(|line| line["ttl"] == 4 && line["action"] == "lost").count();
        assert!((1..36).contains(&lost), "{lost} of 128 lost, where one in ten should be");
    }
}

#[test]
fn the_order_is_another_each_time_and_the_records_are_the_same() {
    let paths = |hops: &[Hop]| -> Vec<_> {
        hops.iter().map(|hop| (hop.host.clone(), hop.hop, hop.ip.clone())).collect()
    };
    // Sixteen targets without loss, so that nothing but the order can differ.
    let args = ["--rate", "3000", "-m", "9", "--sport", "41000", "198.51.100.128/28"];
    let ((one, first), (other, second)) = (bulk("bulk", &args), bulk("bulk", &args));
    assert_eq!(paths(&one.hops), paths(&other.hops));
    let order = |log: &[Value]| -> Vec<_> {
        log.iter().map(|line| (line["dst"].clone(), line["ttl"].clone())).collect()
    };
    let (first, second) = (order(&first), order(&second));
    assert_ne!(first, second);
    let in_order = first.windows(2).filter(|pair| pair[0].0 == pair[1].0).count();
    assert!(in_order * 4 < first.len(), "targets take turns: {in_order} of {}", first.len());
}

#[test]
fn what_others_make_up_is_not_believed_and_duplicates_count_once() {
    for protocol in PROTOCOLS {
        let (traced, log) = bulk("hostile", &[protocol, "--rate", "300", "-m", "8", V4, V6]);
        let truth = truth(&log);
        // The simulator writes 150 forgeries first, and nobody knows how long that takes.
        check(&traced, &truth, f64::INFINITY, protocol);
        assert_eq!(traced.hops.len(), 12, "{protocol}");
        for trace in &traced.traces {
            assert!(trace.ignored.duplicate >= 12 * u64::from(trace.received), "{trace:?}");
            assert!(trace.ignored.forged >= 20 * u64::from(trace.received), "{trace:?}");
        }
    }
}

#[test]
fn an_open_udp_port_does_not_say_which_probe_it_answers() {
    let (traced, _) = bulk("bulk", &["--rate", "300", "-m", "5", "198.51.100.200"]);
    let trace = &traced.traces[0];
    assert_eq!((trace.ignored.ambiguous, trace.reached, trace.received), (4, false, 1));
}

#[test]
fn kernel_routers_are_who_they_are() {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/netns/lab.sh");
    let output = Command::new(&lab).arg("--truth").output().unwrap();
    let truth: Value = serde_json::from_slice(&output.stdout).unwrap();
    let wanted = truth["paths"].as_array().unwrap().iter();
    let wanted: Vec<_> =
        wanted.filter(|path| path["from"] == "src" && path["target"] == "dst").collect();
    for protocol in PROTOCOLS {
        let mut command = Command::new(&lab);
        command.arg("--").arg(tool("tm-probe"));
        command.args(["--bulk", "-m", "12", "--rate", "50", protocol]);
        command.args(wanted.iter().map(|path| path["address"].as_str().unwrap()));
        let traced = Traced::from(&command.stdin(Stdio::null()).output().unwrap());
        for path in &wanted {
            let address: std::net::IpAddr = path["address"].as_str().unwrap().parse().unwrap();
            let trace =
                traced.traces.iter().find(|trace| trace.host == address.to_string()).unwrap();
            assert_eq!(trace.stop, Some(Stop::Destination), "{protocol}: {traced:?}");
            let hops = path["hops"].as_array().unwrap();
            assert_eq!(trace.hops as usize, hops.len(), "{protocol}: {traced:?}");
            for hop in traced.hops.iter().filter(|hop| hop.host == trace.host) {
                let responders = hops[usize::from(hop.hop) - 1]["responders"].as_array().unwrap();
                let of = |ip: &Value| {
                    ip.as_str().unwrap().parse::<std::net::IpAddr>().unwrap().to_string()
                };
                let responders: Vec<_> = responders.iter().map(of).collect();
                match &hop.ip {
                    Some(ip) => assert!(responders.contains(ip), "{protocol}: {hop:?}"),
                    None => assert!(responders.is_empty(), "{protocol}: {hop:?}"),
                }
            }
        }
    }
}

#[test]
fn the_rate_is_kept() {
    let (_, log) = bulk("bulk", &["--rate", "400", "-m", "10", "198.51.100.0/26"]);
    let times: Vec<u64> = log.iter().map(|line| line["at_us"].as_u64().unwrap()).collect();
    let window = |(at, &from): (usize, &u64)| {
        times[at..].iter().take_while(|&&time| time < from + 500_000).count()
    };
    let mut windows: Vec<usize> = times.iter().enumerate().map(window).collect();
    windows.sort_unstable();
    // A packet that the simulator was late to see has more of the others in the half second after it.
    let (most, all) = (windows[windows.len() * 9 / 10], windows[windows.len() - 1]);
    assert!(most <= 210 && all <= 300, "{most} packets in half a second, {all} once");
}

#[test]
fn near_routers_are_spared_and_what_was_left_out_is_not_called_lost() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let args =
        ["--bulk", "-w", "1", "--rate", "2000", "--near-rate", "50", "-m", "8", "198.51.100.0/26"];
    let traced = Lab::new("bulk").logged(&log).probe(&args);
    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let truth = truth(&lines);
    check_spared(&traced, &truth);
    let at = |ttl| traced.hops.iter().filter(|hop| hop.hop == ttl).count();
    assert!((1..=30).contains(&at(1)) && (1..=30).contains(&at(3)), "{} {}", at(1), at(3));
    assert_eq!(at(4), 64);
}

fn check_spared(traced: &Traced, truth: &Truth) {
    for hop in &traced.hops {
        let line = &truth[&(hop.host.clone(), u64::from(hop.hop))];
        assert_eq!(hop.ip.as_deref(), line[0]["responder"].as_str(), "{hop:?}");
    }
    for trace in &traced.traces {
        let sent = truth.keys().filter(|key| key.0 == trace.host).count();
        assert_eq!(trace.sent as usize, sent, "{trace:?}");
    }
}

#[test]
fn lists_with_mistakes_name_them_and_the_rest_is_probed() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list");
    std::fs::write(&list, format!("# mine\n{V4}\nexample.com\n\n{V4}/33\n{V6}\n{V4}\n")).unwrap();
    let list = list.display().to_string();
    let traced = Lab::new("chain").probe(&["--bulk", "-w", "0.5", "-m", "9", "--targets", &list]);
    let hosts: Vec<_> = traced.traces.iter().map(|trace| trace.host.as_str()).collect();
    assert_eq!((hosts, traced.code), (vec![V4, V6], Some(1)));
    let wanted = format!(
        "tm-probe: {list}:3: example.com: it is neither an address nor a prefix\n\
         tm-probe: {list}:5: {V4}/33: it is neither an address nor a prefix\n"
    );
    assert_eq!(traced.stderr, wanted);
    let four = Lab::new("chain").probe(&["--bulk", "-w", "0.5", "-m", "9", "-4", V4, V6]);
    assert_eq!((four.traces.len(), four.code), (1, Some(1)));
    assert_eq!(four.stderr, format!("tm-probe: argument:2: {V6}: it is not IPv4\n"));
}

#[test]
fn an_interrupted_run_writes_what_it_has_and_claims_no_more() {
    let probe = tool("tm-probe").display().to_string();
    // It is a quarter through when it is told to end.
    let script = format!(
        "{probe} --bulk --near-rate 0 --rate 100 -m 12 198.51.100.0/26 & sleep 2; kill -INT $!; wait $!"
    );
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let output = Lab::new("bulk").logged(&log).command("sh", &["-c", &script]).output().unwrap();
    let traced = Traced::from(&output);
    assert_eq!(traced.code, Some(130));
    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!((1..64 * 12).contains(&lines.len()), "{}", lines.len());
    let sent: u32 = traced.traces.iter().map(|trace| trace.sent).sum();
    assert_eq!(sent as usize, lines.len(), "what was sent, and nothing else");
    let truth = truth(&lines);
    check_spared(&traced, &truth);
    assert!(traced.traces.iter().any(|trace| trace.stop == Some(Stop::Interrupted)));
    assert!(traced.hops.iter().any(|hop| hop.ip.is_some()));
}

#[test]
fn without_privileges_it_says_what_it_needs() {
    let traced = Lab::new("chain").unprivileged().probe(&["--bulk", V4]);
    assert_eq!(traced.code, Some(2));
    assert!(
        traced.stderr.contains("CAP_NET_RAW") && traced.stderr.lines().count() == 1,
        "{}",
        traced.stderr
    );
}

/// The most memory that a run over so many targets took, in KiB.
fn memory(targets: u32) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list");
    let mut text = String::new();
    // Every other address, so that no two are one range.
    for n in 0..targets {
        writeln!(text, "{}", std::net::Ipv4Addr::from_bits(0x6440_0000 + 2 * n)).unwrap();
    }
    std::fs::write(&list, text).unwrap();
    // Nearly all probes are left out: it is about what is kept of each target and probe.
    let probe = tool("tm-probe").display().to_string();
    let list = list.display().to_string();
    let args = ["-c", PEAK, &probe, "--bulk", "-m", "2", "-w", "0.1", "--rate", "0"];
    let args = [&args[..], &["--near-rate", "500", "--targets", &list]].concat();
    let output = Lab::new("fanout").command("python3", &args).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.trim().parse().unwrap_or_else(|_| panic!("{output:?}"))
}

/// Runs its arguments and prints the most memory that they took.
const PEAK: &str = "
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
";

#[test]
fn memory_follows_the_lines_of_the_list_and_not_the_probes() {
    let (few, many) = (memory(2_000), memory(200_000));
    // 200 MB for a million lines leave 40 MB for these.
    assert!(many < 60_000, "{many} KiB");
    assert!(many < few + 40_000, "{few} {many} KiB");
}

#[test]
fn every_command_of_the_page_runs() {
    let folder = tempfile::tempdir().unwrap();
    match tm_tests::docs::Page::open("docs/bulk.md", folder.path()).run() {
        Ok(ran) => assert!(ran >= 2),
        Err(wrong) => panic!("{wrong}"),
    }
}

#[test]
fn what_it_cannot_do_is_refused_and_not_left_out() {
    for other in [&["--mtu"][..], &["--stop-set", "seen"], &["--discover-paths"]] {
        let mut command = Command::new(tool("tm-probe"));
        let output = command.arg("--bulk").args(other).stdin(Stdio::null()).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let is_told = stderr.contains(other[0]) && stderr.contains("cannot be used with");
        assert!(output.status.code() == Some(2) && is_told, "{other:?}: {stderr}");
    }
}

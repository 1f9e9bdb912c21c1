//! What other traceroutes write, imported: samples whose truth is known, programs run live in the
//! labs and compared with tm-probe, and all that cannot be read.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tm_schema::{Confidence, Hop, Method, Mtu, MtuLimit, Protocol, ReplyKind, Stop, Trace};
use tm_tests::{Lab, Traced, tool};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sample(name: &str) -> String {
    format!("tests/fixtures/import/{name}")
}

fn text_of(name: &str) -> Vec<u8> {
    std::fs::read(root().join(sample(name))).unwrap()
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(tool("tm-import"));
    command.args(args).current_dir(root()).env("XDG_CONFIG_HOME", "/nonexistent");
    command
}

fn import(args: &[&str]) -> Traced {
    Traced::from(&command(args).stdin(Stdio::null()).output().unwrap())
}

/// Imports what stands on stdin.
fn piped(args: &[&str], input: &[u8]) -> Output {
    let mut command = command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join();
    output
}

fn of_pipe(args: &[&str], input: &[u8]) -> Traced {
    Traced::from(&piped(args, input))
}

/// The hops of one trace, `TTL responder`.
fn path(traced: &Traced, trace: &Trace) -> Vec<String> {
    let of_trace = traced.hops.iter().filter(|hop| hop.trace_id == trace.trace_id);
    of_trace.map(|hop| format!("{} {}", hop.hop, hop.ip.as_deref().unwrap_or("*"))).collect()
}

fn first_path(traced: &Traced) -> String {
    path(traced, &traced.traces[0]).join(", ")
}

const TOUR: &str = "1 192.168.1.1, 2 100.64.0.1, 3 *, 4 203.0.113.17";

#[test]
fn every_sample_is_told_apart_and_keeps_the_published_schema() {
    let published = std::fs::read_to_string(root().join("docs/schema.json")).unwrap();
    let published: Value = serde_json::from_str(&published).unwrap();
    let validator = jsonschema::validator_for(&published).unwrap();
    let samples = [
        ("traceroute.txt", "traceroute", 1),
        ("traceroute6.txt", "traceroute", 1),
        ("traceroute-mtu.txt", "traceroute", 1),
        ("traceroute-narrow.txt", "traceroute", 2),
        ("traceroute-many.txt", "traceroute", 5),
        ("inetutils.txt", "traceroute", 1),
        ("bsd.txt", "bsd", 2),
        ("tracert.txt", "tracert", 1),
        ("tracert-de.txt", "tracert", 1),
        ("tracert-zh.txt", "tracert", 1),
        ("tracert-unreachable.txt", "tracert", 1),
        ("mtr.json", "mtr-json", 1),
        ("mtr-old.json", "mtr-json", 1),
        ("mtr-report.txt", "mtr-report", 1),
        ("mtr-report-wide.txt", "mtr-report", 1),
        ("mtr.csv", "mtr-csv", 1),
        ("mtr-raw.txt", "mtr-raw", 3),
        ("scamper.json", "scamper", 3),
        ("scamper-warts2json.json", "scamper", 2),
        ("scamper-tracelb.json", "scamper", 1),
        ("trippy.json", "trippy", 1),
        ("mtr-nobody.json", "mtr-json", 1),
        ("nexttrace.json", "nexttrace-json", 1),
        ("nexttrace-raw.txt", "nexttrace-raw", 2),
        ("nexttrace-classic.txt", "nexttrace-raw", 1),
        ("dublin.json", "dublin", 1),
        ("atlas.json", "ripe-atlas", 6),
        ("atlas.ndjson", "ripe-atlas", 6),
        ("globalping.json", "globalping", 4),
        ("paris.txt", "paris", 1),
        ("tracemap.json", "tracemap", 1),
        ("tracemap-watch.jsonl", "tracemap", 2),
    ];
    let there = std::fs::read_dir(root().join(sample(""))).unwrap().count();
    assert_eq!(there, samples.len() + 1, "every sample is tested, and README.md");
    for (name, format, traces) in samples {
        let output = command(&["-v", &sample(name)]).stdin(Stdio::null()).output().unwrap();
        let traced = Traced::from(&output);
        assert_eq!(traced.code, Some(0), "{name}: {}", traced.stderr);
        assert!(
            traced.stderr.contains(&format!("{name}: read as {format}\n")),
            "{}",
            traced.stderr
        );
        assert_eq!(traced.traces.len(), traces, "{name}");
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            assert!(validator.is_valid(&record), "{name}: {line}");
        }
        let named = import(&["--from", format, &sample(name)]);
        assert_eq!((named.hops, named.traces), (traced.hops, traced.traces), "{name}");
    }
}

#[test]
fn counts_and_statistics_agree_in_every_record() {
    for entry in std::fs::read_dir(root().join(sample(""))).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name == "README.md" {
            continue;
        }
        let traced = import(&[&sample(&name)]);
        let known: BTreeSet<_> = traced.traces.iter().map(|trace| &trace.trace_id).collect();
        assert_eq!(known.len(), traced.traces.len(), "{name}: ids differ");
        for hop in &traced.hops {
            assert!(known.contains(&hop.trace_id), "{name}: {hop:?}");
            assert!(hop.received <= hop.sent, "{name}: {hop:?}");
            assert_eq!(hop.loss_pct, tm_schema::loss_pct(hop.sent, hop.received), "{name}");
            assert_eq!(hop.ip.is_none(), hop.is_timeout, "{name}: {hop:?}");
            assert!(hop.ip.is_some() || (hop.rtt.is_none() && hop.reply.is_none()), "{name}");
            assert!(hop.rtt.is_none_or(|rtt| rtt.min <= rtt.avg && rtt.avg <= rtt.max), "{name}");
            assert!(hop.probes.iter().all(|probe| probe.ok || probe.rtt_ms.is_none()), "{name}");
        }
    }
}

#[test]
fn the_same_file_gives_the_same_ids_wherever_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["traceroute-many.txt", "atlas.json", "mtr-raw.txt", "tracemap.json"] {
        let copy = folder.path().join(name);
        std::fs::write(&copy, text_of(name)).unwrap();
        let ids = |traced: Traced| -> Vec<String> {
            traced.traces.into_iter().map(|trace| trace.trace_id).collect()
        };
        let first = ids(import(&[&sample(name)]));
        assert_eq!(first, ids(import(&[copy.to_str().unwrap()])), "{name}");
        assert_eq!(first, ids(of_pipe(&["--at", "2020-01-01T00:00:00Z"], &text_of(name))));
    }
    let array = import(&[&sample("atlas.json")]);
    let version = |id: &str| id.as_bytes()[14];
    assert!(array.traces.iter().all(|trace| version(&trace.trace_id) == b'7'));
    let silent = import(&[&sample("traceroute.txt")]);
    assert_eq!(version(&silent.traces[0].trace_id), b'8', "the time is not known");
}

#[test]
fn linux_traceroute_says_how_large_datagrams_may_be() {
    let traced = import(&[&sample("traceroute-narrow.txt")]);
    // What the interface takes is not told from what the kernel remembers of the path.
    let unsaid = Some(Mtu { octets: Some(1500), limit: None });
    let told = |octets| Some(Mtu { octets: Some(octets), limit: Some(MtuLimit::Reported) });
    for trace in &traced.traces {
        let mine = traced.hops.iter().filter(|hop| hop.trace_id == trace.trace_id);
        let mut mtus: Vec<(u8, Option<Mtu>)> = mine.map(|hop| (hop.hop, hop.mtu)).collect();
        mtus.dedup();
        let mtus: Vec<Option<Mtu>> = mtus.into_iter().map(|(_, mtu)| mtu).collect();
        // Hop 6 is silent; hop 7 answered what came by it.
        assert_eq!(mtus[..5], [unsaid; 5]);
        assert_eq!(mtus[5..], [told(1400), told(1400), told(1300)]);
    }
    let plain = import(&[&sample("traceroute.txt")]);
    assert!(plain.hops.iter().all(|hop| hop.mtu.is_none()));
}

#[test]
fn linux_traceroute_says_who_answered_which_probe() {
    let traced = import(&[&sample("traceroute.txt")]);
    assert!(first_path(&traced).starts_with(TOUR), "{}", first_path(&traced));
    let balanced: Vec<&Hop> = traced.hops.iter().filter(|hop| hop.hop == 5).collect();
    assert!(balanced.len() > 1 && balanced.iter().all(|hop| hop.sent == 3 && hop.received == 3));
    assert_eq!(balanced.iter().map(|hop| hop.probes.len()).sum::<usize>(), 3);
    let labels: Vec<u32> =
        traced.hops.iter().flat_map(|hop| &hop.mpls).map(|label| label.label).collect();
    assert_eq!(labels, [24015, 24107, 16005]);
    let trace = &traced.traces[0];
    assert!(trace.reached && trace.stop == Some(Stop::Destination) && trace.max_hops == Some(30));
    assert_eq!((trace.protocol, trace.method), (None, Some(Method::Classic)), "it does not say");
    assert_eq!(traced.hops[0].reply.as_ref().unwrap().kind, ReplyKind::TimeExceeded);
    assert!(
        traced.hops.last().unwrap().reply.is_none(),
        "how the destination answered is not said"
    );
    let many = import(&[&sample("traceroute-many.txt")]);
    let ends: Vec<_> = many
        .traces
        .iter()
        .map(|trace| {
            let last = many.hops.iter().rfind(|hop| hop.trace_id == trace.trace_id).unwrap();
            (trace.stop.unwrap(), last.reply.as_ref().and_then(|reply| reply.note.clone()))
        })
        .collect();
    let refused = |note: &str| (Stop::Unreachable, Some(note.to_owned()));
    assert_eq!(ends[..3], [refused("!N"), refused("!H"), refused("!X")]);
    assert_eq!((&ends[3], &ends[4]), (&(Stop::Destination, None), &refused("!N")));
    assert_eq!(many.traces[3].protocol, Some(Protocol::Tcp), "a SYN-ACK is the answer to a SYN");
}

#[test]
fn bsd_continues_a_hop_on_other_lines() {
    let traced = import(&[&sample("bsd.txt")]);
    assert_eq!(
        first_path(&traced),
        "1 192.168.1.1, 2 *, 3 203.0.113.33, 3 203.0.113.35, 4 203.0.113.65"
    );
    let at = |n: usize| &traced.hops[n];
    assert_eq!(at(2).probes.len(), 2);
    assert_eq!(at(2).asn.as_ref().unwrap().number, Some(64500));
    assert_eq!(at(3).dns.as_ref().unwrap().hostname.as_deref(), Some("b.example.net"));
    assert_eq!((at(4).reply.as_ref().unwrap().code, at(4).mpls[0].label), (Some(10), 24015));
    assert_eq!(traced.traces[1].source_ip.as_deref(), Some("2001:db8::2"));
}

#[test]
fn tracert_is_read_in_any_language_and_encoding() {
    let english = import(&[&sample("tracert.txt")]);
    assert_eq!(first_path(&english), "1 192.168.1.1, 2 *, 3 203.0.113.33, 4 198.51.100.9");
    let trace = &english.traces[0];
    assert_eq!((trace.host.as_str(), trace.max_hops), ("www.example.net", Some(30)));
    assert_eq!((trace.protocol, trace.platform.as_str()), (Some(Protocol::Icmp), "windows"));
    let bounds: Vec<_> = english.hops[0].probes.iter().map(|p| (p.rtt_ms, p.at_most)).collect();
    assert_eq!(bounds, [(Some(1.0), true), (Some(1.0), false), (Some(1.0), true)]);
    let facts = |traced: &Traced| {
        let hops = traced.hops.iter();
        hops.map(|hop| (hop.ip.clone(), hop.probes.clone(), hop.sent)).collect::<Vec<_>>()
    };
    for name in ["tracert-de.txt", "tracert-zh.txt"] {
        let other = import(&[&sample(name)]);
        assert_eq!(facts(&other), facts(&english), "{name}");
        assert_eq!(other.traces[0].max_hops, Some(30), "{name}");
        let text = String::from_utf8(text_of(name)).unwrap().replace('\n', "\r\n");
        let utf16: Vec<u8> =
            format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(facts(&of_pipe(&[], &utf16)), facts(&english), "{name} as UTF-16");
    }
    // An OEM code page: the words are no UTF-8, the numbers are.
    let oem: Vec<u8> = String::from_utf8(text_of("tracert-de.txt"))
        .unwrap()
        .chars()
        .map(|c| if c.is_ascii() { c as u8 } else { 0x81 })
        .collect();
    assert_eq!(facts(&of_pipe(&[], &oem)), facts(&english));
    let refused = import(&[&sample("tracert-unreachable.txt")]);
    assert_eq!(refused.traces[0].stop, Some(Stop::Unreachable));
}

#[test]
fn mtr_gives_statistics_and_what_it_does_not_give_stays_unknown() {
    for name in ["mtr.json", "mtr-report.txt", "mtr.csv"] {
        let traced = import(&[&sample(name), "--host", "198.51.100.9"]);
        assert!(first_path(&traced).starts_with(TOUR), "{name}: {}", first_path(&traced));
        let (first, silent) = (&traced.hops[0], &traced.hops[2]);
        let rtt = first.rtt.unwrap();
        assert!(rtt.stddev.is_some() && rtt.median.is_none() && rtt.jitter.is_none(), "{name}");
        assert!(first.probes.is_empty() && first.sent == 4 && first.received == 4, "{name}");
        assert!(silent.rtt.is_none() && silent.sent == 4 && silent.loss_pct == 100.0, "{name}");
        assert!(traced.traces[0].reached && traced.traces[0].protocol.is_none(), "{name}");
    }
    let csv = import(&[&sample("mtr.csv")]);
    assert_eq!(
        (csv.traces[0].version.as_str(), csv.traces[0].host.as_str()),
        ("0.95", "198.51.100.9")
    );
    let old = import(&[&sample("mtr-old.json")]);
    assert!(
        old.stderr.contains("mtr-old.json:6: report.hubs[3].host: invalid type"),
        "{}",
        old.stderr
    );
    assert!(old.stderr.contains("names responders without their addresses"), "{}", old.stderr);
    assert_eq!(first_path(&old), "1 192.168.1.1, 2 *, 3 core.example.net");
    let single = old.hops[2].rtt.unwrap();
    assert_eq!((single.median, single.jitter), (Some(11.4), Some(0.0)), "one answer says all");
    let wide = import(&[&sample("mtr-report-wide.txt")]);
    assert_eq!(wide.traces[0].started_at.to_string(), "2026-11-25T09:16:07.000000Z");
    assert_eq!(wide.hops[1].mpls[0].label, 24015);
    assert!(wide.hops[2].rtt.is_none() && wide.hops[2].ip.as_deref() == Some("203.0.113.35"));
}

#[test]
fn every_cycle_of_mtr_is_a_round_that_ends_at_the_destination() {
    let traced = import(&["--host", "198.51.100.9", "-P", "icmp", &sample("mtr-raw.txt")]);
    let rounds: Vec<u64> = traced.traces.iter().map(|trace| trace.round).collect();
    assert_eq!(rounds, [1, 2, 3]);
    for trace in &traced.traces {
        assert_eq!(path(&traced, trace).len(), 6, "nothing beyond the destination");
        assert!(trace.reached && trace.protocol == Some(Protocol::Icmp));
    }
    assert_eq!(traced.hops[2].mpls.len(), 2);
}

#[test]
fn scamper_fills_the_silence_and_its_balanced_paths_keep_their_flows() {
    let traced = import(&[&sample("scamper.json")]);
    assert_eq!(path(&traced, &traced.traces[0])[5..], ["6 *", "7 10.0.7.1", "8 10.9.0.1"]);
    assert_eq!((traced.hops[5].sent, traced.hops[5].received), (2, 0), "both attempts");
    let stops: Vec<_> = traced.traces.iter().map(|trace| trace.stop.unwrap()).collect();
    assert_eq!(stops, [Stop::Destination, Stop::Unreachable, Stop::GapLimit]);
    assert!(traced.traces.iter().all(|trace| trace.method == Some(Method::Paris)));
    let lb = import(&[&sample("scamper-tracelb.json")]);
    let links: BTreeSet<(String, String)> = links(&lb.hops);
    assert!(links.contains(&("10.0.2.1".to_owned(), "10.0.3.2".to_owned())), "{links:?}");
    assert!(!links.contains(&("10.0.3.1".to_owned(), "10.0.4.3".to_owned())), "{links:?}");
    assert_eq!(lb.traces[0].method, Some(Method::Mda));
    let v6 = import(&[&sample("scamper-warts2json.json")]);
    assert!(v6.hops.iter().filter_map(|hop| hop.reply.as_ref()).all(|reply| reply.ttl.is_some()));
}

/// Responders at neighbouring TTLs that one flow met.
fn links(hops: &[Hop]) -> BTreeSet<(String, String)> {
    let pairs = hops.iter().flat_map(|hop| hops.iter().map(move |next| (hop, next)));
    pairs
        .filter(|(hop, next)| {
            next.hop == hop.hop + 1 && hop.flows.iter().any(|flow| next.flows.contains(flow))
        })
        .filter_map(|(hop, next)| Some((hop.ip.clone()?, next.ip.clone()?)))
        .collect()
}

#[test]
fn trippy_numbers_are_texts_and_its_failed_look_ups_are_no_names() {
    let traced = import(&[&sample("trippy.json")]);
    assert_eq!(first_path(&traced).split(", ").last(), Some("6 198.51.100.9"));
    assert!(traced.traces[0].reached && traced.hops.iter().all(|hop| hop.received == 3));
    assert!(traced.hops.iter().all(|hop| hop.dns.is_none()), "`Timeout: …` is no name");
    assert!(
        traced.hops.iter().all(|hop| hop.rtt.unwrap().jitter.is_none()),
        "its jitter is another"
    );
    assert_eq!(traced.hops[2].mpls.len(), 2);
}

#[test]
fn nexttrace_counts_nanoseconds_and_null_island_is_no_place() {
    let traced = import(&["--host", "203.0.113.35", &sample("nexttrace.json")]);
    let (first, third) = (&traced.hops[0], &traced.hops[2]);
    assert_eq!((first.rtt.unwrap().avg, first.sent, first.geo.clone()), (0.8123, 2, None));
    let geo = third.geo.as_ref().unwrap();
    assert_eq!(
        (geo.lat, geo.city.as_deref(), geo.country.as_deref()),
        (Some(50.11), Some("Frankfurt"), Some("Germany"))
    );
    assert_eq!(
        (geo.source.as_deref(), geo.confidence),
        (Some("nexttrace/LeoMoeAPI"), Some(Confidence::Low))
    );
    assert_eq!(third.asn.as_ref().unwrap().prefix.as_deref(), Some("203.0.113.0/24"));
    assert_eq!(third.mpls[0].label, 24015);
    assert!(traced.traces[0].reached);
}

#[test]
fn nexttrace_raw_is_rounds_of_probes() {
    let traced = import(&[
        "--host",
        "198.51.100.9",
        "--at",
        "2026-11-25T10:00:00Z",
        &sample("nexttrace-raw.txt"),
    ]);
    let rounds: Vec<String> = traced.traces.iter().map(|at| path(&traced, at).join(", ")).collect();
    let wanted = |third: &str| format!("1 192.168.1.1, 2 *, 3 {third}, 4 198.51.100.9");
    assert_eq!(rounds, [wanted("203.0.113.33"), wanted("203.0.113.35")]);
    assert!(traced.traces.iter().all(|trace| trace.reached) && traced.stderr.is_empty());
    let third = &traced.hops[2];
    assert_eq!(third.asn.as_ref().unwrap().number, Some(64500));
    let geo = third.geo.as_ref().unwrap();
    assert_eq!((geo.lat, geo.city.as_deref()), (Some(50.11), Some("Frankfurt")));
    assert_eq!(traced.hops[3].geo.as_ref().unwrap().lat, None, "a country is no point");
    let classic = import(&[&sample("nexttrace-classic.txt"), "--host", "x"]);
    let counts: Vec<(u8, u32, u32)> =
        classic.hops.iter().map(|hop| (hop.hop, hop.sent, hop.received)).collect();
    assert_eq!(counts, [(1, 2, 2), (2, 2, 0), (3, 2, 2), (3, 2, 2)]);
    assert!(classic.hops[0].geo.is_none(), "0,0 is no place");
}

#[test]
fn dublin_keeps_its_flows_and_its_swapped_codes_are_put_right() {
    let traced = import(&[&sample("dublin.json")]);
    assert_eq!(traced.stderr, "");
    let trace = &traced.traces[0];
    assert_eq!((trace.source_ip.as_deref(), trace.host.as_str()), (Some("10.0.0.1"), "10.9.0.1"));
    assert_eq!((trace.protocol, trace.reached, trace.hops), (Some(Protocol::Udp), true, 8));
    assert_eq!(trace.started_at.to_string(), "2026-11-25T14:55:17.710911Z");
    assert_eq!(
        traced.hops.last().unwrap().probes[2].at.unwrap().to_string(),
        "2026-11-25T14:55:18.046023Z"
    );
    let fourth: Vec<_> = traced
        .hops
        .iter()
        .filter(|hop| hop.hop == 4)
        .map(|hop| (hop.ip.as_deref(), &hop.flows))
        .collect();
    assert_eq!(fourth, [(Some("10.0.4.2"), &vec![33434, 33436]), (Some("10.0.4.3"), &vec![33435])]);
    let kinds: BTreeSet<_> = traced
        .hops
        .iter()
        .filter_map(|hop| hop.reply.as_ref())
        .map(|at| (at.icmp_type, at.code))
        .collect();
    assert_eq!(kinds, BTreeSet::from([(Some(3), Some(3)), (Some(11), Some(0))]));
    assert_eq!((traced.hops[0].sent, traced.hops[0].received), (3, 2), "one was not answered");
    assert!(traced.hops.iter().any(|hop| hop.hop == 6 && hop.is_timeout && hop.sent == 3));
}

#[test]
fn mtr_json_of_a_trace_that_nobody_answered_is_one_without_hops() {
    let traced = import(&[&sample("mtr-nobody.json")]);
    assert_eq!((traced.hops.len(), traced.traces[0].reached), (0, false), "{}", traced.stderr);
    assert_eq!(traced.traces[0].host, "198.51.100.9");
}

#[test]
fn atlas_results_are_traces_with_their_own_vantage() {
    let traced = import(&[&sample("atlas.json")]);
    let lines = import(&[&sample("atlas.ndjson")]);
    let facts = |traced: &Traced| -> Vec<_> {
        traced.hops.iter().map(|hop| (hop.ip.clone(), hop.hop, hop.at, hop.sent)).collect()
    };
    assert_eq!(facts(&traced), facts(&lines), "an array is the same as lines");
    let probes: Vec<&str> = traced.traces.iter().map(|trace| trace.platform.as_str()).collect();
    let of = |ids: [u32; 6]| ids.map(|id| format!("ripe-atlas probe {id}"));
    assert_eq!(probes, of([190, 191, 192, 193, 21, 194]));
    let third: Vec<&Hop> = traced.hops.iter().filter(|hop| hop.hop == 3).collect();
    assert_eq!(
        (third.len(), third[0].sent, third[0].received),
        (2, 3, 2),
        "late and dup are not counted"
    );
    assert_eq!((traced.traces[0].ignored.late, traced.traces[0].ignored.duplicate), (1, 1));
    assert_eq!(
        (third[0].reply.as_ref().unwrap().ttl, third[0].mpls[0].label),
        (Some(246), 347_296)
    );
    assert_eq!(
        traced.traces[0].source_ip.as_deref(),
        Some("198.18.7.7"),
        "not the one behind the NAT"
    );
    let last_resort = &traced.traces[1];
    assert_eq!(path(&traced, last_resort), ["1 192.168.0.1"], "TTL 255 is no hop of the path");
    assert_eq!((last_resort.stop, last_resort.reached), (Some(Stop::GapLimit), true));
    for failed in &traced.traces[2..4] {
        assert_eq!(failed.stop, Some(Stop::Error), "{failed:?}");
    }
    assert!(traced.traces[2].error.as_ref().unwrap().contains("name resolution failed"));
    assert!(traced.traces[4].reached, "firmware 1 has the text of a traceroute");
    assert!(
        traced.stderr.contains("atlas.json:11: type: `ping` is no traceroute"),
        "{}",
        traced.stderr
    );
    assert!(
        traced.stderr.contains("atlas.json:12: result[0].result[0].rtt: invalid type"),
        "{}",
        traced.stderr
    );
    assert_eq!(path(&traced, &traced.traces[5]), ["2 203.0.113.33"], "the rest of it survives");
}

#[test]
fn globalping_keeps_the_text_that_says_more() {
    let traced = import(&[&sample("globalping.json")]);
    assert_eq!(first_path(&traced), "1 172.17.0.1, 2 *, 3 203.0.113.33, 4 198.51.100.9");
    assert_eq!((traced.hops[2].sent, traced.hops[2].received), (2, 1), "the text shows the loss");
    let trace = &traced.traces[0];
    assert_eq!(
        (trace.protocol, trace.platform.as_str()),
        (Some(Protocol::Udp), "globalping probe Frankfurt, DE, AS64500")
    );
    assert_eq!(trace.started_at.to_string(), "2026-11-25T10:00:00.123000Z");
    assert_eq!(traced.traces[2].error.as_deref(), Some("Private IP ranges are not allowed."));
    let mtr = path(&traced, &traced.traces[3]);
    assert_eq!(mtr, ["1 172.17.0.1", "2 198.51.100.9"], "nothing beyond the destination");
}

#[test]
fn paris_is_one_flow_and_a_label_without_its_bits_is_left_out() {
    let traced = import(&[&sample("paris.txt")]);
    let trace = &traced.traces[0];
    assert_eq!(
        (trace.protocol, trace.port, trace.method),
        (Some(Protocol::Udp), Some(33457), Some(Method::Paris))
    );
    assert_eq!((trace.source_ip.as_deref(), trace.reached), (Some("192.168.1.127"), true));
    assert!(traced.hops.iter().filter(|hop| !hop.is_timeout).all(|hop| hop.flows == [0]));
    assert!(traced.hops.iter().all(|hop| hop.mpls.is_empty()));
}

#[test]
fn the_python_document_is_read_with_its_makeshift_places_marked_low() {
    let traced = import(&[&sample("tracemap.json")]);
    assert_eq!(
        first_path(&traced),
        "1 192.168.1.1, 2 *, 3 [redacted:c59920ae1ad2], 4 198.51.100.9"
    );
    assert_eq!((traced.hops[0].sent, traced.hops[0].received), (3, 2));
    assert_eq!(traced.hops[2].geo.as_ref().unwrap().confidence, Some(Confidence::Low));
    assert_eq!((traced.hops[3].geo.clone(), traced.hops[3].is_destination), (None, true));
    let trace = &traced.traces[0];
    assert_eq!((trace.timeout_s, trace.platform.as_str()), (Some(2.0), "Linux 6.18.5"));
    assert_eq!(trace.started_at.to_string(), "2026-11-25T10:00:00.000000Z");
    let watch = import(&[&sample("tracemap-watch.jsonl")]);
    assert_eq!(watch.traces[1].started_at.to_string(), "2026-11-25T10:00:30.000000Z");
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_survives() {
    let mut text = String::from_utf8(text_of("traceroute.txt")).unwrap();
    text = text.replace(" 4  203.0.113.17", "$ echo \u{1b}[2J\n 4  203.0.113.17");
    let traced = of_pipe(&[], text.as_bytes());
    assert_eq!((traced.code, traced.traces.len()), (Some(0), 1));
    assert!(traced.stderr.contains("stdin:5: no line of a traceroute\n"), "{}", traced.stderr);
    assert!(first_path(&traced).starts_with(TOUR));
    let strict = piped(&["--strict"], text.as_bytes());
    assert_eq!(strict.status.code(), Some(2));
    let hostile =
        "traceroute to x (192.0.2.1), 30 hops max, 60 byte packets\n 1  \u{1b}[2J  1 ms\n";
    let traced = of_pipe(&[], hostile.as_bytes());
    assert!(traced.stderr.contains(r"stdin:2: `\u{1b}[2J` is neither"), "{}", traced.stderr);
    let torn = [text_of("atlas.ndjson").as_slice(), b"{\"fw\":5020,\"result\":[{\n"].concat();
    let traced = of_pipe(&[], &[&torn, text_of("atlas.ndjson").as_slice()].concat());
    assert_eq!(traced.traces.len(), 12, "{}", traced.stderr);
    assert!(traced.stderr.contains("stdin:8: the value is cut short"), "{}", traced.stderr);
}

#[test]
fn an_input_without_a_trace_is_an_error_and_the_others_are_imported() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let cases = [
        (file("prose", "Dear NOC,\nit is slow.\n"), "it looks like no format that is known"),
        (file("empty", ""), "it is empty"),
        (file("ours", "{\"type\":\"hop\",\"v\":1,\"trace_id\":\"t\"}\n"), "hop records already"),
        (
            file("ping", "{\"fw\":5020,\"type\":\"ping\",\"result\":[]}\n"),
            "there is no trace in it",
        ),
        ("/nonexistent".to_owned(), "cannot read"),
    ];
    for (path, reason) in cases {
        let traced = import(&[&path, &sample("tracemap.json")]);
        assert_eq!((traced.code, traced.traces.len()), (Some(2), 1), "{path}: {}", traced.stderr);
        assert!(traced.stderr.contains(reason), "{path}: {}", traced.stderr);
    }
}

#[test]
fn the_time_that_a_source_does_not_say_is_assumed_aloud_and_once() {
    let traced = import(&[&sample("traceroute-many.txt")]);
    assert_eq!(traced.stderr.matches("it does not say when it was traced").count(), 1);
    let told = import(&["--at", "2020-02-03T04:05:06+01:00", &sample("traceroute-many.txt")]);
    assert_eq!(told.stderr, "");
    assert!(told.hops.iter().all(|hop| hop.at.to_string() == "2020-02-03T03:05:06.000000Z"));
}

#[test]
fn a_pipe_is_read_as_it_comes() {
    let mut command = command(&["--host", "x"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for cycle in 0..4 {
        writeln!(stdin, "x 0 {cycle}\nh 0 10.0.0.1\np 0 900 {cycle}").unwrap();
    }
    stdin.flush().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("\"round\":1"), "a round is out while mtr still runs: {first}");
    drop(stdin);
    assert_eq!(lines.count(), 7);
    assert!(child.wait().unwrap().success());
}

#[test]
fn memory_is_bounded_whatever_the_length() {
    let one = String::from_utf8(text_of("atlas.ndjson")).unwrap();
    let one = one.lines().next().unwrap();
    for (open, between, close) in [("[", ",", "]"), ("", "\n", "\n"), ("", "", "")] {
        let text = format!("{open}{}{close}", vec![one; 40_000].join(between));
        assert!(text.len() > 40 << 20);
        let mut command = Command::new("bash");
        let program = tool("tm-import");
        // Address space, which is more than what is used: the input alone would not fit.
        command.args(["-c", "ulimit -v 40000; exec \"$0\" | wc -l", program.to_str().unwrap()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "240000", "{between:?}");
    }
}

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
        let output = Lab::new("tour").command(program, args).output().unwrap();
        let theirs = of_pipe(&["--host", target], &output.stdout);
        let who = format!("{program} {args:?}: {}", theirs.stderr);
        assert!(theirs.traces[0].reached, "{who}");
        agree(&theirs, &ours, &who);
        let ours = ours.hops.last().unwrap().rtt.unwrap().min;
        let theirs = theirs.hops.last().unwrap().rtt.unwrap().min;
        assert!((ours - theirs).abs() < 15.0, "{who}: {ours} and {theirs} ms");
    }
}

#[test]
fn scamper_run_live_is_imported_as_the_kernel_routers_are() {
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if !is_root || !is_there("scamper") {
        return; // it gives up privileges that only real root has
    }
    let lab = root().join("tests/lab/netns/lab.sh");
    let args = ["--real-root", "--", "scamper", "-O", "json", "-c", "trace -w 1", "-i", "10.9.0.1"];
    let output = Command::new(lab).args(args).stdin(Stdio::null()).output().unwrap();
    let theirs = of_pipe(&[], &output.stdout);
    let path = path(&theirs, &theirs.traces[0]);
    assert_eq!(
        (path.len(), path[5].as_str(), path[7].as_str()),
        (8, "6 *", "8 10.9.0.1"),
        "{path:?}"
    );
    assert!(theirs.traces[0].reached && theirs.stderr.is_empty(), "{}", theirs.stderr);
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

/// The console examples of the page: what follows `$ ` is run by bash, and the lines below it are
/// what it writes.
#[test]
fn the_examples_of_the_page_do_what_it_says() {
    let page = std::fs::read_to_string(root().join("docs/import.md")).unwrap();
    let tools = tool("tm-import");
    let path = format!("{}:{}", tools.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut examples = 0;
    for block in page.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for example in block.split("$ ").skip(1) {
            let (line, wanted) = example.split_once('\n').unwrap();
            let mut command = Command::new("bash");
            command
                .args(["-c", &format!("{{ {line}; }} 2>&1")])
                .current_dir(root())
                .env("PATH", &path);
            let output = command.env("XDG_CONFIG_HOME", "/nonexistent").output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), wanted, "{line}");
            examples += 1;
        }
    }
    assert!(examples >= 4, "{examples}");
}

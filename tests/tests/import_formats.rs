//! What other traceroutes write, imported: samples whose truth is known, program by program.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tm_schema::{Confidence, Hop, Method, Mtu, MtuLimit, Protocol, ReplyKind, Stop};
use tm_tests::Traced;
use tm_tests::importing::{TOUR, first_path, import, of_pipe, path, sample, text_of};

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

/// What Atlas says of one answer at the first hop, imported.
fn atlas(target: &str, hops: &Value) -> Traced {
    let result = json!({"fw": 5080, "type": "traceroute", "timestamp": 1_665_720_353,
        "dst_name": "example.com", "dst_addr": target, "src_addr": "192.0.2.1", "result": hops});
    of_pipe(&["--from", "ripe-atlas"], result.to_string().as_bytes())
}

#[test]
fn atlas_letters_are_the_codes_that_its_probes_write_them_for() {
    let (v4, v6) = (("10.0.0.1", "198.51.100.9"), ("fd00::1", "2001:db8::9"));
    // As the probes' own program and the documentation of its results have them.
    for (ips, err, icmp_type, code, note) in [
        (v4, json!("N"), 3, 0, "!N"),
        (v4, json!("H"), 3, 1, "!H"),
        (v4, json!("P"), 3, 2, "!P"),
        (v4, json!("p"), 3, 3, "!<3>"),
        (v4, json!("A"), 3, 13, "!X"),
        (v4, json!(10), 3, 10, "!<10>"),
        (v4, json!("10"), 3, 10, "!<10>"),
        (v6, json!("N"), 1, 0, "!N"),
        (v6, json!("A"), 1, 1, "!X"),
        (v6, json!("h"), 1, 2, "!S"),
        (v6, json!("H"), 1, 3, "!H"),
        (v6, json!("p"), 1, 4, "!<4>"),
        (v6, json!("P"), 4, 1, "!P"),
        (v6, json!(5), 1, 5, "!<5>"),
    ] {
        let answer = json!({"from": ips.0, "ttl": 63, "rtt": 1.5, "size": 28, "err": err});
        let traced = atlas(ips.1, &json!([{"hop": 1, "result": [answer]}]));
        let reply = traced.hops[0].reply.as_ref().unwrap();
        let found = (reply.icmp_type, reply.code, reply.ttl, reply.note.as_deref());
        assert_eq!(found, (Some(icmp_type), Some(code), Some(63), Some(note)), "{ips:?} {err}");
        assert_eq!(reply.kind, ReplyKind::DestUnreachable, "{ips:?} {err}");
        let trace = &traced.traces[0];
        assert_eq!((trace.stop, trace.reached), (Some(Stop::Unreachable), false), "{ips:?} {err}");
    }
    for strange in [json!("Q"), json!("300"), json!(-1), json!(null)] {
        let answer = json!({"from": "10.0.0.1", "ttl": 63, "rtt": 1.5, "err": strange});
        let traced = atlas("198.51.100.9", &json!([{"hop": 1, "result": [answer]}]));
        let reply = traced.hops[0].reply.as_ref().unwrap();
        let shown = strange.as_str().map_or(strange.to_string(), str::to_owned);
        let wanted = match &strange {
            Value::Null => (ReplyKind::TimeExceeded, None),
            _ => (ReplyKind::DestUnreachable, Some(format!("!<{shown}>"))),
        };
        assert_eq!((reply.kind, reply.note.clone()), wanted, "{strange}");
        assert_eq!(reply.code, None, "{strange}");
    }
    // A closed port is how a destination answers UDP.
    let answer = json!({"from": "198.51.100.9", "ttl": 63, "rtt": 1.5, "err": "p"});
    let traced = atlas("198.51.100.9", &json!([{"hop": 1, "result": [answer]}]));
    assert_eq!(traced.hops[0].reply.as_ref().unwrap().note, None);
    assert_eq!(traced.traces[0].stop, Some(Stop::Destination));
}

#[test]
fn atlas_tells_what_was_too_large_and_how_a_port_answered() {
    for (ip, target, code) in
        [("10.0.0.1", "198.51.100.9", (3, 4)), ("fd00::1", "2001:db8::9", (2, 0))]
    {
        let answer = json!({"from": ip, "ttl": 64, "mtu": 1400, "rtt": 1.5, "size": 28});
        let traced = atlas(target, &json!([{"hop": 1, "result": [answer]}]));
        let reply = traced.hops[0].reply.as_ref().unwrap();
        assert_eq!((reply.icmp_type, reply.code), (Some(code.0), Some(code.1)));
        assert_eq!(
            (reply.kind, reply.note.as_deref()),
            (ReplyKind::DestUnreachable, Some("!F-1400"))
        );
    }
    let of_flags = |flags: &str| {
        let answer = json!({"from": "198.51.100.9", "ttl": 60, "rtt": 1.5, "flags": flags});
        let traced = atlas("198.51.100.9", &json!([{"hop": 1, "result": [answer]}]));
        assert!(traced.traces[0].reached, "{flags}");
        traced.hops[0].reply.as_ref().map(|reply| (reply.kind, reply.ttl))
    };
    assert_eq!(of_flags("SA"), Some((ReplyKind::SynAck, Some(60))));
    assert_eq!(of_flags("RA"), Some((ReplyKind::Rst, Some(60))));
    assert_eq!(of_flags("R"), Some((ReplyKind::Rst, Some(60))));
    assert_eq!(of_flags("FA"), None, "neither open nor closed");
}

#[test]
fn what_an_atlas_probe_could_not_send_is_an_error_and_no_silence() {
    let heard = json!({"from": "10.0.0.1", "ttl": 64, "rtt": 1.5, "size": 28});
    let refused = json!({"error": "sendto failed: Operation not permitted"});
    let told = Some("sendto failed: Operation not permitted".to_owned());
    for (hops, wanted) in [
        (json!([{"hop": 1, "result": [refused]}]), vec![]),
        (json!([{"hop": 1, "error": refused["error"]}]), vec![]),
        (json!([{"hop": 1, "result": [heard, refused]}]), vec![1]),
        (json!([{"hop": 1, "result": [heard]}, {"hop": 2, "result": [refused]}]), vec![1]),
        (
            json!([{"hop": 1, "result": [{"x": "*"}]}, {"hop": 2, "error": refused["error"]}]),
            vec![1],
        ),
    ] {
        let traced = atlas("198.51.100.9", &hops);
        let ttls: Vec<u8> = traced.hops.iter().map(|hop| hop.hop).collect();
        let trace = &traced.traces[0];
        assert_eq!((ttls, &trace.error), (wanted, &told), "{hops}");
        assert_eq!((trace.stop, trace.reached), (Some(Stop::Error), false), "{hops}");
    }
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

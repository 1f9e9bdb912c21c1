//! `tm-diff` as a user meets it: two files in, what differs out.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use tm_tests::hop_line::{hop, lines};
use tm_tests::{Lab, tool};

const HOST: &str = "198.51.100.9";

/// The folder of one test and the files in it.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, records: &[Value]) -> PathBuf {
        self.text(name, &lines(records))
    }

    fn text(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(tool("tm-diff"));
        command.current_dir(self.0.path()).args(args).env_clear().env("HOME", self.0.path());
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Standard output and the exit code, where nothing is wrong.
    fn diff(&self, args: &[&str]) -> (String, i32) {
        let output = self.run(args);
        assert!(output.stderr.is_empty(), "{output:?}");
        (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
    }

    /// The comparisons, as NDJSON.
    fn compared(&self, args: &[&str]) -> Vec<Value> {
        let (text, code) = self.diff(&[&["--format", "ndjson"], args].concat());
        let all: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let same = all.iter().all(|one| one["same"] == true);
        assert_eq!(code, i32::from(!same), "{text}");
        all
    }

    /// Compares two paths of one round each.
    fn paths(&self, a: &[Value], b: &[Value], args: &[&str]) -> Value {
        self.file("a", &round(1, a));
        self.file("b", &round(1, b));
        self.compared(&[&["a", "b"], args].concat()).remove(0)
    }
}

/// One answer of each of `flows` flows, around `rtt` ms.
fn seen(ip: &str, rtt: f64, flows: u16) -> Value {
    let probe =
        |flow| json!({"rtt_ms": rtt + f64::from(flow % 7) * 0.01, "ok": true, "flow": flow});
    let probes: Vec<Value> = (0..flows).map(probe).collect();
    let flow_ids: Vec<u16> = (0..flows).collect();
    with(
        hop(1, ip, rtt),
        &json!({
            "probes": probes, "flows": flow_ids, "sent": flows, "received": flows,
            "rtt": {"min": rtt, "avg": rtt, "median": rtt, "max": rtt, "stddev": 0.0, "jitter": 0.0},
            "is_destination": ip == HOST, "host": "example.com", "resolved_ip": HOST,
        }),
    )
}

fn silent(sent: u32) -> Value {
    with(
        hop(1, "", 0.0),
        &json!({
            "ip": null, "probes": [], "flows": [], "sent": sent, "received": 0, "loss_pct": 100.0,
            "rtt": null, "reply": null, "is_timeout": true, "resolved_ip": HOST,
        }),
    )
}

fn with(mut record: Value, members: &Value) -> Value {
    let object = record.as_object_mut().unwrap();
    object.extend(members.as_object().unwrap().clone());
    record
}

/// Routers and then the destination, each met by 16 flows after `ttl` ms.
fn path(routers: &[&str]) -> Vec<Value> {
    let all = routers.iter().copied().chain([HOST]);
    all.zip(1..).map(|(ip, ttl)| seen(ip, f64::from(ttl), 16)).collect()
}

/// Numbers the hops and ends the trace. An array is several responders of one TTL.
fn round(number: u64, hops: &[Value]) -> Vec<Value> {
    let about = json!({
        "trace_id": format!("019abf00-0000-7000-8000-{number:012}"), "round": number,
        "at": format!("2026-11-24T10:{number:02}:00.000000Z"),
    });
    let mut records = Vec::new();
    for (at, ttl) in hops.iter().zip(1..) {
        let several = at.as_array().cloned().unwrap_or(vec![at.clone()]);
        records
            .extend(several.into_iter().map(|hop| with(with(hop, &about), &json!({"hop": ttl}))));
    }
    let reached = records.iter().any(|hop| hop["is_destination"] == true);
    let first = records[0].clone();
    records.push(with(
        about.clone(),
        &json!({
            "type": "trace", "v": 1, "host": first["host"], "resolved_ip": first["resolved_ip"],
            "source_ip": null, "protocol": first["protocol"], "port": first["port"], "tool": "test",
            "version": "0", "platform": "x", "max_hops": 30, "probes": 16, "timeout_s": 2.0,
            "method": "paris", "started_at": about["at"], "completed_at": about["at"],
            "reached": reached, "stop": if reached { "destination" } else { "gap_limit" },
            "error": null, "hops": hops.len(), "responded": 1, "sent": 1, "received": 1,
        }),
    ));
    records
}

fn counts(comparison: &Value) -> String {
    let counts = comparison["counts"].as_object().unwrap();
    counts.iter().map(|(name, count)| format!("{name}={count}")).collect::<Vec<_>>().join(" ")
}

fn verdicts(comparison: &Value) -> String {
    let hops = comparison["hops"].as_array().unwrap();
    hops.iter().map(|hop| hop["verdict"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_trace_and_itself_do_not_differ() {
    let desk = Desk::new();
    desk.file("a", &round(1, &path(&["192.0.2.1", "192.0.2.2"])));
    let (text, code) = desk.diff(&["a", "a"]);
    assert_eq!(code, 0);
    assert!(text.contains("# ┆ Trace A IP") && text.ends_with("No difference.\n"), "{text}");
}

#[test]
fn one_hop_more_among_thirty_is_one_difference() {
    let desk = Desk::new();
    let routers: Vec<String> = (1..30).map(|n| format!("192.0.2.{n}")).collect();
    let routers: Vec<&str> = routers.iter().map(String::as_str).collect();
    let mut more = routers.clone();
    more.insert(3, "203.0.113.7");
    let there = desk.paths(&path(&routers), &path(&more), &["--ignore", "rtt"]);
    assert_eq!((counts(&there).as_str(), &there["differences"]), ("inserted=1", &json!(1)));
    let back = desk.paths(&path(&more), &path(&routers), &["--ignore", "rtt"]);
    assert_eq!(counts(&back), "removed=1");
    let (text, code) = desk.diff(&["a", "b", "--ignore", "rtt"]);
    assert!(
        code == 1 && text.contains("1 difference: 1 removed.") && text.contains("4→ "),
        "{text}"
    );
}

#[test]
fn a_router_is_replaced_in_its_as_across_ases_or_nobody_knows() {
    let desk = Desk::new();
    let of_as = |ip: &str, number: u32| {
        with(seen(ip, 3.0, 16), &json!({"asn": {"number": number, "source": "table"}}))
    };
    let through = |hop: Value| vec![of_as("192.0.2.1", 7922), hop, of_as(HOST, 15169)];
    let before = through(of_as("192.0.2.2", 7922));
    let inside = desk.paths(&before, &through(of_as("192.0.2.3", 7922)), &[]);
    assert_eq!(counts(&inside), "replaced_in_as=1");
    let across = desk.paths(&before, &through(of_as("192.0.2.3", 1299)), &[]);
    assert_eq!(counts(&across), "as_path=1 replaced_across_as=1");
    let (text, _) = desk.diff(&["a", "b"]);
    assert!(text.contains("AS path: 7922 > 15169 → 7922 > 1299 > 15169"), "{text}");
    let unknown = desk.paths(&before, &through(seen("192.0.2.3", 3.0, 16)), &[]);
    assert_eq!(counts(&unknown), "replaced=1", "an AS that nobody knows is no other AS");
    let ignored = desk.paths(&before, &through(of_as("192.0.2.3", 1299)), &["--ignore", "asn"]);
    assert_eq!(counts(&ignored), "replaced=1");
}

#[test]
fn an_as_whose_hops_are_silent_has_not_left_the_path() {
    let desk = Desk::new();
    let of_as = |ip: &str, number: u32| {
        with(seen(ip, 3.0, 16), &json!({"asn": {"number": number, "source": "table"}}))
    };
    let before = [of_as("192.0.2.1", 1), of_as("192.0.2.2", 2), of_as(HOST, 3)];
    let after = [of_as("192.0.2.1", 1), silent(16), of_as(HOST, 3)];
    assert_eq!(counts(&desk.paths(&before, &after, &[])), "silent_now=1");
}

#[test]
fn routers_that_change_places_have_moved() {
    let desk = Desk::new();
    let (before, after) =
        (["192.0.2.1", "192.0.2.2", "192.0.2.3"], ["192.0.2.2", "192.0.2.3", "192.0.2.1"]);
    let moved = desk.paths(&path(&before), &path(&after), &["--ignore", "rtt"]);
    assert_eq!(counts(&moved), "moved=1");
    let (text, _) = desk.diff(&["a", "b", "--ignore", "rtt"]);
    assert!(text.contains("moved to 3") && text.contains("moved from 1"), "{text}");
}

#[test]
fn silence_counts_where_the_hop_used_to_answer() {
    let desk = Desk::new();
    let whole = path(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    let mut gap = whole.clone();
    gap[1] = silent(16);
    assert_eq!(counts(&desk.paths(&whole, &gap, &[])), "silent_now=1");
    assert_eq!(counts(&desk.paths(&gap, &whole, &[])), "answering_now=1");
    assert_eq!(counts(&desk.paths(&gap, &whole, &["--ignore", "silence"])), "");
    let mut seldom = whole.clone();
    seldom[1] = with(seen("192.0.2.2", 2.0, 1), &json!({"sent": 16, "received": 1}));
    let limited = desk.paths(&seldom, &gap, &[]);
    assert_eq!(counts(&limited), "", "one answer in sixteen is next to silence");
    assert_eq!(limited["hops"][1]["answers_seldom"], true);
}

#[test]
fn a_tail_that_fell_silent_is_one_difference() {
    let desk = Desk::new();
    let whole = path(&["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]);
    let cut = [&whole[..2], &[silent(16), silent(16), silent(16)]].concat();
    let lost = desk.paths(&whole, &cut, &[]);
    assert_eq!(counts(&lost), "reached=1");
    assert_eq!(verdicts(&lost), "same same silent_now silent_now silent_now");
    let (text, _) = desk.diff(&["a", "b"]);
    assert!(text.contains("Reached: yes → no"), "{text}");
    assert_eq!(counts(&desk.paths(&cut, &whole, &[])), "reached=1");
    assert_eq!(counts(&desk.paths(&whole, &cut, &["--ignore", "reached"])), "silent_now=1");
}

#[test]
fn what_was_not_probed_is_not_compared() {
    let desk = Desk::new();
    let whole = round(1, &path(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]));
    let from_third: Vec<Value> = whole
        .iter()
        .filter(|record| record["hop"].as_u64().is_none_or(|ttl| ttl >= 3))
        .cloned()
        .collect();
    desk.file("whole", &whole);
    desk.file("part", &from_third);
    let comparison = desk.compared(&["whole", "part"]).remove(0);
    assert_eq!(
        (counts(&comparison).as_str(), verdicts(&comparison).as_str()),
        ("", "unknown unknown same same")
    );
    desk.file("open", &whole[..2]);
    let open = desk.compared(&["open", "whole", "--ignore", "reached"]).remove(0);
    assert_eq!(
        verdicts(&open),
        "same same unknown unknown",
        "a trace without end says nothing of it"
    );
}

#[test]
fn two_runs_over_a_load_balancer_are_the_same_path() {
    let desk = Desk::new();
    for (name, flags) in
        [("a", ["--flows", "16"]), ("b", ["--flows", "16"]), ("few", ["--flows", "3"])]
    {
        let probe = tool("tm-probe").display().to_string();
        let output =
            Lab::new("diamond").command(&probe, &[&flags[..], &[HOST]].concat()).output().unwrap();
        desk.text(name, &String::from_utf8(output.stdout).unwrap());
    }
    let many = desk.compared(&["a", "b", "--rtt-threshold", "20"]).remove(0);
    assert_eq!(
        (counts(&many).as_str(), many["hops"][2]["a"]["ips"].as_array().unwrap().len()),
        ("", 4)
    );
    for (one, other) in [("a", "few"), ("few", "a")] {
        let few = desk.compared(&[one, other, "--rtt-threshold", "20"]).remove(0);
        assert_eq!(counts(&few), "", "{few}");
    }
}

#[test]
fn one_flow_each_cannot_tell_a_balancer_from_a_new_route_and_says_so() {
    let desk = Desk::new();
    let through = |ip| [seen("192.0.2.1", 1.0, 1), seen(ip, 2.0, 1), seen(HOST, 3.0, 1)];
    let one = desk.paths(&through("192.0.2.2"), &through("192.0.2.3"), &[]);
    assert_eq!(
        (counts(&one).as_str(), &one["hops"][1]["may_be_balancing"]),
        ("replaced=1", &json!(true))
    );
    let (text, _) = desk.diff(&["a", "b"]);
    assert!(text.contains("(or balanced)") && text.contains("--flows 16"), "{text}");
    let ignored =
        desk.paths(&through("192.0.2.2"), &through("192.0.2.3"), &["--ignore", "balancing"]);
    assert_eq!(counts(&ignored), "");
    // Two rounds of one run share the flow: a balancer would have led it the same way.
    desk.file("log", &[round(1, &through("192.0.2.2")), round(2, &through("192.0.2.3"))].concat());
    let log = desk.compared(&["log", "--ignore", "balancing"]).remove(0);
    assert_eq!(
        (counts(&log).as_str(), log["hops"][1].get("may_be_balancing")),
        ("replaced=1", None)
    );
}

#[test]
fn a_balancer_that_lost_a_member_differs_if_enough_flows_say_so() {
    let desk = Desk::new();
    let half = |ip: &str, first: u16, flows: u16| {
        let all = seen(ip, 2.0, flows);
        let ids: Vec<u16> = (first..first + flows).collect();
        with(all, &json!({"flows": ids, "sent": 2 * flows, "received": 2 * flows}))
    };
    let two = |flows| json!([half("192.0.2.2", 0, flows), half("192.0.2.3", flows, flows)]);
    let around = |middle: Value| vec![seen("192.0.2.1", 1.0, 16), middle, seen(HOST, 3.0, 16)];
    let gone = desk.paths(&around(two(16)), &around(seen("192.0.2.2", 2.0, 32)), &[]);
    assert_eq!(counts(&gone), "members=1");
    assert_eq!(gone["hops"][1]["changes"][0]["gone"], json!(["192.0.2.3"]));
    let few = desk.paths(&around(two(2)), &around(seen("192.0.2.2", 2.0, 4)), &[]);
    assert_eq!(counts(&few), "", "four flows may all go one way");
    let others = json!([half("192.0.2.4", 0, 2), half("192.0.2.5", 2, 2)]);
    let balanced = desk.paths(&around(two(2)), &around(others), &[]);
    assert_eq!(verdicts(&balanced), "same balanced same");
    assert_eq!(counts(&balanced), "");
}

#[test]
fn a_delay_counts_once_where_it_begins_and_only_if_it_goes_on() {
    let desk = Desk::new();
    let at = |delays: [f64; 4], flows| -> Vec<Value> {
        let ips = ["192.0.2.1", "192.0.2.2", "192.0.2.3", HOST];
        ips.iter().zip(delays).map(|(ip, ms)| seen(ip, ms, flows)).collect()
    };
    let before = at([1.0, 2.0, 3.0, 4.0], 16);
    let later = desk.paths(&before, &at([1.0, 2.0, 43.0, 44.0], 16), &[]);
    assert_eq!(counts(&later), "rtt=1");
    assert_eq!(later["hops"][2]["changes"][0]["shift"], "onset");
    assert_eq!(later["hops"][3]["changes"][0]["shift"], "carried");
    let local = desk.paths(&before, &at([1.0, 22.0, 3.0, 4.0], 16), &[]);
    assert_eq!(
        (counts(&local).as_str(), &local["hops"][1]["changes"][0]["shift"]),
        ("", &json!("local"))
    );
    let (text, _) = desk.diff(&["a", "b"]);
    assert!(text.contains("~ RTT +20.0 ms"), "{text}");
    for (threshold, wanted) in
        [("50", ""), ("50ms", ""), ("2000%", ""), ("30", "rtt=1"), ("500%", "rtt=1")]
    {
        let after = at([1.0, 2.0, 43.0, 44.0], 16);
        let compared = desk.paths(&before, &after, &["--rtt-threshold", threshold]);
        assert_eq!(counts(&compared), wanted, "{threshold}");
    }
    assert_eq!(counts(&desk.paths(&before, &at([1.0, 2.0, 3.5, 4.5], 16), &[])), "", "below 1 ms");
    // Three probes show nothing alone; three hops in a row do.
    let few = at([1.0, 2.0, 3.0, 4.0], 3);
    let two = desk.paths(&few, &at([1.0, 2.0, 43.0, 44.0], 3), &[]);
    assert_eq!(
        (counts(&two).as_str(), &two["hops"][2]["changes"][0]["shift"]),
        ("", &json!("unsure"))
    );
    assert_eq!(counts(&desk.paths(&few, &at([1.0, 42.0, 43.0, 44.0], 3), &[])), "rtt=1");
}

#[test]
fn loss_counts_if_it_goes_on_to_the_end_and_chance_does_not_explain_it() {
    let desk = Desk::new();
    let lossy = |received: [u64; 3]| -> Vec<Value> {
        let ips = ["192.0.2.1", "192.0.2.2", HOST];
        let hop = |(ip, received): (&&str, u64)| {
            with(seen(ip, 2.0, 100), &json!({"sent": 100, "received": received}))
        };
        ips.iter().zip(received).map(hop).collect()
    };
    let whole = lossy([100, 100, 100]);
    let lost = desk.paths(&whole, &lossy([100, 80, 78]), &[]);
    assert_eq!(
        (counts(&lost).as_str(), &lost["hops"][1]["changes"][0]["shift"]),
        ("loss=1", &json!("onset"))
    );
    assert!(lost["hops"][1]["changes"][0]["p"].as_f64().unwrap() < 1e-5, "{lost}");
    assert_eq!(counts(&desk.paths(&whole, &lossy([100, 98, 99]), &[])), "");
    let limited = desk.paths(&whole, &lossy([100, 20, 100]), &[]);
    assert_eq!(
        (counts(&limited).as_str(), &limited["hops"][1]["changes"][0]["shift"]),
        ("", &json!("local"))
    );
    assert_eq!(counts(&desk.paths(&whole, &lossy([100, 80, 78]), &["--ignore", "loss"])), "");
}

#[test]
fn what_is_said_of_a_hop_is_compared_and_each_part_can_be_ignored() {
    let desk = Desk::new();
    let facts = |name: &str, city: &str, number: u32, label: u32, note: Value| {
        let reply =
            json!({"kind": "dest_unreachable", "type": 3, "code": 13, "ttl": 60, "note": note});
        let middle = with(
            seen("192.0.2.2", 2.0, 16),
            &json!({
                "dns": {"hostname": name, "source": "x"}, "geo": {"city": city, "country_code": "DE", "source": "x"},
                "asn": {"number": number, "source": "x"}, "reply": reply,
                "mpls": [{"label": label, "tc": 0, "bottom": true, "ttl": 1}],
            }),
        );
        [seen("192.0.2.1", 1.0, 16), middle, seen(HOST, 3.0, 16)]
    };
    let before = facts("a.example", "Berlin", 1, 24001, Value::Null);
    let after = facts("b.example", "Hamburg", 2, 24002, json!("!X"));
    let all = desk.paths(&before, &after, &[]);
    assert_eq!(counts(&all), "as_path=1 mpls=1 name=1 origin=1 place=1 reply=1");
    let (text, _) = desk.diff(&["a", "b"]);
    for said in [
        "name a.example →",
        "AS1 → AS2",
        "place Berlin, DE →",
        "MPLS 24001 → 24002",
        "reply plain → !X",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    for (aspect, gone) in
        [("dns", "name"), ("geo", "place"), ("asn", "origin"), ("mpls", "mpls"), ("reply", "reply")]
    {
        let rest = desk.paths(&before, &after, &["--ignore", aspect]);
        assert!(
            rest["counts"].get(gone).is_none() && rest["differences"].as_u64() >= Some(4),
            "{aspect}: {rest}"
        );
    }
    let none = desk.paths(&before, &after, &["--ignore", "dns,geo,asn,mpls,reply"]);
    assert_eq!(counts(&none), "");
    let failed =
        with(seen("192.0.2.2", 2.0, 16), &json!({"dns": {"error": "timeout", "source": "x"}}));
    let unasked = [seen("192.0.2.1", 1.0, 16), failed, seen(HOST, 3.0, 16)];
    let rest = desk.paths(&before, &unasked, &["--ignore", "mpls,reply"]);
    assert_eq!(counts(&rest), "", "what could not be looked up has not changed");
}

#[test]
fn another_address_of_the_same_name_is_a_difference_that_can_be_ignored() {
    let desk = Desk::new();
    let to = |ip: &str| -> Vec<Value> {
        let end = with(seen(ip, 3.0, 16), &json!({"is_destination": true}));
        [seen("192.0.2.1", 1.0, 16), end]
            .into_iter()
            .map(|hop| with(hop, &json!({"resolved_ip": ip})))
            .collect()
    };
    let moved = desk.paths(&to("198.51.100.1"), &to("198.51.100.2"), &[]);
    assert_eq!(counts(&moved), "replaced=1 target=1");
    let ignored = desk.paths(&to("198.51.100.1"), &to("198.51.100.2"), &["--ignore", "target"]);
    assert_eq!(counts(&ignored), "");
}

/// Rounds 1 to 4 by one way, 5 to 8 by another.
fn log() -> Vec<Value> {
    let old = path(&["192.0.2.1", "192.0.2.2"]);
    let new = path(&["192.0.2.1", "192.0.2.3"]);
    (1..=8).flat_map(|n| round(n, if n < 5 { &old } else { &new })).collect()
}

#[test]
fn the_rounds_of_a_log_are_chosen_by_place_time_or_id() {
    let desk = Desk::new();
    desk.file("log", &log());
    let sides = |args: &[&str]| {
        let compared = desk.compared(&[args, &["log"]].concat()).remove(0);
        let at = |side: &str| {
            let about = &compared[side];
            let minute =
                |member: &str| about[member].as_str().unwrap()[14..16].parse::<u64>().unwrap();
            (minute("first_at"), minute("last_at"), about["rounds"].as_u64().unwrap())
        };
        (at("a"), at("b"), counts(&compared))
    };
    let changed = || "replaced=1".to_owned();
    assert_eq!(sides(&[]), ((1, 1, 1), (8, 8, 1), changed()));
    assert_eq!(sides(&["--last"]), ((7, 7, 1), (8, 8, 1), String::new()));
    assert_eq!(sides(&["--at", "2026-11-24T10:02:30"]), ((2, 2, 1), (8, 8, 1), changed()));
    let two = ["--at", "2026-11-24 10:03", "--at", "2026-11-24T11:04:59+01:00"];
    assert_eq!(sides(&two), ((3, 3, 1), (4, 4, 1), String::new()));
    assert_eq!(sides(&["--split", "2026-11-24T10:05"]), ((1, 4, 4), (5, 8, 4), changed()));
    let ids = [
        "--trace",
        "019abf00-0000-7000-8000-000000000004",
        "--trace",
        "019abf00-0000-7000-8000-000000000006",
    ];
    assert_eq!(sides(&ids), ((4, 4, 1), (6, 6, 1), changed()));
    let from_file = desk.compared(&["log", "log", "--last"]).remove(0);
    assert_eq!(counts(&from_file), "");
    for (args, says) in [
        (&["log", "--trace", "019abf00"][..], "several traces"),
        (&["log", "--trace", "77"], "no trace has the id"),
        (&["log", "--last", "--split", "2026-11-24"], "cannot be used with"),
        (&["log", "log", "--split", "2026-11-24"], "parts one file"),
        (&["log", "--at", "2026-11-23"], "no such trace"),
        (&["log", "--at", "noon"], "it must be a time"),
        (&["log", "--host", "nobody.example"], "no such trace"),
    ] {
        let output = desk.run(args);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && stderr.contains(says), "{args:?}: {stderr}");
    }
}

#[test]
fn all_rounds_of_two_logs_are_laid_over_each_other() {
    let desk = Desk::new();
    let old = path(&["192.0.2.1", "192.0.2.2"]);
    let new = path(&["192.0.2.1", "192.0.2.3"]);
    let day = |hops: &[Value]| (1..=50).flat_map(|n| round(n, hops)).collect::<Vec<_>>();
    desk.file("monday", &day(&old));
    desk.file("tuesday", &day(&new));
    let compared = desk.compared(&["monday", "tuesday"]).remove(0);
    assert_eq!((counts(&compared).as_str(), &compared["a"]["rounds"]), ("replaced=1", &json!(50)));
    // One round by another way in fifty is not the usual path.
    let flap = [day(&old), round(51, &new)].concat();
    desk.file("flap", &flap);
    let rare = desk.compared(&["monday", "flap"]).remove(0);
    assert_eq!(counts(&rare), "");
    assert_eq!(rare["hops"][1]["b"]["rare"], json!(["192.0.2.3"]));
    let (text, _) = desk.diff(&["monday", "flap"]);
    assert!(text.contains("1 rare responder left out"), "{text}");
    let shown = desk.compared(&["monday", "flap", "--rare", "0"]).remove(0);
    assert_eq!(shown["hops"][1]["b"]["ips"], json!(["192.0.2.2", "192.0.2.3"]));
}

#[test]
fn an_id_names_its_file_and_the_other_is_taken_whole() {
    let desk = Desk::new();
    desk.file("log", &log());
    desk.file("good", &round(59, &path(&["192.0.2.1", "192.0.2.2"])));
    let id = "019abf00-0000-7000-8000-000000000003";
    let compared = desk.compared(&["good", "log", "--trace", id]).remove(0);
    assert_eq!((&compared["b"]["trace_id"], &compared["b"]["rounds"]), (&json!(id), &json!(1)));
    assert_eq!(compared["a"]["rounds"], 1);
}

#[test]
fn a_round_without_end_is_not_the_last_one() {
    let desk = Desk::new();
    let mut torn = log();
    torn.pop();
    desk.file("torn", &torn);
    let compared = desk.compared(&["torn", "--last"]).remove(0);
    let ends =
        (compared["a"]["trace_id"].as_str().unwrap(), compared["b"]["trace_id"].as_str().unwrap());
    assert!(ends.0.ends_with('6') && ends.1.ends_with('7'), "{ends:?}");
}

#[test]
fn hosts_are_paired_and_one_that_only_one_side_has_differs() {
    let desk = Desk::new();
    let of = |host: &str, hops: &[Value]| -> Vec<Value> {
        let hops: Vec<Value> =
            hops.iter().map(|hop| with(hop.clone(), &json!({"host": host}))).collect();
        let id = json!({"trace_id": format!("id-of-{host}")});
        round(1, &hops).into_iter().map(|record| with(record, &id)).collect()
    };
    let (old, new) = (path(&["192.0.2.1", "192.0.2.2"]), path(&["192.0.2.1", "192.0.2.3"]));
    desk.file("a", &[of("one", &old), of("two", &old), of("three", &old)].concat());
    desk.file("b", &[of("two", &new), of("one", &old), of("four", &old)].concat());
    let all = desk.compared(&["a", "b"]);
    let said: Vec<(&str, String)> =
        all.iter().map(|one| (one["host"].as_str().unwrap(), counts(one))).collect();
    let missing = || "missing=1".to_owned();
    let wanted = [
        ("one", String::new()),
        ("two", "replaced=1".to_owned()),
        ("three", missing()),
        ("four", missing()),
    ];
    assert_eq!(said, wanted);
    let (text, _) = desk.diff(&["a", "b"]);
    assert!(text.contains("only A has it") && text.contains("only B has it"), "{text}");
    assert_eq!(desk.compared(&["a", "b", "--host", "one"]).len(), 1);
    desk.file("lone", &of("elsewhere", &old));
    desk.file("other", &of("somewhere", &old));
    let lone = desk.compared(&["lone", "other"]);
    assert_eq!((lone.len(), counts(&lone[0])), (1, String::new()), "the only two are meant");
}

#[test]
fn families_and_protocols_of_a_host_are_not_mixed() {
    let desk = Desk::new();
    let four = round(1, &path(&["192.0.2.1"]));
    let six: Vec<Value> = round(2, &path(&["2001:db8::1"]))
        .into_iter()
        .map(|record| with(record, &json!({"resolved_ip": "2001:db8::9"})))
        .collect();
    let tcp: Vec<Value> = round(3, &path(&["192.0.2.7"]))
        .into_iter()
        .map(|record| with(record, &json!({"protocol": "tcp", "port": 443})))
        .collect();
    desk.file("a", &[four.clone(), six.clone(), tcp.clone()].concat());
    desk.file("b", &[tcp, four, six].concat());
    let all = desk.compared(&["a", "b"]);
    assert!(all.len() == 3 && all.iter().all(|one| one["same"] == true), "{all:?}");
}

#[test]
fn a_name_that_did_not_resolve_is_compared_by_its_error() {
    let desk = Desk::new();
    let good = round(1, &path(&["192.0.2.1"]));
    let end = with(
        good.last().unwrap().clone(),
        &json!({
            "resolved_ip": null, "reached": false, "stop": "error", "error": "no such name", "hops": 0,
        }),
    );
    desk.file("a", &good);
    desk.file("b", &[end]);
    let (text, code) = desk.diff(&["a", "b"]);
    assert!(
        code == 1
            && text.contains("Error in B: no such name")
            && text.contains("Reached: yes → no"),
        "{text}"
    );
}

#[test]
fn what_strangers_wrote_stays_text_in_every_format() {
    let desk = Desk::new();
    let evil = "x\u{1b}[2J\u{202e}|`<img src=x>`[a](javascript:b)\n@team *_~\\";
    let hostile = |ip: &str, city: &str| -> Vec<Value> {
        let facts = json!({
            "ip": ip, "host": evil, "dns": {"hostname": evil.to_owned() + city, "source": evil},
            "geo": {"city": evil.to_owned() + city, "country_code": evil, "source": evil},
        });
        vec![with(seen("x", 1.0, 16), &facts), seen(HOST, 2.0, 16)]
            .into_iter()
            .map(|hop| with(hop, &json!({"host": evil, "resolved_ip": evil})))
            .collect()
    };
    desk.file("a", &round(1, &hostile(evil, "one")));
    desk.file("b", &round(1, &hostile(evil, "two")));
    for format in ["table", "unified", "markdown"] {
        for color in ["never", "always"] {
            let (text, _) = desk.diff(&["a", "b", "--format", format, "--wide", "--color", color]);
            let kept = text.replace("\u{1b}[2J", "CLEARED");
            assert!(!kept.contains("CLEARED") && !kept.contains('\u{202e}'), "{format}: {text}");
            assert!(color == "always" || !text.contains('\u{1b}'), "{format}: {text}");
        }
    }
    let (text, _) = desk.diff(&["a", "b", "--format", "markdown", "--wide"]);
    let outside_code = |line: &str| line.split('`').count();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let bars = line.replace("\\|", "").matches('|').count();
        assert_eq!(bars, 12, "eleven cells: {line}");
    }
    let title = text.lines().next().unwrap();
    assert!(
        !title.contains("<img") && title.contains("&lt;img") && outside_code(title) > 1,
        "{title}"
    );
    assert!(!title.contains("@team") && title.contains("\\[a\\]"), "{title}");
    let ndjson = desk.compared(&["a", "b"]);
    assert_eq!(ndjson[0]["host"], evil, "NDJSON says it as it is");
}

#[test]
fn the_table_fits_eighty_columns_even_with_long_addresses() {
    let desk = Desk::new();
    let long = |n: u32| format!("2001:db8:1111:2222:3333:4444:5555:{n:04x}");
    let (one, two) = (long(1), long(2));
    let named = |ip: &str, name: &str| {
        let name = format!("{name}.a-rather-long-name-of-a-router.backbone.example.net");
        with(seen(ip, 2.0, 16), &json!({"dns": {"hostname": name, "source": "x"}}))
    };
    let before = [named(&one, "a"), named(&two, "x"), seen(HOST, 3.0, 16)];
    let after = [named(&one, "b"), named(&long(3), "x"), seen(HOST, 3.0, 16)];
    desk.file("a", &round(1, &before));
    desk.file("b", &round(1, &after));
    let (text, _) = desk.diff(&["a", "b"]);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let (narrow, _) = desk.diff(&["a", "b", "--width", "60"]);
    assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
    let squeezed = narrow.replace([' ', '\n', '│', '┆'], "");
    assert!(squeezed.contains("2001:db8:") && !narrow.contains('…'), "{narrow}");
}

#[test]
fn trouble_is_said_in_one_line_with_exit_code_two() {
    let desk = Desk::new();
    desk.file("a", &round(1, &path(&["192.0.2.1"])));
    desk.text("empty", "");
    let lone = desk.run(&["a"]);
    let stderr = String::from_utf8_lossy(&lone.stderr).into_owned();
    assert!(lone.status.code() == Some(2) && stderr.contains("no two such rounds"), "{stderr}");
    for (args, says) in [
        (&["a", "missing"][..], "cannot read missing"),
        (&["a", "empty"], "empty: there is no such trace"),
        (&["-", "-"], "only one of the two"),
        (&["a", "a", "a"], "unexpected"),
        (&["a", "a", "--rtt-threshold", "5s"], "10%"),
        (&["a", "a", "--ignore", "everything"], "invalid value"),
        (&["a", "a", "-o", "/nonexistent/x"], "cannot write"),
    ] {
        let output = desk.run(args);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && stderr.contains(says), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_bad_line_is_named_and_the_rest_is_compared() {
    let desk = Desk::new();
    let good = round(1, &path(&["192.0.2.1"]));
    desk.file("a", &good);
    desk.text(
        "b",
        &format!("{{\"type\":\"hop\"}}\nnot json\n{{\"type\":\"note\"}}\n{}", lines(&good)),
    );
    let output = desk.run(&["a", "b"]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(0), 2), "{stderr}");
    assert!(
        stderr.starts_with("tm-diff: b:1: missing field") && stderr.contains("b:2:"),
        "{stderr}"
    );
    assert_eq!(desk.run(&["a", "b", "--strict"]).status.code(), Some(2));
}

#[test]
fn it_reads_stdin_writes_files_and_heeds_the_configuration() {
    let desk = Desk::new();
    desk.file("a", &round(1, &path(&["192.0.2.1"])));
    desk.file("b", &round(1, &path(&["192.0.2.2"])));
    let stdin = std::fs::File::open(desk.0.path().join("b")).unwrap();
    let piped = desk.command(&["a", "-", "-o", "out"]).stdin(stdin).output().unwrap();
    assert_eq!((piped.status.code(), piped.stdout.len()), (Some(1), 0));
    let written = std::fs::read_to_string(desk.0.path().join("out")).unwrap();
    assert!(written.contains("B  stdin: 1 round") && !written.contains('\u{1b}'), "{written}");
    let config = desk.0.path().join(".config/tracemap");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(
        config.join("config.toml"),
        "[tm-diff]\nformat = \"unified\"\nignore = [\"rtt\", \"dns\"]\n",
    )
    .unwrap();
    let (text, _) = desk.diff(&["a", "b"]);
    assert!(text.starts_with("--- a: 1 round"), "{text}");
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let desk = Desk::new();
    let many: Vec<Value> = (0..200)
        .flat_map(|n| {
            let host = json!({"host": format!("host{n}"), "trace_id": format!("id{n}")});
            round(1, &path(&["192.0.2.1"])).into_iter().map(move |record| with(record, &host))
        })
        .collect();
    desk.file("a", &many);
    let script = format!(
        "{} a a | head -n 1 > /dev/null; echo ${{PIPESTATUS[0]}}",
        tool("tm-diff").display()
    );
    let output =
        Command::new("bash").current_dir(desk.0.path()).args(["-c", &script]).output().unwrap();
    assert_eq!((output.stdout.as_slice(), output.stderr.len()), (&b"0\n"[..], 0));
}

/// Every `console` block of the page: a command after `$`, and what it prints.
#[test]
fn the_examples_of_the_documentation_are_true() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("../docs/diff.md")).unwrap();
    let bin = tool("tm-diff").parent().unwrap().display().to_string();
    let mut tried = 0;
    for block in page.split("```console\n").skip(1).filter_map(|rest| rest.split("\n```").next()) {
        for example in block.split("$ ").skip(1) {
            let (command, wanted) = example.split_once('\n').unwrap_or((example, ""));
            let output = Command::new("bash")
                .current_dir(root.join("fixtures/diff"))
                .args(["-c", command])
                .env_clear()
                .env("PATH", format!("{bin}:/usr/bin:/bin"))
                .output()
                .unwrap();
            let printed = String::from_utf8(output.stdout).unwrap();
            assert_eq!(printed.trim_end(), wanted.trim_end(), "$ {command}");
            tried += 1;
        }
    }
    assert!(tried >= 5, "{tried} examples");
}

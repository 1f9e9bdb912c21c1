//! What `tm-diff` calls a difference. Choosing rounds, and what is printed, is in `diff_logs.rs`.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::{Value, json};
use tm_tests::diffing::{Desk, HOST, counts, path, round, seen, silent, verdicts, with};
use tm_tests::{Lab, tool};

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
    // The ports are new in each run: 64 flows miss one of four routers once in 25 million runs.
    let desk = Desk::new();
    for (name, flags) in
        [("a", ["--flows", "64"]), ("b", ["--flows", "64"]), ("few", ["--flows", "3"])]
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

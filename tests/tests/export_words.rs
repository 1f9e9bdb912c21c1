//! What reports say in words of sessions that are not the usual ones.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::{Value, json};
use tm_tests::diffing::{HOST, path, round, seen, silent, with};
use tm_tests::exporting::text;

/// The report of one round, in Markdown without its escapes.
fn report(records: &[Value]) -> String {
    text("markdown", records).replace('\\', "")
}

/// A round whose last record has these members besides.
fn ended(hops: &[Value], members: &Value) -> Vec<Value> {
    let mut records = round(1, hops);
    let end = records.pop().unwrap();
    records.push(with(end, members));
    records
}

fn open_path() -> Vec<Value> {
    let hops = path(&["192.0.2.1", "192.0.2.2"]);
    hops[..2].to_vec()
}

#[test]
fn a_router_that_refuses_is_named_with_its_reason() {
    let mut hops = open_path();
    let reply = json!({"kind": "dest_unreachable", "type": 3, "code": 13, "ttl": 60, "note": "!X"});
    hops[1] = with(hops[1].clone(), &json!({"reply": reply}));
    let said = report(&ended(&hops, &json!({"stop": "unreachable"})));
    let wanted = "example.com was not reached: hop 2, 192.0.2.2, refuses to carry on (!X).";
    assert!(said.contains(wanted), "{said}");
    assert!(!said.contains("What is beyond hop"), "that is known: {said}");
}

#[test]
fn an_interrupted_trace_is_said_to_be_one() {
    let said = report(&ended(&open_path(), &json!({"stop": "interrupted"})));
    assert!(
        said.contains("The trace was interrupted; what is missing may not be silent."),
        "{said}"
    );
}

#[test]
fn the_reason_of_an_error_is_told() {
    let members = json!({"stop": "error", "error": "cannot send: Network is unreachable"});
    let said = report(&ended(&open_path(), &members));
    assert!(said.contains("The trace failed: cannot send: Network is unreachable."), "{said}");
}

#[test]
fn nobody_is_called_silent_whom_a_trace_that_was_cut_short_did_not_ask() {
    let whole = report(&ended(&open_path(), &json!({"stop": "gap_limit"})));
    let beyond = ["nobody answers beyond hop 2", "What is beyond hop 2"];
    assert!(beyond.iter().all(|words| whole.contains(words)), "{whole}");
    for stop in ["error", "interrupted"] {
        let said = report(&ended(&open_path(), &json!({"stop": stop})));
        let wanted =
            "example.com was not reached: the trace came no farther than hop 2, 192.0.2.2.";
        assert!(said.contains(wanted), "{said}");
        assert!(!beyond.iter().any(|words| said.contains(words)), "{said}");
    }
}

#[test]
fn invented_places_are_said_to_mean_nothing() {
    let geo = json!({"lat": 59.9, "lon": 10.7, "city": "Oslo", "country_code": "NO",
        "source": "mock", "confidence": "low"});
    let hops: Vec<Value> = path(&["192.0.2.1", "192.0.2.2"])
        .into_iter()
        .map(|hop| with(hop, &json!({"geo": geo})))
        .collect();
    let said = report(&round(1, &hops));
    let wanted = "The places of hops 1–3 are invented (mock), and mean nothing.";
    assert!(said.contains(wanted), "{said}");
}

#[test]
fn routers_that_answer_seldom_are_told_from_loss_one_or_several() {
    let seldom = |ip: &str| with(seen(ip, 2.0, 16), &json!({"sent": 16, "received": 4}));
    let one = [seldom("192.0.2.1"), seen("192.0.2.2", 2.0, 16), seen(HOST, 3.0, 16)];
    let said = report(&round(1, &one));
    assert!(said.contains("does not continue beyond it: probably the router limits"), "{said}");
    let two = [seldom("192.0.2.1"), seldom("192.0.2.2"), seen(HOST, 3.0, 16)];
    let said = report(&round(1, &two));
    assert!(said.contains("beyond them: probably these routers limit"), "{said}");
}

#[test]
fn how_load_is_balanced_is_told_as_it_was_found() {
    let diamond = |balancing: &str, to: Value| {
        let paths = json!({"confidence": 95, "failure_bound": 0.05, "complete": false,
            "probes": 100, "flows": 9, "nodes": 4, "links": 4, "diamonds": [{"from": 1, "to": to,
            "width": 2, "balancing": balancing, "meshed": false,
            "routers": {"at_least": 1, "at_most": 2}}]});
        let several = json!([seen("192.0.2.2", 2.0, 8), seen("192.0.2.3", 2.0, 8)]);
        let hops = [seen("192.0.2.1", 1.0, 16), several, seen(HOST, 3.0, 16)];
        report(&ended(&hops, &json!({"method": "mda", "paths": paths})))
    };
    let said = diamond("per_flow", json!(3));
    let wanted = "between hops 1 and 3: 2 routers side by side; a flow keeps to one of them.";
    assert!(said.contains(wanted), "{said}");
    assert!(said.contains("the search did not come to its end"), "{said}");
    let said = diamond("per_packet", json!(null));
    assert!(said.contains("beyond hop 1: 2 routers side by side; each packet"), "{said}");
}

#[test]
fn hops_in_the_middle_that_are_silent_hide_no_traffic() {
    let hops = [seen("192.0.2.1", 1.0, 16), silent(16), seen(HOST, 3.0, 16)];
    let said = report(&round(1, &hops));
    assert!(
        said.contains("Who stands at hop 2: nobody answered there, and traffic passes."),
        "{said}"
    );
}

#[test]
fn a_flow_that_one_router_did_not_answer_makes_no_path_of_its_own() {
    let met = |ip, flows: &[u16]| with(seen(ip, 2.0, 4), &json!({"flows": flows}));
    let hops = [
        met("192.0.2.1", &[0, 1, 2, 3]),
        json!([met("192.0.2.2", &[0, 2, 3]), met("192.0.2.3", &[1])]),
        met("192.0.2.4", &[0, 1]), // it left flows 2 and 3 without an answer
        met(HOST, &[0, 1, 2, 3]),
    ];
    let said = report(&ended(&hops, &json!({})));
    assert!(said.contains("2 paths seen; several routers answer at hop 2"), "{said}");
}

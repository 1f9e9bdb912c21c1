//! What `tm-watch` says of rounds that ended otherwise, and of changes that have come to stay.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::{Value, json};
use tm_tests::anomalies::world::World;
use tm_tests::hop_line::records;
use tm_tests::watching::{calm, rounds, slow, watch};

/// Rounds after which a change is what is usual.
const ADOPTED_AFTER: u64 = 60;

/// Kind, what is over, and message of each alert.
fn alerts(lines: &str) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    records(&watch(&["--only-alerts"], lines))
        .iter()
        .map(|alert| (text(&alert["kind"]), text(&alert["of"]), text(&alert["message"])))
        .collect()
}

/// Rounds of which only the end is left, which has these members.
fn ended(from: u64, to: u64, members: &Value) -> String {
    let all = rounds(&calm(), from, to);
    let ends = all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    ends.filter(|record| record["type"] == "trace")
        .map(|mut trace| {
            trace.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            trace.to_string() + "\n"
        })
        .collect()
}

#[test]
fn rounds_that_an_error_ended_are_an_outage_with_its_reason() {
    let error = json!({"reached": false, "stop": "error", "hops": 0, "responded": 0, "sent": 0,
        "received": 0, "error": "cannot send: Network is unreachable"});
    let lines = rounds(&calm(), 1, 80) + &ended(80, 90, &error) + &rounds(&calm(), 90, 100);
    let told = alerts(&lines);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0].0, "unreachable");
    assert!(told[0].2.ends_with(": cannot send: Network is unreachable"), "{told:?}");
    assert_eq!((told[1].0.as_str(), told[1].1.as_str()), ("recovered", "unreachable"));
}

#[test]
fn rounds_that_were_cut_short_say_nothing() {
    let cut = json!({"reached": false, "stop": "interrupted"});
    let lines = rounds(&calm(), 1, 80) + &ended(80, 120, &cut) + &rounds(&calm(), 120, 130);
    assert_eq!(alerts(&lines), []);
}

/// What is said when a world stays for long after another one.
fn adopted(world: &World) -> Vec<(String, String, String)> {
    let until = 80 + 2 * ADOPTED_AFTER;
    alerts(&(rounds(&calm(), 1, 80) + &rounds(world, 80, until)))
}

#[test]
fn what_has_lasted_long_is_said_to_be_usual_and_is_not_told_as_over() {
    let mut detour = calm();
    detour.routers[2].ips = vec!["203.0.113.77".to_owned()];
    let mut lossy = calm();
    lossy.routers[2].loss = 0.4;
    let lasted = format!("lasted {ADOPTED_AFTER} rounds and is");
    for (world, kind) in [(&detour, "route_change"), (&lossy, "loss"), (&slow(), "rtt_change")] {
        let told = adopted(world);
        assert_eq!(told.len(), 2, "{kind}: {told:?}");
        assert_eq!(told[0].0, kind);
        assert!(told[1].2.contains(&lasted), "{kind}: {told:?}");
    }
}

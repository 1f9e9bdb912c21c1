use serde_json::{Value, json};

use super::*;

/// A trace that ended, with these members besides.
fn trace(members: &Value) -> Trace {
    let mut trace = json!({"type": "trace", "v": 1, "trace_id": "t", "host": "example.com",
        "resolved_ip": "198.51.100.9", "source_ip": null, "protocol": "udp", "port": 33434,
        "round": 1, "tool": "tm-probe", "version": "1", "platform": "linux",
        "started_at": "2026-11-29T10:00:00Z", "completed_at": "2026-11-29T10:00:01Z",
        "reached": false, "stop": "gap_limit", "hops": 3, "responded": 3, "sent": 9,
        "received": 9});
    trace.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    serde_json::from_value(trace).unwrap()
}

#[test]
fn every_end_is_told_for_what_it_is() {
    for (stop, reached, received, wanted) in [
        ("destination", true, 3, "reached"),
        ("gap_limit", false, 3, "not reached: nobody answers beyond the last hop shown"),
        ("max_hops", false, 3, "not reached within the largest TTL"),
        ("unreachable", false, 3, "not reached: the last hop refuses to carry on"),
        ("stop_set", false, 3, "not followed to its end: what lies beyond was found before"),
        ("interrupted", true, 3, "reached; interrupted"),
        ("interrupted", false, 3, "interrupted"),
        ("error", false, 3, "not followed to its end: an error ended it"),
        ("error", false, 0, "could not be traced"),
    ] {
        let members = json!({"stop": stop, "reached": reached, "received": received});
        assert_eq!(ending(&trace(&members)), wanted, "{members}");
    }
    assert_eq!(ending(&trace(&json!({"stop": null}))), "it is not known how it ended");
}

#[test]
fn hops_that_a_stop_set_spared_are_told() {
    let spared = |first: u8, backward: &str| {
        let set = json!({"start": 5, "first": first, "last": 9, "backward": backward});
        left_out(&trace(&json!({"stop_set": set})))
    };
    let known = "not probed: the way there was found before";
    assert_eq!(spared(4, "stop_set"), Some(format!("hops 1 to 3 were {known}")));
    assert_eq!(spared(2, "stop_set"), Some(format!("hop 1 was {known}")));
    assert_eq!(spared(1, "stop_set"), None);
    assert_eq!(spared(3, "first_hop"), None, "the user began there");
    assert_eq!(left_out(&trace(&json!({}))), None);
}

#[test]
fn the_mtu_of_the_path_is_told_with_where_it_gets_less() {
    let drop = |after: u8, hop: u8, octets: u32, limit: &str| {
        json!({"after": after, "hop": hop, "refused": octets + 100, "octets": octets,
            "limit": limit})
    };
    let drops = [
        drop(0, 1, 1400, "interface"),
        drop(3, 4, 1300, "reported"),
        drop(5, 7, 1200, "refused"),
        drop(8, 9, 1100, "black_hole"),
    ];
    let told = json!({"mtu": {"octets": 1100, "interface": 1500, "drops": drops}});
    let wanted = [
        "path MTU 1100",
        "MTU 1400 before hop 1: the interface takes no larger ones",
        "MTU 1300 after hop 3: as a router says",
        "MTU 1200 between hops 5 and 7: a router refuses larger ones and names no MTU",
        "MTU 1100 after hop 8: larger datagrams vanish without a word",
    ];
    assert_eq!(mtu(&trace(&told)), wanted);
    let unknown = json!({"mtu": {"octets": null, "interface": 1500, "drops": []}});
    assert_eq!(mtu(&trace(&unknown)), ["path MTU unknown: the destination did not answer"]);
    assert!(mtu(&trace(&json!({}))).is_empty());
}

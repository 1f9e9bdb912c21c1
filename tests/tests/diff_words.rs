//! What `tm-diff` says in words, in each format for people.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::{Value, json};
use tm_tests::diffing::{Desk, HOST, path, round, seen, silent, with};

/// Compares two paths in each format, which must all say the same things of a hop, with its sign.
fn says(a: &[Value], b: &[Value], args: &[&str], remark: &str) {
    let desk = Desk::new();
    desk.file("a", &round(1, a));
    desk.file("b", &round(1, b));
    for format in ["table", "unified", "markdown"] {
        let args = [&["a", "b", "--format", format, "--width", "200"], args].concat();
        let (text, _) = desk.diff(&args);
        let plain = text.replace('\\', "");
        assert!(plain.contains(remark), "{format}: no `{remark}` in {text}");
    }
}

fn lossy(received: [u64; 3]) -> Vec<Value> {
    let ips = ["192.0.2.1", "192.0.2.2", HOST];
    let hop = |(ip, received): (&&str, u64)| {
        with(seen(ip, 2.0, 100), &json!({"sent": 100, "received": received}))
    };
    ips.iter().zip(received).map(hop).collect()
}

#[test]
fn loss_is_told_with_where_it_begins_and_whether_it_goes_on() {
    let whole = lossy([100, 100, 100]);
    says(&whole, &lossy([100, 80, 78]), &[], "loss 0% → 20% from here on");
    says(&whole, &lossy([100, 80, 78]), &[], "loss 0% → 22%");
    says(&whole, &lossy([100, 20, 100]), &[], "~ loss 0% → 80%");
}

#[test]
fn who_answers_now_and_who_seldom_does_is_told() {
    let whole = path(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    let mut gap = whole.clone();
    gap[1] = silent(16);
    says(&gap, &whole, &[], "answering now");
    says(&whole, &gap, &[], "silent now");
    let mut seldom = whole.clone();
    seldom[1] = with(seen("192.0.2.2", 2.0, 1), &json!({"sent": 16, "received": 1}));
    says(&seldom, &gap, &[], "it answers seldom");
}

#[test]
fn members_of_a_balancer_are_told_by_name_or_by_number() {
    let share = |ip: &str, first: u16, flows: u16| {
        let ids: Vec<u16> = (first..first + flows).collect();
        with(seen(ip, 2.0, flows), &json!({"flows": ids, "sent": 64, "received": 64}))
    };
    let around = |middle: Value| vec![seen("192.0.2.1", 1.0, 16), middle, seen(HOST, 3.0, 16)];
    let two = || json!([share("192.0.2.2", 0, 32), share("192.0.2.3", 32, 32)]);
    let one = with(seen("192.0.2.2", 2.0, 64), &json!({"sent": 64, "received": 64}));
    says(&around(two()), &around(one.clone()), &[], "balanced without 192.0.2.3");
    says(&around(one.clone()), &around(two()), &[], "balanced with 192.0.2.3");
    let quarter = |n: u16| share(&format!("192.0.2.{}", n + 2), n * 16, 16);
    let four = json!([quarter(0), quarter(1), quarter(2), quarter(3)]);
    says(&around(four), &around(one), &[], "balanced without 3 routers");
    let half = |ip: &str, first: u16| with(share(ip, first, 2), &json!({"sent": 4, "received": 4}));
    let before = json!([half("192.0.2.2", 0), half("192.0.2.3", 2)]);
    let after = json!([half("192.0.2.4", 0), half("192.0.2.5", 2)]);
    says(&around(before), &around(after), &[], "load balanced");
}

#[test]
fn delays_of_any_size_are_told_in_three_places() {
    let at = |ms: f64| -> Vec<Value> {
        let ips = ["192.0.2.1", "192.0.2.2", HOST];
        ips.iter().zip([1.0, ms, ms + 1.0]).map(|(ip, ms)| seen(ip, ms, 16)).collect()
    };
    says(&at(2.0), &at(6.0), &[], "RTT +4.00 ms from here on");
    says(&at(2.0), &at(44.0), &[], "RTT +42.0 ms from here on");
    says(&at(2.0), &at(345.0), &[], "RTT +343 ms from here on");
    says(&at(345.0), &at(2.0), &[], "RTT −343 ms from here on");
}

#[test]
fn how_many_rounds_reached_the_destination_is_told() {
    let desk = Desk::new();
    let whole = path(&["192.0.2.1", "192.0.2.2"]);
    let cut = [&whole[..1], &[silent(16), silent(16), silent(16)]].concat();
    let log = |ends: [&[Value]; 3]| -> Vec<Value> {
        ends.iter().zip(1..).flat_map(|(hops, n)| round(n, hops)).collect()
    };
    desk.file("well", &log([&whole, &whole, &whole]));
    desk.file("ill", &log([&whole, &cut, &cut]));
    let (text, _) = desk.diff(&["well", "ill"]);
    assert!(text.contains("Reached: 3 of 3 rounds → 1 of 3 rounds"), "{text}");
}

//! What tm-geo keeps of its providers for other processes and later runs: answers, and how many
//! questions are left.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::{Value, json};
use tm_tests::http::{Asked, Say};
use tm_tests::providers::{Providers, cities, hops, ip_api, ipapi};
use tm_tests::{bare, tool};

#[test]
fn processes_share_what_a_provider_allows() {
    let silent = |asked: &Asked| match ip_api(asked) {
        Say::Answer(status, _, body) => Say::Answer(status, vec![], body),
        other => other,
    };
    let providers = Providers::new(silent, ipapi);
    // 15 batches a minute, whoever asks; then 45 single questions; then the next provider.
    for n in 0..12_u8 {
        let ips: Vec<_> = (0..2).map(|at| format!("9.{n}.0.{at}")).collect();
        let ips: Vec<_> = ips.iter().map(String::as_str).filter(|_| n != 9).collect();
        providers.run(&[], &hops(&ips));
    }
    std::thread::scope(|scope| {
        for n in 20..28_u8 {
            let providers = &providers;
            scope.spawn(move || {
                let ips = [format!("9.{n}.0.1"), format!("9.{n}.0.2")];
                let (places, _) = providers.run(&[], &hops(&[&ips[0], &ips[1]]));
                assert_eq!(cities(&places), ["Frankfurt am Main"; 2]);
            });
        }
    });
    let batches = || providers.first.asked().iter().filter(|asked| asked.method == "POST").count();
    assert_eq!(batches(), 15);
    let ips: Vec<_> = (0..100).map(|n| format!("9.40.0.{n}")).collect();
    let ips: Vec<_> = ips.iter().map(String::as_str).collect();
    let (places, _) = providers.run(&[], &hops(&ips));
    let singles = providers.first.asked().len() - batches();
    assert_eq!((batches(), singles), (15, 45));
    assert!(places.iter().all(|place| place["city"].is_string()));
}

#[test]
fn answers_are_kept_by_prefix_and_misses_for_an_hour() {
    let providers = Providers::new(ip_api, ipapi);
    let (places, _) = providers.run(&["--providers", "ipapi.co"], &hops(&["9.5.0.1"]));
    assert_eq!(cities(&places), ["Munich"]);
    let (places, _) = providers.run(&["--providers", "ipapi.co"], &hops(&["9.5.0.77", "9.9.0.1"]));
    assert_eq!(cities(&places), ["Munich", "-"]);
    assert_eq!(places[1], json!({"source": "ipapi.co"}));
    let (places, _) = providers.run(&["--providers", "ipapi.co"], &hops(&["9.9.0.1"]));
    assert_eq!(places[0], json!({"source": "ipapi.co"}));
    assert_eq!(providers.asked(), (0, 2));
    let (_, _) = providers.run(&["--providers", "ipapi.co", "--refresh"], &hops(&["9.9.0.1"]));
    assert_eq!(providers.asked(), (0, 3));
}

#[test]
fn offline_sends_nothing_and_uses_what_is_there() {
    let providers = Providers::new(ip_api, ipapi);
    let (before, _) = providers.run(&[], &hops(&["9.0.0.1", "9.9.0.1"]));
    let asked = providers.asked();
    let (offline, _) = providers.run(&["--offline"], &hops(&["9.0.0.1", "9.9.0.1", "9.0.0.2"]));
    assert_eq!(cities(&offline[..1]), cities(&before[..1]));
    assert_eq!(
        (&offline[1], &offline[2]),
        (&before[1], &Value::Null),
        "nobody knew, and nobody said"
    );
    let (none, _) = providers.run(&["--no-api"], &hops(&["9.0.0.1"]));
    assert_eq!(none, [Value::Null], "providers have no word, not even an earlier one");
    assert_eq!(providers.asked(), asked);
}

#[test]
fn the_report_counts_an_address_once_whoever_knew_it() {
    let providers = Providers::new(|_: &Asked| Say::status(500), ipapi);
    for _ in 0..2 {
        providers.run(&[], &hops(&["9.0.0.1", "9.0.0.2"]));
    }
    let mut tracemap = bare(tool("tracemap"));
    let stats = tracemap.args(["cache", "stats"]).env("HOME", providers.home.path());
    let text = String::from_utf8(stats.output().unwrap().stdout).unwrap();
    let row = text.lines().find(|line| line.starts_with("geo")).unwrap();
    let words: Vec<_> = row.split_whitespace().skip(4).collect();
    assert_eq!(words, ["4", "50.0%"], "{text}");
}

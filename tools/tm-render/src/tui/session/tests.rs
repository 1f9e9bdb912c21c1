//! Looking back in sessions so long that not every checkpoint is kept.

use std::io::Write as _;

use clap::Parser;
use serde_json::{Value, json};
use tm_stream::input::Input;

use super::*;
use crate::flags::Flags;
use crate::tui::app::App;
use crate::tui::feed::Feed;

/// One probe of a round to a host, and the end of the round; every third probe is lost.
fn round(host: &str, round: usize) -> [Value; 2] {
    let received = usize::from(!round.is_multiple_of(3));
    let is_ok = received == 1;
    let all = json!({"v": 1, "trace_id": format!("{host}{round}"), "host": host,
        "resolved_ip": "198.51.100.9", "source_ip": "192.0.2.1", "protocol": "udp",
        "port": 33434, "round": round, "sent": 1, "received": received});
    let hop = json!({"type": "hop", "at": "2026-11-29T10:00:00Z", "hop": 1,
        "ip": is_ok.then_some("203.0.113.1"), "loss_pct": 0, "rtt": null, "reply": null,
        "probes": [{"rtt_ms": is_ok.then_some(1.5), "ok": is_ok, "flow": 0}], "flows": [0],
        "is_destination": false, "is_private": false, "is_timeout": !is_ok});
    let end = json!({"type": "trace", "tool": "tm-probe", "version": "1", "platform": "linux",
        "started_at": "2026-11-29T10:00:00Z", "completed_at": "2026-11-29T10:00:00Z",
        "reached": false, "stop": "gap_limit", "hops": 1, "responded": received});
    [hop, end].map(|mut record| {
        record.as_object_mut().unwrap().extend(all.as_object().unwrap().clone());
        record
    })
}

/// A session of so many rounds to each of two hosts, in turn.
fn session(rounds: usize) -> App {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let hosts = |at| ["a.example", "b.example"].into_iter().flat_map(move |host| round(host, at));
    let lines: Vec<String> =
        (1..=rounds).flat_map(hosts).map(|record| format!("{record}\n")).collect();
    let text = lines.concat();
    file.write_all(text.as_bytes()).unwrap();
    let flags = Flags::parse_from(["tm-render", "--tui"]);
    let input = Input::open(file.path()).unwrap();
    let mut app = App::new(&flags, false, Feed::start(vec![input]).unwrap());
    while !app.ended {
        app.turn();
    }
    app
}

/// Probes sent and lost at the first hop after a round.
fn counts(app: &mut App, round: usize) -> (u64, u64) {
    let log = app.session.get_mut(1).unwrap();
    let view = log.view_at(round, None, app.feed.kept()).unwrap();
    let at = &view.ttls[&1];
    (at.sent, at.lost())
}

#[test]
fn every_round_of_a_long_session_looks_as_it_did_whatever_was_looked_at_before() {
    // So many that half of the checkpoints have gone.
    let rounds = STEP * (CHECKPOINTS + 4);
    let mut app = session(rounds);
    let log = app.session.get(1).unwrap();
    assert_eq!((log.rounds(), log.stride), (rounds, 2 * STEP));
    assert!(log.checkpoints.len() <= CHECKPOINTS);
    let back = (1..60).map(|step| rounds - step);
    let jumps = [rounds, 1, 16, 17, 31, 32, 33, 1000, 47, 2047, 2048, 2049, 15, rounds + 5];
    for round in jumps.into_iter().chain(back) {
        let done = round.min(rounds) as u64;
        assert_eq!(counts(&mut app, round), (done, done / 3), "{round}");
    }
}

#[test]
fn a_step_back_goes_on_from_the_views_of_the_way_before() {
    let mut app = session(STEP * (CHECKPOINTS + 4));
    // Half way between two checkpoints: the view there is kept.
    let far = 4 * STEP - 1;
    counts(&mut app, far);
    let log = app.session.get(1).unwrap();
    let kept: Vec<usize> = log.steps.iter().map(|(at, _)| *at).collect();
    assert_eq!(kept, [3 * STEP]);
    assert_eq!(counts(&mut app, far - 1), ((far - 1) as u64, (far - 1) as u64 / 3));
}

#[test]
fn an_alert_belongs_to_its_host_and_to_the_round_it_came_after() {
    let mut app = session(3);
    let alert = |host: &str, message: &str| -> Record {
        let text = format!(
            r#"{{"type":"alert","v":1,"at":"2026-11-29T10:00:00Z","host":"{host}","trace_id":"t","kind":"loss","severity":"warning","message":"{message}"}}"#
        );
        Record::from_slice(text.as_bytes()).unwrap()
    };
    app.session.add(alert("nobody.example", "of no host"), 0..1);
    for n in 0..ALERTS + 5 {
        app.session.add(alert("b.example", &n.to_string()), 0..1);
    }
    let log = app.session.get(1).unwrap();
    let told: Vec<&str> = log.alerts(3).map(|alert| alert.message.as_str()).collect();
    assert_eq!((told.len(), told[0], told[ALERTS - 1]), (ALERTS, "204", "5"), "the newest first");
    assert_eq!(log.alerts(2).count(), 0);
    assert_eq!(app.session.get(0).unwrap().alerts(3).count(), 0);
}

//! More paths than are kept, and rounds that belong to no path.

use tm_schema::{Method, Stop};

use super::*;

fn diagnostics() -> Diagnostics {
    Diagnostics::silent()
}

/// A round to `host` that ended so many seconds after 1970.
fn round(host: &str, ip: Option<&str>, second: i64) -> Trace {
    let at = Time::from_microseconds(second * 1_000_000).unwrap();
    let text = format!(
        r#"{{"type":"trace","v":1,"trace_id":"t","host":"{host}","resolved_ip":null,
            "source_ip":"192.0.2.1","protocol":"udp","port":33434,"round":1,"tool":"tm-probe",
            "version":"1","platform":"linux","started_at":"{at}","completed_at":"{at}",
            "reached":true,"hops":1,"responded":1,"sent":1,"received":1}}"#
    );
    let trace: Trace = serde_json::from_str(&text).unwrap();
    Trace {
        resolved_ip: ip.map(str::to_owned),
        method: Some(Method::Paris),
        stop: Some(Stop::Destination),
        ..trace
    }
}

fn hosts(paths: &[Path]) -> BTreeSet<&str> {
    paths.iter().map(|path| path.end.host.as_str()).collect()
}

#[test]
fn of_too_many_paths_those_seen_last_are_kept_and_the_newest_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("paths.state");
    let mut state = State::open(Some(&file), &diagnostics());
    for n in 0..=PATHS {
        state.path(&round(&format!("h{n}"), Some("198.51.100.9"), n as i64)).unwrap();
    }
    assert_eq!(state.count, PATHS - PATHS / 10 + 1);
    // What is forgotten was saved; the one for which it was is saved when all is over.
    assert_eq!(read(&file).unwrap().len(), PATHS);
    assert!(state.save());
    let kept = read(&file).unwrap();
    let kept = hosts(&kept);
    assert_eq!(kept.len(), state.count);
    assert!(kept.contains(format!("h{PATHS}").as_str()), "the newest");
    assert!(!kept.contains("h0") && !kept.contains("h1999") && kept.contains("h2000"));
    // It can be gone on from.
    assert_eq!(State::open(Some(&file), &diagnostics()).count, state.count);
}

#[test]
fn of_too_many_paths_seen_at_once_a_tenth_is_forgotten_and_not_all() {
    let mut state = State::open(None, &diagnostics());
    for n in 0..=PATHS {
        state.path(&round(&format!("h{n}"), Some("198.51.100.9"), 7)).unwrap();
    }
    assert_eq!(state.count, PATHS - PATHS / 10 + 1);
    assert_eq!(state.all().count(), state.count);
}

#[test]
fn a_round_whose_name_did_not_resolve_is_of_the_path_seen_last() {
    let mut state = State::open(None, &diagnostics());
    let lost = round("a", None, 30);
    assert!(state.path(&lost).is_none(), "of nothing that is known");
    state.path(&round("a", Some("198.51.100.2"), 20)).unwrap();
    state.path(&round("a", Some("198.51.100.1"), 10)).unwrap();
    state.path(&round("b", Some("198.51.100.3"), 25)).unwrap();
    let of = |state: &mut State, lost: &Trace| {
        state.path(lost).map(|path| path.end.resolved_ip.clone().unwrap())
    };
    assert_eq!(of(&mut state, &lost).as_deref(), Some("198.51.100.2"));
    // Another way of probing, and another vantage point, are other paths.
    let tcp = Trace { protocol: Some(Protocol::Tcp), ..lost.clone() };
    assert_eq!(of(&mut state, &tcp), None);
    let elsewhere = Trace { vantage: Some("attic".to_owned()), ..lost.clone() };
    assert_eq!(of(&mut state, &elsewhere), None);
    let again = state.path(&round("a", Some("198.51.100.1"), 40)).unwrap().end.clone();
    assert_eq!(
        of(&mut state, &Trace { completed_at: round("a", None, 50).completed_at, ..lost }),
        again.resolved_ip
    );
    assert_eq!(state.count, 3);
}

#[test]
fn a_file_too_large_for_a_state_is_set_aside_unread() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("path.state");
    File::create(&file).unwrap().set_len(LARGEST + 1).unwrap(); // a hole; it takes no room
    assert_eq!(read(&file).unwrap_err().to_string(), "too large to be a state file");
    let mut state = State::open(Some(&file), &diagnostics());
    assert!(!file.exists() && folder.path().join("path.state.bad").exists());
    state.path(&round("a", Some("198.51.100.1"), 1)).unwrap();
    assert!(state.save());
    assert_eq!(hosts(&read(&file).unwrap()), ["a"].into());
}

//! `tracemap watch` as a user meets it: logs, locks, rotation, signals, kills.

// A test that cannot find what it looks for has failed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::case_sensitive_file_extension_comparisons
)]

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tm_tests::Lab;
use tm_tests::anomalies::Dice;
use tm_tests::watching::{Desk, calm, kill, rounds, slow, text};

#[test]
fn a_watched_host_has_a_log_and_a_summary() {
    let desk = Desk::new("simulated", None);
    let mut command = Lab::new("chain").command(
        desk.program().to_str().unwrap(),
        &["watch", "--interval", "0.2", "--rounds", "4", "198.51.100.9"],
    );
    desk.settle(&mut command);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let stderr = text(&output.stderr);
    assert!(stderr.contains("198.51.100.9: 4 rounds, 4 reached, 0 alerts; log "), "{stderr}");
    assert!(text(&output.stdout).contains("4 rounds"), "{output:?}");
    assert_eq!(desk.log("198.51.100.9").lines().count(), 4 * 7);
}

#[test]
fn probes_are_spread_over_half_the_interval_and_the_users_flags_come_last() {
    let desk = Desk::new("pace", Some(&rounds(&calm(), 1, 2)));
    let said = |args: &[&str]| {
        let output = desk.watch(args).output().unwrap();
        text(&output.stderr).replace('\'', "") // as a shell would read it
    };
    for (args, pace) in [
        (&[][..], "--interval=30 --rounds=0 --spread=15 -- example.com"),
        (&["--interval", "5m"], "--interval=300 --rounds=0 --spread=15 -- example.com"),
        (&["--interval", "10"], "--interval=10 --rounds=0 --spread=5 -- example.com"),
        (&["--interval", "5"], "--interval=5 --rounds=0 -- example.com"),
    ] {
        let said = said(&[&["-v", "example.com"], args].concat());
        let line = format!("tm-probe -v {pace} | tm-watch ");
        assert!(said.contains(&line), "{line}: {said}");
    }
    let said = said(&["-v", "example.com", "--", "-q", "5", "--spread", "2"]);
    let line = "--spread=15 -q 5 --spread 2 -- example.com";
    assert!(said.contains(line), "{said}");
}

/// A path of routers with these addresses to 198.51.100.9.
fn topology(folder: &Path, name: &str, third: &str, rtt_ms: f64, udp: &str) -> Lab {
    let hop = |ip: &str, rtt: f64| format!("[[path.hop]]\nv4 = [\"{ip}\"]\nrtt_ms = {rtt:.1}\n");
    let text = format!(
        "seed = 3\n[[path]]\ndestinations = [\"198.51.100.9\"]\nudp = \"{udp}\"\nrtt_ms = {rtt_ms:.1}\n{}{}{}",
        hop("10.0.1.1", 1.0),
        hop("10.0.2.1", 2.0),
        hop(third, rtt_ms - 1.0),
    );
    fs::write(folder.join(name).with_extension("toml"), text).unwrap();
    Lab::new(folder.join(name).to_str().unwrap())
}

#[test]
fn changes_of_a_simulated_internet_are_told_across_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::new("changes", None);
    let run = |lab: &Lab, rounds: &str| {
        let args = ["watch", "--no-table", "--interval", "0.1", "--rounds", rounds, "198.51.100.9"];
        let mut command = lab.command(desk.program().to_str().unwrap(), &args);
        desk.settle(&mut command);
        text(&command.output().unwrap().stderr)
    };
    let usual = topology(folder.path(), "usual", "10.0.3.1", 20.0, "closed");
    let other = topology(folder.path(), "other", "10.0.9.9", 500.0, "closed");
    let down = topology(folder.path(), "down", "10.0.3.1", 20.0, "filtered");
    let quiet = run(&usual, "55");
    assert!(quiet.contains("55 reached, 0 alerts"), "{quiet}");
    // After the noise of a busy machine it takes more rounds to believe it.
    let changed = run(&other, "12");
    assert!(changed.contains("route changed, hop 3: 10.0.3.1 became 10.0.9.9"), "{changed}");
    assert!(changed.contains("rtt_change 198.51.100.9: RTT "), "{changed}");
    let back = run(&usual, "3");
    assert!(back.contains("the route is as it was") && back.contains("RTT is back"), "{back}");
    let lost = run(&down, "3");
    assert!(lost.contains("critical unreachable") && lost.contains("hop 3, 10.0.3.1"), "{lost}");
    let again = run(&usual, "3");
    assert!(again.contains("the destination answers again"), "{again}");
}

#[test]
fn a_host_is_watched_once_and_its_name_stays_in_the_folder() {
    let desk = Desk::new("names", Some(&rounds(&calm(), 1, 3)));
    let mut first = desk.watch(&["--no-table", "example.com"]).env("HOLD", "30").spawn().unwrap();
    let lock = desk.state().join("watch_example.com.lock");
    while !desk.log("example.com").contains("\"round\":2") {
        thread::sleep(Duration::from_millis(10));
    }
    assert!(lock.exists());
    let second = desk.watch(&["EXAMPLE.com"]).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert!(text(&second.stderr).contains("is being watched already"), "{second:?}");
    kill("KILL", &first);
    first.wait().unwrap();
    for host in ["../../evil", "a/b", "2001:db8::1", ".hidden", &"x".repeat(400)] {
        let output = desk.watch(&["--no-table", host]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let parents = desk.state().parent().unwrap().to_owned();
    assert_eq!(fs::read_dir(&parents).unwrap().count(), 1, "nothing leaves the folder");
    let mut names: Vec<String> = fs::read_dir(desk.state())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_some_and(|kind| kind == "jsonl"))
        .collect();
    names.sort();
    assert!(names.contains(&"watch_2001%3Adb8%3A%3A1.jsonl".to_owned()), "{names:?}");
    assert!(names.contains(&"watch_%2E.%2F..%2Fevil.jsonl".to_owned()), "{names:?}");
    assert_eq!(names.len(), 6);
}

#[test]
fn a_signal_ends_it_cleanly_with_a_summary() {
    let desk = Desk::new("signal", Some(&rounds(&calm(), 1, 6)));
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let mut command = desk.watch(&["--no-table", "example.com"]);
        let child = command.env("HOLD", "30").spawn().unwrap();
        let before = desk.log("example.com").lines().count();
        while desk.log("example.com").lines().count() < before + 30 {
            thread::sleep(Duration::from_millis(10));
        }
        let began = Instant::now();
        kill(signal, &child);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(text(&output.stderr).contains("example.com: 5 rounds, 5 reached, 0 alerts; log "));
        assert!(began.elapsed() < Duration::from_secs(20), "it waits for no round");
    }
    let mut timed = desk.watch(&["--no-table", "--duration", "0.3", "example.com"]);
    assert_eq!(timed.env("HOLD", "30").output().unwrap().status.code(), Some(0));
}

#[test]
fn logs_are_put_aside_by_size_and_none_is_lost() {
    let desk = Desk::new("rotation", Some(&rounds(&calm(), 1, 101)));
    let args = ["--no-table", "--log-max", "20k", "--log-keep", "3", "example.com"];
    assert!(desk.watch(&args).output().unwrap().status.success());
    let mut logs: Vec<_> = fs::read_dir(desk.state())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    logs.sort();
    assert_eq!(logs.len(), 4, "{logs:?}");
    let all: String = logs.iter().map(|log| fs::read_to_string(log).unwrap()).collect();
    let wanted = fs::read_to_string(desk.rounds()).unwrap();
    assert!(wanted.ends_with(&all) && all.len() > 40_000, "the end of what was seen, whole rounds");
}

#[test]
fn logs_are_put_aside_by_age_from_the_first_record_on() {
    let desk = Desk::new("age", Some(&rounds(&calm(), 1, 2)));
    let logs = || {
        let entries = fs::read_dir(desk.state()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".jsonl")).count()
    };
    // The rounds are of 2026-11-24.
    for (age, count) in [("0", 1), ("10000d", 1), ("0.001s", 2)] {
        let args = ["--no-table", "--log-age", age, "example.com"];
        assert!(desk.watch(&args).output().unwrap().status.success());
        assert_eq!(logs(), count, "{age}");
    }
    assert_eq!(desk.log("example.com"), "", "all three rounds were put aside");
}

#[test]
fn a_log_that_was_moved_or_a_hangup_begins_a_new_one() {
    let desk = Desk::new("moved", Some(&rounds(&calm(), 1, 4)));
    let log = desk.state().join("watch_example.com.jsonl");
    let script = format!(
        "#!/bin/sh\ncat '{0}'; sleep 0.5; cat '{0}'; sleep 0.5; cat '{0}'\n",
        desk.rounds().display()
    );
    let probe = desk.program().with_file_name("tm-probe");
    fs::write(&probe, script).unwrap();
    let child = desk.watch(&["--no-table", "example.com"]).spawn().unwrap();
    let wait_for = |lines| {
        while desk.log("example.com").lines().count() < lines {
            thread::sleep(Duration::from_millis(10));
        }
    };
    wait_for(18);
    fs::rename(&log, log.with_extension("1")).unwrap();
    kill("HUP", &child);
    wait_for(18);
    fs::rename(&log, log.with_extension("2")).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let count = |name: &str| fs::read_to_string(log.with_extension(name)).unwrap().lines().count();
    // Without a hangup it is noticed at the end of a round.
    assert_eq!((count("1"), count("2"), desk.log("example.com").lines().count()), (18, 24, 12));
}

#[test]
fn a_torn_line_is_cut_off_and_a_whole_one_is_ended() {
    let desk = Desk::new("torn", Some(&rounds(&calm(), 1, 2)));
    let log = desk.state().join("watch_example.com.jsonl");
    fs::create_dir_all(desk.state()).unwrap();
    for (tail, kept, said) in [
        ("{\"type\":\"hop\",\"ho", "", "17 octets are cut off"),
        ("{\"type\":\"note\"}", "{\"type\":\"note\"}\n", ""),
        (&"x".repeat(200_000), "", "200000 octets are cut off"),
    ] {
        fs::write(&log, format!("{{\"first\":1}}\n{tail}")).unwrap();
        let output = desk.watch(&["--no-table", "example.com"]).output().unwrap();
        assert!(text(&output.stderr).contains(said), "{output:?}");
        let rounds = fs::read_to_string(desk.rounds()).unwrap();
        assert_eq!(desk.log("example.com"), format!("{{\"first\":1}}\n{kept}{rounds}"));
    }
}

/// `TRACEMAP_KILLS` times: 200 in the full run.
#[test]
fn kills_tear_and_lose_no_line_but_the_last() {
    let kills = std::env::var("TRACEMAP_KILLS").ok().and_then(|kills| kills.parse().ok());
    let desk = Desk::new("kills", Some(""));
    let log = desk.state().join("watch_example.com.jsonl");
    let (mut dice, mut whole, mut torn, mut cut_short) = (Dice::new(7), String::new(), 0, 0);
    for run in 0..kills.unwrap_or(20) {
        let written = rounds(&calm(), run * 1000, run * 1000 + 300);
        fs::write(desk.rounds(), &written).unwrap();
        let mut command = desk.watch(&["--no-table", "example.com"]);
        let mut child = command.env("HOLD", "0.2").stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_micros(10_000 + dice.any() % 60_000));
        kill("KILL", &child);
        child.wait().unwrap();
        let found = fs::read_to_string(&log).unwrap_or_default();
        // What earlier runs left is as it was, but for the torn end.
        let rest = found.strip_prefix(whole.as_str());
        let rest = rest.unwrap_or_else(|| panic!("run {run}: earlier lines have changed"));
        assert!(written.starts_with(rest), "run {run}: a line is lost or torn in the middle");
        torn += u64::from(!rest.is_empty() && !rest.ends_with('\n'));
        cut_short += u64::from(!rest.is_empty() && rest.len() < written.len());
        whole = match found.rfind('\n') {
            Some(end) => found[..=end].to_owned(),
            None => String::new(),
        };
    }
    assert!(cut_short > 0, "no kill came while it was logging");
    eprintln!("{cut_short} kills while logging, {torn} torn last lines, none elsewhere");
    // Restarted, it goes on from what it knows: at once, without learning anew.
    fs::write(desk.rounds(), rounds(&calm(), 900_000, 900_100)).unwrap();
    desk.watch(&["--no-table", "example.com"]).output().unwrap();
    fs::write(desk.rounds(), rounds(&slow(), 900_100, 900_104)).unwrap();
    let output = desk.watch(&["--no-table", "example.com"]).output().unwrap();
    assert!(text(&output.stderr).contains("rtt_change example.com"), "{output:?}");
    let records = fs::read_to_string(&log).unwrap();
    assert!(records.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
}

//! Stop sets: many targets with fewer probes, nothing missed that is not said to be left out, and
//! nothing made up.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeSet;
use std::path::Path;

use tm_schema::{Backward, Stop};
use tm_tests::{Lab, Traced};

type Link = (u8, String, String);

fn links(traced: &Traced) -> BTreeSet<Link> {
    let mut links = BTreeSet::new();
    for hop in &traced.hops {
        let next = traced.hops.iter().filter(|next| {
            (&next.host, next.hop) == (&hop.host, hop.hop + 1) && next.trace_id == hop.trace_id
        });
        let pairs = next.filter_map(|next| Some((hop.hop, hop.ip.clone()?, next.ip.clone()?)));
        links.extend(pairs);
    }
    links
}

fn sent(traced: &Traced) -> u32 {
    traced.traces.iter().map(|trace| trace.sent).sum()
}

fn targets(folder: &Path, count: u8) -> String {
    let hosts: Vec<String> = (1..=count).map(|n| format!("100.64.0.{n}")).collect();
    let list = folder.join("targets");
    std::fs::write(&list, hosts.join("\n")).unwrap();
    list.display().to_string()
}

#[test]
fn the_same_links_are_found_with_fewer_probes() {
    let folder = tempfile::tempdir().unwrap();
    let (list, set) = (targets(folder.path(), 100), folder.path().join("seen"));
    let set = set.to_str().unwrap();
    for lab in [Lab::new("fanout"), Lab::new("fanout").unprivileged()] {
        let _ = std::fs::remove_file(set);
        let whole = lab.probe(&["-q", "1", "--targets", &list]);
        let part = lab.probe(&["-q", "1", "--targets", &list, "--stop-set", set]);
        assert_eq!(links(&part), links(&whole));
        assert!(part.traces.iter().all(|trace| trace.reached), "{:?}", part.traces[0]);
        // Six hops each, four of them shared by all.
        assert!(sent(&part) * 2 < sent(&whole), "{} {}", sent(&part), sent(&whole));
    }
}

#[test]
fn the_records_say_what_was_left_out_and_hold_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (list, set) = (targets(folder.path(), 30), folder.path().join("seen"));
    let set = set.to_str().unwrap();
    let lab = Lab::new("fanout");
    let traced = lab.probe(&["--targets", &list, "--stop-set", set]);
    let mut left_out = 0;
    for trace in &traced.traces {
        let used = trace.stop_set.unwrap();
        let mine = || traced.hops.iter().filter(|hop| hop.trace_id == trace.trace_id);
        let ttls: Vec<u8> = mine().map(|hop| hop.hop).collect();
        assert_eq!(ttls, (used.first..=used.last).collect::<Vec<_>>(), "{trace:?}");
        assert!(mine().all(|hop| hop.sent > 0));
        assert_eq!(used.backward == Backward::FirstHop, used.first == 1, "{trace:?}");
        left_out += u32::from(used.first > 1);
    }
    assert!(left_out >= 25, "{left_out}");
    // The ways to these very targets are known now.
    let again = lab.probe(&["--targets", &list, "--stop-set", set]);
    assert!(sent(&again) <= 3 * 30, "{}", sent(&again));
    assert!(again.traces.iter().any(|trace| trace.stop == Some(Stop::StopSet)));
    for trace in again.traces.iter().filter(|trace| trace.stop == Some(Stop::StopSet)) {
        assert!(!trace.reached, "{trace:?}");
    }
    assert!(links(&again).is_subset(&links(&traced)));
}

#[test]
fn silent_routers_and_diamonds_do_not_make_links_up() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("seen");
    let set = set.to_str().unwrap();
    for topology in ["silent-middle", "chain", "firewalled"] {
        let lab = Lab::new(topology);
        let _ = std::fs::remove_file(set);
        let whole = lab.probe(&["198.51.100.9"]);
        let part = lab.probe(&["--stop-set", set, "198.51.100.9"]);
        assert_eq!(links(&part), links(&whole), "{topology}");
        assert_eq!(part.traces[0].stop, whole.traces[0].stop, "{topology}");
    }
}

#[test]
fn a_wrong_file_is_told_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("seen");
    std::fs::write(&set, "local 192.0.2.1 3 192.0.2.9\nglobal \u{1b}[31m x\n").unwrap();
    let set = set.to_str().unwrap();
    let probe = tm_tests::tool("tm-probe").display().to_string();
    let output = Lab::new("chain").command(&probe, &["--stop-set", set, "198.51.100.9"]).output();
    let output = output.unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("seen:2: ") && !stderr.contains('\u{1b}'), "{stderr}");
}

#[test]
fn more_targets_than_are_traced_at_a_time_all_have_their_turn() {
    let folder = tempfile::tempdir().unwrap();
    let list = targets(folder.path(), 60);
    for flags in [&[][..], &["--stop-set", "/dev/null"], &["--rate", "200"]] {
        let few = ["--parallel", "4", "-q", "1", "--targets", &list];
        let lab = Lab::new("fanout");
        let probe = tm_tests::tool("tm-probe").display().to_string();
        let args = [&["30", &probe][..], &few, flags].concat();
        let traced = Traced::from(&lab.command("timeout", &args).output().unwrap());
        assert_eq!((traced.code, traced.traces.len()), (Some(0), 60), "{flags:?}");
    }
}

#[test]
fn both_families_leave_out_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("seen");
    let hosts: Vec<String> = (1..=40).map(|n| format!("2001:db8:40::{n:x}")).collect();
    let list = folder.path().join("targets");
    std::fs::write(&list, hosts.join("\n")).unwrap();
    let (list, set) = (list.to_str().unwrap(), set.to_str().unwrap());
    for lab in [Lab::new("fanout"), Lab::new("fanout").unprivileged()] {
        let _ = std::fs::remove_file(set);
        let whole = lab.probe(&["-q", "1", "--targets", list]);
        let part = lab.probe(&["-q", "1", "--targets", list, "--stop-set", set]);
        assert_eq!(links(&part), links(&whole), "{part:?}");
        assert!(part.traces.len() == 40 && part.traces.iter().all(|trace| trace.reached));
        assert!(sent(&part) * 2 < sent(&whole), "{} {}", sent(&part), sent(&whole));
        let again = lab.probe(&["-q", "1", "--targets", list, "--stop-set", set]);
        assert!(again.traces.iter().all(|trace| trace.stop_set.unwrap().first >= 4));
        let text = std::fs::read_to_string(set).unwrap();
        assert!(text.lines().skip(1).all(|line| line.contains("fd00:") && !line.contains("10.0.")));
    }
}

/// Sends a signal to a run, some seconds after its start, and returns the file's lines.
fn killed(folder: &Path, signal: &str, (count, rate): (u8, u8), after: &str) -> Vec<String> {
    let (list, set) = (targets(folder, count), folder.join("seen"));
    let probe = tm_tests::tool("tm-probe").display().to_string();
    let (out, set) = (folder.join("out").display().to_string(), set.display().to_string());
    let script = format!(
        "{probe} --rate {rate} --parallel 4 -q 1 --targets {list} --stop-set {set} >{out} & sleep {after};
         kill -{signal} $!; wait $! || true"
    );
    let output = Lab::new("fanout").command("sh", &["-c", &script]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = std::fs::read_to_string(&set).unwrap_or_default();
    text.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn a_signal_leaves_what_was_met() {
    for signal in ["INT", "TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let lines = killed(folder.path(), signal, (250, 100), "1.5");
        assert!(lines.len() > 8, "{signal}: {lines:?}");
    }
}

#[test]
fn a_process_that_is_killed_leaves_what_its_records_tell() {
    let folder = tempfile::tempdir().unwrap();
    let lines = killed(folder.path(), "KILL", (60, 15), "7.5");
    assert!(lines.len() > 10, "{lines:?}");
    let records = std::fs::read_to_string(folder.path().join("out")).unwrap();
    let met: BTreeSet<(String, String)> = records
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|hop| {
            Some((hop["resolved_ip"].as_str()?.to_owned(), hop["ip"].as_str()?.to_owned()))
        })
        .collect();
    let towards: Vec<&String> = lines.iter().filter(|line| line.starts_with("global")).collect();
    assert!(!towards.is_empty());
    for line in towards {
        let words: Vec<&str> = line.split(' ').collect();
        assert!(met.contains(&(words[1].to_owned(), words[2].to_owned())), "{line}");
    }
}

#[test]
fn the_file_is_as_the_page_says() {
    let folder = tempfile::tempdir().unwrap();
    let (list, set) = (targets(folder.path(), 3), folder.path().join("seen"));
    Lab::new("fanout").probe(&["--targets", &list, "--stop-set", set.to_str().unwrap()]);
    let text = std::fs::read_to_string(&set).unwrap();
    let kinds: BTreeSet<&str> =
        text.lines().skip(1).filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(kinds, BTreeSet::from(["global", "local"]), "{text}");
}

#[test]
fn the_command_of_the_page_runs() {
    let folder = tempfile::tempdir().unwrap();
    match tm_tests::docs::Page::open("docs/stop-set.md", folder.path()).run() {
        Ok(ran) => assert_eq!(ran, 1),
        Err(wrong) => panic!("{wrong}"),
    }
}

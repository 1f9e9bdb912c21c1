//! Many processes at one file, some of them killed.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tm_cache::{Cache, Kind, Put};

const PROCESSES: usize = 100;
const LOOK_UPS: usize = 1000;
const BATCH: usize = 50;
const FILE: &str = "TM_CACHE_TEST_FILE";

/// What one process does: looks up, keeps what was not there, and says what is committed.
#[test]
fn worker() {
    let Some(path) = std::env::var_os(FILE) else { return };
    let own: usize = std::env::var("TM_CACHE_TEST_NUMBER").unwrap().parse().unwrap();
    let mut cache = Cache::open(Path::new(&path)).unwrap();
    for batch in 0..LOOK_UPS / BATCH {
        let mut missed = Vec::new();
        for n in 0..BATCH {
            // Half of the addresses are asked for by every process, half by this one only.
            let own = if n % 2 == 0 { 0 } else { own };
            let key = format!("{own}.{batch}.{n}");
            match cache.get(Kind::Dns, "test", &key).unwrap() {
                Some(entry) => assert_eq!(entry.value, format!("value of {key}")),
                None => missed.push(Put {
                    kind: Kind::Dns,
                    source: "test".into(),
                    value: format!("value of {key}"),
                    key,
                    time_to_live: Duration::from_mins(10),
                }),
            }
        }
        cache.put(&missed).unwrap();
        // Past the test harness, which would hold it back.
        let mut out = std::fs::File::create("/dev/stdout").unwrap();
        writeln!(out, "\ncommitted {own} {batch}").unwrap();
    }
}

fn start(path: &Path, number: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "worker", "--nocapture"])
        .env(FILE, path)
        .env("TM_CACHE_TEST_NUMBER", number.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_hundred_processes_lose_nothing_though_some_are_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache.sqlite");
    let children: Vec<_> = (1..=PROCESSES).map(|number| start(&path, number)).collect();
    let mut committed = Vec::new();
    for (at, mut child) in children.into_iter().enumerate() {
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = 0;
        let killed = at % 5 == 0;
        while let Some(Ok(line)) = lines.next() {
            if let Some(rest) = line.strip_prefix("committed ") {
                committed.push(rest.to_owned());
                seen += 1;
                if killed && seen == 3 {
                    child.kill().unwrap(); // SIGKILL, in the middle of whatever it does
                }
            }
        }
        let status = child.wait().unwrap();
        assert!(killed || status.success(), "process {at}: {status}");
    }
    let mut cache = Cache::open(&path).unwrap();
    assert_eq!(cache.take_notice(), None);
    assert!(committed.len() > PROCESSES * LOOK_UPS / BATCH * 3 / 4);
    for line in committed {
        let (own, batch) = line.split_once(' ').unwrap();
        for n in 0..BATCH {
            let own = if n % 2 == 0 { "0" } else { own };
            let key = format!("{own}.{batch}.{n}");
            let entry = cache.get(Kind::Dns, "test", &key).unwrap();
            assert_eq!(entry.map(|entry| entry.value), Some(format!("value of {key}")));
        }
    }
}

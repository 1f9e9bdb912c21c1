//! Many processes at one file, some of them killed.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
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

/// What became of one process.
struct Ended {
    status: ExitStatus,
    /// Batches that it said are committed.
    committed: usize,
}

/// Follows a process; one that is to be killed is killed while it works on its fourth batch.
fn follow(mut child: Child, is_to_be_killed: bool) -> Ended {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut committed = 0;
    for line in lines.map_while(Result::ok) {
        if line.starts_with("committed ") {
            committed += 1;
            if is_to_be_killed && committed == 3 {
                child.kill().unwrap(); // SIGKILL
            }
        }
    }
    Ended { status: child.wait().unwrap(), committed }
}

fn is_to_be_killed(number: usize) -> bool {
    number.is_multiple_of(5)
}

#[test]
fn a_hundred_processes_lose_nothing_though_some_are_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache.sqlite");
    let children = (1..=PROCESSES).map(|number| {
        let child = start(&path, number);
        thread::spawn(move || follow(child, is_to_be_killed(number)))
    });
    let threads: Vec<_> = children.collect();
    let ended: Vec<Ended> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let mut cache = Cache::open(&path).unwrap();
    assert_eq!(cache.take_notice(), None, "the file is sound");
    for (number, Ended { status, committed }) in (1..).zip(&ended) {
        // One that is done before the signal comes has not been killed.
        let killed = is_to_be_killed(number) && status.signal() == Some(9);
        assert!(killed || (status.success() && *committed == LOOK_UPS / BATCH));
        for batch in 0..LOOK_UPS / BATCH {
            let own: Vec<bool> = (1..BATCH)
                .step_by(2)
                .map(|n| {
                    let key = format!("{number}.{batch}.{n}");
                    let entry = cache.get(Kind::Dns, "test", &key).unwrap();
                    entry.is_some_and(|entry| entry.value == format!("value of {key}"))
                })
                .collect();
            let (all, any) = (own.iter().all(|found| *found), own.iter().any(|found| *found));
            assert!(all || (batch >= *committed && !any), "process {number}, batch {batch}");
        }
    }
    let killed = ended.iter().filter(|ended| ended.status.signal() == Some(9)).count();
    assert!(killed > PROCESSES / 10, "only {killed} were killed");
    // The file is what SQLite itself calls sound.
    let sql = rusqlite::Connection::open(&path).unwrap();
    let verdict = sql.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    assert_eq!(verdict.unwrap(), "ok");
}

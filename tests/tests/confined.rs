//! Tools that only read and write records give up everything else before they read.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tm_tests::tool;

/// Whether the process has confined itself (`no_new_privs` comes with that).
fn is_confined(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    status.lines().any(|line| line.split_whitespace().eq(["NoNewPrivs:", "1"]))
}

#[test]
fn they_are_confined_before_the_first_octet_comes() {
    for (name, args) in [
        ("tm-import", &[][..]),
        ("tm-render", &[]),
        ("tm-diff", &["-"]),
        ("tm-export", &["--format", "json"]),
        ("tm-export", &["--format", "sqlite"]),
    ] {
        let mut command = Command::new(tool(name));
        let piped = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.stderr(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while !is_confined(child.id()) {
            assert!(Instant::now() < deadline, "{name} stays as it was");
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}

#[test]
fn what_they_write_arrives_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let lines = tm_tests::hop_line::hop(1, "9.0.0.1", 1.0).to_string() + "\n";
    let input = folder.path().join("in.ndjson");
    std::fs::write(&input, lines).unwrap();
    for name in ["page.html", "table.csv", "rows.parquet", "base.sqlite", "all.zip", "a.ndjson"] {
        let output = folder.path().join(name);
        let done = Command::new(tool("tm-export")).arg("-o").arg(&output).arg(&input).output();
        let done = done.unwrap();
        assert!(done.status.success(), "{name}: {done:?}");
        assert!(output.metadata().unwrap().len() > 0, "{name}");
    }
    let mut relative = Command::new(tool("tm-render"));
    relative.args(["-o", "table.txt"]).arg(&input).current_dir(folder.path());
    let done = relative.output().unwrap();
    assert!(done.status.success() && folder.path().join("table.txt").exists(), "{done:?}");
}

//! Offline means that nothing leaves the machine but probes: every packet is counted, in a network
//! of the test's own.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::path::Path;

use serde_json::Value;
use tm_tests::{Lab, chain, tool};

const TARGET: &str = "9.9.9.9";

/// What a pipeline did.
struct Seen {
    /// Packets to the target.
    probes: usize,
    /// Where other packets went, loopback included.
    strangers: Vec<String>,
    stdout: String,
    code: Option<i32>,
}

/// Runs `tracemap trace` in the lab, and looks at every packet.
fn trace(folder: &Path, args: &[&str]) -> Seen {
    let log = folder.join("log");
    let program = tool("tracemap").display().to_string();
    let words = std::iter::once(program.as_str()).chain(["trace"]).chain(args.iter().copied());
    let script = format!(
        "{}; code=$?; awk '/^ *lo:/ {{ print \"loopback\", $11 }}' /proc/net/dev >lo; exit $code",
        words.collect::<Vec<_>>().join(" ")
    );
    let output = Lab::new("public")
        .logged(&log)
        .command("sh", &["-c", &script])
        .current_dir(folder)
        .env("HOME", folder)
        .output()
        .unwrap();
    let log = std::fs::read_to_string(log).unwrap();
    let to: Vec<String> = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|packet| packet["dst"].as_str().unwrap().to_owned())
        .collect();
    let (probes, mut strangers): (Vec<_>, Vec<_>) = to.into_iter().partition(|to| to == TARGET);
    let lo = std::fs::read_to_string(folder.join("lo")).unwrap();
    assert!(lo.starts_with("loopback "), "{lo}");
    if lo.trim() != "loopback 0" {
        strangers.push(lo);
    }
    Seen {
        probes: probes.len(),
        strangers,
        stdout: String::from_utf8(output.stdout).unwrap(),
        code: output.status.code(),
    }
}

#[test]
fn the_counter_sees_what_the_default_asks() {
    let folder = tempfile::tempdir().unwrap();
    let seen = trace(folder.path(), &[TARGET]);
    assert!(seen.probes > 0 && !seen.strangers.is_empty(), "{:?}", seen.strangers);
}

#[test]
fn offline_and_private_send_probes_and_nothing_else() {
    for profile in ["offline", "private"] {
        let folder = tempfile::tempdir().unwrap();
        let printed = trace(folder.path(), &["--profile", profile, "--print-pipeline", TARGET]);
        for name in chain() {
            let is_left_out = name == "tm-dns" || (name == "tm-redact" && profile == "offline");
            assert_eq!(printed.stdout.contains(name), !is_left_out, "{name} {}", printed.stdout);
        }
        let seen = trace(folder.path(), &["--profile", profile, TARGET]);
        assert_eq!(seen.strangers, [""; 0], "{profile}");
        assert!(seen.probes >= 5 && seen.code == Some(0), "{profile}: {}", seen.stdout);
        assert!(seen.stdout.contains("reached"), "{}", seen.stdout);
    }
}

#[test]
fn a_name_is_not_looked_up_offline() {
    let folder = tempfile::tempdir().unwrap();
    let seen = trace(folder.path(), &["--profile", "offline", "--no-save", "example.com"]);
    assert_eq!((seen.probes, seen.strangers, seen.code), (0, Vec::new(), Some(1)));
}

#[test]
fn nothing_private_is_saved_or_shown() {
    let folder = tempfile::tempdir().unwrap();
    let seen = trace(folder.path(), &["--profile", "private", TARGET]);
    let kept = std::fs::read_to_string(folder.path().join(".tracemap/trace.ndjson")).unwrap();
    assert_eq!(kept.lines().count(), 6);
    for secret in [TARGET, "62.10.20.30", "4.68.110.5", "192.168.1.1", "10.0.0.2"] {
        assert!(!kept.contains(secret) && !seen.stdout.contains(secret), "{secret}");
    }
}

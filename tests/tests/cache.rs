//! The shared cache as a user meets it: through tm-dns, on disks that are read-only, full or
//! corrupt, and through `tracemap cache`.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tm_tests::dns::{DnsServer, Say};
use tm_tests::exporting::pipe;
use tm_tests::hop_line::{filter, hop, lines, records};
use tm_tests::{bare, tool};

const CACHE: &str = ".cache/tracemap/cache.sqlite";

fn server() -> DnsServer {
    DnsServer::start(|name, _| Say::ptr(&format!("{}.example.net.", name.replace('.', "-"))))
}

fn hops(count: u32) -> String {
    let ip = |n: u32| format!("9.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
    lines(&(0..count).map(|n| hop(1, &ip(n), 1.0)).collect::<Vec<_>>())
}

/// Runs tm-dns where `mount` puts a file system of its own at the cache's folder.
fn on_disk(mount: &str, server: &DnsServer, home: &Path, input: &str) -> Output {
    fs::create_dir_all(home.join(".cache")).unwrap();
    let script = format!("mount -t tmpfs {mount} none \"$HOME/.cache\" && exec \"$@\"");
    let mut command = Command::new("unshare");
    command
        .args(["--map-root-user", "--mount", "sh", "-c", &script, "sh"])
        .arg(tool("tm-dns"))
        .args(["--resolver", &server.address.to_string()])
        .env("HOME", home)
        .env_remove("XDG_CACHE_HOME");
    pipe(&mut command, input)
}

/// Every record has its name, and one line says that the cache could not be used.
fn complains_once(output: &Output, count: usize) {
    let all = records(output);
    assert_eq!(all.len(), count);
    assert!(all.iter().all(|record| record.pointer("/dns/hostname").is_some_and(Value::is_string)));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.starts_with("tm-dns: going on without the cache "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn a_read_only_home_costs_the_cache_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    complains_once(&on_disk("-o ro", &server(), home.path(), &hops(20)), 20);
}

#[test]
fn a_full_disk_costs_the_cache_and_nothing_else() {
    for size in ["64k", "256k"] {
        let home = tempfile::tempdir().unwrap();
        let output = on_disk(&format!("-o size={size}"), &server(), home.path(), &hops(3000));
        complains_once(&output, 3000);
    }
}

#[test]
fn a_corrupt_cache_is_set_aside_and_told_once() {
    let home = tempfile::tempdir().unwrap();
    let server = server();
    let resolver = server.address.to_string();
    let path = home.path().join(CACHE);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "this is no database, however long it is ".repeat(500)).unwrap();
    let run = || filter("tm-dns", &["--resolver", &resolver], home.path(), &hops(5));
    let first = run();
    assert_eq!(records(&first).len(), 5);
    let stderr = String::from_utf8(first.stderr).unwrap();
    assert!(stderr.contains("corrupt; it is kept as"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let second = run();
    assert_eq!(
        (records(&second).len(), String::from_utf8(second.stderr).unwrap()),
        (5, String::new())
    );
    assert_eq!(server.asked().len(), 5, "the second run had the new cache");
    let aside = fs::read_dir(path.parent().unwrap()).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let aside = aside.map(name).filter(|name| name.to_string_lossy().contains("corrupt-"));
    assert_eq!(aside.count(), 1);
}

fn tracemap(home: &Path, args: &[&str]) -> String {
    let output = bare(tool("tracemap")).args(args).env("HOME", home).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_report_counts_over_all_runs() {
    let home = tempfile::tempdir().unwrap();
    let none = tracemap(home.path(), &["cache", "stats"]);
    assert!(none.starts_with("no cache yet at "), "{none}");
    assert!(!home.path().join(".cache").exists(), "looking makes none");
    let resolver = server().address.to_string();
    for _ in 0..4 {
        records(&filter("tm-dns", &["--resolver", &resolver], home.path(), &hops(5)));
    }
    let text = tracemap(home.path(), &["cache", "stats"]);
    let row = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    let words: Vec<_> = ["dns", "all"]
        .map(|name| row(name).split_whitespace().skip(1).collect::<Vec<_>>().join(" "))
        .into();
    assert_eq!(words, ["5 5 0 20 75.0%"; 2], "{text}");
    assert!(row("geo").ends_with('-'), "{text}");
    let json: Value =
        serde_json::from_str(&tracemap(home.path(), &["cache", "stats", "--format", "json"]))
            .unwrap();
    assert_eq!(
        (&json["total"]["hit_rate"], &json["kinds"]["dns"]["hits"]),
        (&0.75.into(), &15.into())
    );
    assert!(json["size"].as_u64().unwrap() > 4096 && json["quotas"].is_array());
}

#[test]
fn entries_are_removed_by_kind_and_by_age() {
    let home = tempfile::tempdir().unwrap();
    let resolver = server().address.to_string();
    records(&filter("tm-dns", &["--resolver", &resolver], home.path(), &hops(5)));
    let clear = |args: &[&str]| tracemap(home.path(), &[&["cache", "clear"], args].concat());
    assert_eq!(clear(&["--geo", "--asn"]), "removed entries: 0\n");
    assert_eq!(clear(&["--expired"]), "removed entries: 0\n");
    assert_eq!(clear(&["--dns", "--format", "json"]), "{\"removed\":5}\n");
    assert_eq!(clear(&[]), "removed entries: 0\n");
}

//! A diamond that was really discovered, between kernel routers, in everything that draws or
//! compares paths.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use tm_tests::{Lab, tool};

/// Two discoveries of the lab, and two plain traces of different flows.
static RECORDS: LazyLock<[Vec<u8>; 4]> = LazyLock::new(|| {
    let sure = &["--discover-paths", "--confidence", "99.9"][..];
    [sure, sure, &["--sport", "40011"], &["--sport", "40023"]].map(traced)
});

fn traced(flags: &[&str]) -> Vec<u8> {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/netns/lab.sh");
    let mut command = Command::new(lab);
    command.arg("--").arg(tool("tm-probe")).args(flags).arg("10.9.0.1");
    let output = command.stdin(Stdio::null()).env("XDG_CONFIG_HOME", "/nonexistent").output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

fn saved(folder: &Path) -> [PathBuf; 4] {
    let mut number = 0;
    RECORDS.clone().map(|records| {
        number += 1;
        let file = folder.join(format!("{number}.ndjson"));
        std::fs::write(&file, records).unwrap();
        file
    })
}

fn run(name: &str, args: &[&str], files: &[&Path]) -> (String, Option<i32>) {
    let mut command = Command::new(tool(name));
    command.args(args).args(files).env("XDG_CONFIG_HOME", "/nonexistent");
    let output = command.stdin(Stdio::null()).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

#[test]
fn the_table_tells_how_many_paths_there_are_where() {
    let folder = tempfile::tempdir().unwrap();
    let [file, ..] = saved(folder.path());
    let (table, _) = run("tm-render", &[], &[&file]);
    assert!(table.contains("⚠ ECMP detected at 2 hops: hop 3: 2 paths, hop 4: 3 paths"), "{table}");
    let promise = "10 responders, 11 links, found by";
    assert!(table.contains(promise) && table.contains("% likelihood"), "{table}");
}

/// The letters of the truth: both routers of hop 3 lead to the middle one of hop 4.
const LINKS: [(&str, &str); 7] = [
    ("10.0.2.1", "10.0.3.1"),
    ("10.0.2.1", "10.0.3.2"),
    ("10.0.3.1", "10.0.4.1"),
    ("10.0.3.1", "10.0.4.2"),
    ("10.0.3.2", "10.0.4.2"),
    ("10.0.3.2", "10.0.4.3"),
    ("10.0.4.2", "10.0.5.1"),
];

#[test]
fn the_graph_has_the_true_links_for_graphviz() {
    let folder = tempfile::tempdir().unwrap();
    let [file, ..] = saved(folder.path());
    let (dot, _) = run("tm-export", &["--format", "dot"], &[&file]);
    let name = |ip: &str| {
        let line = dot.lines().find(|line| line.contains(&format!(". {ip}\\n"))).unwrap();
        line.split_whitespace().next().unwrap().to_owned()
    };
    for (from, to) in LINKS {
        assert!(dot.contains(&format!("{} -> {}", name(from), name(to))), "{from} {to}: {dot}");
    }
    // Thirteen with those through the silent hop.
    assert_eq!(dot.matches(" -> ").count(), 13, "{dot}");
    assert!(!dot.lines().any(|line| line.contains(" -> ") && line.contains("dashed")), "{dot}");
}

#[test]
fn page_and_report_draw_it_and_say_how_sure_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let [file, ..] = saved(folder.path());
    let (page, _) = run("tm-export", &["--format", "html"], &[&file]);
    let (report, _) = run("tm-export", &["--format", "md", "--mermaid"], &[&file]);
    assert_eq!(page.matches("<path class=\"edge\"").count(), 13);
    assert_eq!(report.matches(" --> ").count(), 13, "{report}");
    for text in [&page, &report] {
        assert!(text.contains("4 ways by the links seen; several routers answer at hops 3–4"));
        assert!(text.contains("Every path was looked for, to be 99.9 % sure of them all"));
    }
}

#[test]
fn the_screen_shows_who_follows_whom() {
    let folder = tempfile::tempdir().unwrap();
    let [file, ..] = saved(folder.path());
    let session = format!("tracemap-graph-{}", std::process::id());
    let tmux = |args: &[&str]| {
        let output = Command::new("tmux").args(args).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let line = format!("{} --tui {}", tool("tm-render").display(), file.display());
    tmux(&["-L", &session, "new-session", "-d", "-s", &session, "-x", "160", "-y", "40", &line]);
    let mut screen = String::new();
    for _ in 0..40 {
        std::thread::sleep(std::time::Duration::from_millis(100));
        screen = tmux(&["-L", &session, "capture-pane", "-p", "-t", &session]);
        if screen.contains("letters of those that follow") {
            break;
        }
        if screen.contains("10.0.7.1") {
            tmux(&["-L", &session, "send-keys", "-t", &session, "f"]);
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
    }
    tmux(&["-L", &session, "kill-server"]);
    assert!(screen.contains("10.0.2.1 → AB") && screen.contains("10.0.5.1 → *"), "{screen}");
    assert!(screen.contains("11 links"), "{screen}");
}

#[test]
fn packets_balanced_one_by_one_make_dashed_links() {
    let probe = tool("tm-probe").display().to_string();
    let args = ["--discover-paths", "198.51.100.9"];
    let output = Lab::new("diamond").command(&probe, &args).output().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("records");
    std::fs::write(&file, output.stdout).unwrap();
    let (dot, _) = run("tm-export", &["--format", "dot"], &[&file]);
    let edges: Vec<&str> = dot.lines().filter(|line| line.contains(" -> ")).collect();
    let dashed = edges.iter().filter(|line| line.contains("dashed")).count();
    assert_eq!(dashed, 4, "to and from both routers of hop 6: {dot}");
    let (table, _) = run("tm-render", &[], &[&file]);
    assert!(table.contains("several responders at 1 hop: hop 6: 2 responders"), "{table}");
}

#[test]
fn a_load_balancer_is_no_change_of_route() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two, plain, other] = saved(folder.path());
    for (a, b) in [(&one, &two), (&plain, &one), (&one, &other)] {
        let (text, code) = run("tm-diff", &[], &[a, b]);
        assert_eq!((code, text.contains("No difference.")), (Some(0), true), "{text}");
    }
}

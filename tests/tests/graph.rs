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
    let sure = &["--discover-paths", "--confidence", "99.999"][..];
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
        assert!(
            text.contains("Load balancing between hops 2 and 5: 3 routers side by side; a flow")
        );
        assert!(text.contains("Every path was looked for, to be 99.999 % sure of them all"));
        let bound = |before: &str, after: &str| {
            Some(text.split_once(before)?.1.split_once(after)?.0.trim_end_matches([' ', '%']))
        };
        let missed = bound("with a probability of at most ", ", where flows");
        let likely = bound("that a branch is missing is at most ", "likely");
        assert!(likely.is_some() && likely == missed, "{likely:?} {missed:?}");
    }
}

/// Where the routers of the diamond stand, but one of hop 4.
const PLACES: [(&str, f64, f64); 6] = [
    ("10.0.2.1", 48.86, 2.35),
    ("10.0.3.1", 50.11, 8.68),
    ("10.0.3.2", 51.51, -0.13),
    ("10.0.4.1", 48.21, 16.37),
    ("10.0.4.3", 53.35, -6.26),
    ("10.0.5.1", 40.71, -74.01),
];

#[test]
fn the_map_draws_every_branch_between_places_and_lists_who_has_none() {
    let located = String::from_utf8(RECORDS[0].clone()).unwrap();
    let located: Vec<String> = located
        .lines()
        .map(|line| {
            let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
            let place = PLACES.iter().find(|(ip, ..)| record["ip"] == **ip);
            if let Some((_, lat, lon)) = place {
                record["geo"] = serde_json::json!({"lat": lat, "lon": lon, "source": "test"});
            }
            record.to_string()
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("located.ndjson");
    std::fs::write(&file, located.join("\n")).unwrap();
    let (map, _) = run("tm-export", &["--format", "svg"], &[&file]);
    assert_eq!(map.matches("<g class=\"mark").count(), 6, "{map}");
    // To both of hop 3, from each to one of hop 4, from both of these to hop 5.
    let solid = map.matches("<use class=\"casing\"").count();
    // By way of the one without a place.
    let dotted = map.matches("<use class=\"leg gap").count();
    assert!(solid == 6 && dotted <= 2, "{solid} {dotted}");
    assert!(map.contains("for want of a place: hop 1, ") && map.contains("10.0.4.2 (hop 4)"));
    let (page, _) = run("tm-export", &["--format", "html"], &[&file]);
    assert!(page.contains("beside others of their hop: 10.0.4.2 (hop 4)."));
}

#[test]
fn balancing_by_packet_is_drawn_where_it_leads_and_not_across_what_nobody_saw() {
    let places = [("a", 40.0), ("b", 41.5), ("c", 43.0), ("d", 44.5), ("e", 46.0), ("f", 47.5)];
    let legs = |wide: &[&[&str]]| {
        let mut lines = Vec::new();
        for (ttl, names) in (1..).zip(wide) {
            for name in *names {
                let (at, (_, lat)) =
                    places.iter().enumerate().find(|(_, (known, _))| known == name).unwrap();
                let mut hop = tm_tests::hop_line::hop(ttl, &format!("198.51.100.{at}"), 30.0);
                let lon = at as f64 % 2.0 * 9.0;
                hop["geo"] = serde_json::json!({"lat": lat, "lon": lon, "source": "test"});
                lines.push(hop);
            }
        }
        let map = tm_tests::exporting::text("svg", &lines);
        (map.matches("<g class=\"mark").count(), map.matches("<use class=\"casing\"").count())
    };
    assert_eq!(legs(&[&["a"], &["b", "c"], &["d"]]), (4, 4));
    // Who of hop 2 is before whom of hop 3, one flow does not tell.
    assert_eq!(legs(&[&["a"], &["b", "c"], &["d", "e"], &["f"]]), (6, 4));
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
    let args = ["--discover-paths", "--confidence", "99.999", "198.51.100.9"];
    let output = Lab::new("diamond").command(&probe, &args).output().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("records");
    std::fs::write(&file, output.stdout).unwrap();
    let (dot, _) = run("tm-export", &["--format", "dot"], &[&file]);
    let edges: Vec<&str> = dot.lines().filter(|line| line.contains(" -> ")).collect();
    let dashed = edges.iter().filter(|line| line.contains("dashed")).count();
    assert_eq!(dashed, 4, "to and from both routers of hop 6: {dot}");
    let (table, _) = run("tm-render", &[], &[&file]);
    assert!(table.contains("packets balanced one by one at 1 hop: hop 6: 2 responders"), "{table}");
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

//! The keys of the screen that one walks through: each that the help names, pressed in a real
//! terminal (tmux), and what stands there afterwards.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs::{self, OpenOptions};
use std::io::Write;

use tempfile::TempDir;
use tm_tests::terminal::Terminal;
use tm_tests::walking::{fixture, hops, is_at, pacific};

/// What the help calls keys, and what proves that they do what it says.
type Proof = (&'static str, &'static str, fn());

const PROOFS: [Proof; 24] = [
    ("q", "quit", || {
        let terminal = pacific(80, 24);
        terminal.press(&["q"]);
        assert_eq!(terminal.ended(), 0);
        assert!(terminal.is_as_before());
    }),
    ("↑ k", "hop before", || {
        let terminal = pacific(80, 24);
        terminal.press(&["j", "j", "j", "Up"]);
        terminal.until("the cursor at hop 2", is_at("2"));
        terminal.press(&["k"]);
        terminal.until("the cursor at hop 1", is_at("1"));
        terminal.press(&["k"]);
        terminal.until("the cursor at hop 1", is_at("1"));
    }),
    ("↓ j", "hop after", || {
        let terminal = pacific(80, 24);
        terminal.press(&["Down"]);
        terminal.until("the cursor at hop 1", is_at("1"));
        terminal.press(&["j"]);
        terminal.until("the cursor at hop 2", is_at("2"));
        terminal.press(&["j"; 9]);
        terminal.until("the cursor at the last hop", is_at("7"));
    }),
    ("PgUp PgDn", "scroll below", || {
        let terminal = pacific(80, 24);
        terminal.press(&["j", "j", "j", "j", "j", "Enter"]);
        terminal.shows("5: 129.250.1.1");
        terminal.press(&["NPage"]);
        terminal.shows("TTL 60");
        terminal.hides("5: 129.250.1.1");
        terminal.press(&["PPage"]);
        terminal.shows("5: 129.250.1.1");
    }),
    ("Enter", "details of hop", || {
        let terminal = pacific(80, 24);
        terminal.press(&["j", "j", "Enter"]);
        let screen = terminal.shows("┌ details");
        for text in ["2: 62.155.243.1", "f-ed11-i.f.de.net.dtag.de", "AS3320  Deutsche Telekom AG"]
        {
            assert!(screen.contains(text), "{text}\n{screen}");
        }
        terminal.press(&["j"]);
        terminal.shows("3: 62.115.124.116");
        terminal.press(&["Enter"]);
        terminal.hides("┌ details");
    }),
    ("a", "alerts", || {
        let folder = tempfile::tempdir().unwrap();
        let terminal = alerted(&folder);
        terminal.press(&["a"]);
        let screen = terminal.shows("┌ alerts");
        assert!(screen.contains("warning  the way has changed at hop 5"), "{screen}");
        terminal.press(&["a"]);
        terminal.hides("┌ alerts");
    }),
    ("i", "figures", || {
        let terminal = pacific(80, 24);
        terminal.press(&["i"]);
        let screen = terminal.shows("┌ figures");
        assert!(screen.contains("Resolved IP") && screen.contains("122.56.1.1"), "{screen}");
        terminal.press(&["i"]);
        terminal.hides("┌ figures");
    }),
    ("m", "map", || {
        let terminal = pacific(80, 24);
        terminal.press(&["m"]);
        let screen = terminal.shows("┌ map");
        assert!(screen.contains("2–3") && screen.contains("Auckland, NZ"), "{screen}");
        terminal.press(&["m"]);
        terminal.hides("┌ map");
    }),
    ("w", "map of the world", || {
        let terminal = pacific(80, 24);
        terminal.press(&["m"]);
        let path = terminal.shows("┌ map");
        terminal.press(&["w"]);
        terminal.until("another map", |screen| screen.contains("┌ map") && screen != path);
        terminal.press(&["w"]);
        terminal.until("the map of the path", |screen| screen == path);
    }),
    ("f", "flows", || {
        let command = format!("tm-render --tui '{}'", fixture("diamond").display());
        let terminal = Terminal::run(80, 24, &command);
        terminal.shows("end, round 1");
        terminal.press(&["f"]);
        terminal.shows("┌ flows");
        terminal.shows("4 AAABCADC  A 10.0.4.2  B 10.0.4.4  C 10.0.4.3  D 10.0.4.1");
        terminal.shows("8 flows, 6 different ways");
        terminal.press(&["f"]);
        terminal.hides("┌ flows");
    }),
    ("/", "filter hops", || {
        let terminal = pacific(80, 24);
        terminal.press(&["/"]);
        terminal.shows("Enter keep");
        // Keys are text now.
        terminal.press(&["n", "t", "t", "q", "BSpace"]);
        let screen = terminal.until("two hops", |screen| hops(screen).len() == 2);
        assert!(screen.contains("/ntt_"), "{screen}");
        terminal.press(&["Enter"]);
        let screen = terminal.shows("only hops with: ntt");
        assert_eq!(hops(&screen).len(), 2, "{screen}");
        terminal.press(&["Escape"]);
        terminal.until("all hops", |screen| hops(screen).len() == 7);
    }),
    ("s", "sort by next", || {
        let terminal = pacific(80, 24);
        terminal.press(&["s"]);
        let screen = terminal.shows("┌ hops by loss");
        assert!(screen.contains("sorted by loss"), "{screen}");
        let numbers = |screen: &str| -> Vec<String> {
            let number = |line: &String| line.split_whitespace().nth(1).unwrap().to_owned();
            hops(screen).iter().map(number).collect()
        };
        assert_eq!(numbers(&screen)[..2], ["4", "6"], "{screen}");
        terminal.press(&["s"]);
        let screen = terminal.shows("┌ hops by avg");
        assert_eq!(numbers(&screen), ["7", "6", "5", "3", "2", "1", "4"], "{screen}");
        terminal.press(&["s"; 7]);
        let screen = terminal.shows("┌ hops by hop");
        assert_eq!(numbers(&screen), ["1", "2", "3", "4", "5", "6", "7"], "{screen}");
    }),
    ("c", "columns", || {
        let terminal = pacific(80, 24);
        terminal.press(&["c"]);
        terminal.shows("[x] Hostname");
        terminal.press(&["Down", "j", "Space"]);
        terminal.shows("[ ] Hostname");
        terminal.press(&["c"]);
        let screen = terminal.hides("[ ] Hostname");
        assert!(!screen.contains("Hostname") && screen.contains("Location"), "{screen}");
        terminal.press(&["c", "0"]);
        terminal.shows("[x] Hostname");
        terminal.press(&["q"]);
        let screen = terminal.hides("[x] Hostname");
        assert!(screen.contains("Hostname"), "{screen}");
    }),
    ("space", "mark the hop", || {
        let terminal = pacific(80, 24);
        terminal.press(&["j", "j", "Space"]);
        terminal.shows(">*2 ");
        terminal.press(&["j"]);
        terminal.shows(" *2 ");
        // What is marked stays, whatever the filter.
        terminal.press(&["/", "n", "t", "t", "Enter"]);
        terminal.until("three hops", |screen| hops(screen).len() == 3);
        terminal.press(&["Escape"]);
        terminal.until("all hops", |screen| hops(screen).len() == 7);
        terminal.press(&["k", "Space"]);
        terminal.hides("*2 ");
    }),
    ("e", "export as HTML", || {
        let terminal = pacific(80, 24);
        terminal.press(&["e"]);
        terminal.shows("exported to tracemap-www.example.nz-20261124T100001.html");
        let page = terminal.folder().join("tracemap-www.example.nz-20261124T100001.html");
        let page = fs::read_to_string(page).unwrap();
        assert!(page.contains("<html") && page.contains("122.56.1.1"), "{page}");
    }),
    ("r", "redraw, read on", || {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let text = fs::read_to_string(fixture("pacific")).unwrap();
        let (some, rest) = text.split_at(text.len() / 2);
        fs::write(&log, some).unwrap();
        let terminal = Terminal::run(80, 24, &format!("tm-render --tui '{}'", log.display()));
        terminal.shows("end, round 4");
        // Somebody else has written on the screen.
        fs::write(terminal.ask("#{pane_tty}"), "\x1b[5;5HINTRUDER").unwrap();
        terminal.shows("INTRUDER");
        terminal.press(&["r"]);
        terminal.hides("INTRUDER");
        OpenOptions::new().append(true).open(&log).unwrap().write_all(rest.as_bytes()).unwrap();
        terminal.press(&["r"]);
        terminal.shows("end, round 8");
    }),
    ("p", "pause, play", || {
        let terminal = pacific(80, 24);
        terminal.press(&["p"]);
        terminal.shows("paused, round 8/8");
        terminal.press(&["p"]);
        terminal.shows("end, round 8");
        terminal.press(&["Home", "p"]);
        terminal.shows("playing 1/s, round 2/8");
        terminal.press(&["p"]);
        terminal.shows("paused, round");
    }),
    ("← →", "step a round", || {
        let terminal = pacific(80, 24);
        terminal.press(&["Left"]);
        terminal.shows("paused, round 7/8");
        terminal.press(&["Left", "Left"]);
        terminal.shows("paused, round 5/8");
        terminal.press(&["Right"]);
        let screen = terminal.shows("paused, round 6/8");
        // Six rounds, a bar each.
        assert!(
            hops(&screen)[4].chars().filter(|c| "▁▂▃▄▅▆▇█".contains(*c)).count() == 6,
            "{screen}"
        );
    }),
    ("Home", "first round", || {
        let terminal = pacific(80, 24);
        terminal.press(&["Home"]);
        terminal.shows("paused, round 1/8");
        terminal.press(&["Left"]);
        terminal.shows("paused, round 1/8");
    }),
    ("End", "latest, follow", || {
        let terminal = pacific(80, 24);
        terminal.press(&["Home"]);
        terminal.shows("paused, round 1/8");
        terminal.press(&["End"]);
        terminal.shows("end, round 8");
    }),
    ("- +", "slower, faster", || {
        let terminal = pacific(80, 24);
        terminal.press(&["Home", "p"]);
        terminal.shows("playing 1/s");
        terminal.press(&["-"]);
        terminal.shows("playing 0.5/s");
        terminal.press(&["+", "+", "+"]);
        terminal.shows("playing 5/s");
        terminal.press(&["="]);
        terminal.shows("paused, round 8/8");
        terminal.press(&["+"]);
        terminal.shows("nothing is being played; p begins");
    }),
    ("Tab", "next host", || {
        let files = ["pacific", "diamond"].map(|name| fixture(name).display().to_string());
        let terminal = Terminal::run(80, 24, &format!("tm-render --tui {}", files.join(" ")));
        terminal.shows("host 1/2");
        terminal.shows("end, round 8");
        terminal.press(&["Tab"]);
        let screen = terminal.shows("host 2/2");
        assert!(screen.contains("10.0.3.1") && !screen.contains("129.250.1.1"), "{screen}");
        terminal.press(&["Tab"]);
        terminal.shows("host 1/2");
    }),
    ("h ?", "this help", || {
        let terminal = pacific(80, 24);
        for key in ["h", "?"] {
            terminal.press(&[key]);
            terminal.shows("┌ help");
            terminal.press(&["x"]);
            terminal.hides("┌ help");
        }
    }),
    ("Esc", "close, clear", || {
        let terminal = pacific(80, 24);
        terminal.press(&["i"]);
        terminal.shows("┌ figures");
        terminal.press(&["Escape"]);
        terminal.hides("┌ figures");
        terminal.press(&["h"]);
        terminal.shows("┌ help");
        terminal.press(&["Escape"]);
        terminal.hides("┌ help");
        terminal.press(&["/", "x", "x"]);
        terminal.shows("no hop has that text");
        terminal.press(&["Escape"]);
        terminal.until("all hops", |screen| hops(screen).len() == 7);
        terminal.press(&["m"]);
        terminal.shows("┌ map");
        terminal.press(&["Escape"]);
        terminal.shows("┌ hops");
    }),
];

/// A log with an alert in it.
fn alerted(folder: &TempDir) -> Terminal {
    let log = folder.path().join("log");
    let mut text = fs::read_to_string(fixture("pacific")).unwrap();
    text += "{\"type\":\"alert\",\"v\":1,\"at\":\"2026-11-24T10:08:00.000000Z\",\"host\":\"www.example.nz\",\
             \"resolved_ip\":\"122.56.1.1\",\"trace_id\":\"x\",\"kind\":\"route_change\",\
             \"severity\":\"warning\",\"hop\":5,\"before\":null,\"after\":null,\
             \"message\":\"the way has changed at hop 5\"}\n";
    fs::write(&log, text).unwrap();
    let terminal = Terminal::run(80, 24, &format!("tm-render --tui '{}'", log.display()));
    terminal.shows("end, round 8");
    terminal.shows("warning: the way has changed at hop 5");
    terminal
}

#[test]
fn every_key_that_the_help_names_does_what_it_says() {
    let terminal = pacific(80, 24);
    terminal.press(&["h"]);
    let help = terminal.shows("┌ help");
    for (keys, what, _) in PROOFS {
        assert!(help.contains(&format!(" {keys:<9} {what} ")), "{keys}: {what}\n{help}");
    }
    let inside = help.lines().skip_while(|line| !line.starts_with("│") && !line.contains("┌ help"));
    let inside = inside.skip_while(|line| !line.contains("┌ help")).skip(1);
    let named = inside.take_while(|line| !line.contains('└')).count() * 2;
    assert_eq!(named, PROOFS.len(), "the help names others\n{help}");
    drop(terminal);
    for (keys, what, proof) in PROOFS {
        println!("{keys}: {what}");
        proof();
    }
}

//! The screen that one walks through, as a user meets it: keys pressed in a real terminal (tmux),
//! and what stands there afterwards.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tm_tests::terminal::Terminal;
use tm_tests::tool;

fn fixture(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/screens");
    folder.join(name).with_extension("ndjson")
}

/// Eight rounds of seven hops, from a file.
fn pacific(columns: u16, lines: u16) -> Terminal {
    let command = format!("tm-render --tui '{}'", fixture("pacific").display());
    let terminal = Terminal::run(columns, lines, &command);
    terminal.shows("end, round 8");
    terminal
}

/// A terminal's lines that show hops.
fn hops(screen: &str) -> Vec<String> {
    let is_hop = |line: &&str| {
        let mut words = line.trim_start_matches(['│', '>', ' ', '*']).split_whitespace();
        words.next().is_some_and(|word| word.parse::<u8>().is_ok())
    };
    screen.lines().filter(is_hop).map(str::to_owned).collect()
}

fn is_at(hop: &str) -> impl Fn(&str) -> bool {
    let wanted = format!("> {hop} ");
    move |screen| screen.contains(&wanted)
}

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

#[test]
fn what_tools_say_stands_below_the_table_and_tears_none() {
    let command = "tracemap trace --no-save --profile offline 127.0.0.1";
    let terminal = Terminal::run(100, 24, command);
    assert_eq!(terminal.ended(), 0);
    let screen = terminal.screen();
    let at = |text: &str| screen.find(text).unwrap();
    assert!(at("reached") < at("tm-asn: no database"), "{screen}");
    assert_eq!(screen.matches("┌───┬").count(), 1, "{screen}");
}

#[test]
fn a_dumb_terminal_gets_no_escapes() {
    let is_coloured = |kind: &str| {
        let command = format!("TERM={kind} tm-render '{}'", fixture("pacific").display());
        let terminal = Terminal::run(100, 24, &command);
        assert_eq!(terminal.ended(), 0);
        terminal.coloured_screen().contains('\x1b')
    };
    assert!(is_coloured("xterm") && !is_coloured("dumb"));
}

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

#[test]
fn rounds_come_through_a_pipe_while_keys_come_from_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let command = format!("cat '{}' | tm-render --tui", pipe.display());
    let terminal = Terminal::run(80, 24, &command);
    terminal.shows("waiting for records");
    let mut records = File::options().write(true).open(&pipe).unwrap();
    let text = fs::read_to_string(fixture("pacific")).unwrap();
    let mut rounds = text.split_inclusive('\n').collect::<Vec<_>>();
    let later = rounds.split_off(8 * 4);
    let (first, second) = (&later[..2], &later[2..]);
    records.write_all(rounds.concat().as_bytes()).unwrap();
    terminal.shows("live, round 4");
    terminal.press(&["j", "j", "Enter"]);
    terminal.shows("2: 62.155.243.1");
    // Half a round is seen at once: two hops have five rounds by now.
    records.write_all(first.concat().as_bytes()).unwrap();
    terminal.shows("0 of 15 probes");
    terminal.press(&["p"]);
    terminal.shows("paused, round 4/4");
    records.write_all(second.concat().as_bytes()).unwrap();
    terminal.shows("paused, round 4/8");
    terminal.shows("0 of 12 probes");
    terminal.press(&["End"]);
    terminal.shows("live, round 8");
    terminal.shows("0 of 24 probes");
    drop(records);
    terminal.shows("end, round 8");
    terminal.press(&["q"]);
    assert_eq!(terminal.ended(), 0);
    assert!(terminal.is_as_before());
}

#[test]
fn the_porcelain_opens_it_too() {
    let file = fixture("pacific").display().to_string();
    let terminal = Terminal::run(80, 24, &format!("tracemap tui '{file}'"));
    terminal.shows("end, round 8");
    terminal.press(&["q"]);
    assert_eq!(terminal.ended(), 0);

    let terminal = Terminal::run(80, 24, &format!("tracemap replay '{file}'"));
    terminal.shows("playing 1/s, round 1/8");
    terminal.press(&["+", "+", "+", "+"]);
    terminal.shows("paused, round 8/8");
    terminal.press(&["q"]);
    assert_eq!(terminal.ended(), 0);

    let terminal = Terminal::run(80, 24, &format!("tracemap stats '{file}'"));
    assert_eq!(terminal.ended(), 0);
    terminal.shows("Resolved IP   122.56.1.1");

    let terminal = Terminal::run(80, 24, "tracemap tui");
    assert_eq!(terminal.ended(), 2);
    terminal.shows("give a FILE");
}

#[test]
fn the_terminal_is_given_back_however_it_ends() {
    for (signal, code) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let terminal = pacific(80, 24);
        let pid = terminal.process("tm-render");
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        assert_eq!(terminal.ended(), code, "{signal}");
        assert!(terminal.is_as_before(), "{signal}");
    }
    let terminal = pacific(80, 24);
    terminal.press(&["C-c"]);
    assert_eq!(terminal.ended(), 130);
    assert!(terminal.is_as_before());
}

#[test]
fn it_ends_with_its_terminal() {
    let terminal = pacific(80, 24);
    let process = Path::new("/proc").join(terminal.process("tm-render"));
    drop(terminal);
    let begun = Instant::now();
    while process.exists() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it goes on without a terminal");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn every_size_is_filled_and_usable() {
    let terminal = pacific(80, 24);
    terminal.press(&["j", "j", "j", "j", "j", "j", "j", "Enter"]);
    terminal.until("the cursor at the last hop", is_at("7"));
    for (columns, lines) in [(60, 20), (200, 50), (40, 12), (120, 40), (60, 16), (80, 24)] {
        terminal.resize(columns, lines);
        // The frame of the table reaches the right edge, or the map does.
        let wanted = usize::from(columns);
        let fits = |screen: &str| {
            let frame = screen.lines().find(|line| line.starts_with('┌'));
            frame.is_some_and(|frame| frame.chars().count() == wanted)
                && screen.lines().count() == usize::from(lines)
                && is_at("7")(screen)
                && screen.contains("┌ details")
        };
        let screen = terminal.until(&format!("{columns} × {lines}, with hop 7 on it"), fits);
        assert!(screen.contains("122.56.1.1"), "{screen}");
        assert_eq!(screen.contains("┌ map"), columns >= 130, "{screen}");
    }
    for (columns, lines) in [(60, 20), (80, 24)] {
        terminal.resize(columns, lines);
        terminal.press(&["h"]);
        let screen = terminal.until("the help", |screen| {
            screen.contains("┌ help") && screen.contains("close, clear")
        });
        assert!(screen.contains("quit") && screen.contains("redraw, read on "), "{screen}");
        terminal.press(&["h"]);
        terminal.hides("┌ help");
    }
    terminal.resize(10, 4);
    terminal.until("ten columns", |screen| screen.lines().all(|line| line.chars().count() <= 10));
    terminal.press(&["m", "f", "h", "q"]);
    terminal.resize(80, 24);
    terminal.shows("┌ flows");
    terminal.press(&["q"]);
    assert_eq!(terminal.ended(), 0);
}

/// The colours in a screen: SGR parameters that set one.
fn colours(screen: &str) -> usize {
    let codes = screen.split("\x1b[").skip(1).filter_map(|rest| rest.split_once('m'));
    let is_colour = |code: &str| {
        matches!(code.parse::<u8>(), Ok(30..=37 | 40..=47 | 90..=107))
            || code == "38"
            || code == "48"
    };
    codes.flat_map(|(code, _)| code.split(';')).filter(|code| is_colour(code)).count()
}

#[test]
fn colour_is_a_help_and_never_needed() {
    let terminal = pacific(140, 40);
    assert!(colours(&terminal.coloured_screen()) > 5);
    let screen = terminal.screen();
    for setting in ["NO_COLOR=1 tm-render", "tm-render --color never"] {
        let command = format!("{setting} --tui '{}'", fixture("pacific").display());
        let terminal = Terminal::run(140, 40, &command);
        terminal.shows("end, round 8");
        terminal.press(&["j", "Enter", "m", "m"]);
        terminal.shows("┌ details");
        assert_eq!(colours(&terminal.coloured_screen()), 0);
        terminal.press(&["Enter"]);
        terminal.until("the same without colour", |plain| plain.replace("> 1", "  1") == screen);
    }
}

#[test]
fn strangers_text_moves_no_border() {
    for (columns, lines) in [(80, 24), (140, 40)] {
        let command = format!("tm-render --tui '{}'", fixture("hostile").display());
        let terminal = Terminal::run(columns, lines, &command);
        terminal.shows("end, round 1");
        let title = terminal.ask("#{pane_title}");
        let mut last = String::new();
        for keys in ["", "j j j Enter", "j", "j j", "PPage", "NPage", "i", "a", "Escape", "m", "f"]
        {
            terminal.press(&keys.split_whitespace().collect::<Vec<_>>());
            if !keys.is_empty() {
                // What it shows now is not what it showed before: the keys have been read.
                terminal.press(&["h"]);
                terminal.shows("┌ help");
                terminal.press(&["h"]);
                terminal.hides("┌ help");
            }
            let screen = terminal.screen();
            let framed = |(_, line): &(usize, &str)| line.starts_with(['│', '┌', '└']);
            let ends = terminal.ends_of_lines(lines);
            for (at, line) in screen.lines().enumerate().filter(framed) {
                assert_eq!(ends[at], columns, "after {keys}: {line}\n{screen}");
                assert!(line.ends_with(['│', '┐', '┘']), "{line}\n{screen}");
            }
            last = screen;
        }
        assert!(!last.is_empty());
        assert_eq!(terminal.ask("#{pane_title}"), title, "nobody set the title");
        terminal.press(&["q"]);
        assert_eq!(terminal.ended(), 0);
        assert!(terminal.is_as_before());
    }
}

#[test]
fn lines_that_are_no_records_are_counted_and_the_rest_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let text = fs::read_to_string(fixture("pacific")).unwrap();
    fs::write(&log, format!("no record\n{text}{{\"type\":\"hop\",\"hop\":7\n")).unwrap();
    let terminal = Terminal::run(80, 24, &format!("tm-render --tui '{}'", log.display()));
    terminal.shows("end, round 8");
    terminal.press(&["q"]);
    assert_eq!(terminal.ended(), 0);
    terminal.shows("tm-render: lines that were no records: 2");
}

#[test]
fn without_a_terminal_it_says_so() {
    let output =
        Command::new(tool("tm-render")).arg("--tui").arg(fixture("pacific")).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("--tui needs a terminal"), "{stderr}");
}

//! The screen that one walks through, as a user meets it: in a real terminal (tmux), live and from
//! files, in every size, and what becomes of the terminal.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tm_tests::terminal::Terminal;
use tm_tests::tool;
use tm_tests::walking::{fixture, is_at, pacific};

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

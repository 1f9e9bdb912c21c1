//! The screens of docs/screens.md are what the program shows: each is captured from a terminal and
//! compared. `make screens` writes them anew.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used)]

use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use tm_tests::terminal::Terminal;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What a comment before a block asks for: `<!-- 80x24: tm-render --tui x.ndjson: j Enter -->`.
#[derive(Debug)]
struct Capture {
    columns: u16,
    lines: u16,
    command: String,
    keys: Vec<String>,
}

impl Capture {
    fn of_comment(line: &str) -> Option<Self> {
        let text = line.strip_prefix("<!-- ")?.strip_suffix(" -->")?;
        let mut parts = text.split(": ");
        let (columns, lines) = parts.next()?.split_once('x')?;
        let command = parts.next()?.to_owned();
        let keys = parts.next().unwrap_or_default().split_whitespace().map(str::to_owned);
        let (columns, lines) = (columns.parse().ok()?, lines.parse().ok()?);
        Some(Self { columns, lines, command, keys: keys.collect() })
    }

    /// What stands on the terminal in the end; `wanted`: what should, if that is known.
    fn take(&self, wanted: Option<&str>) -> String {
        let folder = root().join("tests/fixtures/screens").canonicalize().unwrap();
        let path = |word: &str| match word.ends_with(".ndjson") {
            true => format!("'{}'", folder.join(word).display()),
            false => word.to_owned(),
        };
        let words: Vec<String> = self.command.split(' ').map(path).collect();
        let terminal = Terminal::run(self.columns, self.lines, &words.join(" "));
        if self.keys.is_empty() && !self.command.contains("--tui") {
            assert_eq!(terminal.ended(), 0, "{self:?}");
            let screen = terminal.screen();
            return trimmed(screen.split("ended with").next().unwrap());
        }
        terminal.shows(", round ");
        terminal.until("every round", |screen| !screen.contains("round 0"));
        terminal.press(&self.keys.iter().map(String::as_str).collect::<Vec<_>>());
        let (begun, mut last, mut since) = (Instant::now(), String::new(), Instant::now());
        loop {
            let screen = trimmed(&terminal.screen());
            if wanted == Some(screen.as_str()) {
                return screen;
            }
            // What stands for a while is what it shows.
            let patience = if wanted.is_some() { 10 } else { 1 };
            if screen != last {
                (last, since) = (screen, Instant::now());
            } else if since.elapsed() > Duration::from_secs(patience) {
                return last;
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "it never comes to rest:\n{last}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn trimmed(screen: &str) -> String {
    let lines: Vec<&str> = screen.trim_end().lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

#[test]
fn the_screens_in_the_docs_are_those_of_the_program() {
    let page = root().join("docs/screens.md");
    let text = fs::read_to_string(&page).unwrap();
    let is_to_be_written = env::var_os("TM_WRITE_SCREENS").is_some();
    let (mut written, mut captures, mut lines) = (String::new(), 0, text.lines());
    while let Some(line) = lines.next() {
        writeln!(written, "{line}").unwrap();
        let Some(capture) = Capture::of_comment(line) else { continue };
        assert_eq!(lines.next(), Some("```text"), "a block follows {line}");
        let mut stands = String::new();
        for line in lines.by_ref().take_while(|line| *line != "```") {
            writeln!(stands, "{line}").unwrap();
        }
        let shown = capture.take((!is_to_be_written).then_some(&stands));
        if !is_to_be_written {
            assert_eq!(stands, shown, "{line}: `make screens` writes it anew\n{shown}");
        }
        write!(written, "```text\n{shown}```\n").unwrap();
        captures += 1;
    }
    assert!(captures >= 10, "{captures} screens");
    if is_to_be_written {
        fs::write(page, written).unwrap();
    }
}

//! The screen that one walks through, in a terminal, showing the fixtures.

use std::path::{Path, PathBuf};

use crate::terminal::Terminal;

/// Records to show.
pub fn fixture(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/screens");
    folder.join(name).with_extension("ndjson")
}

/// Eight rounds of seven hops, from a file.
pub fn pacific(columns: u16, lines: u16) -> Terminal {
    let command = format!("tm-render --tui '{}'", fixture("pacific").display());
    let terminal = Terminal::run(columns, lines, &command);
    terminal.shows("end, round 8");
    terminal
}

/// A terminal's lines that show hops.
pub fn hops(screen: &str) -> Vec<String> {
    let is_hop = |line: &&str| {
        let mut words = line.trim_start_matches(['│', '>', ' ', '*']).split_whitespace();
        words.next().is_some_and(|word| word.parse::<u8>().is_ok())
    };
    screen.lines().filter(is_hop).map(str::to_owned).collect()
}

/// Whether the cursor is at a hop.
pub fn is_at(hop: &str) -> impl Fn(&str) -> bool {
    let wanted = format!("> {hop} ");
    move |screen| screen.contains(&wanted)
}

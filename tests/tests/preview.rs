//! Hops on a terminal before they are looked up: `tm-render --preview`, and the porcelain that
//! makes use of it. Filters are held at a gate, so that no test depends on how fast anything is.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tm_tests::Lab;
use tm_tests::terminal::Terminal;
use tm_tests::tool;
use tm_tests::walking::fixture;
use tm_tests::watching::Desk;

const TARGET: &str = "198.51.100.9";

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn writer(path: &Path) -> File {
    File::options().write(true).open(path).unwrap()
}

/// `tracemap` with a tm-dns that does nothing before the gate is opened.
struct Gated {
    desk: Desk,
    gate: PathBuf,
}

impl Gated {
    /// `script`: what tm-dns does at GATE before it is REAL.
    fn new(name: &str, script: &str) -> Self {
        let desk = Desk::new(name, None);
        let folder = desk.program().parent().unwrap().to_owned();
        let (gate, filter) = (folder.join("gate"), folder.join("tm-dns"));
        fifo(&gate);
        let quoted = |path: &Path| format!("'{}'", path.display());
        let script = script.replace("GATE", &quoted(&gate));
        let script = script.replace("REAL", &format!("{} \"$@\"", quoted(&tool("tm-dns"))));
        fs::write(&filter, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&filter, Permissions::from_mode(0o755)).unwrap();
        Self { desk, gate }
    }

    /// `tracemap ARGS` on a terminal in the simulated internet.
    fn run(&self, args: &str) -> Terminal {
        let program = self.desk.program();
        let line = format!("env PATH=/usr/bin:/bin '{}' {args}", program.display());
        Terminal::run(100, 30, &simulated("chain", &line))
    }

    fn open(&self) {
        drop(writer(&self.gate));
    }
}

/// The shell line that runs another in a simulated internet.
fn simulated(topology: &str, line: &str) -> String {
    let command = Lab::new(topology).command("true", &[]);
    let words = command.get_args().map(|word| word.to_string_lossy().into_owned());
    let words: Vec<_> = words.take_while(|word| word != "--").collect();
    format!("'{}' '{}' -- {line}", tool("tm-sim").display(), words.join("' '"))
}

/// The lines of the table.
fn rows(screen: &str) -> Vec<&str> {
    screen.lines().filter(|line| line.starts_with('│') && !line.starts_with("│ #")).collect()
}

/// The hops of a screen that are waited for.
fn awaited(screen: &str) -> usize {
    rows(screen).iter().filter(|line| line.contains("┆ …")).count()
}

#[test]
fn a_hop_is_seen_before_it_is_looked_up_and_the_table_that_stays_is_the_same() {
    let gated = Gated::new("preview-trace", "cat GATE; exec REAL");
    let terminal = gated.run(&format!("trace {TARGET}"));
    let early = terminal.until("every hop", |screen| awaited(screen) == 6);
    assert!(early.contains("… is being looked up") && early.contains(TARGET), "{early}");
    assert!(!early.contains("reached") && !early.contains("Location"), "{early}");
    gated.open();
    assert_eq!(terminal.ended(), 0);
    let stands = terminal.screen();
    assert_eq!((awaited(&stands), stands.contains('…')), (0, false), "{stands}");
    let saved = terminal.folder().join(".tracemap/trace.ndjson");
    assert_eq!(fs::read_to_string(&saved).unwrap().lines().count(), 7);
    let again = Terminal::run(100, 30, &format!("tm-render '{}'", saved.display()));
    assert_eq!(again.ended(), 0);
    assert_eq!(stands, again.screen());
}

#[test]
fn a_watch_shows_hops_at_once_and_counts_them_once() {
    let gated = Gated::new("preview-watch", "cat GATE; exec REAL");
    let terminal = gated.run(&format!("watch --interval 0.1 --rounds 3 {TARGET}"));
    terminal.until("every hop", |screen| awaited(screen) == 6);
    gated.open();
    assert_eq!(terminal.ended(), 0);
    let stands = terminal.screen();
    assert!(stands.contains("3 rounds") && awaited(&stands) == 0, "{stands}");
}

#[test]
fn a_dns_server_that_never_answers_hides_no_hop() {
    let line = "env TRACEMAP_DNS_RESOLVER=192.0.2.53 TRACEMAP_DNS_TIMEOUT=60 \
                TRACEMAP_ASN_OFFLINE=true TRACEMAP_GEO_OFFLINE=true \
                tracemap trace --no-cache --no-save 9.9.9.9";
    let terminal = Terminal::run(120, 30, &simulated("public", line));
    let screen = terminal.until("the destination", |screen| {
        rows(screen).iter().any(|line| line.contains("9.9.9.9") && line.contains("┆ …"))
    });
    // Nobody waits for the end.
    assert!(awaited(&screen) >= 2 && !screen.contains("reached"), "{screen}");
}

/// tm-render on a terminal, at the end of a hand-typed pipeline whose filters are the test.
struct Typed {
    terminal: Terminal,
    records: File,
}

impl Typed {
    /// `args`: with `--preview`; the FIFOs `records` and `preview` are in the working folder.
    fn run(args: &str) -> Self {
        let line = format!("mkfifo records preview notes; echo ready; tm-render {args} <records");
        let terminal = Terminal::run(100, 30, &line);
        terminal.shows("ready");
        let records = writer(&terminal.folder().join("records"));
        Self { terminal, records }
    }

    fn fifo(&self, name: &str) -> File {
        writer(&self.terminal.folder().join(name))
    }

    /// Ends the records; what stands then.
    fn end(self) -> String {
        drop(self.records);
        assert_eq!(self.terminal.ended(), 0);
        self.terminal.screen()
    }
}

/// One round of seven hops, line by line, as the filters let them through.
fn round() -> Vec<String> {
    let text = fs::read_to_string(fixture("pacific")).unwrap();
    text.split_inclusive('\n').take(8).map(str::to_owned).collect()
}

/// The line before any filter had it.
fn bare(line: &str) -> String {
    let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
    for member in ["dns", "asn", "geo"] {
        record.as_object_mut().unwrap().remove(member);
    }
    record.to_string() + "\n"
}

#[test]
fn records_take_the_place_of_their_previews_one_by_one() {
    let mut typed = Typed::run("--preview preview --awaited dns,asn");
    let (round, mut preview) = (round(), typed.fifo("preview"));
    preview.write_all(round.iter().map(|line| bare(line)).collect::<String>().as_bytes()).unwrap();
    let screen = typed.terminal.until("six responders", |screen| awaited(screen) == 6);
    assert!(screen.contains("ASN") && !screen.contains("Location"), "{screen}");
    for (at, line) in round.iter().take(3).enumerate() {
        typed.records.write_all(line.as_bytes()).unwrap();
        typed.terminal.until("one less", |screen| awaited(screen) == 5 - at);
    }
    // The rest never comes, and never came. The other side is not waited for.
    let stands = typed.end();
    assert_eq!((rows(&stands).len(), awaited(&stands)), (3, 0), "{stands}");
    drop(preview);
}

#[test]
fn a_preview_that_is_broken_harms_nothing() {
    let mut typed = Typed::run("--preview preview");
    let round = round();
    let mut preview = typed.fifo("preview");
    preview.write_all(b"no record\n{\"type\":\"hop\"}\n\xff\n[]\n\n").unwrap();
    preview.write_all(bare(&round[0]).as_bytes()).unwrap();
    typed.terminal.until("the first hop", |screen| awaited(screen) == 1);
    preview.write_all(&round[1].as_bytes()[..40]).unwrap();
    drop(preview);
    typed.records.write_all(round.concat().as_bytes()).unwrap();
    let stands = typed.end();
    assert!(rows(&stands).len() == 7 && awaited(&stands) == 0, "{stands}");
    assert!(!stands.contains("tm-render:"), "nobody need know\n{stands}");
}

#[test]
fn a_preview_that_is_missing_is_told_and_the_table_goes_on() {
    for wrong in ["nowhere", "."] {
        let mut typed = Typed::run(&format!("--preview {wrong}"));
        typed.records.write_all(round().concat().as_bytes()).unwrap();
        let stands = typed.end();
        assert!(rows(&stands).len() == 7, "{stands}");
        assert_eq!(stands.matches("tm-render: --preview: cannot read ").count(), 1, "{stands}");
    }
    // A FIFO that nobody writes to.
    let mut typed = Typed::run("--preview preview --notes notes");
    typed.records.write_all(round().concat().as_bytes()).unwrap();
    let stands = typed.end();
    assert!(rows(&stands).len() == 7 && !stands.contains("tm-render:"), "{stands}");
}

#[test]
fn where_no_table_grows_a_preview_is_read_and_shown_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("preview");
    fifo(&path);
    for args in [&[][..], &["--format", "json"], &["--stats", "--format", "json"], &["--map"]] {
        let mut command = Command::new(tool("tm-render"));
        command.args(args).arg("--preview").arg(&path).env("XDG_CONFIG_HOME", "/nonexistent");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // More than a pipe holds: only a reader lets the writer go on.
        let mut preview = writer(&path);
        let line = bare(&round()[0]).replace("192.168.1.1", "192.0.2.77");
        (0..1000).for_each(|_| preview.write_all(line.as_bytes()).unwrap());
        child.stdin.take().unwrap().write_all(round().concat().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let shown = !text.is_empty() && !text.contains("192.0.2.77") && !text.contains("is being");
        assert!(output.status.success() && shown, "{args:?}: {text}");
    }
}

#[test]
fn notes_stand_above_the_table_that_grows_and_tear_none() {
    let mut typed = Typed::run("--preview preview --notes notes");
    let round = round();
    let (mut notes, mut preview) = (typed.fifo("notes"), typed.fifo("preview"));
    notes.write_all(b"tm-dns: the first\n").unwrap();
    typed.terminal.shows("tm-dns: the first");
    preview.write_all(bare(&round[0]).as_bytes()).unwrap();
    typed.terminal.until("the first hop", |screen| awaited(screen) == 1);
    notes.write_all(b"tm-asn: the sec\x1b[2Jond\n").unwrap();
    let screen = typed.terminal.shows(r"tm-asn: the sec\u{1b}[2Jond");
    assert_eq!((awaited(&screen), screen.matches("┌───┬").count()), (1, 1), "{screen}");
    typed.records.write_all(round.concat().as_bytes()).unwrap();
    typed.terminal.shows("reached");
    notes.write_all(b"tm-geo: the last\n").unwrap();
    typed.terminal.shows("tm-geo: the last");
    let stands = typed.end();
    assert_eq!(stands.matches("┌───┬").count(), 1, "{stands}");
    assert!(stands.find("the last") < stands.find("┌───┬"), "{stands}");
    drop((notes, preview));
}

#[test]
fn what_tools_say_tears_no_table_of_a_watch() {
    let script = "IFS= read -r line; echo \"$line\"; cat GATE; echo a word >&2; exec REAL";
    let gated = Gated::new("preview-words", script);
    let terminal = gated.run(&format!("watch --interval 0.1 --rounds 3 {TARGET}"));
    terminal.until("the first hop", |screen| rows(screen).len() > awaited(screen));
    gated.open();
    assert_eq!(terminal.ended(), 0);
    let stands = terminal.screen();
    assert!(stands.contains("a word\n") && stands.contains("3 rounds"), "{stands}");
    assert_eq!(stands.matches("┌───┬").count(), 1, "{stands}");
}

#[test]
fn the_screen_that_one_walks_through_shows_them_too() {
    let mut typed = Typed::run("--tui --preview preview --notes notes");
    let round = round();
    let (mut notes, mut preview) = (typed.fifo("notes"), typed.fifo("preview"));
    let name = |screen: &str| {
        let line = screen.lines().find(|line| line.contains("62.155.243.1"))?;
        Some(line.split_whitespace().nth(3)?.to_owned())
    };
    preview.write_all(round.iter().map(|line| bare(line)).collect::<String>().as_bytes()).unwrap();
    typed.terminal.until("a hop", |screen| name(screen).is_some_and(|name| name == "…"));
    notes.write_all(b"tm-dns: no answer\n").unwrap();
    typed.terminal.shows("tm-dns: no answer");
    typed.records.write_all(round.concat().as_bytes()).unwrap();
    let is_known = |name: String| name.ends_with("dtag.de");
    typed.terminal.until("its name", |screen| name(screen).is_some_and(is_known));
    drop((notes, preview));
    typed.terminal.press(&["q"]);
    typed.end();
}

#[test]
fn the_pipelines_of_the_docs_work() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/screens.md");
    let page = fs::read_to_string(page).unwrap();
    let lines: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    let command = |flag: &str| lines.iter().find(|line| line.contains(flag)).unwrap();
    assert!(lines.contains(&"mkfifo early"));
    for flag in ["--preview early", "--notes said"] {
        let line = command(flag).replace("example.com", TARGET);
        let script = format!("sh -c 'mkfifo early said; {line}'");
        let terminal = Terminal::run(100, 30, &simulated("chain", &script));
        assert_eq!(terminal.ended(), 0, "{line}");
        let screen = terminal.screen();
        assert!(screen.contains("reached") && rows(&screen).len() == 6, "{screen}");
    }
}

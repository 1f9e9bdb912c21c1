//! `tracemap watch` where its log cannot be written: a full disk, a name that is taken, a folder
//! that may not be changed. Nothing is torn, what can be kept is kept, and it goes on by itself.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs;
use std::process::{Command, Output};

use tm_tests::watching::{Desk, calm, rounds, text};

/// Shell functions for a tm-probe that waits for what its records have led to.
const STEPS: &str = r#"
until_() { for _ in $(seq 3000); do "$@" 2>/dev/null && return; sleep 0.01; done; echo "never: $*" >&2; exit 9; }
said() { grep -q "$1" "$DESK/stderr"; }
lines() { test "$(wc -l <"$LOG")" = "$1"; }
logged() { tail -n 1 "$LOG" | cmp -s - <(tail -n 1 "$DESK/$1"); }
"#;

/// A desk whose tm-probe runs `script`: `$DESK/a`, `b` and `c` are rounds, `$LOG` is the log.
struct Stage {
    desk: Desk,
    parts: [String; 3],
}

impl Stage {
    fn new(name: &str, script: &str) -> Self {
        let desk = Desk::new(name, Some(""));
        let folder = desk.rounds().parent().unwrap().to_owned();
        let parts = [rounds(&calm(), 1, 11), rounds(&calm(), 11, 111), rounds(&calm(), 111, 121)];
        for (name, part) in ["a", "b", "c"].iter().zip(&parts) {
            fs::write(folder.join(name), part).unwrap();
        }
        fs::create_dir_all(desk.state()).unwrap();
        let variables = format!(
            "DESK='{}'; STATE='{}'; LOG=\"$STATE/watch_example.com.jsonl\"",
            folder.display(),
            desk.state().display()
        );
        let probe = desk.program().with_file_name("tm-probe");
        fs::write(&probe, format!("#!/bin/bash\n{variables}\n{STEPS}\n{script}\n")).unwrap();
        Self { desk, parts }
    }

    /// Runs `tracemap watch` by way of a command, which begins with what is run before it.
    fn run(&self, before: &[&str], args: &[&str]) -> Output {
        let mut command = Command::new("unshare");
        let stderr = self.desk.rounds().with_file_name("stderr");
        command.args(before).arg(self.desk.program()).arg("watch").args(args).arg("example.com");
        self.desk.settle(&mut command);
        command.stderr(fs::File::create(&stderr).unwrap());
        let output = command.output().unwrap();
        Output { stderr: fs::read(stderr).unwrap(), ..output }
    }

    /// What is in the logs put aside, the oldest first, and in the present one.
    fn logs(&self) -> Vec<String> {
        let entries = fs::read_dir(self.desk.state()).unwrap();
        let mut logs: Vec<_> = entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
            .collect();
        logs.sort();
        logs.iter().map(|log| fs::read_to_string(log).unwrap()).collect()
    }
}

/// How often something is said.
fn times(output: &Output, what: &str) -> usize {
    text(&output.stderr).matches(what).count()
}

#[test]
fn a_full_disk_tears_no_record_and_logging_goes_on_once_there_is_room() {
    let stage = Stage::new(
        "full",
        r#"cat "$DESK/a"; until_ logged a
           cat /dev/zero >"$STATE/fill" 2>/dev/null
           cat "$DESK/b"; until_ said "cannot write .*jsonl"
           rm "$STATE/fill"
           cat "$DESK/c"; until_ logged c
           cp "$LOG" "$DESK/kept""#,
    );
    let disk = stage.desk.state().display().to_string();
    let mount = format!("mount -t tmpfs -o size=4m none '{disk}' && exec \"$@\"");
    let output = stage.run(&["-rm", "sh", "-c", &mount, "sh"], &["--no-table"]);
    let stderr = text(&output.stderr);
    // A short record may find room where a long one did not.
    let failures = times(&output, "tracemap: cannot write ");
    assert!((1..20).contains(&failures), "once, and not for every record: {stderr}");
    assert_eq!(times(&output, ".jsonl: logging again"), failures, "{stderr}");
    assert_eq!(times(&output, "never: "), 0, "{stderr}");
    let kept = fs::read_to_string(stage.desk.rounds().with_file_name("kept")).unwrap();
    let [before, full, after] = &stage.parts;
    let rest = kept.strip_prefix(before.as_str()).unwrap();
    let some = rest.strip_suffix(after.as_str()).unwrap();
    assert!(some.len() < full.len(), "something was lost, or it was not full");
    let mut told = full.lines();
    assert!(some.lines().all(|line| told.any(|one| one == line)), "whole records, in their order");
}

#[test]
fn a_log_whose_name_is_taken_goes_on_in_the_old_file_and_says_so_once() {
    let stage = Stage::new(
        "taken",
        r#"cat "$DESK/a"; until_ logged a
           mv "$LOG" "$DESK/old"; mkdir "$LOG"
           cat "$DESK/b"; cat "$DESK/a" "$DESK/b" >"$DESK/both"; until_ cmp -s "$DESK/old" "$DESK/both"
           rmdir "$LOG"
           cat "$DESK/c"; until_ logged c"#,
    );
    let output = stage.run(&["-r"], &["--no-table"]);
    let stderr = text(&output.stderr);
    assert_eq!(times(&output, "cannot open "), 1, "{stderr}");
    assert_eq!((times(&output, "never: "), output.status.code()), (0, Some(0)), "{stderr}");
    let old = fs::read_to_string(stage.desk.rounds().with_file_name("old")).unwrap();
    assert_eq!(old + &stage.desk.log("example.com"), stage.parts.concat());
}

#[test]
fn a_full_log_that_cannot_be_put_aside_grows_and_says_so_once() {
    let stage = Stage::new(
        "kept-here",
        r#"cat "$DESK/a"; until_ logged a
           chmod 555 "$STATE"
           cat "$DESK/b"; until_ logged b
           chmod 755 "$STATE"
           cat "$DESK/c""#,
    );
    let bare = ["-r", "setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"];
    let output = stage.run(&bare, &["--no-table", "--log-max", "60k", "--log-keep", "0"]);
    let stderr = text(&output.stderr);
    assert_eq!(times(&output, "cannot rename "), 1, "{stderr}");
    assert!(stage.logs().len() > 1, "{:?}", stage.logs());
    assert_eq!(stage.logs().concat(), stage.parts.concat());
}

#[test]
fn a_full_log_that_was_moved_away_is_begun_anew() {
    let stage = Stage::new(
        "moved-full",
        r#"head -n 59 "$DESK/a"; until_ lines 59
           mv "$LOG" "$DESK/old"
           tail -n 1 "$DESK/a"; until_ test -e "$LOG"
           cat "$DESK/b" "$DESK/c""#,
    );
    // The last record of the round makes it as large as it may be.
    let size = stage.parts[0].len().to_string();
    let output = stage.run(&["-r"], &["--no-table", "--log-max", &size, "--log-keep", "0"]);
    let stderr = text(&output.stderr);
    assert_eq!((times(&output, "cannot"), times(&output, "never")), (0, 0), "{stderr}");
    let old = fs::read_to_string(stage.desk.rounds().with_file_name("old")).unwrap();
    assert_eq!(old + &stage.logs().concat(), stage.parts.concat());
}

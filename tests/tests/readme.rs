//! README.md, tried: every command of its section "Use" in the simulated internet that it shows,
//! the table, the settings. Those of "Install" are `tests/fresh-root.sh`'s. And of README.md and all
//! pages: no link leads nowhere.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use tm_tests::terminal::Terminal;
use tm_tests::{Lab, tool};

/// What `example.com` is here.
const TARGET: &str = "198.51.100.9";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// The indented lines of a section, without what is said of them.
fn commands(section: &str) -> Vec<String> {
    let text = readme();
    let section = text.split("\n## ").find_map(|part| part.strip_prefix(section)).unwrap();
    let lines = section.lines().filter_map(|line| line.strip_prefix("    "));
    lines.map(|line| line.split(" # ").next().unwrap_or(line).trim_end().to_owned()).collect()
}

/// The fenced block that begins with this info string.
fn block(info: &str) -> String {
    let text = readme();
    let block = text.split_once(&format!("\n```{info}\n")).unwrap().1;
    block.split_once("```").unwrap().0.to_owned()
}

/// A folder with everything that the commands read.
fn desk() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    for sample in ["trace.ndjson", "monday.ndjson", "tuesday.ndjson"] {
        fs::copy(root().join("tests/samples").join(sample), folder.path().join(sample)).unwrap();
    }
    write("hosts", &format!("127.0.0.1 localhost\n{TARGET} example.com\n"));
    write("resolv.conf", "nameserver 127.0.0.1\n"); // where nobody listens
    write("hosts.txt", "example.com\n");
    write("prefixes.txt", &format!("{TARGET}/32\n"));
    write(
        "site.py",
        "#!/usr/bin/env python3\nimport sys\nfor line in sys.stdin:\n    sys.stdout.write(line)\n",
    );
    let runs = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.path().join("site.py"), runs).unwrap();
    folder
}

/// Runs a line of shell in the simulated internet of the tour, where `example.com` is in the hosts
/// file and no DNS server answers.
fn run(line: &str, folder: &Path) -> Output {
    let script = "mount --bind hosts /etc/hosts && mount --bind resolv.conf /etc/resolv.conf \
                  && exec timeout --preserve-status --signal INT \"$1\" bash -o pipefail -c \"$2\"";
    // What goes on until it is interrupted shows by then that it began well.
    let endless = line.starts_with("tracemap watch") || line.contains("--interval");
    let seconds = if endless { "4" } else { "120" };
    let args = ["--mount", "sh", "-c", script, "sh", seconds, line];
    let tools = tool("tracemap").parent().unwrap().display().to_string();
    let path = format!("{tools}:{}", std::env::var("PATH").unwrap());
    let mut command = Lab::new("tour").command("unshare", &args);
    command.current_dir(folder).env("PATH", path).env("HOME", folder);
    command.env_remove("XDG_CACHE_HOME").env_remove("XDG_STATE_HOME");
    command.output().unwrap()
}

#[test]
fn every_command_does_something() {
    let folder = desk();
    let first = readme().lines().find_map(|line| line.strip_prefix("    ")).unwrap().to_owned();
    let commands = commands("Use");
    assert!(commands.len() > 15, "{commands:?}");
    for line in [first].iter().chain(&commands) {
        if line == "tracemap tui" {
            let terminal =
                Terminal::run(100, 30, &format!("cd '{}'; {line}", folder.path().display()));
            terminal.shows(TARGET);
            terminal.press(&["q"]);
            assert_eq!(terminal.ended(), 0, "{line}");
            continue;
        }
        let output = run(line, folder.path());
        let stderr = String::from_utf8_lossy(&output.stderr);
        let wanted: &[i32] = match line.split_once(' ').unwrap() {
            ("tm-diff", _) => &[0, 1],
            ("tracemap", rest) if rest.starts_with("watch") => &[130],
            (_, rest) if rest.contains("--interval") => &[0, 130],
            _ => &[0],
        };
        assert!(
            output.status.code().is_some_and(|code| wanted.contains(&code)),
            "{line}: {:?} {stderr}",
            output.status
        );
        let written = line.contains("-o ") || line.contains(">>") || !output.stdout.is_empty();
        assert!(written || wanted.contains(&130), "{line} says nothing: {stderr}");
    }
    for written in ["traces.ndjson", "all.ndjson", "report.html", ".tracemap/trace.ndjson"] {
        assert!(fs::metadata(folder.path().join(written)).unwrap().len() > 500, "{written}");
    }
}

/// The second and third word of each row, and the last line: hop, address, and what was found. Hop 5 is one
/// of three, as flows go.
fn findings(table: &str) -> Vec<(String, String)> {
    let rows = table.lines().filter_map(|line| {
        let mut cells = line.strip_prefix('│')?.split('┆').map(|cell| cell.trim().to_owned());
        Some((cells.next()?, cells.next()?))
    });
    let end = table.lines().find_map(|line| line.split_once(" silent")?.0.split_once(' '));
    rows.filter(|(hop, _)| hop != "5")
        .chain(end.map(|(a, b)| (a.to_owned(), b.to_owned())))
        .collect()
}

#[test]
fn the_table_is_that_of_the_lab() {
    let folder = desk();
    let output = run(&format!("tracemap trace --no-save {TARGET}"), folder.path());
    let (shown, printed) = (block(""), String::from_utf8(output.stdout).unwrap());
    assert_eq!(findings(&shown), findings(&printed), "{printed}");
    assert!(findings(&shown).len() > 8, "{shown}");
}

#[test]
fn the_settings_are_understood() {
    let folder = desk();
    fs::create_dir_all(folder.path().join(".config/tracemap")).unwrap();
    fs::write(folder.path().join(".config/tracemap/config.toml"), block("toml")).unwrap();
    let output = run("unset XDG_CONFIG_HOME; tracemap config show", folder.path());
    let text = String::from_utf8(output.stdout).unwrap();
    for line in block("toml").lines().filter(|line| line.contains('=')) {
        let (name, value) = line.split_once(" = ").unwrap();
        let is_shown = |shown: &str| {
            shown.contains(name) && shown.contains(value) && shown.contains("config.toml")
        };
        assert!(text.lines().any(is_shown), "{line}: {text}");
    }
}

/// What stands between `](` and `)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link)
}

/// A heading as GitHub names it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn no_link_leads_nowhere() {
    let folder =
        |name: &str| fs::read_dir(root().join(name)).unwrap().map(|entry| entry.unwrap().path());
    let pages = folder("")
        .chain(folder("docs"))
        .chain(folder("tests/lab"))
        .chain(folder("tests/lab/netns"));
    let mut seen = 0;
    for page in pages.filter(|path| path.extension().is_some_and(|ending| ending == "md")) {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text).filter(|link| !link.contains("://")) {
            let (file, part) = link.split_once('#').unwrap_or((link, ""));
            let to = if file.is_empty() { page.clone() } else { page.with_file_name(file) };
            assert!(to.exists(), "{}: {link}", page.display());
            let has = |text: String| {
                text.lines().any(|line| line.starts_with('#') && anchor(line) == part)
            };
            assert!(
                part.is_empty() || has(fs::read_to_string(&to).unwrap()),
                "{}: {link}",
                page.display()
            );
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen} links");
}

//! Settings as a user meets them: `tracemap config`, and what every tool tells of itself.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tm_tests::{tool, tools};

/// A home whose configuration file holds `config`.
fn home(config: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("tracemap")).unwrap();
    fs::write(home.path().join("tracemap/config.toml"), config).unwrap();
    home
}

fn run(home: &Path, name: &str, args: &[&str]) -> Output {
    let mut command = Command::new(tool(name));
    command.env("XDG_CONFIG_HOME", home).env("TRACEMAP_GEO_IP_API_KEY", "s3cret");
    command.env("TRACEMAP_WATCH_INTERVAL", "5s").args(args).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn every_setting_is_shown_with_where_it_comes_from() {
    let home = home("[tm-probe]\nmax-hops = 40\n[tracemap.trace]\nprofile = \"fast\"\n");
    let shown = text(&run(home.path(), "tracemap", &["config", "show"]));
    let line = |name: &str| -> String {
        let mut found = shown.lines().filter(|line| line.split_whitespace().next() == Some(name));
        found.next().unwrap_or_else(|| panic!("{name} is not in {shown}")).to_owned()
    };
    let words = |name: &str| line(name).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let file = home.path().join("tracemap/config.toml").display().to_string();
    assert_eq!(words("tm-probe.max-hops")[2..], ["40", "file", &file]);
    assert_eq!(words("tm-probe.first-hop")[2..], ["1", "default"]);
    assert_eq!(words("tracemap.trace.profile")[2..], ["\"fast\"", "file", &file]);
    let interval = words("tracemap.watch.interval");
    assert_eq!(interval[2..], ["\"5s\"", "environment", "TRACEMAP_WATCH_INTERVAL"]);
    assert!(!shown.contains("s3cret") && line("tm-geo.ip-api-key").contains("********"));

    let changed = text(&run(home.path(), "tracemap", &["config", "show", "--changed"]));
    assert_eq!(changed.lines().count(), 4, "{changed}");
    let json = text(&run(home.path(), "tracemap", &["config", "show", "--format", "json"]));
    let all: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(all.len(), shown.lines().count());
    assert!(!json.contains("s3cret"));
}

#[test]
fn a_subcommand_heeds_its_table() {
    let home = home("[tracemap.trace]\nprofile = \"offline\"\n");
    let args = ["trace", "--print-pipeline", "192.0.2.1"];
    let line = text(&run(home.path(), "tracemap", &args));
    assert!(line.starts_with("tm-probe --offline -- 192.0.2.1"), "{line}");
    let flag = ["trace", "--profile", "default", "--print-pipeline", "192.0.2.1"];
    assert!(!text(&run(home.path(), "tracemap", &flag)).contains("--offline"));
}

#[test]
fn a_key_that_no_flag_has_is_named_with_its_table() {
    let home = home("[tracemap.trace]\nprofil = \"offline\"\n");
    let output = run(home.path(), "tracemap", &["trace", "192.0.2.1"]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr.contains("[tracemap] trace.profil: there is no flag --profil"), "{stderr}");
}

#[test]
fn the_settings_of_one_tool_do_not_hide_those_of_another() {
    let home = home("[tm-dns]\nspeed = 1\n");
    let shown = run(home.path(), "tracemap", &["config", "show"]);
    let stderr = String::from_utf8_lossy(&shown.stderr).into_owned();
    assert_eq!(shown.status.code(), Some(2));
    assert!(stderr.contains("[tm-dns] speed: there is no flag --speed"), "{stderr}");
    assert!(String::from_utf8_lossy(&shown.stdout).contains("tm-probe.max-hops"));
}

#[test]
fn the_sample_sets_nothing_and_its_defaults_are_taken() {
    let empty = home("");
    let sample = text(&run(empty.path(), "tracemap", &["config", "sample"]));
    let sampled = home(&sample);
    let changed = |home: &tempfile::TempDir| {
        text(&run(home.path(), "tracemap", &["config", "show", "--changed"])).lines().count()
    };
    assert_eq!(changed(&sampled), changed(&empty));
    // Keys without a default hold the name of a value; all others can be uncommented as they are.
    let is_default = |line: &&str| {
        let value = line.rsplit(" = ").next().unwrap_or_default().trim_matches('"');
        !(value.starts_with(char::is_uppercase) || value.is_empty())
    };
    let set: Vec<_> = sample
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .filter(|line| !line.contains(" = ") || is_default(line))
        .collect();
    let set = home(&set.join("\n"));
    assert!(changed(&set) > 100);
    for name in &tools() {
        let args = ["--help"];
        assert!(run(set.path(), name, &args).status.success(), "{name} takes its defaults");
    }
}

#[test]
fn every_tool_has_a_manual_page_and_completions() {
    let home = home("");
    let folder = tempfile::tempdir().unwrap();
    for name in &tools() {
        let page = text(&run(home.path(), name, &["--generate", "man"]));
        assert!(page.contains(&format!(".TH {name} 1")), "{name}");
        for heading in ["OPTIONS", "EXAMPLES", "ENVIRONMENT", "FILES", "SEE ALSO"] {
            assert!(page.contains(&format!("\n.SH {heading}\n")), "{name} {heading}");
        }
        assert!(!page.contains("EXTRA") && page.contains("\n.nf\n"), "{name}: {page}");
        let others = tools().into_iter().filter(|other| other != name);
        for other in others.map(|other| other.replace('-', "\\-") + "(1)") {
            assert!(page.contains(&other), "{name} does not lead to {other}");
        }
        let bash = folder.path().join(name);
        fs::write(&bash, text(&run(home.path(), name, &["--generate", "bash"]))).unwrap();
        let checked = Command::new("bash").arg("-n").arg(&bash).output().unwrap();
        assert!(checked.status.success(), "{name}: {checked:?}");
        for shell in ["zsh", "fish"] {
            let script = text(&run(home.path(), name, &["--generate", shell]));
            assert!(script.contains(name) && script.contains("help"), "{name} {shell}");
        }
    }
    let page = text(&run(home.path(), "tracemap", &["watch", "--generate", "man"]));
    assert!(page.contains(".TH tracemap-watch 1") && page.contains("log\\-max"), "{page}");
}

#[test]
fn bash_completes_a_flag() {
    let home = home("");
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("tm-probe");
    fs::write(&script, text(&run(home.path(), "tm-probe", &["--generate", "bash"]))).unwrap();
    let ask = format!(
        "source {}; COMP_WORDS=(tm-probe --disc); COMP_CWORD=1; _tm__probe tm-probe --disc tm-probe; \
         echo \"${{COMPREPLY[@]}}\"",
        script.display()
    );
    let output = Command::new("bash").args(["-c", &ask]).output().unwrap();
    assert_eq!(text(&output).trim(), "--discover-paths", "{output:?}");
}

#[test]
fn generate_stands_alone() {
    let home = home("");
    for args in [&["--generate", "man", "192.0.2.1"][..], &["--generate", "nothing"]] {
        let output = run(home.path(), "tm-probe", args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
}

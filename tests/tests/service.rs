//! What docs/watching.md and docs/examples say about running unattended: every command of the
//! page, the units, logrotate, and the metrics.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use tm_tests::tool;
use tm_tests::watching::{Desk, calm, kill, rounds, slow, text, watch};

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

fn example(name: &str) -> String {
    fs::read_to_string(docs("examples").join(name)).unwrap()
}

/// A calm path that becomes slow.
fn step() -> String {
    rounds(&calm(), 1, 80) + &rounds(&slow(), 80, 90)
}

fn setting<'a>(unit: &'a str, key: &str) -> &'a str {
    let value = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("{key} in {unit}"))
}

#[test]
fn the_metrics_of_the_docs_are_those_of_the_latest_round() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("watch_example.com.jsonl");
    fs::write(&log, watch(&[], &step()).stdout).unwrap();
    let recipe = docs("examples/prometheus.jq");
    let made = Command::new("jq").arg("-rn").arg("-f").arg(recipe).arg(&log).output().unwrap();
    let metrics = text(&made.stdout);
    for wanted in [
        "tracemap_reached{host=\"example.com\"} 1\n",
        "tracemap_hops{host=\"example.com\"} 5\n",
        "tracemap_rtt_seconds{host=\"example.com\"} 0.09",
        "tracemap_loss_ratio{host=\"example.com\"} 0\n",
        "tracemap_alert{host=\"example.com\",kind=\"rtt_change\"} 1\n",
    ] {
        assert!(metrics.contains(wanted), "{wanted}: {metrics} {made:?}");
    }
    // Where Prometheus' own judge is installed, it judges.
    let judge = Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).spawn();
    if let Ok(mut judge) = judge {
        judge.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
        assert!(judge.wait().unwrap().success(), "{metrics}");
    }
}

/// The indented lines of the page: commands, a line of a crontab, and logrotate's.
fn indented(page: &str) -> Vec<&str> {
    page.lines().filter_map(|line| line.strip_prefix("    ")).collect()
}

#[test]
fn every_command_of_the_page_does_what_it_says() {
    let desk = Desk::new("page", Some(&step()));
    let folder = tempfile::tempdir().unwrap();
    let (home, bin) = (folder.path(), desk.program().parent().unwrap().to_owned());
    let heard = home.join("heard");
    let notify = bin.join("notify-send");
    fs::write(&notify, format!("#!/bin/sh\necho \"$@\" >> '{}'\n", heard.display())).unwrap();
    fs::set_permissions(&notify, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir_all(home.join("docs")).unwrap();
    fs::create_dir_all(home.join("units")).unwrap();
    std::os::unix::fs::symlink(docs("examples"), home.join("docs/examples")).unwrap();
    fs::write(home.join("log.jsonl"), step()).unwrap();
    let run = |line: &str| -> Output {
        let mut command = Command::new("sh");
        desk.settle(&mut command);
        command.args(["-c", line]).current_dir(home).env("HOME", home);
        command.env("PATH", format!("{}:/usr/bin:/bin", bin.display())).output().unwrap()
    };
    let here = |line: &str| {
        let line = line.split(" # ").next().unwrap_or(line).trim_end();
        let line = line.replace("/tmp/", "").replace("/etc/systemd/system/", "units");
        line.replace("/var/lib/node_exporter/", "").replace("*/5 * * * * ", "")
    };
    let page = fs::read_to_string(docs("watching.md")).unwrap();
    let (mut lines, mut is_config) = (0, false);
    for line in indented(&page) {
        is_config |= line.ends_with(" {");
        if is_config {
            is_config = line != "}";
            continue; // logrotate has a test of its own
        }
        lines += 1;
        let output = run(&here(line));
        let alerts = text(&output.stdout).matches("\"type\":\"alert\"").count();
        match line.split_once(' ').unwrap() {
            ("tracemap", rest) => {
                assert!(output.status.success(), "{line}: {output:?}");
                let last = step().lines().last().unwrap().to_owned() + "\n";
                assert!(desk.log("example.com").ends_with(&last), "{line}");
                let told = fs::read_to_string(&heard).unwrap_or_default();
                assert!(told.lines().all(|line| line == "path changed"), "{told}");
                assert_eq!(told.is_empty(), !rest.contains("notify-send"), "{line}");
            }
            ("tm-watch", rest) => {
                assert_eq!((output.status.code(), alerts), (Some(0), 1), "{line}: {output:?}");
                let told = fs::read_to_string(home.join("alerts.jsonl")).unwrap_or_default();
                assert_eq!(told.lines().count(), usize::from(rest.contains("tee")), "{line}");
            }
            ("*/5", _) => {
                assert_eq!((output.status.code(), alerts), (Some(1), 1), "{line}: {output:?}");
                assert!(home.join(".tracemap-example").exists());
                let again = text(&run(&here(line)).stdout);
                assert!(again.contains("\"kind\":\"recovered\""), "it has a baseline: {again}");
            }
            ("cp", _) => {
                assert!(home.join("units/tracemap-check@.timer").exists(), "{output:?}");
            }
            ("systemctl", rest) => {
                assert!(rest.starts_with("enable --now tracemap-watch@"), "{rest}");
            }
            ("jq", _) => {
                assert!(output.status.code() == Some(2), "there is no log here: {output:?}");
                fs::copy(desk.state().join("watch_example.com.jsonl"), home.join("watch_x.jsonl"))
                    .unwrap();
                assert!(run(&here(line)).status.success(), "{line}");
            }
            ("mv", _) => {
                let metrics = fs::read_to_string(home.join("tracemap.prom")).unwrap();
                assert!(
                    metrics.contains("tracemap_reached{host=\"example.com\"} 1\n"),
                    "{metrics}"
                );
            }
            _ => panic!("nobody tries this line: {line}"),
        }
    }
    assert!(lines >= 9, "{lines}");
}

/// The check unit's line, with `$$` as systemd writes `$`, and rounds in place of the network.
#[test]
fn the_check_unit_fails_where_a_change_began() {
    let desk = Desk::new("check", Some(&step()));
    let folder = tempfile::tempdir().unwrap();
    let start = example("tracemap-check@.service");
    let start = setting(&start, "ExecStart").replace("$$", "$").replace("%I", "example.com");
    let mut command = Command::new("sh");
    desk.settle(&mut command);
    let bin = desk.program().parent().unwrap().display().to_string();
    command.args(["-c", &start]).env("PATH", format!("{bin}:/usr/bin:/bin"));
    let output = command.env("STATE_DIRECTORY", folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "a change began: {output:?}");
    assert_eq!(text(&output.stdout).matches("\"kind\":\"rtt_change\"").count(), 1, "{output:?}");
    assert!(folder.path().join("watch_example.com.state").exists());
}

#[test]
fn the_watch_unit_starts_reloads_and_ends_as_it_says() {
    let desk = Desk::new("unit", Some(&rounds(&calm(), 1, 6)));
    let unit = example("tracemap-watch@.service");
    let start = setting(&unit, "ExecStart").replace("%I", "example.com");
    let words: Vec<&str> = start.split(' ').collect();
    assert_eq!(words.first(), Some(&"/usr/local/bin/tracemap"), "where make install puts it");
    let mut command = Command::new(desk.program());
    desk.settle(&mut command);
    let child = command.args(words.iter().skip(1)).env("HOLD", "30").spawn().unwrap();
    let wait_for = |lines: usize| {
        while desk.log("example.com").lines().count() < lines {
            thread::sleep(Duration::from_millis(10));
        }
    };
    wait_for(30);
    let log = desk.state().join("watch_example.com.jsonl");
    assert!(log.exists(), "below XDG_STATE_HOME, as {}", setting(&unit, "Environment"));
    let reload = setting(&unit, "ExecReload").replace("$MAINPID", &child.id().to_string());
    assert!(Command::new("sh").args(["-c", &reload]).status().unwrap().success());
    thread::sleep(Duration::from_millis(100));
    kill("TERM", &child);
    let output = child.wait_with_output().unwrap();
    let code = output.status.code().unwrap().to_string();
    assert_eq!(code, setting(&unit, "SuccessExitStatus"), "{output:?}");
    assert!(text(&output.stderr).contains("5 rounds, 5 reached, 0 alerts"), "{output:?}");
}

/// systemd itself reads the units, with the programs where they have been built.
#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let folder = tempfile::tempdir().unwrap();
    let tools = tool("tracemap").parent().unwrap().display().to_string();
    let mut units = Vec::new();
    for (name, instance) in [
        ("tracemap-watch@.service", "tracemap-watch@example.com.service"),
        ("tracemap-check@.service", "tracemap-check@example.com.service"),
        ("tracemap-check@.timer", "tracemap-check@example.com.timer"),
    ] {
        let unit = example(name).replace("/usr/local/bin", &tools);
        fs::write(folder.path().join(instance), unit).unwrap();
        units.push(folder.path().join(instance));
    }
    let mut verify = Command::new("systemd-analyze");
    let output = verify.args(["verify", "--man=no"]).args(&units).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
}

/// The block of the page, run over a watched path: what was written before, during and after two
/// rotations is all there.
#[test]
fn logrotate_loses_no_line() {
    let written = rounds(&calm(), 1, 401);
    let desk = Desk::new("logrotate", Some(&written));
    // Tens of rounds a second, so that rotations come while records are written.
    let probe = format!(
        "#!/bin/sh\nwhile IFS= read -r line; do printf '%s\\n' \"$line\"; case $line in \
         *'\"type\":\"trace\"'*) sleep 0.005;; esac; done < '{}'\n",
        desk.rounds().display()
    );
    fs::write(desk.program().with_file_name("tm-probe"), probe).unwrap();
    let page = fs::read_to_string(docs("watching.md")).unwrap();
    let lines = indented(&page).into_iter().skip_while(|line| !line.ends_with(" {"));
    let mut block: Vec<&str> = lines.take_while(|line| *line != "}").collect();
    block.push("}");
    let state = desk.state();
    let config =
        block.join("\n").replace("/home/me/.local/state/tracemap", state.to_str().unwrap());
    assert!(config.contains(state.to_str().unwrap()), "{config}");
    let conf = state.with_file_name("logrotate.conf");
    fs::write(&conf, config).unwrap();
    let rotate = || {
        let mut command = Command::new("logrotate");
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").arg("-f").arg("-s");
        let output = command.arg(state.with_file_name("logrotate.state")).arg(&conf).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    };
    let child = desk.watch(&["--no-table", "example.com"]).spawn().unwrap();
    let wait_for = |lines| {
        while desk.log("example.com").lines().count() < lines {
            thread::sleep(Duration::from_millis(5));
        }
    };
    wait_for(300);
    rotate();
    kill("HUP", &child);
    wait_for(300);
    rotate(); // without a signal it is noticed at the end of the round
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut unzip = Command::new("gzip");
    let unzipped =
        unzip.arg("-dc").arg(state.join("watch_example.com.jsonl.2.gz")).output().unwrap();
    let parts = [
        text(&unzipped.stdout),
        fs::read_to_string(state.join("watch_example.com.jsonl.1")).unwrap(),
        desk.log("example.com"),
    ];
    assert!(parts.iter().all(|part| part.lines().count() >= 100), "each has a part");
    assert!(parts.concat() == written, "no line is lost, torn or out of order");
}

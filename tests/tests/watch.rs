//! `tm-watch` and `tracemap watch` as a user meets them.

// A test that cannot find what it looks for has failed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::case_sensitive_file_extension_comparisons
)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tm_tests::anomalies::scenarios::{self, Scenario};
use tm_tests::anomalies::score::{self, Alarm, Score};
use tm_tests::anomalies::world::World;
use tm_tests::anomalies::{Dice, world};
use tm_tests::watching::{Desk, calm, rounds, slow, watch};
use tm_tests::{Lab, tool};

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

fn alerts(output: &Output) -> Vec<Value> {
    let lines = text(&output.stdout);
    let records = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    records.filter(|record| record["type"] == "alert").collect()
}

/// A calm path that becomes slow.
fn step() -> String {
    rounds(&calm(), 1, 80) + &rounds(&slow(), 80, 90)
}

#[test]
fn every_line_passes_as_it_came_and_the_alert_follows_its_round() {
    let strange = "{\"type\":\"note\",  \"a\": 1.50}\n\nno json\n{\"torn\":\n";
    let input = format!("{strange}{}{strange}", step());
    let output = watch(&[], &input);
    let lines = text(&output.stdout);
    let mut passed = String::new();
    let mut last_trace = Value::Null;
    for line in lines.split_inclusive('\n') {
        match serde_json::from_str::<Value>(line) {
            Ok(record) if record["type"] == "alert" => {
                assert_eq!(record["trace_id"], last_trace, "it follows the round that showed it");
                assert_eq!((&record["kind"], &record["round"]), (&"rtt_change".into(), &81.into()));
                assert!(record["message"].as_str().unwrap().starts_with("RTT 30."), "{record}");
            }
            Ok(record) => {
                passed += line;
                if record["type"] == "trace" {
                    last_trace = record["trace_id"].clone();
                }
            }
            Err(_) => passed += line,
        }
    }
    assert_eq!(passed, input);
    assert_eq!(alerts(&output).len(), 1);
    assert!(text(&output.stderr).contains("tm-watch: stdin:3:"), "{output:?}");
}

#[test]
fn alerts_are_of_the_schema() {
    let schema: Value = serde_json::from_str(include_str!("../../docs/schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let output = watch(&["--only-alerts"], &(step() + &rounds(&calm(), 90, 100)));
    let alerts = alerts(&output);
    assert_eq!(alerts.len(), 2);
    assert_eq!(text(&output.stdout).lines().count(), 2);
    for alert in &alerts {
        assert!(validator.is_valid(alert), "{alert}");
    }
    assert_eq!((&alerts[1]["kind"], &alerts[1]["of"]), (&"recovered".into(), &"rtt_change".into()));
    assert_eq!(alerts[1]["since"], alerts[0]["at"]);
}

fn judged(scenario: &Scenario) -> Score {
    let (mut dice, mut lines) = (Dice::new(1), String::new());
    for round in 1..=scenario.rounds {
        world::write(&(scenario.world)(round), round, &mut dice, &mut lines);
    }
    let output = watch(&["--only-alerts"], &lines);
    Score::of(scenario, &score::alarms(&text(&output.stdout)))
}

#[test]
fn nothing_is_told_of_a_thousand_quiet_rounds() {
    for scenario in scenarios::all().iter().filter(|scenario| scenario.truth.is_empty()) {
        let score = judged(scenario);
        assert_eq!(score.wrong, Vec::<Alarm>::new(), "{}", scenario.name);
    }
}

#[test]
fn every_event_is_told_and_all_but_those_that_few_probes_hide_in_two_rounds() {
    for scenario in scenarios::all().iter().filter(|scenario| !scenario.truth.is_empty()) {
        let score = judged(scenario);
        // 15 % of loss, or the losses of one hop alone, show in few of the probes of two rounds.
        let hidden = scenario.name.contains("15 %") || scenario.name.contains("alone");
        assert_eq!(score.delays.len(), 1, "{} is missed", scenario.name);
        assert!(hidden || score.in_time() == 1, "{}: {:?}", scenario.name, score.delays);
        assert_eq!(score.wrong, Vec::<Alarm>::new(), "{}", scenario.name);
    }
}

#[test]
fn the_exit_code_tells_whether_anything_began() {
    let quiet = watch(&["--fail", "--only-alerts"], &rounds(&calm(), 1, 90));
    assert_eq!((quiet.status.code(), text(&quiet.stdout)), (Some(0), String::new()));
    assert_eq!(watch(&["--fail"], &step()).status.code(), Some(1));
    assert_eq!(watch(&[], &step()).status.code(), Some(0));
    let raised = watch(&["--fail", "--rtt-spike", "400"], &step());
    assert_eq!(raised.status.code(), Some(0), "a change of 200 % is below 400 %");
    assert_eq!(watch(&["--strict"], "no json\n").status.code(), Some(2));
    assert_eq!(watch(&["--rtt-spike", "x"], "").status.code(), Some(2));
}

#[test]
fn a_command_reads_each_alert_and_no_shell_reads_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let heard = folder.path().join("heard it");
    let evil = folder.path().join("evil");
    let (file, touched) = (heard.display(), evil.display());
    let command = format!("sh -c 'cat >> \"$0\"; echo done' '{file}' $(touch {touched})");
    let output = watch(&["--only-alerts", "--exec", &command], &step());
    let alert: Value = serde_json::from_str(&fs::read_to_string(&heard).unwrap()).unwrap();
    assert_eq!(alert["kind"], "rtt_change");
    assert_eq!(alerts(&output).len(), 1, "what the command says is no record");
    assert!(!evil.exists());
}

#[test]
fn a_command_that_fails_is_named_and_a_slow_one_holds_nobody_up() {
    let failed = watch(&["--exec", "false"], &step());
    assert_eq!(failed.status.code(), Some(2));
    assert!(text(&failed.stderr).contains("--exec false: exit status: 1"), "{failed:?}");
    let missing = watch(&["--exec", "/no/such/program"], &step());
    assert!(text(&missing.stderr).contains("--exec /no/such/program: No such file"), "{missing:?}");
    assert_eq!(watch(&["--exec", "it's"], "").status.code(), Some(2));

    let mut child = live(&["--exec", "sleep 3"]);
    let began = Instant::now();
    let mut stdin = child.stdin.take().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let count = step().lines().count() + 1;
    let reader = thread::spawn(move || lines.take(count).count());
    stdin.write_all(step().as_bytes()).unwrap();
    assert_eq!(reader.join().unwrap(), count);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

/// `tm-watch`, to be talked to.
fn live(args: &[&str]) -> Child {
    let mut command = Command::new(tool("tm-watch"));
    command.args(args).env("XDG_CONFIG_HOME", "/nonexistent");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

#[test]
fn an_alert_is_out_before_more_comes_in_and_a_signal_ends_it_between_records() {
    let mut child = live(&["--only-alerts"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(step().as_bytes()).unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("rtt_change"));
    kill("TERM", &child);
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

fn kill(signal: &str, child: &Child) {
    let status = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
    assert!(status.unwrap().success());
}

#[test]
fn jobs_of_one_round_each_have_a_baseline() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("path.state");
    let state = state.to_str().unwrap();
    let job = |world: &World, round| {
        let lines = rounds(world, round, round + 1);
        watch(&["--only-alerts", "--fail", "--state", state], &lines)
    };
    for round in 1..80 {
        assert_eq!(job(&calm(), round).status.code(), Some(0), "round {round}");
    }
    assert_eq!(job(&slow(), 80).status.code(), Some(0));
    assert_eq!(job(&slow(), 81).status.code(), Some(1));
    assert_eq!(job(&slow(), 82).status.code(), Some(0), "told once");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary is left");
}

#[test]
fn a_state_that_is_none_is_named_and_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("path.state");
    let path = state.to_str().unwrap();
    let hostile = [
        "",
        "{\"version\":1,\"paths\":[{\"host\":",
        "{\"version\":99,\"paths\":[]}",
        "\u{0}\u{1b}[2J",
        &format!("{{\"version\":1,\"paths\":{}", "[".repeat(100_000)),
    ];
    for content in hostile {
        fs::write(&state, content).unwrap();
        let output = watch(&["--state", path], &step());
        let stderr = text(&output.stderr);
        assert!(stderr.contains("learnt anew") && !stderr.contains('\u{1b}'), "{stderr}");
        assert!(output.status.success() && alerts(&output).len() == 1, "{output:?}");
        let kept = folder.path().join("path.state.bad");
        assert_eq!(fs::read(&kept).unwrap(), content.as_bytes());
        let again = watch(&["--state", path], &rounds(&slow(), 90, 92));
        assert!(text(&again.stderr).is_empty() && alerts(&again).is_empty(), "{again:?}");
    }
    // Numbers that no round can have led to, in a state of the right form.
    watch(&["--state", path], &rounds(&calm(), 1, 40));
    let wild = fs::read_to_string(&state).unwrap().replace("\"rounds\":", "\"rounds\":429496729");
    fs::write(&state, wild).unwrap();
    assert!(watch(&["--state", path], &step()).status.code().is_some_and(|code| code < 3));
    let unwritable = watch(&["--state", "/proc/no/state"], &step());
    assert_eq!(unwritable.status.code(), Some(2));
    assert!(text(&unwritable.stderr).contains("cannot write /proc/no/state"), "{unwritable:?}");
}

#[test]
fn what_was_learnt_outlives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap().to_owned();
    let mut child = live(&["--state", &state]);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let reader = thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
    stdin.write_all(rounds(&calm(), 1, 80).as_bytes()).unwrap();
    let file = folder.path().join("watch_example.com.state");
    let knows = |text: String| text.contains("203.0.113.4") && text.ends_with('\n');
    for _ in 0..200 {
        thread::sleep(Duration::from_millis(20));
        stdin.write_all(rounds(&calm(), 80, 81).as_bytes()).unwrap();
        if fs::read_to_string(&file).is_ok_and(knows) {
            break;
        }
    }
    thread::sleep(Duration::from_millis(1500));
    stdin.write_all(rounds(&calm(), 81, 82).as_bytes()).unwrap();
    thread::sleep(Duration::from_millis(300));
    child.kill().unwrap();
    child.wait().unwrap();
    let _ = reader.join();
    let output = watch(&["--state", &state], &rounds(&slow(), 82, 84));
    assert_eq!(alerts(&output).len(), 1, "{output:?}");
}

#[test]
fn a_watched_host_has_a_log_and_a_summary() {
    let desk = Desk::new("simulated", None);
    let mut command = Lab::new("chain").command(
        desk.program().to_str().unwrap(),
        &["watch", "--interval", "0.2", "--rounds", "4", "198.51.100.9"],
    );
    desk.settle(&mut command);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let stderr = text(&output.stderr);
    assert!(stderr.contains("198.51.100.9: 4 rounds, 4 reached, 0 alerts; log "), "{stderr}");
    assert!(text(&output.stdout).contains("4 rounds"), "{output:?}");
    assert_eq!(desk.log("198.51.100.9").lines().count(), 4 * 7);
}

/// A path of routers with these addresses to 198.51.100.9.
fn topology(folder: &Path, name: &str, third: &str, rtt_ms: f64, udp: &str) -> Lab {
    let hop = |ip: &str, rtt: f64| format!("[[path.hop]]\nv4 = [\"{ip}\"]\nrtt_ms = {rtt:.1}\n");
    let text = format!(
        "seed = 3\n[[path]]\ndestinations = [\"198.51.100.9\"]\nudp = \"{udp}\"\nrtt_ms = {rtt_ms:.1}\n{}{}{}",
        hop("10.0.1.1", 1.0),
        hop("10.0.2.1", 2.0),
        hop(third, rtt_ms - 1.0),
    );
    fs::write(folder.join(name).with_extension("toml"), text).unwrap();
    Lab::new(folder.join(name).to_str().unwrap())
}

#[test]
fn changes_of_a_simulated_internet_are_told_across_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::new("changes", None);
    let run = |lab: &Lab, rounds: &str| {
        let args = ["watch", "--no-table", "--interval", "0.1", "--rounds", rounds, "198.51.100.9"];
        let mut command = lab.command(desk.program().to_str().unwrap(), &args);
        desk.settle(&mut command);
        text(&command.output().unwrap().stderr)
    };
    let usual = topology(folder.path(), "usual", "10.0.3.1", 20.0, "closed");
    let other = topology(folder.path(), "other", "10.0.9.9", 60.0, "closed");
    let down = topology(folder.path(), "down", "10.0.3.1", 20.0, "filtered");
    let quiet = run(&usual, "55");
    assert!(quiet.contains("55 reached, 0 alerts"), "{quiet}");
    let changed = run(&other, "3");
    assert!(changed.contains("route changed, hop 3: 10.0.3.1 became 10.0.9.9"), "{changed}");
    assert!(changed.contains("rtt_change 198.51.100.9: RTT 20."), "{changed}");
    let back = run(&usual, "3");
    assert!(back.contains("the route is as it was") && back.contains("RTT is back"), "{back}");
    let lost = run(&down, "3");
    assert!(lost.contains("critical unreachable") && lost.contains("hop 3, 10.0.3.1"), "{lost}");
    let again = run(&usual, "3");
    assert!(again.contains("the destination answers again"), "{again}");
}

#[test]
fn a_host_is_watched_once_and_its_name_stays_in_the_folder() {
    let desk = Desk::new("names", Some(&rounds(&calm(), 1, 3)));
    let mut first = desk.watch(&["--no-table", "example.com"]).env("HOLD", "30").spawn().unwrap();
    let lock = desk.state().join("watch_example.com.lock");
    while !desk.log("example.com").contains("\"round\":2") {
        thread::sleep(Duration::from_millis(10));
    }
    assert!(lock.exists());
    let second = desk.watch(&["EXAMPLE.com"]).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert!(text(&second.stderr).contains("is being watched already"), "{second:?}");
    kill("KILL", &first);
    first.wait().unwrap();
    for host in ["../../evil", "a/b", "2001:db8::1", ".hidden", &"x".repeat(400)] {
        let output = desk.watch(&["--no-table", host]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let parents = desk.state().parent().unwrap().to_owned();
    assert_eq!(fs::read_dir(&parents).unwrap().count(), 1, "nothing leaves the folder");
    let mut names: Vec<String> = fs::read_dir(desk.state())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_some_and(|kind| kind == "jsonl"))
        .collect();
    names.sort();
    assert!(names.contains(&"watch_2001%3Adb8%3A%3A1.jsonl".to_owned()), "{names:?}");
    assert!(names.contains(&"watch_%2E.%2F..%2Fevil.jsonl".to_owned()), "{names:?}");
    assert_eq!(names.len(), 6);
}

#[test]
fn a_signal_ends_it_cleanly_with_a_summary() {
    let desk = Desk::new("signal", Some(&rounds(&calm(), 1, 6)));
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let mut command = desk.watch(&["--no-table", "example.com"]);
        let child = command.env("HOLD", "30").spawn().unwrap();
        let before = desk.log("example.com").lines().count();
        while desk.log("example.com").lines().count() < before + 30 {
            thread::sleep(Duration::from_millis(10));
        }
        let began = Instant::now();
        kill(signal, &child);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(text(&output.stderr).contains("example.com: 5 rounds, 5 reached, 0 alerts; log "));
        assert!(began.elapsed() < Duration::from_secs(2));
    }
    let mut timed = desk.watch(&["--no-table", "--duration", "0.3", "example.com"]);
    assert_eq!(timed.env("HOLD", "30").output().unwrap().status.code(), Some(0));
}

#[test]
fn logs_are_put_aside_by_size_and_none_is_lost() {
    let desk = Desk::new("rotation", Some(&rounds(&calm(), 1, 101)));
    let args = ["--no-table", "--log-max", "20k", "--log-keep", "3", "example.com"];
    assert!(desk.watch(&args).output().unwrap().status.success());
    let mut logs: Vec<_> = fs::read_dir(desk.state())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    logs.sort();
    assert_eq!(logs.len(), 4, "{logs:?}");
    let all: String = logs.iter().map(|log| fs::read_to_string(log).unwrap()).collect();
    let wanted = fs::read_to_string(desk.rounds()).unwrap();
    assert!(wanted.ends_with(&all) && all.len() > 40_000, "the end of what was seen, whole rounds");
}

#[test]
fn a_log_that_was_moved_or_a_hangup_begins_a_new_one() {
    let desk = Desk::new("moved", Some(&rounds(&calm(), 1, 4)));
    let log = desk.state().join("watch_example.com.jsonl");
    let script = format!(
        "#!/bin/sh\ncat '{0}'; sleep 0.5; cat '{0}'; sleep 0.5; cat '{0}'\n",
        desk.rounds().display()
    );
    let probe = desk.program().with_file_name("tm-probe");
    fs::write(&probe, script).unwrap();
    let child = desk.watch(&["--no-table", "example.com"]).spawn().unwrap();
    let wait_for = |lines| {
        while desk.log("example.com").lines().count() < lines {
            thread::sleep(Duration::from_millis(10));
        }
    };
    wait_for(18);
    fs::rename(&log, log.with_extension("1")).unwrap();
    kill("HUP", &child);
    wait_for(18);
    fs::rename(&log, log.with_extension("2")).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let count = |name: &str| fs::read_to_string(log.with_extension(name)).unwrap().lines().count();
    // Without a hangup it is noticed at the end of a round.
    assert_eq!((count("1"), count("2"), desk.log("example.com").lines().count()), (18, 24, 12));
}

#[test]
fn a_torn_line_is_cut_off_and_a_whole_one_is_ended() {
    let desk = Desk::new("torn", Some(&rounds(&calm(), 1, 2)));
    let log = desk.state().join("watch_example.com.jsonl");
    fs::create_dir_all(desk.state()).unwrap();
    for (tail, kept, said) in [
        ("{\"type\":\"hop\",\"ho", "", "17 octets are cut off"),
        ("{\"type\":\"note\"}", "{\"type\":\"note\"}\n", ""),
        (&"x".repeat(200_000), "", "200000 octets are cut off"),
    ] {
        fs::write(&log, format!("{{\"first\":1}}\n{tail}")).unwrap();
        let output = desk.watch(&["--no-table", "example.com"]).output().unwrap();
        assert!(text(&output.stderr).contains(said), "{output:?}");
        let rounds = fs::read_to_string(desk.rounds()).unwrap();
        assert_eq!(desk.log("example.com"), format!("{{\"first\":1}}\n{kept}{rounds}"));
    }
}

fn docs(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
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

#[test]
fn the_commands_of_the_docs_and_of_the_check_unit_do_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let tools = tool("tm-watch").parent().unwrap().display().to_string();
    fs::write(folder.path().join("log.jsonl"), step()).unwrap();
    let page = fs::read_to_string(docs("watching.md")).unwrap();
    let alerts = folder.path().join("alerts.jsonl").display().to_string();
    let run = |line: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(folder.path()).env("HOME", folder.path());
        command.env("PATH", format!("{tools}:/usr/bin:/bin")).output().unwrap()
    };
    for line in ["tm-watch --only-alerts log.jsonl", "tee -a /tmp/alerts.jsonl"] {
        assert!(page.contains(line), "{line}");
    }
    assert_eq!(text(&run("tm-watch --only-alerts log.jsonl").stdout).lines().count(), 1);
    run(&format!("tm-watch --only-alerts --exec 'tee -a {alerts}' log.jsonl"));
    assert_eq!(fs::read_to_string(&alerts).unwrap().lines().count(), 1);
    // The unit's line, with `$$` as systemd writes `$`, and rounds in place of the network.
    let unit = fs::read_to_string(docs("examples/tracemap-check@.service")).unwrap();
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let start = start.replace("$$", "$").replace("tm-probe --", "cat").replace("%I", "log.jsonl");
    let line = format!("mkdir state; STATE_DIRECTORY=state; export STATE_DIRECTORY; {start}");
    assert_eq!(run(&line).status.code(), Some(1), "a change began");
    assert!(folder.path().join("state/watch_example.com.state").exists());
}

/// `TRACEMAP_KILLS` times: 200 in the full run.
#[test]
fn kills_tear_and_lose_no_line_but_the_last() {
    let kills = std::env::var("TRACEMAP_KILLS").ok().and_then(|kills| kills.parse().ok());
    let desk = Desk::new("kills", Some(""));
    let log = desk.state().join("watch_example.com.jsonl");
    let (mut dice, mut whole, mut torn, mut cut_short) = (Dice::new(7), String::new(), 0, 0);
    for run in 0..kills.unwrap_or(20) {
        let written = rounds(&calm(), run * 1000, run * 1000 + 300);
        fs::write(desk.rounds(), &written).unwrap();
        let mut command = desk.watch(&["--no-table", "example.com"]);
        let mut child = command.env("HOLD", "0.2").stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_micros(10_000 + dice.any() % 60_000));
        kill("KILL", &child);
        child.wait().unwrap();
        let found = fs::read_to_string(&log).unwrap_or_default();
        // What earlier runs left is as it was, but for the torn end.
        let rest = found.strip_prefix(whole.as_str());
        let rest = rest.unwrap_or_else(|| panic!("run {run}: earlier lines have changed"));
        assert!(written.starts_with(rest), "run {run}: a line is lost or torn in the middle");
        torn += u64::from(!rest.is_empty() && !rest.ends_with('\n'));
        cut_short += u64::from(!rest.is_empty() && rest.len() < written.len());
        whole = match found.rfind('\n') {
            Some(end) => found[..=end].to_owned(),
            None => String::new(),
        };
    }
    assert!(cut_short > 0, "no kill came while it was logging");
    eprintln!("{cut_short} kills while logging, {torn} torn last lines, none elsewhere");
    // Restarted, it goes on from what it knows: at once, without learning anew.
    fs::write(desk.rounds(), rounds(&calm(), 900_000, 900_100)).unwrap();
    desk.watch(&["--no-table", "example.com"]).output().unwrap();
    fs::write(desk.rounds(), rounds(&slow(), 900_100, 900_104)).unwrap();
    let output = desk.watch(&["--no-table", "example.com"]).output().unwrap();
    assert!(text(&output.stderr).contains("rtt_change example.com"), "{output:?}");
    let records = fs::read_to_string(&log).unwrap();
    assert!(records.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
}

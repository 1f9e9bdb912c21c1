//! `tm-watch` as a user meets it. `tracemap watch` is in `watch_live.rs`.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tm_tests::anomalies::scenarios::{self, FEW, Scenario, USUAL};
use tm_tests::anomalies::score::{self, Alarm, Score};
use tm_tests::anomalies::world::World;
use tm_tests::tool;
use tm_tests::watching::{calm, kill, rounds, slow, text, watch};

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
    let output = watch(&["--only-alerts"], &scenario.lines(1));
    Score::of(scenario, &score::alarms(&text(&output.stdout)))
}

/// Few probes have more to be mistaken about.
#[test]
fn nothing_is_told_of_a_thousand_quiet_rounds() {
    let few = scenarios::all(FEW).into_iter().chain(scenarios::single());
    for scenario in few.filter(|scenario| scenario.truth.is_empty()) {
        let score = judged(&scenario);
        assert_eq!(score.wrong, Vec::<Alarm>::new(), "{}", scenario.name);
    }
}

#[test]
fn every_event_is_told_in_two_rounds_with_the_probes_of_tracemap_watch() {
    for scenario in scenarios::all(USUAL).iter().filter(|scenario| !scenario.truth.is_empty()) {
        // What follows the event by more than its end shows nothing new.
        let score = judged(&Scenario { rounds: 460, ..scenario.clone() });
        assert_eq!(score.in_time(), 1, "{}: {:?}", scenario.name, score.delays);
        assert_eq!(score.wrong, Vec::<Alarm>::new(), "{}", scenario.name);
    }
}

#[test]
fn every_event_is_told_with_few_probes_too() {
    let few = scenarios::all(FEW).into_iter().chain(scenarios::single());
    for scenario in few.filter(|scenario| !scenario.truth.is_empty()) {
        let score = judged(&scenario);
        // 15 % of loss, or the losses of one hop alone, show in few of the probes of two rounds.
        let hidden = scenario.name.contains("15 %") || scenario.name.contains("alone");
        assert_eq!(score.delays.len(), 1, "{} is missed", scenario.name);
        assert!(hidden || score.in_time() == 1, "{}: {:?}", scenario.name, score.delays);
        assert_eq!(score.wrong, Vec::<Alarm>::new(), "{}", scenario.name);
    }
}

#[test]
fn loss_that_is_over_is_told_with_what_is_usual_again() {
    let scenarios = scenarios::all(FEW);
    let lossy = scenarios.iter().find(|scenario| scenario.name.starts_with("40 % loss from"));
    let alerts = alerts(&watch(&["--only-alerts"], &lossy.unwrap().lines(1)));
    let percent = |alert: &Value, when: &str| alert[when]["loss_pct"].as_f64().unwrap();
    let [began, over] = alerts.as_slice() else { panic!("{alerts:?}") };
    assert!(percent(began, "before") < 5.0 && percent(began, "after") > 20.0, "{began}");
    assert!(percent(over, "before") > 20.0 && percent(over, "after") < 5.0, "{over}");
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

    let mut child = live(&["--exec", "sleep 6"]);
    let began = Instant::now();
    let mut stdin = child.stdin.take().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let count = step().lines().count() + 1;
    let reader = thread::spawn(move || lines.take(count).count());
    stdin.write_all(step().as_bytes()).unwrap();
    assert_eq!(reader.join().unwrap(), count);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
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

/// Members of records, as the same rounds would have them from another place.
fn from(lines: &str, members: &[(&str, &str)]) -> Vec<String> {
    let record = |line: &str| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        let id = format!("{}{members:?}", record["trace_id"]);
        record["trace_id"] = id.into();
        for (key, value) in members {
            record[key] = (*value).into();
        }
        record.to_string() + "\n"
    };
    lines.lines().map(record).collect()
}

/// Rounds of two places, one after the other.
fn interleaved(a: &[String], b: &[String]) -> String {
    let rounds = |lines: &[String]| -> Vec<String> {
        lines.split_inclusive(|line| line.contains("\"trace\"")).map(<[String]>::concat).collect()
    };
    rounds(a).into_iter().zip(rounds(b)).flat_map(|(a, b)| [a, b]).collect()
}

/// Another way to the same host.
fn elsewhere() -> World {
    let mut world = calm();
    for (router, ttl) in world.routers.iter_mut().take(4).zip(1..) {
        router.ips = vec![format!("192.0.2.{ttl}")];
        router.asn = 64_777;
        router.rtt *= 9.0;
    }
    world.stretch = 4.0;
    world
}

const OSLO: &[(&str, &str)] = &[("vantage", "oslo")];
const BERGEN: &[(&str, &str)] = &[("vantage", "bergen")];
const HERE: &[(&str, &str)] = &[("source_ip", "192.0.2.77")];
const THERE: &[(&str, &str)] = &[("source_ip", "192.0.2.88")];

#[test]
fn two_vantage_points_in_one_stream_are_two_paths() {
    let (near, far) = (rounds(&calm(), 1, 90), rounds(&elsewhere(), 1, 90));
    for (here, there) in [(OSLO, BERGEN), (HERE, THERE), (OSLO, THERE)] {
        let quiet = interleaved(&from(&near, here), &from(&far, there));
        let output = watch(&["--only-alerts"], &quiet);
        assert_eq!(text(&output.stdout), "", "{here:?} {there:?}");
        // One after the other, as `cat` joins logs.
        let joined = [from(&near, here), from(&far, there)].concat().concat();
        assert_eq!(text(&watch(&["--only-alerts"], &joined).stdout), "", "{here:?} {there:?}");
    }
    let slower = rounds(&calm(), 1, 80) + &rounds(&slow(), 80, 90);
    let changed = interleaved(&from(&slower, OSLO), &from(&far, BERGEN));
    let alerts = alerts(&watch(&[], &changed));
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!((&alerts[0]["vantage"], &alerts[0]["kind"]), (&"oslo".into(), &"rtt_change".into()));
}

#[test]
fn places_that_come_and_go_at_times_of_their_own_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("path.state");
    let state = state.to_str().unwrap();
    let (near, far) = (rounds(&calm(), 1, 90), rounds(&elsewhere(), 1, 90));
    let (near, far) = (from(&near, HERE), from(&far, THERE));
    // The second one begins when the first has been known for long, and between two of its rounds.
    let known = near[..60 * 6].concat();
    assert_eq!(text(&watch(&["--only-alerts", "--state", state], &known).stdout), "");
    let both = interleaved(&far[60 * 6..], &near[60 * 6..]);
    assert_eq!(text(&watch(&["--only-alerts", "--state", state], &both).stdout), "");
}

#[test]
fn a_machine_whose_address_changes_keeps_its_baseline() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("path.state");
    let state = state.to_str().unwrap();
    let job = |world: &World, from_round, to, place| {
        let lines = from(&rounds(world, from_round, to), place).concat();
        alerts(&watch(&["--only-alerts", "--state", state], &lines)).len()
    };
    assert_eq!(job(&calm(), 1, 80, HERE), 0);
    assert_eq!(job(&slow(), 80, 83, THERE), 1, "it knows what was usual");
    assert_eq!(job(&calm(), 83, 160, THERE), 1, "and that it is over");
    let known = fs::read_to_string(state).unwrap();
    assert!(
        !known.contains("192.0.2.77"),
        "an address that is gone for good is forgotten: {known}"
    );
    assert_eq!(job(&slow(), 160, 163, OSLO), 0, "somebody else");
    let named = [("vantage", "bergen"), THERE[0]];
    assert_eq!(job(&slow(), 160, 163, &named), 1, "it has got a name, and knows what was usual");
}

#[test]
fn a_state_without_vantage_points_is_that_of_the_first_one_seen() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("path.state");
    let path = state.to_str().unwrap();
    watch(&["--state", path], &rounds(&calm(), 1, 80));
    let mut old: Value = serde_json::from_str(&fs::read_to_string(&state).unwrap()).unwrap();
    assert!(old["paths"][0].as_object_mut().unwrap().remove("vantage").is_some());
    for place in [HERE, OSLO] {
        fs::write(&state, old.to_string()).unwrap();
        let lines = from(&rounds(&slow(), 80, 82), place).concat();
        let output = watch(&["--only-alerts", "--state", path], &lines);
        assert_eq!((alerts(&output).len(), text(&output.stderr)), (1, String::new()), "{place:?}");
    }
}

//! `tm-diff` over logs, and what it prints: rounds and hosts, formats, trouble.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tm_tests::diffing::{Desk, HOST, counts, path, round, seen, with};
use tm_tests::hop_line::lines;
use tm_tests::{bare, tool};

/// Rounds 1 to 4 by one way, 5 to 8 by another.
fn log() -> Vec<Value> {
    let old = path(&["192.0.2.1", "192.0.2.2"]);
    let new = path(&["192.0.2.1", "192.0.2.3"]);
    (1..=8).flat_map(|n| round(n, if n < 5 { &old } else { &new })).collect()
}

#[test]
fn the_rounds_of_a_log_are_chosen_by_place_time_or_id() {
    let desk = Desk::new();
    desk.file("log", &log());
    let sides = |args: &[&str]| {
        let compared = desk.compared(&[args, &["log"]].concat()).remove(0);
        let at = |side: &str| {
            let about = &compared[side];
            let minute =
                |member: &str| about[member].as_str().unwrap()[14..16].parse::<u64>().unwrap();
            (minute("first_at"), minute("last_at"), about["rounds"].as_u64().unwrap())
        };
        (at("a"), at("b"), counts(&compared))
    };
    let changed = || "replaced=1".to_owned();
    assert_eq!(sides(&[]), ((1, 1, 1), (8, 8, 1), changed()));
    assert_eq!(sides(&["--last"]), ((7, 7, 1), (8, 8, 1), String::new()));
    assert_eq!(sides(&["--at", "2026-11-24T10:02:30"]), ((2, 2, 1), (8, 8, 1), changed()));
    let two = ["--at", "2026-11-24 10:03", "--at", "2026-11-24T11:04:59+01:00"];
    assert_eq!(sides(&two), ((3, 3, 1), (4, 4, 1), String::new()));
    assert_eq!(sides(&["--split", "2026-11-24T10:05"]), ((1, 4, 4), (5, 8, 4), changed()));
    let ids = [
        "--trace",
        "019abf00-0000-7000-8000-000000000004",
        "--trace",
        "019abf00-0000-7000-8000-000000000006",
    ];
    assert_eq!(sides(&ids), ((4, 4, 1), (6, 6, 1), changed()));
    let from_file = desk.compared(&["log", "log", "--last"]).remove(0);
    assert_eq!(counts(&from_file), "");
    for (args, says) in [
        (&["log", "--trace", "019abf00"][..], "several traces"),
        (&["log", "--trace", "77"], "no trace has the id"),
        (&["log", "--last", "--split", "2026-11-24"], "cannot be used with"),
        (&["log", "log", "--split", "2026-11-24"], "parts one file"),
        (&["log", "--at", "2026-11-23"], "no such trace"),
        (&["log", "--at", "noon"], "it must be a time"),
        (&["log", "--host", "nobody.example"], "no such trace"),
    ] {
        let output = desk.run(args);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && stderr.contains(says), "{args:?}: {stderr}");
    }
}

#[test]
fn all_rounds_of_two_logs_are_laid_over_each_other() {
    let desk = Desk::new();
    let old = path(&["192.0.2.1", "192.0.2.2"]);
    let new = path(&["192.0.2.1", "192.0.2.3"]);
    let day = |hops: &[Value]| (1..=50).flat_map(|n| round(n, hops)).collect::<Vec<_>>();
    desk.file("monday", &day(&old));
    desk.file("tuesday", &day(&new));
    let compared = desk.compared(&["monday", "tuesday"]).remove(0);
    assert_eq!((counts(&compared).as_str(), &compared["a"]["rounds"]), ("replaced=1", &json!(50)));
    // One round by another way in fifty is not the usual path.
    let flap = [day(&old), round(51, &new)].concat();
    desk.file("flap", &flap);
    let rare = desk.compared(&["monday", "flap"]).remove(0);
    assert_eq!(counts(&rare), "");
    assert_eq!(rare["hops"][1]["b"]["rare"], json!(["192.0.2.3"]));
    let (text, _) = desk.diff(&["monday", "flap"]);
    assert!(text.contains("1 rare responder left out"), "{text}");
    let shown = desk.compared(&["monday", "flap", "--rare", "0"]).remove(0);
    assert_eq!(shown["hops"][1]["b"]["ips"], json!(["192.0.2.2", "192.0.2.3"]));
}

#[test]
fn an_id_names_its_file_and_the_other_is_taken_whole() {
    let desk = Desk::new();
    desk.file("log", &log());
    desk.file("good", &round(59, &path(&["192.0.2.1", "192.0.2.2"])));
    let id = "019abf00-0000-7000-8000-000000000003";
    let compared = desk.compared(&["good", "log", "--trace", id]).remove(0);
    assert_eq!((&compared["b"]["trace_id"], &compared["b"]["rounds"]), (&json!(id), &json!(1)));
    assert_eq!(compared["a"]["rounds"], 1);
}

#[test]
fn a_round_without_end_is_not_the_last_one() {
    let desk = Desk::new();
    let mut torn = log();
    torn.pop();
    desk.file("torn", &torn);
    let compared = desk.compared(&["torn", "--last"]).remove(0);
    let ends =
        (compared["a"]["trace_id"].as_str().unwrap(), compared["b"]["trace_id"].as_str().unwrap());
    assert!(ends.0.ends_with('6') && ends.1.ends_with('7'), "{ends:?}");
}

#[test]
fn hosts_are_paired_and_one_that_only_one_side_has_differs() {
    let desk = Desk::new();
    let of = |host: &str, hops: &[Value]| -> Vec<Value> {
        let hops: Vec<Value> =
            hops.iter().map(|hop| with(hop.clone(), &json!({"host": host}))).collect();
        let id = json!({"trace_id": format!("id-of-{host}")});
        round(1, &hops).into_iter().map(|record| with(record, &id)).collect()
    };
    let (old, new) = (path(&["192.0.2.1", "192.0.2.2"]), path(&["192.0.2.1", "192.0.2.3"]));
    desk.file("a", &[of("one", &old), of("two", &old), of("three", &old)].concat());
    desk.file("b", &[of("two", &new), of("one", &old), of("four", &old)].concat());
    let all = desk.compared(&["a", "b"]);
    let said: Vec<(&str, String)> =
        all.iter().map(|one| (one["host"].as_str().unwrap(), counts(one))).collect();
    let missing = || "missing=1".to_owned();
    let wanted = [
        ("one", String::new()),
        ("two", "replaced=1".to_owned()),
        ("three", missing()),
        ("four", missing()),
    ];
    assert_eq!(said, wanted);
    let (text, _) = desk.diff(&["a", "b"]);
    assert!(text.contains("only A has it") && text.contains("only B has it"), "{text}");
    assert_eq!(desk.compared(&["a", "b", "--host", "one"]).len(), 1);
    desk.file("lone", &of("elsewhere", &old));
    desk.file("other", &of("somewhere", &old));
    let lone = desk.compared(&["lone", "other"]);
    assert_eq!((lone.len(), counts(&lone[0])), (1, String::new()), "the only two are meant");
}

#[test]
fn families_and_protocols_of_a_host_are_not_mixed() {
    let desk = Desk::new();
    let four = round(1, &path(&["192.0.2.1"]));
    let six: Vec<Value> = round(2, &path(&["2001:db8::1"]))
        .into_iter()
        .map(|record| with(record, &json!({"resolved_ip": "2001:db8::9"})))
        .collect();
    let tcp: Vec<Value> = round(3, &path(&["192.0.2.7"]))
        .into_iter()
        .map(|record| with(record, &json!({"protocol": "tcp", "port": 443})))
        .collect();
    desk.file("a", &[four.clone(), six.clone(), tcp.clone()].concat());
    desk.file("b", &[tcp, four, six].concat());
    let all = desk.compared(&["a", "b"]);
    assert!(all.len() == 3 && all.iter().all(|one| one["same"] == true), "{all:?}");
}

/// A round from a named place.
fn from(vantage: &str, number: u64, hops: &[Value]) -> Vec<Value> {
    let named = json!({"vantage": vantage});
    round(number, hops).into_iter().map(|record| with(record, &named)).collect()
}

#[test]
fn vantage_points_that_share_a_log_are_compared_each_with_itself() {
    let desk = Desk::new();
    let berlin = path(&["192.0.2.1", "192.0.2.2"]);
    let paris = path(&["203.0.113.1", "203.0.113.2", "203.0.113.3"]);
    let log = [from("berlin", 1, &berlin), from("paris", 2, &paris)].concat();
    let later = [from("paris", 3, &paris), from("berlin", 4, &berlin)].concat();
    desk.file("log", &[log.clone(), later.clone()].concat());
    desk.file("a", &log);
    desk.file("b", &later);
    for args in [&["log"][..], &["--split", "2026-11-24T10:02:30", "log"], &["a", "b"]] {
        let all = desk.compared(args);
        let named: Vec<_> =
            all.iter().map(|one| (&one["a"]["vantage"], &one["b"]["vantage"])).collect();
        let (berlin, paris) = (json!("berlin"), json!("paris"));
        assert_eq!(named, [(&berlin, &berlin), (&paris, &paris)], "{args:?}");
        assert!(all.iter().all(|one| one["same"] == true), "{args:?}: {all:?}");
    }
    desk.file("madrid", &from("madrid", 5, &berlin));
    let missing: Vec<String> = desk.compared(&["a", "madrid"]).iter().map(counts).collect();
    assert_eq!(missing, ["missing=1"; 3], "which of the two would it be compared with?");
}

#[test]
fn the_only_vantage_points_of_two_files_are_compared_and_named() {
    let desk = Desk::new();
    let of = |host: &str, round: Vec<Value>| -> Vec<Value> {
        let about = json!({"host": host, "trace_id": format!("id-of-{host}")});
        round.into_iter().map(|record| with(record, &about)).collect()
    };
    let (one, two) = (path(&["192.0.2.1"]), path(&["192.0.2.2"]));
    let both =
        |vantage| [of("one", from(vantage, 1, &one)), of("two", from(vantage, 2, &two))].concat();
    desk.file("a", &both("berlin"));
    desk.file("b", &both("paris"));
    let all = desk.compared(&["a", "b"]);
    assert!(all.len() == 2 && all.iter().all(|one| one["same"] == true), "{all:?}");
    for format in ["table", "unified", "markdown"] {
        let (text, _) = desk.diff(&["--format", format, "a", "b"]);
        for said in ["1 round from berlin", "1 round from paris", "Vantage point: berlin → paris"]
        {
            assert_eq!(text.matches(said).count(), 2, "{said}: {text}");
        }
    }
    desk.file("unnamed", &[of("one", round(1, &one)), of("two", round(2, &two))].concat());
    let (text, _) = desk.diff(&["unnamed", "b"]);
    assert!(text.contains("Vantage point: unnamed → paris"), "{text}");
}

#[test]
fn an_address_may_change_and_two_that_take_turns_are_told() {
    let desk = Desk::new();
    let hops = path(&["192.0.2.1"]);
    let log = |sources: &[&str]| -> Vec<Value> {
        let rounds = (1..).zip(sources).flat_map(|(n, source)| {
            let from = json!({"source_ip": source});
            round(n, &hops).into_iter().map(move |record| with(record, &from))
        });
        rounds.collect()
    };
    desk.file("moved", &log(&["10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.3"]));
    assert_eq!(desk.compared(&["moved"]).len(), 1, "and nothing is said");
    desk.file("turns", &log(&["10.0.0.1", "10.0.0.2", "10.0.0.1"]));
    let output = desk.run(&["turns"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("example.com: rounds from several addresses are taken for one"),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_name_that_did_not_resolve_is_compared_by_its_error() {
    let desk = Desk::new();
    let good = round(1, &path(&["192.0.2.1"]));
    let end = with(
        good.last().unwrap().clone(),
        &json!({
            "resolved_ip": null, "reached": false, "stop": "error", "error": "no such name", "hops": 0,
        }),
    );
    desk.file("a", &good);
    desk.file("b", &[end]);
    let (text, code) = desk.diff(&["a", "b"]);
    assert!(
        code == 1
            && text.contains("Error in B: no such name")
            && text.contains("Reached: yes → no"),
        "{text}"
    );
}

#[test]
fn what_strangers_wrote_stays_text_in_every_format() {
    let desk = Desk::new();
    let evil = "x\u{1b}[2J\u{202e}|`<img src=x>`[a](javascript:b)\n@team *_~\\";
    let hostile = |ip: &str, city: &str| -> Vec<Value> {
        let facts = json!({
            "ip": ip, "host": evil, "dns": {"hostname": evil.to_owned() + city, "source": evil},
            "geo": {"city": evil.to_owned() + city, "country_code": evil, "source": evil},
        });
        vec![with(seen("x", 1.0, 16), &facts), seen(HOST, 2.0, 16)]
            .into_iter()
            .map(|hop| with(hop, &json!({"host": evil, "resolved_ip": evil})))
            .collect()
    };
    desk.file("a", &round(1, &hostile(evil, "one")));
    desk.file("b", &round(1, &hostile(evil, "two")));
    for format in ["table", "unified", "markdown"] {
        for color in ["never", "always"] {
            let (text, _) = desk.diff(&["a", "b", "--format", format, "--wide", "--color", color]);
            let kept = text.replace("\u{1b}[2J", "CLEARED");
            assert!(!kept.contains("CLEARED") && !kept.contains('\u{202e}'), "{format}: {text}");
            assert!(color == "always" || !text.contains('\u{1b}'), "{format}: {text}");
        }
    }
    let (text, _) = desk.diff(&["a", "b", "--format", "markdown", "--wide"]);
    let outside_code = |line: &str| line.split('`').count();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let bars = line.replace("\\|", "").matches('|').count();
        assert_eq!(bars, 12, "eleven cells: {line}");
    }
    let title = text.lines().next().unwrap();
    assert!(
        !title.contains("<img") && title.contains("&lt;img") && outside_code(title) > 1,
        "{title}"
    );
    assert!(!title.contains("@team") && title.contains("\\[a\\]"), "{title}");
    let ndjson = desk.compared(&["a", "b"]);
    assert_eq!(ndjson[0]["host"], evil, "NDJSON says it as it is");
}

#[test]
fn the_table_fits_eighty_columns_even_with_long_addresses() {
    let desk = Desk::new();
    let long = |n: u32| format!("2001:db8:1111:2222:3333:4444:5555:{n:04x}");
    let (one, two) = (long(1), long(2));
    let named = |ip: &str, name: &str| {
        let name = format!("{name}.a-rather-long-name-of-a-router.backbone.example.net");
        with(seen(ip, 2.0, 16), &json!({"dns": {"hostname": name, "source": "x"}}))
    };
    let before = [named(&one, "a"), named(&two, "x"), seen(HOST, 3.0, 16)];
    let after = [named(&one, "b"), named(&long(3), "x"), seen(HOST, 3.0, 16)];
    desk.file("a", &round(1, &before));
    desk.file("b", &round(1, &after));
    let (text, _) = desk.diff(&["a", "b"]);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let (narrow, _) = desk.diff(&["a", "b", "--width", "60"]);
    assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
    let squeezed = narrow.replace([' ', '\n', '│', '┆'], "");
    assert!(squeezed.contains("2001:db8:") && !narrow.contains('…'), "{narrow}");
}

#[test]
fn trouble_is_said_in_one_line_with_exit_code_two() {
    let desk = Desk::new();
    desk.file("a", &round(1, &path(&["192.0.2.1"])));
    desk.text("empty", "");
    let lone = desk.run(&["a"]);
    let stderr = String::from_utf8_lossy(&lone.stderr).into_owned();
    assert!(lone.status.code() == Some(2) && stderr.contains("no two such rounds"), "{stderr}");
    for (args, says) in [
        (&["a", "missing"][..], "cannot read missing"),
        (&["a", "empty"], "empty: there is no such trace"),
        (&["-", "-"], "only one of the two"),
        (&["a", "a", "a"], "unexpected"),
        (&["a", "a", "--rtt-threshold", "5s"], "10%"),
        (&["a", "a", "--ignore", "everything"], "invalid value"),
        (&["a", "a", "-o", "/nonexistent/x"], "cannot write"),
    ] {
        let output = desk.run(args);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && stderr.contains(says), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_bad_line_is_named_and_the_rest_is_compared() {
    let desk = Desk::new();
    let good = round(1, &path(&["192.0.2.1"]));
    desk.file("a", &good);
    desk.text(
        "b",
        &format!("{{\"type\":\"hop\"}}\nnot json\n{{\"type\":\"note\"}}\n{}", lines(&good)),
    );
    let output = desk.run(&["a", "b"]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(0), 2), "{stderr}");
    assert!(
        stderr.starts_with("tm-diff: b:1: missing field") && stderr.contains("b:2:"),
        "{stderr}"
    );
    assert_eq!(desk.run(&["a", "b", "--strict"]).status.code(), Some(2));
}

#[test]
fn it_reads_stdin_writes_files_and_heeds_the_configuration() {
    let desk = Desk::new();
    desk.file("a", &round(1, &path(&["192.0.2.1"])));
    desk.file("b", &round(1, &path(&["192.0.2.2"])));
    let stdin = std::fs::File::open(desk.folder().join("b")).unwrap();
    let piped = desk.command(&["a", "-", "-o", "out"]).stdin(stdin).output().unwrap();
    assert_eq!((piped.status.code(), piped.stdout.len()), (Some(1), 0));
    let written = std::fs::read_to_string(desk.folder().join("out")).unwrap();
    assert!(written.contains("B  stdin: 1 round") && !written.contains('\u{1b}'), "{written}");
    let config = desk.folder().join(".config/tracemap");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(
        config.join("config.toml"),
        "[tm-diff]\nformat = \"unified\"\nignore = [\"rtt\", \"dns\"]\n",
    )
    .unwrap();
    let (text, _) = desk.diff(&["a", "b"]);
    assert!(text.starts_with("--- a: 1 round"), "{text}");
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let desk = Desk::new();
    let many: Vec<Value> = (0..200)
        .flat_map(|n| {
            let host = json!({"host": format!("host{n}"), "trace_id": format!("id{n}")});
            round(1, &path(&["192.0.2.1"])).into_iter().map(move |record| with(record, &host))
        })
        .collect();
    desk.file("a", &many);
    let script = format!(
        "{} a a | head -n 1 > /dev/null; echo ${{PIPESTATUS[0]}}",
        tool("tm-diff").display()
    );
    let output =
        Command::new("bash").current_dir(desk.folder()).args(["-c", &script]).output().unwrap();
    assert_eq!((output.stdout.as_slice(), output.stderr.len()), (&b"0\n"[..], 0));
}

/// Every `console` block of the page: a command after `$`, and what it prints.
#[test]
fn the_examples_of_the_documentation_are_true() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("../docs/diff.md")).unwrap();
    let bin = tool("tm-diff").parent().unwrap().display().to_string();
    let mut tried = 0;
    for block in page.split("```console\n").skip(1).filter_map(|rest| rest.split("\n```").next()) {
        for example in block.split("$ ").skip(1) {
            let (command, wanted) = example.split_once('\n').unwrap_or((example, ""));
            let output = bare("bash")
                .current_dir(root.join("fixtures/diff"))
                .args(["-c", command])
                .env("PATH", format!("{bin}:/usr/bin:/bin"))
                .output()
                .unwrap();
            let printed = String::from_utf8(output.stdout).unwrap();
            assert_eq!(printed.trim_end(), wanted.trim_end(), "$ {command}");
            tried += 1;
        }
    }
    assert!(tried >= 5, "{tried} examples");
}

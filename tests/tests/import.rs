//! What other traceroutes write, imported: every sample told apart, and all that cannot be read.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;
use tm_tests::importing::{
    TOUR, command, first_path, import, of_pipe, piped, root, sample, text_of,
};
use tm_tests::{Traced, tool};

#[test]
fn every_sample_is_told_apart_and_keeps_the_published_schema() {
    let published = std::fs::read_to_string(root().join("docs/schema.json")).unwrap();
    let published: Value = serde_json::from_str(&published).unwrap();
    let validator = jsonschema::validator_for(&published).unwrap();
    let samples = [
        ("traceroute.txt", "traceroute", 1),
        ("traceroute6.txt", "traceroute", 1),
        ("traceroute-mtu.txt", "traceroute", 1),
        ("traceroute-narrow.txt", "traceroute", 2),
        ("traceroute-many.txt", "traceroute", 5),
        ("inetutils.txt", "traceroute", 1),
        ("bsd.txt", "bsd", 2),
        ("tracert.txt", "tracert", 1),
        ("tracert-de.txt", "tracert", 1),
        ("tracert-zh.txt", "tracert", 1),
        ("tracert-unreachable.txt", "tracert", 1),
        ("mtr.json", "mtr-json", 1),
        ("mtr-old.json", "mtr-json", 1),
        ("mtr-report.txt", "mtr-report", 1),
        ("mtr-report-wide.txt", "mtr-report", 1),
        ("mtr.csv", "mtr-csv", 1),
        ("mtr-raw.txt", "mtr-raw", 3),
        ("scamper.json", "scamper", 3),
        ("scamper-warts2json.json", "scamper", 2),
        ("scamper-tracelb.json", "scamper", 1),
        ("trippy.json", "trippy", 1),
        ("mtr-nobody.json", "mtr-json", 1),
        ("nexttrace.json", "nexttrace-json", 1),
        ("nexttrace-raw.txt", "nexttrace-raw", 2),
        ("nexttrace-classic.txt", "nexttrace-raw", 1),
        ("dublin.json", "dublin", 1),
        ("atlas.json", "ripe-atlas", 6),
        ("atlas.ndjson", "ripe-atlas", 6),
        ("globalping.json", "globalping", 4),
        ("paris.txt", "paris", 1),
        ("tracemap.json", "tracemap", 1),
        ("tracemap-watch.jsonl", "tracemap", 2),
    ];
    let there = std::fs::read_dir(root().join(sample(""))).unwrap().count();
    assert_eq!(there, samples.len() + 1, "every sample is tested, and README.md");
    for (name, format, traces) in samples {
        let output = command(&["-v", &sample(name)]).stdin(Stdio::null()).output().unwrap();
        let traced = Traced::from(&output);
        assert_eq!(traced.code, Some(0), "{name}: {}", traced.stderr);
        assert!(
            traced.stderr.contains(&format!("{name}: read as {format}\n")),
            "{}",
            traced.stderr
        );
        assert_eq!(traced.traces.len(), traces, "{name}");
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            assert!(validator.is_valid(&record), "{name}: {line}");
        }
        let named = import(&["--from", format, &sample(name)]);
        assert_eq!((named.hops, named.traces), (traced.hops, traced.traces), "{name}");
    }
}

#[test]
fn counts_and_statistics_agree_in_every_record() {
    for entry in std::fs::read_dir(root().join(sample(""))).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name == "README.md" {
            continue;
        }
        let traced = import(&[&sample(&name)]);
        let known: BTreeSet<_> = traced.traces.iter().map(|trace| &trace.trace_id).collect();
        assert_eq!(known.len(), traced.traces.len(), "{name}: ids differ");
        for hop in &traced.hops {
            assert!(known.contains(&hop.trace_id), "{name}: {hop:?}");
            assert!(hop.received <= hop.sent, "{name}: {hop:?}");
            assert_eq!(hop.loss_pct, tm_schema::loss_pct(hop.sent, hop.received), "{name}");
            assert_eq!(hop.ip.is_none(), hop.is_timeout, "{name}: {hop:?}");
            assert!(hop.ip.is_some() || (hop.rtt.is_none() && hop.reply.is_none()), "{name}");
            assert!(hop.rtt.is_none_or(|rtt| rtt.min <= rtt.avg && rtt.avg <= rtt.max), "{name}");
            assert!(hop.probes.iter().all(|probe| probe.ok || probe.rtt_ms.is_none()), "{name}");
        }
    }
}

#[test]
fn the_same_file_gives_the_same_ids_wherever_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["traceroute-many.txt", "atlas.json", "mtr-raw.txt", "tracemap.json"] {
        let copy = folder.path().join(name);
        std::fs::write(&copy, text_of(name)).unwrap();
        let ids = |traced: Traced| -> Vec<String> {
            traced.traces.into_iter().map(|trace| trace.trace_id).collect()
        };
        let first = ids(import(&[&sample(name)]));
        assert_eq!(first, ids(import(&[copy.to_str().unwrap()])), "{name}");
        assert_eq!(first, ids(of_pipe(&["--at", "2020-01-01T00:00:00Z"], &text_of(name))));
    }
    let array = import(&[&sample("atlas.json")]);
    let version = |id: &str| id.as_bytes()[14];
    assert!(array.traces.iter().all(|trace| version(&trace.trace_id) == b'7'));
    let silent = import(&[&sample("traceroute.txt")]);
    assert_eq!(version(&silent.traces[0].trace_id), b'8', "the time is not known");
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_survives() {
    let mut text = String::from_utf8(text_of("traceroute.txt")).unwrap();
    text = text.replace(" 4  203.0.113.17", "$ echo \u{1b}[2J\n 4  203.0.113.17");
    let traced = of_pipe(&[], text.as_bytes());
    assert_eq!((traced.code, traced.traces.len()), (Some(0), 1));
    assert!(traced.stderr.contains("stdin:5: no line of a traceroute\n"), "{}", traced.stderr);
    assert!(first_path(&traced).starts_with(TOUR));
    let strict = piped(&["--strict"], text.as_bytes());
    assert_eq!(strict.status.code(), Some(2));
    let hostile =
        "traceroute to x (192.0.2.1), 30 hops max, 60 byte packets\n 1  \u{1b}[2J  1 ms\n";
    let traced = of_pipe(&[], hostile.as_bytes());
    assert!(traced.stderr.contains(r"stdin:2: `\u{1b}[2J` is neither"), "{}", traced.stderr);
    let torn = [text_of("atlas.ndjson").as_slice(), b"{\"fw\":5020,\"result\":[{\n"].concat();
    let traced = of_pipe(&[], &[&torn, text_of("atlas.ndjson").as_slice()].concat());
    assert_eq!(traced.traces.len(), 12, "{}", traced.stderr);
    assert!(traced.stderr.contains("stdin:8: the value is cut short"), "{}", traced.stderr);
}

#[test]
fn an_input_without_a_trace_is_an_error_and_the_others_are_imported() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let cases = [
        (file("prose", "Dear NOC,\nit is slow.\n"), "it looks like no format that is known"),
        (file("empty", ""), "it is empty"),
        (file("ours", "{\"type\":\"hop\",\"v\":1,\"trace_id\":\"t\"}\n"), "hop records already"),
        (
            file("ping", "{\"fw\":5020,\"type\":\"ping\",\"result\":[]}\n"),
            "there is no trace in it",
        ),
        ("/nonexistent".to_owned(), "cannot read"),
    ];
    for (path, reason) in cases {
        let traced = import(&[&path, &sample("tracemap.json")]);
        assert_eq!((traced.code, traced.traces.len()), (Some(2), 1), "{path}: {}", traced.stderr);
        assert!(traced.stderr.contains(reason), "{path}: {}", traced.stderr);
    }
}

#[test]
fn the_time_that_a_source_does_not_say_is_assumed_aloud_and_once() {
    let traced = import(&[&sample("traceroute-many.txt")]);
    assert_eq!(traced.stderr.matches("it does not say when it was traced").count(), 1);
    let told = import(&["--at", "2020-02-03T04:05:06+01:00", &sample("traceroute-many.txt")]);
    assert_eq!(told.stderr, "");
    assert!(told.hops.iter().all(|hop| hop.at.to_string() == "2020-02-03T03:05:06.000000Z"));
}

#[test]
fn a_pipe_is_read_as_it_comes() {
    let mut command = command(&["--host", "x"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for cycle in 0..4 {
        writeln!(stdin, "x 0 {cycle}\nh 0 10.0.0.1\np 0 900 {cycle}").unwrap();
    }
    stdin.flush().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("\"round\":1"), "a round is out while mtr still runs: {first}");
    drop(stdin);
    assert_eq!(lines.count(), 7);
    assert!(child.wait().unwrap().success());
}

#[test]
fn memory_is_bounded_whatever_the_length() {
    let one = String::from_utf8(text_of("atlas.ndjson")).unwrap();
    let one = one.lines().next().unwrap();
    for (open, between, close) in [("[", ",", "]"), ("", "\n", "\n"), ("", "", "")] {
        let text = format!("{open}{}{close}", vec![one; 40_000].join(between));
        assert!(text.len() > 40 << 20);
        let mut command = Command::new("bash");
        let program = tool("tm-import");
        // Address space, which is more than what is used: the input alone would not fit.
        command.args(["-c", "ulimit -v 40000; exec \"$0\" | wc -l", program.to_str().unwrap()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "240000", "{between:?}");
    }
}

/// The console examples of the page: what follows `$ ` is run by bash, and the lines below it are
/// what it writes.
#[test]
fn the_examples_of_the_page_do_what_it_says() {
    let page = std::fs::read_to_string(root().join("docs/import.md")).unwrap();
    let tools = tool("tm-import");
    let path = format!("{}:{}", tools.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut examples = 0;
    for block in page.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for example in block.split("$ ").skip(1) {
            let (line, wanted) = example.split_once('\n').unwrap();
            let mut command = Command::new("bash");
            command
                .args(["-c", &format!("{{ {line}; }} 2>&1")])
                .current_dir(root())
                .env("PATH", &path);
            let output = command.env("XDG_CONFIG_HOME", "/nonexistent").output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), wanted, "{line}");
            examples += 1;
        }
    }
    assert!(examples >= 4, "{examples}");
}

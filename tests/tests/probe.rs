//! `tm-probe` as a user meets it: flags, mistakes, signals, many targets.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tm_schema::Stop;
use tm_tests::{Lab, Traced, tool};

const V4: &str = "198.51.100.9";

#[test]
fn every_record_keeps_the_published_schema() {
    let published: Value = serde_json::from_str(include_str!("../../docs/schema.json")).unwrap();
    assert_eq!(published, tm_tests::schema(), "run `make docs`");
    let validator = jsonschema::validator_for(&published).unwrap();
    let probe = tool("tm-probe").display().to_string();
    for topology in ["chain", "mpls", "unreachable", "silent-middle"] {
        let output = Lab::new(topology)
            .command(&probe, &[V4, "2001:db8:9::9", "no-such.invalid"])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.lines().count() > 8);
        for line in text.lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            let wrong: Vec<_> =
                validator.iter_errors(&record).map(|error| error.to_string()).collect();
            assert!(wrong.is_empty(), "{line}\n{wrong:?}");
        }
    }
}

#[test]
fn one_bad_target_is_named_and_the_others_are_traced() {
    let traced = Lab::new("chain").probe(&["no-such.invalid", V4, "0.0.0.0"]);
    assert_eq!(traced.code, Some(1));
    assert_eq!(traced.stderr.lines().count(), 2, "{}", traced.stderr);
    assert!(
        traced.stderr.contains("tm-probe: no-such.invalid: cannot resolve it"),
        "{}",
        traced.stderr
    );
    let failed = traced
        .traces
        .iter()
        .filter(|trace| trace.stop == Some(Stop::Error) && trace.error.is_some());
    assert_eq!((failed.count(), traced.hops.len()), (2, 6));
}

#[test]
fn mistakes_are_one_line_that_says_what_to_do() {
    let lab = Lab::new("chain");
    let cases: [(&[&str], &str); 6] = [
        (&["-i", "nope0", V4], "there is no interface \"nope0\""),
        (&["-s", "192.0.2.77", V4], "cannot send from 192.0.2.77"),
        (&["-f", "9", "-m", "3", V4], "beyond --max-hops"),
        (&["--targets", "/nonexistent", V4], "cannot read /nonexistent"),
        (&["-I", "-p", "80", V4], "--port means nothing to ICMP"),
        (&["--targets", "/"], "cannot read /"),
    ];
    for (args, wanted) in cases {
        let traced = lab.probe(args);
        assert_eq!(traced.code, Some(2), "{args:?}: {}", traced.stderr);
        assert!(traced.stderr.contains(wanted), "{args:?}: {}", traced.stderr);
        assert_eq!(traced.stderr.lines().count(), 1, "{args:?}: {}", traced.stderr);
    }
    let unreadable = lab.probe(&["--targets", "/nonexistent", "--targets", "/dev/null", V4]);
    assert!(unreadable.traces.iter().any(|trace| trace.reached), "the others are traced");
}

#[test]
fn a_forbidden_ping_socket_says_how_to_allow_it_and_udp_needs_none() {
    let lab = Lab::new("chain").without_ping();
    let traced = lab.probe(&["-I", V4]);
    assert_eq!(traced.code, Some(1));
    assert!(traced.stderr.contains("ping_group_range"), "{}", traced.stderr);
    let udp = lab.probe(&["-v", V4]);
    assert!(udp.traces[0].reached && udp.stderr.contains("error queues"), "{}", udp.stderr);
}

#[test]
fn a_host_that_begins_with_a_dash_is_a_host() {
    let traced = Lab::new("chain").probe(&["--", "--version"]);
    assert_eq!((traced.code, traced.traces.len()), (Some(1), 1));
    assert_eq!(traced.traces[0].host, "--version");
}

#[test]
fn hosts_come_from_stdin_and_the_same_one_twice_is_traced_twice() {
    let probe = tool("tm-probe").display().to_string();
    let mut child = Lab::new("chain")
        .command(&probe, &[])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"198.51.100.9\n# a comment\n\n2001:db8:9::9\n198.51.100.9")
        .unwrap();
    let traced = Traced::from(&child.wait_with_output().unwrap());
    assert_eq!((traced.traces.len(), traced.hops.len()), (3, 18));
}

#[test]
fn rounds_are_numbered_and_each_ends_with_its_trace() {
    let traced = Lab::new("chain").probe(&["--interval", "0.05", "--rounds", "4", V4]);
    let rounds: Vec<u64> = traced.traces.iter().map(|trace| trace.round).collect();
    assert_eq!(rounds, [1, 2, 3, 4]);
    assert!(traced.traces.iter().all(|trace| trace.reached && trace.hops == 6));
    let mut ids: Vec<_> = traced.traces.iter().map(|trace| &trace.trace_id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    let last = &traced.traces[3];
    assert_eq!(last.sent, 6, "a known path is not overshot, and one probe a hop is enough");
}

/// The destination answers as a Linux host does: six probes at once, and one a second.
#[test]
fn probes_that_are_spread_lose_nothing_to_limits_on_answers() {
    let args = ["--interval", "7", "--spread", "3", "-q", "8", "--rounds", "2", V4];
    let traced = Lab::new("ratelimit").probe(&args);
    let probes: Vec<_> = traced.traces.iter().map(|trace| trace.probes).collect();
    assert_eq!(probes, [Some(3), Some(8)], "the first round has yet to find the path");
    let spread: Vec<_> = traced.hops.iter().filter(|hop| hop.round == 2).collect();
    assert_eq!(spread.len(), 6);
    for hop in spread {
        assert_eq!((hop.sent, hop.received), (8, 8), "{hop:?}");
        let times: Vec<_> = hop.probes.iter().filter_map(|probe| probe.at).collect();
        let took = times[7].as_microseconds() - times[0].as_microseconds();
        assert!(took >= 2_990_000, "{took} µs");
    }
}

#[test]
fn the_place_probed_from_has_a_name_in_every_record() {
    let traced = Lab::new("chain").probe(&["--vantage", "oslo", V4]);
    let vantages = traced.hops.iter().map(|hop| hop.vantage.as_deref());
    let vantages = vantages.chain(traced.traces.iter().map(|trace| trace.vantage.as_deref()));
    assert_eq!(vantages.collect::<Vec<_>>(), [Some("oslo"); 7]);
    let nameless = Lab::new("chain").probe(&[V4]);
    assert!(nameless.hops.iter().all(|hop| hop.vantage.is_none()));
}

#[test]
fn a_signal_at_any_moment_leaves_whole_lines_and_a_trace_record() {
    let probe = tool("tm-probe").display().to_string();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        for wait in [60, 75, 90, 110, 150, 300] {
            let script = format!(
                "\"$0\" --interval 0.02 {V4} & sleep {}; kill -{signal} $!; wait $!",
                f64::from(wait) / 1000.0
            );
            let output =
                Lab::new("long").command("bash", &["-c", &script, &probe]).output().unwrap();
            let traced = Traced::from(&output);
            assert_eq!(traced.code, Some(code), "after {wait} ms: {}", traced.stderr);
            if let Some(last) = traced.hops.last() {
                let ended = traced.traces.iter().any(|trace| trace.trace_id == last.trace_id);
                assert!(ended, "after {wait} ms the last hop's trace has ended");
            }
        }
    }
}

#[test]
fn thousands_of_targets_share_the_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("targets");
    let hosts: String = (0..3000)
        .fold(String::new(), |hosts, n| hosts + &format!("100.64.{}.{}\n", n / 250, n % 250 + 1));
    std::fs::write(&list, hosts).unwrap();
    for lab in [Lab::new("fanout"), Lab::new("fanout").unprivileged()] {
        let traced = lab.probe(&["--rate", "0", "-q", "1", "--targets", list.to_str().unwrap()]);
        assert_eq!((traced.code, traced.traces.len()), (Some(0), 3000), "{}", traced.stderr);
        let reached = traced.traces.iter().filter(|trace| trace.reached && trace.hops == 6).count();
        assert!(reached >= 2990, "{reached} of 3000");
    }
}

#[test]
fn the_rate_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    Lab::new("chain").logged(&log).probe(&["--rate", "100", "-q", "5", V4]);
    let text = std::fs::read_to_string(&log).unwrap();
    let times: Vec<u64> = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok()?["at_us"].as_u64())
        .collect();
    let span = Duration::from_micros(times[times.len() - 1] - times[0]);
    let least = Duration::from_millis(10) * (times.len() as u32 - 2);
    assert!(span >= least, "{} packets in {span:?}", times.len());
}

#[test]
fn paris_keeps_its_ports_and_classic_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let ports = |flags: &[&str]| {
        Lab::new("chain").logged(&log).probe(&[flags, &[V4]].concat());
        let text = std::fs::read_to_string(&log).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut seen: Vec<String> = lines
            .filter(|line| line["dst"] == V4)
            .map(|line| format!("{}-{}", line["words"][0], line["words"][1]))
            .collect();
        seen.sort();
        seen.dedup();
        seen.len()
    };
    for protocol in ["-U", "-T", "-I"] {
        assert_eq!(ports(&[protocol]), 1, "{protocol}: what load balancers hash is fixed");
        assert!(ports(&[protocol, "--classic"]) > 10, "{protocol} --classic");
    }
}

#[test]
fn size_and_traffic_class_are_those_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    for lab in [Lab::new("chain"), Lab::new("chain").unprivileged()] {
        lab.logged(&log).probe(&["--size", "200", "--dscp", "46", "-q", "1", V4]);
        let text = std::fs::read_to_string(&log).unwrap();
        for line in text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
            assert_eq!(
                (&line["len"], &line["tos"]),
                (&Value::from(200), &Value::from(184)),
                "{line}"
            );
        }
    }
}

#[test]
fn a_closed_pipe_is_a_quiet_end_and_a_full_disk_is_not() {
    let probe = tool("tm-probe").display().to_string();
    let script = format!(
        "\"$0\" {V4} | head -n 1 >/dev/null; echo ${{PIPESTATUS[0]}}; \"$0\" {V4} >/dev/full; echo $?"
    );
    let output = Lab::new("chain").command("bash", &["-c", &script, &probe]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0\n2\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1);
}

#[test]
fn settings_go_flag_environment_file_default() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("tracemap");
    std::fs::create_dir(&config).unwrap();
    std::fs::write(config.join("config.toml"), "[tm-probe]\nprobes = 2\n").unwrap();
    let probe = tool("tm-probe").display().to_string();
    let sent = |environment: Option<&str>, args: &[&str]| {
        let mut command: Command = Lab::new("chain").command(&probe, args);
        command.env("XDG_CONFIG_HOME", folder.path());
        if let Some(value) = environment {
            command.env("TRACEMAP_PROBE_PROBES", value);
        }
        Traced::from(&command.output().unwrap()).hops[0].sent
    };
    assert_eq!(sent(None, &[V4]), 2);
    assert_eq!(sent(Some("4"), &[V4]), 4);
    assert_eq!(sent(Some("4"), &["-q", "5", V4]), 5);
    std::fs::write(config.join("config.toml"), "[tm-probe]\nprobs = 2\n").unwrap();
    let mut command = Lab::new("chain").command(&probe, &[V4]);
    let output = command.env("XDG_CONFIG_HOME", folder.path()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && stderr.contains("probs"), "{stderr}");
}

#[test]
fn no_thread_may_open_raw_sockets_once_they_are_open() {
    let probe = tool("tm-probe").display().to_string();
    let script = format!(
        "\"$0\" --interval 0.1 {V4} > /dev/null & sleep 0.5; cat /proc/$!/task/*/status; kill $!"
    );
    let output = Lab::new("chain").command("bash", &["-c", &script, &probe]).output().unwrap();
    let status = String::from_utf8_lossy(&output.stdout).into_owned();
    let held = status.lines().filter_map(|line| {
        let (set, mask) = line.split_once(':')?;
        let is_held = ["CapPrm", "CapEff", "CapInh", "CapAmb"].contains(&set);
        is_held.then(|| u64::from_str_radix(mask.trim(), 16).unwrap())
    });
    let held: Vec<_> = held.collect();
    assert!(held.len() >= 8, "several threads: {status}");
    let net_raw = 1 << 13;
    // CAP_DAC_OVERRIDE and CAP_NET_BIND_SERVICE, which root keeps.
    let of_root = 1 << 1 | 1 << 10;
    assert!(held.iter().all(|mask| mask & net_raw == 0 && mask & !of_root == 0), "{status}");
}

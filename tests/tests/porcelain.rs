//! `tracemap` as a user meets it: the pipeline, what it keeps, what it says of the machine.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used)]

use tm_tests::{Lab, chain, tool};

const V4: &str = "198.51.100.9";

fn tracemap(lab: &Lab, args: &[&str], folder: &std::path::Path) -> std::process::Output {
    let program = tool("tracemap").display().to_string();
    lab.command(&program, args).current_dir(folder).output().unwrap()
}

#[test]
fn a_trace_is_shown_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let output = tracemap(&Lab::new("chain").unprivileged(), &["trace", V4], folder.path());
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success()
            && table.contains("│ 6 ┆ 198.51.100.9")
            && table.contains("reached"),
        "{table}"
    );
    let kept = std::fs::read_to_string(folder.path().join(".tracemap/trace.ndjson")).unwrap();
    assert_eq!(kept.lines().count(), 7);
    let files = std::fs::read_dir(folder.path().join(".tracemap")).unwrap().count();
    assert_eq!(files, 1, "no temporary is left");
}

#[test]
fn the_exit_code_is_that_of_the_probe_and_failures_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::new("chain");
    let unknown = tracemap(&lab, &["trace", "--no-save", "no-such.invalid"], folder.path());
    assert_eq!(unknown.status.code(), Some(1));
    let wrong = tracemap(&lab, &["trace", "--no-save", V4, "--", "-p", "0"], folder.path());
    let stderr = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr.contains("tracemap: tm-probe failed with exit code 2"), "{stderr}");
    assert!(!folder.path().join(".tracemap").exists());
    let unwritable = tracemap(&lab, &["trace", "--save", "/proc/no/trace", V4], folder.path());
    assert_eq!(unwritable.status.code(), Some(2));
}

#[test]
fn a_folder_that_takes_nothing_hides_no_trace() {
    let output = tracemap(&Lab::new("chain"), &["trace", V4], std::path::Path::new("/proc"));
    let (table, told) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success() && table.contains("reached"), "{output:?}");
    assert!(told.contains("cannot save .tracemap/trace.ndjson: "), "{told}");
    assert!(told.contains("; --save FILE names another place\n"), "{told}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_shell_line_does_what_the_porcelain_does() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::new("chain");
    let printed = tracemap(
        &lab,
        &["trace", "--print-pipeline", "--save", "kept here", V4, "--", "-q", "2"],
        folder.path(),
    );
    let line = String::from_utf8(printed.stdout).unwrap();
    let filters = chain().into_iter().filter(|name| ["tm-dns", "tm-asn", "tm-geo"].contains(name));
    let (probe, tee) = (format!("tm-probe -q 2 -- {V4}"), "tee 'kept here'");
    let stages = [probe.as_str()].into_iter().chain(filters).chain([tee, "tm-render"]);
    assert_eq!(line.trim_end(), stages.collect::<Vec<_>>().join(" | "));
    let tools = tool("tracemap").parent().unwrap().display().to_string();
    let path = format!("PATH={tools}:$PATH; {line}");
    let output = lab.command("bash", &["-c", &path]).current_dir(folder.path()).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("reached"), "{output:?}");
    assert_eq!(
        std::fs::read_to_string(folder.path().join("kept here")).unwrap().lines().count(),
        7
    );
}

#[test]
fn every_path_is_found_shown_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::new("diamond").unprivileged();
    let args = ["trace", "--discover-paths", "--confidence", "99.999", "--per-balancer", V4];
    let output = tracemap(&lab, &args, folder.path());
    let table = String::from_utf8(output.stdout).unwrap();
    let ecmp = "ECMP detected at 2 hops: hop 3: 4 paths, hop 4: 4 paths";
    assert!(output.status.success() && table.contains(ecmp), "{table}");
    let kept = std::fs::read_to_string(folder.path().join(".tracemap/trace.ndjson")).unwrap();
    let trace: serde_json::Value = serde_json::from_str(kept.lines().last().unwrap()).unwrap();
    assert_eq!(trace.pointer("/paths/confidence"), Some(&serde_json::json!(99.999)), "{trace}");
    assert_eq!(trace.pointer("/paths/per_balancer"), Some(&true.into()), "{trace}");
}

#[test]
fn flags_about_paths_are_tm_probe_s_and_contradictions_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::new("chain");
    let of = |args: &[&str]| {
        let args = [&["trace", "--no-save"], args, &[V4]].concat();
        tracemap(&lab, &args, folder.path())
    };
    let printed = of(&["--print-pipeline", "--flows", "9"]);
    let line = String::from_utf8(printed.stdout).unwrap();
    assert!(line.starts_with(&format!("tm-probe --flows 9 -- {V4} |")), "{line}");
    for wrong in [
        &["--confidence", "99"][..],
        &["--discover-paths", "--flows", "3"],
        &["--discover-paths", "--confidence", "many"],
    ] {
        let output = of(wrong);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(stderr.contains("confidence") || stderr.contains("flows"), "{stderr}");
    }
}

#[test]
fn traceroute_s_letters_go_to_tm_probe() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::new("chain");
    let letters = ["-T", "-4", "-p", "443", "-q", "1", "-m", "9", "-f", "2", "-w", "1"];
    let printed = |command: &str, more: &[&str]| {
        let args = [&[command][..], &letters, &["-n", V4], more].concat();
        let mut command = lab.command(&tool("tracemap").display().to_string(), &args);
        command.env("XDG_STATE_HOME", folder.path()).current_dir(folder.path());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let line = printed("trace", &["--print-pipeline", "--", "--classic"]);
    let wanted = "tm-probe -T -4 -p 443 -q 1 -m 9 -f 2 -w 1 --classic -- 198.51.100.9 |";
    assert!(line.starts_with(wanted) && !line.contains("tm-dns"), "{line}");
    let watched = printed("watch", &["--rounds", "1", "--interval", "0.1"]);
    assert!(watched.contains("by TCP port 443") && watched.contains("│ 6 ┆"), "{watched}");
    let both = tracemap(&lab, &["trace", "-I", "-T", V4], folder.path());
    assert_eq!(both.status.code(), Some(2), "{both:?}");
}

#[test]
fn quiet_means_that_cron_has_nothing_to_mail() {
    let folder = tempfile::tempdir().unwrap();
    let said = |more: &[&str]| {
        let args = [&["trace", "--profile", "offline", V4][..], more].concat();
        let mut command = Lab::new("chain").command(&tool("tracemap").display().to_string(), &args);
        command.env("HOME", folder.path()).env_remove("XDG_DATA_HOME").current_dir(folder.path());
        String::from_utf8(command.output().unwrap().stderr).unwrap()
    };
    assert!(said(&[]).contains("no database"), "{}", said(&[]));
    assert_eq!(said(&["--quiet"]), "");
}

#[test]
fn the_doctor_tells_what_may_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let report = |lab: &Lab| {
        let output = tracemap(lab, &["doctor", "--offline"], folder.path());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let root = report(&Lab::new("chain"));
    assert_eq!(root.matches("raw sockets\n").count(), 6, "{root}");
    let user = report(&Lab::new("chain").unprivileged());
    assert!(
        user.contains("ok UDP IPv4   error queues") && user.contains("ok ICMP IPv6  ping sockets"),
        "{user}"
    );
    assert!(user.contains("setcap"), "{user}");
    let without = report(&Lab::new("chain").without_ping());
    assert!(without.contains("no ICMP IPv4") && without.contains("ping_group_range"), "{without}");
}

#[test]
fn an_interrupted_pipeline_shows_what_it_found() {
    let folder = tempfile::tempdir().unwrap();
    let tools = tool("tracemap").parent().unwrap().display().to_string();
    // A pipeline in a session of its own, so that the signal goes to all of it, as a terminal's does.
    let script = format!(
        "PATH={tools}:$PATH; set -m; (tm-probe --interval 0.05 {V4} | tm-render; echo ${{PIPESTATUS[*]}}) & \
         sleep 0.6; kill -INT -- -$!; wait $!"
    );
    let output = Lab::new("chain")
        .command("bash", &["-c", &script])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("│ 6 ┆ 198.51.100.9") && text.contains("rounds"), "{text} {output:?}");
}

/// A program in `folder` that a shell runs.
fn script(folder: &std::path::Path, name: &str, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/bash\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

/// Traces with a filter of the user's own; what was kept, and what was said.
fn trace_with(filter: &str) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let filter = script(folder.path(), "my filter", filter);
    let with = format!("'{filter}'");
    let output = tracemap(&Lab::new("chain"), &["trace", "--with", &with, V4], folder.path());
    let kept = std::fs::read_to_string(folder.path().join(".tracemap/trace.ndjson"));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), kept.unwrap_or_default(), stderr)
}

/// The hops that were kept, in order.
fn hops(kept: &str) -> Vec<u64> {
    let records = kept.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    records.filter_map(|record| record.get("hop")?.as_u64()).collect()
}

#[test]
fn a_filter_of_ones_own_takes_part() {
    let (code, kept, stderr) = trace_with(r#"sed -u 's/^{"type":"hop",/&"site":"lab",/'"#);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_eq!(kept.matches(r#""site":"lab""#).count(), 6, "{kept}");
}

#[test]
fn records_go_on_without_a_filter_that_fails() {
    for (filter, code) in [
        ("exit 3", 3),
        ("head -n 2; exit 9", 9),
        ("cat > /dev/null; exit 4", 4),
        ("read -r line; echo \"$line\"; kill -SEGV $$", 139),
    ] {
        let (exit, kept, stderr) = trace_with(filter);
        assert_eq!((exit, hops(&kept)), (Some(2), vec![1, 2, 3, 4, 5, 6]), "{filter}: {kept}");
        assert_eq!(kept.lines().count(), 7, "{filter}: nothing twice: {kept}");
        let told = format!("my filter failed with exit code {code}; going on without it");
        assert_eq!(stderr.matches("failed").count(), 1, "{filter}: {stderr}");
        assert!(stderr.contains(&told), "{filter}: {stderr}");
    }
}

#[test]
fn a_filter_that_did_all_but_not_well_is_not_passed_by() {
    let (exit, kept, stderr) = trace_with("cat; exit 2");
    assert_eq!((exit, hops(&kept)), (Some(2), vec![1, 2, 3, 4, 5, 6]), "{kept}");
    assert!(stderr.ends_with("my filter failed with exit code 2\n"), "{stderr}");
}

#[test]
fn a_filter_may_leave_records_out_and_end_when_it_likes() {
    let (code, kept, stderr) = trace_with("grep -v '\"hop\":3'");
    assert_eq!((code, hops(&kept), stderr.as_str()), (Some(0), vec![1, 2, 4, 5, 6], ""));
    let (code, kept, _) = trace_with("head -n 2");
    assert_eq!((code, hops(&kept)), (Some(0), vec![1, 2]), "{kept}");
}

#[test]
fn redaction_is_the_last_filter_and_never_passed_by() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["trace", "--profile", "private", "--with", "cat", "--print-pipeline", V4];
    let line =
        String::from_utf8(tracemap(&Lab::new("chain"), &args, folder.path()).stdout).unwrap();
    assert!(line.contains("| cat | tm-redact | tee"), "{line}");
    let key = folder.path().join("config/tracemap");
    std::fs::create_dir_all(&key).unwrap();
    std::fs::write(key.join("config.toml"), "[tm-redact]\nkey = \"/proc/no/key\"\n").unwrap();
    let program = tool("tracemap").display().to_string();
    let output = Lab::new("chain")
        .command(&program, &["trace", "--profile", "private", V4])
        .env("XDG_CONFIG_HOME", folder.path().join("config"))
        .current_dir(folder.path())
        .output()
        .unwrap();
    let kept = std::fs::read_to_string(folder.path().join(".tracemap/trace.ndjson")).unwrap();
    assert_eq!((output.status.code(), kept.as_str()), (Some(2), ""), "{output:?}");
}

#[test]
fn what_is_no_command_is_told_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    for with in ["no-such-filter", "", "'"] {
        let output = tracemap(&Lab::new("chain"), &["trace", "--with", with, V4], folder.path());
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.starts_with("tracemap: --with") && stderr.lines().count() == 1, "{stderr}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn any_tool_is_run_by_its_short_name() {
    let folder = tempfile::tempdir().unwrap();
    script(folder.path(), "tracemap-hello", "echo \"hello $*\"; exit 7");
    let run = |args: &[&str]| {
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
        let mut command = std::process::Command::new(tool("tracemap"));
        command.env("PATH", path).args(args).output().unwrap()
    };
    let own = run(&["hello", "--of", "you"]);
    assert_eq!(own.status.code(), Some(7));
    assert_eq!(own.stdout, b"hello --of you\n");
    assert!(run(&["probe", "--version"]).stdout.starts_with(b"tm-probe "));
    for name in ["no-such", "../hello", "hel\x1b[31mlo"] {
        let unknown = run(&[name]);
        let stderr = String::from_utf8_lossy(&unknown.stderr).into_owned();
        assert_eq!(unknown.status.code(), Some(2));
        assert!(stderr.contains("is no command") && !stderr.contains('\x1b'), "{stderr}");
    }
    for host in ["192.0.2.1", "www.example.com", "2001:db8::1"] {
        let stderr = String::from_utf8_lossy(&run(&[host]).stderr).into_owned();
        assert!(stderr.contains(&format!("to trace it: tracemap trace {host}\n")), "{stderr}");
    }
}

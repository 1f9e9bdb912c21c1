//! Damaged records, states, settings and hosts, given to the tools as a user does. Whatever they
//! are given, they end by themselves, with an exit code of theirs, and panic nowhere.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use proptest::prelude::*;
use tm_tests::tool;

/// Lines as the tools write them, whole streams of them.
fn streams() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let mut all = vec![read("trace.ndjson"), read("monday.ndjson"), read("tuesday.ndjson")];
    let watched =
        tool_on("tm-watch", &[], &[read("monday.ndjson"), read("tuesday.ndjson")].concat());
    all.push(watched.stdout);
    all
}

fn command(name: &str, args: &[&str]) -> Command {
    prepared(Command::new(tool(name)), args)
}

fn prepared(mut command: Command, args: &[&str]) -> Command {
    command.args(args).env("XDG_CONFIG_HOME", "/nonexistent").env("XDG_DATA_HOME", "/nonexistent");
    command.env("XDG_CACHE_HOME", "/nonexistent").env("XDG_STATE_HOME", "/nonexistent");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(mut command: Command, input: &[u8]) -> Output {
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn tool_on(name: &str, args: &[&str], input: &[u8]) -> Output {
    run(command(name, args), input)
}

/// It ended as a tool ends.
fn is_sound(name: &str, args: &[&str], output: &Output) -> Result<(), TestCaseError> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let is_own = matches!(output.status.code(), Some(0..=2));
    prop_assert!(
        is_own && !stderr.contains("panicked"),
        "{name} {args:?}: {:?} {stderr}",
        output.status
    );
    let harmful = |byte: &u8| *byte < 0x20 && *byte != b'\n' && *byte != b'\t';
    prop_assert!(!output.stderr.iter().any(harmful), "{name} {args:?}: {stderr:?}");
    Ok(())
}

/// A tool, and its flags, one set of them a run.
fn all_sound(
    name: &str,
    sets: &[&[&str]],
    which: usize,
    input: &[u8],
) -> Result<(), TestCaseError> {
    let args = sets[which % sets.len()];
    is_sound(name, args, &tool_on(name, args, input))
}

const RENDER: [&[&str]; 5] = [&[], &["--stats"], &["--map"], &["--wide"], &["--format", "json"]];
const EXPORT: [&[&str]; 12] = [
    &["--format", "html"],
    &["--format", "svg"],
    &["--format", "md"],
    &["--format", "json"],
    &["--format", "csv"],
    &["--format", "geojson"],
    &["--format", "dot"],
    &["--format", "prometheus"],
    &["--format", "influx"],
    &["--format", "parquet"],
    &["--format", "mtr-json"],
    &["--format", "ndjson"],
];
const FILTERS: [(&str, &[&str]); 5] = [
    ("tm-asn", &["--offline", "--no-cache"]),
    ("tm-geo", &["--offline", "--no-cache", "--origin", "59.91,10.75"]),
    ("tm-geo", &["--providers", "mock", "--no-cache"]),
    ("tm-redact", &["--one-time"]),
    ("tm-watch", &[]),
];

proptest! {
    #![proptest_config(tm_mutate::cases(24))]

    #[test]
    fn damaged_records_panic_no_rendering(input in tm_mutate::octets(streams()), which: usize) {
        all_sound("tm-render", &RENDER, which, &input)?;
    }

    #[test]
    fn damaged_records_panic_no_export(input in tm_mutate::octets(streams()), which: usize) {
        all_sound("tm-export", &EXPORT, which, &input)?;
    }

    #[test]
    fn damaged_records_panic_no_filter(input in tm_mutate::octets(streams()), which: usize) {
        let (name, args) = FILTERS[which % FILTERS.len()];
        is_sound(name, args, &tool_on(name, args, &input))?;
    }

    #[test]
    fn damaged_records_panic_no_comparison(input in tm_mutate::octets(streams()), which: usize) {
        let other = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/monday.ndjson");
        let sets: [&[&str]; 3] =
            [&[other, "-"], &["-", other, "--format", "markdown"], &["-", other, "--format", "ndjson"]];
        all_sound("tm-diff", &sets, which, &input)?;
    }

    #[test]
    fn damaged_states_panic_no_watch(state in tm_mutate::octets(states()), which: usize) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state");
        std::fs::write(&file, &state).unwrap();
        let streams = streams_of_samples();
        let path = file.display().to_string();
        let args = ["--state", &path];
        is_sound("tm-watch", &args, &tool_on("tm-watch", &args, &streams[which % streams.len()]))?;
    }

    #[test]
    fn damaged_settings_panic_no_tool(text in tm_mutate::octets(vec![
        b"[tm-render]\nwidth = 80\ncolumns = ['hop', 'ip']\n[tm-geo]\noffline = true\n".to_vec()
    ])) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("tracemap")).unwrap();
        std::fs::write(folder.path().join("tracemap/config.toml"), &text).unwrap();
        let mut render = command("tm-render", &[]);
        render.env("XDG_CONFIG_HOME", folder.path());
        is_sound("tm-render", &[], &run(render, b""))?;
    }

    #[test]
    fn damaged_lists_of_hosts_panic_no_probe(text in tm_mutate::octets(vec![
        b"# hosts\n127.0.0.1\n::1\nfe80::1%lo\n".to_vec(),
        b"192.0.2.0/30\n2001:db8::/126\n198.51.100.9\n".to_vec(),
    ]), bulk_wanted: bool) {
        // In a network of its own, where nothing can be sent: the addresses may be anybody's.
        let probe = tool("tm-probe").display().to_string();
        let args = ["-rn", &probe, "--offline", "-q", "1", "-m", "1", "-w", "0.01"];
        let bulk = ["-rn", &probe, "--bulk", "-m", "1", "-w", "0.01"];
        let args = if bulk_wanted { &bulk[..] } else { &args[..] };
        is_sound("tm-probe", args, &run(prepared(Command::new("unshare"), args), &text))?;
    }
}

fn streams_of_samples() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    ["monday.ndjson", "tuesday.ndjson"].map(|name| std::fs::read(folder.join(name)).unwrap()).into()
}

/// What tm-watch keeps of the samples.
fn states() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state");
    let path = file.display().to_string();
    let input = streams_of_samples().concat();
    tool_on("tm-watch", &["--state", &path], &input);
    vec![std::fs::read(&file).unwrap()]
}

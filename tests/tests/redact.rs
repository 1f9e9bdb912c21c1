//! tm-redact as a user meets it: the key, what is dropped, what the other tools make of the rest.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tm_tests::dns::{self, DnsServer};
use tm_tests::hop_line::{filter, filter_command, hop, lines, records};
use tm_tests::http::{HttpServer, ip_api_item, ipapi_item};
use tm_tests::{Lab, tool};

const KEY: &str = ".local/state/tracemap/redact.key";

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn fails_with(output: &Output, words: &str) {
    let stderr = text(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]), "{stderr}");
    assert!(stderr.contains(words) && stderr.lines().count() == 1, "{stderr}");
}

#[test]
fn the_key_is_made_once_kept_secret_and_used_again() {
    let home = tempfile::tempdir().unwrap();
    let input = lines(&[hop(1, "9.0.0.1", 1.0)]);
    let first = filter("tm-redact", &[], home.path(), &input);
    assert!(text(&first.stderr).contains("made the key"), "{first:?}");
    let key = home.path().join(KEY);
    assert_eq!((mode(&key), mode(key.parent().unwrap())), (0o600, 0o700));
    let second = filter("tm-redact", &[], home.path(), &input);
    assert_eq!((&first.stdout, text(&second.stderr).as_str()), (&second.stdout, ""));
    let by_file = ["--key-file", key.to_str().unwrap()];
    assert_eq!(filter("tm-redact", &by_file, home.path(), &input).stdout, first.stdout);
    let elsewhere = tempfile::tempdir().unwrap();
    let other = filter("tm-redact", &[], elsewhere.path(), &input);
    assert_ne!(records(&other)[0]["ip"], records(&first)[0]["ip"]);
}

#[test]
fn a_one_time_key_leaves_no_trace() {
    let home = tempfile::tempdir().unwrap();
    let input = lines(&[hop(1, "9.0.0.1", 1.0), hop(2, "9.0.0.1", 1.0)]);
    let run = || records(&filter("tm-redact", &["--one-time"], home.path(), &input));
    let (one, other) = (run(), run());
    assert_eq!(one[0]["ip"], one[1]["ip"]);
    assert_ne!(one[0]["ip"], other[0]["ip"]);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_key_that_others_could_know_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let input = lines(&[hop(1, "9.0.0.1", 1.0)]);
    let key = home.path().join(KEY);
    fs::create_dir_all(key.parent().unwrap()).unwrap();
    let own = home.path().join("planted");
    fs::write(&own, "0f".repeat(32)).unwrap();
    fs::set_permissions(&own, fs::Permissions::from_mode(0o600)).unwrap();
    symlink(&own, &key).unwrap();
    fails_with(&filter("tm-redact", &[], home.path(), &input), "symbolic link");
    fs::remove_file(&key).unwrap();
    fs::write(&key, "0f".repeat(32)).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    fails_with(&filter("tm-redact", &[], home.path(), &input), "mode 640");
    let by_file = ["--key-file", key.to_str().unwrap()];
    fails_with(&filter("tm-redact", &by_file, home.path(), &input), "chmod 600");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, "short").unwrap();
    fails_with(&filter("tm-redact", &[], home.path(), &input), "64 hex digits");
    fails_with(&filter("tm-redact", &[], Path::new("/proc/none"), &input), "cannot make the key");
    let mut homeless = filter_command("tm-redact", &[], home.path());
    homeless.env_remove("HOME").stdin(Stdio::null());
    fails_with(&homeless.output().unwrap(), "--one-time");
}

#[test]
fn what_is_no_record_is_dropped_named_and_counted() {
    let home = tempfile::tempdir().unwrap();
    let good = hop(1, "9.0.0.1", 1.0).to_string();
    let input =
        format!("{good}\n\nsecret 9.0.0.1\n{{\"type\":\"hop\",\"ip\":\"9.0.0.1\"}}\n[1]\n{good}");
    let output = filter("tm-redact", &["--one-time"], home.path(), &input);
    assert_eq!(records(&output).len(), 2);
    let stderr = text(&output.stderr);
    assert!(stderr.contains("stdin:3: ") && stderr.contains("stdin:4: missing field"), "{stderr}");
    assert!(stderr.contains("dropped records of types"), "{stderr}");
    assert!(stderr.ends_with("dropped lines that are no records: 2\n"), "{stderr}");
    let strict = filter("tm-redact", &["--one-time", "--strict"], home.path(), &input);
    assert_eq!((strict.status.code(), text(&strict.stdout).lines().count()), (Some(2), 1));
}

#[test]
fn what_it_does_not_know_is_dropped_unless_the_user_knows_it() {
    let home = tempfile::tempdir().unwrap();
    let mut with = hop(1, "9.0.0.1", 1.0);
    with["site"] = json!({"rack": 7});
    with["contact"] = "alice".into();
    let input =
        lines(&[with]) + "{\"type\":\"note\",  \"text\":\"kept as it is\"}\n{\"type\":\"x\"}\n";
    let output = filter("tm-redact", &["--one-time"], home.path(), &input);
    assert_eq!(records(&output).len(), 1);
    assert!(records(&output)[0].get("site").is_none());
    assert_eq!(
        text(&output.stderr),
        "tm-redact: dropped records of types that it does not know: note 1, x 1; --keep-type keeps them\n\
         tm-redact: dropped members that it does not know: contact 1, site 1; --keep keeps them\n"
    );
    let args = ["--one-time", "--keep", "site", "--keep-type", "note"];
    let output = filter("tm-redact", &args, home.path(), &input);
    assert_eq!(records(&output)[0]["site"], json!({"rack": 7}));
    assert!(text(&output.stdout).contains("{\"type\":\"note\",  \"text\":\"kept as it is\"}\n"));
    assert!(!text(&output.stdout).contains("alice"));
    for known in [["--keep", "dns"], ["--keep-type", "hop"]] {
        let output = filter("tm-redact", &known, home.path(), &input);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
}

#[test]
fn a_redacted_trace_shows_the_same_path_and_nobody() {
    let home = tempfile::tempdir().unwrap();
    let traced = Lab::new("public").command(tool("tm-probe").to_str().unwrap(), &["9.9.9.9"]);
    let traced = { traced }.output().unwrap();
    let clear = text(&traced.stdout);
    let output = filter("tm-redact", &["--quiet"], home.path(), &clear);
    let redacted = text(&output.stdout);
    for secret in [
        "9.9.9.9",
        "62.10.20.30",
        "4.68.110.5",
        "4.68.62.77",
        "192.168.1.1",
        "10.0.0.2",
        "ge-0/0/1",
        "24015",
    ] {
        assert!(clear.contains(secret), "{secret} is no secret");
        assert!(!redacted.contains(secret), "{secret} in {redacted}");
    }
    let all = records(&output);
    let (trace, hops) = all.split_last().unwrap();
    let last = hops.last().unwrap();
    assert_eq!((&last["is_destination"], &last["ip"]), (&json!(true), &trace["resolved_ip"]));
    assert!(hops.iter().all(|hop| hop["trace_id"] == trace["trace_id"]));
    assert_eq!((&trace["host"], &trace["reached"]), (&trace["resolved_ip"], &json!(true)));
    // The two routers of one network are still neighbours, and the private ones still private.
    let octets =
        |hop: &Value| hop["ip"].as_str().unwrap().split('.').map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(octets(&hops[2])[..2], octets(&hops[3])[..2]);
    assert_eq!(octets(&hops[0])[..2], ["192", "168"]);
    let table = |input: &str| {
        let shown = filter("tm-render", &["--columns", "hop,avg,loss"], home.path(), input);
        assert!(shown.stderr.is_empty(), "{shown:?}");
        let shown = text(&shown.stdout);
        shown
            .lines()
            .filter(|line| line.starts_with(['│', '┌', '╞']))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(table(&redacted), table(&clear));
}

#[test]
fn a_record_leaves_before_the_next_one_comes() {
    let home = tempfile::tempdir().unwrap();
    let mut child = filter_command("tm-redact", &["--one-time"], home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    for ttl in 1..4 {
        stdin.write_all(lines(&[hop(ttl, "9.0.0.1", 1.0)]).as_bytes()).unwrap();
        let record: Value = serde_json::from_str(&out.next().unwrap().unwrap()).unwrap();
        assert_eq!(record["hop"], ttl);
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

/// `tool`, and the `source` of `asn` and `geo`, of each record that has one.
fn sources(records: &[Value]) -> Vec<[Value; 3]> {
    let of = |record: &Value| {
        ["/tool", "/asn/source", "/geo/source"]
            .map(|at| record.pointer(at).cloned().unwrap_or_default())
    };
    records.iter().map(of).collect()
}

/// Every program and public service that our tools name as a source is still named afterwards.
#[test]
fn every_source_that_the_tools_write_is_known_to_it() {
    let home = tempfile::tempdir().unwrap();
    let redacted = |input: &str| records(&filter("tm-redact", &["--one-time"], home.path(), input));
    let mut seen = std::collections::BTreeSet::new();
    let mut check = |input: &str, what: &str| {
        let input = input.lines().filter(|line| !line.is_empty());
        let before: Vec<Value> = input.map(|line| serde_json::from_str(line).unwrap()).collect();
        let (before, after) = (sources(&before), sources(&redacted(&lines(&before))));
        for (before, after) in before.iter().flatten().zip(after.iter().flatten()) {
            // The whole member goes where the name of the AS gives the host away.
            assert!(after == before || after.is_null(), "{what}: {before} became {after}");
            seen.extend(after.as_str().map(str::to_owned));
        }
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/import");
    for file in fs::read_dir(root).unwrap() {
        let path = file.unwrap().path();
        if path.file_name().is_some_and(|name| name != "README.md") {
            let mut import = filter_command("tm-import", &[path.to_str().unwrap()], home.path());
            let output = import.stdin(Stdio::null()).output().unwrap();
            check(&text(&output.stdout), path.to_str().unwrap());
        }
    }
    let hops = |names: &[(&str, &str)]| {
        let one = |(ttl, &(ip, name)): (u8, &(&str, &str))| {
            let mut hop = hop(ttl, ip, 1.0);
            if !name.is_empty() {
                hop["dns"] = json!({"hostname": name, "names": [name], "source": "system"});
            }
            hop
        };
        lines(&(1..).zip(names).map(one).collect::<Vec<_>>())
    };
    let (some, none) = (("Berlin", "Germany", "DE", 52.52, 13.4), None);
    let ip_api = HttpServer::start(move |asked| {
        let place = |ip: &str| ip_api_item(ip, if ip == "9.0.0.1" { Some(some) } else { none });
        let batch: Result<Vec<String>, _> = serde_json::from_str(&asked.body);
        let single =
            asked.target.trim_start_matches("/json/").split('?').next().unwrap_or_default();
        tm_tests::http::Say::json(&match batch {
            Ok(ips) => ips.iter().map(|ip| place(ip)).collect(),
            Err(_) => place(single),
        })
    });
    let other = HttpServer::start(move |asked| {
        let ip = asked.target.trim_start_matches('/').split('/').next().unwrap_or_default();
        tm_tests::http::Say::json(&ipapi_item(ip, Some(some)))
    });
    let (first, second) = (ip_api.url(), other.url());
    let asked = hops(&[("9.0.0.1", ""), ("9.0.0.2", ""), ("1.1.1.1", "")]);
    let args = ["--ip-api-url", &first, "--ipapi-url", &second];
    check(&text(&filter("tm-geo", &args, home.path(), &asked).stdout), "tm-geo, providers");
    let named = hops(&[("9.0.0.3", "be3084.ccr42.lax01.atlas.cogentco.com"), ("9.0.0.4", "")]);
    let args = ["--no-api", "--providers", "mock"];
    check(&text(&filter("tm-geo", &args, home.path(), &named).stdout), "tm-geo, names");
    let dns = DnsServer::start(|name, _| match name {
        "1.0.0.9.origin.asn.cymru.com" => dns::Say::txt(&["7 | 9.0.0.0/8 | US | arin | "]),
        "1.0.1.9.origin.asn.cymru.com" => dns::Say::txt(&["8 | 9.1.0.0/16 | US | arin | "]),
        _ => dns::Say::no_such_name(),
    });
    let resolver = dns.address.to_string();
    let args = ["--source", "cymru", "--resolver", &resolver];
    let asked = hops(&[("9.0.0.1", ""), ("9.1.0.1", "")]);
    check(&text(&filter("tm-asn", &args, home.path(), &asked).stdout), "tm-asn");
    for source in [
        "asn.cymru.com",
        "ip-api.com",
        "ipapi.co",
        "name",
        "anycast",
        "mock",
        "mtr",
        "globalping/mtr",
    ] {
        assert!(seen.contains(source), "{source}: {seen:?}");
    }
}

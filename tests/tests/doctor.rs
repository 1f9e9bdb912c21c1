//! `tracemap doctor` and the `--check` of the tools that it asks, against real local servers.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tm_tests::dns::{DnsServer, Say as DnsSay};
use tm_tests::http::{HttpServer, Say, ip_api_item, ipapi_item};
use tm_tests::{mmdb, tool};

/// Servers that know of nobody, and a home with nothing in it.
struct World {
    home: tempfile::TempDir,
    dns: DnsServer,
    first: HttpServer,
    second: HttpServer,
}

impl World {
    fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            dns: DnsServer::start(|_, _| DnsSay::no_such_name()),
            first: HttpServer::start(|_| Say::json(&ip_api_item("192.0.2.1", None))),
            second: HttpServer::start(|_| Say::json(&ipapi_item("192.0.2.1", None))),
        }
    }

    fn command(&self, name: &str, args: &[&str]) -> Command {
        let mut command = Command::new(tool(name));
        for folder in ["CONFIG", "DATA", "CACHE", "STATE"] {
            command.env(format!("XDG_{folder}_HOME"), self.home.path());
        }
        let server = self.dns.address.to_string();
        command.env("TRACEMAP_DNS_RESOLVER", &server).env("TRACEMAP_ASN_RESOLVER", &server);
        command.env("TRACEMAP_DNS_TIMEOUT", "1").env("TRACEMAP_ASN_TIMEOUT", "1");
        command.env("TRACEMAP_GEO_IP_API_URL", self.first.url());
        command.env("TRACEMAP_GEO_IPAPI_URL", self.second.url());
        command.args(args);
        command
    }

    /// The sections of a report, as JSON.
    fn report(&self) -> Value {
        let output = self.command("tracemap", &["doctor", "--format", "json"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["sections"].take()
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::create_dir_all(self.home.path().join("tracemap")).unwrap();
        fs::write(self.home.path().join("tracemap").join(name), bytes).unwrap();
    }
}

fn states(section: &Value) -> Vec<(&str, &str)> {
    let each = section.as_array().unwrap().iter();
    each.map(|one| (one["subject"].as_str().unwrap(), one["state"].as_str().unwrap())).collect()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn what_answers_is_told_from_what_does_not() {
    let world = World::new();
    let well = world.report();
    assert!(states(&well["names"]).iter().all(|(_, state)| *state == "ok"), "{well}");
    let service = ("service asn.cymru.com", "ok");
    assert_eq!(states(&well["origin ases"]), [("AS database", "warning"), service]);
    let (first, second) = (world.first.url(), world.second.url());
    let first = format!("provider {first}");
    let second = format!("provider {second}");
    let providers = [("place database", "warning"), (&first, "ok"), (&second, "ok")];
    assert_eq!(states(&well["places"]), providers);
    let asked = world.first.asked().len() + world.second.asked().len();
    assert_eq!(asked, 2, "each provider is asked once");
    assert!(world.first.asked()[0].target.contains("192.0.2.1"), "about nobody");
    assert!(world.dns.asked().iter().all(|name| name.contains("2.0.192")), "about nobody");

    let dead = UdpSocket::bind("127.0.0.1:0").unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = world
        .command("tracemap", &["doctor"])
        .env("TRACEMAP_DNS_RESOLVER", dead.local_addr().unwrap().to_string())
        .env("TRACEMAP_GEO_IP_API_URL", format!("http://{closed}"))
        .output()
        .unwrap();
    let said = text(&output);
    assert!(output.status.success(), "a trace needs neither: {said}");
    assert!(said.contains(&format!("no DNS server {}", dead.local_addr().unwrap())), "{said}");
    assert!(said.contains("does not answer: timeout"), "{said}");
    assert!(said.contains(&format!("no provider http://{closed}")), "{said}");
    assert!(said.contains("→ use a database") && said.ends_with("Ready to trace.\n"), "{said}");
}

#[test]
fn offline_nobody_is_asked() {
    let world = World::new();
    let output = world.command("tracemap", &["doctor", "--offline"]).output().unwrap();
    assert!(output.status.success() && text(&output).contains("not asked"), "{output:?}");
    assert!(world.dns.asked().is_empty());
    assert!(world.first.asked().is_empty() && world.second.asked().is_empty());
}

#[test]
fn databases_are_read_and_their_age_is_told() {
    let world = World::new();
    world.put("damaged-city.mmdb", b"no database at all");
    world.put("asn.tsv", b"9.0.0.0\t9.0.255.255\t64500\tZZ\tEXAMPLE\n");
    let folder = world.home.path().join("tracemap");
    let place = json!({"city": {"names": {"en": "Oslo"}}});
    mmdb::write(&folder, "places-city.mmdb", "Example-City", &[("9.0.0.0/8", place)]);
    let report = world.report();
    let places = report["places"].as_array().unwrap();
    let of = |name: &str| {
        let named = |one: &&Value| one["subject"].as_str().unwrap().ends_with(name);
        places.iter().find(named).unwrap()
    };
    assert_eq!(of("damaged-city.mmdb")["state"], "bad");
    assert_eq!(of("damaged-city.mmdb")["remedy"], "replace it, or remove it");
    let sound = of("places-city.mmdb");
    let detail = sound["detail"].as_str().unwrap();
    assert!(detail.starts_with("Example-City, built ") && detail.ends_with("days ago"), "{detail}");
    let table = &report["origin ases"][0];
    assert_eq!(table["state"], "warning");
    assert!(table["remedy"].as_str().unwrap().starts_with("tm-asn build -o asn.mmdb "), "{table}");
}

#[test]
fn a_tool_that_does_not_understand_its_settings_is_no_tool() {
    let world = World::new();
    world.put("config.toml", b"[tm-render]\nspeed = \"high\"\n");
    let output = world.command("tracemap", &["doctor"]).output().unwrap();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("there is no flag --speed"), "{said}");
    assert!(said.contains("`tm-render --help`") && said.contains("Not ready to trace"), "{said}");
}

#[test]
fn the_caches_quotas_are_told() {
    let world = World::new();
    let hop = tm_tests::hop_line::hop(1, "9.0.0.1", 1.0).to_string() + "\n";
    world.put("one.ndjson", hop.as_bytes());
    let file = world.home.path().join("tracemap/one.ndjson").display().to_string();
    assert!(world.command("tm-geo", &[&file]).output().unwrap().status.success());
    let report = world.report();
    let quotas = states(&report["cache"]);
    assert!(quotas.iter().any(|(name, _)| name.starts_with("quota ")), "{report}");
}

/// A folder with tracemap and what else is put there, beside the tools so that it can be linked.
fn alone(name: &str) -> PathBuf {
    let folder = tool("tracemap").parent().unwrap().join("desks").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("bin")).unwrap();
    fs::hard_link(tool("tracemap"), folder.join("bin/tracemap")).unwrap();
    folder
}

/// What a tracemap with nothing on its PATH and no home reports, but for these variables.
fn stranded(folder: &Path, variables: &[(&str, &Path)]) -> Value {
    let mut command = Command::new(folder.join("bin/tracemap"));
    command.args(["doctor", "--offline", "--format", "json"]).env_clear();
    command.env("PATH", "/nonexistent").envs(variables.iter().copied());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["ready"], false);
    report["sections"].clone()
}

#[test]
fn tools_that_are_missing_broken_or_of_another_edition_are_told_apart() {
    let folder = alone("doctor-tools");
    for (name, text) in [("tm-dns", "no program"), ("tm-asn", "#!/bin/sh\necho tm-asn 0.0.1\n")] {
        let path = folder.join("bin").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let report = stranded(&folder, &[("XDG_CONFIG_HOME", folder.as_path())]);
    let wanted = json!([
        {"subject": "tm-probe", "state": "bad", "detail": "not installed, and no trace does without it"}
    ]);
    assert_eq!(report["probing"], wanted);
    let tools = states(&report["tools"]);
    for (name, state) in [
        ("tm-probe", "bad"),
        ("tm-render", "bad"),
        ("tm-dns", "bad"),
        ("tm-asn", "warning"),
        ("tm-geo", "warning"),
    ] {
        assert!(tools.contains(&(name, state)), "{name}: {tools:?}");
    }
    let of = |name: &str| {
        let mut all = report["tools"].as_array().unwrap().iter();
        all.find(|one| one["subject"] == name).unwrap()
    };
    assert_eq!(of("tm-geo")["remedy"], "install it beside tracemap, or on PATH");
    assert!(of("tm-dns")["detail"].as_str().unwrap().contains("Exec format error"));
    assert_eq!(of("tm-asn")["remedy"], "install tools of one edition");
    assert!(of("tm-asn")["detail"].as_str().unwrap().contains("says that it is \"tm-asn 0.0.1\""));
    let geo = "not installed, so traces do without it";
    assert_eq!(report["places"], json!([{"subject": "tm-geo", "state": "warning", "detail": geo}]));
    // There is no file to mend.
    let of_dns =
        report["settings"].as_array().unwrap().iter().find(|one| one["subject"] == "tm-dns");
    assert_eq!(of_dns.unwrap().get("remedy"), None);
}

#[test]
fn without_a_home_there_is_neither_config_nor_cache() {
    let report = stranded(&alone("doctor-home"), &[]);
    let none = |subject: &str, state: &str| json!([{"subject": subject, "state": state, "detail": "no home folder, so none"}]);
    assert_eq!(report["settings"], none("config file", "ok"));
    assert_eq!(report["cache"], none("cache", "warning"));
}

#[test]
fn a_cache_that_cannot_be_opened_is_named_with_the_way_out() {
    let folder = alone("doctor-cache");
    let cache = folder.join("tracemap/cache.sqlite");
    fs::create_dir_all(&cache).unwrap();
    let report = stranded(&folder, &[("XDG_CACHE_HOME", folder.as_path())]);
    let found = &report["cache"][0];
    assert_eq!(found["state"], "bad", "{found}");
    let detail = found["detail"].as_str().unwrap();
    assert!(detail.starts_with(&format!("{}: Is a directory", cache.display())), "{found}");
    assert_eq!(found["remedy"], format!("remove {}; it is made anew", cache.display()));
    fs::remove_dir(&cache).unwrap();
    let report = stranded(&folder, &[("XDG_CACHE_HOME", folder.as_path())]);
    assert_eq!(report["cache"][0]["detail"], format!("none yet at {}", cache.display()));
}

//! `tracemap doctor` and the `--check` of the tools that it asks, against real local servers.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs;
use std::net::{TcpListener, UdpSocket};
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

//! The two providers that `tm-geo` asks, on loopback, and running it against them.

// What a test cannot prepare has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc)]

use serde_json::{Value, json};

use crate::hop_line::{filter, hop, lines, records};
use crate::http::{Asked, HttpServer, Say, ip_api_item, ipapi_item};

/// 9.9.x.x is nowhere; the rest is in Frankfurt, for one provider, and Munich for the other.
fn is_somewhere(ip: &str) -> bool {
    !ip.starts_with("9.9.")
}

fn ip_api_place(ip: &str) -> Value {
    let place = ("Frankfurt am Main", "Germany", "DE", 50.1109, 8.6821);
    ip_api_item(ip, is_somewhere(ip).then_some(place))
}

/// ip-api.com, as it documents itself.
pub fn ip_api(asked: &Asked) -> Say {
    let say = if asked.method == "POST" && asked.target.starts_with("/batch?fields=") {
        let ips: Vec<String> = serde_json::from_str(&asked.body).unwrap();
        match ips.len() {
            0..=100 => Say::json(&ips.iter().map(|ip| ip_api_place(ip)).collect()),
            _ => Say::status(422),
        }
    } else {
        let rest = asked.target.strip_prefix("/json/").unwrap();
        Say::json(&ip_api_place(rest.split('?').next().unwrap()))
    };
    say.with("X-Rl", "44").with("X-Ttl", "60")
}

/// ipapi.co, as it documents itself.
pub fn ipapi(asked: &Asked) -> Say {
    let ip = asked.target.trim_start_matches('/').split('/').next().unwrap();
    let place = ("Munich", "Germany", "DE", 48.1374, 11.5755);
    let mut item = ipapi_item(ip, is_somewhere(ip).then_some(place));
    if ip.starts_with("9.5.0.") {
        item["network"] = json!("9.5.0.0/24");
    }
    Say::json(&item)
}

/// Both, and where they are.
#[derive(Debug)]
pub struct Providers {
    /// The home of the user.
    pub home: tempfile::TempDir,
    /// ip-api.com.
    pub first: HttpServer,
    /// ipapi.co.
    pub second: HttpServer,
}

impl Providers {
    /// Starts both.
    pub fn new(
        first: impl Fn(&Asked) -> Say + Send + Sync + 'static,
        second: impl Fn(&Asked) -> Say + Send + Sync + 'static,
    ) -> Self {
        let home = tempfile::tempdir().unwrap();
        Self { home, first: HttpServer::start(first), second: HttpServer::start(second) }
    }

    /// The flags that name them.
    pub fn args(&self) -> Vec<String> {
        let pairs = [("--ip-api-url", self.first.url()), ("--ipapi-url", self.second.url())];
        pairs.into_iter().flat_map(|(flag, url)| [flag.to_owned(), url]).collect()
    }

    /// Places, and what stands on stderr.
    pub fn run(&self, args: &[&str], hops: &[Value]) -> (Vec<Value>, String) {
        self.run_at(&self.first.url(), args, hops)
    }

    /// The same, with the first provider elsewhere.
    pub fn run_at(&self, url: &str, args: &[&str], hops: &[Value]) -> (Vec<Value>, String) {
        let mut own = self.args();
        url.clone_into(&mut own[1]);
        let all: Vec<&str> = own.iter().map(String::as_str).chain(args.iter().copied()).collect();
        let output = filter("tm-geo", &all, self.home.path(), &lines(hops));
        let places = records(&output).into_iter().map(|mut record| record["geo"].take()).collect();
        (places, String::from_utf8(output.stderr).unwrap())
    }

    /// How many requests each has had.
    pub fn asked(&self) -> (usize, usize) {
        (self.first.asked().len(), self.second.asked().len())
    }
}

/// Hops one after the other, 10 ms away.
pub fn hops(ips: &[&str]) -> Vec<Value> {
    ips.iter().enumerate().map(|(n, ip)| hop(n as u8 + 1, ip, 10.0)).collect()
}

/// The city of each place.
pub fn cities(places: &[Value]) -> Vec<&str> {
    places.iter().map(|place| place["city"].as_str().unwrap_or("-")).collect()
}

//! Paths for `tm-diff`, and running it.

// What a test cannot prepare has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::hop_line::{hop, lines};
use crate::{bare, tool};

/// The destination.
pub const HOST: &str = "198.51.100.9";

/// The folder of one test and the files in it.
#[derive(Debug)]
pub struct Desk(TempDir);

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

impl Desk {
    /// The folder.
    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    /// An empty one.
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A file of records.
    pub fn file(&self, name: &str, records: &[Value]) -> PathBuf {
        self.text(name, &lines(records))
    }

    /// A file of any text.
    pub fn text(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// `tm-diff` in that folder.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = bare(tool("tm-diff"));
        command.current_dir(self.0.path()).args(args).env("HOME", self.0.path());
        command.stdin(Stdio::null());
        command
    }

    /// Runs it.
    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Standard output and the exit code, where nothing is wrong.
    pub fn diff(&self, args: &[&str]) -> (String, i32) {
        let output = self.run(args);
        assert!(output.stderr.is_empty(), "{output:?}");
        (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
    }

    /// The comparisons, as NDJSON.
    pub fn compared(&self, args: &[&str]) -> Vec<Value> {
        let (text, code) = self.diff(&[&["--format", "ndjson"], args].concat());
        let all: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let same = all.iter().all(|one| one["same"] == true);
        assert_eq!(code, i32::from(!same), "{text}");
        all
    }

    /// Compares two paths of one round each.
    pub fn paths(&self, a: &[Value], b: &[Value], args: &[&str]) -> Value {
        self.file("a", &round(1, a));
        self.file("b", &round(1, b));
        self.compared(&[&["a", "b"], args].concat()).remove(0)
    }
}

/// One answer of each of `flows` flows, around `rtt` ms.
pub fn seen(ip: &str, rtt: f64, flows: u16) -> Value {
    let probe =
        |flow| json!({"rtt_ms": rtt + f64::from(flow % 7) * 0.01, "ok": true, "flow": flow});
    let probes: Vec<Value> = (0..flows).map(probe).collect();
    let flow_ids: Vec<u16> = (0..flows).collect();
    with(
        hop(1, ip, rtt),
        &json!({
            "probes": probes, "flows": flow_ids, "sent": flows, "received": flows,
            "rtt": {"min": rtt, "avg": rtt, "median": rtt, "max": rtt, "stddev": 0.0, "jitter": 0.0},
            "is_destination": ip == HOST, "host": "example.com", "resolved_ip": HOST,
        }),
    )
}

/// A TTL where nobody answers.
pub fn silent(sent: u32) -> Value {
    with(
        hop(1, "", 0.0),
        &json!({
            "ip": null, "probes": [], "flows": [], "sent": sent, "received": 0, "loss_pct": 100.0,
            "rtt": null, "reply": null, "is_timeout": true, "resolved_ip": HOST,
        }),
    )
}

/// A record with other members.
pub fn with(mut record: Value, members: &Value) -> Value {
    let object = record.as_object_mut().unwrap();
    object.extend(members.as_object().unwrap().clone());
    record
}

/// Routers and then the destination, each met by 16 flows after `ttl` ms.
pub fn path(routers: &[&str]) -> Vec<Value> {
    let all = routers.iter().copied().chain([HOST]);
    all.zip(1..).map(|(ip, ttl)| seen(ip, f64::from(ttl), 16)).collect()
}

/// Numbers the hops and ends the trace. An array is several responders of one TTL.
pub fn round(number: u64, hops: &[Value]) -> Vec<Value> {
    let about = json!({
        "trace_id": format!("019abf00-0000-7000-8000-{number:012}"), "round": number,
        "at": format!("2026-11-24T10:{number:02}:00.000000Z"),
    });
    let mut records = Vec::new();
    for (at, ttl) in hops.iter().zip(1..) {
        let several = at.as_array().cloned().unwrap_or(vec![at.clone()]);
        records
            .extend(several.into_iter().map(|hop| with(with(hop, &about), &json!({"hop": ttl}))));
    }
    let reached = records.iter().any(|hop| hop["is_destination"] == true);
    let first = records[0].clone();
    records.push(with(
        about.clone(),
        &json!({
            "type": "trace", "v": 1, "host": first["host"], "resolved_ip": first["resolved_ip"],
            "source_ip": null, "protocol": first["protocol"], "port": first["port"], "tool": "test",
            "version": "0", "platform": "x", "max_hops": 30, "probes": 16, "timeout_s": 2.0,
            "method": "paris", "started_at": about["at"], "completed_at": about["at"],
            "reached": reached, "stop": if reached { "destination" } else { "gap_limit" },
            "error": null, "hops": hops.len(), "responded": 1, "sent": 1, "received": 1,
        }),
    ));
    records
}

/// How many hops of each kind a comparison has.
pub fn counts(comparison: &Value) -> String {
    let counts = comparison["counts"].as_object().unwrap();
    counts.iter().map(|(name, count)| format!("{name}={count}")).collect::<Vec<_>>().join(" ")
}

/// The verdict of each hop.
pub fn verdicts(comparison: &Value) -> String {
    let hops = comparison["hops"].as_array().unwrap();
    hops.iter().map(|hop| hop["verdict"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

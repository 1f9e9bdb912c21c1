//! Hop records for tests of filters, and running a filter over them.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::{bare, tool};

/// A hop record of `ip` at TTL `hop`, whose smallest RTT is `rtt` ms.
pub fn hop(hop: u8, ip: &str, rtt: f64) -> Value {
    json!({
        "type": "hop", "v": 1, "trace_id": "019abf00-1111-7222-8333-444455556666",
        "host": "example.com", "resolved_ip": "198.41.0.4", "source_ip": "192.168.1.2",
        "protocol": "udp", "port": 33434, "round": 1, "at": "2026-11-24T10:00:00.000000Z",
        "hop": hop, "ip": ip, "probes": [{"rtt_ms": rtt, "ok": true, "flow": 0}],
        "sent": 1, "received": 1, "loss_pct": 0.0,
        "rtt": {"min": rtt, "avg": rtt, "median": rtt, "max": rtt, "stddev": 0.0, "jitter": 0.0},
        "reply": {"kind": "time_exceeded", "type": 11, "code": 0, "ttl": 60},
        "flows": [0], "is_destination": false, "is_private": false, "is_timeout": false
    })
}

/// Runs a filter with a home of its own, as a user would.
///
/// # Panics
/// Where it cannot be started.
#[allow(clippy::expect_used)]
pub fn filter(name: &str, args: &[&str], home: &Path, input: &str) -> Output {
    let mut child = filter_command(name, args, home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the filter starts");
    let mut stdin = child.stdin.take().expect("its input is a pipe");
    let text = input.to_owned();
    let writer = std::thread::spawn(move || drop(stdin.write_all(text.as_bytes())));
    let output = child.wait_with_output().expect("it ends");
    let _ = writer.join();
    output
}

/// The command that [`filter`] runs.
pub fn filter_command(name: &str, args: &[&str], home: &Path) -> Command {
    let mut command = bare(tool(name));
    command.args(args).env("HOME", home).env("PATH", "/usr/bin:/bin");
    command
}

/// The records that a filter wrote.
///
/// # Panics
/// Where it failed, or wrote what is no record.
pub fn records(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{output:?}");
    records_of(output)
}

/// The records that a filter wrote, however it ended.
///
/// # Panics
/// Where it wrote what is no record.
#[allow(clippy::expect_used)]
pub fn records_of(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// Lines of records.
pub fn lines(records: &[Value]) -> String {
    records.iter().fold(String::new(), |text, record| text + &record.to_string() + "\n")
}

/// A record of each address, one hop after the other.
pub fn hops(ips: &[&str]) -> String {
    let all: Vec<_> = ips.iter().zip(1..).map(|(ip, ttl)| hop(ttl, ip, 1.0)).collect();
    lines(&all)
}

/// One member of each record that a filter wrote; null where it has none.
pub fn members(output: &Output, name: &str) -> Vec<Value> {
    records(output).iter().map(|record| record.get(name).cloned().unwrap_or_default()).collect()
}

/// A filter that is fed one record after the other, as a live trace feeds it.
#[derive(Debug)]
pub struct Live {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

#[allow(clippy::expect_used)] // a test that cannot feed it has failed
impl Live {
    /// Starts a filter.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start(name: &str, args: &[&str], home: &Path) -> Self {
        let mut command = filter_command(name, args, home);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = piped.spawn().expect("the filter starts");
        let stdin = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().expect("its output is a pipe")).lines();
        Self { child, stdin, lines }
    }

    /// Hands in a record, waits for it, and says what `member` it has got.
    ///
    /// # Panics
    /// Where it has ended.
    pub fn member(&mut self, record: &Value, member: &str) -> Value {
        let stdin = self.stdin.as_mut().expect("it is open");
        stdin.write_all(lines(std::slice::from_ref(record)).as_bytes()).expect("it reads");
        let line = self.lines.next().and_then(Result::ok).expect("it writes");
        let mut record: Value = serde_json::from_str(&line).expect("a line is JSON");
        record.get_mut(member).map(Value::take).unwrap_or_default()
    }
}

impl Live {
    /// Hands in a record again and again until `member` has a text at `field`; `false`: it never
    /// has.
    pub fn comes_to_show(&mut self, record: &Value, member: &str, field: &str) -> bool {
        (0..150).any(|_| {
            std::thread::sleep(Duration::from_millis(200));
            self.member(record, member).get(field).is_some_and(Value::is_string)
        })
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

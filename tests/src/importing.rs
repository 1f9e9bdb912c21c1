//! `tm-import`, as a command, on the samples of what other programs write.

// A test that cannot run it has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tm_schema::Trace;

use crate::{Traced, tool};

/// The path that most samples begin with.
pub const TOUR: &str = "1 192.168.1.1, 2 100.64.0.1, 3 *, 4 203.0.113.17";

/// The folder of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A sample of what another program wrote, below the folder of the workspace.
pub fn sample(name: &str) -> String {
    format!("tests/fixtures/import/{name}")
}

/// What stands in a sample.
pub fn text_of(name: &str) -> Vec<u8> {
    std::fs::read(root().join(sample(name))).unwrap()
}

/// `tm-import`, in the folder of the workspace.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(tool("tm-import"));
    command.args(args).current_dir(root()).env("XDG_CONFIG_HOME", "/nonexistent");
    command
}

/// Imports files.
pub fn import(args: &[&str]) -> Traced {
    Traced::from(&command(args).stdin(Stdio::null()).output().unwrap())
}

/// Imports what stands on stdin.
pub fn piped(args: &[&str], input: &[u8]) -> Output {
    let mut command = command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join();
    output
}

/// The same, read.
pub fn of_pipe(args: &[&str], input: &[u8]) -> Traced {
    Traced::from(&piped(args, input))
}

/// The hops of one trace, `TTL responder`.
pub fn path(traced: &Traced, trace: &Trace) -> Vec<String> {
    let of_trace = traced.hops.iter().filter(|hop| hop.trace_id == trace.trace_id);
    of_trace.map(|hop| format!("{} {}", hop.hop, hop.ip.as_deref().unwrap_or("*"))).collect()
}

/// The hops of the first trace.
pub fn first_path(traced: &Traced) -> String {
    path(traced, &traced.traces[0]).join(", ")
}

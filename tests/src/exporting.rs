//! `tm-export`, and the programs that read what it wrote, as commands.

// A test that cannot run them has failed.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::hop_line::lines;
use crate::tool;

/// Runs `tm-export` on records.
///
/// # Panics
/// Where it fails.
pub fn run(args: &[&str], input: &str) -> Output {
    pipe(Command::new(tool("tm-export")).args(args), input)
}

/// Gives a command its input and waits for what it says.
///
/// # Panics
/// Where it fails.
pub fn pipe(command: &mut Command, input: &str) -> Output {
    let mut child = command
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text = input.to_owned();
    let writer = std::thread::spawn(move || drop(stdin.write_all(text.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// What `tm-export` makes of records.
///
/// # Panics
/// Where it fails.
pub fn octets(format: &str, records: &[Value]) -> Vec<u8> {
    let output = run(&["--quiet", "--format", format], &lines(records));
    assert!(output.status.success(), "{format}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The same as text.
///
/// # Panics
/// Where it fails.
pub fn text(format: &str, records: &[Value]) -> String {
    String::from_utf8(octets(format, records)).unwrap()
}

/// The same as JSON.
///
/// # Panics
/// Where it fails.
pub fn document(format: &str, records: &[Value]) -> Value {
    serde_json::from_str(&text(format, records)).unwrap()
}

/// What a program makes of a text.
///
/// # Panics
/// Where it fails, or is not installed.
pub fn read_by(program: &str, args: &[&str], input: &str) -> String {
    let output = pipe(Command::new(program).args(args), input);
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

//! Running `tm-watch` and `tracemap watch`: rounds of known paths in, alerts and logs out.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::anomalies::Dice;
use crate::anomalies::scenarios::FEW;
use crate::anomalies::world::{self, Router, TARGET, World};
use crate::tool;

/// A short path without much noise.
pub fn calm() -> World {
    let router = |ttl: u32| Router::new(&format!("203.0.113.{ttl}"), 64_500, 5.0 * f64::from(ttl));
    let routers = (1..=4).map(router).chain([Router::new(TARGET, 64_501, 30.0)]).collect();
    World { routers, cut: None, noise: 0.3, stretch: 1.0 }
}

/// The calm path, three times as slow.
pub fn slow() -> World {
    World { stretch: 3.0, ..calm() }
}

/// Rounds `from` to before `to` of a path.
pub fn rounds(world: &World, from: u64, to: u64) -> String {
    let (mut dice, mut lines) = (Dice::new(from), String::new());
    (from..to).for_each(|round| world::write(world, FEW, round, &mut dice, &mut lines));
    lines
}

/// Octets as text.
pub fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// Sends a signal.
///
/// # Panics
/// Where it cannot be sent.
#[allow(clippy::expect_used)]
pub fn kill(signal: &str, child: &Child) {
    let status = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
    assert!(status.expect("kill starts").success());
}

/// Runs `tm-watch` over lines.
///
/// # Panics
/// Where it cannot be started.
#[allow(clippy::expect_used)]
pub fn watch(args: &[&str], lines: &str) -> Output {
    let mut child = Command::new(tool("tm-watch"))
        .args(args)
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("tm-watch starts");
    let (mut stdin, lines) = (child.stdin.take().expect("a pipe"), lines.to_owned());
    let writer = std::thread::spawn(move || drop(stdin.write_all(lines.as_bytes())));
    let output = child.wait_with_output().expect("it ends");
    let _ = writer.join();
    output
}

/// `tracemap` with the tools it needs, and a tm-probe that says what it is told to.
#[derive(Debug)]
pub struct Desk {
    folder: PathBuf,
}

impl Desk {
    /// A desk in a folder of its own, on the file system of the tools. With `rounds`, tm-probe
    /// writes these lines and then waits for `$HOLD` seconds.
    ///
    /// # Panics
    /// Where the folder cannot be filled.
    #[allow(clippy::unwrap_used)]
    pub fn new(name: &str, rounds: Option<&str>) -> Self {
        let tools = tool("tracemap");
        let folder = tools.parent().unwrap_or(Path::new(".")).join("desks").join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("bin")).unwrap();
        fs::create_dir_all(folder.join("state")).unwrap();
        for name in ["tracemap", "tm-watch", "tm-render"] {
            fs::hard_link(tool(name), folder.join("bin").join(name)).unwrap();
        }
        let probe = folder.join("bin/tm-probe");
        match rounds {
            None => fs::hard_link(tool("tm-probe"), probe).unwrap(),
            Some(rounds) => {
                fs::write(folder.join("rounds"), rounds).unwrap();
                let lines = folder.join("rounds").display().to_string();
                let script = format!("#!/bin/sh\ncat '{lines}'\nexec sleep \"${{HOLD:-0}}\"\n");
                fs::write(&probe, script).unwrap();
                fs::set_permissions(&probe, PermissionsExt::from_mode(0o755)).unwrap();
            }
        }
        Self { folder }
    }

    /// The program.
    pub fn program(&self) -> PathBuf {
        self.folder.join("bin/tracemap")
    }

    /// Where logs and state are.
    pub fn state(&self) -> PathBuf {
        self.folder.join("state/tracemap")
    }

    /// The lines that tm-probe writes.
    pub fn rounds(&self) -> PathBuf {
        self.folder.join("rounds")
    }

    /// Settles where a command reads and writes.
    pub fn settle(&self, command: &mut Command) {
        command
            .env("PATH", "/usr/bin:/bin")
            .env("XDG_STATE_HOME", self.folder.join("state"))
            .env("XDG_CONFIG_HOME", "/nonexistent")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
    }

    /// `tracemap watch ARGS`, ready to run.
    pub fn watch(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.program());
        command.arg("watch").args(args);
        self.settle(&mut command);
        command
    }

    /// The log of a host.
    pub fn log(&self, host: &str) -> String {
        let path = self.state().join(format!("watch_{host}.jsonl"));
        fs::read_to_string(path).unwrap_or_default()
    }
}

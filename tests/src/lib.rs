//! Running tracemap's tools as a user does, inside the lab.

pub mod anomalies;
pub mod diffing;
pub mod dns;
pub mod docs;
pub mod exporting;
pub mod foreign;
pub mod hop_line;
pub mod http;
pub mod importing;
pub mod mmdb;
pub mod multipath;
pub mod providers;
pub mod terminal;
pub mod tour;
pub mod walking;
pub mod watching;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tm_schema::{Hop, Record, Trace};

/// The JSON Schema of a line, as `docs/schema.json` has it.
pub fn schema() -> Value {
    #[derive(schemars::JsonSchema)]
    #[schemars(tag = "type", rename_all = "lowercase", title = "tracemap record")]
    #[allow(dead_code)]
    enum Line {
        Hop(Box<Hop>),
        Trace(Box<Trace>),
        Alert(Box<tm_schema::Alert>),
    }
    schemars::schema_for!(Line).to_value()
}

/// A tool as it was just built, beside the tests.
///
/// # Panics
/// Where it was not built: `make test` builds it.
#[allow(clippy::panic)]
pub fn tool(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    let path = own.ancestors().nth(2).unwrap_or(Path::new(".")).join(name);
    assert!(path.exists(), "{} is missing; run `make test`", path.display());
    path
}

/// A command without this process's environment, but for where its coverage is to be written.
pub fn bare(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    let coverage = std::env::var_os("LLVM_PROFILE_FILE");
    command.env_clear().envs(coverage.map(|path| ("LLVM_PROFILE_FILE", path)));
    command
}

/// The names of all tools, sorted: those of the folder that holds a crate for each.
///
/// # Panics
/// Where the folder cannot be read.
#[allow(clippy::expect_used)]
pub fn tools() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools");
    let crates = folder.read_dir().expect("there are tools").flatten();
    let crates = crates.filter(|folder| folder.path().join("Cargo.toml").exists());
    let mut names: Vec<String> =
        crates.map(|folder| folder.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The tools of a whole pipeline in their order, as far as the workspace has them; each has been
/// built.
pub fn chain() -> Vec<&'static str> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools");
    let all = ["tm-probe", "tm-dns", "tm-asn", "tm-geo", "tm-redact", "tm-render"];
    let has = |name: &&str| folder.join(name).join("src/flags.rs").exists();
    all.into_iter().filter(has).inspect(|name| drop(tool(name))).collect()
}

/// A command inside a simulated internet.
#[derive(Clone, Debug)]
pub struct Lab {
    topology: PathBuf,
    flags: Vec<String>,
}

impl Lab {
    /// The lab of `tests/lab/topologies/NAME.toml`, with every privilege.
    pub fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/topologies");
        Self { topology: folder.join(name).with_extension("toml"), flags: Vec::new() }
    }

    /// The command has no capability, and may use ping sockets.
    #[must_use]
    pub fn unprivileged(mut self) -> Self {
        self.flags.extend(["--drop-caps".to_owned(), "--ping-group".to_owned()]);
        self
    }

    /// The command has no capability and may not use ping sockets.
    #[must_use]
    pub fn without_ping(mut self) -> Self {
        self.flags.push("--drop-caps".to_owned());
        self
    }

    /// Writes what the simulator saw.
    #[must_use]
    pub fn logged(mut self, to: &Path) -> Self {
        self.flags.push(format!("--log={}", to.display()));
        self
    }

    /// The command, ready to run.
    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(tool("tm-sim"));
        command.args(&self.flags).arg(&self.topology).arg("--").arg(program).args(args);
        command.stdin(Stdio::null()).env("XDG_CONFIG_HOME", "/nonexistent").env_remove("NO_COLOR");
        command
    }

    /// Runs `tm-probe`.
    ///
    /// # Panics
    /// Where it cannot be started, or writes what is no record.
    #[allow(clippy::expect_used)]
    pub fn probe(&self, args: &[&str]) -> Traced {
        let program = tool("tm-probe").display().to_string();
        let output = self.command(&program, args).output().expect("the lab starts");
        Traced::from(&output)
    }
}

/// What `tm-probe` said.
#[derive(Debug)]
pub struct Traced {
    /// Every hop record.
    pub hops: Vec<Hop>,
    /// Every trace record.
    pub traces: Vec<Trace>,
    /// The exit code.
    pub code: Option<i32>,
    /// What stands on stderr.
    pub stderr: String,
}

impl From<&Output> for Traced {
    #[allow(clippy::expect_used, clippy::panic)]
    fn from(output: &Output) -> Self {
        let mut traced = Self {
            hops: Vec::new(),
            traces: Vec::new(),
            code: output.status.code(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            match serde_json::from_str(line).expect("every line is a record") {
                Record::Hop(hop) => traced.hops.push(*hop),
                Record::Trace(trace) => traced.traces.push(*trace),
                other => panic!("{other:?}"),
            }
        }
        traced
    }
}

impl Traced {
    /// The responders in the order of the records; `*` where nobody answered.
    pub fn path(&self) -> Vec<String> {
        self.hops.iter().map(|hop| hop.ip.clone().unwrap_or("*".to_owned())).collect()
    }
}

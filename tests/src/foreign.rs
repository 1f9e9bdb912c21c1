//! Programs of others that tests run beside the tools: packages of `PyPI`, in an environment of its
//! own below target/, and packages of Debian, unpacked there and not installed, so that no service
//! starts on the machine of whoever runs the tests.

// A test that cannot have them has failed.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use crate::exporting::read_by;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target").canonicalize().unwrap()
}

/// A Python that has these packages, each as `NAME==VERSION`.
///
/// # Panics
/// Where it cannot be made.
pub fn python(packages: &[&str]) -> PathBuf {
    let _alone = ONE_AT_A_TIME.lock();
    let folder = target().join("python");
    let python = folder.join("bin/python3");
    let missing: Vec<&str> =
        packages.iter().copied().filter(|package| !has(&python, package)).collect();
    if !missing.is_empty() {
        if !python.exists() {
            read_by("python3", &["-m", "venv", folder.to_str().unwrap()], "");
        }
        let mut args = vec!["install", "--quiet", "--disable-pip-version-check"];
        args.extend(&missing);
        read_by(python.with_file_name("pip").to_str().unwrap(), &args, "");
        assert!(packages.iter().all(|package| has(&python, package)));
    }
    python
}

fn has(python: &Path, package: &str) -> bool {
    let (name, version) = package.split_once("==").unwrap();
    let script =
        format!("import importlib.metadata as m; assert m.version('{name}') == '{version}'");
    let output = Command::new(python).args(["-c", &script]).output();
    output.is_ok_and(|output| output.status.success())
}

/// The folder that these packages of Debian stand in, as in `/`.
///
/// # Panics
/// Where they cannot be had.
pub fn debian(packages: &[&str]) -> PathBuf {
    let _alone = ONE_AT_A_TIME.lock();
    let script = r#"
        mkdir -p "$1" && cd "$1" && shift
        for package; do
            [ -e "$package.unpacked" ] && continue
            apt-get download -qq "$package" || { apt-get update -qq && apt-get download -qq "$package"; }
            dpkg -x "$package"_*.deb root
            rm "$package"_*.deb && touch "$package.unpacked"
        done"#;
    let folder = target().join("debian");
    let mut args = vec!["-ec", script, "debian", folder.to_str().unwrap()];
    args.extend(packages);
    read_by("sh", &args, "");
    folder.join("root")
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// The port that it has on loopback.
    pub port: u16,
}

impl Server {
    /// Starts a server on a free port and waits until it listens there.
    ///
    /// # Panics
    /// Where it does not.
    pub fn start(command: impl Fn(u16) -> Command) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = command(port).spawn().unwrap();
        let server = Self { child, port };
        for _ in 0..200 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return server;
            }
            thread::sleep(Duration::from_millis(50));
        }
        unreachable!("it does not listen: {:?}", command(port));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

//! `e`: the view as an HTML page, made by tm-export beside the session.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use tm_schema::Time;
use tm_stream::program;

/// Exports under way.
#[derive(Debug)]
pub(crate) struct Exports {
    sender: Sender<String>,
    done: Receiver<String>,
}

impl Default for Exports {
    fn default() -> Self {
        let (sender, done) = channel();
        Self { sender, done }
    }
}

impl Exports {
    /// Begins an export of `lines` to `path`; says so.
    pub(crate) fn start(&self, lines: Vec<u8>, path: PathBuf) -> Result<String, String> {
        let program = program::find("tm-export").ok_or("tm-export is not installed")?;
        let (sender, shown) = (self.sender.clone(), path.display().to_string());
        let work = move || {
            let said = match run(&program, &lines, &path) {
                Ok(()) => format!("exported to {}", path.display()),
                Err(why) => format!("cannot export: {why}"),
            };
            let _ = sender.send(said);
        };
        let thread = thread::Builder::new().name("export".to_owned()).spawn(work);
        thread.map_err(|error| error.to_string())?;
        Ok(format!("exporting to {shown} …"))
    }

    /// What came of one that is over.
    pub(crate) fn done(&self) -> Option<String> {
        self.done.try_recv().ok()
    }
}

fn run(program: &Path, lines: &[u8], path: &Path) -> Result<(), String> {
    let mut child = Command::new(program)
        .args(["--format", "html", "--output"])
        .arg(path)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(lines); // tm-export says itself why it stops reading
    }
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said.lines().last().unwrap_or("tm-export failed").to_owned())
}

/// Where a page of a host goes: the working folder, under a name that is safe whatever the host
/// is called.
pub(crate) fn path(host: &str, at: Option<Time>) -> PathBuf {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let host: String = host.chars().take(80).map(safe).collect();
    let at = at.map_or(String::new(), |at| at.to_string());
    let at: String = at.chars().take(19).filter(char::is_ascii_alphanumeric).collect();
    PathBuf::from(format!("tracemap-{host}-{at}.html"))
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn no_host_leads_out_of_the_folder() {
        for host in ["../../etc/passwd", "a/b", "\0", "-rf", "2001:db8::1"] {
            let path = path(host, None);
            assert_eq!(path.components().count(), 1, "{path:?}");
            assert!(path.to_str().unwrap().starts_with("tracemap-"));
        }
        assert_eq!(path("example.com", None).to_str(), Some("tracemap-example.com-.html"));
    }
}

//! tracemap's tools, and finding them: beside the running program first, then on PATH.

use std::env;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The tools that `tracemap` joins, in the order of a pipeline, sources first.
pub const TOOLS: [&str; 10] = [
    "tm-probe",
    "tm-import",
    "tm-dns",
    "tm-asn",
    "tm-geo",
    "tm-redact",
    "tm-watch",
    "tm-diff",
    "tm-render",
    "tm-export",
];

/// Where a program is.
pub fn find(name: &str) -> Option<PathBuf> {
    let own = env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent).map(Path::to_owned);
    let path = env::var_os("PATH").unwrap_or_default();
    beside
        .into_iter()
        .chain(env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

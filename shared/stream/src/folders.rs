//! Where tracemap's files are, by the XDG Base Directory Specification. Nothing is made here.

use std::env;
use std::path::{Path, PathBuf};

/// Settings: `$XDG_CONFIG_HOME/tracemap`; `None` where there is no home folder.
pub fn config() -> Option<PathBuf> {
    folder("XDG_CONFIG_HOME", ".config")
}

/// What can be found out again: `$XDG_CACHE_HOME/tracemap`.
pub fn cache() -> Option<PathBuf> {
    folder("XDG_CACHE_HOME", ".cache")
}

/// Databases: `$XDG_DATA_HOME/tracemap`.
pub fn data() -> Option<PathBuf> {
    folder("XDG_DATA_HOME", ".local/share")
}

/// Logs, and the key of redaction: `$XDG_STATE_HOME/tracemap`.
pub fn state() -> Option<PathBuf> {
    folder("XDG_STATE_HOME", ".local/state")
}

/// The folder that a file is in, or is to be in.
pub fn of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn folder(variable: &str, below_home: &str) -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set(variable).or_else(|| Some(set("HOME")?.join(below_home)))?;
    Some(base.join("tracemap"))
}

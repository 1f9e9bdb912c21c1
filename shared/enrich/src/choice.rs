//! Which databases a run uses, and what becomes of one that cannot be used.
//!
//! Those that the user named, by a flag, in the environment or in the configuration, are inputs:
//! one that fails is an error, the others go on, and the tool ends with exit 2. Those that merely
//! lie in the user's data folder are a convenience: one that fails is worth a warning.

use std::fs;
use std::path::{Path, PathBuf};

use tm_stream::{Diagnostics, folders};

use crate::check;
use crate::database::Database;

/// The databases of a run, and those that failed.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Where they are, in the order in which they are asked.
    pub paths: Vec<PathBuf>,
    are_named: bool,
    any_failed: bool,
    diagnostics: Diagnostics,
}

impl Choice {
    /// Those at `named`, or else those in the user's data folder. `select`: which of the files of
    /// a folder are databases of the right kind.
    pub fn new(
        named: &[PathBuf],
        select: impl Fn(Vec<PathBuf>) -> Vec<PathBuf>,
        diagnostics: &Diagnostics,
    ) -> Self {
        let paths = match named {
            [] => folders::data().map(|folder| select(files(&folder))).unwrap_or_default(),
            named => named
                .iter()
                .flat_map(|path| each(path))
                .flat_map(|path| {
                    let inside = if path.is_dir() { select(files(&path)) } else { Vec::new() };
                    // A folder without any is named when it is opened.
                    if inside.is_empty() { vec![path] } else { inside }
                })
                .collect(),
        };
        let (are_named, diagnostics) = (!named.is_empty(), diagnostics.clone());
        Self { paths, are_named, any_failed: false, diagnostics }
    }

    /// None at all.
    pub fn none(diagnostics: &Diagnostics) -> Self {
        Self {
            paths: Vec::new(),
            are_named: false,
            any_failed: false,
            diagnostics: diagnostics.clone(),
        }
    }

    /// Opens a database; one that cannot be opened has failed.
    pub fn open(&mut self, path: &Path) -> Option<Database> {
        match Database::open(path) {
            Ok(database) => {
                let (kind, day) = (database.kind(), check::day(database.built()));
                self.diagnostics.info(format_args!("{}: {kind}, built {day}", path.display()));
                Some(database)
            }
            Err(error) => {
                self.has_failed(&error);
                None
            }
        }
    }

    /// Says that a database cannot be used, and why.
    pub fn has_failed(&mut self, error: &str) {
        let message = format_args!("{error}; going on without it");
        if self.are_named {
            self.diagnostics.error(message);
            self.any_failed = true;
        } else {
            self.diagnostics.warn(message);
        }
    }

    /// Whether every database that the user named could be used so far.
    pub fn is_complete(&self) -> bool {
        !self.any_failed
    }
}

/// A path, or several between colons, as in the environment.
fn each(path: &Path) -> Vec<PathBuf> {
    match path.to_str() {
        Some(list) if list.contains(':') && !path.exists() => {
            list.split(':').filter(|part| !part.is_empty()).map(PathBuf::from).collect()
        }
        _ => vec![path.to_owned()],
    }
}

/// What is in a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut all: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    all.sort();
    all
}

/// A file's name in lower case, for vendors write `IP2LOCATION-LITE-DB11.MMDB`.
pub fn lower_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().to_lowercase()
}

/// Whether the file's name has one of these endings, in whatever case.
pub fn ends_in(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().unwrap_or_default();
    endings.iter().any(|one| ending.eq_ignore_ascii_case(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(named: &[PathBuf]) -> Vec<PathBuf> {
        let mmdb =
            |all: Vec<PathBuf>| all.into_iter().filter(|path| ends_in(path, &["mmdb"])).collect();
        Choice::new(named, mmdb, &Diagnostics::silent()).paths
    }

    #[test]
    fn files_folders_and_lists_of_either_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("none")).unwrap();
        for name in ["b.mmdb", "A.MMDB", "notes.txt"] {
            fs::write(path(name), "").unwrap();
        }
        let both = vec![path("A.MMDB"), path("b.mmdb")];
        assert_eq!(choose(&[folder.path().to_owned()]), both);
        let list = format!("{}::{}", path("x").display(), folder.path().display());
        assert_eq!(choose(&[list.into()]), [vec![path("x")], both].concat());
        assert_eq!(choose(&[path("none"), path("a:b")])[0], path("none"));
    }

    #[test]
    fn only_what_the_user_named_makes_a_run_incomplete() {
        let silent = Diagnostics::silent();
        for (named, is_complete) in [(vec![PathBuf::from("x")], false), (Vec::new(), true)] {
            let mut choice = Choice::new(&named, |all| all, &silent);
            assert!(choice.is_complete());
            choice.has_failed("x is no file");
            assert_eq!(choice.is_complete(), is_complete);
        }
    }
}

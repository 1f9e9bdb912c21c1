//! Local databases: all of them are heard. They are opened when the first address comes; one that
//! cannot be read is named once and left out.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tm_enrich::check;
use tm_enrich::database::Database;
use tm_path::confidence::{Claim, Kind};
use tm_stream::{Diagnostics, folders};

use crate::claim::Said;

/// The databases of a run.
pub(crate) struct Databases {
    paths: Vec<PathBuf>,
    open: Option<Vec<(Database, Arc<str>)>>,
    diagnostics: Diagnostics,
}

impl Databases {
    /// Those at `paths`, or the user's own.
    pub(crate) fn new(paths: &[PathBuf], diagnostics: &Diagnostics) -> Self {
        Self { paths: found(paths), open: None, diagnostics: diagnostics.clone() }
    }

    /// What each of them says of an address, and who was asked.
    pub(crate) fn look_up(&mut self, ip: IpAddr) -> (Vec<Claim>, Option<Arc<str>>) {
        let (paths, diagnostics) = (&self.paths, &self.diagnostics);
        let open = self.open.get_or_insert_with(|| open_all(paths, diagnostics));
        let mut claims = Vec::new();
        open.retain(|(database, name)| match database.try_look_up(ip) {
            Ok(found) => {
                let said = found.map(|found| Said::by_database(&found, ip));
                let said = said.filter(Said::is_something);
                claims.extend(said.map(|said| said.claim(Arc::clone(name), Kind::Database)));
                true
            }
            Err(error) => {
                diagnostics.error(format_args!("{error}; going on without it"));
                false
            }
        });
        (claims, open.first().map(|(_, name)| Arc::clone(name)))
    }
}

/// The databases at `paths`, or the user's own.
pub(crate) fn found(paths: &[PathBuf]) -> Vec<PathBuf> {
    match paths {
        [] => folders::data().map(|folder| of_folder(&folder)).unwrap_or_default(),
        paths => paths.iter().flat_map(|path| expanded(path)).collect(),
    }
}

fn open_all(paths: &[PathBuf], diagnostics: &Diagnostics) -> Vec<(Database, Arc<str>)> {
    let opened = paths.iter().filter_map(|path| match Database::open(path) {
        Ok(database) => {
            let (kind, day) = (database.kind(), check::day(database.built()));
            diagnostics.info(format_args!("{}: {kind}, built {day}", path.display()));
            let name = Arc::from(database.name.as_str());
            Some((database, name))
        }
        Err(error) => {
            diagnostics.error(format_args!("{error}; going on without it"));
            None
        }
    });
    opened.collect()
}

/// A file, the databases of a folder, or several of either between colons.
fn expanded(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        return of_folder(path);
    }
    match path.to_str() {
        Some(list) if list.contains(':') && !path.exists() => {
            let each = list.split(':').filter(|part| !part.is_empty());
            each.map(Path::new)
                .flat_map(
                    |part| if part.is_dir() { of_folder(part) } else { vec![part.to_owned()] },
                )
                .collect()
        }
        _ => vec![path.to_owned()],
    }
}

/// The databases of places in a folder, which may hold databases of AS numbers too.
fn of_folder(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut all: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    all.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        let is_of_networks = has(&["asn", "isp"]) && !has(&["city", "country", "location"]);
        path.extension().is_some_and(|ending| ending == "mmdb") && !is_of_networks
    });
    all.sort();
    all
}

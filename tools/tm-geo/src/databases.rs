//! Local databases: all of them are heard. One that cannot be read is named once and left out.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tm_enrich::choice::{Choice, ends_in, lower_name};
use tm_enrich::database::Database;
use tm_path::confidence::{Claim, Kind};
use tm_stream::Diagnostics;

use crate::claim::Said;

/// The databases of a run.
pub(crate) struct Databases {
    choice: Choice,
    open: Vec<(Database, Arc<str>)>,
}

impl Databases {
    /// Those at `named`, or the user's own.
    pub(crate) fn new(named: &[PathBuf], diagnostics: &Diagnostics) -> Self {
        let mut choice = choice(named, diagnostics);
        let paths = choice.paths.clone();
        let open = paths.iter().filter_map(|path| choice.open(path)).map(|database| {
            let name = Arc::from(database.name.as_str());
            (database, name)
        });
        let open = open.collect();
        Self { choice, open }
    }

    /// What each of them says of an address, and who was asked.
    pub(crate) fn look_up(&mut self, ip: IpAddr) -> (Vec<Claim>, Option<Arc<str>>) {
        let Self { choice, open } = self;
        let mut claims = Vec::new();
        open.retain(|(database, name)| match database.try_look_up(ip) {
            Ok(found) => {
                let said = found.map(|found| Said::by_database(&found, ip));
                let said = said.filter(Said::is_something);
                claims.extend(said.map(|said| said.claim(Arc::clone(name), Kind::Database)));
                true
            }
            Err(error) => {
                choice.has_failed(&error);
                false
            }
        });
        (claims, open.first().map(|(_, name)| Arc::clone(name)))
    }

    /// Whether all those that the user named could be used.
    pub(crate) fn are_complete(&self) -> bool {
        self.choice.is_complete()
    }
}

/// The databases at `named`, or the user's own.
pub(crate) fn choice(named: &[PathBuf], diagnostics: &Diagnostics) -> Choice {
    Choice::new(named, of_places, diagnostics)
}

/// Of the files of a folder, the databases of places; it may hold those of AS numbers too.
fn of_places(mut files: Vec<PathBuf>) -> Vec<PathBuf> {
    files.retain(|path| {
        let name = lower_name(path);
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        let is_of_networks = has(&["asn", "isp"]) && !has(&["city", "country", "location"]);
        ends_in(path, &["mmdb"]) && !is_of_networks
    });
    files
}

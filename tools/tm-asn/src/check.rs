//! `tm-asn --check`: the databases, and whether Team Cymru answers.

use std::fs;
use std::path::Path;

use hickory_resolver::proto::rr::{Name, RecordType};
use tm_enrich::check::{self, NOBODY};
use tm_enrich::resolver::Servers;
use tm_stream::finding::{Finding, State};
use tm_stream::{Diagnostics, folders};

use crate::flags::{Flags, Source};
use crate::{cymru, databases};

/// Everything that the flags allow to be asked.
pub(crate) fn findings(flags: &Flags) -> Vec<Finding> {
    let mut all = Vec::new();
    if flags.source.contains(&Source::Db) {
        let paths = databases::choice(&flags.db, &Diagnostics::silent()).paths;
        all.extend(paths.iter().map(|path| database(path)));
        if paths.is_empty() {
            all.push(none());
        }
    }
    if flags.source.contains(&Source::Cymru) && !flags.offline {
        all.push(service(flags));
    }
    all
}

fn database(path: &Path) -> Finding {
    if !databases::is_table(path) {
        return check::database(path);
    }
    let subject = format!("database {}", path.display());
    match fs::metadata(path) {
        Ok(data) => {
            let detail = format!("a text table of {} octets, read whole by every run", data.len());
            let remedy = format!("tm-asn build -o asn.mmdb {}", path.display());
            Finding::new(subject, State::Warning, detail).with_remedy(remedy)
        }
        Err(error) => Finding::new(subject, State::Bad, format!("cannot read it: {error}"))
            .with_remedy("replace it, or remove it"),
    }
}

fn none() -> Finding {
    let folder = folders::data().map(|folder| folder.display().to_string());
    let remedy =
        format!("put a database into {}; see docs/asn.md", folder.as_deref().unwrap_or("--db"));
    Finding::new("AS database", State::Warning, "none, so others are asked").with_remedy(remedy)
}

fn service(flags: &Flags) -> Finding {
    let zone = &flags.cymru_zone;
    let asked = check::run(async {
        let servers = Servers::new(&flags.dns.resolver, flags.dns.timeout)?;
        let name = Name::from_ascii(cymru::question(NOBODY.into(), zone));
        let name = name.map_err(|error| error.to_string())?;
        let reply = servers.ask(&name, RecordType::TXT).await;
        reply.records.map(drop).map_err(|failure| failure.to_string())
    });
    let subject = format!("service {zone}");
    match asked {
        Ok(()) => Finding::new(subject, State::Ok, "answers over DNS"),
        Err(error) => Finding::new(subject, State::Bad, format!("does not answer: {error}"))
            .with_remedy("use a database; see docs/asn.md"),
    }
}

//! `--format bundle`: everything that belongs to an incident, in one zip.

use std::io::{Cursor, Write};

use tm_stream::Error;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::collect::{Collection, Round};
use crate::flags::Flags;
use crate::session::Session;
use crate::words::{clean, time};
use crate::{csv, document, html, markdown, sink, svg};

const README: &str = "\
trace.html    the page: open it in a browser; it asks nobody for anything, unless you
              switch tiles of OpenStreetMap on
report.md     the report, for a ticket
map.svg       the map, for slides
trace.json    {meta, hops}, as the Python tracemap writes it
trace.csv     one row a hop record
trace.ndjson  the records, octet for octet: tm-render, tm-export and tm-diff read them
";

/// The zip of a session.
pub(crate) fn write(collection: Collection, flags: &Flags) -> Result<Vec<u8>, Error> {
    let rows = csv_of(&collection)?;
    let lines = |round: &Round| round.lines.clone();
    let records: Vec<u8> = collection.rounds.iter().flat_map(lines).collect();
    let session = Session::from(collection);
    let files = [
        ("README.txt", readme(&session).into_bytes()),
        ("trace.html", html::page(&session, flags)?.into_bytes()),
        ("report.md", markdown::report(&session, flags.mermaid)?.into_bytes()),
        ("map.svg", svg::picture(&session, flags.theme)?.into_bytes()),
        ("trace.json", document::write(&session).into_bytes()),
        ("trace.csv", rows),
        ("trace.ndjson", records),
    ];
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // The same records make the same octets: no clock is asked.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    for (name, content) in files {
        let cannot =
            |error: zip::result::ZipError| Error::Failed(format!("cannot write {name}: {error}"));
        zip.start_file(format!("trace/{name}"), options).map_err(cannot)?;
        zip.write_all(&content)?;
    }
    let done =
        zip.finish().map_err(|error| Error::Failed(format!("cannot write the zip: {error}")))?;
    Ok(done.into_inner())
}

/// What was traced, and which file holds what.
fn readme(session: &Session) -> String {
    let from =
        session.origin().map_or(String::new(), |origin| format!(", from {}", clean(&origin)));
    let to = session.resolved_ip.as_deref().map_or(String::new(), |ip| format!(" ({})", clean(ip)));
    let at = session.started_at().map_or(String::new(), |at| format!(", {}", time(at)));
    format!("The way to {}{to}{from}{at}\n\n{README}", clean(&session.host))
}

fn csv_of(collection: &Collection) -> Result<Vec<u8>, Error> {
    let rows = csv::Memory::default();
    sink::replay(collection, Box::new(csv::Csv::to(rows.clone())?))?;
    Ok(rows.take())
}

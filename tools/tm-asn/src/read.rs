//! Reading text tables from files, gzipped or not, in bounded space.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use tm_stream::Diagnostics;

use crate::table::{Format, Table};

/// The longest line; a table's own are under 200 octets.
const LONGEST: u64 = 64 << 10;

/// Prefixes that are taken in, twenty times what the Internet has; more is a mistake or an attack.
const MOST: usize = 32 << 20;

/// Lines of a file that are complained of one by one.
const COMPLAINTS: u64 = 5;

/// Adds a file to the table and says how many of its lines were malformed; `progress` is told the
/// number of prefixes now and then.
pub(crate) fn file(
    path: &Path,
    table: &mut Table,
    diagnostics: &Diagnostics,
    mut progress: impl FnMut(usize),
) -> Result<u64, String> {
    let shown = path.display();
    let cannot = |error: io::Error| format!("cannot read {shown}: {error}");
    let mut lines = open(path).map_err(cannot)?;
    let (mut line, mut format, mut number, mut malformed) = (Vec::new(), None, 0, 0);
    table.next_file();
    loop {
        line.clear();
        number += 1;
        if (&mut lines).take(LONGEST).read_until(b'\n', &mut line).map_err(cannot)? == 0 {
            break;
        }
        if line.len() as u64 == LONGEST {
            return Err(format!("{shown}:{number}: a line of over {LONGEST} octets: no table"));
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\r', '\n']);
        if text.trim().is_empty() || text.starts_with([';', '#']) {
            continue;
        }
        let known = format.or_else(|| Format::of(text).filter(|of| of.row(text).is_ok()));
        let Some(known) = known else {
            return Err(format!(
                "{shown}:{number}: no line of a pyasn, CAIDA pfx2as or iptoasn.com table"
            ));
        };
        format = Some(known);
        match known.row(text) {
            Ok(row) => row.into_iter().for_each(|row| table.add(row)),
            Err(reason) => {
                malformed += 1;
                if malformed <= COMPLAINTS {
                    diagnostics.malformed(&shown.to_string(), number, reason);
                }
            }
        }
        if table.entries.len() > MOST {
            return Err(format!("{shown}:{number}: over {MOST} prefixes"));
        }
        if number % 65_536 == 0 {
            progress(table.entries.len());
        }
    }
    if malformed > COMPLAINTS {
        let more = malformed - COMPLAINTS;
        diagnostics.error(format_args!("{shown}: {more} more lines like these"));
    }
    Ok(malformed)
}

fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut reader = BufReader::with_capacity(256 << 10, file);
    if reader.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        let unpacked = MultiGzDecoder::new(reader);
        return Ok(Box::new(BufReader::with_capacity(256 << 10, unpacked)));
    }
    Ok(Box::new(reader))
}

//! The two sides of the comparison: which file each one is read from, and what it takes of it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::thread;

use tm_stream::input::{self, Input};
use tm_stream::{Diagnostics, Error};

use crate::flags::Flags;
use crate::pick::Pick;
use crate::reader::{Read, Reader};
use crate::route::Route;

/// One side of the comparison.
#[derive(Debug)]
pub(crate) struct Side {
    /// Where it was read from.
    pub(crate) name: String,
    /// In the order in which they were met.
    pub(crate) routes: Vec<Route>,
}

/// Reads what the flags name.
pub(crate) fn read(flags: &Flags, diagnostics: &Diagnostics) -> Result<(Side, Side), Error> {
    let (a, b) = match flags.files.as_slice() {
        [a, b] => of_two(flags, diagnostics, a, b)?,
        files => of_one(flags, diagnostics, files)?,
    };
    for side in [&a, &b] {
        if side.routes.is_empty() {
            let name = &side.name;
            return Err(Error::Failed(format!("{name}: there is no such trace to compare")));
        }
    }
    Ok((a, b))
}

/// Each side from a file of its own, read side by side.
fn of_two(
    flags: &Flags,
    diagnostics: &Diagnostics,
    a: &Path,
    b: &Path,
) -> Result<(Side, Side), Error> {
    if a.as_os_str() == "-" && b.as_os_str() == "-" {
        return Err(Error::Failed("only one of the two can be stdin".to_owned()));
    }
    let (pick_a, pick_b) = Pick::of_two(&flags.rounds).map_err(Error::Failed)?;
    let (a, b) = (Input::open(a)?, Input::open(b)?);
    let (name_a, name_b) = (a.name.clone(), b.name.clone());
    let named = Pick::Ids(flags.rounds.trace.clone());
    let read = |input, pick| Reader::new([named.clone(), pick], flags).read(input, diagnostics);
    let (of_a, of_b) = thread::scope(|scope| {
        let of_a = scope.spawn(|| read(a, pick_a.clone()));
        let of_b = read(b, pick_b.clone());
        (of_a.join(), of_b)
    });
    let died = |_| Error::Failed("the reader of the first file died".to_owned());
    let (of_a, of_b) = (of_a.map_err(died)??, of_b?);
    check_ids(&flags.rounds.trace, &[&of_a, &of_b])?;
    let side = |name, read: Read| {
        let [named, rest] = read.routes;
        Side { name, routes: if named.is_empty() { rest } else { named } }
    };
    Ok((side(name_a, of_a), side(name_b, of_b)))
}

/// Both sides from one file. A path of which one side has nothing, or both have the same round,
/// is left out: the file says nothing of how it changed.
fn of_one(
    flags: &Flags,
    diagnostics: &Diagnostics,
    files: &[PathBuf],
) -> Result<(Side, Side), Error> {
    let (pick_a, pick_b) = Pick::of_one(&flags.rounds).map_err(Error::Failed)?;
    let (inputs, _) = input::open_all(files, diagnostics)?;
    let Some(input) = inputs.into_iter().next() else {
        return Err(Error::Failed("there is nothing to compare".to_owned()));
    };
    let name = input.name.clone();
    let read = Reader::new([pick_a, pick_b], flags).read(input, diagnostics)?;
    check_ids(&flags.rounds.trace, &[&read])?;
    let [mut a, mut b] = read.routes;
    if flags.rounds.trace.len() < 2 {
        let lone: HashSet<_> = read
            .keys
            .into_iter()
            .filter(|key| {
                let of = |side: &[Route]| side.iter().position(|route| route.key == *key);
                let one = of(&a).and_then(|at| a.get(at)).zip(of(&b).and_then(|at| b.get(at)));
                one.is_none_or(|(a, b)| a.trace_id == b.trace_id && a.rounds == 1 && b.rounds == 1)
            })
            .collect();
        if flags.rounds.trace.is_empty() {
            for key in &lone {
                let host = &key.host;
                let from = key.vantage.as_ref().map_or(String::new(), |at| format!(" from {at}"));
                diagnostics.warn(format!("{host}{from}: {name} has no two such rounds to compare"));
            }
        }
        a.retain(|route| !lone.contains(&route.key));
        b.retain(|route| !lone.contains(&route.key));
    }
    Ok((Side { name: name.clone(), routes: a }, Side { name, routes: b }))
}

/// Each id must fit one trace.
fn check_ids(ids: &[String], files: &[&Read]) -> Result<(), Error> {
    for id in ids {
        let fitting = files.iter().flat_map(|file| &file.named);
        let fitting: HashSet<&String> = fitting.filter(|known| known.starts_with(id)).collect();
        let wrong = match fitting.len() {
            1 => continue,
            0 => "no trace has the id",
            _ => "several traces have an id that begins with",
        };
        return Err(Error::Failed(format!("{wrong} {id}")));
    }
    Ok(())
}

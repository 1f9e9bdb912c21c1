//! A tool as a whole: its check where that is asked for, else its filter from the first line to
//! what is kept for other runs.

use tm_stream::cli::{Checking, Common, Reading};
use tm_stream::finding::{self, Finding};
use tm_stream::{Diagnostics, Error, Outcome, Output};

use crate::answers::{self, Desk};
use crate::filter::{self, Enricher};

/// Runs a tool. `findings`: what its check says; `enricher`: what it supplies, with the desk at
/// which answers are handed in.
pub fn run<E: Enricher>(
    common: &Common,
    checking: &Checking,
    reading: &Reading,
    diagnostics: &Diagnostics,
    findings: impl FnOnce() -> Vec<Finding>,
    enricher: impl FnOnce(Desk<E::Answer>) -> E,
) -> Result<Outcome, Error> {
    let output = Output::open(common.output.as_deref())?;
    if checking.check {
        return finding::tell(&findings(), &output);
    }
    let (desk, answers) = answers::desk()?;
    let mut enricher = enricher(desk);
    let result = filter::run(&mut enricher, answers, reading, &output, diagnostics);
    enricher.finish();
    result
}

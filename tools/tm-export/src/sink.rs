//! Formats that take records one by one, in memory that does not grow with the log.

use tm_schema::{Alert, Hop, Record, Trace};
use tm_stream::typed::Records;
use tm_stream::{Error, Output};

use crate::collect::Collection;
use crate::select::Selection;

/// Where records go one by one.
pub(crate) trait Sink {
    fn hop(&mut self, hop: &Hop) -> Result<(), Error>;

    /// The end of a trace; most formats have no place for it.
    fn trace(&mut self, _: &Trace) -> Result<(), Error> {
        Ok(())
    }

    fn alert(&mut self, _: &Alert) -> Result<(), Error> {
        Ok(())
    }

    /// Writes what is left.
    fn finish(self: Box<Self>) -> Result<(), Error>;
}

/// Every record that is asked for, as it comes.
pub(crate) fn stream(
    records: &mut Records,
    selection: &Selection,
    mut sink: Box<dyn Sink>,
) -> Result<(), Error> {
    while let Some(record) = records.next_record()? {
        match record {
            Record::Hop(hop) if selection.takes(&*hop) => sink.hop(&hop)?,
            Record::Trace(trace) if selection.takes(&*trace) => sink.trace(&trace)?,
            Record::Alert(alert) if selection.takes(&*alert) => sink.alert(&alert)?,
            _ => {}
        }
    }
    sink.finish()
}

/// What was collected before.
pub(crate) fn replay(collection: &Collection, mut sink: Box<dyn Sink>) -> Result<(), Error> {
    for round in &collection.rounds {
        for hop in &round.hops {
            sink.hop(hop)?;
        }
        if let Some(end) = &round.end {
            sink.trace(end)?;
        }
    }
    for alert in &collection.alerts {
        sink.alert(alert)?;
    }
    sink.finish()
}

/// The output as something that libraries write to.
pub(crate) struct Writer(pub(crate) Output);

impl std::io::Write for Writer {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.raw(octets).map(|()| octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

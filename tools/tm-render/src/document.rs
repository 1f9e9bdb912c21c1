//! `--format json`: one document, the hops of each trace beside its end.

use std::collections::HashMap;

use serde::Serialize;
use tm_schema::{Hop, Record, Trace};
use tm_stream::typed::Records;
use tm_stream::{Error, Output};

#[derive(Default, Serialize)]
struct Document {
    #[serde(skip)]
    places: HashMap<String, usize>,
    traces: Vec<Entry>,
}

#[derive(Default, Serialize)]
struct Entry {
    trace_id: String,
    trace: Option<Trace>,
    hops: Vec<Hop>,
}

/// Reads every record and writes the document.
pub(crate) fn write(records: &mut Records, output: &Output) -> Result<(), Error> {
    let mut document = Document::default();
    while let Some(record) = records.next_record()? {
        match record {
            Record::Hop(hop) => document.entry(&hop.trace_id.clone()).hops.push(*hop),
            Record::Trace(trace) => {
                let trace_id = trace.trace_id.clone();
                document.entry(&trace_id).trace = Some(*trace);
            }
            _ => {}
        }
    }
    Ok(output.record(&document)?)
}

impl Document {
    fn entry(&mut self, trace_id: &str) -> &mut Entry {
        let known = self.places.get(trace_id).copied();
        let at = known.unwrap_or_else(|| {
            let trace_id = trace_id.to_owned();
            self.places.insert(trace_id.clone(), self.traces.len());
            self.traces.push(Entry { trace_id, ..Entry::default() });
            self.traces.len() - 1
        });
        #[allow(clippy::indexing_slicing)]
        // places hold indices of entries, which are never removed
        &mut self.traces[at]
    }
}

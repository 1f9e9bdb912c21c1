//! Tables as MaxMind DB files: the fields that other readers know, and ours beside them.
//!
//! `autonomous_system_number` and `autonomous_system_organization` are as in GeoLite2-ASN;
//! `registered_country.iso_code` as in `GeoIP2` Enterprise. Ours are `origins`, where there are
//! several or a reserved one, and `prefix_length` of the announced prefix, which the tree forgets
//! where others lie inside it.

use std::collections::HashMap;

use crate::mmdb::{self, Data, Field, Leaf, Place};
use crate::table::{Facts, Table, key};

/// `database_type` of the files.
const KIND: &str = "tracemap-ASN";

/// The file.
pub(crate) fn mmdb(mut table: Table) -> Result<Vec<u8>, String> {
    table.settle();
    let (mut data, mut places) = (Data::default(), HashMap::new());
    let mut leaves = Vec::with_capacity(table.entries.len());
    for entry in &table.entries {
        let announced = entry.is_announced.then_some(entry.net.prefix_len());
        let Some(facts) = table.facts(entry.facts) else { continue };
        let place = places.entry((entry.facts, announced));
        let record = *place.or_insert_with(|| record(facts, announced, &table, &mut data));
        let (first, length) = key(entry.net);
        leaves.push(Leaf { first, length, record });
    }
    mmdb::file(&leaves, &data, KIND, "Origin AS of announced prefixes")
}

fn record(facts: &Facts, announced: Option<u8>, table: &Table, data: &mut Data) -> Place {
    let number = facts.origins.number();
    let mut fields = Vec::new();
    if let Some(number) = number {
        fields.push(("autonomous_system_number", Field::Number(number)));
        if let Some(name) = table.name(number) {
            fields.push(("autonomous_system_organization", Field::Text(name)));
        }
    }
    let code = facts.country.as_deref().map(|code| [("iso_code", Field::Text(code))]);
    if let Some(code) = &code {
        fields.push(("registered_country", Field::Map(code)));
    }
    if number.is_none() || facts.origins.all.len() > 1 {
        fields.push(("origins", Field::Numbers(&facts.origins.all)));
    }
    if let Some(length) = announced {
        fields.push(("prefix_length", Field::Short(length.into())));
    }
    data.record(&fields)
}

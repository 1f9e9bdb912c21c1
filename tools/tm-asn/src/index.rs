//! Tables as MaxMind DB files: the fields that other readers know, and ours beside them.
//!
//! `autonomous_system_number` and `autonomous_system_organization` are as in GeoLite2-ASN;
//! `registered_country.iso_code` as in `GeoIP2` Enterprise. Ours are `origins`, where there are
//! several or a reserved one, and `prefix_length` of the announced prefix, which the tree forgets
//! where others lie inside it.

use std::collections::HashMap;

use mmdb_writer::{Ipv4Aliasing, Value, Writer};

use crate::table::{Facts, Table};

/// `database_type` of the files.
pub(crate) const KIND: &str = "tracemap-ASN";

/// The file.
pub(crate) fn mmdb(mut table: Table) -> Result<Vec<u8>, String> {
    table.settle();
    // 6to4 and Teredo are announced by relays, whatever IPv4 address stands inside.
    let mut writer = Writer::builder(KIND)
        .description(&[("en", "Origin AS of announced prefixes")])
        .ipv4_aliasing(Ipv4Aliasing::Disabled)
        .build();
    let mut values = HashMap::new();
    for entry in &table.entries {
        let length = entry.is_announced.then_some(entry.net.prefix_len());
        let value = values
            .entry((entry.facts, length))
            .or_insert_with(|| table.facts(entry.facts).map(|facts| record(facts, length, &table)));
        let Some(value) = value else { continue };
        writer.insert_value(entry.net, value.clone()).map_err(|error| error.to_string())?;
    }
    writer.to_bytes().map_err(|error| error.to_string())
}

fn record(facts: &Facts, length: Option<u8>, table: &Table) -> Value {
    let number = facts.origins.number();
    let is_listed = number.is_none() || facts.origins.all.len() > 1;
    let fields = [
        number.map(|number| ("autonomous_system_number", Value::from(number))),
        number
            .and_then(|number| table.name(number))
            .map(|name| ("autonomous_system_organization", Value::from(name))),
        facts
            .country
            .as_deref()
            .map(|code| ("registered_country", Value::map([("iso_code", Value::from(code))]))),
        is_listed.then(|| ("origins", Value::array(facts.origins.all.iter().copied()))),
        length.map(|length| ("prefix_length", Value::from(u16::from(length)))),
    ];
    Value::map(fields.into_iter().flatten())
}

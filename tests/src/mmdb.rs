//! MMDB files for tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mmdb_writer::Writer;

/// Values of such files.
pub use mmdb_writer::Value;

/// Writes a file of prefixes and their records.
///
/// # Panics
/// Where it cannot be written.
#[allow(clippy::expect_used)]
pub fn write(
    folder: &Path,
    name: &str,
    kind: &str,
    records: &[(&str, serde_json::Value)],
) -> PathBuf {
    let mut writer = Writer::new(kind);
    for (prefix, record) in records {
        let net: ipnet::IpNet = prefix.parse().expect("a prefix");
        writer.insert_value(net, value(record)).expect("a record");
    }
    let path = folder.join(name);
    std::fs::write(&path, writer.to_bytes().expect("a database")).expect("it is written");
    path
}

/// JSON as the format has it.
pub fn value(json: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::from(""),
        Json::Bool(is) => Value::from(*is),
        Json::Number(number) => match number.as_u64() {
            Some(whole) if !number.is_f64() => Value::from(whole),
            _ => Value::from(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(all) => Value::array(all.iter().map(value)),
        Json::Object(map) => {
            let map: BTreeMap<_, _> =
                map.iter().map(|(name, of)| (name.as_str(), value(of))).collect();
            Value::map(map)
        }
    }
}

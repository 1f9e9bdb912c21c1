//! The reference of the records names every member and every word that the schema has.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// Names of members, and words that stand for one of several, anywhere in the schema.
fn names(schema: &Value, all: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Object(members)) = map.get("properties") {
                all.extend(members.keys().cloned());
            }
            let words = map.get("enum").and_then(Value::as_array).into_iter().flatten();
            all.extend(words.chain(map.get("const")).filter_map(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| names(value, all));
        }
        Value::Array(items) => items.iter().for_each(|value| names(value, all)),
        _ => {}
    }
}

#[test]
fn every_member_and_every_word_is_in_the_reference() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/records.md");
    let page = std::fs::read_to_string(page).unwrap();
    let code: BTreeSet<&str> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .flat_map(|code| code.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')))
        .collect();
    let mut wanted = BTreeSet::new();
    names(&tm_tests::schema(), &mut wanted);
    assert!(wanted.len() > 100, "{wanted:?}");
    let missing: Vec<_> = wanted.iter().filter(|name| !code.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "docs/records.md does not name {missing:?}");
}

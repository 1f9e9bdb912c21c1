//! Writes a database of places for `tests/bench/enrich.sh --mmdb`: every /16 of 1.0.0.0/8 to
//! 9.0.0.0/8, in one of five cities. `tm-places-mmdb FOLDER` makes FOLDER/places.mmdb.

use std::path::PathBuf;

use serde_json::json;

const CITIES: [(&str, &str, f64, f64); 5] = [
    ("Oslo", "NO", 59.91, 10.75),
    ("Hamburg", "DE", 53.55, 9.99),
    ("Amsterdam", "NL", 52.37, 4.9),
    ("London", "GB", 51.51, -0.13),
    ("Boston", "US", 42.36, -71.06),
];

fn main() {
    let folder = std::env::args_os().nth(1).map_or_else(PathBuf::new, PathBuf::from);
    let prefixes = (1..10).flat_map(|a| (0..256).map(move |b| format!("{a}.{b}.0.0/16")));
    let prefixes: Vec<String> = prefixes.collect();
    let records =
        prefixes.iter().zip(CITIES.iter().cycle()).map(|(prefix, &(city, code, lat, lon))| {
            let location = json!({"latitude": lat, "longitude": lon, "accuracy_radius": 20});
            let country = json!({"iso_code": code});
            let record =
                json!({"city": {"names": {"en": city}}, "country": country, "location": location});
            (prefix.as_str(), record)
        });
    let records: Vec<_> = records.collect();
    tm_tests::mmdb::write(&folder, "places.mmdb", "GeoLite2-City", &records);
}

//! What a database's record, a provider's answer or a line of the cache says of a place. The
//! layouts differ by vendor and edition and share names with different meanings; the shape of a
//! value says what it is.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::Value;
use tm_enrich::database::{Finding, at, number, text};
use tm_path::confidence::{Claim, Kind};
use tm_path::country;
use tm_path::sphere::Point;
use tm_schema::{Confidence, Geo};

/// Characters of a name that are kept.
const LONGEST: usize = 100;

/// What is said of an address: its place, and the prefix that this holds for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Said {
    /// The place; `confidence` is low where the source has doubts.
    pub(crate) geo: Geo,
    /// Length of the prefix.
    pub(crate) prefix: Option<u8>,
}

impl Said {
    /// The record of a database.
    pub(crate) fn by_database(found: &Finding, ip: IpAddr) -> Self {
        let mut said = Self::by(&found.record);
        let length = found.prefix.rsplit_once('/').and_then(|(_, length)| length.parse().ok());
        // A record that an IPv6 tree has above all of IPv4 is for no prefix of IPv4.
        said.prefix = length.filter(|_| found.prefix.contains(':') == ip.is_ipv6());
        said
    }

    /// A record or an answer of any layout.
    pub(crate) fn by(record: &Value) -> Self {
        let lat = number(
            record,
            &[&["location", "latitude"], &["geo", "latitude"], &["latitude"], &["lat"]],
        );
        let lon = number(
            record,
            &[
                &["location", "longitude"],
                &["geo", "longitude"],
                &["longitude"],
                &["lng"],
                &["lon"],
                &["long"],
            ],
        );
        // Null Island is where unknown places are put.
        let point = lat.zip(lon).filter(|&place| place != (0.0, 0.0));
        let point = point.and_then(|(lat, lon)| Point::new(lat, lon));
        let is = |places: &[&[&str]]| {
            places.iter().any(|place| at(record, place).and_then(Value::as_bool) == Some(true))
        };
        let doubtful = is(&[&["mobile"], &["proxy"], &["hosting"]]);
        let code = country_code(record);
        let geo = Geo {
            lat: point.map(|point| point.lat),
            lon: point.map(|point| point.lon),
            city: name(
                record,
                &[
                    &["city", "names", "en"],
                    &["city", "name"],
                    &["city"],
                    &["geo", "city"],
                    &["city_name"],
                    &["cityName"],
                ],
            )
            .or_else(|| first_of_names(record, "city"))
            .map(without_district),
            region: name(
                record,
                &[
                    &["subdivisions", "0", "names", "en"],
                    &["subdivisions", "0", "name"],
                    &["geo", "region"],
                    &["regionName"],
                    &["region_name"],
                    &["region"],
                    &["state1"],
                    &["state"],
                    &["stateprov"],
                ],
            ),
            country_code: code.map(str::to_owned),
            accuracy_km: number(
                record,
                &[
                    &["location", "accuracy_radius"],
                    &["accuracy_radius"],
                    &["radius"],
                    &["accuracy"],
                ],
            )
            .filter(|&km| km > 0.0),
            anycast: is(&[&["is_anycast"], &["anycast"], &["traits", "is_anycast"]]),
            confidence: doubtful.then_some(Confidence::Low),
            ..Geo::default()
        };
        Self { geo, prefix: None }
    }

    /// Whether it says anything.
    pub(crate) fn is_something(&self) -> bool {
        self.geo.country_code.is_some()
            || self.geo.anycast
            || (self.geo.city.is_some() && self.geo.lat.is_some())
    }

    /// The same, for the reasoning.
    pub(crate) fn claim(self, source: Arc<str>, kind: Kind) -> Claim {
        let Self { geo, prefix } = self;
        Claim {
            source,
            kind,
            point: geo.lat.zip(geo.lon).and_then(|(lat, lon)| Point::new(lat, lon)),
            city: geo.city,
            region: geo.region,
            country_code: geo.country_code,
            accuracy_km: geo.accuracy_km,
            prefix,
            anycast: geo.anycast,
            doubtful: geo.confidence == Some(Confidence::Low),
        }
    }
}

/// `country` is an object, a name or a code, by vendor; what is in the table counts.
fn country_code(record: &Value) -> Option<&'static str> {
    const PLACES: [&[&str]; 10] = [
        &["country", "iso_code"],
        &["country", "code"],
        &["geo", "country_code"],
        &["country_code"],
        &["countryCode"],
        &["country"],
        &["geo", "country"],
        &["country", "names", "en"],
        &["country_name"],
        &["countryName"],
    ];
    PLACES.iter().find_map(|place| country::code(&text(record, &[place])?))
}

fn name(record: &Value, places: &[&[&str]]) -> Option<String> {
    let name: String = text(record, places)?.chars().take(LONGEST).collect();
    (!name.eq_ignore_ascii_case("unknown")).then_some(name)
}

/// `"Oklahoma City (Central Oklahoma City)"` is Oklahoma City.
fn without_district(city: String) -> String {
    match city.split_once(" (") {
        Some((city, district)) if district.ends_with(')') => city.to_owned(),
        _ => city,
    }
}

/// A name in some language is better than none.
fn first_of_names(record: &Value, of: &str) -> Option<String> {
    let names = at(record, &[of, "names"])?.as_object()?;
    let language = names.keys().next()?;
    name(record, &[&[of, "names", language]])
}

/// What must hold of whatever is said: the place is on the earth, names are short, the circle and
/// the prefix can be.
#[cfg(any(test, fuzzing))]
pub(crate) fn is_sound(said: &Said) {
    let Geo { lat, lon, city, region, country_code, accuracy_km, .. } = &said.geo;
    let (lat, lon) = (lat.unwrap_or(0.0), lon.unwrap_or(0.0));
    assert!((-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon), "{said:?}");
    let is_short = |name: &Option<String>| {
        name.as_ref().is_none_or(|name| (1..=LONGEST).contains(&name.chars().count()))
    };
    assert!(is_short(city) && is_short(region), "{said:?}");
    assert!(country_code.as_ref().is_none_or(|code| code.len() == 2), "{said:?}");
    assert!(accuracy_km.is_none_or(|km| km.is_finite() && km > 0.0), "{said:?}");
    assert!(said.prefix.is_none_or(|length| length <= 128), "{said:?}");
}

/// What must hold of any record of a database.
#[cfg(any(test, fuzzing))]
pub fn check(found: &Finding, ip: IpAddr) {
    is_sound(&Said::by_database(found, ip));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_vendors_layout_is_read() {
        let wanted = Geo {
            lat: Some(50.11),
            lon: Some(8.68),
            city: Some("Frankfurt".to_owned()),
            region: Some("Hesse".to_owned()),
            country_code: Some("DE".to_owned()),
            ..Geo::default()
        };
        for record in [
            // GeoLite2, GeoIP2, IP2Location's MMDB
            json!({"city": {"names": {"de": "Frankfurt", "en": "Frankfurt"}},
                "country": {"iso_code": "DE", "names": {"en": "Germany"}},
                "registered_country": {"iso_code": "US"},
                "location": {"latitude": 50.11, "longitude": 8.68},
                "subdivisions": [{"iso_code": "HE", "names": {"en": "Hesse"}}]}),
            // DB-IP
            json!({"city": {"names": {"en": "Frankfurt (Bockenheim)"}},
                "country": {"iso_code": "DE"}, "subdivisions": [{"names": {"en": "Hesse"}}],
                "location": {"latitude": 50.11, "longitude": 8.68}}),
            // IPinfo, standard and newer
            json!({"city": "Frankfurt", "region": "Hesse", "country": "DE", "lat": "50.11",
                "lng": "8.68", "timezone": "Europe/Berlin"}),
            json!({"city": "Frankfurt", "region": "Hesse", "country": "Germany",
                "country_code": "DE", "latitude": 50.11, "longitude": 8.68}),
            json!({"geo": {"latitude": 50.11, "longitude": 8.68}, "city": "Frankfurt",
                "region": "Hesse", "country": "DE"}),
            json!({"geo": {"city": "Frankfurt", "region": "Hesse", "region_code": "HE",
                "country": "Germany", "country_code": "DE", "latitude": 50.11, "longitude": 8.68},
                "as": {"asn": "AS64500"}, "is_anycast": false}),
            // IP2Location and others, flat
            json!({"country_code": "DE", "region_name": "Hesse", "city_name": "Frankfurt",
                "latitude": 50.11, "longitude": 8.68}),
            json!({"country_code": "DE", "state1": "Hesse", "city": "Frankfurt",
                "latitude": 50.11, "longitude": 8.68}),
            // ip-api.com, ipapi.co
            json!({"status": "success", "country": "Germany", "countryCode": "DE", "region": "HE",
                "regionName": "Hesse", "city": "Frankfurt", "lat": 50.11, "lon": 8.68}),
            json!({"city": "Frankfurt", "region": "Hesse", "region_code": "HE", "country": "DE",
                "country_name": "Germany", "latitude": 50.11, "longitude": 8.68}),
        ] {
            assert_eq!(Said::by(&record).geo, wanted, "{record}");
        }
    }

    #[test]
    fn a_country_is_a_country_in_every_edition() {
        for record in [
            json!({"country": "United States", "country_code": "US", "continent": "North America"}),
            json!({"country": "US", "country_name": "United States", "continent": "NA"}),
            json!({"country": "United States"}),
            json!({"country": {"names": {"en": "United States"}}}),
            json!({"country_code": "us"}),
        ] {
            let geo = Said::by(&record).geo;
            assert_eq!((geo.country_code.as_deref(), geo.city), (Some("US"), None), "{record}");
        }
    }

    #[test]
    fn what_is_no_place_is_none() {
        for record in [
            json!("Frankfurt"),
            json!([50.11, 8.68]),
            json!({"lat": 0, "lon": 0, "city": ""}),
            json!({"lat": "NaN", "lon": "8", "city": "X", "country": "Atlantis"}),
            json!({"lat": 91, "lon": 8, "city": "X"}),
            json!({"latitude": "inf", "longitude": 8, "city": {"names": []}}),
            json!({"country_code": "-", "city": "-"}),
            json!({"country": {"iso_code": 7}, "city": {"names": {"en": null}}}),
        ] {
            assert!(!Said::by(&record).is_something(), "{record}");
        }
        let long = Said::by(&json!({"city": "x".repeat(5000), "lat": 1, "lon": 1})).geo.city;
        assert_eq!(long.map(|city| city.len()), Some(LONGEST));
    }

    proptest::proptest! {
        #[test]
        fn damaged_records_are_no_places_off_the_earth(
            text in tm_mutate::octets(tm_mutate::seeds("answers"))
        ) {
            if let Ok(record) = serde_json::from_slice(&text) {
                let found = Finding { record, prefix: "8.0.0.0/8".to_owned(), offset: 0 };
                check(&found, "8.8.8.8".parse().unwrap());
            }
        }
    }

    #[test]
    fn doubts_and_anycast_are_heard() {
        assert!(Said::by(&json!({"hosting": true})).claim("x".into(), Kind::Provider).doubtful);
        assert!(Said::by(&json!({"is_anycast": true})).geo.anycast);
        assert!(Said::by(&json!({"traits": {"is_anycast": true}})).geo.anycast);
    }
}

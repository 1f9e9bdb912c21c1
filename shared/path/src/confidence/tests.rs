use std::net::IpAddr;

use tm_schema::{Confidence, Geo};

use super::*;
use crate::geohint::{City, Hint, Kind as How};
use crate::physics::{Anchor, Verdict};

const fn city(name: &'static str, country_code: &'static str, lat: f64, lon: f64) -> City {
    City { name, region: "", country_code, point: Point { lat, lon } }
}

static FRANKFURT: City = city("Frankfurt", "DE", 50.11, 8.68);
static MUNICH: City = city("Munich", "DE", 48.14, 11.58);
static NASHUA: City = city("Nashua", "US", 42.77, -71.47);
static ASHBURN: City = city("Ashburn", "US", 39.04, -77.49);

fn hint(city: &'static City, score: f64) -> Hint {
    Hint { city, kind: How::Iata, token: "xyz01".to_owned(), score }
}

fn claim(source: &str, kind: Kind, city: &City) -> Claim {
    Claim {
        source: source.into(),
        kind,
        point: Some(city.point),
        city: Some(city.name.to_owned()),
        region: None,
        country_code: Some(city.country_code.to_owned()),
        accuracy_km: Some(20.0),
        prefix: Some(24),
        anycast: false,
        doubtful: false,
    }
}

fn database(city: &City) -> Claim {
    claim("city.mmdb", Kind::Database, city)
}

fn country(source: &str, code: &str) -> Claim {
    let of = database(&FRANKFURT);
    Claim { source: source.into(), city: None, country_code: Some(code.to_owned()), ..of }
}

fn case(claims: &[Claim], hints: &[Hint]) -> Case {
    let ip: IpAddr = "62.0.0.1".parse().unwrap();
    Case::new(ip, claims, hints, None)
}

fn conclude(claims: &[Claim], hints: &[Hint]) -> Geo {
    case(claims, hints).conclude(&Seen::default())
}

fn refuted(verdicts: &[bool]) -> Seen {
    let why = "light is slower".to_owned();
    let one = Refutation { verdict: Verdict::Impossible, why };
    let of = |&is: &bool| is.then(|| one.clone());
    Seen { refuted: verdicts.iter().map(of).collect(), ..Seen::default() }
}

fn near(km: f64) -> Option<Near> {
    Near::of(Reach { km, from: Anchor::Vantage })
}

/// City or country, confidence, score.
fn in_short(geo: &Geo) -> (String, Option<Confidence>, Option<f64>) {
    let place = geo.city.clone().or_else(|| geo.country_code.clone()).unwrap_or_default();
    (place, geo.confidence, geo.score)
}

#[test]
fn what_each_mix_of_sources_amounts_to() {
    use Confidence::{High, Low, Medium};
    let provider = |city| claim("ip-api.com", Kind::Provider, city);
    let vague = Claim { accuracy_km: Some(500.0), prefix: Some(12), ..database(&FRANKFURT) };
    let plain = Claim { accuracy_km: None, prefix: Some(20), ..database(&FRANKFURT) };
    let doubtful = Claim { doubtful: true, ..provider(&FRANKFURT) };
    let other = claim("other.mmdb", Kind::Database, &FRANKFURT);
    for (claims, hints, place, confidence, score) in [
        // One source alone.
        (vec![], vec![hint(&FRANKFURT, 4.0)], "Frankfurt", Medium, 4.0),
        (vec![], vec![hint(&FRANKFURT, 2.0)], "Frankfurt", Medium, 2.0),
        (vec![], vec![hint(&FRANKFURT, 0.5)], "Frankfurt", Low, 0.5),
        (vec![database(&FRANKFURT)], vec![], "Frankfurt", Medium, 2.0),
        (vec![plain.clone()], vec![], "Frankfurt", Low, 1.0),
        (vec![vague.clone()], vec![], "Frankfurt", Low, 0.0),
        (vec![provider(&FRANKFURT)], vec![], "Frankfurt", Medium, 1.5),
        (vec![doubtful], vec![], "Frankfurt", Low, 1.0),
        // Agreement: of independent kinds, and of those that copy from each other.
        (vec![database(&FRANKFURT)], vec![hint(&FRANKFURT, 2.0)], "Frankfurt", High, 3.5),
        (vec![provider(&FRANKFURT)], vec![hint(&FRANKFURT, 2.0)], "Frankfurt", High, 3.5),
        (vec![database(&FRANKFURT), other.clone()], vec![], "Frankfurt", Medium, 3.0),
        (vec![plain, provider(&FRANKFURT)], vec![], "Frankfurt", Medium, 1.5),
        // Contradiction: a good name keeps its place, a short one its place only.
        (vec![database(&MUNICH)], vec![hint(&FRANKFURT, 4.0)], "Frankfurt", Medium, 3.0),
        (vec![database(&ASHBURN)], vec![hint(&FRANKFURT, 2.2)], "Frankfurt", Low, 1.2),
        (vec![database(&ASHBURN), other], vec![], "", Low, 0.0),
        // Two cities of one country, neither better: the country.
        (vec![database(&MUNICH), provider(&FRANKFURT)], vec![], "DE", Medium, 2.0),
        (vec![], vec![hint(&NASHUA, 2.0), hint(&ASHBURN, 1.8)], "US", Medium, 2.0),
        (vec![], vec![hint(&NASHUA, 2.0), hint(&FRANKFURT, 1.8)], "", Low, 0.0),
        // Countries.
        (vec![country("a.mmdb", "DE")], vec![], "DE", Medium, 1.5),
        (vec![country("a.mmdb", "DE"), country("b.mmdb", "DE")], vec![], "DE", Medium, 2.0),
        (vec![country("a.mmdb", "DE"), country("b.mmdb", "US")], vec![], "", Low, 0.0),
        (vec![country("a.mmdb", "DE")], vec![hint(&FRANKFURT, 2.0)], "Frankfurt", Medium, 2.5),
        (vec![country("a.mmdb", "US")], vec![hint(&FRANKFURT, 2.0)], "Frankfurt", Medium, 1.5),
    ] {
        let geo = conclude(&claims, &hints);
        let score = (!place.is_empty()).then_some(score);
        assert_eq!(in_short(&geo), (place.to_owned(), Some(confidence), score), "{geo:?}");
        let sum: f64 = geo.evidence.iter().map(|one| one.score).sum();
        assert!((geo.score.unwrap_or_default() - sum).abs() < 1e-9, "{geo:?}");
        assert_eq!(geo.lat.is_some(), geo.city.is_some(), "a pin takes a city: {geo:?}");
        assert!(geo.city.is_some() || geo.source.is_some());
    }
}

#[test]
fn what_light_forbids_loses_to_what_it_allows() {
    let case = case(&[database(&ASHBURN)], &[hint(&FRANKFURT, 4.0)]);
    let geo = case.conclude(&refuted(&[true, false]));
    assert_eq!(in_short(&geo), ("Ashburn".to_owned(), Some(Confidence::Medium), Some(2.0)));
    assert_eq!(
        geo.conflicts,
        ["the name says Frankfurt, DE, which is impossible: light is slower"]
    );
    // Refuted, a database takes nothing from the name.
    let geo = case.conclude(&refuted(&[false, true]));
    assert_eq!(in_short(&geo), ("Frankfurt".to_owned(), Some(Confidence::Medium), Some(4.0)));
    assert!(!geo.impossible);
    let geo = case.conclude(&refuted(&[true, true]));
    assert_eq!(in_short(&geo), ("Frankfurt".to_owned(), Some(Confidence::Low), Some(-2.0)));
    assert!(geo.impossible && geo.conflicts.len() == 2, "{geo:?}");
}

#[test]
fn a_country_is_as_sure_in_whatever_order_its_sources_were_asked() {
    let all = [country("a.mmdb", "DE"), country("b.mmdb", "DE"), country("c.mmdb", "US")];
    for order in [[0, 1, 2], [0, 2, 1], [2, 0, 1], [2, 1, 0]] {
        let geo = conclude(&order.map(|at| all[at].clone()), &[]);
        let wanted = ("DE".to_owned(), Some(Confidence::Medium), Some(1.5));
        assert_eq!(in_short(&geo), wanted, "{order:?} {:?}", geo.evidence);
        let own = geo.source.as_deref();
        assert!(own.is_some_and(|source| source != "c.mmdb"), "{order:?} {own:?}");
    }
    // One against one is no majority.
    let geo = conclude(&[all[0].clone(), all[2].clone()], &[]);
    assert_eq!((geo.country_code, geo.confidence), (None, Some(Confidence::Low)));
}

#[test]
fn a_source_that_says_another_country_makes_this_one_no_surer() {
    static MORE: [City; 4] = [
        city("Albany", "US", 42.65, -73.76),
        city("Buffalo", "US", 42.89, -78.88),
        city("Chicago", "US", 41.88, -87.63),
        city("Denver", "US", 39.74, -104.98),
    ];
    // One name, and cities as many as it can be read for: all evidence is of one kind.
    let readings: Vec<Hint> =
        [&NASHUA, &ASHBURN].into_iter().chain(&MORE).map(|city| hint(city, 3.0)).collect();
    let geo = conclude(&[country("a.mmdb", "DE")], &readings);
    assert_eq!(in_short(&geo), ("US".to_owned(), Some(Confidence::Medium), Some(3.5)), "{geo:?}");
    let geo = conclude(&[country("a.mmdb", "US")], &readings);
    assert_eq!(geo.confidence, Some(Confidence::High), "{geo:?}");
}

#[test]
fn a_country_that_nothing_forbids_is_better_than_an_impossible_city() {
    let case = case(&[database(&ASHBURN), country("b.mmdb", "DE")], &[]);
    let geo = case.conclude(&refuted(&[true]));
    assert_eq!((in_short(&geo).0, geo.impossible), ("DE".to_owned(), false));
    assert_eq!(geo.confidence, Some(Confidence::Low));
}

#[test]
fn being_near_is_evidence_of_a_kind_of_its_own() {
    for (km, confidence, score) in [
        (120.0, Confidence::High, 3.5),
        (299.0, Confidence::High, 3.0),
        (900.0, Confidence::Medium, 2.5),
        (3000.0, Confidence::Medium, 2.0),
    ] {
        let seen = Seen { near: near(km), ..Seen::default() };
        let geo = case(&[database(&FRANKFURT)], &[]).conclude(&seen);
        assert_eq!((geo.confidence, geo.score), (Some(confidence), Some(score)), "{km}");
    }
    let beside = Seen { beside: true, ..Seen::default() };
    assert_eq!(case(&[], &[hint(&FRANKFURT, 2.0)]).conclude(&beside).score, Some(2.5));
}

#[test]
fn anycast_has_no_place_whatever_databases_say() {
    let ip = "1.1.1.1".parse().unwrap();
    let case = Case::new(ip, &[database(&MUNICH)], &[], None);
    let geo = case.conclude(&Seen { near: near(120.0), ..Seen::default() });
    assert!(geo.anycast && geo.city.is_none() && geo.lat.is_none() && geo.country.is_none());
    assert_eq!(geo.evidence[1].says, "within 150 km of the vantage point");
    assert_eq!(geo.conflicts, ["city.mmdb says Munich, DE, as if it were one place"]);
    let said = Claim { anycast: true, ..database(&MUNICH) };
    assert!(conclude(&[said], &[]).anycast);
}

#[test]
fn the_middle_of_a_country_is_no_city() {
    let middle = Point { lat: 37.751, lon: -97.822 };
    let lake = Claim { point: Some(middle), city: Some("Cheney".to_owned()), ..database(&ASHBURN) };
    let geo = conclude(&[lake], &[]);
    assert_eq!((in_short(&geo).0, geo.lat, geo.city), ("US".to_owned(), None, None));
    assert_eq!(geo.country.as_deref(), Some("United States"));
}

#[test]
fn an_invention_is_shown_only_where_nothing_else_is() {
    let mock = Claim { source: "mock".into(), kind: Kind::Mock, ..database(&MUNICH) };
    let geo = conclude(std::slice::from_ref(&mock), &[]);
    assert_eq!((geo.source.as_deref(), geo.confidence), (Some("mock"), Some(Confidence::Low)));
    let geo = conclude(&[mock], &[hint(&FRANKFURT, 2.0)]);
    assert_eq!((in_short(&geo).0.as_str(), geo.evidence.len()), ("Frankfurt", 1));
}

#[test]
fn nothing_said_is_nothing_known() {
    let ip = "62.0.0.1".parse().unwrap();
    let geo = Case::new(ip, &[], &[], Some("city.mmdb")).conclude(&Seen::default());
    assert_eq!(geo, Geo { source: Some("city.mmdb".to_owned()), ..Geo::default() });
}

#[test]
fn the_documentation_has_the_weights() {
    let page = include_str!("../../../../docs/geo.md");
    let [(near, n), (nearer, m), (nearest, l)] = REACHES;
    for row in [
        format!("| a database's city | {DATABASE:.1} |"),
        format!(
            "radius of at most {SHARP_KM} km; of a prefix of at least /24 (IPv6: /48) | {SHARP:+} each |"
        ),
        format!(
            "radius of over {BLURRED_KM} km; of a prefix of at most /16 (IPv6: /32) | {BLURRED:+} each |"
        ),
        format!("| a provider's city | {PROVIDER} |"),
        format!("a proxy or a data centre | {DOUBTFUL:+} |"),
        format!("with the place that the name means | {AGREES_WITH_NAME:+} |"),
        format!("| another database with the same place | {DATABASES_AGREE:+.1} |"),
        format!("| another provider with the same place | {PROVIDER_AGREES:+} |"),
        format!("| a country without a city | {COUNTRY} |"),
        format!("| another source with the same country | {COUNTRY_AGREES:+} |"),
        format!("| another source with another country | {COUNTRY_DIFFERS:+} |"),
        format!("with another place, not ruled out | {OTHER_PLACE:+.1} |"),
        format!("within {near} km of the vantage point, or of a known hop | {n:+} |"),
        format!("within {nearer} km | {m:+.1} |"),
        format!("within {nearest} km | {l:+} |"),
        format!("2 ms or less from it | {BESIDE:+} |"),
        format!("| too soon for the place | {REFUTED:+.1} |"),
        format!("the score is at least {HIGH}, and two *kinds*"),
        format!("the score is at least {MEDIUM}."),
        format!("Places within {SAME_KM} km of each other are one."),
        format!("for names {CITY_KM} km"),
    ] {
        assert!(page.contains(&row), "{row}");
    }
}

//! tm-geo against databases of every vendor's layout and real HTTP servers on loopback, as a user
//! meets it.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};
use tm_tests::hop_line::{filter, filter_command, hop, lines, records, records_of};
use tm_tests::{bare, mmdb};

/// A hop with a name.
fn named(n: u8, ip: &str, rtt: f64, name: &str) -> Value {
    let mut hop = hop(n, ip, rtt);
    hop["dns"] = json!({"hostname": name, "names": [name], "source": "192.0.2.53:53"});
    hop
}

fn run(home: &Path, args: &[&str], hops: &[Value]) -> Output {
    filter("tm-geo", args, home, &lines(hops))
}

fn places(home: &Path, args: &[&str], hops: &[Value]) -> Vec<Value> {
    let out = records(&run(home, &[args, &["--no-api"]].concat(), hops));
    out.into_iter().map(|mut record| record["geo"].take()).collect()
}

fn frankfurt() -> Value {
    json!({"city": {"names": {"en": "Frankfurt am Main"}},
        "country": {"iso_code": "DE", "names": {"en": "Germany"}},
        "location": {"latitude": 50.1188, "longitude": 8.6843, "accuracy_radius": 20},
        "subdivisions": [{"iso_code": "HE", "names": {"en": "Hesse"}}]})
}

fn database(home: &Path) -> PathBuf {
    mmdb::write(
        home,
        "city.mmdb",
        "GeoLite2-City",
        &[
            ("9.0.0.0/24", frankfurt()),
            (
                "9.1.0.0/16",
                json!({"country": {"iso_code": "US"}, "location":
            {"latitude": 37.751, "longitude": -97.822, "accuracy_radius": 1000}}),
            ),
            (
                "9.2.0.0/24",
                json!({"city": {"names": {"en": "Sydney"}}, "country": {"iso_code": "AU"},
            "location": {"latitude": -33.87, "longitude": 151.21, "accuracy_radius": 10}}),
            ),
            ("2a00:1::/48", frankfurt()),
            (
                "1.1.1.0/24",
                json!({"city": {"names": {"en": "Sydney"}}, "country": {"iso_code": "AU"},
            "location": {"latitude": -33.87, "longitude": 151.21}}),
            ),
        ],
    )
}

#[test]
fn without_any_database_names_say_where_routers_are() {
    let home = tempfile::tempdir().unwrap();
    let out = places(
        home.path(),
        &[],
        &[
            named(3, "9.0.0.1", 10.0, "be3084.ccr42.lax01.atlas.cogentco.com"),
            named(4, "9.0.0.2", 10.0, "nothing.example.net"),
            hop(5, "9.0.0.3", 10.0),
            named(6, "10.0.0.1", 10.0, "core1.fra03.example.net"),
        ],
    );
    assert_eq!((&out[0]["city"], &out[0]["country_code"]), (&json!("Los Angeles"), &json!("US")));
    assert_eq!((&out[0]["source"], &out[0]["confidence"]), (&json!("name"), &json!("medium")));
    assert_eq!(out[1], json!({"source": "name"}));
    assert_eq!((&out[2], &out[3]), (&Value::Null, &Value::Null), "nobody was asked");
}

#[test]
fn a_database_is_read_and_agrees_with_the_name() {
    let home = tempfile::tempdir().unwrap();
    let file = database(home.path());
    let args = ["--mmdb", file.to_str().unwrap()];
    let out = places(
        home.path(),
        &args,
        &[
            hop(1, "9.0.0.1", 10.0),
            named(2, "9.0.0.2", 10.0, "ae1.core1.fra03.example.net"),
            hop(3, "9.1.0.1", 10.0),
            hop(4, "9.3.0.1", 10.0),
            hop(5, "2a00:1::1", 10.0),
            hop(6, "1.1.1.1", 10.0),
        ],
    );
    assert_eq!(
        out[0],
        json!({
            "lat": 50.1188, "lon": 8.6843, "city": "Frankfurt am Main", "region": "Hesse",
            "country": "Germany", "country_code": "DE", "accuracy_km": 20.0, "source": "city.mmdb",
            "confidence": "medium", "score": 2.0,
            "evidence": [{"source": "city.mmdb", "says": "Frankfurt am Main, DE", "score": 2.0}]
        })
    );
    assert_eq!(out[1]["confidence"], "high", "{}", out[1]);
    assert_eq!(out[1]["evidence"].as_array().unwrap().len(), 3, "{}", out[1]);
    // The middle of a country is the country.
    assert_eq!((&out[2]["country_code"], &out[2]["lat"]), (&json!("US"), &Value::Null));
    assert_eq!(out[3], json!({"source": "city.mmdb"}));
    assert_eq!(out[4]["city"], "Frankfurt am Main");
    assert_eq!((&out[5]["anycast"], &out[5]["lat"]), (&json!(true), &Value::Null));
}

#[test]
fn every_layout_and_every_way_to_name_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join(".local/share/tracemap");
    std::fs::create_dir_all(&data).unwrap();
    let flat = json!({"country_code": "DE", "region_name": "Hesse", "city_name": "Frankfurt",
        "latitude": 50.11, "longitude": 8.68});
    let strings = json!({"city": "Frankfurt", "region": "Hesse", "country": "DE",
        "lat": "50.11", "lng": "8.68"});
    let lite = json!({"country": "Germany", "country_code": "DE", "asn": "AS64500"});
    for (n, (record, city)) in
        [(frankfurt(), true), (flat, true), (strings, true), (lite, false)].into_iter().enumerate()
    {
        let path = mmdb::write(&data, "x.mmdb", "x", &[("9.0.0.0/24", record)]);
        let home = folder.path();
        let hops = [hop(1, "9.0.0.1", 10.0)];
        let ways = [
            places(home, &[], &hops),
            places(home, &["--mmdb", path.to_str().unwrap()], &hops),
            places(home, &["--mmdb", data.to_str().unwrap()], &hops),
        ];
        for out in ways {
            assert_eq!(out[0]["country"], "Germany", "{n}");
            assert_eq!(out[0]["city"].is_string(), city, "{n}");
            assert_eq!(out[0]["lat"].is_number(), city, "{n}");
        }
    }
}

#[test]
fn databases_that_disagree_leave_what_they_agree_on() {
    let home = tempfile::tempdir().unwrap();
    let one = database(home.path());
    let munich = json!({"city": "Munich", "country": "DE", "lat": 48.14, "lng": 11.58});
    let other = mmdb::write(home.path(), "other.mmdb", "x", &[("9.0.0.0/24", munich)]);
    let args = ["--mmdb", one.to_str().unwrap(), "--mmdb", other.to_str().unwrap()];
    let out = places(home.path(), &args, &[hop(1, "9.0.0.1", 10.0)]);
    assert_eq!((&out[0]["country_code"], &out[0]["city"]), (&json!("DE"), &Value::Null));
    assert_eq!(out[0]["conflicts"].as_array().unwrap().len(), 2, "{}", out[0]);
}

#[test]
fn hostile_databases_are_named_once_and_left_out() {
    let home = tempfile::tempdir().unwrap();
    let good = database(home.path());
    let bytes = std::fs::read(&good).unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = home.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let nonsense = file("nonsense.mmdb", b"\x00\x01nonsense");
    let empty = file("empty.mmdb", b"");
    let mut damaged = bytes.clone();
    let marker = bytes.windows(14).rposition(|part| part == b"\xab\xcd\xefMaxMind.com").unwrap();
    damaged[marker - 600..marker].fill(0x20); // pointers to themselves
    let damaged = file("damaged.mmdb", &damaged);
    let missing = home.path().join("missing.mmdb").to_str().unwrap().to_owned();
    let good = good.to_str().unwrap();
    let args = [&nonsense, &empty, &damaged, &missing].map(|path| ["--mmdb", path]).concat();
    let args = [args, vec!["--mmdb", good, "--no-api"]].concat();
    let hops: Vec<_> = (1..=9).map(|n| hop(n, &format!("9.0.0.{n}"), 10.0)).collect();
    let output = run(home.path(), &args, &hops);
    let err = String::from_utf8(output.stderr.clone()).unwrap();
    let out = records_of(&output);
    assert!(out.iter().all(|record| record["geo"]["city"] == "Frankfurt am Main"), "{out:?}");
    assert_eq!(output.status.code(), Some(2), "what the user named was not asked");
    assert_eq!(err.lines().count(), 4, "{err}");
    for name in ["nonsense.mmdb", "empty.mmdb", "damaged.mmdb", "missing.mmdb"] {
        assert_eq!(err.matches(name).count(), 1, "{err}");
    }
}

#[test]
fn a_database_of_random_octets_never_stops_a_stream() {
    let home = tempfile::tempdir().unwrap();
    let good = std::fs::read(database(home.path())).unwrap();
    let path = home.path().join("random.mmdb");
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let hops: Vec<_> = (1..=4).map(|n| hop(n, &format!("9.{}.0.1", n % 3), 10.0)).collect();
    for _ in 0..60 {
        let mut bytes = good.clone();
        for _ in 0..8 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let at = (state >> 16) as usize % bytes.len();
            bytes[at] = state as u8;
        }
        std::fs::write(&path, &bytes).unwrap();
        let out = run(home.path(), &["--no-api", "--mmdb", path.to_str().unwrap()], &hops);
        assert_eq!(records_of(&out).len(), 4, "{out:?}");
        assert_eq!(out.status.success(), out.stderr.is_empty(), "{out:?}");
    }
}

#[test]
fn a_database_that_the_user_named_and_that_is_not_there_is_no_success() {
    let home = tempfile::tempdir().unwrap();
    let good = database(home.path()).display().to_string();
    let folder = home.path().join("empty");
    std::fs::create_dir(&folder).unwrap();
    let folder = folder.display().to_string();
    for (bad, why) in [("nowhere.mmdb", "cannot read"), (&folder, "no data")] {
        let args = ["--no-api", "--mmdb", bad, "--mmdb", &good];
        // Whether a record needs it or not.
        for hops in [vec![hop(1, "9.0.0.1", 10.0)], Vec::new()] {
            let output = run(home.path(), &args, &hops);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{bad}: {stderr}");
            assert!(stderr.contains(bad) && stderr.contains(why), "{stderr}");
            assert_eq!(records_of(&output).len(), hops.len(), "the others are asked");
        }
    }
    let with = |value: &str| {
        let mut command = filter_command("tm-geo", &["--no-api", "/dev/null"], home.path());
        command.env("TRACEMAP_GEOIP_MMDB", value).output().unwrap().status.code()
    };
    assert_eq!(with(&format!("{good}:nowhere.mmdb")), Some(2));
    assert_eq!((with(&good), with("")), (Some(0), Some(0)));
    // What merely lies there is worth a warning.
    let data = home.path().join(".local/share/tracemap");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("IP2LOCATION-LITE-DB11.MMDB"), "nonsense").unwrap();
    let output = run(home.path(), &["--no-api"], &[hop(1, "9.0.0.1", 10.0)]);
    assert!(output.status.success() && !output.stderr.is_empty(), "{output:?}");
}

/// Oslo to Boston and a name that says Los Angeles, as a trace of November 2024 had it.
fn to_boston() -> Vec<Value> {
    let name = |site: &str| format!("be2.ccr41.{site}.atlas.cogentco.com");
    vec![
        named(3, "154.54.1.1", 1.1, &name("osl01")),
        named(4, "154.54.1.2", 14.6, &name("ham01")),
        named(5, "154.54.1.3", 22.9, &name("ams03")),
        named(6, "154.54.1.4", 30.2, &name("lon13")),
        named(7, "154.54.1.5", 94.18, &name("bos01")),
        named(8, "154.54.1.6", 94.59, "btn.lax05.atlas.cogentco.com"),
    ]
}

#[test]
fn a_name_that_the_path_forbids_is_marked_impossible() {
    let home = tempfile::tempdir().unwrap();
    for args in [&["--origin", "59.91,10.75"][..], &[]] {
        let out = places(home.path(), args, &to_boston());
        let cities: Vec<_> = out.iter().map(|geo| geo["city"].as_str().unwrap()).collect();
        assert_eq!(cities[..5], ["Oslo", "Hamburg", "Amsterdam", "London", "Boston"]);
        assert!(out[..5].iter().all(|geo| geo.get("impossible").is_none()), "{out:?}");
        let last = &out[5];
        assert_eq!((&last["impossible"], &last["confidence"]), (&json!(true), &json!("low")));
        let conflict = last["conflicts"][0].as_str().unwrap();
        assert!(conflict.contains("London, Boston to Los Angeles and back is 19"), "{conflict}");
    }
}

#[test]
fn an_impossible_database_loses_to_a_possible_name() {
    let home = tempfile::tempdir().unwrap();
    let file = database(home.path());
    let args = ["--mmdb", file.to_str().unwrap(), "--origin", "50.11,8.68"];
    let out = places(
        home.path(),
        &args,
        &[
            hop(2, "9.2.0.1", 4.0),
            named(3, "9.2.0.2", 5.0, "ae1.core1.fra03.example.net"),
            hop(4, "9.2.0.3", 300.0),
        ],
    );
    assert_eq!((&out[0]["impossible"], &out[0]["city"]), (&json!(true), &json!("Sydney")));
    assert!(out[0]["conflicts"][0].as_str().unwrap().contains("km from the vantage point"));
    assert!(out[1]["city"].as_str().unwrap().starts_with("Frankfurt"), "{}", out[1]);
    assert_eq!(out[1]["source"], "name");
    assert!(out[1].get("impossible").is_none());
    assert!(out[1]["conflicts"][0].as_str().unwrap().starts_with("city.mmdb says Sydney, AU"));
    assert_eq!((&out[2]["city"], out[2].get("impossible")), (&json!("Sydney"), None));
}

#[test]
fn one_trace_says_nothing_of_another() {
    let home = tempfile::tempdir().unwrap();
    let mut hops = to_boston();
    hops[5]["trace_id"] = json!("019abf00-1111-7222-8333-999999999999");
    hops[5]["rtt"]["min"] = json!(30.0);
    let out = places(home.path(), &[], &hops);
    assert_eq!((&out[5]["city"], out[5].get("impossible")), (&json!("Los Angeles"), None));
}

#[test]
fn without_an_origin_the_vantage_point_is_inferred_and_the_evidence_says_from_what() {
    let home = tempfile::tempdir().unwrap();
    let name = |site: &str| format!("be2.ccr41.{site}.atlas.cogentco.com");
    // Two flows that part after nothing that is known: only the vantage point is common.
    let mut hops = vec![
        hop(1, "10.0.0.1", 0.2),
        named(2, "154.54.1.1", 1.1, &name("osl01")),
        named(4, "154.54.2.1", 2.6, &name("osl02")),
        named(5, "154.54.2.2", 60.0, &name("lax05")),
        named(6, "154.54.2.3", 200.0, &name("lax06")),
    ];
    for hop in &mut hops[2..] {
        hop["flows"] = json!([1]);
    }
    let out = places(home.path(), &[], &hops);
    let says = out[2]["evidence"].to_string();
    let wanted = "within 1000 km of Oslo: hop 2, which is there, answered so soon that the probes \
                  left near it";
    assert!(says.contains(wanted), "{says}");
    assert_eq!((&out[3]["city"], &out[3]["impossible"]), (&json!("Los Angeles"), &json!(true)));
    let conflict = out[3]["conflicts"][0].as_str().unwrap();
    assert!(conflict.contains("Oslo"), "{conflict}");
    // Far enough in time, it is possible.
    assert_eq!((&out[4]["city"], out[4].get("impossible")), (&json!("Los Angeles"), None));
    // Private hops and responders without a place say nothing of the vantage point.
    let alone = places(home.path(), &[], &[hop(1, "10.0.0.1", 0.2), hops[3].clone()]);
    assert_eq!((&alone[1]["city"], alone[1].get("impossible")), (&json!("Los Angeles"), None));
    assert!(!alone[1]["evidence"].to_string().contains("within"), "{}", alone[1]);
}

#[test]
fn an_address_that_two_vantage_points_both_have_near_is_anycast() {
    let home = tempfile::tempdir().unwrap();
    let file = database(home.path());
    let of = |n: u64, source: &str, rtt: f64| {
        let mut hop = hop(5, "9.2.0.1", rtt);
        hop["trace_id"] = json!(format!("019abf00-1111-7222-8333-{n:012}"));
        hop["source_ip"] = json!(source);
        hop
    };
    // From Oslo, from Sydney, from Oslo again.
    let hops = [
        of(1, "198.18.0.1", 170.0),
        of(2, "198.18.0.2", 3.0),
        of(3, "198.18.0.1", 4.0),
        of(4, "198.18.0.2", 3.0),
    ];
    let database = file.to_str().unwrap();
    let args = [
        "--mmdb",
        database,
        "--origin",
        "198.18.0.1=59.91,10.75",
        "--origin",
        "198.18.0.2=-33.87,151.21",
    ];
    let out = places(home.path(), &args, &hops);
    assert_eq!((&out[0]["city"], &out[1]["city"]), (&json!("Sydney"), &json!("Sydney")));
    for geo in &out[2..] {
        assert_eq!((&geo["anycast"], &geo["source"]), (&json!(true), &json!("rtt")), "{geo}");
        assert_eq!(
            (&geo["city"], &geo["lat"], geo.get("impossible")),
            (&Value::Null, &Value::Null, None)
        );
        let says = geo["evidence"][0]["says"].as_str().unwrap();
        assert!(says.contains("km of -33.87,151.21 and within 455 km of 59.91,10.75"), "{says}");
        assert_eq!(geo["conflicts"][0], "city.mmdb says Sydney, AU, as if it were one place");
    }
    // One vantage point alone cannot tell a wrong place from anycast.
    let args = ["--mmdb", database, "--origin", "59.91,10.75"];
    let out = places(home.path(), &args, &hops[2..3]);
    assert_eq!((&out[0]["impossible"], out[0].get("anycast")), (&json!(true), None));
}

#[test]
fn an_invention_takes_its_name_and_says_what_it_is() {
    let home = tempfile::tempdir().unwrap();
    let hops = [hop(1, "9.0.0.1", 10.0), named(2, "9.0.0.2", 10.0, "ae1.core1.fra03.example.net")];
    let out = places(home.path(), &["--providers", "mock"], &hops);
    assert_eq!((&out[0]["source"], &out[0]["confidence"]), (&json!("mock"), &json!("low")));
    assert!(out[0]["lat"].is_number() && out[0]["evidence"][0]["says"].is_string());
    assert_eq!(out[1]["source"], "name");
    assert_eq!(places(home.path(), &[], &hops)[0], Value::Null);
}

#[test]
fn flags_that_make_no_sense_are_refused() {
    let home = tempfile::tempdir().unwrap();
    for args in [
        &["--origin", "91,0"][..],
        &["--origin", "0,0,0"],
        &["--providers", "nobody"],
        &["--ip-api-url", "ftp://x"],
        &["--prefer", "me"],
        &["--timeout", "0"],
    ] {
        let output = run(home.path(), args, &[]);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
    let wrong_key = run(home.path(), &["--ip-api-key", "s3cret", "--origin", "x"], &[]);
    assert!(!String::from_utf8_lossy(&wrong_key.stderr).contains("s3cret"));
}

/// Commands of the `console` blocks of a page, each with what it must print.
fn examples(page: &str) -> Vec<(String, String)> {
    let blocks = page.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next());
    let commands = blocks.flat_map(|block| block.split("$ ").skip(1));
    let halves = commands.filter_map(|command| command.split_once('\n'));
    halves.map(|(command, output)| (command.to_owned(), output.to_owned())).collect()
}

#[test]
fn what_the_documentation_shows_is_what_happens() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("trace.ndjson"), lines(&to_boston())).unwrap();
    std::fs::write(home.path().join("one.ndjson"), lines(&[hop(1, "9.0.0.1", 1.0)])).unwrap();
    let of = |trace: &str, source: &str, rtt: u8| {
        let mut hop = hop(5, "9.0.0.1", f64::from(rtt));
        hop["trace_id"] = json!(trace);
        hop["source_ip"] = json!(source);
        hop["rtt"]["min"] = json!(rtt);
        hop
    };
    let two = [of("oslo", "198.18.0.1", 3), of("sydney", "198.18.0.2", 4)];
    std::fs::write(home.path().join("two.ndjson"), lines(&two)).unwrap();
    let tools = tm_tests::tool("tm-geo").parent().unwrap().display().to_string();
    let examples = examples(include_str!("../../docs/geo.md"));
    assert!(examples.len() >= 4, "{examples:?}");
    for (command, wanted) in examples {
        let mut shell = bare("sh");
        shell.args(["-c", &command]).current_dir(&home).env("HOME", home.path());
        let output = shell.env("PATH", format!("{tools}:/usr/bin:/bin")).output().unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        assert_eq!((out, output.stderr.len()), (wanted, 0), "{command}");
    }
}

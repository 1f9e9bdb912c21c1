//! Traces to export: deterministic records as the whole pipeline would write them, made without
//! a network. Addresses are of the documentation ranges or well known; nobody was traced.

#![allow(clippy::indexing_slicing)] // the tables are written out here

use serde_json::{Value, json};

/// A hop of a made-up path.
#[derive(Clone, Copy, Debug)]
pub struct Stop {
    /// The responder; empty: nobody answers.
    pub ip: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its AS: number and organisation.
    pub asn: (u32, &'static str),
    /// Where it stands: city, country, latitude, longitude; no city: nobody knows.
    pub place: (&'static str, &'static str, f64, f64),
    /// Smallest RTT.
    pub rtt: f64,
    /// How many of its probes are lost, of three.
    pub lost: usize,
}

const NOWHERE: (&str, &str, f64, f64) = ("", "", 0.0, 0.0);
const FRANKFURT: (&str, &str, f64, f64) = ("Frankfurt", "DE", 50.11, 8.68);
const SAN_JOSE: (&str, &str, f64, f64) = ("San Jose", "US", 37.34, -121.89);
const TOKYO: (&str, &str, f64, f64) = ("Tokyo", "JP", 35.68, 139.69);
const AUCKLAND: (&str, &str, f64, f64) = ("Auckland", "NZ", -36.85, 174.76);

const fn stop(
    ip: &'static str,
    name: &'static str,
    asn: (u32, &'static str),
    place: (&'static str, &'static str, f64, f64),
    rtt: f64,
    lost: usize,
) -> Stop {
    Stop { ip, name, asn, place, rtt, lost }
}

/// From Germany by way of California and Japan to New Zealand, across the antimeridian.
pub const PACIFIC: &[Stop] = &[
    stop("192.168.1.1", "router.example", (0, ""), NOWHERE, 0.61, 0),
    stop("100.64.0.1", "", (0, ""), NOWHERE, 7.9, 0),
    stop("203.0.113.17", "ffm-b5.example.net", (64500, "Example Access"), FRANKFURT, 8.6, 0),
    stop("203.0.113.33", "ffm-bb1.example.net", (64500, "Example Access"), FRANKFURT, 8.9, 0),
    stop(
        "198.51.100.5",
        "ae-3.r20.frnkge13.de.bb.example.com",
        (64510, "Example Backbone"),
        FRANKFURT,
        9.3,
        0,
    ),
    stop("", "", (0, ""), NOWHERE, 0.0, 3),
    stop(
        "198.51.100.21",
        "ae-1.r01.snjsca04.us.bb.example.com",
        (64510, "Example Backbone"),
        SAN_JOSE,
        154.3,
        0,
    ),
    stop(
        "198.51.100.33",
        "ae-7.r22.tokyjp05.jp.bb.example.com",
        (64510, "Example Backbone"),
        TOKYO,
        250.5,
        2,
    ),
    stop(
        "198.51.100.41",
        "",
        (64510, "Example Backbone"),
        ("Osaka", "JP", 34.69, 135.50),
        251.9,
        0,
    ),
    stop("192.0.2.66", "akl-core.example.nz", (64520, "Example Pacific"), AUCKLAND, 331.2, 0),
    stop("192.0.2.9", "www.example.nz", (64520, "Example Pacific"), AUCKLAND, 332.0, 0),
];

/// The hop record of a stop. Jitter follows from the numbers, and is the same each time.
fn hop(trace: &Heading, ttl: u8, stop: &Stop) -> Value {
    let silent = stop.ip.is_empty();
    let wobble = |probe: usize| {
        let seed = (usize::from(ttl) * 7 + probe * 5 + trace.round as usize * 11) % 13;
        seed as f64 * 0.11
    };
    let rtt = |probe: usize| ((stop.rtt + wobble(probe)) * 1e3).round() / 1e3;
    let probes: Vec<Value> = if silent {
        (0..3).map(|_| json!({"rtt_ms": null, "ok": false, "flow": 0})).collect()
    } else {
        (stop.lost..3).map(|probe| json!({"rtt_ms": rtt(probe), "ok": true, "flow": 0})).collect()
    };
    let rtts: Vec<f64> = probes.iter().filter_map(|probe| probe["rtt_ms"].as_f64()).collect();
    let received = rtts.len();
    let mut record = json!({
        "type": "hop", "v": 1, "trace_id": trace.id, "host": trace.host,
        "resolved_ip": trace.to, "source_ip": "192.168.1.23", "protocol": "udp", "port": 33434,
        "round": trace.round, "at": format!("2026-11-24T10:{:02}:00.{:06}Z", trace.round, u32::from(ttl) * 20_000),
        "hop": ttl, "ip": if silent { Value::Null } else { json!(stop.ip) }, "probes": probes,
        "sent": 3, "received": received, "loss_pct": tm_schema::loss_pct(3, received as u32),
        "rtt": tm_schema::Rtt::of(&rtts),
        "reply": if silent { Value::Null } else if stop.ip == trace.to {
            json!({"kind": "dest_unreachable", "type": 3, "code": 3, "ttl": 52, "note": null})
        } else {
            json!({"kind": "time_exceeded", "type": 11, "code": 0, "ttl": 255 - ttl, "note": null})
        },
        "flows": if silent { json!([]) } else { json!([0]) }, "is_destination": stop.ip == trace.to,
        "is_private": stop.ip.starts_with("192.168.") || stop.ip.starts_with("100.64."), "is_timeout": silent,
    });
    if !stop.name.is_empty() {
        record["dns"] =
            json!({"hostname": stop.name, "names": [stop.name], "verified": true, "source": "dns"});
    }
    if stop.asn.0 > 0 {
        record["asn"] = json!({"number": stop.asn.0, "org": stop.asn.1, "prefix": "198.51.100.0/24", "country": "DE", "registry": "ripencc", "source": "cymru"});
    }
    if !stop.place.0.is_empty() {
        record["geo"] = place(stop);
    }
    record
}

fn place(stop: &Stop) -> Value {
    let (city, country, lat, lon) = stop.place;
    let named = stop.name.contains(".bb.");
    let mut evidence =
        vec![json!({"source": "geo.mmdb", "says": format!("{city}, {country}"), "score": 25.0})];
    if named {
        evidence.insert(0, json!({"source": "name", "says": format!("the name holds a code of {city}"), "score": 40.0}));
    }
    json!({
        "lat": lat, "lon": lon, "city": city, "country_code": country, "accuracy_km": 50.0, "source": if named { "name" } else { "geo.mmdb" },
        "confidence": if named { "high" } else { "medium" }, "score": if named { 80.0 } else { 45.0 }, "evidence": evidence,
    })
}

/// What all records of one trace share.
#[derive(Clone, Debug)]
pub struct Heading {
    /// `trace_id`.
    pub id: String,
    /// What was asked for.
    pub host: String,
    /// The address traced.
    pub to: &'static str,
    /// The repetition.
    pub round: u64,
}

/// The records of a trace along `stops`, its end included.
pub fn trace(host: &str, round: u64, stops: &[Stop]) -> Vec<Value> {
    let to = stops.last().map_or("", |stop| stop.ip);
    let heading = Heading {
        id: format!("019abf00-{round:04x}-7222-8333-{:012x}", host.len()),
        host: host.to_owned(),
        to,
        round,
    };
    let mut records: Vec<Value> =
        stops.iter().zip(1..).map(|(stop, ttl)| hop(&heading, ttl, stop)).collect();
    let responded = stops.iter().filter(|stop| !stop.ip.is_empty()).count();
    records.push(json!({
        "type": "trace", "v": 1, "trace_id": heading.id, "host": host, "resolved_ip": to,
        "source_ip": "192.168.1.23", "protocol": "udp", "port": 33434, "round": round,
        "tool": "tm-probe", "version": "0.1.0", "platform": "linux-x86_64", "max_hops": 30,
        "probes": 3, "timeout_s": 2.0, "method": "paris",
        "started_at": format!("2026-11-24T10:{round:02}:00.000000Z"),
        "completed_at": format!("2026-11-24T10:{round:02}:01.000000Z"),
        "reached": true, "stop": "destination", "error": null, "hops": stops.len(),
        "responded": responded, "sent": stops.len() * 3,
        "received": stops.iter().filter(|stop| !stop.ip.is_empty()).map(|stop| 3 - stop.lost).sum::<usize>(),
    }));
    records
}

/// The Pacific tour with everything that a page marks: a doubtful place, an impossible one, an
/// invented one, labels, an interface, a second responder.
pub fn pacific() -> Vec<Value> {
    let mut records = trace("www.example.nz", 1, PACIFIC);
    records[2]["geo"]["confidence"] = json!("low");
    records[2]["geo"]["accuracy_km"] = json!(250.0);
    records[8]["geo"] = json!({
        "lat": 52.37, "lon": 4.90, "city": "Amsterdam", "country_code": "NL", "source": "geo.mmdb", "confidence": "low", "score": 5.0,
        "evidence": [{"source": "geo.mmdb", "says": "Amsterdam, NL", "score": 25.0}],
        "conflicts": ["The hops before and after it stand in Tokyo and Auckland"],
    });
    records[9]["geo"] = json!({
        "lat": -34.60, "lon": -58.38, "city": "Buenos Aires", "country_code": "AR", "source": "geo.mmdb", "confidence": "low", "score": -20.0,
        "impossible": true, "conflicts": ["It answered sooner than light in fibre could go there and back"],
    });
    records[6]["mpls"] = json!([{"label": 24015, "tc": 0, "bottom": true, "ttl": 1}]);
    records[4]["interface"] = json!({"role": "incoming", "name": "xe-0/0/1.0", "mtu": 9100});
    let mut second = records[3].clone();
    second["ip"] = json!("203.0.113.35");
    second["dns"]["hostname"] = json!("ffm-bb2.example.net");
    second["flows"] = json!([1]);
    records[3]["flows"] = json!([0, 2]);
    for at in [0, 1, 2, 4, 6, 7, 8, 9, 10] {
        records[at]["flows"] = json!([0, 1, 2]);
    }
    records.insert(4, second);
    records
}

/// Rounds of one host; in the later ones, the way through Frankfurt is another.
pub fn rounds(count: u64) -> Vec<Value> {
    let mut records = Vec::new();
    for round in 1..=count {
        let mut stops = PACIFIC.to_vec();
        if round > count / 2 {
            stops[3] =
                Stop { ip: "203.0.113.35", name: "ffm-bb2.example.net", rtt: 14.2, ..stops[3] };
        }
        records.extend(trace("www.example.nz", round, &stops));
    }
    records
}

/// A path of thirty hops, none silent, all with everything that the filters add.
pub fn long() -> Vec<Value> {
    const IPS: [&str; 30] = [
        "198.51.100.1",
        "198.51.100.2",
        "198.51.100.3",
        "198.51.100.4",
        "198.51.100.5",
        "198.51.100.6",
        "198.51.100.7",
        "198.51.100.8",
        "198.51.100.9",
        "198.51.100.10",
        "198.51.100.11",
        "198.51.100.12",
        "198.51.100.13",
        "198.51.100.14",
        "198.51.100.15",
        "198.51.100.16",
        "198.51.100.17",
        "198.51.100.18",
        "198.51.100.19",
        "198.51.100.20",
        "198.51.100.21",
        "198.51.100.22",
        "198.51.100.23",
        "198.51.100.24",
        "198.51.100.25",
        "198.51.100.26",
        "198.51.100.27",
        "198.51.100.28",
        "198.51.100.29",
        "198.51.100.30",
    ];
    const PLACES: [(&str, &str, f64, f64); 10] = [
        FRANKFURT,
        ("Amsterdam", "NL", 52.37, 4.90),
        ("London", "GB", 51.51, -0.13),
        ("New York", "US", 40.71, -74.01),
        ("Chicago", "US", 41.88, -87.63),
        ("Denver", "US", 39.74, -104.99),
        SAN_JOSE,
        TOKYO,
        ("Sydney", "AU", -33.87, 151.21),
        AUCKLAND,
    ];
    let stops: Vec<Stop> = IPS
        .iter()
        .enumerate()
        .map(|(at, ip)| {
            stop(
                ip,
                "ae-12.r04.some-site07.cc.bb.example.com",
                (64510, "Example Backbone"),
                PLACES[at / 3],
                3.0 + 11.0 * at as f64,
                0,
            )
        })
        .collect();
    trace("thirty.example", 1, &stops)
}

/// Texts that strangers could put into a name, each a danger to some format.
pub const HOSTILE: &[&str] = &[
    "</script><script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "\"><svg onload=window.pwned=1>",
    "' onmouseover='window.pwned=1",
    "a|b|c",
    "`rm -rf /`",
    "\u{1b}[2J\u{1b}]0;pwned\u{7}",
    "\u{202e}gro.elpmaxe",
    "one\ntwo\r\nthree",
    "=HYPERLINK(\"http://evil.example\",\"x\")",
    "+1+1",
    "@SUM(1)",
    "-2+3",
    "]]><!--",
    "{{ 7*7 }}{% raw %}",
    "[x](javascript:alert(1)) ![y](http://evil.example/z.png)",
    "back\\slash \"quote\" , comma = equals # hash",
    "\u{0}nul",
    "@everyone #1 http://evil.example www.evil.example",
];

/// A trace whose every text is hostile, and one of whose names is 10,000 characters long.
pub fn hostile() -> Vec<Value> {
    const TEN: [&str; 20] = [
        "192.0.2.1",
        "192.0.2.2",
        "192.0.2.3",
        "192.0.2.4",
        "192.0.2.5",
        "192.0.2.6",
        "192.0.2.7",
        "192.0.2.8",
        "192.0.2.10",
        "192.0.2.11",
        "192.0.2.12",
        "192.0.2.13",
        "192.0.2.14",
        "192.0.2.15",
        "192.0.2.16",
        "192.0.2.17",
        "192.0.2.18",
        "192.0.2.19",
        "192.0.2.20",
        "192.0.2.21",
    ];
    let stops: Vec<Stop> =
        TEN.iter().map(|ip| stop(ip, "x", (64500, "y"), FRANKFURT, 5.0, 0)).collect();
    let mut records = trace(HOSTILE[0], 1, &stops);
    let long = "A".repeat(10_000);
    for (at, record) in records.iter_mut().take(TEN.len()).enumerate() {
        let text = HOSTILE.get(at).copied().unwrap_or(&long);
        record["dns"] = json!({"hostname": text, "names": [text, "other"], "source": text});
        record["asn"]["org"] = json!(text);
        record["asn"]["prefix"] = json!(text);
        record["asn"]["source"] = json!(text);
        for member in ["city", "region", "country", "source"] {
            record["geo"][member] = json!(text);
        }
        record["geo"]["country_code"] = json!(text);
        record["geo"]["conflicts"] = json!([text]);
        record["geo"]["evidence"] = json!([{"source": text, "says": text, "score": 1.0}]);
        record["reply"]["note"] = json!(text);
        record["interface"] = json!({"role": text, "name": text});
    }
    if let Some(end) = records.last_mut() {
        for member in ["tool", "version", "platform", "error"] {
            end[member] = json!(HOSTILE[1]);
        }
    }
    let id = records[0]["trace_id"].clone();
    for text in HOSTILE {
        records.push(json!({
            "type": "alert", "v": 1, "at": "2026-11-24T10:01:00.000000Z", "host": HOSTILE[0], "trace_id": id,
            "kind": "route_change", "severity": "warning", "hop": 3, "before": text, "after": text, "message": text,
        }));
    }
    records
}

/// The Pacific tour as the tracer alone leaves it: no names, no networks, no places.
pub fn bare() -> Vec<Value> {
    let mut records = trace("www.example.nz", 1, PACIFIC);
    for record in records.iter_mut().filter_map(Value::as_object_mut) {
        for member in ["dns", "asn", "geo"] {
            record.remove(member);
        }
    }
    records
}

/// A trace that nobody answered.
pub fn silent() -> Vec<Value> {
    let nobody = stop("", "", (0, ""), NOWHERE, 0.0, 3);
    let mut records = trace("dark.example", 1, &[nobody; 5]);
    if let Some(end) = records.last_mut() {
        end["reached"] = json!(false);
        end["stop"] = json!("gap_limit");
    }
    for record in &mut records {
        record["is_destination"] = json!(false);
        record["resolved_ip"] = json!("192.0.2.77");
    }
    records
}

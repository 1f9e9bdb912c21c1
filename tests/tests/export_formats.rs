//! The machine formats of `tm-export`, each read back by a reader of its format.

// A test that cannot find what it looks for has failed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value
)]

use std::io::Write;
use std::process::Command;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use serde_json::{Value, json};
use tm_tests::exporting::{document, octets, pipe, read_by, run, text};
use tm_tests::foreign::python;
use tm_tests::hop_line::lines;
use tm_tests::{tool, tour};

#[test]
fn the_json_is_the_document_of_the_python_tracemap() {
    let text = text("json", &tour::pacific());
    let document: Value = serde_json::from_str(&text).unwrap();
    let members =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    let mut meta = members(&document["meta"]);
    meta.sort_unstable();
    assert_eq!(
        meta.join(" "),
        "completed_at host max_hops platform_release platform_system probes protocol resolved_ip started_at timeout_s tool version"
    );
    let hops = document["hops"].as_array().unwrap();
    assert_eq!(hops.len(), 11);
    let silent = &hops[5];
    assert_eq!(
        (&silent["ip"], &silent["is_timeout"], &silent["geo"]),
        (&Value::Null, &json!(true), &Value::Null)
    );
    assert_eq!(silent["probes"].as_array().unwrap().len(), 3, "the lost ones too");
    let tokyo = &hops[7]["geo"];
    assert_eq!(
        (&tokyo["city"], &tokyo["asn"], &tokyo["asn_org"]),
        (&json!("Tokyo"), &json!(64510), &json!("Example Backbone"))
    );
    let shared = hops[3]["probes"].as_array().unwrap();
    assert!(
        shared.iter().any(|probe| probe["ip"] == "203.0.113.35"),
        "each probe says who answered"
    );
    let slowest = read_by("jq", &["-r", "[.hops[] | select(.ip) | .hostname] | last"], &text);
    assert_eq!(slowest.trim(), "www.example.nz");
}

#[test]
fn csv_has_as_many_cells_in_every_row_and_no_formula() {
    for records in [tour::pacific(), tour::hostile()] {
        let text = text("csv", &records);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let columns = reader.headers().unwrap().clone();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), records.iter().filter(|record| record["type"] == "hop").count());
        for row in &rows {
            for (column, cell) in columns.iter().zip(row) {
                let is_number = cell.parse::<f64>().is_ok();
                assert!(
                    is_number || !cell.starts_with(['=', '+', '-', '@', '\t', '\r']),
                    "{column}: {cell}"
                );
                assert!(!cell.chars().any(char::is_control), "{column}: {cell:?}");
            }
        }
    }
    let text = text("csv", &tour::pacific());
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let at = reader.headers().unwrap().iter().position(|name| name == "lat").unwrap();
    let lats: Vec<String> = reader.records().map(|row| row.unwrap()[at].to_owned()).collect();
    assert!(lats.iter().any(|lat| lat == "-36.85"), "a negative number is no formula: {lats:?}");
}

#[test]
fn geojson_is_cut_at_the_antimeridian_and_nobody_is_at_0_0() {
    let collection = document("geojson", &tour::trace("www.example.nz", 1, tour::PACIFIC));
    let features = collection["features"].as_array().unwrap();
    let kind = |kind: &'static str| {
        features.iter().filter(move |feature| feature["geometry"]["type"] == kind)
    };
    assert_eq!(kind("Point").count(), 8);
    let mut parts = Vec::new();
    for leg in kind("MultiLineString") {
        for part in leg["geometry"]["coordinates"].as_array().unwrap() {
            let lons: Vec<f64> =
                part.as_array().unwrap().iter().map(|at| at[0].as_f64().unwrap()).collect();
            assert!(lons.windows(2).all(|two| (two[0] - two[1]).abs() < 180.0), "{lons:?}");
            assert!(lons.iter().all(|lon| lon.abs() <= 180.0));
            parts.push(lons);
        }
    }
    assert_eq!(parts.len(), kind("MultiLineString").count() + 1, "one leg crosses, once");
    for point in kind("Point") {
        assert_ne!(point["geometry"]["coordinates"], json!([0.0, 0.0]));
    }
}

#[test]
fn graphviz_draws_the_graph_with_a_node_for_each_silence() {
    let mut records = tour::pacific();
    // Two flows that meet nobody at hop 4 or 6 are two silences at hop 4, for they differ at hop 3.
    let mut other = records[2].clone();
    other["ip"] = json!("203.0.113.18");
    other["flows"] = json!([1]);
    records[2]["flows"] = json!([0, 2]);
    records.insert(3, other);
    records.retain(|record| record["hop"] != 4);
    let dot = text("dot", &records);
    let graph: Value = serde_json::from_str(&read_by("dot", &["-Tjson"], &dot)).unwrap();
    let names: Vec<&str> = graph["objects"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|node| node["label"].as_str())
        .collect();
    assert_eq!(names.iter().filter(|name| **name == "4. ?").count(), 2, "{names:?}");
    assert_eq!(names.iter().filter(|name| **name == "6. ?").count(), 1, "{names:?}");
    for records in [tour::hostile(), tour::rounds(4)] {
        read_by("dot", &["-Tsvg"], &text("dot", &records));
    }
}

#[test]
fn prometheus_metrics_have_one_value_a_series_and_few_labels() {
    for records in [tour::pacific(), tour::rounds(3), tour::hostile()] {
        let text = text("prometheus", &records);
        let scrape =
            prometheus_parse::Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).unwrap();
        let mut series: Vec<String> = scrape
            .samples
            .iter()
            .map(|sample| {
                format!("{}{:?}", sample.metric, {
                    let mut labels: Vec<_> = sample.labels.iter().collect();
                    labels.sort();
                    labels
                })
            })
            .collect();
        // This reader drops lines whose labels hold braces, which the format allows.
        let plain = |line: &&str| !line.starts_with('#') && line.matches(['{', '}']).count() == 2;
        assert!(series.len() >= text.lines().filter(plain).count(), "{text}");
        match Command::new("promtool").arg("--version").output() {
            Ok(_) => drop(read_by("promtool", &["check", "metrics"], &text)),
            Err(_) => println!("promtool is not installed: not asked"),
        }
        series.sort_unstable();
        series.dedup();
        assert_eq!(series.len(), scrape.samples.len(), "a series comes once");
        for sample in &scrape.samples {
            let named =
                sample.labels.get("addr").is_some() || sample.labels.get("hostname").is_some();
            assert!(!named || sample.metric == "tracemap_hop_info", "{sample:?}");
        }
        let up = scrape.samples.iter().find(|sample| sample.metric == "tracemap_up").unwrap();
        assert_eq!(up.value, prometheus_parse::Value::Gauge(1.0));
    }
    let rtt = text("prometheus", &tour::pacific());
    assert!(
        rtt.contains(
            "tracemap_rtt_seconds{target=\"www.example.nz\",protocol=\"udp\",family=\"4\"} 0.33"
        ),
        "{rtt}"
    );
    let failed = json!({
        "type": "trace", "trace_id": "t", "host": "gone.example", "resolved_ip": null, "source_ip": null, "protocol": "udp", "port": null,
        "tool": "tm-probe", "version": "0", "platform": "x", "max_hops": 30, "probes": 3, "timeout_s": 1.0, "method": "paris",
        "started_at": "2026-11-24T10:00:00Z", "completed_at": "2026-11-24T10:00:00Z", "reached": false, "stop": "error", "error": "no such host",
        "hops": 0, "responded": 0, "sent": 0, "received": 0,
    });
    assert!(
        text("prometheus", &[failed])
            .contains("tracemap_up{target=\"gone.example\",protocol=\"udp\"} 0\n")
    );
}

#[test]
fn line_protocol_is_read_back_with_its_texts() {
    for records in [tour::pacific(), tour::hostile()] {
        let text = text("influx", &records);
        let parsed: Vec<_> =
            influxdb_line_protocol::parse_lines(&text).map(|line| line.unwrap()).collect();
        let hops = records.iter().filter(|record| record["type"] == "hop").count();
        assert_eq!(parsed.len(), hops + 1);
        assert_eq!(text.lines().count(), hops + 1, "no text breaks a line");
        assert_eq!(parsed[0].timestamp, Some(1_795_514_460_020_000_000));
        let host = parsed[0].tag_value("host").unwrap().as_str().to_owned();
        assert_eq!(host, records[0]["host"].as_str().unwrap());
    }
    let silent = text("influx", &tour::pacific());
    let line = silent.lines().find(|line| line.contains(",hop=6 ")).unwrap();
    assert!(!line.contains("rtt_") && line.contains("received=0i"), "{line}");
}

#[test]
fn parquet_holds_the_texts_as_they_were() {
    let records = tour::hostile();
    let reader = SerializedFileReader::new(bytes(octets("parquet", &records))).unwrap();
    let schema = reader.metadata().file_metadata().schema();
    let at =
        |name: &str| schema.get_fields().iter().position(|field| field.name() == name).unwrap();
    let (name, hop, rtt, impossible) = (at("hostname"), at("hop"), at("rtt_avg"), at("impossible"));
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 20);
    for (row, record) in rows.iter().zip(&records) {
        assert_eq!(row.get_string(name).unwrap(), record["dns"]["hostname"].as_str().unwrap());
        assert_eq!(row.get_long(hop).unwrap(), record["hop"].as_i64().unwrap());
        assert_eq!(row.get_double(rtt).unwrap(), record["rtt"]["avg"].as_f64().unwrap());
        assert!(!row.get_bool(impossible).unwrap());
    }
}

fn bytes(octets: Vec<u8>) -> std::fs::File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&octets).unwrap();
    file
}

#[test]
fn duckdb_and_python_read_the_tables_with_their_types() {
    let folder = tempfile::tempdir().unwrap();
    let records = [tour::rounds(3), tour::hostile()].concat();
    for name in ["log.parquet", "log.csv"] {
        let path = folder.path().join(name);
        assert!(run(&["-o", path.to_str().unwrap()], &lines(&records)).status.success());
    }
    let script = r#"
import csv, duckdb, json, sys
folder = sys.argv[1]
ask = lambda query: duckdb.sql(query.replace("LOG", f"'{folder}/log.parquet'")).fetchall()
answer = {
    "hops": ask("SELECT count(*), count(ip), sum(sent), max(length(hostname)) FROM LOG")[0],
    "mean": ask("SELECT ip, round(avg(rtt_avg), 3) FROM LOG WHERE hop = 11 AND host = 'www.example.nz' GROUP BY ip")[0],
    "first": str(ask('SELECT min("at") FROM LOG')[0][0]),
    "types": {name: kind for name, kind, *_ in ask("DESCRIBE SELECT * FROM LOG")},
    "hostile": ask("SELECT hostname FROM LOG WHERE ip = '192.0.2.7'")[0][0],
    "same": duckdb.sql(f"SELECT count(*) FROM (SELECT hop, ip, sent, rtt_avg FROM '{folder}/log.parquet' EXCEPT ALL SELECT hop, ip, sent, rtt_avg FROM read_csv('{folder}/log.csv', header=true))").fetchall()[0][0],
}
with open(f"{folder}/log.csv", newline="") as file:
    rows = list(csv.DictReader(file))
answer["csv"] = [len(rows), sum(int(row["sent"]) for row in rows), rows[10]["hostname"], rows[5]["rtt_avg"]]
print(json.dumps(answer))
"#;
    let python = python(&["duckdb==2.0.1"]);
    let folder = folder.path().to_str().unwrap();
    let answer = read_by(python.to_str().unwrap(), &["-c", script, folder], "");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["hops"], json!([53, 50, 159, 10_000]));
    let mean = records
        .iter()
        .filter(|hop| hop["type"] == "hop" && hop["hop"] == 11 && hop["host"] == "www.example.nz");
    let mean = mean.map(|hop| hop["rtt"]["avg"].as_f64().unwrap()).sum::<f64>() / 3.0;
    assert_eq!(answer["mean"][0], "192.0.2.9");
    assert!((answer["mean"][1].as_f64().unwrap() - mean).abs() < 0.001, "{answer}");
    assert!(answer["first"].as_str().unwrap().starts_with("2026-11-24 10:01:00"), "{answer}");
    for (column, kind) in
        [("rtt_avg", "DOUBLE"), ("hop", "BIGINT"), ("is_destination", "BOOLEAN"), ("ip", "VARCHAR")]
    {
        assert_eq!(answer["types"][column], kind, "{column}");
    }
    assert!(answer["types"]["at"].as_str().unwrap().starts_with("TIMESTAMP"), "{answer}");
    assert_eq!(answer["hostile"], tour::HOSTILE[6], "as it was, escapes and all");
    assert_eq!(answer["same"], 0, "both tables hold the same numbers");
    assert_eq!(answer["csv"], json!([53, 159, "www.example.nz", ""]));
}

#[test]
fn sqlite_answers_queries() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.sqlite");
    let records = [tour::rounds(3), tour::hostile()].concat();
    let output = run(&["-o", path.to_str().unwrap()], &lines(&records));
    assert!(output.status.success(), "{output:?}");
    let database = rusqlite::Connection::open(&path).unwrap();
    let count = |query: &str| -> i64 { database.query_row(query, [], |row| row.get(0)).unwrap() };
    assert_eq!(count("SELECT count(*) FROM traces WHERE host = 'www.example.nz' AND reached"), 3);
    assert_eq!(
        count("SELECT count(*) FROM probes JOIN hops USING (trace_id, hop) WHERE hops.hop = 1"),
        12
    );
    assert_eq!(count("SELECT count(*) FROM hops WHERE ip IS NULL"), 3);
    assert_eq!(count("SELECT count(*) FROM alerts"), 19);
    assert_eq!(count("SELECT max(length(hostname)) FROM hops"), 10_000);
    let name: String = database
        .query_row("SELECT hostname FROM hops WHERE ip = '192.0.2.1'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(name, tour::HOSTILE[0]);
    drop(database);
    let query = "PRAGMA integrity_check; SELECT typeof(hop), typeof(rtt_avg), typeof(ip) FROM hops LIMIT 1;";
    let told = read_by("sqlite3", &[path.to_str().unwrap(), query], "");
    assert_eq!(told, "ok\ninteger|real|text\n");
}

#[test]
fn mtr_json_has_what_mtr_writes() {
    let text = text("mtr-json", &tour::rounds(4));
    let host = read_by("jq", &["-r", ".report.hubs[-1].host"], &text);
    assert_eq!(host.trim(), "www.example.nz (192.0.2.9)");
    let document: Value = serde_json::from_str(&text).unwrap();
    let hubs = document["report"]["hubs"].as_array().unwrap();
    assert_eq!(
        (&hubs[5]["host"], &hubs[5]["Loss%"], &hubs[5]["Best"]),
        (&json!("???"), &json!(100.0), &json!(0.0))
    );
    assert_eq!(
        (&hubs[7]["Snt"], &hubs[7]["Loss%"], &hubs[7]["ASN"]),
        (&json!(12), &json!(66.67), &json!("AS64510"))
    );
    assert_eq!(document["report"]["mtr"]["dst"], "www.example.nz");
}

#[test]
fn ndjson_is_the_lines_that_are_asked_for_octet_for_octet() {
    let mut text = lines(&tour::rounds(3));
    text += "{\"type\":\"note\",  \"mine\":1.50}\n";
    let all = run(&["-f", "ndjson"], &text);
    assert_eq!(String::from_utf8(all.stdout).unwrap(), text);
    let one = String::from_utf8(run(&["-f", "ndjson", "--round", "2"], &text).stdout).unwrap();
    assert!(
        one.lines().count() == 12
            && one.lines().all(|line| text.contains(line) && line.contains("\"round\":2"))
    );
    let last = String::from_utf8(run(&["-f", "ndjson", "--last"], &text).stdout).unwrap();
    assert!(
        last.lines().count() == 12 && last.lines().all(|line| line.contains("\"round\":3")),
        "{last}"
    );
    let bad = run(&["-f", "ndjson"], "{\"a\":1}\nnot json\n{\"b\":2}\n");
    assert_eq!(String::from_utf8_lossy(&bad.stdout), "{\"a\":1}\n{\"b\":2}\n");
    assert!(String::from_utf8_lossy(&bad.stderr).starts_with("tm-export: stdin:2: "), "{bad:?}");
}

/// The hops of records, each as far as a format carries it.
fn facts<T>(records: &str, of: impl Fn(&tm_schema::Hop) -> T) -> Vec<T> {
    let hops = records.lines().filter_map(|line| match serde_json::from_str(line).unwrap() {
        tm_schema::Record::Hop(hop) => Some(of(&hop)),
        _ => None,
    });
    hops.collect()
}

fn import(args: &[&str], document: &str) -> String {
    let output = pipe(Command::new(tool("tm-import")).args(args), document);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_real_trace_goes_out_and_comes_back_with_the_same_hops() {
    let probe = tool("tm-probe").display().to_string();
    for args in [["-q", "3", "198.51.100.9"], ["--flows", "8", "198.51.100.9"]] {
        let args = [&args[..], &["--timeout", "1"]].concat();
        let traced = tm_tests::Lab::new("tour").command(&probe, &args).output().unwrap();
        assert!(traced.status.success(), "{traced:?}");
        let records = String::from_utf8(traced.stdout).unwrap();
        let export = |format| String::from_utf8(run(&["-f", format], &records).stdout).unwrap();

        assert_eq!(export("ndjson"), records, "octet for octet");

        let back = import(&["--from", "auto"], &export("json"));
        let whole = |hop: &tm_schema::Hop| {
            let rtts: Vec<_> = hop.probes.iter().filter_map(|probe| probe.rtt_ms).collect();
            let flags = (hop.is_destination, hop.is_private, hop.is_timeout);
            let heading = (hop.host.clone(), hop.resolved_ip.clone(), hop.protocol);
            (
                heading,
                hop.hop,
                hop.ip.clone(),
                rtts,
                (hop.sent, hop.received, hop.loss_pct),
                hop.rtt,
                flags,
            )
        };
        let sorted = |records: &str| {
            let mut all = facts(records, whole);
            all.sort_by(|a, b| (a.1, &a.2).cmp(&(b.1, &b.2)));
            all
        };
        assert_eq!(sorted(&back), sorted(&records), "json: every hop and every RTT");
        let ends = |records: &str| -> (Value, Value, Value) {
            let end: Value = serde_json::from_str(records.lines().last().unwrap()).unwrap();
            (end["reached"].clone(), end["max_hops"].clone(), end["timeout_s"].clone())
        };
        assert_eq!(ends(&back), ends(&records));

        // mtr's report has one responder a TTL, and times to a hundredth.
        let back = import(&["--from", "auto"], &export("mtr-json"));
        let hundredths = |ms: f64| (ms * 100.0).round();
        let counts = |hop: &tm_schema::Hop| {
            let rtt = hop.rtt.map(|rtt| [rtt.min, rtt.avg, rtt.max].map(hundredths));
            (hop.hop, hop.ip.clone(), hop.sent, hop.received, rtt)
        };
        let (theirs, ours) = (facts(&back, counts), facts(&records, counts));
        for hop in &theirs {
            assert!(ours.contains(hop), "{hop:?} is none of {ours:?}");
        }
        let last = facts(&records, |hop| hop.hop).into_iter().max().unwrap();
        assert_eq!(theirs.len(), usize::from(last), "each TTL once");

        let mut table = csv::Reader::from_reader(export("csv").into_bytes().leak() as &[u8]);
        let rows: Vec<std::collections::HashMap<String, String>> =
            table.deserialize().map(Result::unwrap).collect();
        let told = |hop: &tm_schema::Hop| {
            let rtt = hop.rtt.map(|rtt| rtt.avg);
            (hop.hop.to_string(), hop.ip.clone().unwrap_or_default(), hop.sent.to_string(), rtt)
        };
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                (
                    row["hop"].clone(),
                    row["ip"].clone(),
                    row["sent"].clone(),
                    row["rtt_avg"].parse().ok(),
                )
            })
            .collect();
        assert_eq!(rows, facts(&records, told), "csv");
    }
}

/// Two rounds of one path, each from a named place.
fn from_two_places() -> Vec<Value> {
    let mut records = tour::rounds(2);
    let first = records[0]["trace_id"].clone();
    for record in &mut records {
        record["vantage"] = if record["trace_id"] == first { "berlin" } else { "paris" }.into();
    }
    records
}

#[test]
fn a_picture_is_of_one_vantage_point_and_names_it() {
    let records = lines(&from_two_places());
    let mixed = run(&["-f", "json"], &records);
    let said = String::from_utf8(mixed.stderr).unwrap();
    assert_eq!((mixed.status.code(), mixed.stdout.len()), (Some(2), 0), "{said}");
    assert!(said.contains(" from berlin, ") && said.contains(" from paris)"), "{said}");
    let of_paris = |format| {
        let output = run(&["-f", format, "--vantage", "paris"], &records);
        assert!(output.status.success() && output.stderr.is_empty(), "{format}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for (format, names) in [
        ("html", "from <code>paris ("),
        ("svg", "www.example.nz from paris<"),
        ("md", "From: paris ("),
        ("dot", "label=\"from paris\""),
        ("geojson", r#""vantage":"paris""#),
        ("mtr-json", r#""src": "paris""#),
        ("ndjson", r#""vantage":"paris""#),
        ("influx", ",vantage=paris,"),
        ("prometheus", r#"vantage="paris""#),
    ] {
        let text = of_paris(format);
        assert!(text.contains(names) && !text.contains("berlin"), "{format}: {text}");
    }
    let document: Value = serde_json::from_str(&of_paris("json")).unwrap();
    assert!(document["meta"].get("vantage").is_none(), "the document is the Python tracemap's");
}

#[test]
fn tables_and_series_tell_vantage_points_apart() {
    let records = from_two_places();
    let csv = text("csv", &records);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let column = reader.headers().unwrap().iter().position(|name| name == "vantage").unwrap();
    let mut places: Vec<String> =
        reader.records().map(|row| row.unwrap()[column].to_owned()).collect();
    places.dedup();
    assert_eq!(places, ["berlin", "paris"]);
    let metrics = text("prometheus", &records);
    let up: Vec<&str> = metrics.lines().filter(|line| line.starts_with("tracemap_up")).collect();
    assert!(up.len() == 2 && up[0].contains("berlin") && up[1].contains("paris"), "{up:?}");
    let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    std::fs::write(&path, octets("sqlite", &records)).unwrap();
    for table in ["hops", "traces"] {
        let query = format!("SELECT DISTINCT vantage FROM {table} ORDER BY 1");
        let told = read_by("sqlite3", &[path.to_str().unwrap(), &query], "");
        assert_eq!(told, "berlin\nparis\n", "{table}");
    }
}

#[test]
fn a_few_microseconds_are_not_shown_as_none() {
    let mut records = tour::pacific();
    for probe in records[0]["probes"].as_array_mut().unwrap() {
        probe["rtt_ms"] = json!(0.004);
    }
    for format in ["html", "md"] {
        let text = text(format, &records);
        assert!(text.contains("0.004") && !text.contains("0.00–"), "{format}: {text}");
    }
}

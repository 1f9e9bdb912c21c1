//! `tm-export` as a user meets it: records in, files out, each read back by a reader of its format.

// A test that cannot find what it looks for has failed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value
)]

use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use serde_json::{Value, json};
use tm_tests::hop_line::lines;
use tm_tests::{tool, tour};

/// Every format.
const FORMATS: [&str; 14] = [
    "html",
    "svg",
    "md",
    "bundle",
    "json",
    "csv",
    "geojson",
    "dot",
    "prometheus",
    "influx",
    "parquet",
    "sqlite",
    "mtr-json",
    "ndjson",
];
/// Those that draw one picture.
const PICTURES: [&str; 8] = ["html", "svg", "md", "bundle", "json", "geojson", "dot", "mtr-json"];

fn run(args: &[&str], input: &str) -> Output {
    pipe(Command::new(tool("tm-export")).args(args), input)
}

fn pipe(command: &mut Command, input: &str) -> Output {
    let mut child = command
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text = input.to_owned();
    let writer = std::thread::spawn(move || drop(stdin.write_all(text.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn octets(format: &str, records: &[Value]) -> Vec<u8> {
    let output = run(&["--quiet", "--format", format], &lines(records));
    assert!(output.status.success(), "{format}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn text(format: &str, records: &[Value]) -> String {
    String::from_utf8(octets(format, records)).unwrap()
}

fn document(format: &str, records: &[Value]) -> Value {
    serde_json::from_str(&text(format, records)).unwrap()
}

/// What a program makes of a text.
fn read_by(program: &str, args: &[&str], input: &str) -> String {
    let output = pipe(Command::new(program).args(args), input);
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

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

/// DuckDB from PyPI, in an environment of its own below target/.
fn duckdb() -> std::path::PathBuf {
    static LOCK: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one_at_a_time = LOCK.lock().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/python");
    let python = folder.join("bin/python3");
    let has_it = || {
        let import = Command::new(&python).args(["-c", "import duckdb"]).output();
        import.is_ok_and(|output| output.status.success())
    };
    if !has_it() {
        let folder = folder.to_str().unwrap();
        read_by("python3", &["-m", "venv", folder], "");
        let pip = python.with_file_name("pip");
        read_by(
            pip.to_str().unwrap(),
            &["install", "--quiet", "--disable-pip-version-check", "duckdb==2.0.1"],
            "",
        );
        assert!(has_it());
    }
    python
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
    let python = duckdb();
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

#[test]
fn the_picture_is_xml_with_every_stop_and_no_stranger_in_it() {
    for records in [tour::pacific(), tour::hostile(), tour::bare(), tour::silent(), tour::long()] {
        let text = text("svg", &records);
        let tree = roxmltree::Document::parse(&text).unwrap();
        let allowed =
            ["svg", "title", "desc", "style", "rect", "text", "defs", "g", "path", "use", "circle"];
        for node in tree.descendants().filter(roxmltree::Node::is_element) {
            let name = node.tag_name().name();
            assert!(allowed.contains(&name), "{name}");
            for attribute in node.attributes() {
                assert!(!attribute.name().starts_with("on"), "{attribute:?}");
                assert!(
                    attribute.name() != "href" || attribute.value().starts_with('#'),
                    "{attribute:?}"
                );
            }
        }
    }
    let text = text("svg", &tour::pacific());
    let tree = roxmltree::Document::parse(&text).unwrap();
    let labels: Vec<&str> = tree
        .descendants()
        .filter(|node| node.attribute("class") == Some("number"))
        .filter_map(|node| node.text())
        .collect();
    assert_eq!(labels, ["3–5", "7", "8", "9", "10", "11"]);
}

#[test]
fn the_report_is_markdown_in_which_nothing_of_a_stranger_is_markup() {
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
    for records in [tour::pacific(), tour::hostile(), tour::silent(), tour::rounds(3)] {
        let report =
            String::from_utf8(run(&["--quiet", "-f", "md", "--mermaid"], &lines(&records)).stdout)
                .unwrap();
        let (mut cells, mut widths) = (0, Vec::new());
        let mut text = String::new();
        for event in
            Parser::new_ext(&report, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH)
        {
            match event {
                Event::Html(html) | Event::InlineHtml(html) => panic!("HTML: {html}"),
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    panic!("a link: {dest_url}")
                }
                Event::End(TagEnd::TableCell) => cells += 1,
                Event::End(TagEnd::TableRow | TagEnd::TableHead) => {
                    widths.push(std::mem::take(&mut cells));
                }
                Event::Text(part) | Event::Code(part) => text += &part,
                _ => {}
            }
        }
        assert!(widths.iter().all(|width| [6, 10].contains(width)), "{widths:?}\n{report}");
        assert!(text.contains("The way to"));
        assert!(!report.chars().any(|c| c.is_control() && c != '\n'), "{report}");
        if records[0]["host"] == tour::HOSTILE[0] {
            for shown in [
                "<img src=x onerror=window.pwned=1>",
                "a|b|c",
                "`rm -rf /`",
                "[x](javascript:alert(1))",
            ] {
                assert!(text.contains(shown), "{shown} is not shown as text:\n{text}");
            }
            assert!(
                !report.contains("@everyone") || report.contains("`@everyone"),
                "nobody is called"
            );
        }
    }
}

#[test]
fn the_report_tells_loss_from_rate_limiting_and_says_how_sure_it_is() {
    let report = text("md", &tour::pacific());
    for wanted in [
        "www\\.example.nz answers: 333 ms on average, 0 % loss, 11 hops away.** _(observed)_",
        "loss at hop 8 (up to 67 %) does not continue beyond it: probably the router limits how often it answers",
        "The largest step of the delay, 145 ms, arises between hops 5 and 7 (Frankfurt, DE → San Jose, US, 9,153 km",
        "Hop 10 cannot stand in Buenos Aires, AR",
        "Who stands at hop 6: nobody answered there, and traffic passes. _(unknown)_",
        "| 3 | 3 | 2 | 1 | 0 | 2 |",
    ] {
        assert!(report.contains(wanted), "{wanted}\n{report}");
    }
    let mut lossy = tour::trace("lossy.example", 1, tour::PACIFIC);
    for at in [9, 10] {
        lossy[at]["received"] = json!(2);
    }
    let report = text("md", &lossy);
    assert!(report.contains("33 % at the destination, beginning at hop 10."), "{report}");
}

#[test]
fn a_router_that_limits_its_answers_is_not_where_loss_begins() {
    let mut lossy = tour::trace("lossy.example", 1, tour::PACIFIC);
    // Hop 7 answers one of ten, hop 8 nothing, and from hop 9 on one of ten is lost.
    for (at, received) in [(6, 1), (8, 9), (9, 9), (10, 9)] {
        lossy[at]["sent"] = json!(10);
        lossy[at]["received"] = json!(received);
    }
    for (member, silent) in [("ip", Value::Null), ("rtt", Value::Null), ("received", json!(0))] {
        lossy[7][member] = silent;
    }
    let begins = "10 % at the destination, beginning between hops 5 and 9.";
    let limited = "The loss at hop 7 (up to 90 %) does not continue beyond it";
    for format in ["md", "html"] {
        let report = text(format, &lossy);
        assert!(report.contains(begins) && report.contains(limited), "{report}");
    }
    let mut last = tour::trace("last.example", 1, tour::PACIFIC);
    last[10]["received"] = json!(2);
    let report = text("md", &last);
    let doubt =
        "beginning at hop 11; it may also be that the destination limits how often it answers.";
    assert!(report.contains(doubt), "{report}");
}

#[test]
fn an_ocean_is_no_detour_and_a_way_there_and_back_is_one() {
    let straight = text("md", &tour::trace("x.example", 1, tour::PACIFIC));
    assert!(!straight.contains("detour"), "{straight}");
    let mut stops = tour::PACIFIC.to_vec();
    let home = stops[4];
    stops.truncate(7);
    stops.push(tour::Stop { ip: "198.51.100.77", rtt: 305.0, ..home });
    let back = text("md", &tour::trace("x.example", 1, &stops));
    assert!(
        back.contains(
            "A detour: the way from hop 5 to hop 7 (Frankfurt, DE → San Jose, US, 9,153 km)"
        ),
        "{back}"
    );
}

#[test]
fn the_bundle_holds_everything_and_is_the_same_each_time() {
    let records = tour::rounds(2);
    let octets = octets("bundle", &records);
    assert!(octets == self::octets("bundle", &records), "no clock, no chance");
    let mut zip = zip::ZipArchive::new(Cursor::new(octets)).unwrap();
    let mut read = |name: &str| {
        let mut text = String::new();
        zip.by_name(&format!("trace/{name}")).unwrap().read_to_string(&mut text).unwrap();
        text
    };
    assert!(read("trace.html").starts_with("<!doctype html>"));
    assert_eq!(read("map.svg"), text("svg", &records));
    assert_eq!(read("report.md"), text("md", &records));
    assert_eq!(read("trace.json"), text("json", &records));
    assert_eq!(read("trace.csv"), text("csv", &records));
    assert_eq!(read("trace.ndjson"), lines(&records));
    let readme = read("README.txt");
    assert!(
        readme.starts_with("The way to www.example.nz (192.0.2.9), from 192.168.1.23, 2026-11-24 ")
    );
    assert!(readme.contains("report.md"));
}

#[test]
fn a_bundle_keeps_what_other_tools_added_to_the_records() {
    let mut text =
        lines(&tour::rounds(2)).replace("\"sent\":3", "\"peering\": {\"ixp\":[1.50]},\"sent\":3");
    let id = tour::rounds(2)[0]["trace_id"].as_str().unwrap().to_owned();
    let note = format!("{{\"type\":\"note\", \"trace_id\":\"{id}\",\"text\":\"checked\"}}\n");
    text.insert_str(text.find('\n').unwrap() + 1, &note);
    let zip = run(&["--quiet", "-f", "bundle", "--round", "1"], &text).stdout;
    let mut zip = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut kept = String::new();
    zip.by_name("trace/trace.ndjson").unwrap().read_to_string(&mut kept).unwrap();
    let wanted: Vec<&str> = text.lines().filter(|line| line.contains(&id)).collect();
    assert_eq!(kept.lines().collect::<Vec<_>>(), wanted);
    assert!(kept.contains(&note) && kept.contains("{\"ixp\":[1.50]}"));
}

#[test]
fn a_page_is_small_holds_its_policy_and_names_no_other_place() {
    let page = text("html", &tour::long());
    assert!(page.len() < 260_000, "{} octets", page.len());
    let script = &page[page.rfind("<script>").unwrap()..];
    assert!(script.len() < 14_600, "{} octets of script", script.len());
    let policy = page.split("Content-Security-Policy\" content=\"").nth(1).unwrap();
    let policy = policy.split('"').next().unwrap().replace("&#x27;", "'");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(policy.contains("; img-src https:&#x2f;&#x2f;tile.openstreetmap.org; "), "{policy}");
    let without = run(&["-f", "html", "--tiles", "none"], &lines(&tour::long()));
    let page = String::from_utf8(without.stdout).unwrap();
    let page = page.replace("https://www.openstreetmap.org/copyright", ""); // in the script
    assert!(!page.contains("img-src") && !page.contains("id=\"tiled\""));
    for far in ["http://", "https://", "//cdn", "url(", "@import", " src=", "style=\""] {
        assert!(!page.contains(far), "{far}");
    }
}

#[test]
fn hostile_text_leaves_every_page_and_picture_with_its_own_elements_only() {
    let page = text("html", &tour::hostile());
    let calm = text("html", &{
        let mut calm = tour::hostile();
        for record in &mut calm {
            let plain = record.to_string();
            let plain = tour::HOSTILE.iter().fold(plain, |text, hostile| {
                text.replace(json!(hostile).to_string().trim_matches('"'), "calm")
            });
            *record = serde_json::from_str(&plain).unwrap();
        }
        calm
    });
    for tag in ["<script", "<img", "<svg", "<a ", "<style", "<details", "<!--", "<div", "<li"] {
        let count = |page: &str| page.matches(tag).count();
        assert_eq!(count(&page), count(&calm), "{tag}");
    }
    for control in ['\u{1b}', '\u{202e}', '\u{0}', '\u{7}'] {
        assert!(!page.contains(control));
    }
}

#[test]
fn more_than_one_subject_is_named_and_no_picture_is_drawn() {
    let records = [tour::pacific(), tour::long()].concat();
    for format in PICTURES {
        let output = run(&["-f", format], &lines(&records));
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{format}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("www.example.nz 192.0.2.9 udp, thirty.example 198.51.100.30 udp): choose by --host, --trace ID or --last"), "{said}");
    }
    for args in [["--host", "thirty.example"].as_slice(), &["--last"]] {
        let output = run(&[&["-f", "json"], args].concat(), &lines(&records));
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["meta"]["host"], "thirty.example");
    }
    let three = tour::rounds(3);
    let second = three[15]["trace_id"].as_str().unwrap().to_owned();
    let rounds = lines(&three);
    let several = run(&["-f", "json"], &rounds);
    assert!(
        several.status.success()
            && String::from_utf8_lossy(&several.stderr)
                .contains("3 rounds of www.example.nz shown as one")
    );
    for args in [["--round", "2"].as_slice(), &["--trace", &second]] {
        let output = run(&[&["-f", "json"], args].concat(), &rounds);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(output.stderr.is_empty(), "{output:?}");
        assert_eq!(document["meta"]["started_at"], "2026-11-24T10:02:00.000000Z");
        assert_eq!(document["hops"][0]["probes"].as_array().unwrap().len(), 3);
    }
}

#[test]
fn every_format_survives_no_record_bad_lines_and_a_closed_pipe() {
    for format in FORMATS {
        let empty = run(&["-f", format], "");
        let wanted = if PICTURES.contains(&format) { Some(2) } else { Some(0) };
        assert_eq!(empty.status.code(), wanted, "{format}: {empty:?}");
        let mut text = lines(&tour::pacific());
        text.insert_str(0, "{\"type\":\"hop\"\n[]\n\"x\"\n");
        let bad = run(&["-f", format], &text);
        assert!(bad.status.success() && !bad.stdout.is_empty(), "{format}: {bad:?}");
        assert!(String::from_utf8_lossy(&bad.stderr).contains("stdin:1: "), "{format}");
        let strict = run(&["-f", format, "--strict"], &text);
        assert_eq!(strict.status.code(), Some(2), "{format}");
    }
    let mut child = Command::new(tool("tm-export"))
        .args(["-f", "csv"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    let text = lines(&tour::rounds(200));
    std::thread::spawn(move || drop(stdin.write_all(text.as_bytes())));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn the_ending_says_the_format_and_a_file_appears_whole() {
    let folder = tempfile::tempdir().unwrap();
    let records = lines(&tour::pacific());
    for (name, start) in [
        ("a.html", "<!doctype"),
        ("a.svg", "<svg"),
        ("a.md", "# The"),
        ("a.zip", "PK"),
        ("a.csv", "trace_id,"),
        ("a.prom", "# HELP"),
        ("a.parquet", "PAR1"),
        ("a.db", "SQLite format 3"),
        ("a.dot", "digraph"),
    ] {
        let path = folder.path().join(name);
        let output = run(&["-o", path.to_str().unwrap()], &records);
        assert!(output.status.success(), "{name}: {output:?}");
        assert!(std::fs::read(&path).unwrap().starts_with(start.as_bytes()), "{name}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 9, "no temporary is left");
    let unknown = run(&["-o", folder.path().join("a.xyz").to_str().unwrap()], &records);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("which format? give --format"));
}

/// The largest resident set that a command reached, in KiB, by `VmHWM` of the process while its
/// input is still open.
fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

#[test]
fn a_long_log_is_exported_in_bounded_memory() {
    let some = lines(&tour::rounds(20));
    for format in ["csv", "ndjson", "influx", "parquet", "sqlite", "json"] {
        let mut child = Command::new(tool("tm-export"))
            .args(["--quiet", "-f", format])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut after = Vec::new();
        for part in 0..8 {
            for turn in 0..40 {
                // Rounds of their own each time, as a log has them.
                let id = format!("019abf00-{part:02x}{turn:02x}");
                let text: String = some.lines().fold(String::new(), |text, line| {
                    text + &line.replacen("019abf00", &id, 1) + "\n"
                });
                stdin.write_all(text.as_bytes()).unwrap();
            }
            after.push(peak_kib(child.id()));
        }
        drop(stdin);
        assert!(child.wait().unwrap().success(), "{format}");
        let (early, late) = (after[4], after[7]);
        assert!(early > 0 && late < early + early / 4 + 4096, "{format}: {after:?} KiB");
    }
}

#[test]
fn records_with_statistics_alone_show_them() {
    let mut records = tour::trace("imported.example", 1, tour::PACIFIC);
    for record in &mut records {
        if record["type"] == "hop" {
            record["probes"] = json!([]);
            record["protocol"] = Value::Null;
            for name in ["median", "jitter"] {
                if record["rtt"].is_object() {
                    record["rtt"][name] = Value::Null;
                }
            }
        }
    }
    assert!(text("md", &records).contains("answers: 333 ms on average, 0 % loss"));
    let page = text("html", &records);
    assert!(
        page.contains(">155</span>") && !page.contains("jitter </dd>"),
        "the table has the means"
    );
    assert_eq!(document("mtr-json", &records)["report"]["hubs"][6]["Avg"], 154.78);
    let probes = &document("json", &records)["hops"][6]["probes"];
    assert_eq!(probes, &json!([]), "no probe is called lost that was answered");
    for format in FORMATS {
        assert!(!octets(format, &records).is_empty(), "{format}");
    }
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

#[test]
fn a_real_trace_becomes_a_page() {
    let traced = tm_tests::Lab::new("tour")
        .command(&tool("tm-probe").display().to_string(), &["--flows", "8", "198.51.100.9"])
        .output()
        .unwrap();
    assert!(traced.status.success(), "{traced:?}");
    let records = String::from_utf8(traced.stdout).unwrap();
    let output = run(&["-f", "html"], &records);
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    for wanted in [
        "The way to 198.51.100.9",
        "24015",
        "All paths",
        "No hop has a place",
        "Who stands at hop 3",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
}

#[test]
fn discovered_paths_are_counted_whole_and_drawn_without_stray_silence() {
    let probe = tool("tm-probe").display().to_string();
    let lab = tm_tests::Lab::new("tour");
    let traced = lab.command(&probe, &["--discover-paths", "198.51.100.9"]).output().unwrap();
    let records = String::from_utf8(traced.stdout).unwrap();
    let dot = String::from_utf8(run(&["-f", "dot"], &records).stdout).unwrap();
    let graph: Value = serde_json::from_str(&read_by("dot", &["-Tjson"], &dot)).unwrap();
    let nodes = graph["objects"].as_array().unwrap();
    let labels: Vec<&str> = nodes.iter().filter_map(|node| node["label"].as_str()).collect();
    assert_eq!(labels.iter().filter(|label| **label == "3. ?").count(), 1, "{labels:?}");
    assert_eq!(labels.iter().filter(|label| label.starts_with("5. ")).count(), 3, "{labels:?}");
    let report = String::from_utf8(run(&["-f", "md"], &records).stdout).unwrap();
    for wanted in [
        "Load balancing between hops 4 and 6: 3 routers side by side; a flow keeps to one of them.",
        "Path discovery: 11 responders and 11 links by ",
    ] {
        assert!(report.contains(wanted), "{wanted}\n{report}");
    }
    // Without what the tracer says of it, the links still tell three ways.
    let hops: String = records
        .lines()
        .filter(|line| line.contains("\"hop\","))
        .fold(String::new(), |all, line| all + line + "\n");
    let mut end: Value = serde_json::from_str(records.lines().last().unwrap()).unwrap();
    end["paths"] = Value::Null;
    let report = String::from_utf8(run(&["-f", "md"], &(hops + &lines(&[end]))).stdout).unwrap();
    assert!(
        report.contains("3 ways by the links seen; several routers answer at hop 5"),
        "{report}"
    );
}

#[test]
fn the_examples_of_the_documentation_work() {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/export.md"))
            .unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("trace.ndjson"), lines(&tour::pacific())).unwrap();
    std::fs::write(folder.path().join("log.ndjson"), lines(&tour::rounds(3))).unwrap();
    let tools = tool("tm-export").parent().unwrap().to_owned();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let mut count = 0;
    for line in text.lines().filter_map(|line| line.strip_prefix("    $ ")) {
        let output = Command::new("sh")
            .args(["-ec", line])
            .current_dir(folder.path())
            .env("PATH", &path)
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        count += 1;
    }
    assert!(count >= 14, "{count} examples");
    for format in FORMATS {
        assert!(text.contains(&format!("`{format}`")), "{format} is not documented");
    }
}

//! `tm-export` as a user meets it: records in, pages, reports and bundles out. What reads the machine
//! formats: `export_formats.rs`.

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
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tm_tests::exporting::{document, octets, read_by, run, text};
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
        assert!(said.contains("www.example.nz 192.0.2.9 udp, thirty.example 198.51.100.30 udp): choose by --host, --vantage, --trace ID or --last"), "{said}");
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
    let traced = lab
        .command(&probe, &["--discover-paths", "--confidence", "99.999", "198.51.100.9"])
        .output()
        .unwrap();
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

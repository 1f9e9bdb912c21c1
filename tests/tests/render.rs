//! `tm-render` as a user meets it: records in, a table out.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value)]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tm_tests::tool;

fn render(args: &[&str], lines: &[Value]) -> Output {
    let text: String =
        lines.iter().fold(String::new(), |text, line| text + &line.to_string() + "\n");
    render_text(args, &text)
}

fn render_text(args: &[&str], text: &str) -> Output {
    let mut child = Command::new(tool("tm-render"))
        .args(args)
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env_remove("COLUMNS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn shown(args: &[&str], lines: &[Value]) -> String {
    let output = render(args, lines);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The record of one responder; `null`: nobody answered.
fn hop(ttl: u8, ip: Value, rtts: &[f64], sent: u32, received: u32) -> Value {
    let silent = ip.is_null();
    let probes: Vec<Value> =
        rtts.iter().map(|rtt| json!({"rtt_ms": rtt, "ok": true, "flow": 0})).collect();
    json!({
        "type": "hop", "v": 1, "trace_id": "t1", "host": "example.com", "resolved_ip": "192.0.2.9",
        "source_ip": "192.0.2.1", "protocol": "udp", "port": 33434, "round": 1,
        "at": "2026-11-24T10:00:00.000000Z", "hop": ttl, "ip": ip, "probes": probes, "sent": sent,
        "received": received, "loss_pct": 0.0, "rtt": null,
        "reply": if silent { Value::Null } else {
            json!({"kind": "time_exceeded", "type": 11, "code": 0, "ttl": 60, "note": null})
        },
        "flows": [0], "is_destination": ip == "192.0.2.9", "is_private": false, "is_timeout": silent,
    })
}

fn end(stop: &str, reached: bool) -> Value {
    json!({
        "type": "trace", "v": 1, "trace_id": "t1", "host": "example.com", "resolved_ip": "192.0.2.9",
        "source_ip": "192.0.2.1", "protocol": "udp", "port": 33434, "round": 1, "tool": "tm-probe",
        "version": "0.1.0", "platform": "linux-x86_64", "max_hops": 30, "probes": 3,
        "timeout_s": 2.0, "method": "paris", "started_at": "2026-11-24T10:00:00.000000Z",
        "completed_at": "2026-11-24T10:00:01.000000Z", "reached": reached, "stop": stop,
        "error": null, "hops": 3, "responded": 2, "sent": 15, "received": 9,
    })
}

fn path() -> Vec<Value> {
    vec![
        hop(1, json!("10.0.0.1"), &[0.0, 0.4, 0.8], 3, 3),
        hop(2, Value::Null, &[], 3, 0),
        hop(3, json!("203.0.113.1"), &[70.0], 3, 1),
        hop(4, json!("192.0.2.9"), &[160.0, 161.0, 162.0], 3, 3),
        end("destination", true),
    ]
}

#[test]
fn one_is_said_of_one_and_nothing_of_nothing() {
    let one = |stop: &str, sent: u32| {
        let mut end = end(stop, sent > 0);
        (end["sent"], end["received"]) = (json!(sent), json!(sent));
        end
    };
    let table = shown(&[], &[hop(1, json!("192.0.2.9"), &[0.4], 1, 1), one("destination", 1)]);
    assert!(
        table.contains("1 hop, 1 answered, 0% loss end to end, 1 probe, 1 answer\n"),
        "{table}"
    );
    let table = shown(&[], &[one("error", 0)]);
    assert!(table.contains("could not be traced\n") && !table.contains("0 hops"), "{table}");
}

#[test]
fn a_failed_look_up_says_why_and_who_was_asked() {
    let mut hops = path();
    hops[0]["dns"] = json!({"source": "192.0.2.53:53", "error": "timeout"});
    hops[2]["asn"] = json!({"source": "asn.cymru.com", "error": "servfail"});
    hops[3]["geo"] = json!({"source": "ipapi.co", "error": "ip-api.com: busy; ipapi.co: busy"});
    let table = shown(&["--width", "120"], &hops);
    let wanted = "? could not be looked up; names: timeout (192.0.2.53:53); \
                  ASes: servfail (asn.cymru.com); places: ip-api.com: busy;\n  ipapi.co: busy\n";
    assert!(table.contains(wanted) && !table.contains("confidence"), "{table}");
    let narrow = shown(&["--width", "120", "--columns", "hop,ip,asn"], &hops);
    assert!(narrow.contains("looked up; ASes: servfail (asn.cymru.com)\n"), "{narrow}");
}

#[test]
fn an_address_that_is_everywhere_has_that_for_a_place() {
    let mut hops = path();
    hops[3]["geo"] = json!({"source": "anycast", "anycast": true, "evidence": [], "conflicts": []});
    assert!(shown(&["--columns", "ip,place"], &hops).contains("│ 192.0.2.9   ┆ anycast  │"));
}

#[test]
fn what_lies_before_the_first_ttl_that_was_probed_is_no_step() {
    let first = hop(7, json!("203.0.113.1"), &[84.0], 1, 1);
    let hops = [first, hop(8, json!("192.0.2.9"), &[110.0], 1, 1), end("destination", true)];
    let table = shown(&[], &hops);
    assert!(!table.contains("at hop 7"), "{table}");
    assert!(shown(&["--stats"], &hops).contains("26.0 ms at hop 8"));
}

#[test]
fn the_output_of_another_tracer_leads_to_tm_import() {
    let text = "traceroute to 192.0.2.9 (192.0.2.9), 30 hops max\n 1  192.0.2.9  0.2 ms\n";
    let words = |text: &str| String::from_utf8(render_text(&[], text).stderr).unwrap();
    let told = words(text);
    assert!(
        told.ends_with("as `jq -c` prints it); tm-import reads what other tracers write\n"),
        "{told}"
    );
    let with_one = format!("{text}{}\n", end("destination", true));
    assert!(!words(&with_one).contains("tm-import"));
    assert_eq!(words(""), "");
}

#[test]
fn the_table_is_exactly_this() {
    let wanted = "\
┌───┬─────────────┬─────────┬─────────────┬───────┐
│ # ┆ IP          ┆ Avg RTT ┆     Min/Max ┆  Loss │
╞═══╪═════════════╪═════════╪═════════════╪═══════╡
│ 1 ┆ 10.0.0.1    ┆   0.40  ┆   0.00/0.80 ┆   0%  │
│ 2 ┆ *           ┆         ┆             ┆ 100%  │
│ 3 ┆ 203.0.113.1 ┆   70.0  ┆   70.0/70.0 ┆  67%~ │
│ 4 ┆ 192.0.2.9   ┆  161.0◄ ┆ 160.0/162.0 ┆   0%  │
└───┴─────────────┴─────────┴─────────────┴───────┘
~ answers seldom; farther hops lose less, so this is no loss on the path
◄ most delay is added at hop 4: 90.0 ms
example.com (192.0.2.9) by UDP port 33434
reached
4 hops, 3 answered, 1 silent, 0% loss end to end, 12 probes, 7 answers
";
    assert_eq!(shown(&[], &path()), wanted);
}

#[test]
fn colours_say_how_slow_it_is_and_only_when_wanted() {
    let plain = shown(&[], &path());
    assert!(!plain.contains('\x1b'), "a pipe gets no colour");
    let coloured = shown(&["--color", "always"], &path());
    for (rtt, code) in [("0.40", "38;5;10"), ("70.0", "38;5;11"), ("161.0", "38;5;9")] {
        let at = coloured.find(rtt).unwrap();
        let before = coloured[..at].rfind('\x1b').unwrap();
        assert!(coloured[before..at].contains(code), "{rtt}: {:?}", &coloured[before..at]);
    }
}

#[test]
fn a_silent_tail_is_one_line_and_hides_nobody_who_answered() {
    let mut lines = path();
    lines.truncate(3);
    lines.extend([
        hop(4, Value::Null, &[], 3, 0),
        hop(5, Value::Null, &[], 3, 0),
        end("gap_limit", false),
    ]);
    let table = shown(&[], &lines);
    assert!(table.contains("hops 4–5 did not answer\n"), "{table}");
    assert_eq!(table.matches('*').count(), 1, "{table}");
    assert!(table.contains("not reached: nobody answers beyond"), "{table}");
}

#[test]
fn several_responders_share_a_number() {
    let lines = [hop(3, json!("10.0.3.1"), &[1.0], 2, 2), hop(3, json!("10.0.3.2"), &[2.0], 2, 2)];
    let table = shown(&[], &lines);
    assert!(table.contains("│ 3 ┆ 10.0.3.1"), "{table}");
    assert!(table.contains("│   ┆ 10.0.3.2"), "{table}");
}

#[test]
fn enrichment_is_shown_with_its_doubts_and_strangers_text_is_harmless() {
    let mut lines = path();
    lines[0]["dns"] = json!({"hostname": "evil\u{1b}[2J\u{202e}.example", "source": "dns"});
    lines[0]["asn"] = json!({"number": 64500, "org": "Example | Networks", "source": "mmdb"});
    lines[0]["geo"] =
        json!({"city": "Zürich", "country_code": "CH", "source": "mmdb", "confidence": "low"});
    lines[2]["dns"] = json!({"error": "timeout", "source": "dns"});
    lines[2]["geo"] =
        json!({"city": "Nowhere", "country_code": "XX", "source": "mock", "confidence": "low"});
    let table = shown(&["--width", "200"], &lines);
    assert!(table.contains(r"evil\u{1b}[2J\u{202e}.example"), "{table}");
    assert!(!table.contains('\x1b') && !table.contains('\u{202e}'), "{table}");
    assert!(
        table.contains("AS64500 Example | Networks") && table.contains("Zürich, CH ○"),
        "{table}"
    );
    assert!(table.contains("Nowhere, XX (mock)"), "{table}");
}

#[test]
fn a_prefix_of_several_origins_names_them_all() {
    let mut lines = path();
    lines[0]["asn"] = json!({"origins": [64501, 64502], "org": "Two", "source": "dump"});
    lines[2]["asn"] = json!({"origins": [1, 2, 3, 4, 5], "source": "dump"});
    lines[3]["asn"] = json!({"number": 64500, "origins": [64500, 64509], "source": "dump"});
    let table = shown(&["--width", "200"], &lines);
    for cell in ["AS64501/AS64502 Two ", "AS1/AS2/AS3/AS4/... ", "AS64500  "] {
        assert!(table.contains(&format!("┆ {cell}")), "{cell}\n{table}");
    }
    let sorted = shown(&["--sort", "asn", "--columns", "hop,asn", "--format", "plain"], &lines);
    let order: Vec<&str> =
        sorted.lines().skip(2).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(order, ["3", "4", "1", "2"], "by the smallest\n{sorted}");
    let stats = shown(&["--stats"], &lines);
    assert!(stats.contains("AS64501/AS64502, 1 hop  Two"), "{stats}");
}

#[test]
fn of_few_probes_it_says_how_little_they_tell() {
    let mut lines = path();
    lines[3] = hop(4, json!("192.0.2.9"), &[160.0, 161.0], 3, 2);
    let table = shown(&[], &lines);
    let caution = "few probes tell little: 1 of 3 lost at hop 4 may be anything from 6 to 79%\n";
    assert!(table.contains(caution), "{table}");
    assert!(!shown(&[], &path()).contains("few probes"), "what limits its answers is no loss");
    let wide = shown(&["--wide", "--width", "200"], &lines);
    assert!(wide.contains("┆  1/3 ┆"), "{wide}");
    assert!(wide.contains("┆  70.0 ┆      - ┆      - ┆"), "one RTT does not spread\n{wide}");
    let stats = shown(&["--stats"], &lines);
    let wanted = "Loss          33.3% end to end: 1 of 3 probes (6.1 to 79.2% at 95% confidence)\n";
    assert!(stats.contains(wanted), "{stats}");
    let document: Value =
        serde_json::from_str(&shown(&["--stats", "--format", "json"], &lines)).unwrap();
    let trace = &document["traces"][0];
    assert_eq!((&trace["sent"], &trace["received"]), (&json!(3), &json!(2)));
    assert_eq!(trace["loss_interval_pct"], json!([6.1, 79.2]));
}

#[test]
fn every_width_is_kept() {
    let mut lines = path();
    lines[0]["ip"] = json!("2001:db8:1234:5678:9abc:def0:1234:5678");
    lines[0]["dns"] = json!({"hostname": "a-very-long-name.".repeat(8), "source": "dns"});
    lines[2]["dns"] = json!({"hostname": "東京.example", "source": "dns"});
    lines[0]["asn"] =
        json!({"number": 64500, "org": "An organisation with a long name", "source": "x"});
    lines[0]["geo"] = json!({"city": "Llanfairpwllgwyngyll", "country_code": "GB", "source": "x"});
    for width in [60, 80, 120, 200] {
        let table = shown(&["--width", &width.to_string()], &lines);
        let boxed = table.lines().take_while(|line| line.starts_with(['┌', '│', '╞', '└']));
        let widths: Vec<usize> = boxed.map(tm_stream_width).collect();
        assert!(
            widths.iter().all(|&line| line == widths[0] && line <= width),
            "{width}: {widths:?}\n{table}"
        );
        assert!(
            table.contains("2001:db8:1234:5678:9abc:def0:1234:5678"),
            "an address is never cut"
        );
    }
}

fn tm_stream_width(line: &str) -> usize {
    tm_stream::text::width(line)
}

#[test]
fn rounds_of_a_host_add_up_and_each_keeps_them_apart() {
    let mut lines = path();
    let mut second = path();
    for line in &mut second {
        line["trace_id"] = json!("t2");
    }
    second[0]["probes"] = json!([{"rtt_ms": 9.0, "ok": true, "flow": 0}]);
    lines.extend(second);
    let together = shown(&["--columns", "hop,ip,sent,recv,worst"], &lines);
    assert_eq!(together.matches('┌').count(), 1, "{together}");
    assert!(
        together.contains("2 rounds")
            && together.contains("│ 1 ┆ 10.0.0.1    ┆    6 ┆    4 ┆  9.00 │"),
        "{together}"
    );
    let apart = shown(&["--each"], &lines);
    assert_eq!(apart.matches('┌').count(), 2, "{apart}");
}

#[test]
fn plain_text_has_as_many_fields_on_every_line_and_json_is_json() {
    let text = shown(&["--format", "plain"], &path());
    let rows = text.lines().skip(1);
    let fields: Vec<usize> = rows.map(|line| line.split_whitespace().count()).collect();
    assert_eq!(fields, [5; 5], "{text}");
    let document: Value = serde_json::from_str(&shown(&["--format", "json"], &path())).unwrap();
    assert_eq!(document["traces"][0]["hops"].as_array().unwrap().len(), 4);
    assert_eq!(document["traces"][0]["trace"]["stop"], "destination");
}

#[test]
fn every_table_says_whose_it_is_and_from_where() {
    let mut lines = path();
    for (vantage, id) in [("berlin", "b"), ("paris", "p")] {
        lines.extend(path().into_iter().map(|mut record| {
            record["vantage"] = vantage.into();
            record["trace_id"] = id.into();
            record
        }));
    }
    for format in ["plain", "table"] {
        let text = shown(&["--format", format], &lines);
        let begins = if format == "plain" { "# " } else { "" };
        let is_heading =
            |line: &&str| line.starts_with(&format!("{begins}example.com (192.0.2.9) by"));
        let titles: Vec<&str> = text.lines().filter(is_heading).collect();
        assert_eq!(titles.len(), 3, "{text}");
        for (title, from) in titles.iter().zip(["33434", "from berlin", "from paris"]) {
            assert!(title.ends_with(from), "{title}");
        }
    }
}

#[test]
fn a_bad_line_is_named_and_the_rest_is_shown() {
    let mut lines = path();
    lines.insert(1, json!({"type": "hop", "trace_id": 7}));
    let output = render(&[], &lines);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && stderr.starts_with("tm-render: stdin:2: invalid type"),
        "{stderr}"
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("192.0.2.9"));
    let strict = render(&["--strict"], &lines);
    assert_eq!(strict.status.code(), Some(2));
    let missing = render(&["/nonexistent"], &[]);
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn a_few_microseconds_are_not_shown_as_none() {
    let hop = hop(1, json!("127.0.0.1"), &[0.004, 0.062], 2, 2);
    let lines = [hop, end("destination", true)];
    for format in ["table", "plain"] {
        let text = shown(&["--format", format, "--columns", "avg,minmax,stddev"], &lines);
        assert!(text.contains("0.033") && text.contains("0.004/0.062"), "{text}");
        assert!(text.contains("0.041"), "{text}");
    }
}

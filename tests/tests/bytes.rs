//! What a filter does not own it does not touch: every other byte leaves as it came, whatever
//! odd but valid JSON it is. Each line is made of parts, so that what must come out is known
//! without reading any JSON.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used)]

use std::fs;

use proptest::prelude::*;
use tm_tests::{bare, tool};

/// What tm-asn says of every address of the test's table.
const VALUE: &str = r#"{"number":7,"prefix":"9.0.0.0/8","source":"t.dat"}"#;

/// A line as it goes in and as it must come out.
#[derive(Clone, Debug)]
struct Pair {
    before: String,
    after: String,
}

/// A line of these members; of several that the tool owns the last one is set.
fn record(members: &[(String, String)], blank: &[String; 4], is_set: bool) -> Pair {
    let [a, b, c, d] = blank;
    let last = members.iter().rposition(|(name, _)| name == "\"asn\"" || name == "\"\\u0061sn\"");
    let line = |set: Option<usize>, added: &str| {
        let members: Vec<String> = members
            .iter()
            .enumerate()
            .map(|(at, (name, value))| {
                let value = if set == Some(at) { VALUE } else { value };
                format!("{name}{b}:{d}{value}{a}")
            })
            .collect();
        format!("{a}{{{b}{}{added}}}{c}", members.join(&format!(",{c}")))
    };
    let added = match is_set && last.is_none() {
        true => format!(",\"asn\":{VALUE}"),
        false => String::new(),
    };
    Pair { before: line(None, ""), after: line(last.filter(|_| is_set), &added) }
}

fn blank() -> impl Strategy<Value = String> {
    prop_oneof![4 => Just(String::new()), 1 => "[ \t]{1,3}"]
}

fn text() -> impl Strategy<Value = String> {
    let plain = "[ -!#-\\[\\]-~é東\u{1F680}{}\\[\\],:]{0,12}";
    let escape = prop::sample::select(vec![
        "\\\"",
        "\\\\",
        "\\/",
        "\\b",
        "\\n",
        "\\u0000",
        "\\ud83d\\ude80",
        "\\u202e",
        "\\\\\\\"",
        "}",
        "{\\\"",
        "],[",
        "\u{7f}",
        "\u{feff}",
    ]);
    prop::collection::vec(
        prop_oneof![plain.prop_map(|text| text), escape.prop_map(str::to_owned)],
        0..4,
    )
    .prop_map(|parts| format!("\"{}\"", parts.concat()))
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "0",
            "-0",
            "-0.0",
            "1e400",
            "1E+2",
            "1.50",
            "1e-7",
            "123456789012345678901234567890",
            "0.1000000000000000055511151231257827",
            "18446744073709551616",
            "true",
            "false",
            "null",
        ])
        .prop_map(str::to_owned),
        "-?[1-9][0-9]{0,30}(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?",
    ]
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![text(), number()];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let list = (prop::collection::vec(inner.clone(), 0..5), blank())
            .prop_map(|(all, blank)| format!("[{blank}{}{blank}]", all.join(&format!("{blank},"))));
        let map =
            (prop::collection::vec((text(), inner), 0..5), blank()).prop_map(|(all, blank)| {
                let all: Vec<_> =
                    all.iter().map(|(name, value)| format!("{name}{blank}:{value}")).collect();
                format!("{{{}}}", all.join(","))
            });
        prop_oneof![list, map]
    })
}

/// A record with all that it needs, among strangers, some of them twice.
fn hop() -> impl Strategy<Value = Pair> {
    let kind = prop::sample::select(vec!["\"type\"", "\"t\\u0079pe\"", "\"\\u0074ype\""]);
    let own = prop::sample::select(vec!["\"asn\"", "\"asn\"", "\"\\u0061sn\""]);
    let others = prop::collection::vec((text(), value()), 0..8);
    let owned = prop::collection::vec((own, value()), 0..3);
    let blanks = [blank(), blank(), blank(), blank()];
    let is_hop = prop::bool::weighted(0.8);
    (kind, others, owned, any::<[prop::sample::Index; 5]>(), blanks, is_hop).prop_map(
        |(kind, others, owned, places, blanks, is_hop)| {
            let reserved = ["\"type\"", "\"ip\"", "\"asn\""];
            let mut members: Vec<(String, String)> =
                others.into_iter().filter(|(name, _)| !reserved.contains(&name.as_str())).collect();
            let mut put = |place: &prop::sample::Index, name: &str, value: &str| {
                let at = place.index(members.len() + 1);
                members.insert(at, (name.to_owned(), value.to_owned()));
            };
            put(&places[0], kind, if is_hop { "\"hop\"" } else { "\"hops\"" });
            put(&places[1], "\"ip\"", "\"9.1.2.3\"");
            for ((name, value), place) in owned.iter().zip(&places[2..]) {
                put(place, name, value);
            }
            record(&members, &blanks, is_hop)
        },
    )
}

/// Anything that may stand on a line.
fn line() -> impl Strategy<Value = Pair> {
    let same = |text: String| Pair { after: text.clone(), before: text };
    prop_oneof![
            20 => hop(),
            1 => "[ \t]{0,3}".prop_map(same),
            1 => value().prop_map(same),
            1 => prop::sample::select(vec![
                "{\"type\":\"hop\",\"ip\":\"9.1.2.3\"", "{\"type\":\"hop\",\"ip\":\"9.1.2.3\"}}", "no JSON",
                "{\"type\":\"hop\",\"ip\":\"10.1.2.3\"}", "{\"type\":\"hop\",\"ip\":null}", "{}", "\u{0}",
            ])
    .prop_map(move |text| same(text.to_owned())),
            // Just short enough to be held in memory, and too long for it: passed in pieces.
            1 => (1_000_000_usize..1_048_000).prop_map(long),
            1 => (1_048_600_usize..1_048_700).prop_map(long),
            1 => (1_500_000_usize..4_000_000).prop_map(move |len| same(format!("{{\"x\":\"{}\"}}", "y".repeat(len)))),
        ]
}

/// A record of about so many octets.
fn long(len: usize) -> Pair {
    let line = format!("{{\"type\":\"hop\",\"ip\":\"9.1.2.3\",\"x\":\"{}\"", "x".repeat(len));
    let is_held = line.len() < (1 << 20) - 4;
    let after = if is_held { format!("{line},\"asn\":{VALUE}}}") } else { format!("{line}}}") };
    Pair { before: line + "}", after }
}

/// What ends a line; the last one may have none.
fn end() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("\n"), 1 => Just("\r\n"), 1 => Just(" \r\n")]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_byte_outside_the_member_stays_as_it_is(
        lines in prop::collection::vec((line(), end()), 1..80),
        is_ended: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let db = folder.path().join("t.dat");
        fs::write(&db, "9.0.0.0/8\t7\n").unwrap();
        let (mut input, mut wanted) = (String::new(), String::new());
        for (n, (pair, end)) in lines.iter().enumerate() {
            let end = if n + 1 == lines.len() && !is_ended { "" } else { end };
            input.extend([&pair.before, end]);
            wanted.extend([&pair.after, end]);
        }
        let file = folder.path().join("in.ndjson");
        fs::write(&file, &input).unwrap();
        let mut command = bare(tool("tm-asn"));
        command.args(["--offline", "--no-cache", "--db"]).arg(&db);
        let output = command.stdin(fs::File::open(&file).unwrap()).output().unwrap();
        prop_assert!(output.status.success());
        let out = String::from_utf8(output.stdout).unwrap();
        if out != wanted {
            let differ = out.lines().zip(wanted.lines()).find(|(out, wanted)| out != wanted);
            let shown = |text: &str| text.chars().take(2000).collect::<String>();
            let (out, wanted) = differ.unwrap_or((&out, &wanted));
            prop_assert!(false, "got    {:?}\nwanted {:?}", shown(out), shown(wanted));
        }
    }
}

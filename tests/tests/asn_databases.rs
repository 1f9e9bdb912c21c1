//! tm-asn with databases of every kind, and `tm-asn build`, as a user meets them; and what
//! docs/asn.md shows.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};
use tm_tests::hop_line::{filter, filter_command, hops, members, records_of};

fn home() -> TempDir {
    tempdir().unwrap()
}

fn table(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

const PYASN: &str = "; IP-ASN32-DAT file\n; Original file : x\n9.0.0.0/8\t7\n9.1.0.0/16\t8\n\
                     2a00::/16\t9\n9.2.0.0/16\t23456\n9.3.0.0/16\t4200000001\n";
const CAIDA: &str = "9.0.0.0\t8\t7\n9.1.0.0\t16\t8_9\n9.2.0.0\t16\t8,9\n9.3.0.0\t16\t4_7,9\n\
                     9.1.2.0\t24\t10\n9.4.0.0\t16\t64512_7\n";
const RANGES: &str = "9.0.0.0\t9.0.0.255\t0\tNone\tNot routed\n9.0.1.0\t9.0.3.255\t7\tUS\tSEVEN\n\
                      9.0.4.0\t9.0.4.9\t8\tDE\tACHT GmbH\n150996224\t150996479\t7\tUS\tSEVEN\n\
                      2a00::\t2a00:1:ffff:ffff:ffff:ffff:ffff:ffff\t9\tSE\tNIO\n";

/// What each table says, whichever way it is read.
fn wanted(source: &str) -> Vec<(&'static str, &'static str, Value)> {
    vec![
        (PYASN, "9.9.9.9", json!({"number": 7, "prefix": "9.0.0.0/8", "source": source})),
        (PYASN, "9.1.9.9", json!({"number": 8, "prefix": "9.1.0.0/16", "source": source})),
        (PYASN, "2a00:9::9", json!({"number": 9, "prefix": "2a00::/16", "source": source})),
        (
            PYASN,
            "9.2.0.1",
            json!({"origins": [23456], "reserved": "transition", "prefix": "9.2.0.0/16", "source": source}),
        ),
        (
            PYASN,
            "9.3.0.1",
            json!({"origins": [4_200_000_001_u32], "reserved": "private", "prefix": "9.3.0.0/16", "source": source}),
        ),
        (PYASN, "8.8.8.8", json!({"source": source})),
        (
            CAIDA,
            "9.1.9.9",
            json!({"number": 8, "origins": [8, 9], "prefix": "9.1.0.0/16", "source": source}),
        ),
        (CAIDA, "9.2.0.1", json!({"origins": [8, 9], "prefix": "9.2.0.0/16", "source": source})),
        (
            CAIDA,
            "9.3.0.1",
            json!({"number": 4, "origins": [4, 7, 9], "prefix": "9.3.0.0/16", "source": source}),
        ),
        (CAIDA, "9.1.2.3", json!({"number": 10, "prefix": "9.1.2.0/24", "source": source})),
        (
            CAIDA,
            "9.4.2.3",
            json!({"origins": [64512, 7], "reserved": "private", "prefix": "9.4.0.0/16", "source": source}),
        ),
        (RANGES, "9.0.0.1", json!({"source": source})),
        (
            RANGES,
            "9.0.1.1",
            json!({"number": 7, "org": "SEVEN", "prefix": "9.0.1.0/24", "country": "US", "source": source}),
        ),
        (
            RANGES,
            "9.0.3.1",
            json!({"number": 7, "org": "SEVEN", "prefix": "9.0.2.0/23", "country": "US", "source": source}),
        ),
        (
            RANGES,
            "9.0.4.9",
            json!({"number": 8, "org": "ACHT GmbH", "prefix": "9.0.4.8/31", "country": "DE", "source": source}),
        ),
        (RANGES, "9.0.4.10", json!({"source": source})),
        (
            RANGES,
            "9.0.5.1",
            json!({"number": 7, "org": "SEVEN", "prefix": "9.0.5.0/24", "country": "US", "source": source}),
        ),
        (
            RANGES,
            "2a00:1:1::1",
            json!({"number": 9, "org": "NIO", "prefix": "2a00::/31", "country": "SE", "source": source}),
        ),
    ]
}

fn look_up(home: &Path, db: &str, ip: &str) -> Value {
    let args = ["--offline", "--no-cache", "--db", db];
    members(&filter("tm-asn", &args, home, &hops(&[ip])), "asn").remove(0)
}

fn build(home: &Path, files: &[&str], to: &Path) -> Output {
    let to = to.display().to_string();
    filter("tm-asn", &[&["build"], files, &["-o", &to]].concat(), home, "")
}

#[test]
fn tables_say_the_same_as_they_are_packed_and_built() {
    let home = home();
    for (text, ip, wanted) in wanted("t.dat") {
        let db = table(home.path(), "t.dat", text);
        assert_eq!(look_up(home.path(), &db, ip), wanted, "{ip} of {text}");
    }
    for (text, ip, wanted) in wanted("t.dat.gz") {
        let db = table(home.path(), "t.dat", text);
        assert!(Command::new("gzip").args(["-f", &db]).status().unwrap().success());
        assert_eq!(look_up(home.path(), &format!("{db}.gz"), ip), wanted, "{ip} of {text}");
    }
    for (text, ip, wanted) in wanted("t.mmdb") {
        let db = table(home.path(), "t.dat", text);
        let to = home.path().join("t.mmdb");
        let built = build(home.path(), &[&db], &to);
        assert!(
            built.status.success() && built.stdout.is_empty() && built.stderr.is_empty(),
            "{built:?}"
        );
        assert_eq!(look_up(home.path(), &to.display().to_string(), ip), wanted, "{ip} of {text}");
    }
}

#[test]
fn several_tables_make_one_file_that_others_read() {
    let home = home();
    let one = table(home.path(), "one.pfx2as", CAIDA);
    let two = table(home.path(), "two.tsv", RANGES);
    let to = home.path().join("asn.mmdb");
    let built = build(home.path(), &[&one, &two], &to);
    assert!(built.status.success(), "{built:?}");
    let to = to.display().to_string();
    // The names of one table serve the prefixes of the other.
    let asn = look_up(home.path(), &to, "9.9.9.9");
    assert_eq!(
        asn,
        json!({"number": 7, "org": "SEVEN", "prefix": "9.0.0.0/8", "source": "asn.mmdb"})
    );
    let mmdblookup = |ip: &str| {
        let output = Command::new("mmdblookup").args(["--file", &to, "--ip", ip]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        mmdblookup("9.1.9.9"),
        "{ \"autonomous_system_number\": 8 <uint32> \"autonomous_system_organization\": \
         \"ACHT GmbH\" <utf8_string> \"origins\": [ 8 <uint32> 9 <uint32> ] \
         \"prefix_length\": 16 <uint16> }"
    );
    assert!(mmdblookup("2a00::1").contains("\"iso_code\": \"SE\" <utf8_string>"));
    assert_eq!(mmdblookup("8.8.8.8"), "");
}

#[test]
fn lines_that_are_none_of_a_table_are_named_and_the_rest_is_built() {
    let home = home();
    let bad =
        table(home.path(), "bad.dat", "9.0.0.0/8\t7\nhello world\n9.1.0.0/99\t8\n9.2.0.0/16\t9\n");
    let to = home.path().join("asn.mmdb");
    let output = build(home.path(), &[&bad], &to);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        errors,
        format!("tm-asn: {bad}:2: field 1 is no prefix\ntm-asn: {bad}:3: field 1 is no prefix\n")
    );
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(look_up(home.path(), &to.display().to_string(), "9.2.0.1")["number"], 9);

    fs::remove_file(&to).unwrap();
    let strict = build(home.path(), &["--strict", &bad], &to);
    assert_eq!((strict.status.code(), to.exists()), (Some(2), false));
    let none = table(home.path(), "none.txt", "no table at all, just words\n");
    let output = build(home.path(), &[&none], &to);
    let errors = String::from_utf8(output.stderr).unwrap();
    let why = "no line of a pyasn, CAIDA pfx2as or iptoasn.com table";
    assert_eq!(errors, format!("tm-asn: {none}:1: {why}\n"));
    assert_eq!((output.status.code(), to.exists()), (Some(2), false));
}

#[test]
fn a_database_that_cannot_be_used_is_named_once_and_the_next_one_asked() {
    let home = home();
    let good = table(home.path(), "good.dat", PYASN);
    let built = home.path().join("built.mmdb");
    assert!(build(home.path(), &[&good], &built).status.success());
    let bytes = fs::read(&built).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = home.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let mut all = vec![
        home.path().join("missing.mmdb").display().to_string(),
        home.path().join("missing.dat").display().to_string(),
        write("empty.mmdb", b""),
        write("cut.mmdb", &bytes[..bytes.len() / 2]),
        write("noise.mmdb", &[0xab; 4096]),
        write("noise.dat", &[0xff; 4096]),
        write("zeros.dat", &[0; 1 << 20]),
        write("bad.gz", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3]),
    ];
    for (n, data) in hostile_records().iter().enumerate() {
        all.push(write(&format!("hostile{n}.mmdb"), &mmdb_of(data)));
    }
    for bad in &all {
        let begun = Instant::now();
        let args = ["--offline", "--no-cache", "--db", bad, "--db", &good];
        let output =
            filter("tm-asn", &args, home.path(), &hops(&["9.9.9.9", "9.1.9.9", "8.8.8.8"]));
        let out = records_of(&output);
        let numbers: Vec<_> = out.iter().map(|record| record["asn"]["number"].clone()).collect();
        assert_eq!(numbers, [json!(7), json!(8), Value::Null], "{bad}");
        assert_eq!(output.status.code(), Some(2), "{bad}: what the user named was not asked");
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(errors.lines().count(), 1, "{bad}: {errors}");
        assert!(errors.contains(bad.as_str()) && errors.len() < 400, "{bad}: {errors}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{bad}");
    }
}

/// Records that want a reader to fall, to loop, or to fill the memory.
fn hostile_records() -> Vec<Vec<u8>> {
    // Each array holds 16 pointers to the next: 16^8 values.
    let mut fans = Vec::new();
    for level in 1..=8_u16 {
        fans.extend([16, 0x04]);
        let next = level * 34;
        for _ in 0..16 {
            fans.extend([0x20 | (next >> 8) as u8, next as u8]);
        }
    }
    fans.extend([0xa1, 1]);
    vec![
        fans,
        vec![0x20, 0],                      // a pointer to itself
        vec![0xe1, 0x41, b'a', 0x20, 0],    // a map that holds itself
        vec![0x27, 0xff, 0xff, 0xff],       // a pointer out of the file
        vec![0xff, 0xff, 0xff, 0xff],       // a map of 16 million members
        vec![0x5f, 0xff, 0xff, 0xff, b'x'], // a text that is longer than the file
        vec![0xe1; 4000],                   // maps in maps in maps
        vec![0x41, 0xff],                   // a text that is not UTF-8
        vec![0x00, 0xf0],                   // a type that does not exist
    ]
}

/// An MMDB that has this one record for every address.
fn mmdb_of(record: &[u8]) -> Vec<u8> {
    let at = 1 + 16_u32; // one node, then the data
    let [_, b, c, d] = at.to_be_bytes();
    let mut file = vec![b, c, d, b, c, d];
    file.extend([0; 16]);
    file.extend(record);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    file.push(0xe0 | 9);
    for (name, value) in [
        ("binary_format_major_version", vec![0xa1, 2]),
        ("binary_format_minor_version", vec![0xa0]),
        ("build_epoch", vec![0x04, 2, 0x65, 0, 0, 0]),
        ("database_type", text("Hostile-ASN")),
        ("description", vec![0xe0]),
        ("ip_version", vec![0xa1, 6]),
        ("languages", vec![0x00, 0x04]),
        ("node_count", vec![0xc1, 1]),
        ("record_size", vec![0xa1, 24]),
    ] {
        file.extend(text(name));
        file.extend(value);
    }
    file
}

fn text(text: &str) -> Vec<u8> {
    let head = match text.len() {
        len @ 0..29 => vec![0x40 | len as u8],
        len => vec![0x5d, (len - 29) as u8],
    };
    [&head, text.as_bytes()].concat()
}

#[test]
fn a_database_that_the_user_named_and_that_is_not_there_is_no_success() {
    let home = home();
    let folder = home.path().join("empty");
    fs::create_dir(&folder).unwrap();
    let (good, folder) = (table(home.path(), "good.dat", PYASN), folder.display().to_string());
    let bad =
        [("nowhere.mmdb", "cannot read"), ("nowhere.dat", "cannot read"), (&folder, "no data")];
    for (bad, why) in bad {
        let args = ["--offline", "--no-cache", "--db", bad, "--db", &good];
        // Whether a record needs it or not.
        for input in [hops(&["9.9.9.9"]), String::new()] {
            let output = filter("tm-asn", &args, home.path(), &input);
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{bad}: {stderr}");
            assert!(stderr.contains(bad) && stderr.contains(why), "{stderr}");
            assert_eq!(output.stdout.is_empty(), input.is_empty(), "the others are asked");
        }
    }
    let mut named = filter_command("tm-asn", &["--offline", "/dev/null"], home.path());
    let output = named.env("TRACEMAP_ASN_DB", "nowhere.mmdb").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let mut unnamed = filter_command("tm-asn", &["--offline", "/dev/null"], home.path());
    assert!(unnamed.env("TRACEMAP_ASN_DB", "").output().unwrap().status.success());
    // What merely lies there is worth a warning.
    let data = home.path().join(".local/share/tracemap");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("asn.mmdb"), "nonsense").unwrap();
    let output = filter("tm-asn", &["--offline"], home.path(), &hops(&["9.9.9.9"]));
    assert!(output.status.success() && !output.stderr.is_empty(), "{output:?}");
    let output = filter("tm-asn", &["--offline", "--quiet"], home.path(), &hops(&["9.9.9.9"]));
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_database_as_it_comes_from_its_vendor_is_told_from_nonsense() {
    let home = home();
    for (name, bytes, tool) in
        [("a.mmdb.gz", &b"\x1f\x8b\x08\0"[..], "gunzip"), ("B.MMDB", b"PK\x03\x04\0", "unzip")]
    {
        fs::write(home.path().join(name), bytes).unwrap();
        let path = home.path().join(name).display().to_string();
        let args = ["--offline", "--no-cache", "--db", &path];
        let output = filter("tm-asn", &args, home.path(), &hops(&["9.9.9.9"]));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("unpack it with") && stderr.contains(tool), "{stderr}");
    }
}

#[test]
fn databases_are_found_where_users_put_them() {
    let home = home();
    let folder = home.path().join(".local/share/tracemap");
    fs::create_dir_all(&folder).unwrap();
    let run = |env: Option<(&str, &str)>| {
        let mut command = filter_command("tm-asn", &["--offline", "-"], home.path());
        command.envs(env);
        let input = home.path().join("in.ndjson");
        fs::write(&input, hops(&["9.9.9.9"])).unwrap();
        let output = command.stdin(fs::File::open(input).unwrap()).output().unwrap();
        let warned = !output.stderr.is_empty();
        (members(&output, "asn")[0]["source"].clone(), warned)
    };
    assert_eq!(run(None), (Value::Null, true), "nothing is there, which is said");
    let text = table(&folder, "ip2asn-v4.tsv", RANGES);
    fs::write(folder.join("notes-on-asn.md"), "not a table").unwrap();
    fs::write(folder.join("GeoLite2-City.mmdb"), "not about AS numbers").unwrap();
    assert_eq!(run(None), (json!("ip2asn-v4.tsv"), false));
    assert!(build(home.path(), &[&text], &folder.join("asn.mmdb")).status.success());
    assert_eq!(run(None), (json!("asn.mmdb"), false), "an index is preferred to its table");

    let config = home.path().join(".config/tracemap");
    fs::create_dir_all(&config).unwrap();
    let set = table(home.path(), "set.dat", PYASN);
    fs::write(config.join("config.toml"), format!("[tm-asn]\ndb = [\"{set}\"]\n")).unwrap();
    assert_eq!(run(None), (json!("set.dat"), false));
    let other = table(home.path(), "env.dat", PYASN);
    assert_eq!(run(Some(("TRACEMAP_ASN_DB", &other))), (json!("env.dat"), false));
}

#[test]
fn a_table_that_takes_long_to_read_is_said_to_be_slow() {
    let home = home();
    let mut text = String::new();
    for n in 0..400_000_u32 {
        let _ = writeln!(
            text,
            "{}.{}.{}.0/24\t{}",
            1 + n / 65_536,
            n / 256 % 256,
            n % 256,
            1 + n % 60_000
        );
    }
    let db = table(home.path(), "big.dat", &text);
    let args = ["--offline", "--no-cache", "--db", &db];
    let output = filter("tm-asn", &args, home.path(), &hops(&["4.4.4.4"]));
    assert_eq!(members(&output, "asn")[0]["prefix"], "4.4.4.0/24");
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains(&format!("`tm-asn build {db} -o asn.mmdb`")), "{words}");
}

/// Commands of the `console` blocks of a page, each with what it must print.
fn examples(page: &str) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for block in page.split("```console\n").skip(1) {
        for line in block.split("```").next().unwrap().lines() {
            match (line.strip_prefix("$ "), all.last_mut()) {
                (Some(command), _) => all.push((command.to_owned(), String::new())),
                (None, Some((_, output))) => output.extend([line, "\n"]),
                (None, None) => unreachable!("a block begins with a command"),
            }
        }
    }
    all
}

#[test]
fn what_the_documentation_shows_is_what_happens() {
    let home = home();
    table(home.path(), "table.dat", "9.0.0.0/8\t7\n9.1.0.0/16\t8\n");
    let trace = hops(&["192.168.1.1", "9.9.9.9", "9.1.2.3", "8.8.8.8"]);
    fs::write(home.path().join("trace.ndjson"), trace).unwrap();
    let tools = tm_tests::tool("tm-asn").parent().unwrap().display().to_string();
    let examples = examples(include_str!("../../docs/asn.md"));
    assert!(examples.len() >= 7, "{examples:?}");
    for (command, wanted) in examples {
        let output = Command::new("sh")
            .args(["-c", &command])
            .current_dir(&home)
            .env("HOME", home.path())
            .env("PATH", format!("{tools}:/usr/bin:/bin"))
            .output()
            .unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        assert_eq!((out, output.stderr.len()), (wanted, 0), "{command}");
    }
}

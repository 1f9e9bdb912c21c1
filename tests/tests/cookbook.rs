//! Every block of the cookbook and of its like is executed, and its enrichers keep the contract of filters.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use tm_tests::docs::Page;
use tm_tests::hop_line::hop;

fn every_block_runs(name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let page = Page::open(name, folder.path());
    match page.run() {
        Ok(ran) => assert!(ran > 0, "{name} has no blocks"),
        Err(wrong) => panic!("{wrong}"),
    }
}

#[test]
fn the_cookbook_is_true() {
    every_block_runs("docs/cookbook.md");
}

#[test]
fn what_is_said_of_redaction_is_true() {
    every_block_runs("docs/redaction.md");
}

#[test]
fn the_tour_can_be_followed() {
    every_block_runs("docs/tour.md");
}

#[test]
fn what_is_said_of_security_is_true() {
    every_block_runs("docs/security.md");
}

#[test]
fn what_is_said_of_libraries_is_true() {
    every_block_runs("docs/library.md");
}

/// Lines that an enricher must pass as they are.
const STRANGE: [&str; 8] = [
    r#"{"type":"note",  "ip":"192.168.1.1", "a":1.50}"#,
    r#"{"type":"trace","rtt":{"min":5},"host":"h"}"#,
    "not json",
    "",
    r#"{"type":"hop","ip":"192.168.1.1""#,
    "[1, 2]",
    "17",
    r#"{"type":"hop","hop":3,"ip":null,"rtt":null,"n":1e3}"#,
];

#[test]
fn enrichers_add_one_member_and_change_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let page = Page::open("docs/cookbook.md", folder.path());
    page.write_files().unwrap();
    for (program, member) in [("tm-site", "site"), ("tm-slow", "slow"), ("tm-net", "net")] {
        let mut child = page
            .command(&folder.path().join(program).display().to_string(), &[])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        // One line at a time: it has to come out before the next one goes in.
        let mut pass = |line: &str| {
            writeln!(stdin, "{line}").unwrap();
            out.next().unwrap().unwrap()
        };
        let good = hop(1, "192.168.1.1", 120.5).to_string();
        let odd = good.replacen(
            "\"hop\":1,",
            "\"hop\":1,\"odd\" : [1.50, 1e3, 12345678901234567890],",
            1,
        );
        for line in [good.as_str(), &odd] {
            let added = pass(line);
            let before = &line[..line.len() - 1];
            let rest = added.strip_prefix(before).unwrap_or_else(|| panic!("{program}: {added}"));
            assert!(rest.starts_with(&format!(",\"{member}\":")), "{program}: {rest}");
            serde_json::from_str::<serde_json::Value>(&added).unwrap();
            assert_eq!(pass(&added), added, "{program}: what has the member keeps it");
        }
        for line in STRANGE {
            assert_eq!(pass(line), line, "{program}");
        }
        drop(stdin);
        assert!(child.wait().unwrap().success(), "{program}");
    }
}

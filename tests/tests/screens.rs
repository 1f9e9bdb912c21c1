//! Every view of tm-render at every width, with and without colour and Unicode: one snapshot each
//! (`INSTA_UPDATE=always cargo test -p tm-tests --test screens` writes them anew).

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use tm_tests::tool;

const WIDTHS: [usize; 4] = [60, 80, 120, 200];

fn render(fixture: &str, args: &[&str]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/screens");
    let output = Command::new(tool("tm-render"))
        .args(args)
        .arg(folder.join(fixture).with_extension("ndjson"))
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a terminal shows: no escape that is not one of our colours.
fn without_colours(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\x1b') {
        shown += &rest[..at];
        let code = rest[at..].strip_prefix("\x1b[").unwrap();
        let end = code.find('m').unwrap();
        let is_colour = code[..end].bytes().all(|byte| byte.is_ascii_digit() || byte == b';');
        assert!(is_colour, "{:?}", &code[..end]);
        rest = &code[end + 1..];
    }
    shown + rest
}

fn snapshot(fixture: &str, view: &str, args: &[&str]) {
    for ascii in [false, true] {
        let (mut all, mut all_coloured) = (String::new(), String::new());
        for width in WIDTHS {
            let columns = width.to_string();
            let mut args = [&["--width", &columns], args].concat();
            args.extend(ascii.then_some("--ascii"));
            let text = render(fixture, &args);
            let widest = text.lines().map(tm_stream::text::width).max().unwrap();
            assert!(widest <= width, "{fixture} {args:?}: {widest} columns\n{text}");
            if ascii && fixture != "hostile" {
                assert!(text.is_ascii(), "{text}");
            }
            let is_harmless =
                |c: char| c == '\n' || tm_stream::text::visible(&c.to_string()) == c.to_string();
            let harmful = text
                .chars()
                .find(|&c| !is_harmless(c) && tm_stream::text::width(&c.to_string()) > 0);
            assert_eq!(harmful, None, "{text}");
            args.extend(["--color", "always"]);
            let trim = |text: &str| -> Vec<String> {
                text.lines().map(|line| line.trim_end().to_owned()).collect()
            };
            let coloured = render(fixture, &args);
            assert_eq!(trim(&without_colours(&coloured)), trim(&text));
            writeln!(all, "{width} columns\n{text}").unwrap();
            writeln!(all_coloured, "{width} columns\n{}", coloured.replace('\x1b', "␛")).unwrap();
        }
        if !ascii {
            insta::assert_snapshot!(format!("{fixture}-{view}-colours"), all_coloured);
        }
        let letters = if ascii { "ascii" } else { "unicode" };
        insta::assert_snapshot!(format!("{fixture}-{view}-{letters}"), all);
    }
}

#[test]
fn a_way_across_the_pacific() {
    snapshot("pacific", "table", &[]);
    snapshot("pacific", "wide", &["--wide"]);
    snapshot("pacific", "by-loss", &["--sort", "loss"]);
    snapshot("pacific", "stats", &["--stats"]);
    snapshot("pacific", "map", &["--map"]);
    snapshot("pacific", "world", &["--map", "--zoom", "world"]);
}

#[test]
fn a_diamond_of_load_balancers() {
    snapshot("diamond", "table", &[]);
    snapshot("diamond", "wide", &["--wide"]);
    snapshot("diamond", "stats", &["--stats"]);
    snapshot("diamond", "map", &["--map"]);
}

#[test]
fn names_that_strangers_made_up() {
    snapshot("hostile", "table", &[]);
    snapshot("hostile", "wide", &["--wide"]);
    snapshot("hostile", "stats", &["--stats"]);
    snapshot("hostile", "map", &["--map"]);
}

#[test]
fn the_figures_are_a_document_too() {
    let text = render("pacific", &["--stats", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let trace = &document["traces"][0];
    assert_eq!(trace["hops"], 7);
    assert_eq!((&trace["responded"], &trace["silent"]), (&6.into(), &1.into()));
    assert_eq!(trace["by_as"][0]["of"], "AS2914");
    assert_eq!(trace["longest_step"]["hop"], 5);
    assert_eq!(trace["long_legs"][0]["rtt"], "supports");
    assert_eq!(trace["long_legs"][0]["is_detour"], false);
}

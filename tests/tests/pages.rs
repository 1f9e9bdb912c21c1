//! The pages in a real browser: `tests/browser` opens them in headless Chromium.

#![allow(clippy::unwrap_used)] // a test that cannot prepare itself has failed

use std::path::Path;
use std::process::Command;

use tm_tests::hop_line::lines;
use tm_tests::{tool, tour};

#[test]
fn a_browser_shows_the_pages_and_they_ask_nobody_for_anything() {
    let browser = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    if !browser.join("node_modules/playwright-core").exists() {
        let installed = Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(&browser)
            .status();
        assert!(
            installed.is_ok_and(|status| status.success()),
            "npm ci failed; tests/tools.sh installs npm"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, records) in [
        ("pacific", tour::pacific()),
        ("rounds", tour::rounds(12)),
        ("long", tour::long()),
        ("hostile", tour::hostile()),
        ("bare", tour::bare()),
        ("silent", tour::silent()),
    ] {
        let (from, to) =
            (folder.path().join("records.ndjson"), folder.path().join(format!("{name}.html")));
        std::fs::write(&from, lines(&records)).unwrap();
        let status = Command::new(tool("tm-export"))
            .arg("--quiet")
            .arg("-o")
            .arg(&to)
            .arg(&from)
            .status()
            .unwrap();
        assert!(status.success(), "{name}");
    }
    let output = Command::new("node")
        .args(["--test", "pages.test.mjs"])
        .current_dir(&browser)
        .env("PAGES", folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

//! `make install`, as far as it does not build: what ends up where.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tm_tests::{tool, tools};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A tree as `make install DESTDIR=…` makes it.
fn staged() -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    let status = Command::new("packaging/stage.sh")
        .arg(tool("tracemap").parent().unwrap())
        .arg("/opt/tm")
        .arg(tree.path())
        .current_dir(repository())
        .status()
        .unwrap();
    assert!(status.success());
    tree
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The subcommands that `tool --help` lists.
fn subcommands(name: &str) -> Vec<String> {
    let help = Command::new(tool(name)).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    let words = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = words.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_command_comes_with_its_page_and_completions() {
    let tree = staged();
    let root = tree.path().join("opt/tm");
    let programs = names(&root.join("bin"));
    let pages = names(&root.join("share/man/man1"));
    let doc = names(&root.join("share/doc/tracemap"));
    let makefile = fs::read_to_string(repository().join("Makefile")).unwrap();
    assert_eq!(programs, tools());
    for name in &programs {
        assert!(makefile.contains(name.as_str()), "{name} is built by make");
        let mode = fs::metadata(root.join("bin").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o755, "{name}");
        for subcommand in subcommands(name) {
            let page = format!("{name}-{subcommand}.1");
            assert!(pages.contains(&page), "{page} is missing in {pages:?}");
        }
        let bash = root.join("share/bash-completion/completions").join(name);
        let zsh = root.join("share/zsh/site-functions").join(format!("_{name}"));
        let fish = root.join("share/fish/vendor_completions.d").join(format!("{name}.fish"));
        for file in [bash, zsh, fish] {
            assert!(fs::metadata(&file).unwrap().len() > 500, "{}", file.display());
        }
    }
    for name in fs::read_dir(repository().join("docs")).unwrap() {
        let path = name.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let is_page = path.extension().is_some_and(|ending| ending == "md");
        assert!(!is_page || doc.iter().any(|page| page == name), "{name} is installed");
    }
}

#[test]
fn examples_name_the_place_of_the_installation() {
    let tree = staged();
    let examples = tree.path().join("opt/tm/share/doc/tracemap/examples");
    let unit = fs::read_to_string(examples.join("tracemap-watch@.service")).unwrap();
    assert!(unit.contains("ExecStart=/opt/tm/bin/tracemap watch"), "{unit}");
    let sample = fs::read_to_string(examples.join("config.toml")).unwrap();
    assert!(sample.contains("their place is ~/.config/tracemap/config.toml"), "{sample}");
    assert!(sample.contains("[tracemap.watch]") && sample.contains("#max-hops = 30"));
}

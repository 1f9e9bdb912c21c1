//! Path MTU between kernel routers, beside Debian's traceroute: links of smaller MTU, routers that
//! do not say so, and routers that name no MTU.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use tm_schema::{Mtu, MtuDrop, MtuLimit};
use tm_tests::{Lab, Traced, tool};

const V4: &str = "10.9.0.1";
const V6: &str = "fd00:9::1";
const SIMULATED_V4: &str = "198.51.100.9";
const SIMULATED_V6: &str = "2001:db8:9::9";

/// Two links of smaller MTU: behind hop 5, and before the destination, which is hop 8.
const NARROW: &str = "in_ r5 ip link set r6 mtu 1400; in_ r7 ip link set dst mtu 1300;";
/// The router before the first of them says nothing.
const HOLE: &str = "echo 'table inet hole { chain output { type filter hook output priority 0;
  icmp type destination-unreachable drop; icmpv6 type packet-too-big drop; }; }' | in_ r5 nft -f -;";

/// Runs a shell line in the lab; `in_ NODE COMMAND` runs one in a node.
fn in_lab(flags: &[&str], script: &str) -> Output {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/netns/lab.sh");
    let script = format!(
        "set -eo pipefail; in_() {{ nsenter --net=/run/netns/$1 -- \"${{@:2}}\"; }}; {script}"
    );
    let mut command = Command::new(lab);
    command.args(flags).args(["--", "bash", "-c", &script]);
    let output = command.stdin(Stdio::null()).env("XDG_CONFIG_HOME", "/nonexistent").output();
    let output = output.unwrap();
    assert!(!output.stdout.is_empty(), "{output:?}");
    output
}

fn probe() -> String {
    tool("tm-probe").display().to_string()
}

fn without_privileges() -> String {
    format!("setpriv --bounding-set=-all --inh-caps=-all --no-new-privs {}", probe())
}

fn octets(traced: &Traced) -> Vec<Option<u32>> {
    traced.hops.iter().map(|hop| hop.mtu.and_then(|mtu| mtu.octets)).collect()
}

fn drop(after: u8, hop: u8, refused: u32, octets: u32, limit: MtuLimit) -> MtuDrop {
    MtuDrop { after, hop, refused, octets, limit }
}

#[test]
fn every_hop_has_its_mtu_by_both_families_protocols_and_privileges() {
    let wanted = [1500, 1500, 1500, 1500, 1500, 1400, 1400, 1300].map(Some);
    for program in [probe(), without_privileges()] {
        for (protocol, target) in [("-U", V4), ("-U", V6), ("-I", V4), ("-I", V6)] {
            let script = format!("{NARROW} {program} --mtu {protocol} {target}");
            let traced = Traced::from(&in_lab(&["--ping-group"], &script));
            let what = format!("{program} {protocol} {target}: {:?}", traced.traces);
            assert_eq!(octets(&traced), wanted, "{what}");
            let mtu = traced.traces[0].mtu.as_ref().unwrap();
            assert_eq!((mtu.octets, mtu.interface), (Some(1300), 1500), "{what}");
            let drops = [
                drop(5, 6, 1500, 1400, MtuLimit::Reported),
                drop(7, 8, 1400, 1300, MtuLimit::Reported),
            ];
            assert_eq!(mtu.drops, drops, "{what}");
            let limits = traced.hops.iter().map(|hop| hop.mtu.unwrap().limit);
            assert!(limits.take(5).all(|limit| limit == Some(MtuLimit::Interface)), "{what}");
        }
    }
}

#[test]
fn what_the_kernel_remembers_of_the_path_is_not_taken_for_a_finding() {
    let script =
        format!("{NARROW} {0} --mtu {V4} >/dev/null; {0} --mtu {V4}", without_privileges());
    let traced = Traced::from(&in_lab(&[], &script));
    assert_eq!(octets(&traced)[..6], [1500, 1500, 1500, 1500, 1500, 1400].map(Some));
}

#[test]
fn debian_s_traceroute_sees_the_same_where_routers_say_it() {
    for target in [V4, V6] {
        let script = format!("{NARROW} traceroute --mtu -n -q 1 -w 1 {target}");
        let theirs = String::from_utf8(in_lab(&[], &script).stdout).unwrap();
        let mut current = None;
        let theirs: Vec<Option<u32>> = theirs
            .lines()
            .skip(1)
            .map(|line| {
                let size = line.split_once("F=").map(|(_, size)| size);
                current =
                    size.and_then(|size| size.split_whitespace().next()?.parse().ok()).or(current);
                current
            })
            .collect();
        let script = format!("{NARROW} {} --mtu {target}", probe());
        assert_eq!(octets(&Traced::from(&in_lab(&[], &script))), theirs, "{target}");
    }
}

#[test]
fn a_black_hole_is_found_measured_and_called_one() {
    for target in [V4, V6] {
        let script = format!("{NARROW} {HOLE} {} --mtu {target}", probe());
        let traced = Traced::from(&in_lab(&[], &script));
        let mtu = traced.traces[0].mtu.as_ref().unwrap();
        // Hop 6 answers nobody: the hole is before or behind it.
        let drops = [
            drop(5, 7, 1401, 1400, MtuLimit::BlackHole),
            drop(7, 8, 1400, 1300, MtuLimit::Reported),
        ];
        assert_eq!((mtu.octets, &mtu.drops[..]), (Some(1300), &drops[..]), "{:?}", traced.traces);
        let at_least = Mtu { octets: Some(1400), limit: None };
        assert_eq!(traced.hops[5].mtu, Some(at_least), "no more than a lower bound");
        let (at_5, at_7) = (traced.hops[4].mtu.unwrap(), traced.hops[6].mtu.unwrap());
        assert_eq!((at_5.octets, at_7.limit), (Some(1500), Some(MtuLimit::BlackHole)));
    }
}

#[test]
fn nothing_is_made_up_where_nobody_answers() {
    let script = format!("{NARROW} {} --mtu 10.9.0.2", probe());
    let traced = Traced::from(&in_lab(&[], &script));
    let mtu = traced.traces[0].mtu.as_ref().unwrap();
    assert_eq!(mtu.octets, None);
    let beyond = traced.hops.iter().filter(|hop| hop.hop > 7);
    assert!(beyond.clone().count() > 0);
    assert!(beyond.into_iter().all(|hop| hop.mtu == Some(Mtu::default())), "{:?}", traced.hops);
}

#[test]
fn loss_is_not_taken_for_a_black_hole() {
    let lossy = "echo 'table inet lossy { chain forward { type filter hook forward priority 0;
      numgen random mod 100 < 30 drop; }; }' | in_ r2 nft -f -;";
    for _ in 0..4 {
        let traced = Traced::from(&in_lab(&[], &format!("{lossy} {} --mtu -w 0.5 {V4}", probe())));
        let mtu = traced.traces[0].mtu.as_ref().unwrap();
        assert!(mtu.drops.is_empty(), "{mtu:?}");
    }
}

#[test]
fn a_router_that_refuses_and_names_nothing_is_told_from_a_black_hole() {
    for lab in [Lab::new("mtu-unnamed"), Lab::new("mtu-unnamed").unprivileged()] {
        for (protocol, target) in
            [("-U", SIMULATED_V4), ("-U", SIMULATED_V6), ("-I", SIMULATED_V4), ("-I", SIMULATED_V6)]
        {
            let traced = lab.probe(&["--mtu", protocol, target]);
            let what = format!("{protocol} {target}: {:?}", traced.traces);
            let mtu = traced.traces[0].mtu.as_ref().unwrap();
            let drops = [
                drop(3, 4, 1401, 1400, MtuLimit::Refused),
                // Routers that quote eight octets refuse as others do.
                drop(5, 6, 1400, 1300, MtuLimit::Reported),
            ];
            assert_eq!((mtu.octets, &mtu.drops[..]), (Some(1300), &drops[..]), "{what}");
            let wanted = [1500, 1500, 1500, 1400, 1400, 1300, 1300].map(Some);
            assert_eq!(octets(&traced), wanted, "{what}");
        }
    }
}

#[test]
fn routers_that_quote_eight_octets_are_measured_like_others() {
    for lab in [Lab::new("short-quote"), Lab::new("short-quote").unprivileged()] {
        for target in [SIMULATED_V4, SIMULATED_V6] {
            let traced = lab.probe(&["--mtu", target]);
            let mtu = traced.traces[0].mtu.as_ref().unwrap();
            assert!(mtu.drops.is_empty(), "{mtu:?}");
            assert_eq!(octets(&traced), [Some(mtu.interface); 6], "{:?}", traced.hops);
        }
    }
}

#[test]
fn the_table_shows_it() {
    let render = tool("tm-render").display().to_string();
    let script = format!("{NARROW} {} --mtu {V4} | {render}", probe());
    let table = String::from_utf8(in_lab(&[], &script).stdout).unwrap();
    for wanted in ["MTU", "path MTU 1300", "MTU 1400 after hop 5: as a router says", "│ 6 ┆ *"]
    {
        assert!(table.contains(wanted), "{table}");
    }
}

#[test]
fn page_report_and_columns_say_it_too() {
    let script = format!("{NARROW} {HOLE} {} --mtu {V4}", probe());
    let records = in_lab(&[], &script).stdout;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("records");
    std::fs::write(&file, records).unwrap();
    let export = |format: &str| {
        let mut command = Command::new(tool("tm-export"));
        let output = command.args(["--format", format]).arg(&file).stdin(Stdio::null()).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    for text in [export("html"), export("md")] {
        assert!(text.contains("Path MTU 1300: datagrams of up to 1300 octets get there"), "{text}");
        assert!(text.contains("MTU 1400 between hops 5 and 7: larger datagrams vanish"), "{text}");
        assert!(text.contains("MTU 1300 after hop 7: as a router says"), "{text}");
    }
    let table = export("csv");
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let at = rows.headers().unwrap().iter().position(|name| name == "mtu").unwrap();
    let octets: Vec<String> = rows.records().map(|row| row.unwrap()[at].to_owned()).collect();
    assert_eq!(octets, ["1500", "1500", "1500", "1500", "1500", "1400", "1400", "1300"]);
}

#[test]
fn every_command_of_the_page_runs() {
    let folder = tempfile::tempdir().unwrap();
    match tm_tests::docs::Page::open("docs/mtu.md", folder.path()).run() {
        Ok(ran) => assert_eq!(ran, 1),
        Err(wrong) => panic!("{wrong}"),
    }
}

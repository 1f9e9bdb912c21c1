//! Every path: the discovery against networks whose truth is known, simulated in this process, on
//! the TUN simulator, and between kernel routers.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;
use tm_schema::{Balancing, Method, Stop};
use tm_tests::multipath::{Form, Network, discover};
use tm_tests::{Lab, Traced, tool};
use tm_tracer::driving::{Dice, TARGET, plan};
use tm_tracer::paths::stopping::Confidence;
use tm_tracer::trace::Plan;

const V4: &str = "198.51.100.9";
const V6: &str = "2001:db8:9::9";

fn sure() -> Confidence {
    Confidence::percent(99.9).unwrap()
}

#[test]
fn a_straight_path_costs_the_published_six_probes_a_hop() {
    let network = Network::straight(12);
    let found = discover(&network, Confidence::default(), plan(), 1);
    assert_eq!((&found.links, found.stop), (&network.links(), Stop::Destination));
    assert!((72..=75).contains(&found.probes), "{}", found.probes);
    assert!(found.paths.diamonds.is_empty() && found.paths.complete);
    assert!((found.paths.failure_bound - 1.0 / 32.0).abs() < 1e-5);
}

#[test]
fn sixty_networks_are_discovered_with_the_promised_confidence_and_nothing_is_made_up() {
    let mut failed = 0;
    for seed in 0..60 {
        let network = Network::random(&mut Dice::new(seed), 16);
        let found = discover(&network, Confidence::default(), plan(), seed);
        assert!(found.links.is_subset(&network.links()), "{seed}");
        assert!(found.nodes.is_subset(&network.nodes()), "{seed}");
        assert!(found.paths.failure_bound <= 0.05 + 1e-6, "{seed}: {:?}", found.paths);
        failed += u32::from(found.links != network.links());
    }
    // More than 8 of 60 at 5 % each happen once in 300 runs; these seeds never change.
    assert!(failed <= 8, "{failed} of 60");
}

#[test]
fn the_largest_ttl_there_is_may_be_allowed() {
    let network = Network::straight(3);
    let far = Plan { max_hops: u8::MAX, ..plan() };
    let found = discover(&network, Confidence::default(), far, 1);
    assert_eq!((&found.links, found.stop), (&network.links(), Stop::Destination));
}

#[test]
fn a_wide_even_diamond_is_cheaper_than_node_by_node() {
    let mut network = Network::straight(2);
    network.diamond(&mut Dice::new(5), Form::Chains, 64);
    let width = network.width();
    let found = discover(&network, sure(), plan(), 3);
    assert_eq!(found.links, network.links());
    let diamond = found.paths.diamonds[0];
    assert_eq!((diamond.from, diamond.width as usize, diamond.meshed), (2, width, false));
}

#[test]
fn crossing_links_are_found_and_called_meshed() {
    for seed in 0..12 {
        let mut network = Network::straight(2);
        network.diamond(&mut Dice::new(seed), Form::Meshed, 16);
        let found = discover(&network, sure(), plan(), seed);
        assert_eq!(found.links, network.links(), "{seed}");
        assert!(found.paths.diamonds[0].meshed, "{seed}");
    }
}

#[test]
fn packets_that_are_balanced_one_by_one_are_told_from_flows() {
    for per_packet in [false, true] {
        let mut network = Network::straight(2);
        network.diamond(&mut Dice::new(2), Form::Chains, 4);
        network.levels[1][0].per_packet = per_packet;
        let found = discover(&network, sure(), plan(), 11);
        let balancing = if per_packet { Balancing::PerPacket } else { Balancing::PerFlow };
        assert_eq!(found.paths.diamonds[0].balancing, balancing);
        assert_eq!(found.nodes, network.nodes());
    }
}

#[test]
fn a_silent_hop_inside_a_diamond_does_not_merge_it() {
    let mut network = Network::straight(2);
    network.levels[1][0].next = vec![0, 1, 2];
    let level = |next: &[usize], silent| {
        next.iter()
            .map(|&next| tm_tests::multipath::Node {
                next: vec![next],
                silent,
                ..Default::default()
            })
            .collect()
    };
    network.levels.push(level(&[0, 1, 2], false));
    network.levels.push(level(&[0, 1, 2], true));
    network.levels.push(level(&[0, 0, 0], false));
    network.levels.push(level(&[0], false));
    for seed in 0..20 {
        let found = discover(&network, sure(), plan(), seed);
        assert_eq!((&found.nodes, &found.links), (&network.nodes(), &network.links()), "{seed}");
    }
    // One silent branch among others hides nobody behind it.
    network.levels[3] = level(&[0, 1, 2], false);
    network.levels[3][1].silent = true;
    for seed in 0..20 {
        let found = discover(&network, sure(), plan(), seed);
        assert_eq!((&found.nodes, &found.links), (&network.nodes(), &network.links()), "{seed}");
    }
}

#[test]
fn nobody_beyond_a_hop_ends_it_after_the_gap_limit() {
    let mut network = Network::straight(9);
    for level in &mut network.levels[5..] {
        level[0].silent = true;
    }
    let found = discover(&network, Confidence::default(), plan(), 1);
    assert_eq!((found.stop, found.nodes.len()), (Stop::GapLimit, 5));
    // One probe more to each TTL that a plain trace would have tried.
    assert!(found.probes <= 45 + 9 && found.took < Duration::from_secs(7), "{found:?}");
}

#[test]
fn a_bound_for_each_balancer_alone_is_cheaper() {
    let mut network = Network::straight(2);
    network.diamond(&mut Dice::new(3), Form::Meshed, 16);
    let of = |confidence| discover(&network, confidence, plan(), 5);
    let (all, each) = (of(Confidence::default()), of(Confidence::default().per_balancer()));
    assert!(each.probes < all.probes, "{} {}", each.probes, all.probes);
    assert!(all.paths.failure_bound <= 0.05 && each.paths.failure_bound > 0.05);
    assert!(each.paths.per_balancer && !all.paths.per_balancer);
}

#[test]
fn every_command_of_the_page_runs() {
    let folder = tempfile::tempdir().unwrap();
    match tm_tests::docs::Page::open("docs/multipath.md", folder.path()).run() {
        Ok(ran) => assert_eq!(ran, 2),
        Err(wrong) => panic!("{wrong}"),
    }
}

#[test]
fn one_probe_of_a_flow_at_a_time_finds_the_same() {
    let network = Network::random(&mut Dice::new(8), 8);
    let serial = Plan { serial: true, ..plan() };
    assert_eq!(discover(&network, sure(), serial, 4).links, network.links());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn loss_and_slowness_make_no_false_diamond(
        hops in 1usize..20, loss in 0.0f64..0.4, rtt in 1u64..60, silent in prop::collection::vec(0usize..19, 0..3),
        seed: u64,
    ) {
        let mut network = Network::straight(hops + 1);
        network.loss = loss;
        network.rtt = Duration::from_millis(rtt);
        for at in silent.into_iter().filter(|at| *at < hops) {
            network.levels[at][0].silent = true;
        }
        let found = discover(&network, Confidence::default(), plan(), seed);
        prop_assert!(found.links.is_subset(&network.links()));
        prop_assert!(found.nodes.is_subset(&network.nodes()));
        prop_assert!(found.paths.diamonds.is_empty());
        prop_assert!(found.probes <= 40 * (hops as u32 + 4), "{}", found.probes);
    }

    #[test]
    fn whatever_the_network_it_ends_and_makes_nothing_up(
        seed: u64, loss in prop_oneof![Just(0.0), 0.0f64..0.3], per_packet in 0usize..8,
    ) {
        let mut network = Network::random(&mut Dice::new(seed), 8);
        network.loss = loss;
        if let Some(level) = network.levels.get_mut(per_packet) {
            level[0].per_packet = true;
        }
        let found = discover(&network, Confidence::default(), plan(), seed);
        prop_assert!(found.nodes.is_subset(&network.nodes()));
        prop_assert!(found.nodes.contains(&(network.levels.len() as u8, TARGET)) || loss > 0.0);
    }
}

type Link = (u8, String, String);

/// Links as a reader of the records finds them.
fn links(traced: &Traced) -> BTreeSet<Link> {
    let pairs = traced.hops.iter().flat_map(|hop| traced.hops.iter().map(move |next| (hop, next)));
    pairs
        .filter(|(hop, next)| next.hop == hop.hop + 1)
        .filter(|(hop, next)| hop.flows.iter().any(|flow| next.flows.contains(flow)))
        .filter_map(|(hop, next)| Some((hop.hop, hop.ip.clone()?, next.ip.clone()?)))
        .collect()
}

#[test]
fn the_simulator_s_diamond_is_found_by_every_protocol_family_and_privilege() {
    for lab in [Lab::new("diamond"), Lab::new("diamond").unprivileged()] {
        for (target, prefix) in [(V4, "10.0."), (V6, "fd00:")] {
            for protocol in ["-U", "-I", "-T"] {
                let traced =
                    lab.probe(&["--discover-paths", "--confidence", "99.999", protocol, target]);
                let what = format!("{protocol} {target}: {:?}", traced.traces);
                assert!(traced.traces[0].method == Some(Method::Mda), "{what}");
                let paths = traced.traces[0].paths.as_ref().unwrap();
                assert!(paths.complete && paths.failure_bound <= 0.000_01 + 1e-9, "{what}");
                let shape = paths.diamonds.iter().map(|d| (d.from, d.to, d.width, d.balancing));
                let wanted =
                    [(2, Some(5), 4, Balancing::PerFlow), (5, Some(7), 2, Balancing::PerPacket)];
                assert_eq!(shape.collect::<Vec<_>>(), wanted, "{what}");
                let found = links(&traced);
                let at = |ttl: u8| found.iter().filter(|link| link.0 == ttl).count();
                // Every router of hop 3 leads to every one of hop 4.
                assert_eq!([at(1), at(2), at(3), at(4)], [1, 4, 16, 4], "{what}");
                let own = |ip: &String| ip.starts_with(prefix) || ip == target;
                assert!(found.iter().all(|(_, from, to)| own(from) && own(to)), "{found:?}");
            }
        }
    }
}

#[test]
fn one_path_is_one_path_however_slow_seldom_or_silent_its_hops_answer() {
    for topology in ["chain", "ratelimit", "silent-middle", "long", "mpls", "short-quote"] {
        for lab in [Lab::new(topology), Lab::new(topology).unprivileged()] {
            let traced = lab.probe(&["--discover-paths", V4]);
            let paths = traced.traces[0].paths.as_ref().unwrap();
            assert!(traced.traces[0].reached, "{topology}: {:?}", traced.traces);
            assert!(paths.diamonds.is_empty(), "{topology}: {paths:?}");
            let mut ttls: Vec<u8> = traced.hops.iter().map(|hop| hop.hop).collect();
            ttls.dedup();
            assert_eq!(ttls.len(), traced.hops.len(), "{topology}: one responder a TTL");
        }
    }
}

#[test]
fn many_targets_are_discovered_side_by_side_and_the_rate_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("targets");
    let hosts: Vec<String> = (1..=40).map(|n| format!("100.64.0.{n}")).collect();
    let hosts = hosts.join("\n");
    std::fs::write(&list, hosts).unwrap();
    let began = std::time::Instant::now();
    let list = list.to_str().unwrap();
    let traced =
        Lab::new("fanout").probe(&["--discover-paths", "--rate", "1000", "--targets", list]);
    let sent: u32 = traced.traces.iter().map(|trace| trace.sent).sum();
    assert_eq!(traced.traces.iter().filter(|trace| trace.reached).count(), 40);
    assert!(traced.traces.iter().all(|trace| trace.paths.as_ref().unwrap().links == 5));
    assert!(began.elapsed().as_secs_f64() >= f64::from(sent) / 1000.0 - 0.1, "{sent}");
}

#[test]
fn a_signal_leaves_what_was_found() {
    let script = format!("\"$0\" --discover-paths {V4} & sleep 0.25; kill -INT $!; wait $!");
    let probe = tool("tm-probe").display().to_string();
    let output = Lab::new("ratelimit").command("bash", &["-c", &script, &probe]).output().unwrap();
    let traced = Traced::from(&output);
    assert_eq!((traced.code, traced.traces[0].stop), (Some(130), Some(Stop::Interrupted)));
    assert!(traced.hops.len() >= 3 && !traced.traces[0].paths.as_ref().unwrap().complete);
}

/// What `tm-probe --discover-paths` writes where all that it says goes to one terminal.
fn on_a_terminal(args: &str) -> String {
    let probe = tool("tm-probe").display().to_string();
    let script = format!("stty columns 60; exec '{probe}' {V4} --discover-paths {args}");
    let typed = ["-qec", &script, "/dev/null"];
    let output = Lab::new("ratelimit").command("script", &typed).env("TERM", "vt100").output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

#[test]
fn who_watches_a_discovery_sees_how_far_it_is_and_nothing_of_that_stays() {
    const TAKE_AWAY: &str = "\r\u{1b}[K";
    let written = on_a_terminal("");
    let (before, records) = written.split_at(written.find("{\"type\":\"hop\"").unwrap());
    let said: Vec<&str> = before.split(TAKE_AWAY).filter(|said| !said.is_empty()).collect();
    assert!(said.len() > 1, "it moves: {before:?}");
    for line in &said {
        let begins = format!("tm-probe: {V4} at hop ");
        assert!(line.starts_with(&begins) && line.contains(" addresses, "), "{line:?}");
        assert!(
            line.chars().count() <= 60 && line.ends_with('\r') && !line.contains('\n'),
            "{line:?}"
        );
    }
    assert!(before.ends_with(TAKE_AWAY), "{before:?}");
    assert!(records.lines().all(|line| line.starts_with('{')), "{records:?}");
    for quiet in ["--quiet", "2>&1 | cat"] {
        let written = on_a_terminal(quiet);
        assert!(written.starts_with("{\"type\":\"hop\""), "{quiet}: {written:?}");
    }
}

fn netns() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/netns/lab.sh")
}

#[test]
fn kernel_routers_are_found_link_by_link() {
    let truth = Command::new(netns()).arg("--truth").output().unwrap();
    let truth: Value = serde_json::from_slice(&truth.stdout).unwrap();
    let probe = tool("tm-probe").display().to_string();
    for (family, user, protocol) in
        [(4, false, "-U"), (4, true, "-U"), (6, false, "-U"), (4, false, "-T"), (6, true, "-T")]
    {
        let path = truth["paths"].as_array().unwrap().iter().find(|path| {
            path["from"] == "src" && path["target"] == "dst" && path["family"] == family
        });
        let path = path.unwrap();
        let ip = |value: &Value| value.as_str().unwrap().parse::<std::net::IpAddr>().unwrap();
        let wanted: BTreeSet<Link> = path["links"]
            .as_array()
            .unwrap()
            .iter()
            .map(|link| {
                let ttl = link["ttl"].as_u64().unwrap() as u8;
                (ttl, ip(&link["from"]).to_string(), ip(&link["to"]).to_string())
            })
            .collect();
        let mut command = Command::new(netns());
        if user {
            command.args(["--drop-caps", "--ping-group"]);
        }
        let target = path["address"].as_str().unwrap();
        let sure = "--confidence=99.999";
        command.args(["--", &probe, "--discover-paths", sure, protocol, target]);
        let output = command.stdin(Stdio::null()).env("XDG_CONFIG_HOME", "/nonexistent").output();
        let traced = Traced::from(&output.unwrap());
        assert_eq!(links(&traced), wanted, "{protocol} IPv{family}, user: {user}");
    }
}

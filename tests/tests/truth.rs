//! The tracer against paths whose truth is known: every protocol, both families, with and without
//! privileges.

use tm_schema::{Hop, Stop};
use tm_tests::{Lab, Traced};

const V4: &str = "198.51.100.9";
const V6: &str = "2001:db8:9::9";
const PROTOCOLS: [&str; 3] = ["-U", "-I", "-T"];

/// `routers` numbered routers, then the destination.
fn path(target: &str, routers: usize) -> Vec<String> {
    let router = |hop: usize| match target {
        V4 => format!("10.0.{hop}.1"),
        _ => format!("fd00:{hop:x}::1"),
    };
    (1..=routers).map(router).chain([target.to_owned()]).collect()
}

fn each_way(topology: &str, mut check: impl FnMut(&str, &str, &str, Traced)) {
    for (way, lab) in
        [("raw", Lab::new(topology)), ("unprivileged", Lab::new(topology).unprivileged())]
    {
        for target in [V4, V6] {
            for protocol in PROTOCOLS {
                check(way, target, protocol, lab.probe(&[protocol, target]));
            }
        }
    }
}

#[test]
fn a_chain_is_seen_as_it_is_by_every_protocol_family_and_privilege() {
    each_way("chain", |way, target, protocol, traced| {
        let what = format!("{way} {protocol} {target}: {traced:?}");
        assert_eq!(traced.path(), path(target, 5), "{what}");
        assert_eq!(traced.code, Some(0), "{what}");
        assert!(traced.hops.iter().all(|hop| hop.sent == 3 && hop.received == 3), "{what}");
        assert!(traced.hops.iter().zip(1..).all(|(hop, ttl)| hop.hop == ttl), "{what}");
        let trace = &traced.traces[0];
        assert!(
            trace.reached && trace.stop == Some(Stop::Destination) && trace.hops == 6,
            "{what}"
        );
        assert!(
            traced.hops[5].is_destination && traced.hops[..5].iter().all(|hop| !hop.is_destination),
            "{what}"
        );
    });
}

#[test]
fn the_addresses_of_the_lab_are_sources_at_once() {
    for _ in 0..30 {
        let args = ["-6", "addr", "show", "dev", "tm0", "tentative"];
        let output = Lab::new("chain").command("ip", &args).output().unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b""[..]));
    }
}

/// The median error of the RTTs of a trace, each hop being 4 ms farther.
fn median_error(traced: &Traced) -> f64 {
    let probes =
        traced.hops.iter().flat_map(|hop| hop.probes.iter().map(move |one| (hop.hop, one)));
    let mut errors: Vec<f64> =
        probes.filter_map(|(hop, one)| Some((f64::from(hop) * 4.0 - one.rtt_ms?).abs())).collect();
    errors.sort_by(f64::total_cmp);
    assert_eq!(errors.len(), 60);
    errors.get(30).copied().unwrap_or(f64::INFINITY)
}

#[test]
fn rtts_are_those_of_the_path_with_twenty_hops_in_flight() {
    for lab in [Lab::new("long"), Lab::new("long").unprivileged()] {
        for protocol in ["-U", "-I"] {
            // A busy machine delays the simulator, too; it does not do so each time.
            let errors: Vec<f64> = (0..5)
                .map(|_| {
                    let traced = lab.probe(&[protocol, V4]);
                    assert_eq!(traced.path(), path(V4, 19));
                    median_error(&traced)
                })
                .collect();
            assert!(errors.iter().any(|error| *error < 0.2), "median errors in ms: {errors:?}");
        }
    }
}

#[test]
fn a_firewalled_tail_is_three_silent_hops_and_an_honest_end() {
    for protocol in PROTOCOLS {
        let traced = Lab::new("firewalled").probe(&[protocol, "-w", "0.5", V4]);
        let mut wanted = path(V4, 8);
        wanted.truncate(8);
        wanted.extend(["*".to_owned(), "*".to_owned(), "*".to_owned()]);
        assert_eq!(traced.path(), wanted);
        assert_eq!(
            (traced.traces[0].stop, traced.traces[0].reached),
            (Some(Stop::GapLimit), false)
        );
        assert_eq!(traced.code, Some(0), "an honest answer is an answer");
    }
}

#[test]
fn without_a_gap_limit_the_trace_goes_on_to_the_last_ttl() {
    let traced = Lab::new("firewalled").probe(&["--gap-limit", "0", "-m", "14", "-w", "0.3", V4]);
    assert_eq!((traced.hops.len(), traced.traces[0].stop), (14, Some(Stop::MaxHops)));
}

#[test]
fn silent_hops_in_the_middle_hide_nobody_behind_them() {
    each_way("silent-middle", |way, target, protocol, traced| {
        let mut wanted = path(target, 6);
        wanted[2..4].fill("*".to_owned());
        assert_eq!(traced.path(), wanted, "{way} {protocol} {target}");
        let silent = &traced.hops[2];
        assert!(silent.is_timeout && silent.received == 0 && silent.rtt.is_none());
        assert!(silent.probes.len() == 3 && silent.probes.iter().all(|probe| !probe.ok));
    });
}

#[test]
fn routers_that_quote_eight_octets_are_put_at_their_own_ttl() {
    each_way("short-quote", |way, target, protocol, traced| {
        assert_eq!(traced.path(), path(target, 5), "{way} {protocol} {target}");
        assert!(
            traced.hops.iter().all(|hop| hop.received == 3),
            "{way} {protocol} {target}: {traced:?}"
        );
    });
}

#[test]
fn a_refusal_ends_the_path_and_says_why() {
    each_way("unreachable", |way, target, protocol, traced| {
        let what = format!("{way} {protocol} {target}: {traced:?}");
        let note = traced.hops.last().and_then(|hop| hop.reply.as_ref()?.note.clone());
        assert_eq!(note.as_deref(), Some(if target == V4 { "!X" } else { "!N" }), "{what}");
        assert_eq!(
            (traced.traces[0].stop, traced.traces[0].reached),
            (Some(Stop::Unreachable), false),
            "{what}"
        );
    });
}

#[test]
fn label_stacks_are_read_where_rfc_4884_puts_them_and_where_old_routers_did() {
    each_way("mpls", |way, target, protocol, traced| {
        let labels = |hop: &Hop| hop.mpls.iter().map(|label| label.label).collect::<Vec<_>>();
        let all: Vec<_> = traced.hops.iter().map(labels).collect();
        let wanted = [vec![], vec![24001], vec![24002, 300], vec![24003], vec![], vec![]];
        assert_eq!(all, wanted, "{way} {protocol} {target}");
        let top = traced.hops[2].mpls[0];
        assert_eq!((top.tc, top.bottom, top.ttl), (5, false, 254));
        let interface = traced.hops[4].interface.clone().unwrap();
        let named =
            (interface.role.as_str(), interface.index, interface.name.as_deref(), interface.mtu);
        assert_eq!(
            named,
            ("incoming", Some(7), Some("ge-0/0/1"), Some(1500)),
            "{way} {protocol} {target}"
        );
    });
}

#[test]
fn a_nat_shows_in_the_quotes_behind_it_and_nowhere_else() {
    let traced = Lab::new("nat").probe(&[V4]);
    let nat: Vec<_> = traced.hops.iter().map(|hop| hop.nat).collect();
    assert_eq!(nat, [Some(false), Some(false), Some(true), Some(true), Some(true), Some(true)]);
    let unseen = Lab::new("nat").unprivileged().probe(&[V4]);
    assert!(unseen.hops.iter().all(|hop| hop.nat.is_none()), "what cannot be seen is not claimed");
}

#[test]
fn rate_limits_of_routers_and_destinations_fake_no_loss() {
    for lab in [Lab::new("ratelimit"), Lab::new("ratelimit").unprivileged()] {
        // A busy machine bunches what is sent apart; it does not do so each time.
        let traces: Vec<Traced> = (0..5).map(|_| lab.probe(&[V4])).collect();
        assert!(traces.iter().all(|traced| traced.path() == path(V4, 5)), "{traces:?}");
        let is_whole = |traced: &Traced| traced.hops.iter().all(|hop| hop.loss_pct == 0.0);
        assert!(traces.iter().any(is_whole), "{traces:?}");
    }
}

#[test]
fn one_flow_meets_one_path_and_many_flows_meet_the_diamond() {
    for lab in [Lab::new("diamond"), Lab::new("diamond").unprivileged()] {
        for protocol in ["-U", "-I"] {
            let one = lab.probe(&[protocol, "-q", "6", V4]);
            let at = |ttl: u8| one.hops.iter().filter(|hop| hop.hop == ttl).count();
            assert!(
                (1..=5).all(|ttl| at(ttl) == 1),
                "{protocol}: one flow, one path: {:?}",
                one.path()
            );
            let many = lab.probe(&[protocol, "-q", "1", "--flows", "64", V4]);
            let width = |ttl: u8| many.hops.iter().filter(|hop| hop.hop == ttl).count();
            assert_eq!((width(3), width(4), width(6)), (4, 4, 2), "{protocol}: {:?}", many.path());
            let flows: usize =
                many.hops.iter().filter(|hop| hop.hop == 3).map(|hop| hop.flows.len()).sum();
            assert_eq!(flows, 64, "every flow met one router");
        }
    }
}

#[test]
fn no_forged_stale_or_malformed_answer_is_believed() {
    let cases = [("hostile", Lab::new("hostile")), ("offpath", Lab::new("offpath").unprivileged())];
    for (name, lab) in cases {
        for target in [V4, V6] {
            for protocol in PROTOCOLS {
                let traced = lab.probe(&[protocol, target]);
                let truth = path(target, 5);
                assert_eq!(
                    traced.hops.len(),
                    truth.len(),
                    "{name} {protocol} {target}: {traced:?}"
                );
                // In the crowd an honest answer may find no room in a buffer; a lie is never heard.
                for (seen, wanted) in traced.path().iter().zip(&truth) {
                    assert!(seen == wanted || seen == "*", "{name} {protocol} {target}: {seen}");
                }
                assert!(traced.hops.iter().all(|hop| hop.received <= hop.sent));
            }
        }
    }
}

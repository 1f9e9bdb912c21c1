//! What the kernel will not send: firewalls of the host itself, routes and interfaces that go
//! away and come back, and what the records then say of the rest.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use tm_schema::{Stop, Trace};
use tm_tests::{Lab, Traced, tool};

const TARGET: &str = "198.51.100.9";
const METHODS: [&[&str]; 6] =
    [&[], &["--mtu"], &["--discover-paths"], &["-I"], &["--bulk", "-w", "0.2"], &["-T", "-p80"]];

fn in_lab(lab: &Lab, script: &str) -> Traced {
    let output = lab.command("bash", &["-c", script]).output().unwrap();
    Traced::from(&output)
}

/// `tm-probe ARGS TARGET`, without any capability where it is to have none.
fn probe(is_plain: bool, args: &[&str]) -> String {
    let drop = "setpriv --bounding-set=-all --inh-caps=-all --no-new-privs ";
    let drop = if is_plain { drop } else { "" };
    format!("{drop}{} {} {TARGET}", tool("tm-probe").display(), args.join(" "))
}

/// A firewall of the host that drops what leaves it, if it is `what`.
fn without(what: &str) -> String {
    format!(
        "nft 'table ip f {{ chain o {{ type filter hook output priority 0; \
         ip daddr {TARGET} {what} drop; }}; }}' || exit 9; "
    )
}

#[test]
fn hops_that_the_host_itself_sends_nothing_to_are_not_silent() {
    for is_plain in [false, true] {
        for args in METHODS {
            // A socket of the kernel's own TCP never hears that its SYN was dropped, a ping socket
            // needs a group, and a bulk run privileges.
            if is_plain && ["-T", "-I", "--bulk"].iter().any(|own| args.first() == Some(own)) {
                continue;
            }
            let script = without("ip ttl > 3") + &probe(is_plain, args);
            let traced = in_lab(&Lab::new("chain"), &script);
            let what = format!("{args:?} {is_plain} {traced:?}");
            assert_eq!(traced.path(), ["10.0.1.1", "10.0.2.1", "10.0.3.1"], "{what}");
            let trace = &traced.traces[0];
            assert_eq!((trace.stop, trace.sent), (Some(Stop::Error), trace.received), "{what}");
            assert!(trace.error.as_ref().unwrap().starts_with("cannot send: "), "{what}");
            assert!(traced.stderr.contains(": cannot send: "), "{what}");
            assert_eq!(traced.code, Some(1), "{what}");
        }
    }
}

#[test]
fn a_hop_that_the_host_itself_sends_nothing_to_hides_no_other() {
    for args in &METHODS[..5] {
        let script = without("ip ttl 3") + &probe(false, args);
        let traced = in_lab(&Lab::new("chain"), &script);
        let wanted = ["10.0.1.1", "10.0.2.1", "10.0.4.1", "10.0.5.1", TARGET];
        assert_eq!(traced.path(), wanted, "{args:?} {traced:?}");
        let trace = &traced.traces[0];
        assert_eq!((trace.stop, &trace.error), (Some(Stop::Destination), &None), "{args:?}");
        assert_eq!(traced.code, Some(0), "{args:?}");
    }
}

#[test]
fn a_size_that_the_host_itself_lets_not_leave_is_no_black_hole() {
    for is_plain in [false, true] {
        let script = without("ip length > 1111") + &probe(is_plain, &["--mtu"]);
        let traced = in_lab(&Lab::new("chain"), &script);
        let mtu = traced.traces[0].mtu.as_ref().unwrap();
        assert_eq!((mtu.octets, mtu.interface), (Some(1111), 1111), "{traced:?}");
        assert_eq!((mtu.drops.len(), traced.code), (0, Some(0)), "{traced:?}");
    }
}

/// Traces round after round: until one reaches the target, then with a `change` until one ends as
/// `told` by a pattern, then without until one reaches it again.
fn through_a_change(is_plain: bool, args: &[&str], change: [&str; 2], told: &str) -> Traced {
    let args = [args, &["--interval", "0.2"]].concat();
    let script = format!(
        r#"coproc exec {program}; pid=$!; exec 3<&"${{COPROC[0]}}"
        see() {{ while read -r line <&3; do echo "$line"
                 [[ $line == *'"type":"trace"'*$1* ]] && return; done; exit 9; }}
        see '"stop":"destination"'; {there}; see '{told}'; {back}; see '"stop":"destination"'
        kill -INT $pid; cat <&3; wait $pid"#,
        program = probe(is_plain, &args),
        there = change[0],
        back = change[1],
    );
    in_lab(&Lab::new("chain"), &script)
}

#[test]
fn a_route_that_goes_away_is_told_and_the_next_rounds_go_on() {
    let route = |kind: &str| ["add", "del"].map(|verb| format!("ip route {verb} {kind} {TARGET}"));
    let link = ["ip link set tm0 down", "ip link set tm0 up; ip route add default dev tm0"];
    let changes = [
        (route("prohibit"), "Permission denied"),
        (route("unreachable"), "No route to host"),
        (route("blackhole"), "Invalid argument"),
        (link.map(str::to_owned), "Network is unreachable"),
    ];
    // Each change once, by every method in turn.
    for (at, ([there, back], why)) in changes.iter().enumerate() {
        let traced =
            through_a_change(at % 2 == 1, METHODS[at % 3], [there, back], r#""stop":"error""#);
        assert_eq!(traced.code, Some(130), "{there}: {traced:?}");
        let failed = |trace: &&Trace| trace.stop == Some(Stop::Error);
        let told = traced.traces.iter().find(failed).unwrap();
        let error = told.error.as_ref().unwrap();
        assert!(error.starts_with("cannot send: ") && error.contains(why), "{there}: {error}");
        assert!(traced.stderr.contains(why), "{there}: {}", traced.stderr);
        assert!(traced.hops.iter().all(|hop| !hop.is_timeout), "{there}: {traced:?}");
        let is_other = |trace: &&Trace| trace.stop != Some(Stop::Interrupted) && !failed(trace);
        let mut others = traced.traces.iter().filter(is_other);
        let whole = |trace: &Trace| trace.stop == Some(Stop::Destination) && trace.error.is_none();
        assert!(others.all(whole), "{there}: {traced:?}");
    }
}

#[test]
fn an_interface_that_takes_less_from_some_round_on_is_the_limit_from_then_on() {
    for is_plain in [false, true] {
        let change = ["ip link set tm0 mtu 1400", "ip link set tm0 mtu 1500"];
        let traced = through_a_change(is_plain, &["--mtu"], change, r#""octets":1400"#);
        let of = |octets: u32| {
            traced.traces.iter().find_map(|trace| {
                trace.mtu.as_ref().filter(|mtu| mtu.octets == Some(octets)).cloned()
            })
        };
        let (whole, less) = (of(1500).unwrap(), of(1400).unwrap());
        assert_eq!((whole.interface, less.interface), (1500, 1400), "{traced:?}");
        assert_eq!((whole.drops, less.drops), (Vec::new(), Vec::new()), "{traced:?}");
        assert!(traced.traces.iter().all(|trace| trace.error.is_none()), "{traced:?}");
    }
}

#[test]
fn targets_that_have_no_route_spoil_no_bulk_run() {
    for list in [[TARGET, "198.51.100.10"], ["198.51.100.8", TARGET]] {
        let [without, with] = if list[0] == TARGET { [list[0], list[1]] } else { list };
        let script = format!(
            "ip route add prohibit {without}; printf '%s\\n' {} | {} --bulk -w 0.2 --targets -",
            list.join(" "),
            tool("tm-probe").display()
        );
        let traced = in_lab(&Lab::new("chain"), &script);
        let of = |host: &str| traced.traces.iter().find(|trace| trace.host == host).unwrap();
        let error = of(without).error.as_deref();
        assert_eq!(error, Some("cannot send: Permission denied (os error 13)"), "{traced:?}");
        assert_eq!((of(without).stop, of(without).sent), (Some(Stop::Error), 0), "{traced:?}");
        assert!(of(with).sent > 0 && of(with).error.is_none(), "{traced:?}");
        assert_eq!(traced.code, Some(1), "{traced:?}");
    }
}

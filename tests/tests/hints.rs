//! Hints: what replies suggest at no extra probe, and where nothing is suggested.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use tm_schema::{Hints, Routers};
use tm_tests::{Lab, Traced, tool};

const TARGETS: [&str; 2] = ["198.51.100.9", "2001:db8:9::9"];

fn hints(traced: &Traced, ttl: u8) -> Vec<Option<Hints>> {
    traced.hops.iter().filter(|hop| hop.hop == ttl).map(|hop| hop.hints).collect()
}

#[test]
fn a_reply_that_comes_another_way_is_a_hint_and_one_that_does_not_is_none() {
    for target in TARGETS {
        let traced = Lab::new("hints").probe(&[target]);
        let longer = Hints { initial_ttl: Some(255), reply_hops: Some(8), router: None };
        assert_eq!(hints(&traced, 2), [Some(longer)], "{target}");
        for ttl in [1, 5, 6] {
            assert_eq!(hints(&traced, ttl), [None], "{target} hop {ttl}");
        }
    }
}

#[test]
fn the_same_labels_are_a_hint_at_one_router_and_equal_distance_is_none() {
    for target in TARGETS {
        let traced =
            Lab::new("hints").probe(&["--discover-paths", "--confidence", "99.999", target]);
        let one = Hints { initial_ttl: None, reply_hops: None, router: Some(1) };
        assert_eq!(hints(&traced, 3), vec![Some(one); 3], "{target}");
        assert_eq!(hints(&traced, 4), [const { None }; 3], "{target}");
        let diamonds = &traced.traces[0].paths.as_ref().unwrap().diamonds;
        // Both hops are one diamond; its first is told of.
        assert_eq!(diamonds.len(), 1, "{diamonds:?}");
        let routers = Routers { at_least: 1, at_most: 1 };
        assert_eq!((diamonds[0].width, diamonds[0].routers), (3, Some(routers)), "{target}");
    }
}

#[test]
fn the_table_shows_them_with_a_question_mark() {
    let (probe, render) = (tool("tm-probe"), tool("tm-render"));
    let script =
        format!("{} {} | {} --wide --width 200", probe.display(), TARGETS[0], render.display());
    let output = Lab::new("hints").command("sh", &["-c", &script]).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("Back?"), "{table}");
}

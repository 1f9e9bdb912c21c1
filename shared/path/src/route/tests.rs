use proptest::prelude::*;

use super::*;

/// Routers of a path by TTL from 1; `*` is silent, `a|b` two at once, `a@7` one of AS 7.
fn round(path: &str) -> (Round, Option<u8>) {
    let mut round = Round::new();
    for (at, ttl) in path.split(' ').zip(1..) {
        let responders = at.split('|').filter(|at| *at != "*").map(|at| {
            let (ip, asn) =
                at.split_once('@').map_or((at, None), |(ip, asn)| (ip, asn.parse().ok()));
            Responder { ip: ip.to_owned(), asn }
        });
        round.insert(ttl, responders.collect());
    }
    let end = path.ends_with('d').then_some(round.len() as u8);
    (round, end)
}

fn see(memory: &mut Memory, path: &str) -> Verdict {
    let (round, end) = round(path);
    memory.observe(&round, end)
}

fn learnt(paths: &[&str]) -> Memory {
    let mut memory = Memory::default();
    for at in 0..60 {
        assert_eq!(see(&mut memory, paths[at % paths.len()]), Verdict::Usual, "round {at}");
    }
    memory
}

#[test]
fn a_replaced_hop_is_told_in_its_second_round_and_once() {
    let mut memory = learnt(&["a b c d"]);
    assert_eq!(see(&mut memory, "a x c d"), Verdict::Suspect);
    let Verdict::Began(change) = see(&mut memory, "a x c d") else { panic!("{memory:?}") };
    assert_eq!(
        (change.hop, change.before, change.after),
        (2, vec!["b".to_owned()], vec!["x".to_owned()])
    );
    assert_eq!(see(&mut memory, "a x c d"), Verdict::Usual);
    assert_eq!(see(&mut memory, "a b c d"), Verdict::Usual);
    assert!(matches!(see(&mut memory, "a b c d"), Verdict::Ended(_)), "{memory:?}");
}

#[test]
fn an_inserted_and_a_removed_hop_are_one_difference() {
    for (now, before, after) in [("a b x c d", vec![], vec!["x"]), ("a c d", vec!["b"], vec![])] {
        let mut memory = learnt(&["a b c d"]);
        see(&mut memory, now);
        let Verdict::Began(change) = see(&mut memory, now) else { panic!("{memory:?}") };
        assert_eq!(
            (change.before, change.after),
            (
                before.iter().map(ToString::to_string).collect(),
                after.iter().map(ToString::to_string).collect()
            ),
            "{now}"
        );
    }
}

/// Sixteen sisters in the order in which chance brought them up. From the 42nd round on, three that
/// were not seen before came in a row, and the last of them twice more.
#[test]
fn sisters_that_come_up_late_one_after_the_other_are_no_change() {
    let order = "nsoiteegsfooheheolohlnqjqejhgiohoelljsmgmrkpppgn";
    let mut memory = Memory::default();
    for sister in order.chars() {
        let verdict = see(&mut memory, &format!("1 2 {sister} 4 d"));
        assert!(matches!(verdict, Verdict::Usual | Verdict::Suspect), "{sister}: {verdict:?}");
    }
}

#[test]
fn balanced_hops_and_silence_are_no_change() {
    let mut memory = learnt(&["a b e c d", "a f g c d", "a f e c d"]);
    for path in ["a h g c d", "a b g c d", "a * * c d", "* * * * *", "a h e c d", "a b|f g c d"] {
        assert!(matches!(see(&mut memory, path), Verdict::Usual | Verdict::Suspect), "{path}");
    }
    assert!(!memory.is_other());
}

#[test]
fn a_change_where_the_load_is_balanced_is_found_all_the_same() {
    let mut memory = learnt(&["a b c d", "a f c d"]);
    let began = (0..9).find(|at| {
        matches!(
            see(&mut memory, if at % 2 == 0 { "a x c d" } else { "a y c d" }),
            Verdict::Began(_)
        )
    });
    assert!(began.is_some_and(|at| at <= 7), "{began:?}");
}

#[test]
fn flapping_is_told_of_once() {
    let mut memory = learnt(&["a b c d"]);
    let mut began = 0;
    for at in 0..200 {
        let path = if at / 5 % 2 == 0 { "a x c d" } else { "a b c d" };
        began += usize::from(matches!(see(&mut memory, path), Verdict::Began(_)));
    }
    assert_eq!(began, 1);
}

#[test]
fn a_change_of_ases_is_told_from_a_failed_look_up() {
    let mut memory = learnt(&["a@1 b@2 c@3 d@3"]);
    see(&mut memory, "a@1 x@9 c@3 d@3");
    let Verdict::Began(change) = see(&mut memory, "a@1 x@9 c@3 d@3") else { panic!() };
    assert!(change.is_as_change && change.ases_after == [1, 9, 3], "{change:?}");
    let mut memory = learnt(&["a@1 b@2 c@3 d@3"]);
    see(&mut memory, "a@1 x c@3 d@3");
    let Verdict::Began(change) = see(&mut memory, "a@1 x c@3 d@3") else { panic!() };
    assert!(!change.is_as_change, "{change:?}");
}

#[test]
fn another_origin_of_the_same_routers_is_a_change() {
    let mut memory = learnt(&["a@1 b@2 d@3"]);
    assert_eq!(see(&mut memory, "a@1 b d@3"), Verdict::Usual);
    see(&mut memory, "a@1 b@666 d@3");
    assert!(
        matches!(see(&mut memory, "a@1 b@666 d@3"), Verdict::Began(change) if change.is_as_change)
    );
    see(&mut memory, "a@1 b@2 d@3");
    assert!(matches!(see(&mut memory, "a@1 b@2 d@3"), Verdict::Ended(_)));
}

#[test]
fn a_new_path_that_lasts_becomes_the_usual_one() {
    let mut memory = learnt(&["a b c d"]);
    let verdicts: Vec<Verdict> = (0..300).map(|_| see(&mut memory, "a x c d")).collect();
    let adopted = |verdict: &&Verdict| matches!(verdict, Verdict::Adopted(_));
    assert_eq!(verdicts.iter().filter(adopted).count(), 1);
    see(&mut memory, "a b c d");
    assert!(matches!(see(&mut memory, "a b c d"), Verdict::Began(_)), "long forgotten");
}

proptest! {
    #[test]
    fn any_rounds_are_judged_and_memory_is_bounded(
        rounds in prop::collection::vec(
            prop::collection::btree_map(any::<u8>(), prop::collection::btree_set("[a-d]{1,3}", 0..3), 0..5), 0..80),
    ) {
        let mut memory = Memory::default();
        for round in rounds {
            let round = round.into_iter().map(|(ttl, ips)| {
                (ttl, ips.into_iter().map(|ip| Responder { ip, asn: None }).collect())
            }).collect();
            memory.observe(&round, None);
            prop_assert!(memory.slots.values().all(|slot| slot.known.len() <= REMEMBERED));
        }
        let json = serde_json::to_string(&memory).unwrap();
        prop_assert_eq!(serde_json::from_str::<Memory>(&json).unwrap(), memory);
    }
}

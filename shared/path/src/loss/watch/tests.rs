//! Loss, unwillingness and chance, by counts of probes.

use proptest::prelude::*;

use super::*;

const ROUTERS: u8 = 9;

/// A round of three probes a hop; `lost`: those of each hop.
fn round(watch: &mut LossWatch, lost: impl Fn(u8) -> u32) -> Verdict {
    round_of(3, watch, lost)
}

/// A round of so many probes a hop.
fn round_of(sent: u32, watch: &mut LossWatch, lost: impl Fn(u8) -> u32) -> Verdict {
    let counts = |hop| Counts { sent, lost: lost(hop) };
    let hops = (1..=ROUTERS).map(|hop| (hop, counts(hop))).collect();
    watch.observe(&hops, counts(ROUTERS + 1))
}

fn learnt() -> LossWatch {
    let mut watch = LossWatch::default();
    for _ in 0..60 {
        assert_eq!(round(&mut watch, |_| 0), Verdict::Usual);
    }
    watch
}

#[test]
fn loss_that_all_hops_beyond_share_is_told_in_two_rounds_and_where_it_begins() {
    let mut watch = learnt();
    let lossy = |hop| u32::from(hop >= 5);
    assert_eq!(round(&mut watch, lossy), Verdict::Usual, "one round may be a burst");
    let Verdict::Began(loss) = round(&mut watch, lossy) else { panic!("{watch:?}") };
    assert_eq!((loss.hop, loss.lost * 3), (Some(5), loss.sent));
    assert_eq!(round(&mut watch, lossy), Verdict::Lossy);
    assert_eq!(round(&mut watch, |_| 0), Verdict::Lossy);
    assert!(matches!(round(&mut watch, |_| 0), Verdict::Ended(_)), "{watch:?}");
}

#[test]
fn a_router_that_begins_to_answer_seldom_is_no_loss() {
    for router in [1, 5, ROUTERS] {
        let mut watch = learnt();
        for at in 0..200 {
            // The destination loses one probe now and then.
            let lost = |hop| match hop {
                hop if hop == router => 2,
                hop if hop > ROUTERS => u32::from(at % 40 == 39),
                _ => 0,
            };
            assert_eq!(round(&mut watch, lost), Verdict::Usual, "hop {router} round {at}");
        }
    }
}

#[test]
fn a_burst_in_one_round_and_one_probe_in_three_are_no_loss() {
    let mut watch = learnt();
    assert_eq!(round(&mut watch, |hop| if hop > 3 { 3 } else { 0 }), Verdict::Usual);
    for _ in 0..30 {
        assert_eq!(round(&mut watch, |_| 0), Verdict::Usual);
    }
    assert_eq!(round(&mut watch, |hop| u32::from(hop > ROUTERS)), Verdict::Usual);
}

#[test]
fn loss_at_the_destination_alone_takes_a_few_probes_more() {
    let mut watch = learnt();
    let rounds = (1..10).find(|_| {
        let verdict = round(&mut watch, |hop| if hop > ROUTERS { 2 } else { 0 });
        matches!(verdict, Verdict::Began(Loss { hop: None, .. }))
    });
    assert!(rounds.is_some_and(|rounds| rounds <= 4), "{rounds:?}");
}

#[test]
fn twenty_probes_a_hop_tell_any_loss_in_two_rounds() {
    for (first, lost) in [(5, 3), (ROUTERS + 1, 8)] {
        let mut watch = LossWatch::default();
        for _ in 0..60 {
            assert_eq!(round_of(20, &mut watch, |_| 0), Verdict::Usual);
        }
        let lossy = |hop| if hop >= first { lost } else { 0 };
        assert_eq!(round_of(20, &mut watch, lossy), Verdict::Usual, "one round may be a burst");
        let verdict = round_of(20, &mut watch, lossy);
        assert!(matches!(verdict, Verdict::Began(_)), "{first}: {watch:?}");
        round_of(20, &mut watch, |_| 0);
        assert!(matches!(round_of(20, &mut watch, |_| 0), Verdict::Ended(_)), "{first}");
    }
}

#[test]
fn a_destination_that_loses_two_probes_at_once_does_not_lose_as_much_as_an_unwilling_router() {
    for sent in [3, 20] {
        let mut watch = LossWatch::default();
        for at in 0..200 {
            let lost = |hop| match hop {
                ROUTERS if at >= 100 => sent * 2 / 3,
                hop if hop > ROUTERS && at == 150 => 2,
                _ => 0,
            };
            assert_eq!(round_of(sent, &mut watch, lost), Verdict::Usual, "{sent} probes, {at}");
        }
    }
}

#[test]
fn what_is_usually_lost_is_learnt_with_the_rounds_that_lost_it() {
    let mut watch = LossWatch::default();
    for at in 0..600 {
        let lost = |hop| u32::from(hop > ROUTERS && at % 20 == 9);
        assert_eq!(round(&mut watch, lost), Verdict::Usual);
    }
    let (usual, truth) = (watch.usual(), 1.0 / 60.0);
    assert!((usual - truth).abs() < 0.004, "{usual} of {truth}");
}

#[test]
fn loss_that_lasts_is_reported_once_and_becomes_usual() {
    let mut watch = learnt();
    let mut events = Vec::new();
    for at in 0..300_u32 {
        let verdict =
            round(&mut watch, |hop| u32::from(hop >= 4 && (at + u32::from(hop)) % 2 == 0));
        if !matches!(verdict, Verdict::Usual | Verdict::Lossy) {
            events.push(verdict);
        }
    }
    assert!(matches!(events.as_slice(), [Verdict::Began(_), Verdict::Adopted(_)]), "{events:?}");
}

proptest! {
    #[test]
    fn any_counts_are_judged(
        rounds in prop::collection::vec(
            prop::collection::btree_map(any::<u8>(), (0..5_u32, 0..9_u32), 0..6), 0..100),
    ) {
        let mut watch = LossWatch::default();
        for round in rounds {
            let hops = round.into_iter().map(|(ttl, (sent, lost))| (ttl, Counts { sent, lost }));
            let hops: BTreeMap<u8, Counts> = hops.collect();
            watch.observe(&hops, hops.values().next().copied().unwrap_or_default());
        }
        let json = serde_json::to_string(&watch).unwrap();
        prop_assert!(serde_json::from_str::<LossWatch>(&json).is_ok());
    }
}

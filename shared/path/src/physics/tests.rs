use super::*;
use crate::sphere::Point;

const OSLO: (f64, f64) = (59.91, 10.75);
const HAMBURG: (f64, f64) = (53.55, 9.99);
const AMSTERDAM: (f64, f64) = (52.37, 4.9);
const LONDON: (f64, f64) = (51.51, -0.13);
const BOSTON: (f64, f64) = (42.36, -71.06);
const LOS_ANGELES: (f64, f64) = (34.05, -118.24);
const SYDNEY: (f64, f64) = (-33.87, 151.21);

fn direction((lat, lon): (f64, f64)) -> Direction {
    Point::new(lat, lon).unwrap().direction()
}

fn spot(name: &str, at: (f64, f64)) -> Spot {
    Spot { direction: direction(at), name: name.into() }
}

fn reply(hop: u8, rtt_ms: f64, flows: &[u16]) -> Reply {
    Reply { hop, rtt_ms, flows: Flows::new(flows.to_vec()) }
}

fn known(hop: u8, rtt_ms: f64, flows: &[u16], name: &str, at: (f64, f64), score: f64) -> Known {
    Known { reply: reply(hop, rtt_ms, flows), spot: spot(name, at), score, is_sure: score >= 3.0 }
}

/// Oslo to Boston, as a trace of November 2024 had it.
fn to_boston(vantage: bool) -> Route {
    let mut route = Route::new(vantage.then(|| spot("59.91,10.75", OSLO)));
    for (hop, rtt, name, at) in [
        (3, 1.1, "Oslo", OSLO),
        (4, 14.6, "Hamburg", HAMBURG),
        (5, 22.9, "Amsterdam", AMSTERDAM),
        (6, 30.2, "London", LONDON),
        (7, 94.18, "Boston", BOSTON),
    ] {
        let known = known(hop, rtt, &[0], name, at, 3.0);
        assert_eq!(route.refute(&known.reply, &known.spot), None, "{name}");
        route.confirm(known);
    }
    route
}

#[test]
fn the_speeds_and_the_slack() {
    // 10 ms of RTT: 1,000 km in fibre, 1,499 in vacuum, 30 to 45 for the clock, 25 for the city.
    for (km, verdict) in [
        (1054.9, Verdict::Possible),
        (1055.1, Verdict::Implausible),
        (1568.8, Verdict::Implausible),
        (1569.0, Verdict::Impossible),
    ] {
        assert_eq!(judge(2.0 * km, 10.0, 1), verdict, "{km}");
    }
    assert_eq!(judge(0.0, 0.0, 1), Verdict::Possible);
}

#[test]
fn a_name_that_the_radius_allows_is_refuted_by_the_closed_way() {
    let (los_angeles, hop8) = (spot("Los Angeles", LOS_ANGELES), reply(8, 94.59, &[0]));
    let mut alone = Route::new(Some(spot("59.91,10.75", OSLO)));
    assert_eq!(alone.refute(&hop8, &los_angeles), None, "8,574 km of 9,459");
    for vantage in [true, false] {
        let mut route = to_boston(vantage);
        let refuted = route.refute(&hop8, &los_angeles).unwrap();
        assert_eq!(refuted.verdict, Verdict::Implausible);
        assert!(refuted.why.contains("Hamburg, Amsterdam, London, Boston to Los"), "{refuted:?}");
        assert!(!route.reconcile(&hop8, &los_angeles, 3.0), "nothing weaker is in the way");
        assert_eq!(route.refute(&hop8, &spot("Boston", BOSTON)), None);
    }
}

#[test]
fn a_weaker_place_gives_way_to_a_stronger_one() {
    let mut route = to_boston(true);
    // A database put hop 8 into Sydney, which nobody could refute at the time.
    route.confirm(known(8, 110.0, &[0], "Sydney", SYDNEY, 1.5));
    let (boston, hop9) = (spot("Boston", BOSTON), reply(9, 111.0, &[0]));
    assert!(route.refute(&hop9, &boston).unwrap().why.contains("Sydney"));
    assert!(!route.reconcile(&hop9, &boston, 1.5));
    assert!(route.reconcile(&hop9, &boston, 3.0));
    assert_eq!(route.refute(&hop9, &boston), None);
    assert_eq!(route.refute(&reply(9, 300.0, &[0]), &spot("Sydney", SYDNEY)), None);
}

#[test]
fn a_way_is_closed_only_over_hops_that_every_probe_passed() {
    let mut route = Route::new(None);
    route.confirm(known(4, 40.0, &[0, 1], "London", LONDON, 3.0));
    let far = spot("Sydney", SYDNEY);
    // The flow that met Sydney met London: 17,000 km in 130 ms, there and back, is too fast.
    assert!(route.refute(&reply(6, 130.0, &[1]), &far).is_some());
    // A flow that went another way leaves only that both are near to where the probes left.
    assert_eq!(route.refute(&reply(6, 130.0, &[1, 2]), &far), None);
    assert_eq!(route.refute(&reply(6, 130.0, &[]), &far), None);
    assert!(route.refute(&reply(6, 120.0, &[2]), &far).unwrap().why.contains("hop 4 answered"));
    // What is farther was not passed.
    assert_eq!(route.refute(&reply(4, 130.0, &[1]), &far), None);
}

#[test]
fn a_difference_of_two_rtts_is_no_bound() {
    let mut route = Route::new(None);
    route.confirm(known(4, 150.0, &[0], "London", LONDON, 3.0));
    // Sooner than the hop before it, and yet across the ocean: the way back of hop 4 was long.
    assert_eq!(route.refute(&reply(5, 80.0, &[0]), &spot("Boston", BOSTON)), None);
}

#[test]
fn the_reach_names_what_it_is_measured_from() {
    let mut route = to_boston(true);
    assert_eq!(
        route.reach(&reply(8, 94.7, &[0])),
        Some(Reach { km: 9525.0, from: Anchor::Vantage })
    );
    let mut route = to_boston(false);
    let from = |reach: Option<Reach>| reach.unwrap().from;
    assert_eq!(from(route.reach(&reply(8, 95.0, &[0]))), Anchor::Passed(7, "Boston".into()));
    assert_eq!(from(route.reach(&reply(8, 95.0, &[7]))), Anchor::Inferred(3, "Oslo".into()));
    assert_eq!(Route::new(None).reach(&reply(1, 1.0, &[0])), None);
}

#[test]
fn neighbours_in_one_city_support_each_other() {
    let mut route = to_boston(false);
    let cambridge = spot("Cambridge", (42.37, -71.11));
    assert!(route.is_beside_the_last(&reply(8, 94.6, &[0]), &cambridge));
    assert!(!route.is_beside_the_last(&reply(8, 99.0, &[0]), &cambridge));
    assert!(!route.is_beside_the_last(&reply(12, 94.6, &[0]), &cambridge));
    assert!(!route.is_beside_the_last(&reply(8, 94.6, &[3]), &cambridge));
}

#[test]
fn what_is_kept_of_a_trace_is_bounded() {
    let mut route = Route::new(None);
    for n in 0..1000 {
        let hop = (n % 255) as u8;
        route.confirm(known(hop, 10.0, &[n], "Oslo", OSLO, 2.0));
        route.refute(&reply(hop, 10.0, &[n]), &spot("Oslo", OSLO));
    }
    assert_eq!(route.known.len(), MOST_KNOWN);
}

#[test]
fn the_vantage_point_is_inferred_from_the_known_responder_that_answered_soonest() {
    let mut route = Route::new(None);
    route.confirm(known(3, 1.1, &[0], "Oslo", OSLO, 3.0));
    route.confirm(known(5, 40.0, &[1], "London", LONDON, 3.0));
    // Sydney is 15,950 km from Oslo. 159.5 ms less the disc of 1.1 ms and what is inexact.
    let (far, near) = (reply(6, 157.0, &[1]), reply(6, 158.5, &[1]));
    // Its flow passed London: 16,994 km from there, there and back, is 169.9 ms.
    assert!(
        route.refute(&near, &spot("Sydney", SYDNEY)).unwrap().why.contains("way through London")
    );
    let mut route = Route::new(None);
    route.confirm(known(3, 1.1, &[0], "Oslo", OSLO, 3.0));
    route.confirm(known(5, 158.0, &[1], "Sydney", SYDNEY, 3.0));
    assert_eq!(route.refute(&near, &spot("Sydney", SYDNEY)), None);
    let refuted = route.refute(&far, &spot("Sydney", SYDNEY)).unwrap();
    assert!(
        refuted.why.starts_with(
            "Sydney is 15950 km from Oslo, where hop 3 answered in 1.1 ms, so that the probes left \
         within 165 km of it; light in fibre goes"
        ),
        "{refuted:?}"
    );
    // A place that is known better has it that the first one is wrong.
    assert!(!route.reconcile(&far, &spot("Sydney", SYDNEY), 3.0));
    assert!(route.reconcile(&far, &spot("Sydney", SYDNEY), 4.0));
}

#[test]
fn a_disc_has_its_centre_in_what_is_beyond_doubt() {
    let mut route = Route::new(None);
    route.confirm(known(3, 1.1, &[0], "Oslo", OSLO, 2.0));
    assert_eq!(route.disc(5.0), None);
    let mut route = Route::new(None);
    route.confirm(known(3, 1.1, &[0], "Oslo", OSLO, 3.0));
    let disc = route.disc(5.0).unwrap();
    assert_eq!((disc.center, &*disc.name), (direction(OSLO), "Oslo"));
    assert!((disc.km - 720.0).abs() < 1e-6, "{disc:?}");
    let given = Route::new(Some(spot("here", LONDON))).disc(5.0).unwrap();
    assert_eq!((given.center, given.km, &*given.name), (direction(LONDON), 555.0, "here"));
}

#[test]
fn of_several_weaker_places_the_one_that_is_out_of_the_way_gives_way() {
    for vantage in [true, false] {
        let mut route = to_boston(vantage);
        // One database is right, another says the far side of the world.
        route.confirm(known(8, 110.0, &[0], "near Boston", (42.3, -71.2), 1.5));
        route.confirm(known(9, 112.0, &[0], "Sydney", SYDNEY, 1.5));
        let (boston, hop10) = (spot("Boston", BOSTON), reply(10, 113.0, &[0]));
        assert!(route.reconcile(&hop10, &boston, 3.0));
        assert_eq!(route.refute(&hop10, &boston), None);
        let los_angeles = spot("Los Angeles", LOS_ANGELES);
        let refuted = route.refute(&reply(11, 94.59, &[0]), &los_angeles).unwrap();
        assert!(
            refuted.why.contains("Boston, near Boston to Los"),
            "only Sydney went: {refuted:?}"
        );
    }
}

#[test]
fn what_more_places_contradict_than_may_be_wrong_is_not_forgotten() {
    let mut route = to_boston(true);
    let far = [("Sydney", SYDNEY), ("Los Angeles", LOS_ANGELES)];
    for n in 0..=MOST_WRONG as u8 {
        let (name, at) = far[usize::from(n % 2)];
        route.confirm(known(8 + n, 110.0, &[0], name, at, 1.5));
    }
    let (boston, last) = (spot("Boston", BOSTON), reply(20, 111.0, &[0]));
    let before = route.refute(&last, &boston).unwrap();
    assert!(!route.reconcile(&last, &boston, 3.0), "more than {MOST_WRONG} would have to be wrong");
    assert_eq!(route.refute(&last, &boston), Some(before), "nothing was forgotten for nothing");
}

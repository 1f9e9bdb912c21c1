//! Long legs between located hops: which of them lead out of the way, and whether the RTT agrees.
//! An ocean has to be crossed by whoever goes to the other side; a detour is a leg to a place that
//! makes the whole way much longer than it is without.

use crate::sphere::Point;

/// Kilometres that light goes there and back in fibre in a millisecond.
pub const KM_PER_MS: f64 = 100.0;

/// A leg shorter than this is nothing to speak of, in kilometres.
pub const LONG_KM: f64 = 5000.0;

/// A way through a hop is a detour if it is this many times as long as the way without it …
const STRETCH: f64 = 2.0;

/// … and longer by this many kilometres.
const EXTRA_KM: f64 = 1500.0;

/// A located hop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stop {
    /// TTL.
    pub hop: u8,
    /// Where it stands.
    pub point: Point,
    /// Smallest RTT in milliseconds.
    pub rtt_min: Option<f64>,
    /// Delay that this hop adds, in milliseconds ([`crate::delay::added`]).
    pub added_ms: Option<f64>,
}

/// A long leg.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leg {
    /// TTL it starts at.
    pub from: u8,
    /// TTL it ends at.
    pub to: u8,
    /// Its length along the great circle.
    pub km: f64,
    /// What light needs for it in fibre, there and back, in milliseconds.
    pub least_ms: f64,
    /// What the farther hop adds to the delay, in milliseconds.
    pub added_ms: Option<f64>,
    /// Whether the RTT agrees.
    pub rtt: Agreement,
    /// One of its ends is out of the way between the first and the last place, and the RTT does
    /// not contradict it.
    pub is_detour: bool,
}

/// Whether RTTs agree with a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// The delay grows by what light needs, or more.
    Supports,
    /// It grows by less, which a different way back can explain.
    Unclear,
    /// The farther hop answered sooner than light could have gone the leg there and back: one of
    /// the two places is wrong.
    Contradicts,
}

/// The legs of `least_km` or more between neighbours among `stops`, which stand in path order.
pub fn long_legs(stops: &[Stop], least_km: f64) -> Vec<Leg> {
    let (Some(first), Some(last)) = (stops.first(), stops.last()) else { return Vec::new() };
    let is_out_of_the_way = |stop: &Stop| {
        let through = first.point.km_to(stop.point) + stop.point.km_to(last.point);
        let without = first.point.km_to(last.point);
        through > STRETCH * without && through - without > EXTRA_KM
    };
    let pairs = stops.iter().zip(stops.iter().skip(1));
    pairs
        .filter_map(|(from, to)| {
            let km = from.point.km_to(to.point);
            (km >= least_km).then(|| {
                let rtt = agreement(to, km);
                let is_detour = rtt != Agreement::Contradicts
                    && (is_out_of_the_way(from) || is_out_of_the_way(to));
                let (least_ms, added_ms) = (km / KM_PER_MS, to.added_ms);
                Leg { from: from.hop, to: to.hop, km, least_ms, added_ms, rtt, is_detour }
            })
        })
        .collect()
}

fn agreement(to: &Stop, km: f64) -> Agreement {
    let least = km / KM_PER_MS;
    match (to.rtt_min, to.added_ms) {
        (Some(rtt), _) if rtt < least => Agreement::Contradicts,
        (_, Some(added)) if added >= least => Agreement::Supports,
        _ => Agreement::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRANKFURT: Point = Point { lat: 50.11, lon: 8.68 };
    const PARIS: Point = Point { lat: 48.86, lon: 2.35 };
    const NEW_YORK: Point = Point { lat: 40.71, lon: -74.01 };
    const SINGAPORE: Point = Point { lat: 1.35, lon: 103.82 };

    fn stop(hop: u8, point: Point, rtt: f64, added: f64) -> Stop {
        Stop { hop, point, rtt_min: Some(rtt), added_ms: Some(added) }
    }

    #[test]
    fn crossing_an_ocean_to_the_other_side_is_no_detour() {
        let stops = [stop(1, PARIS, 1.0, 1.0), stop(5, NEW_YORK, 75.0, 74.0)];
        let legs = long_legs(&stops, LONG_KM);
        assert_eq!(legs.len(), 1);
        assert!(!legs[0].is_detour && legs[0].rtt == Agreement::Supports, "{legs:?}");
        assert_eq!((legs[0].from, legs[0].to), (1, 5));
    }

    #[test]
    fn there_and_back_is_one() {
        let stops = [
            stop(1, PARIS, 1.0, 1.0),
            stop(4, NEW_YORK, 75.0, 74.0),
            stop(7, FRANKFURT, 150.0, 75.0),
        ];
        let legs = long_legs(&stops, LONG_KM);
        assert!(legs.len() == 2 && legs.iter().all(|leg| leg.is_detour), "{legs:?}");
    }

    #[test]
    fn an_answer_sooner_than_light_contradicts_and_a_small_step_does_not() {
        let soon = [stop(1, PARIS, 1.0, 1.0), stop(2, SINGAPORE, 20.0, 19.0)];
        assert_eq!(long_legs(&soon, LONG_KM)[0].rtt, Agreement::Contradicts);
        let there_and_back = [soon[0], soon[1], stop(3, PARIS, 30.0, 10.0)];
        assert!(long_legs(&there_and_back, LONG_KM).iter().all(|leg| !leg.is_detour));
        let slow = [stop(1, PARIS, 150.0, 150.0), stop(2, SINGAPORE, 170.0, 20.0)];
        assert_eq!(long_legs(&slow, LONG_KM)[0].rtt, Agreement::Unclear);
    }

    #[test]
    fn short_legs_and_lone_places_are_nothing() {
        assert!(long_legs(&[], LONG_KM).is_empty());
        assert!(long_legs(&[stop(1, PARIS, 1.0, 1.0)], LONG_KM).is_empty());
        let near = [stop(1, PARIS, 1.0, 1.0), stop(2, FRANKFURT, 9.0, 8.0)];
        assert!(long_legs(&near, LONG_KM).is_empty());
    }
}

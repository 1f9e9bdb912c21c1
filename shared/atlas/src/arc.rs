//! Great circles as lines of points, and cutting such lines at the antimeridian for formats that
//! want it (RFC 7946, section 3.1.9).

use tm_path::sphere::Point;

/// Degrees of arc that one straight piece spans at most.
const STEP_DEG: f64 = 2.0;
/// Kilometres of one degree of arc.
const KM_PER_DEG: f64 = 111.195;

/// The shortest way from `a` to `b`, both included, bent enough to look round. Both ends alone
/// where they are one place.
pub fn arc(a: Point, b: Point) -> Vec<Point> {
    let degrees = a.km_to(b) / KM_PER_DEG;
    if degrees < 1e-3 {
        return vec![a, b];
    }
    if degrees > 179.5 {
        // Between antipodes every way is as short: by way of a quarter turn on the equator side.
        let middle = Point { lat: 0.0, lon: wrap(a.lon + 90.0) };
        let mut way = arc(a, middle);
        way.extend(arc(middle, b).into_iter().skip(1));
        return way;
    }
    let pieces = (degrees / STEP_DEG).ceil().clamp(8.0, 96.0) as u32;
    let mut way = vec![a];
    way.extend((1..pieces).map(|i| a.toward(b, f64::from(i) / f64::from(pieces))));
    way.push(b);
    way
}

/// The longitude that differs from `lon` by whole turns and lies within ±180.
pub fn wrap(lon: f64) -> f64 {
    if (-180.0..=180.0).contains(&lon) { lon } else { (lon + 180.0).rem_euclid(360.0) - 180.0 }
}

/// The line in parts, none of which crosses the antimeridian; where one ended, the next begins on
/// the other side at the same latitude.
pub fn cut(line: &[Point]) -> Vec<Vec<Point>> {
    let mut parts: Vec<Vec<Point>> = vec![Vec::new()];
    let mut before: Option<Point> = None;
    for &point in line {
        if let Some(from) = before
            && (point.lon - from.lon).abs() > 180.0
        {
            let edge = if from.lon > 0.0 { 180.0 } else { -180.0 };
            let through = point.lon + 2.0 * edge; // the end, unwrapped
            let share = (edge - from.lon) / (through - from.lon);
            let lat =
                from.lat + (point.lat - from.lat) * if share.is_finite() { share } else { 0.0 };
            push(&mut parts, Point { lat, lon: edge });
            parts.push(vec![Point { lat, lon: -edge }]);
        }
        push(&mut parts, point);
        before = Some(point);
    }
    parts.retain(|part| part.len() > 1);
    parts
}

/// Appends to the last part, unless it ends there already.
fn push(parts: &mut [Vec<Point>], point: Point) {
    if let Some(part) = parts.last_mut()
        && part.last() != Some(&point)
    {
        part.push(point);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOKYO: Point = Point { lat: 35.7, lon: 139.7 };
    const SAN_JOSE: Point = Point { lat: 37.3, lon: -121.9 };

    #[test]
    fn a_way_over_the_pacific_is_cut_once_at_180() {
        let parts = cut(&arc(TOKYO, SAN_JOSE));
        assert_eq!(parts.len(), 2);
        let (end, start) = (parts[0].last().unwrap(), parts[1].first().unwrap());
        assert_eq!((end.lon, start.lon), (180.0, -180.0));
        assert_eq!(end.lat, start.lat);
    }

    #[test]
    fn one_place_and_antipodes_are_lines_too() {
        assert_eq!(arc(TOKYO, TOKYO).len(), 2);
        let antipode = Point { lat: -35.7, lon: -40.3 };
        let way = arc(TOKYO, antipode);
        let km: f64 = way.windows(2).map(|two| two[0].km_to(two[1])).sum();
        assert!((km - 20_015.0).abs() < 20.0, "{km}");
    }

    proptest! {
        #[test]
        fn no_part_ever_jumps_and_no_number_is_wild(
            a in (-90.0..=90.0, -180.0..=180.0), b in (-90.0..=90.0, -180.0..=180.0)
        ) {
            let (a, b) = (Point { lat: a.0, lon: a.1 }, Point { lat: b.0, lon: b.1 });
            for part in cut(&arc(a, b)) {
                prop_assert!(part.len() > 1);
                for point in &part {
                    prop_assert!(Point::new(point.lat, point.lon).is_some(), "{point:?}");
                }
                for two in part.windows(2) {
                    prop_assert!((two[0].lon - two[1].lon).abs() <= 180.0);
                }
            }
        }
    }
}

//! Distances and great circles on a sphere, which the Earth is to within 0.6 %.

/// The Earth's mean radius in kilometres (IUGG).
const RADIUS_KM: f64 = 6371.0088;

/// A place on the Earth, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Latitude, north positive.
    pub lat: f64,
    /// Longitude, east positive.
    pub lon: f64,
}

impl Point {
    /// A place, if there is one: both finite, the latitude within ±90, the longitude within ±180.
    pub fn new(lat: f64, lon: f64) -> Option<Self> {
        let is_there = (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon);
        is_there.then_some(Self { lat, lon })
    }

    /// Kilometres along the great circle (haversine formula).
    pub fn km_to(self, other: Self) -> f64 {
        2.0 * RADIUS_KM * self.half_chord_to(other).asin()
    }

    /// The point at `fraction` of the way along the great circle; of no meaning between
    /// antipodes, where every way is as short.
    #[must_use]
    pub fn toward(self, other: Self, fraction: f64) -> Self {
        let angle = 2.0 * self.half_chord_to(other).asin();
        let (a, b) = if angle < 1e-9 {
            (1.0 - fraction, fraction)
        } else {
            let sin = angle.sin().max(1e-9);
            (((1.0 - fraction) * angle).sin() / sin, (fraction * angle).sin() / sin)
        };
        let (from, to) = (self.to_vector(), other.to_vector());
        let [x, y, z] = std::array::from_fn(|axis| {
            a * from.get(axis).copied().unwrap_or(0.0) + b * to.get(axis).copied().unwrap_or(0.0)
        });
        Self { lat: z.atan2(x.hypot(y)).to_degrees(), lon: y.atan2(x).to_degrees() }
    }

    /// Half the straight line between the two through the Earth, whose radius is 1.
    fn half_chord_to(self, other: Self) -> f64 {
        let half_lat = (other.lat - self.lat).to_radians() / 2.0;
        let half_lon = (other.lon - self.lon).to_radians() / 2.0;
        let cosines = self.lat.to_radians().cos() * other.lat.to_radians().cos();
        (half_lat.sin().powi(2) + cosines * half_lon.sin().powi(2)).sqrt().min(1.0)
    }

    /// The same place, ready for many distances.
    pub fn direction(self) -> Direction {
        Direction(self.to_vector())
    }

    fn to_vector(self) -> [f64; 3] {
        let (lat, lon) = (self.lat.to_radians(), self.lon.to_radians());
        [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
    }
}

/// A place as a vector of length 1 from the Earth's centre: distances take no more than a root and
/// an arcsine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Direction([f64; 3]);

impl Direction {
    /// Kilometres along the great circle.
    pub fn km_to(self, other: Self) -> f64 {
        let ([a, b, c], [d, e, f]) = (self.0, other.0);
        let chord = ((a - d) * (a - d) + (b - e) * (b - e) + (c - f) * (c - f)).sqrt();
        2.0 * RADIUS_KM * (chord / 2.0).min(1.0).asin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONDON: Point = Point { lat: 51.5074, lon: -0.1278 };
    const NEW_YORK: Point = Point { lat: 40.7128, lon: -74.0060 };
    const TOKYO: Point = Point { lat: 35.6762, lon: 139.6503 };
    const SAN_JOSE: Point = Point { lat: 37.3382, lon: -121.8863 };

    #[test]
    fn known_distances() {
        for (a, b, km) in [(LONDON, NEW_YORK, 5570.0), (TOKYO, SAN_JOSE, 8330.0)] {
            assert!((a.km_to(b) - km).abs() < km * 0.006, "{}", a.km_to(b));
            assert!((a.km_to(b) - b.km_to(a)).abs() < 1e-6);
        }
        assert_eq!(LONDON.km_to(LONDON), 0.0);
        let (pole, antipole) = (Point { lat: 90.0, lon: 0.0 }, Point { lat: -90.0, lon: 77.0 });
        assert!((pole.km_to(antipole) - 20_015.0).abs() < 1.0);
    }

    #[test]
    fn the_way_is_on_the_great_circle_and_crosses_the_antimeridian() {
        let whole = TOKYO.km_to(SAN_JOSE);
        for part in [0.0, 0.25, 0.5, 1.0] {
            let at = TOKYO.toward(SAN_JOSE, part);
            assert!((TOKYO.km_to(at) - part * whole).abs() < 0.01);
            assert!((at.km_to(SAN_JOSE) - (1.0 - part) * whole).abs() < 0.01);
        }
        assert!(TOKYO.toward(SAN_JOSE, 0.5).lon.abs() > 170.0);
        assert!(LONDON.toward(LONDON, 0.5).km_to(LONDON) < 1e-6);
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for (lat, lon) in [(91.0, 0.0), (0.0, 181.0), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
            assert_eq!(Point::new(lat, lon), None);
        }
        assert!(Point::new(-90.0, 180.0).is_some());
    }
}

//! The grid: spherical Mercator (as tile servers use it), [`WORLD`] units around the equator, x to
//! the east from 180° W, y to the south from 85.05° N. A unit is 0.09° of longitude.

use std::ops::RangeInclusive;

use tm_path::sphere::Point;

/// Units around the equator.
pub const WORLD: f64 = 4096.0;

/// Mercator has no poles; the grid ends where it is a square.
const LAST_LAT: f64 = 85.051_128;

/// A place on the grid. x may lie outside 0–4096: it goes on around the world.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Xy {
    /// To the east.
    pub x: f64,
    /// To the south.
    pub y: f64,
}

impl Xy {
    /// Units to another place, as the crow flies over the grid.
    pub fn distance(self, other: Self) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// The same place, on the turn of the world that is nearest to `x`.
    #[must_use]
    pub fn near(self, x: f64) -> Self {
        Self { x: self.x + ((x - self.x) / WORLD).round() * WORLD, ..self }
    }
}

/// Where a place stands on the grid, x within 0–4096.
pub fn project(point: Point) -> Xy {
    let lat = point.lat.clamp(-LAST_LAT, LAST_LAT).to_radians();
    let x = (point.lon + 180.0) / 360.0 * WORLD;
    let y = (1.0 - lat.tan().asinh() / std::f64::consts::PI) / 2.0 * WORLD;
    Xy { x, y }
}

/// The place at a point of the grid.
pub fn unproject(at: Xy) -> Point {
    let lon = (at.x / WORLD).rem_euclid(1.0) * 360.0 - 180.0;
    let lat = ((1.0 - 2.0 * at.y / WORLD) * std::f64::consts::PI).sinh().atan().to_degrees();
    Point { lat, lon }
}

/// The least rectangle around something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Its north-western corner.
    pub min: Xy,
    /// Its south-eastern corner.
    pub max: Xy,
}

impl Bounds {
    /// Around these places; `None` of none.
    pub fn around(places: impl IntoIterator<Item = Xy>) -> Option<Self> {
        let mut places = places.into_iter();
        let first = places.next()?;
        Some(places.fold(Self { min: first, max: first }, |bounds, at| Self {
            min: Xy { x: bounds.min.x.min(at.x), y: bounds.min.y.min(at.y) },
            max: Xy { x: bounds.max.x.max(at.x), y: bounds.max.y.max(at.y) },
        }))
    }

    /// Whether anything can lie in both.
    pub fn meets(&self, other: &Self) -> bool {
        self.min.x <= other.max.x
            && other.min.x <= self.max.x
            && self.min.y <= other.max.y
            && other.min.y <= self.max.y
    }

    /// The part of the grid to show: these bounds in the middle, `aspect` times as wide as high,
    /// `margin` (a fraction) left on each side, at least `least` units wide, at most one and a
    /// half worlds.
    pub fn view(&self, aspect: f64, margin: f64, least: f64) -> View {
        let room = 1.0 + 2.0 * margin;
        let (wide, high) = (self.max.x - self.min.x, self.max.y - self.min.y);
        let width = (wide * room).max(high * room * aspect).max(least).min(WORLD * 1.5);
        let height = width / aspect;
        let middle = |min: f64, max: f64| f64::midpoint(min, max);
        let y = middle(self.min.y, self.max.y) - height / 2.0;
        // Beyond the poles there is nothing to see.
        let y = if height >= WORLD {
            middle(0.0, WORLD - height)
        } else {
            y.clamp(0.0, WORLD - height)
        };
        View { x: middle(self.min.x, self.max.x) - width / 2.0, y, width, height }
    }
}

/// A part of the grid, as an SVG `viewBox` has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// West edge.
    pub x: f64,
    /// North edge.
    pub y: f64,
    /// Units from west to east.
    pub width: f64,
    /// Units from north to south.
    pub height: f64,
}

impl View {
    /// Which copies of the world the view shows: draw the land at `k × WORLD` for each.
    pub fn copies(&self) -> RangeInclusive<i32> {
        let first = (self.x / WORLD).floor();
        let last = ((self.x + self.width) / WORLD).floor();
        first as i32..=last as i32
    }

    /// The same as bounds.
    pub fn bounds(&self) -> Bounds {
        let max = Xy { x: self.x + self.width, y: self.y + self.height };
        Bounds { min: Xy { x: self.x, y: self.y }, max }
    }

    /// Where a place falls in a picture `width` × `height` large.
    pub fn to_picture(&self, at: Xy, width: f64, height: f64) -> (f64, f64) {
        ((at.x - self.x) / self.width * width, (at.y - self.y) / self.height * height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xy(lat: f64, lon: f64) -> Xy {
        project(Point { lat, lon })
    }

    #[test]
    fn the_equator_and_the_corners_are_where_tiles_have_them() {
        assert_eq!(xy(0.0, 0.0), Xy { x: 2048.0, y: 2048.0 });
        assert!(xy(90.0, -180.0).distance(Xy { x: 0.0, y: 0.0 }) < 0.01);
        assert!(xy(-90.0, 180.0).distance(Xy { x: WORLD, y: WORLD }) < 0.01);
        // Mercator's ordinate at 60° is ln(2 + √3).
        let y = 2048.0 * (1.0 - (2.0 + 3.0_f64.sqrt()).ln() / std::f64::consts::PI);
        assert!((xy(60.0, 0.0).y - y).abs() < 1e-6);
    }

    #[test]
    fn a_view_keeps_its_shape_and_stays_on_the_world() {
        let bounds = Bounds::around([xy(80.0, 10.0), xy(79.0, 12.0)]).unwrap();
        let view = bounds.view(2.0, 0.1, 300.0);
        assert_eq!((view.width, view.height), (300.0, 150.0));
        assert!(view.y >= 0.0 && view.bounds().meets(&bounds));
        let all = Bounds { min: Xy { x: -9e9, y: 0.0 }, max: Xy { x: 9e9, y: WORLD } };
        assert_eq!(all.view(1.0, 0.0, 1.0).width, WORLD * 1.5);
    }

    #[test]
    fn unprojecting_undoes_it() {
        for (lat, lon) in [(51.5, -0.1), (-36.8, 174.8), (0.0, -180.0)] {
            let back = unproject(xy(lat, lon));
            assert!((back.lat - lat).abs() < 1e-9 && (back.lon - lon).abs() < 1e-9);
        }
    }
}

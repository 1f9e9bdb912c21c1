//! Coasts and borders of the world, from Natural Earth (`assets/SOURCE.md`). The same text is the
//! SVG path of pages and, read number by number, the polylines of terminals; nothing is decoded
//! before it is asked for.

use crate::grid::{Bounds, Xy};

/// How finely the world is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// 1:110 million: for a terminal, or a picture of the whole world.
    Coarse,
    /// 1:50 million: for pages.
    Fine,
}

impl Detail {
    /// The land as SVG path data, one ring a line.
    pub fn land_svg(self) -> &'static str {
        match self {
            Self::Coarse => include_str!("../assets/land-110m.path"),
            Self::Fine => include_str!("../assets/land-50m.path"),
        }
    }

    /// The borders between countries as SVG path data, one line a line.
    pub fn borders_svg(self) -> &'static str {
        match self {
            Self::Coarse => include_str!("../assets/borders-110m.path"),
            Self::Fine => include_str!("../assets/borders-50m.path"),
        }
    }

    /// The coasts: closed lines.
    pub fn coasts(self) -> impl Iterator<Item = Polyline> {
        self.land_svg().lines().map(Polyline::read)
    }

    /// The borders: open lines.
    pub fn borders(self) -> impl Iterator<Item = Polyline> {
        self.borders_svg().lines().map(Polyline::read)
    }
}

/// Connected points on the grid. A closed line ends where it began.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Polyline(pub Vec<Xy>);

impl Polyline {
    /// Around it; `None` of nothing.
    pub fn bounds(&self) -> Option<Bounds> {
        Bounds::around(self.0.iter().copied())
    }

    /// One line of path data: `M`, an absolute start, `l`, relative steps, `z` where closed.
    fn read(path: &str) -> Self {
        let mut numbers = Numbers(path.as_bytes());
        let mut points = Vec::with_capacity(path.len() / 5);
        let (mut x, mut y) = (0, 0);
        while let (Some(dx), Some(dy)) = (numbers.next(), numbers.next()) {
            (x, y) = (x + dx, y + dy);
            points.push(Xy { x: x.into(), y: y.into() });
        }
        if path.ends_with('z')
            && let Some(&first) = points.first()
        {
            points.push(first);
        }
        Self(points)
    }
}

/// The lines of `path` (of [`Detail::land_svg`] or [`Detail::borders_svg`]) that can be seen
/// within `view`, in any copy of the world: less text for a picture that does not move.
pub fn within(path: &'static str, view: &crate::View) -> impl Iterator<Item = &'static str> {
    let (view, copies) = (view.bounds(), view.copies());
    path.lines().filter(move |line| {
        let Some(bounds) = Polyline::read(line).bounds() else { return false };
        // A ring may reach over the edge of its own copy into the next.
        (copies.start() - 1..=copies.end() + 1).any(|copy| {
            let shift = |at: Xy| Xy { x: at.x + f64::from(copy) * crate::WORLD, ..at };
            Bounds { min: shift(bounds.min), max: shift(bounds.max) }.meets(&view)
        })
    })
}

/// The whole numbers of path data, whatever stands between them.
struct Numbers<'a>(&'a [u8]);

impl Iterator for Numbers<'_> {
    type Item = i32;

    fn next(&mut self) -> Option<i32> {
        let start = self.0.iter().position(|b| b.is_ascii_digit() || *b == b'-')?;
        let rest = self.0.get(start..)?;
        let (negative, digits) = match rest.split_first()? {
            (b'-', digits) => (true, digits),
            _ => (false, rest),
        };
        let end = digits.iter().position(|b| !b.is_ascii_digit()).unwrap_or(digits.len());
        let (number, rest) = digits.split_at(end);
        self.0 = rest;
        let value = number.iter().fold(0_i32, |value, digit| {
            value.saturating_mul(10).saturating_add(i32::from(digit - b'0'))
        });
        Some(if negative { -value } else { value })
    }
}

#[cfg(test)]
mod tests {
    use tm_path::sphere::Point;

    use super::*;
    use crate::{WORLD, project};

    #[test]
    fn path_data_reads_as_points() {
        let line = Polyline::read("M10 20l3-4-5 0 1 1z");
        let points: Vec<(f64, f64)> = line.0.iter().map(|at| (at.x, at.y)).collect();
        assert_eq!(points, [(10.0, 20.0), (13.0, 16.0), (8.0, 16.0), (9.0, 17.0), (10.0, 20.0)]);
    }

    #[test]
    fn no_coast_and_no_border_leaps_over_the_map() {
        for detail in [Detail::Coarse, Detail::Fine] {
            assert!(detail.coasts().all(|line| line.0.first() == line.0.last()));
            let longest = detail
                .coasts()
                .chain(detail.borders())
                .flat_map(|line| {
                    line.0.windows(2).map(|two| two[0].distance(two[1])).collect::<Vec<_>>()
                })
                .fold(0.0, f64::max);
            assert!(longest < WORLD / 8.0, "{longest}");
        }
    }

    /// Even-odd rule over every ring, with the copies at both sides.
    fn is_land(detail: Detail, lat: f64, lon: f64) -> bool {
        let at = project(Point { lat, lon });
        let mut inside = false;
        for line in detail.coasts() {
            for copy in [-WORLD, 0.0, WORLD] {
                for two in line.0.windows(2) {
                    let (a, b) = (two[0], two[1]);
                    let crosses = (a.y > at.y) != (b.y > at.y);
                    inside ^=
                        crosses && at.x < (b.x - a.x) * (at.y - a.y) / (b.y - a.y) + a.x + copy;
                }
            }
        }
        inside
    }

    #[test]
    fn cities_stand_on_land_and_buoys_in_the_sea() {
        let land = [
            (48.9, 2.3),
            (39.9, 116.4),
            (-23.5, -46.6),
            (66.0, 170.0),
            (67.0, -175.0),
            (30.0, 31.2),
        ];
        let sea = [(30.0, -40.0), (0.0, -150.0), (-50.0, 90.0), (20.0, 180.0), (55.0, 3.0)];
        for detail in [Detail::Coarse, Detail::Fine] {
            for (lat, lon) in land {
                assert!(is_land(detail, lat, lon), "{detail:?} {lat} {lon}");
            }
            for (lat, lon) in sea {
                assert!(!is_land(detail, lat, lon), "{detail:?} {lat} {lon}");
            }
        }
    }

    #[test]
    fn what_cannot_be_seen_is_left_out() {
        let japan = project(Point { lat: 36.0, lon: 138.0 });
        let view = Bounds::around([japan]).unwrap().view(2.0, 0.1, 300.0);
        let all = Detail::Fine.land_svg();
        let seen: usize = within(all, &view).map(str::len).sum();
        assert!(seen > 500 && seen < all.len() / 2, "{seen}");
    }
}

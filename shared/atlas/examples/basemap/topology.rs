//! From `TopoJSON` (arcs shared by neighbours, in degrees) to path data on the grid.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;
use tm_atlas::{WORLD, Xy, project};
use tm_path::sphere::Point;

/// What is too small to be seen.
#[derive(Clone, Copy, Debug)]
pub struct Least {
    /// A bend whose triangle covers less is straightened, in square units of the grid.
    bend: f64,
    /// A ring that covers less is left out.
    ring: f64,
}

/// The scales, and what is left out at each.
pub const SCALES: [(&str, Least); 2] =
    [("110m", Least { bend: 1.0, ring: 4.0 }), ("50m", Least { bend: 0.6, ring: 1.5 })];

/// South of this all land is Antarctica.
const ANTARCTICA: f64 = -59.8;

/// Path data, one line a line.
pub struct Paths {
    /// Closed rings.
    pub land: String,
    /// Lines between countries.
    pub borders: String,
}

#[derive(Deserialize)]
struct Topology {
    arcs: Vec<Vec<(i64, i64)>>,
    transform: Transform,
    objects: Objects,
}

#[derive(Deserialize)]
struct Transform {
    scale: (f64, f64),
    translate: (f64, f64),
}

#[derive(Deserialize)]
struct Objects {
    countries: Collection,
    land: Collection,
}

#[derive(Deserialize)]
struct Collection {
    geometries: Vec<Geometry>,
}

/// Arcs of rings; an index below 0 is the arc `!index`, backwards.
#[derive(Deserialize)]
#[serde(tag = "type", content = "arcs")]
enum Geometry {
    Polygon(Vec<Vec<i64>>),
    MultiPolygon(Vec<Vec<Vec<i64>>>),
}

impl Geometry {
    fn rings(&self) -> Vec<&Vec<i64>> {
        match self {
            Self::Polygon(rings) => rings.iter().collect(),
            Self::MultiPolygon(polygons) => polygons.iter().flatten().collect(),
        }
    }
}

/// Reads `TopoJSON` and writes paths.
pub fn paths(json: &str, least: Least) -> Result<Paths, String> {
    let topology: Topology = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let arcs: Vec<Vec<Xy>> =
        topology.arcs.iter().map(|arc| simplify(place(arc, &topology.transform), least)).collect();
    let south = project(Point { lat: ANTARCTICA, lon: 0.0 }).y;
    let mut land = String::new();
    for ring in topology.objects.land.geometries.iter().flat_map(Geometry::rings) {
        let ring = stitch(ring, &arcs)?;
        if area(&ring) >= least.ring && ring.iter().any(|at| at.y < south) {
            line(&mut land, &ring, true);
        }
    }
    let mut borders = String::new();
    for arc in shared(&topology.objects.countries) {
        line(&mut borders, arcs.get(arc).ok_or("an arc that is not there")?, false);
    }
    Ok(Paths { land, borders })
}

/// An arc's points on the grid, x going on where the longitude wraps.
fn place(arc: &[(i64, i64)], transform: &Transform) -> Vec<Xy> {
    let (mut lon, mut lat) = (0, 0);
    let mut points: Vec<Xy> = Vec::with_capacity(arc.len());
    for (dlon, dlat) in arc {
        (lon, lat) = (lon + dlon, lat + dlat);
        let point = Point {
            lon: lon as f64 * transform.scale.0 + transform.translate.0,
            lat: lat as f64 * transform.scale.1 + transform.translate.1,
        };
        let at = project(point);
        points.push(points.last().map_or(at, |last| at.near(last.x)));
    }
    points
}

/// Takes out the bends that cover least, until each left covers enough (Visvalingam and Whyatt
/// 1993). Ends stay, for other arcs begin there.
fn simplify(mut points: Vec<Xy>, least: Least) -> Vec<Xy> {
    while points.len() > 4 {
        let bends = points.windows(3).map(area);
        let smallest = bends.enumerate().min_by(|(_, a), (_, b)| a.total_cmp(b));
        match smallest {
            Some((at, covered)) if covered < least.bend => points.remove(at + 1),
            _ => break,
        };
    }
    points
}

fn stitch(ring: &[i64], arcs: &[Vec<Xy>]) -> Result<Vec<Xy>, String> {
    let mut points: Vec<Xy> = Vec::new();
    for &index in ring {
        let at = usize::try_from(if index < 0 { !index } else { index }).unwrap_or(usize::MAX);
        let mut arc = arcs.get(at).ok_or("an arc that is not there")?.clone();
        if index < 0 {
            arc.reverse();
        }
        for at in arc.iter().skip(usize::from(!points.is_empty())) {
            points.push(points.last().map_or(*at, |last| at.near(last.x)));
        }
    }
    Ok(points)
}

/// Twice-signed area, made positive (shoelace formula).
fn area(ring: &[Xy]) -> f64 {
    let next = ring.iter().cycle().skip(1);
    ring.iter().zip(next).map(|(a, b)| a.x * b.y - b.x * a.y).sum::<f64>().abs() / 2.0
}

/// The arcs that two countries share.
fn shared(countries: &Collection) -> Vec<usize> {
    let mut owners: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (country, geometry) in countries.geometries.iter().enumerate() {
        for &index in geometry.rings().into_iter().flatten() {
            let arc = usize::try_from(if index < 0 { !index } else { index }).unwrap_or(usize::MAX);
            owners.entry(arc).or_default().push(country);
        }
    }
    owners.retain(|_, of| of.iter().any(|country| Some(country) != of.first()));
    owners.into_keys().collect()
}

/// `M` start, `l` steps, in whole units; nothing where no step is left.
fn line(to: &mut String, points: &[Xy], closed: bool) {
    let mut whole: Vec<(i64, i64)> =
        points.iter().map(|at| (at.x.round() as i64, at.y.round() as i64)).collect();
    whole.dedup();
    if closed {
        whole.pop(); // the end is the start
    }
    let Some(&(mut x, mut y)) = whole.first() else { return };
    if whole.len() < if closed { 3 } else { 2 } {
        return;
    }
    // Rings that begin beyond the edge begin on the world itself.
    let shift = (x as f64 / WORLD).floor() as i64 * WORLD as i64;
    let _ = write!(to, "M{} {y}", x - shift);
    for (at, &(to_x, to_y)) in whole.iter().skip(1).enumerate() {
        let (dx, dy) = (to_x - x, to_y - y);
        let before = if at == 0 {
            "l"
        } else if dx < 0 {
            ""
        } else {
            " "
        };
        let _ = write!(to, "{before}{dx}{}{dy}", if dy < 0 { "" } else { " " });
        (x, y) = (to_x, to_y);
    }
    to.push_str(if closed { "z\n" } else { "\n" });
}

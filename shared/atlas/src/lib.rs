//! The world as lines, and a route drawn on it: for pages, pictures and terminals alike. What a
//! line looks like, and what is written beside it, is not here.
//!
//! - [`grid`]: the Mercator projection on a grid of 4096, and what part of it to show.
//! - [`land`]: coasts and borders, as SVG paths and as polylines.
//! - [`arc`](mod@arc): great circles, and cutting at the antimeridian.
//! - [`route`]: where the hops of a trace stand on the grid, and the legs between them.
//!
//! East and west have no edge: a route's x goes on where its longitude wraps, and whoever draws
//! repeats the land every [`WORLD`] units ([`grid::View::copies`]), so that no leg is ever cut.
//!
//! ```
//! use tm_atlas::{Detail, Route, Waypoint};
//! use tm_path::sphere::Point;
//!
//! let hop = |hop, lat, lon| Waypoint::new(hop, Point::new(lat, lon));
//! let route = Route::of(&[vec![
//!     hop(1, 35.7, 139.7),
//!     Waypoint::new(2, None), // silent
//!     hop(3, 37.3, -121.9),
//!     hop(4, 37.4, -121.9),
//! ]], 10.0);
//! assert_eq!(route.stops.iter().map(|stop| stop.label()).collect::<Vec<_>>(), ["1", "3–4"]);
//! assert_eq!(route.legs[0].unplaced, 1);
//! let view = route.bounds().unwrap().view(2.0, 0.1, 300.0);
//! assert_eq!(view.copies(), 0..=1, "the Pacific is whole");
//! assert!(Detail::Fine.land_svg().starts_with('M'));
//! ```

pub mod arc;
pub mod grid;
pub mod land;
pub mod route;

pub use grid::{Bounds, View, WORLD, Xy, project};
pub use land::{Detail, Polyline};
pub use route::{Cluster, Leg, Route, Stop, Waypoint};

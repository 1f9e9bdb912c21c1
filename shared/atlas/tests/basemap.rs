//! The committed map is what its generator makes of its source, octet for octet. The source is
//! an npm package that `tests/browser` installs; without it this test says so and compares nothing.

// Only part of the generator is needed here.
#[path = "../examples/basemap/topology.rs"]
mod topology;

use std::path::{Path, PathBuf};

fn source() -> Option<PathBuf> {
    let installed =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/browser/node_modules/world-atlas");
    let folder = std::env::var_os("TRACEMAP_WORLD_ATLAS").map_or(installed, PathBuf::from);
    folder.is_dir().then_some(folder)
}

#[test]
fn the_assets_are_made_of_their_source() {
    let Some(folder) = source() else {
        println!("not compared: world-atlas is not installed (tests/browser: npm ci)");
        return;
    };
    for (scale, least) in topology::SCALES {
        let json = std::fs::read_to_string(folder.join(format!("countries-{scale}.json"))).unwrap();
        let paths = topology::paths(&json, least).unwrap();
        let detail = if scale == "50m" { tm_atlas::Detail::Fine } else { tm_atlas::Detail::Coarse };
        assert!(paths.land == detail.land_svg(), "land-{scale}.path differs");
        assert!(paths.borders == detail.borders_svg(), "borders-{scale}.path differs");
    }
}

//! Writes the assets of tm-atlas from world-atlas's Natural Earth files:
//!
//!     npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
//!     cargo run -p tm-atlas --example basemap -- package shared/atlas/assets

mod topology;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let (Some(from), Some(to), None) = (args.next(), args.next(), args.next()) else {
        return complain("usage: basemap FOLDER-OF-WORLD-ATLAS FOLDER-OF-ASSETS");
    };
    for (scale, detail) in topology::SCALES {
        let source = Path::new(&from).join(format!("countries-{scale}.json"));
        let written = std::fs::read_to_string(&source)
            .map_err(|error| format!("{}: {error}", source.display()))
            .and_then(|text| topology::paths(&text, detail))
            .and_then(|paths| {
                let write = |kind: &str, text: &str| {
                    std::fs::write(Path::new(&to).join(format!("{kind}-{scale}.path")), text)
                };
                write("land", &paths.land)
                    .and_then(|()| write("borders", &paths.borders))
                    .map_err(|error| error.to_string())
            });
        if let Err(error) = written {
            return complain(&error);
        }
    }
    ExitCode::SUCCESS
}

#[allow(clippy::print_stderr)] // a generator's only way to speak
fn complain(what: &str) -> ExitCode {
    eprintln!("basemap: {what}");
    ExitCode::from(2)
}

//! Reads the place out of router names, one a line on standard input.
//!
//!     cargo run --release -p tm-path --example geohint < NAMES
//!     cargo run --release -p tm-path --example geohint -- --time 1000 < NAMES
//!
//! `--time N` reads all of them N times over and says how fast that was, and how long the first
//! name took, which loads the table.

#![allow(clippy::print_stdout)]

use std::io::{BufRead, stdin};
use std::time::Instant;

use tm_path::geohint::read;

fn main() -> std::io::Result<()> {
    let names: Vec<String> = stdin().lock().lines().collect::<Result<_, _>>()?;
    let times = std::env::args().skip_while(|word| word != "--time").nth(1);
    let Some(times) = times.and_then(|times| times.parse::<u32>().ok()) else {
        for name in names {
            let hints = read(&name).into_iter().map(|hint| {
                let (city, kind) = (hint.city, hint.kind.as_str());
                let place = format!("{}, {}", city.name, city.country_code);
                format!("\t{place} ({kind} {}, {:.1})", hint.token, hint.score)
            });
            println!("{name}{}", hints.collect::<String>());
        }
        return Ok(());
    };
    let start = Instant::now();
    read("cr1.fra1.example.net");
    println!("first name: {} µs", start.elapsed().as_micros());
    let start = Instant::now();
    let found: usize = (0..times).flat_map(|_| &names).map(|name| read(name).len()).sum();
    let seconds = start.elapsed().as_secs_f64();
    let read = f64::from(times) * names.len() as f64;
    println!("{:.0} names/s, {found} hints", read / seconds);
    Ok(())
}

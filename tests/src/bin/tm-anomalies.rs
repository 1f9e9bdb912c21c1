//! `tm-anomalies`: how well `tm-watch` tells what happens to a path, beside fixed thresholds, as
//! Markdown tables; `--seed N`, with other dice. `tm-anomalies day` writes a day's log;
//! `tm-anomalies month`, a month's; `tm-anomalies write NAME SEED`, a run of the scenario whose name
//! holds NAME.

// A report that cannot be made has failed.
#![allow(clippy::expect_used)]

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use tm_tests::anomalies::scenarios::{self, FEW, Scenario, USUAL};
use tm_tests::anomalies::score::{Alarm, Score};
use tm_tests::anomalies::world::{Router, TARGET, World};
use tm_tests::anomalies::{Dice, rules, score, world};

/// Runs of each scenario, each with dice of its own.
const RUNS: u64 = 10;

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => report(0),
        ["--seed", seed] => report(seed.parse().map_err(io::Error::other)?),
        ["day"] => long(2880),
        ["month"] => long(2880 * 30),
        ["write", rest @ ..] => one(rest),
        other => Err(io::Error::other(format!("{other:?} is no way to call this"))),
    }
}

/// The tables; `seed` stands for as many seeds as there are runs.
fn report(seed: u64) -> io::Result<()> {
    table("What `tracemap watch` sends: 20 probes a hop", &scenarios::all(USUAL), seed)?;
    let few: Vec<Scenario> = [scenarios::all(FEW), scenarios::single()].concat();
    table("What a single `tm-probe` sends: 3 probes a hop", &few, seed)
}

fn table(title: &str, scenarios: &[Scenario], seed: u64) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "\n{title}\n\n| scenario, {RUNS} runs each | events | told in 2 rounds | slowest | end told after | false alerts | fixed: told in 2 | fixed: false alerts |\n|---|--:|--:|--:|--:|--:|--:|--:|"
    )?;
    let (mut all, mut all_fixed) = (Score::default(), Score::default());
    for scenario in scenarios {
        let (watch, fixed) = judged(scenario, seed);
        writeln!(out, "{}", row(scenario.name, &watch, &fixed))?;
        out.flush()?;
        all.add(watch);
        all_fixed.add(fixed);
    }
    writeln!(out, "{}", row("**all**", &all, &all_fixed))?;
    let percent = |part: Option<f64>| part.map_or("–".to_owned(), |part| format!("{part:.1} %"));
    for (name, score) in [("tm-watch", &all), ("fixed thresholds", &all_fixed)] {
        writeln!(
            out,
            "\n{name}: precision {}, recall {}, {} false alerts in {} rounds",
            percent(score.precision()),
            percent(score.recall()),
            score.wrong.len(),
            score.rounds
        )?;
    }
    Ok(())
}

/// All runs of a scenario: what tm-watch said, and what fixed rules said.
fn judged(scenario: &Scenario, seed: u64) -> (Score, Score) {
    let (mut watch, mut fixed) = (Score::default(), Score::default());
    for run in 1..=RUNS {
        let lines = scenario.lines(seed * 1000 + run);
        fixed.add(Score::of(scenario, &rules::alarms(&lines)));
        watch.add(Score::of(scenario, &watched(lines)));
    }
    (watch, fixed)
}

fn row(name: &str, watch: &Score, fixed: &Score) -> String {
    let told = |score: &Score| match score.events {
        0 => "–".to_owned(),
        events => format!("{} of {events}", score.in_time()),
    };
    let most = |rounds: &[u64]| rounds.iter().max().map_or("–".to_owned(), u64::to_string);
    let lost = watch.events as usize - watch.delays.len();
    let slowest = if lost > 0 { format!("{lost} missed") } else { most(&watch.delays) };
    format!(
        "| {name} | {} | {} | {slowest} | {} | {} | {} | {} |",
        watch.events,
        told(watch),
        most(&watch.ends),
        watch.wrong.len(),
        told(fixed),
        fixed.wrong.len()
    )
}

/// Writes one run of a scenario, to look at: a part of its name, and the seed.
fn one(args: &[&str]) -> io::Result<()> {
    let (name, seed) = (args.first().copied().unwrap_or_default(), args.get(1));
    let seed = seed.and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let scenario = scenarios::all(USUAL).into_iter().find(|scenario| scenario.name.contains(name));
    let scenario = scenario.ok_or_else(|| io::Error::other("there is no such scenario"))?;
    io::stdout().lock().write_all(scenario.lines(seed).as_bytes())
}

fn watched(lines: String) -> Vec<Alarm> {
    let mut child = Command::new(beside("tm-watch"))
        .arg("--only-alerts")
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tm-watch stands beside this program");
    let mut stdin = child.stdin.take().expect("its input is a pipe");
    let writer = thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("the writer ends").expect("tm-watch reads everything");
    score::alarms(&String::from_utf8_lossy(&output.stdout))
}

fn beside(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.with_file_name(name)
}

/// Rounds of twenty hops.
fn long(rounds: u64) -> io::Result<()> {
    let mut routers: Vec<Router> = (1..20_u32)
        .map(|ttl| Router::new(&format!("203.0.113.{ttl}"), 64_500 + ttl / 4, 3.0 * f64::from(ttl)))
        .collect();
    routers.push(Router::new(TARGET, 64_510, 60.0));
    let world = World { routers, cut: None, noise: 1.0, stretch: 1.0 };
    let mut dice = Dice::new(1);
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut lines = String::new();
    for round in 1..=rounds {
        lines.clear();
        world::write(&world, USUAL, round, &mut dice, &mut lines);
        out.write_all(lines.as_bytes())?;
    }
    out.flush()
}

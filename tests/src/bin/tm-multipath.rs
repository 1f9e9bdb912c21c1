//! How often the discovery of paths misses something, over networks made at random.
//!
//!     tm-multipath [NETWORKS [SEED]]
//!
//! A network failed where any node or link is missing or false; `bound`: the mean of what the trace
//! records promise; `balancers`: nodes of which a link was missed; `false`: links that are none.

#![allow(clippy::print_stdout)]

use tm_tests::multipath::{Form, Found, Network, discover};
use tm_tracer::driving::{Dice, plan};
use tm_tracer::paths::stopping::Confidence;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|word| word.parse::<u64>());
    let mut next = |default| arguments.next().and_then(Result::ok).unwrap_or(default);
    let (networks, seed) = (next(300), next(1));
    println!(
        "{:12} {:>10} {:>14} {:>7} {:>15} {:>8} {:>9} {:>14} {:>6}",
        "networks",
        "confidence",
        "failed",
        "rate %",
        "95 % interval",
        "bound %",
        "probes",
        "balancers",
        "false"
    );
    for percent in [95.0, 99.0] {
        let Some(confidence) = Confidence::percent(percent) else { continue };
        row("one diamond", networks, confidence, seed, |dice| {
            let mut network = Network::straight(2);
            let forms = [Form::Chains, Form::Nested, Form::Asymmetric, Form::Meshed];
            let form = forms.get(dice.below(4)).copied().unwrap_or(Form::Chains);
            network.diamond(dice, form, 64);
            network
        });
        row("random", networks, confidence, seed, |dice| Network::random(dice, 64));
    }
}

fn row(
    name: &str,
    networks: u64,
    confidence: Confidence,
    seed: u64,
    make: impl Fn(&mut Dice) -> Network,
) {
    let (mut failed, mut probes, mut balancers, mut promised, mut false_finds) = (0, 0, 0, 0.0, 0);
    let mut missed_balancers = 0;
    for number in 0..networks {
        let mut dice = Dice::new(seed.wrapping_mul(1_000_003).wrapping_add(number));
        let network = make(&mut dice);
        let found = discover(&network, confidence, plan(), number.wrapping_add(seed << 20));
        let (wanted, links) = (network.links(), &found.links);
        failed += u64::from(*links != wanted || found.nodes != network.nodes());
        false_finds += links.difference(&wanted).count();
        missed_balancers += missed(&network, &found);
        probes += u64::from(found.probes);
        balancers += network.balancers();
        promised += found.paths.failure_bound;
    }
    let (low, high) = interval(failed, networks);
    let percent = |part: f64| part * 100.0 / networks as f64;
    println!(
        "{name:12} {:>10} {:>14} {:7.2} {:>15} {:8.2} {:>9} {:>14} {false_finds:>6}",
        format!("{} %", confidence.as_percent()),
        format!("{failed} of {networks}"),
        percent(failed as f64),
        format!("{:.2} to {:.2}", low * 100.0, high * 100.0),
        percent(promised),
        probes,
        format!("{missed_balancers} of {balancers}"),
    );
}

/// Balancers of which a branch was missed.
fn missed(network: &Network, found: &Found) -> usize {
    let missing: std::collections::BTreeSet<_> =
        network.links().difference(&found.links).map(|(ttl, from, _)| (*ttl, *from)).collect();
    missing.len()
}

/// Clopper and Pearson's interval at 95 %.
fn interval(hits: u64, of: u64) -> (f64, f64) {
    let tail = |p: f64, at_least: u64| {
        // P(X >= at_least) of a binomial distribution, term by term.
        let mut term = (1.0 - p).powf(of as f64);
        let mut below = 0.0;
        for k in 0..at_least {
            below += term;
            term *= (of - k) as f64 / (k + 1) as f64 * p / (1.0 - p);
        }
        1.0 - below
    };
    let solve = |wanted: f64, at_least: u64| {
        let (mut low, mut high) = (0.0, 0.999_999);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if tail(middle, at_least) < wanted { low = middle } else { high = middle }
        }
        low
    };
    let low = if hits == 0 { 0.0 } else { solve(0.025, hits) };
    let high = if hits == of { 1.0 } else { solve(0.975, hits + 1) };
    (low, high)
}

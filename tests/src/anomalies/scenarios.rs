//! What may happen to a path, and what is true of it.

use tm_schema::AlertKind;
use tm_schema::AlertKind::{AsPathChange, Loss, RouteChange, RttChange, Unreachable};

use super::Dice;
use super::world::{self, Router, TARGET, World};

/// A path over a number of rounds.
#[derive(Clone)]
pub struct Scenario {
    /// What happens.
    pub name: &'static str,
    /// How many rounds there are.
    pub rounds: u64,
    /// Probes a hop.
    pub probes: u32,
    /// Every event that deserves an alert.
    pub truth: Vec<Event>,
    /// The path of each round, from 1.
    pub world: fn(u64) -> World,
}

/// Something that deserves an alert, in the rounds from `begin` to before `end`.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// The first round that shows it.
    pub begin: u64,
    /// The first that does not.
    pub end: u64,
    /// Any of these kinds tells it.
    pub told_by: &'static [AlertKind],
    /// These kinds are true of it too.
    pub allowed: &'static [AlertKind],
}

impl Scenario {
    /// The records of one run; the dice of every scenario are others.
    pub fn lines(&self, seed: u64) -> String {
        let name = self.name.bytes().fold(0_u64, |sum, byte| {
            sum.wrapping_mul(0x0100_0000_01b3).wrapping_add(u64::from(byte))
        });
        let (mut dice, mut lines) = (Dice::new(name ^ seed), String::new());
        for round in 1..=self.rounds {
            world::write(&(self.world)(round), self.probes, round, &mut dice, &mut lines);
        }
        lines
    }
}

/// When events of the scenarios begin and end.
const BEGIN: u64 = 400;
const END: u64 = 440;

/// Twelve hops through four ASes: two balanced ones, one rate-limited, one silent.
fn usual() -> World {
    let mut routers: Vec<Router> = (1..=11_u32)
        .map(|ttl| {
            let asn = match ttl {
                1..=2 => 64_496,
                3..=6 => 64_500,
                7..=9 => 64_501,
                _ => 64_502,
            };
            Router::new(&format!("203.0.113.{ttl}"), asn, 3.5 * f64::from(ttl))
        })
        .collect();
    routers.push(Router::new(TARGET, 64_502, 42.0));
    balance(&mut routers, 4, 4);
    balance(&mut routers, 7, 16);
    change(&mut routers, 2, |hop| hop.answers = 0.0);
    change(&mut routers, 8, |hop| hop.answers = 0.4);
    for hop in &mut routers {
        hop.loss = 0.0005;
    }
    World { routers, cut: None, noise: 1.0, stretch: 1.0 }
}

fn change(routers: &mut [Router], index: usize, how: impl FnOnce(&mut Router)) {
    if let Some(router) = routers.get_mut(index) {
        how(router);
    }
}

fn balance(routers: &mut [Router], index: usize, width: usize) {
    change(routers, index, |hop| {
        hop.ips = (0..width).map(|at| format!("192.0.2.{}", index * 20 + at)).collect();
        hop.is_balanced_by_round = true;
    });
}

fn is_on(round: u64) -> bool {
    (BEGIN..END).contains(&round)
}

fn when(round: u64, how: impl FnOnce(&mut World)) -> World {
    let mut world = usual();
    if is_on(round) {
        how(&mut world);
    }
    world
}

/// Two hops become others, of another AS where `asn` says so.
fn detour(world: &mut World, asn: Option<u32>) {
    for index in [5, 6] {
        change(&mut world.routers, index, |hop| {
            hop.ips = vec![format!("203.0.113.{}", 100 + index)];
            hop.is_balanced_by_round = false;
            hop.asn = asn.unwrap_or(hop.asn);
        });
    }
}

fn event(told_by: &'static [AlertKind], allowed: &'static [AlertKind]) -> Vec<Event> {
    vec![Event { begin: BEGIN, end: END, told_by, allowed }]
}

/// Probes a hop of `tracemap watch`, every 30 s.
pub const USUAL: u32 = 20;

/// Probes a hop of a single `tm-probe`.
pub const FEW: u32 = 3;

/// Every scenario, with so many probes a hop.
pub fn all(probes: u32) -> Vec<Scenario> {
    let event = |(name, truth, world)| Scenario { name, rounds: 1000, probes, truth, world };
    let mut all = quiet(probes);
    all.extend(events().into_iter().map(event));
    all
}

/// Two scenarios with one probe a hop.
pub fn single() -> Vec<Scenario> {
    let scenario = |name, truth, world| Scenario { name, rounds: 1000, probes: 1, truth, world };
    vec![
        scenario("quiet, one probe a hop", Vec::new(), |_| usual()),
        scenario("outage from hop 7 on, one probe a hop", event(&[Unreachable], &[Loss]), outage),
    ]
}

fn outage(round: u64) -> World {
    when(round, |world| world.cut = Some(6))
}

/// Scenarios in which nothing deserves an alert.
fn quiet(probes: u32) -> Vec<Scenario> {
    let scenario = |name, world| Scenario { name, rounds: 1000, probes, truth: Vec::new(), world };
    let mut all = vec![
        scenario("quiet: noise, balanced, rate-limited and silent hops", |_| usual()),
        scenario("quiet: three times the noise", |_| World { noise: 3.0, ..usual() }),
        scenario("quiet: 1 % loss at the destination", |_| {
            let mut world = usual();
            change(&mut world.routers, 11, |hop| hop.loss = 0.01);
            world
        }),
        scenario("balanced flow flaps between two routers", |round| {
            let mut world = usual();
            change(&mut world.routers, 5, |hop| {
                hop.ips = vec![format!("203.0.113.{}", 200 + round / 3 % 2)];
            });
            // From the beginning on, so that it is learnt as balanced.
            world
        }),
        scenario("a router begins to limit its answers", |round| {
            when(round, |world| change(&mut world.routers, 6, |hop| hop.answers = 0.25))
        }),
        scenario("the last router begins to limit its answers", |round| {
            when(round, |world| change(&mut world.routers, 10, |hop| hop.answers = 0.25))
        }),
        scenario("a router answers 40 ms late, and carries on as before", |round| {
            when(round, |world| change(&mut world.routers, 6, |hop| hop.slow = 40.0))
        }),
        scenario("RTT drifts to the double over 1,000 rounds", |round| World {
            stretch: 1.0 + round as f64 / 1000.0,
            ..usual()
        }),
    ];
    all.push(Scenario {
        name: "RTT swings by ±40 % over a day",
        rounds: 2880,
        probes,
        truth: Vec::new(),
        world: |round| {
            let day = round as f64 / 2880.0 * std::f64::consts::TAU;
            World { stretch: 1.0 + 0.4 * day.sin(), ..usual() }
        },
    });
    all
}

type Named = (&'static str, Vec<Event>, fn(u64) -> World);

/// Scenarios with one event each.
fn events() -> Vec<Named> {
    const ROUTE: &[AlertKind] = &[RouteChange, AsPathChange];
    const ROUTE_AND_RTT: &[AlertKind] = &[RouteChange, AsPathChange, RttChange];
    vec![
        ("path switch within the AS", event(&[RouteChange], &[]), |round| {
            when(round, |world| detour(world, None))
        }),
        ("path switch to another AS", event(&[AsPathChange], ROUTE), |round| {
            when(round, |world| detour(world, Some(64_666)))
        }),
        ("path switch, no AS known", event(&[RouteChange], &[]), |round| {
            let mut world = when(round, |world| detour(world, None));
            world.routers.iter_mut().for_each(|hop| hop.asn = 0);
            world
        }),
        ("a hop is inserted", event(&[RouteChange], &[]), |round| {
            when(round, |world| {
                world.routers.insert(6, Router::new("203.0.113.99", 64_501, 22.0));
            })
        }),
        ("a hop is removed", event(&[RouteChange], &[]), |round| {
            when(round, |world| {
                world.routers.remove(5);
            })
        }),
        ("the same routers, another origin AS", event(&[AsPathChange], &[]), |round| {
            when(round, |world| change(&mut world.routers, 9, |hop| hop.asn = 64_666))
        }),
        ("path flaps every five rounds", event(&[RouteChange], &[]), |round| {
            when(round, |world| {
                if ((round - BEGIN) / 5).is_multiple_of(2) {
                    detour(world, None);
                }
            })
        }),
        ("anycast shift: other site, RTT halved", event(ROUTE, ROUTE_AND_RTT), |round| {
            when(round, |world| {
                world.stretch = 0.5;
                for index in 8..=10 {
                    change(&mut world.routers, index, |hop| {
                        hop.ips = vec![format!("203.0.113.{}", 120 + index)];
                        hop.answers = 1.0;
                    });
                }
            })
        }),
        ("delay step of 25 ms from hop 7 on", event(&[RttChange], &[]), |round| {
            when(round, |world| world.routers.iter_mut().skip(6).for_each(|hop| hop.rtt += 25.0))
        }),
        ("delay step, three times the noise", event(&[RttChange], &[]), |round| {
            let mut world = when(round, |world| {
                world.routers.iter_mut().skip(6).for_each(|hop| hop.rtt += 40.0);
            });
            world.noise = 3.0;
            world
        }),
        ("40 % loss from hop 6 on", event(&[Loss], &[Unreachable]), |round| {
            when(round, |world| change(&mut world.routers, 5, |hop| hop.loss = 0.4))
        }),
        ("15 % loss from hop 6 on", event(&[Loss], &[Unreachable]), |round| {
            when(round, |world| change(&mut world.routers, 5, |hop| hop.loss = 0.15))
        }),
        ("40 % loss at the destination alone", event(&[Loss], &[Unreachable]), |round| {
            when(round, |world| change(&mut world.routers, 11, |hop| hop.loss = 0.4))
        }),
        ("outage from hop 7 on", event(&[Unreachable], &[Loss]), outage),
        ("outage at the first hop", event(&[Unreachable], &[Loss]), |round| {
            when(round, |world| world.cut = Some(0))
        }),
    ]
}

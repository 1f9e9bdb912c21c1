//! Which path of one side is compared with which of the other: those from one place to one host.

use std::collections::HashSet;

use crate::route::{Key, Route};

/// Two paths to compare, or one that the other side has nothing for.
#[derive(Debug)]
pub(crate) struct Paired {
    pub(crate) a: Option<Route>,
    pub(crate) b: Option<Route>,
}

/// Pairs the paths from one vantage point of equal host, protocol, port and family; what is left by
/// host and family, then by host alone; and the only path of one side with the only one of the
/// other, whatever they are. Where each side has but one vantage point, it does not matter which.
/// In the order of A, what only B has last.
pub(crate) fn pair(a: Vec<Route>, b: Vec<Route>) -> Vec<Paired> {
    let lone = a.len() == 1 && b.len() == 1;
    let any_place = places(&a) == 1 && places(&b) == 1;
    let mut rest: Vec<Option<Route>> = b.into_iter().map(Some).collect();
    let mut pairs: Vec<Paired> =
        a.into_iter().map(|route| Paired { a: Some(route), b: None }).collect();
    let mut join = |fits: &dyn Fn(&Key, &Key) -> bool| {
        for pair in pairs.iter_mut().filter(|pair| pair.b.is_none()) {
            let fits = |b: &&mut Option<Route>| {
                b.as_ref().zip(pair.a.as_ref()).is_some_and(|(b, a)| fits(&a.key, &b.key))
            };
            pair.b = rest.iter_mut().find(fits).and_then(Option::take);
        }
    };
    let alike = |a: &Key, b: &Key| a.host == b.host && (any_place || a.vantage == b.vantage);
    join(&|a, b| alike(a, b) && (a.protocol, a.port, a.six) == (b.protocol, b.port, b.six));
    join(&|a, b| alike(a, b) && a.six == b.six);
    join(&alike);
    if lone {
        join(&|_, _| true);
    }
    pairs.extend(rest.into_iter().flatten().map(|route| Paired { a: None, b: Some(route) }));
    pairs
}

/// How many vantage points the paths begin at; all without a name are one.
fn places(routes: &[Route]) -> usize {
    routes.iter().map(|route| &route.key.vantage).collect::<HashSet<_>>().len()
}

//! Which path of one side is compared with which of the other: those of one host.

use crate::route::Route;

/// Two paths to compare, or one that the other side has nothing for.
#[derive(Debug)]
pub(crate) struct Paired {
    pub(crate) a: Option<Route>,
    pub(crate) b: Option<Route>,
}

/// Pairs the paths of equal host, protocol, port and family; what is left by host and family, then
/// by host alone; and the only path of one side with the only one of the other, whatever they are.
/// In the order of A, what only B has last.
pub(crate) fn pair(a: Vec<Route>, b: Vec<Route>) -> Vec<Paired> {
    let lone = a.len() == 1 && b.len() == 1;
    let mut rest: Vec<Option<Route>> = b.into_iter().map(Some).collect();
    let mut pairs: Vec<Paired> =
        a.into_iter().map(|route| Paired { a: Some(route), b: None }).collect();
    let mut join = |fits: fn(&Route, &Route) -> bool| {
        for pair in pairs.iter_mut().filter(|pair| pair.b.is_none()) {
            let fits = |b: &&mut Option<Route>| {
                b.as_ref().zip(pair.a.as_ref()).is_some_and(|(b, a)| fits(a, b))
            };
            pair.b = rest.iter_mut().find(fits).and_then(Option::take);
        }
    };
    join(|a, b| a.key == b.key);
    join(|a, b| a.key.host == b.key.host && a.key.six == b.key.six);
    join(|a, b| a.key.host == b.key.host);
    if lone {
        join(|_, _| true);
    }
    pairs.extend(rest.into_iter().flatten().map(|route| Paired { a: None, b: Some(route) }));
    pairs
}

use super::*;
use proptest::prelude::*;

fn best(hostname: &str) -> Option<(&'static str, &'static str, Kind, String)> {
    let hint = read(hostname).into_iter().next()?;
    Some((hint.city.name, hint.city.country_code, hint.kind, hint.token))
}

fn city(hostname: &str) -> &'static str {
    best(hostname).map_or("-", |(name, ..)| name)
}

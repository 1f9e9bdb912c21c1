//! What an AS number says, and what it does not: several origins, and numbers that belong to
//! nobody.

use std::collections::BTreeSet;

use tm_schema::Asn;

/// The origins of a prefix as a source lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Origins {
    /// Every one, in the order of the source.
    pub(crate) all: Vec<u32>,
    /// The first stands for the prefix: it is the only one, or the one seen most often.
    pub(crate) first_leads: bool,
}

impl Origins {
    /// A single origin.
    pub(crate) fn one(number: u32) -> Self {
        Self { all: vec![number], first_leads: true }
    }

    /// Several in no order that means anything.
    pub(crate) fn unordered(all: impl IntoIterator<Item = u32>) -> Self {
        let all: BTreeSet<u32> = all.into_iter().collect();
        Self { first_leads: all.len() == 1, all: all.into_iter().collect() }
    }

    /// AS 0 is nobody's: it says that the prefix is not routed (RFC 6483, RFC 7607).
    pub(crate) fn routed(mut self) -> Option<Self> {
        let first = self.all.first().copied();
        self.all.retain(|&number| number != 0);
        self.first_leads &= first == self.all.first().copied();
        self.first_leads |= self.all.len() == 1;
        (!self.all.is_empty()).then_some(self)
    }

    /// The AS that stands for the prefix.
    pub(crate) fn number(&self) -> Option<u32> {
        let first = *self.all.first()?;
        (self.first_leads && reserved(first).is_none()).then_some(first)
    }

    /// Sets what records show of them.
    pub(crate) fn show(self, asn: &mut Asn) {
        asn.number = self.number();
        asn.reserved = self.all.iter().find_map(|&number| reserved(number)).map(str::to_owned);
        if self.all.len() > 1 || asn.number.is_none() {
            asn.origins = self.all;
        }
    }
}

/// What kind of number it is, where it names no network (IANA AS numbers registry; RFC 5398,
/// 6793, 6996, 7300, 7607).
pub(crate) fn reserved(number: u32) -> Option<&'static str> {
    match number {
        23_456 => Some("transition"),
        64_496..=64_511 | 65_536..=65_551 => Some("documentation"),
        64_512..=65_534 | 4_200_000_000..=4_294_967_294 => Some("private"),
        0 | 65_535 | 65_552..=131_071 | u32::MAX => Some("reserved"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(all: &[u32], first_leads: bool) -> (Option<u32>, Vec<u32>, Option<String>) {
        let mut asn = Asn::default();
        Origins { all: all.to_vec(), first_leads }.routed().unwrap().show(&mut asn);
        (asn.number, asn.origins, asn.reserved)
    }

    #[test]
    fn a_number_is_shown_only_where_it_is_well_defined() {
        assert_eq!(shown(&[3356], true), (Some(3356), vec![], None));
        assert_eq!(shown(&[4, 7], true), (Some(4), vec![4, 7], None));
        assert_eq!(shown(&[4, 7], false), (None, vec![4, 7], None));
        assert_eq!(shown(&[0, 7], true), (Some(7), vec![], None));
        assert_eq!(shown(&[0, 7, 8], true), (None, vec![7, 8], None));
        assert_eq!(Origins::one(0).routed(), None);
    }

    #[test]
    fn a_number_that_nobody_holds_is_marked() {
        let private = Some("private".to_owned());
        assert_eq!(shown(&[64512], true), (None, vec![64512], private.clone()));
        assert_eq!(shown(&[64512, 7], true), (None, vec![64512, 7], private.clone()));
        assert_eq!(shown(&[7, 4_200_000_000], true), (Some(7), vec![7, 4_200_000_000], private));
        for (number, kind) in [
            (23_456, "transition"),
            (64_511, "documentation"),
            (65_534, "private"),
            (65_535, "reserved"),
            (65_551, "documentation"),
            (131_071, "reserved"),
            (4_294_967_295, "reserved"),
        ] {
            assert_eq!(reserved(number), Some(kind), "{number}");
        }
        for number in [1, 64_495, 131_072, 4_199_999_999, 13_335] {
            assert_eq!(reserved(number), None, "{number}");
        }
    }
}

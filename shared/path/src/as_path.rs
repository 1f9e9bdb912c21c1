//! The AS path of a trace: the origin ASes in the order in which they are met.

use std::fmt;

/// Origin ASes in path order, each group once; a group is what is known of one hop, which may be
/// of several ASes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AsPath(Vec<Vec<u32>>);

impl AsPath {
    /// From the origins of each hop, in order; hops of unknown origin are passed over. A hop that
    /// shares an AS with the one before adds nothing.
    ///
    /// ```
    /// use tm_path::as_path::AsPath;
    /// let path = AsPath::of([&[][..], &[7922], &[7922], &[], &[15169]]);
    /// assert_eq!(path.to_string(), "7922 > 15169");
    /// ```
    pub fn of<'a>(origins: impl IntoIterator<Item = &'a [u32]>) -> Self {
        let mut groups: Vec<Vec<u32>> = Vec::new();
        for hop in origins {
            let goes_on = groups.last().is_some_and(|group| shares(group, hop));
            if !hop.is_empty() && !goes_on {
                groups.push(hop.to_vec());
            }
        }
        Self(groups)
    }

    /// No AS is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the two may be one path: as many groups, each of which shares an AS with the
    /// other's.
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(a, b)| shares(a, b))
    }
}

fn shares(a: &[u32], b: &[u32]) -> bool {
    a.iter().any(|number| b.contains(number))
}

impl fmt::Display for AsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, group) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(" > ")?;
            }
            match group.as_slice() {
                [only] => write!(f, "{only}")?,
                several => {
                    let numbers: Vec<String> = several.iter().map(u32::to_string).collect();
                    write!(f, "{{{}}}", numbers.join(","))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::AsPath;

    #[test]
    fn a_hop_of_several_ases_agrees_with_each_of_them() {
        let several = AsPath::of([&[1][..], &[2, 3], &[4]]);
        assert_eq!(several.to_string(), "1 > {2,3} > 4");
        assert!(several.agrees_with(&AsPath::of([&[1][..], &[3], &[4]])));
        assert!(!several.agrees_with(&AsPath::of([&[1][..], &[5], &[4]])));
        assert!(!several.agrees_with(&AsPath::of([&[1][..], &[4]])));
    }

    #[test]
    fn an_as_that_is_left_and_met_again_stands_twice() {
        let path = AsPath::of([&[1][..], &[2], &[1]]);
        assert_eq!(path.to_string(), "1 > 2 > 1");
        assert!(AsPath::of([&[][..], &[]]).is_empty());
    }
}

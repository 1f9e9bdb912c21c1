//! Aligning two paths as sequences, so that a hop more is one difference and not one for each hop
//! behind it. The cheapest edit script is found by dynamic programming (Needleman and Wunsch
//! 1970); what the steps mean to the user is not decided here.
//!
//! Swapping the two paths swaps removed and inserted and changes nothing else: the work is always
//! done in one order of the two, and mirrored where the caller's is the other.

/// What is known of one TTL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step<'a> {
    /// Somebody answered.
    Answered {
        /// Who, in order and without repetition.
        responders: Vec<&'a str>,
        /// Their origin ASes as far as known, in order and without repetition.
        origins: Vec<u32>,
        /// One of them is the address traced.
        is_destination: bool,
    },
    /// It was probed, and nobody answered.
    Silent,
    /// It was not probed.
    Unprobed,
}

/// What lies behind the last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Beyond {
    /// Nothing: the path ends there.
    Nothing,
    /// It was probed, and nobody answered.
    Silence,
    /// It was not probed.
    Unknown,
}

/// A path: its steps, the first of TTL 1, and what lies behind them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path<'a> {
    /// What is known of each TTL.
    pub steps: Vec<Step<'a>>,
    /// What lies behind the last one.
    pub beyond: Beyond,
}

/// One line of the alignment; `a` and `b` are indices into the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pair {
    /// The steps stand for each other.
    Both {
        /// In the first path.
        a: usize,
        /// In the second.
        b: usize,
    },
    /// Only the first path has it.
    Removed {
        /// In the first path.
        a: usize,
    },
    /// Only the second path has it.
    Inserted {
        /// In the second path.
        b: usize,
    },
    /// It stood here in the first path, and stands elsewhere in the second.
    MovedFrom {
        /// In the first path: here.
        a: usize,
        /// In the second.
        b: usize,
    },
    /// It stands here in the second path, and stood elsewhere in the first.
    MovedTo {
        /// In the first path.
        a: usize,
        /// In the second: here.
        b: usize,
    },
    /// It faces what lies behind the second path's last step.
    PastB {
        /// In the first path.
        a: usize,
    },
    /// It faces what lies behind the first path's last step.
    PastA {
        /// In the second path.
        b: usize,
    },
}

/// A step more or less, where somebody answers.
const GAP: u32 = 6;
/// A step more or less, where nobody answers or nobody asked.
const QUIET_GAP: u32 = 5;
/// Silence in the place of an answer.
const SILENCE: u32 = 5;
/// The same responder among others.
const OVERLAP: u32 = 1;
/// Another responder: the destination by another address, of a shared AS, of an unknown AS, of
/// another AS. Less than two gaps, so that a hop is replaced rather than removed and inserted.
const OTHER_DESTINATION: u32 = 4;
const SAME_AS: u32 = 7;
const UNKNOWN_AS: u32 = 8;
const OTHER_AS: u32 = 9;
const DESTINATION_FOR_ROUTER: u32 = 10;

/// The alignment, in path order; where steps of only one path stand together, the first path's
/// come first.
///
/// ```
/// use tm_path::align::{Beyond, Pair, Path, Step, align};
/// let path = |hops: &[&'static str]| Path {
///     steps: hops
///         .iter()
///         .map(|&ip| Step::Answered { responders: vec![ip], origins: vec![], is_destination: false })
///         .collect(),
///     beyond: Beyond::Nothing,
/// };
/// let pairs = align(&path(&["r1", "r2", "r3"]), &path(&["r1", "new", "r2", "r3"]));
/// assert_eq!(pairs[1], Pair::Inserted { b: 1 });
/// assert_eq!(pairs[2], Pair::Both { a: 1, b: 2 });
/// ```
pub fn align(first: &Path, second: &Path) -> Vec<Pair> {
    let mut pairs = if first <= second {
        in_order(first, second)
    } else {
        in_order(second, first).into_iter().map(mirrored).collect()
    };
    for run in pairs.chunk_by_mut(|x, y| is_of_one(*x) && is_of_one(*y)) {
        run.sort_by_key(|pair| {
            matches!(pair, Pair::Inserted { .. } | Pair::MovedTo { .. } | Pair::PastA { .. })
        });
    }
    pairs
}

fn in_order(first: &Path, second: &Path) -> Vec<Pair> {
    let pairs = cheapest(first, second);
    let pairs = split_where_moved(&pairs, first, second);
    name_moves(pairs, first, second)
}

fn is_of_one(pair: Pair) -> bool {
    !matches!(pair, Pair::Both { .. })
}

fn mirrored(pair: Pair) -> Pair {
    match pair {
        Pair::Both { a, b } => Pair::Both { a: b, b: a },
        Pair::Removed { a } => Pair::Inserted { b: a },
        Pair::Inserted { b } => Pair::Removed { a: b },
        Pair::MovedFrom { a, b } => Pair::MovedTo { a: b, b: a },
        Pair::MovedTo { a, b } => Pair::MovedFrom { a: b, b: a },
        Pair::PastB { a } => Pair::PastA { b: a },
        Pair::PastA { b } => Pair::PastB { a: b },
    }
}

/// What it costs to let one step stand for the other.
fn substitution(one: &Step, other: &Step) -> u32 {
    match (one, other) {
        (
            Step::Answered { responders: a, origins: in_a, is_destination: end_a },
            Step::Answered { responders: b, origins: in_b, is_destination: end_b },
        ) => match () {
            () if a == b => 0,
            () if overlap(a, b) => OVERLAP,
            () if *end_a && *end_b => OTHER_DESTINATION,
            () if end_a != end_b => DESTINATION_FOR_ROUTER,
            () if in_a.is_empty() || in_b.is_empty() => UNKNOWN_AS,
            () if overlap(in_a, in_b) => SAME_AS,
            () => OTHER_AS,
        },
        (Step::Answered { .. }, Step::Silent) | (Step::Silent, Step::Answered { .. }) => SILENCE,
        (Step::Answered { .. }, Step::Unprobed) | (Step::Unprobed, Step::Answered { .. }) => 1,
        (Step::Silent | Step::Unprobed, Step::Silent | Step::Unprobed) => 0,
    }
}

fn gap(step: &Step) -> u32 {
    if matches!(step, Step::Answered { .. }) { GAP } else { QUIET_GAP }
}

/// What it costs to let a step face what lies behind the other path's end.
fn past_end(step: &Step, beyond: Beyond) -> u32 {
    match beyond {
        Beyond::Nothing => gap(step),
        Beyond::Silence => substitution(step, &Step::Silent),
        Beyond::Unknown => substitution(step, &Step::Unprobed),
    }
}

/// Whether two ordered lists share anything.
pub fn overlap<T: Ord>(a: &[T], b: &[T]) -> bool {
    a.iter().any(|one| b.binary_search(one).is_ok())
}

/// Which way the cheapest script came to a cell.
#[derive(Clone, Copy)]
enum Way {
    Both,
    Removed,
    Inserted,
}

/// The cheapest edit script; of equally cheap ones, the one that pairs the nearer steps, so that
/// they keep their TTLs.
fn cheapest(first: &Path, second: &Path) -> Vec<Pair> {
    let (rows, columns) = (first.steps.len(), second.steps.len());
    let mut ways = Vec::with_capacity((rows + 1) * (columns + 1));
    let mut above: Vec<u32> = Vec::new();
    for i in 0..=rows {
        let mut costs: Vec<u32> = Vec::with_capacity(columns + 1);
        let step_a = i.checked_sub(1).and_then(|at| first.steps.get(at));
        for j in 0..=columns {
            let step_b = j.checked_sub(1).and_then(|at| second.steps.get(at));
            let removal = |a: &Step| if j == columns { past_end(a, second.beyond) } else { gap(a) };
            let insertion = |b: &Step| if i == rows { past_end(b, first.beyond) } else { gap(b) };
            let diagonal = j.checked_sub(1).and_then(|left| above.get(left));
            let both = step_a
                .zip(step_b)
                .zip(diagonal)
                .map(|((a, b), so_far)| (so_far + substitution(a, b), Way::Both));
            let removed =
                step_a.zip(above.get(j)).map(|(a, so_far)| (so_far + removal(a), Way::Removed));
            let inserted =
                step_b.zip(costs.last()).map(|(b, so_far)| (so_far + insertion(b), Way::Inserted));
            let best =
                [removed, inserted, both].into_iter().flatten().min_by_key(|(cost, _)| *cost);
            let (cost, way) = best.unwrap_or((0, Way::Both));
            costs.push(cost);
            ways.push(way);
        }
        above = costs;
    }
    let mut pairs = Vec::with_capacity(rows + columns);
    let (mut i, mut j) = (rows, columns);
    while i + j > 0 {
        match ways.get(i * (columns + 1) + j) {
            Some(Way::Removed) if i > 0 => {
                let past = j == columns && second.beyond != Beyond::Nothing;
                i -= 1;
                pairs.push(if past { Pair::PastB { a: i } } else { Pair::Removed { a: i } });
            }
            Some(Way::Inserted) if j > 0 => {
                let past = i == rows && first.beyond != Beyond::Nothing;
                j -= 1;
                pairs.push(if past { Pair::PastA { b: j } } else { Pair::Inserted { b: j } });
            }
            _ => {
                (i, j) = (i.saturating_sub(1), j.saturating_sub(1));
                pairs.push(Pair::Both { a: i, b: j });
            }
        }
    }
    pairs.reverse();
    pairs
}

fn responders<'a>(path: &'a Path<'a>, at: usize) -> &'a [&'a str] {
    match path.steps.get(at) {
        Some(Step::Answered { responders, .. }) => responders,
        _ => &[],
    }
}

/// A replaced step whose responder stands elsewhere in the other path, in nobody's company, has
/// moved and was not replaced: the pair is taken apart.
fn split_where_moved(pairs: &[Pair], first: &Path, second: &Path) -> Vec<Pair> {
    let is_kept = |a: usize, b: usize| overlap(responders(first, a), responders(second, b));
    let mut free_a = vec![true; first.steps.len()];
    let mut free_b = vec![true; second.steps.len()];
    for pair in pairs {
        if let Pair::Both { a, b } = *pair
            && is_kept(a, b)
        {
            free_a.get_mut(a).into_iter().chain(free_b.get_mut(b)).for_each(|free| *free = false);
        }
    }
    let is_elsewhere = |hops: &[&str], path: &Path, free: &[bool]| {
        free.iter().enumerate().any(|(at, &free)| free && overlap(hops, responders(path, at)))
    };
    let mut split = Vec::with_capacity(pairs.len());
    for pair in pairs {
        match *pair {
            Pair::Both { a, b }
                if !is_kept(a, b)
                    && (is_elsewhere(responders(first, a), second, &free_b)
                        || is_elsewhere(responders(second, b), first, &free_a)) =>
            {
                split.extend([Pair::Removed { a }, Pair::Inserted { b }]);
            }
            other => split.push(other),
        }
    }
    split
}

/// What is removed in one place and inserted in another has moved.
fn name_moves(mut pairs: Vec<Pair>, first: &Path, second: &Path) -> Vec<Pair> {
    for from in 0..pairs.len() {
        let Some(&Pair::Removed { a }) = pairs.get(from) else { continue };
        let found = pairs.iter().enumerate().find_map(|(to, pair)| match *pair {
            Pair::Inserted { b } if overlap(responders(first, a), responders(second, b)) => {
                Some((to, b))
            }
            _ => None,
        });
        let Some((to, b)) = found else { continue };
        if let Some(pair) = pairs.get_mut(from) {
            *pair = Pair::MovedFrom { a, b };
        }
        if let Some(pair) = pairs.get_mut(to) {
            *pair = Pair::MovedTo { a, b };
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `*` is silent, `?` unprobed, `a|b` two responders, `D` the destination; `a@7` of AS 7.
    fn path(text: &str) -> Path<'_> {
        path_to(text, Beyond::Nothing)
    }

    fn path_to(text: &str, beyond: Beyond) -> Path<'_> {
        let step = |word| match word {
            "*" => Step::Silent,
            "?" => Step::Unprobed,
            _ => {
                let (names, asn) = word.split_once('@').unwrap_or((word, ""));
                let mut responders: Vec<&str> = names.split('|').collect();
                responders.sort_unstable();
                let origins = asn.parse().into_iter().collect();
                Step::Answered { responders, origins, is_destination: names == "D" }
            }
        };
        Path { steps: text.split_whitespace().map(step).collect(), beyond }
    }

    /// One letter a line of the alignment.
    fn script(a: &Path, b: &Path) -> String {
        align(a, b)
            .into_iter()
            .map(|pair| match pair {
                Pair::Both { a: i, b: j } if a.steps[i] == b.steps[j] => '=',
                Pair::Both { .. } => '~',
                Pair::Removed { .. } => '-',
                Pair::Inserted { .. } => '+',
                Pair::MovedFrom { .. } => '<',
                Pair::MovedTo { .. } => '>',
                Pair::PastB { .. } => 'b',
                Pair::PastA { .. } => 'a',
            })
            .collect()
    }

    #[test]
    fn the_cases_that_users_meet() {
        for (a, b, wanted) in [
            ("1 2 3 D", "1 2 3 D", "===="),
            ("1 2 3 D", "1 2 x 3 D", "==+=="),
            ("1 2 3 D", "1 3 D", "=-=="),
            ("1 2 3 D", "1 x 3 D", "=~=="),
            ("1 2 3 D", "1 * 3 D", "=~=="),
            ("1 * 3 D", "1 x * 3 D", "=+==="),
            ("1 2 3 D", "1 3 2 D", "=>=<="),
            ("1 a b c D", "1 c b a D", "=<>=<>="),
            ("1 2@1 3@2 D", "1 9@2 D", "=-~="),
            ("1 a|b 3 D", "1 b|c 3 D", "=~=="),
            ("? ? 3 D", "1 2 3 D", "~~=="),
            ("", "", ""),
            ("", "1 2", "++"),
        ] {
            assert_eq!(script(&path(a), &path(b)), wanted, "{a} / {b}");
        }
    }

    #[test]
    fn behind_the_end_of_a_path_there_is_silence_or_nobody_asked() {
        let whole = path("1 2 3 4 D");
        assert_eq!(script(&whole, &path_to("1 2", Beyond::Silence)), "==bbb");
        assert_eq!(script(&path_to("1 2", Beyond::Unknown), &whole), "==aaa");
        assert_eq!(script(&whole, &path_to("1 2", Beyond::Nothing)), "==---");
        assert_eq!(script(&whole, &path_to("1 x 2 3", Beyond::Silence)), "=+==bb");
    }

    #[test]
    fn of_removed_and_inserted_together_the_removed_come_first() {
        let got = script(&path("1 a b D"), &path("1 x|a2 y z q D"));
        assert_eq!(got.matches(['-', '+', '~']).count(), 4, "{got}");
        assert!(!got.contains("+-"), "{got}");
    }

    fn hops() -> impl Strategy<Value = Vec<String>> {
        let hop = prop_oneof![
            6 => "[a-h]", 2 => Just("*".to_owned()), 1 => "[a-d]\\|[e-h]", 1 => "[i-k]@[1-3]",
        ];
        prop::collection::vec(hop, 0..14)
    }

    fn beyond() -> impl Strategy<Value = Beyond> {
        prop_oneof![Just(Beyond::Nothing), Just(Beyond::Silence), Just(Beyond::Unknown)]
    }

    proptest! {
        #[test]
        fn a_path_is_the_same_as_itself(hops in hops(), beyond in beyond()) {
            let text = hops.join(" ");
            let path = path_to(&text, beyond);
            prop_assert!(script(&path, &path).chars().all(|c| c == '='));
        }

        #[test]
        fn one_insertion_is_one_difference(hops in hops(), at in 0usize..14, silent in any::<bool>()) {
            let at = at.min(hops.len());
            let mut more = hops.clone();
            more.insert(at, if silent { "*".to_owned() } else { "new".to_owned() });
            let (before, after) = (hops.join(" "), more.join(" "));
            let got = script(&path(&before), &path(&after));
            prop_assert_eq!(got.matches('+').count(), 1, "{}", got);
            prop_assert_eq!(got.matches('=').count(), hops.len(), "{}", got);
        }

        #[test]
        fn swapping_the_paths_swaps_removed_and_inserted(
            a in hops(), b in hops(), end_a in beyond(), end_b in beyond(),
        ) {
            let (a, b) = (a.join(" "), b.join(" "));
            let (a, b) = (path_to(&a, end_a), path_to(&b, end_b));
            let mut there = align(&a, &b);
            let mut back: Vec<Pair> = align(&b, &a).into_iter().map(mirrored).collect();
            let key = |pair: &Pair| format!("{pair:?}");
            there.sort_by_key(key);
            back.sort_by_key(key);
            prop_assert_eq!(there, back);
        }

        #[test]
        fn every_step_stands_once_and_in_order(a in hops(), b in hops(), end_b in beyond()) {
            let (a, b) = (a.join(" "), b.join(" "));
            let (a, b) = (path(&a), path_to(&b, end_b));
            let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
            for pair in align(&a, &b) {
                match pair {
                    Pair::Both { a, b } => { of_a.push(a); of_b.push(b); }
                    Pair::Removed { a } | Pair::MovedFrom { a, .. } | Pair::PastB { a } => of_a.push(a),
                    Pair::Inserted { b } | Pair::MovedTo { b, .. } | Pair::PastA { b } => of_b.push(b),
                }
            }
            prop_assert_eq!(of_a, (0..a.steps.len()).collect::<Vec<_>>());
            prop_assert_eq!(of_b, (0..b.steps.len()).collect::<Vec<_>>());
        }
    }
}

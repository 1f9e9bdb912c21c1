//! MPLS label stack entries as programs print them: `<MPLS:L=1,E=0,S=1,T=1/…>`,
//! `[MPLS: Lbl 1, TC 0, S 1, TTL 1]`, `MPLS Label=1 CoS=0 TTL=1 S=1`.

use tm_schema::MplsLabel;

/// The entries of a text that has `MPLS` in it, top first. An entry that does not say all of
/// label, class, bottom and TTL is left out: what is missing would have to be made up.
pub(crate) fn labels(text: &str) -> Vec<MplsLabel> {
    text.split(['/', '|']).filter_map(label).collect()
}

fn label(text: &str) -> Option<MplsLabel> {
    let mut words =
        text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let (mut label, mut tc, mut bottom, mut ttl) = (None, None, None, None);
    while let Some(word) = words.next() {
        let slot = match word.to_ascii_lowercase().as_str() {
            "l" | "lbl" | "label" => &mut label,
            "e" | "exp" | "tc" | "cos" => &mut tc,
            "s" | "bos" => &mut bottom,
            "t" | "ttl" => &mut ttl,
            _ => continue,
        };
        *slot = words.next()?.parse::<u32>().ok();
    }
    let bottom = match bottom? {
        0 => false,
        1 => true,
        _ => return None,
    };
    entry(label?, tc?, bottom, ttl?)
}

/// An entry whose numbers fit their fields (RFC 3032).
pub(crate) fn entry(label: u32, tc: u32, bottom: bool, ttl: u32) -> Option<MplsLabel> {
    let fits = label < 1 << 20 && tc < 8;
    fits.then_some(MplsLabel { label, tc: tc as u8, bottom, ttl: u8::try_from(ttl).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_says_the_same() {
        let wanted = [MplsLabel { label: 24107, tc: 5, bottom: true, ttl: 254 }];
        for text in [
            "<MPLS:L=24107,E=5,S=1,T=254>",
            "[MPLS: Lbl 24107, TC 5, S 1, TTL 254]",
            "[MPLS: Lbl 24107 Exp 5 S 1 TTL 254]",
            "     MPLS Label=24107 CoS=5 TTL=254 S=1",
        ] {
            assert_eq!(labels(text), wanted, "{text}");
        }
        assert_eq!(labels("<MPLS:L=1,E=0,S=0,T=1/L=2,E=0,S=1,T=2>").len(), 2);
    }

    #[test]
    fn an_entry_that_says_too_little_or_too_much_is_left_out() {
        for text in [
            "MPLS Label 24703 TTL=254",
            "<MPLS:L=1048576,E=0,S=1,T=1>",
            "<MPLS:L=1,E=8,S=1,T=1>",
            "L",
            "",
        ] {
            assert_eq!(labels(text), [], "{text}");
        }
    }
}

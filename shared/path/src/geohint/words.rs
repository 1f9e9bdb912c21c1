//! Words that decide how a name is read: what subscribers' lines are called, what looks like a
//! place and is none, and the two-letter codes that stand beside places.

/// Words that stand in the names of subscribers' lines, pools and servers of customers.
const ACCESS: &[&str] = &[
    "abo",
    "access",
    "adsl",
    "broadband",
    "cable",
    "catv",
    "client",
    "clients",
    "cpe",
    "cust",
    "customer",
    "customers",
    "dhcp",
    "dial",
    "dialup",
    "docsis",
    "dsl",
    "dyn",
    "dynamic",
    "dynip",
    "fiber",
    "fios",
    "ftth",
    "fttx",
    "gpon",
    "hfc",
    "home",
    "host",
    "hosts",
    "hsi",
    "lightspeed",
    "lte",
    "mobile",
    "pool",
    "pools",
    "ppp",
    "pppoe",
    "ptr",
    "res",
    "rev",
    "sdsl",
    "static",
    "statik",
    "unassigned",
    "unknown",
    "user",
    "users",
    "vdsl",
    "vps",
    "wifi",
    "wlan",
    "xdsl",
];

/// Codes of places that more often name a role, an interface or a neighbour.
const STOP: &[&str] = &[
    "abr", "acc", "act", "adm", "ads", "aer", "agg", "agr", "all", "alt", "and", "any", "apn",
    "app", "apt", "arc", "are", "asn", "asr", "asw", "atm", "aux", "avl", "bad", "bar", "bas",
    "bbr", "bdr", "bgp", "bgw", "big", "bil", "bit", "bng", "bor", "box", "bra", "bri", "bsr",
    "btn", "bus", "cab", "cal", "cam", "can", "cap", "car", "cas", "cat", "cbs", "ccr", "ccs",
    "cdn", "cer", "cgn", "cgw", "cis", "cit", "cix", "cli", "clo", "cms", "col", "com", "con",
    "cor", "core", "cos", "cpe", "crs", "csr", "csw", "cus", "dar", "dat", "day", "deb", "depot",
    "des", "dev", "dia", "dis", "dmz", "dns", "dom", "dsl", "ear", "edge", "esr", "eth", "ext",
    "fab", "fact", "far", "fat", "fex", "fix", "fool", "for", "fte", "fwa", "gar", "gbe", "gen",
    "ger", "gig", "gin", "gnb", "gsm", "gum", "had", "has", "her", "hge", "hos", "hot", "hub",
    "hun", "iar", "ibr", "igw", "inc", "ind", "inf", "int", "ipc", "ipt", "irb", "isp", "jan",
    "jun", "kin", "kind", "kit", "lab", "lag", "lan", "las", "least", "leg", "les", "lib", "lime",
    "limp", "lin", "line", "lit", "lns", "loc", "log", "mac", "mad", "mail", "man", "mar", "mce",
    "mcr", "med", "mem", "met", "mgr", "mgt", "mgw", "mid", "mix", "mob", "mod", "mpd", "mpr",
    "mpt", "mst", "mux", "nap", "nas", "nat", "net", "new", "nic", "nix", "nms", "noc", "nod",
    "nor", "nou", "npe", "nte", "oak", "one", "ont", "opt", "our", "out", "own", "pac", "pap",
    "pat", "pcr", "pdu", "pea", "pen", "per", "phe", "pix", "pni", "poc", "pod", "pon", "pop",
    "por", "pos", "pow", "ppp", "pri", "prv", "psa", "pse", "ptp", "pts", "pub", "pun", "rac",
    "rack", "rap", "rar", "rcr", "rec", "red", "reg", "ren", "res", "rio", "rob", "roc", "rst",
    "rsw", "rtr", "rts", "saco", "sal", "same", "san", "sap", "sat", "sav", "sba", "sbr", "sch",
    "sdn", "sea", "seg", "ser", "set", "sip", "sit", "sla", "slb", "son", "spa", "srv", "ssw",
    "sta", "ste", "str", "sub", "sun", "sur", "svc", "swi", "tag", "tam", "tan", "tap", "tas",
    "tcr", "tel", "ten", "ter", "tet", "the", "tie", "tip", "top", "tor", "tos", "tra", "trada",
    "tri", "trk", "trunk", "tun", "two", "ubr", "uni", "usr", "val", "van", "var", "ver", "via",
    "vin", "vip", "vla", "voi", "vpn", "vps", "wall", "wan", "war", "was", "web", "wil", "win",
    "wol",
];

/// Of those, the cities in which so many networks meet that a number behind the code is enough.
const STOP_UNLESS_NUMBERED: &[&str] = &[
    "avl", "can", "ccs", "for", "ind", "kin", "las", "lin", "mad", "man", "med", "mem", "nap",
    "nou", "nte", "oak", "pen", "per", "psa", "rio", "roc", "sal", "san", "sat", "sea", "son",
    "str", "tas", "tel", "tor", "vin", "was",
];

/// City names that are words, given names or makes too: they need something beside them that
/// speaks for the city.
const WEAK_NAMES: &[&str] = &[
    "alexandria",
    "apia",
    "augusta",
    "aurora",
    "bari",
    "bend",
    "bergen",
    "boras",
    "boulder",
    "braga",
    "bremen",
    "brest",
    "buffalo",
    "cali",
    "cambridge",
    "charlotte",
    "columbia",
    "columbus",
    "concord",
    "cork",
    "delft",
    "dili",
    "durham",
    "erie",
    "essen",
    "faro",
    "flint",
    "florence",
    "franklin",
    "georgetown",
    "goma",
    "hamilton",
    "jackson",
    "jena",
    "juba",
    "kano",
    "kiel",
    "kingston",
    "lagos",
    "lancaster",
    "laurel",
    "leon",
    "lima",
    "lincoln",
    "lodz",
    "lome",
    "lund",
    "macon",
    "madison",
    "male",
    "medan",
    "merida",
    "mesa",
    "metz",
    "mobile",
    "mons",
    "montgomery",
    "nancy",
    "natal",
    "nice",
    "nis",
    "ontario",
    "oxford",
    "pau",
    "perm",
    "phoenix",
    "plano",
    "plymouth",
    "praia",
    "princeton",
    "reading",
    "regina",
    "reno",
    "richmond",
    "roseville",
    "salvador",
    "santos",
    "savannah",
    "shang",
    "shima",
    "sines",
    "sion",
    "sofia",
    "split",
    "springfield",
    "sterling",
    "surat",
    "temp",
    "tempe",
    "tours",
    "trier",
    "trinity",
    "tula",
    "tver",
    "ulm",
    "victoria",
    "vigo",
    "waco",
    "waterloo",
    "york",
    "zug",
];

/// Second labels under which countries let people register.
const SECOND_LEVEL: &[&str] = &[
    "ac", "ad", "asn", "co", "com", "ed", "edu", "go", "gob", "gov", "gr", "id", "lg", "ltd",
    "mil", "ne", "net", "nom", "or", "org", "plc", "sch",
];

/// ISO 3166-1 codes of the countries, lower case.
const COUNTRIES: &str = "ad ae af ag al am ao ar at au aw az ba bb bd be bf bg bh bi bj bm bn bo \
    br bs bt bw by bz ca cd cg ch ci cl cm cn co cr cu cv cw cy cz de dj dk do dz ec ee eg es et \
    fi fj fo fr ga gb gd ge gf gg gh gi gl gm gn gp gr gt gu gy hk hn hr ht hu id ie il im in iq \
    ir is it je jm jo jp ke kg kh kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mk \
    ml mm mn mo mp mq mr mt mu mv mw mx my mz na nc ne ng ni nl no np nz om pa pe pf pg ph pk pl \
    pr ps pt py qa re ro rs ru rw sa sb sc sd se sg si sk sl sm sn so sr ss sv sx sy sz tc td tg \
    th tj tl tm tn to tr tt tw tz ua ug us uy uz va ve vi vn vu ws xk ye za zm zw";

/// Top-level domains that the whole world uses: they say nothing about a place.
const WORLDWIDE: &[&str] = &[
    "ai", "cc", "co", "fm", "gg", "im", "io", "is", "la", "ly", "me", "nu", "sh", "to", "tv", "ws",
];

/// The states of the United States and provinces of Canada, lower case.
const REGIONS: &str = "al ak az ar ca co ct dc de fl ga hi ia id il in ks ky la ma md me mi mn mo \
    ms mt nc nd ne nh nj nm nv ny oh ok or pa ri sc sd tn tx ut va vt wa wi wv wy ab bc mb nb nl \
    ns on pe qc sk";

/// Two letters that more often name a router's role or interface than a country or a state.
const ROLES: &[&str] = &[
    "ae", "ar", "as", "be", "br", "cr", "er", "et", "ge", "gi", "gr", "gw", "hu", "in", "ip", "is",
    "la", "lo", "me", "my", "no", "on", "or", "pe", "po", "rt", "se", "so", "sr", "tc", "te", "to",
    "vl",
];

/// Words in front of an interface's numbers.
const INTERFACES: &[&str] = &[
    "ae", "be", "bundle", "ce", "et", "eth", "ether", "fa", "fe", "ge", "gi", "gig", "he", "hu",
    "irb", "ix", "lag", "lo", "po", "pos", "se", "so", "te", "xe",
];

/// Whether the word stands in front of an interface's numbers.
pub(crate) fn is_interface(word: &str) -> bool {
    INTERFACES.contains(&word)
}

/// Whether the word is one of subscribers' lines.
pub(crate) fn is_access(word: &str) -> bool {
    ACCESS.binary_search(&word).is_ok()
}

/// Whether a code of a place is here rather something else; `numbered`: digits follow.
pub(crate) fn is_stop(word: &str, numbered: bool) -> bool {
    STOP.binary_search(&word).is_ok() && !(numbered && STOP_UNLESS_NUMBERED.contains(&word))
}

/// Whether a city's name is a common word too.
pub(crate) fn is_weak_name(word: &str) -> bool {
    WEAK_NAMES.binary_search(&word).is_ok()
}

/// Whether countries let people register under this label.
pub(crate) fn is_second_level(label: &str) -> bool {
    SECOND_LEVEL.binary_search(&label).is_ok()
}

/// The country, lower case, of a top-level domain that tells; otherwise empty.
pub(crate) fn country(top: &str) -> &'static str {
    if WORLDWIDE.contains(&top) {
        return "";
    }
    let top = if top == "uk" { "gb" } else { top };
    COUNTRIES.split(' ').find(|code| *code == top).unwrap_or("")
}

/// Whether two letters beside a word name a country or a state, and seldom anything else.
pub(crate) fn is_qualifier(word: &str) -> bool {
    if word.len() != 2 {
        return false;
    }
    let is_one = |codes: &str| codes.split(' ').any(|code| code == word);
    !ROLES.contains(&word) && (word == "uk" || is_one(COUNTRIES) || is_one(REGIONS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_in_order_for_searching() {
        for list in [ACCESS, STOP, WEAK_NAMES, SECOND_LEVEL] {
            assert!(list.is_sorted());
        }
    }

    #[test]
    fn countries_and_states_qualify_and_roles_do_not() {
        assert!(["de", "uk", "va", "tx", "sg"].iter().all(|word| is_qualifier(word)));
        assert!(["ae", "br", "gw", "xx", "d", "deu", ""].iter().all(|word| !is_qualifier(word)));
        assert_eq!(
            (country("uk"), country("de"), country("io"), country("net")),
            ("gb", "de", "", "")
        );
    }
}

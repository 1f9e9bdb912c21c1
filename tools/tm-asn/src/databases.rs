//! Local databases, asked one after the other. One that cannot be read is named once and left out;
//! a text table is read when it is first needed.

use std::fs::{self, File};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ipnet::IpNet;
use serde_json::Value;
use tm_enrich::choice::{Choice, ends_in, lower_name};
use tm_enrich::database::{Database, Finding, at, number, text};
use tm_schema::Asn;
use tm_stream::Diagnostics;

use crate::facts::Origins;
use crate::table::Table;
use crate::{cymru, index, read};

/// Reading a table for longer than this is worth a word.
const SLOW: f64 = 0.15;

/// What MaxMind DB files end with.
const MMDB_MARK: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// The databases of a run.
pub(crate) struct Databases {
    choice: Choice,
    all: Vec<Slot>,
    diagnostics: Diagnostics,
}

enum Slot {
    /// A text table.
    NotYet(PathBuf),
    Open(Box<Database>),
    /// It could not be read, which has been said.
    GivenUp,
}

impl Databases {
    /// Those at `named`, or the user's own.
    pub(crate) fn new(named: &[PathBuf], diagnostics: &Diagnostics) -> Self {
        let mut choice = choice(named, diagnostics);
        let paths = choice.paths.clone();
        let all = paths.into_iter().map(|path| Slot::new(path, &mut choice)).collect();
        Self { choice, all, diagnostics: diagnostics.clone() }
    }

    /// None at all.
    pub(crate) fn none(diagnostics: &Diagnostics) -> Self {
        let choice = Choice::none(diagnostics);
        Self { choice, all: Vec::new(), diagnostics: diagnostics.clone() }
    }

    pub(crate) fn are_none(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether all those that the user named could be used.
    pub(crate) fn are_complete(&self) -> bool {
        self.choice.is_complete()
    }

    /// The name of the first, which has said that it knows nothing.
    pub(crate) fn first_name(&self) -> Option<String> {
        self.all.iter().find_map(|slot| match slot {
            Slot::Open(database) => Some(database.name.clone()),
            Slot::NotYet(_) | Slot::GivenUp => None,
        })
    }

    /// What the first database that knows the address says.
    pub(crate) fn look_up(&mut self, ip: IpAddr) -> Option<Asn> {
        let Self { choice, all, diagnostics } = self;
        all.iter_mut().find_map(|slot| match slot.look_up(ip, diagnostics) {
            Ok(asn) => asn,
            Err(error) => {
                *slot = Slot::give_up(&error, choice);
                None
            }
        })
    }
}

impl Slot {
    /// An index is mapped at once; of a table it is seen that it can be read.
    fn new(path: PathBuf, choice: &mut Choice) -> Self {
        if !is_table(&path) {
            return choice.open(&path).map_or(Self::GivenUp, |open| Self::Open(Box::new(open)));
        }
        // A pipe can be opened but once.
        let opened = fs::metadata(&path).and_then(|data| match data.is_file() {
            true => File::open(&path).map(drop),
            false => Ok(()),
        });
        match opened {
            Ok(()) => Self::NotYet(path),
            Err(error) => {
                Self::give_up(&format!("cannot read {}: {error}", path.display()), choice)
            }
        }
    }

    fn look_up(&mut self, ip: IpAddr, diagnostics: &Diagnostics) -> Result<Option<Asn>, String> {
        if let Self::NotYet(path) = self {
            *self = Self::Open(Box::new(of_table(path, diagnostics)?));
        }
        let Self::Open(database) = self else { return Ok(None) };
        let found = database.try_look_up(ip)?;
        Ok(found.and_then(|found| asn(&found, ip, &database.name)))
    }

    fn give_up(error: &str, choice: &mut Choice) -> Self {
        choice.has_failed(error);
        Self::GivenUp
    }
}

/// The databases at `named`, or the user's own.
pub(crate) fn choice(named: &[PathBuf], diagnostics: &Diagnostics) -> Choice {
    Choice::new(named, of_networks, diagnostics)
}

/// A text table, read whole.
fn of_table(path: &Path, diagnostics: &Diagnostics) -> Result<Database, String> {
    let begun = Instant::now();
    let mut table = Table::default();
    read::file(path, &mut table, diagnostics, |_| {})?;
    let database = Database::of_bytes(index::mmdb(table)?, path)?;
    let took = begun.elapsed().as_secs_f64();
    if took > SLOW {
        let shown = path.display();
        diagnostics.warn(format_args!(
            "reading {shown} took {took:.1} s; `tm-asn build {shown} -o asn.mmdb` makes a file \
             that opens at once"
        ));
    }
    Ok(database)
}

/// What is no MaxMind DB by its end is taken for a text table, unless its name says otherwise.
pub(crate) fn is_table(path: &Path) -> bool {
    if path.is_dir() || lower_name(path).contains(".mmdb") {
        return false;
    }
    let is_mmdb = || -> std::io::Result<bool> {
        use std::io::{Read, Seek, SeekFrom};
        let len = fs::metadata(path).map(|data| if data.is_file() { data.len() } else { 0 })?;
        if len == 0 {
            return Ok(false);
        }
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(len.saturating_sub(128 << 10)))?;
        let mut end = Vec::new();
        file.take(128 << 10).read_to_end(&mut end)?;
        Ok(end.windows(MMDB_MARK.len()).any(|window| window == MMDB_MARK))
    };
    !is_mmdb().unwrap_or(false)
}

/// Of the files of a folder, the databases of AS numbers; it may hold others too. MMDB files, or
/// else text tables, whose names say so.
fn of_networks(mut files: Vec<PathBuf>) -> Vec<PathBuf> {
    files.retain(|path| {
        let name = lower_name(path);
        ["asn", "pfx2as", "isp", "ipinfo"].iter().any(|word| name.contains(word))
    });
    let of_kind = |endings: &[&str]| -> Vec<PathBuf> {
        files.iter().filter(|path| ends_in(path, endings)).cloned().collect()
    };
    let indexes = of_kind(&["mmdb"]);
    if !indexes.is_empty() {
        return indexes;
    }
    let tables = ["dat", "tsv", "txt", "pfx2as"];
    files.retain(|path| {
        ends_in(path, &tables)
            || (ends_in(path, &["gz"]) && ends_in(&path.with_extension(""), &tables))
    });
    files
}

/// What a record of any vendor says of an AS; `None`: nothing.
fn asn(found: &Finding, ip: IpAddr, source: &str) -> Option<Asn> {
    let record = &found.record;
    let number = as_number(record);
    let origins = match at(record, &["origins"]).and_then(Value::as_array) {
        Some(all) => {
            let all = all.iter().filter_map(Value::as_u64).filter_map(|n| u32::try_from(n).ok());
            Origins { all: all.collect(), first_leads: number.is_some() }
        }
        None => Origins::one(number?),
    };
    let country = text(record, &[&["registered_country", "iso_code"]]);
    let mut asn = Asn {
        org: organisation(record),
        prefix: Some(prefix(found, ip)),
        country: country.as_deref().and_then(cymru::country_code),
        source: Some(source.to_owned()),
        ..Asn::default()
    };
    origins.routed()?.show(&mut asn);
    Some(asn)
}

/// `15169`, `"15169"` or `"AS15169"`, under the names that vendors give it.
fn as_number(record: &Value) -> Option<u32> {
    const PLACES: [&[&str]; 7] = [
        &["autonomous_system_number"],
        &["traits", "autonomous_system_number"],
        &["asn"],
        &["asn", "asn"],
        &["as_number"],
        &["as", "number"],
        &["as", "asn"],
    ];
    PLACES.iter().find_map(|place| {
        if let Some(number) = number(record, &[place]) {
            let is_whole = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
            return is_whole.then_some(number as u32);
        }
        at(record, place)?.as_str()?.trim().strip_prefix("AS")?.parse().ok()
    })
}

fn organisation(record: &Value) -> Option<String> {
    text(
        record,
        &[
            &["autonomous_system_organization"],
            &["traits", "autonomous_system_organization"],
            &["as_name"],
            &["as_org"],
            &["asn", "name"],
            &["as", "name"],
            &["org"],
            &["organization"],
            &["name"],
        ],
    )
}

/// The announced prefix, where the record has it; otherwise the one that the record is for.
fn prefix(found: &Finding, ip: IpAddr) -> String {
    let length = number(&found.record, &[&["prefix_length"]]).map(|length| length as u8);
    let announced = length.and_then(|length| IpNet::new(ip, length).ok());
    let routed = || {
        let route = text(&found.record, &[&["route"], &["asn", "route"]])?;
        route.parse::<IpNet>().ok().filter(|route| route.contains(&ip))
    };
    let known = announced.or_else(routed).map(|net| net.trunc().to_string());
    known.unwrap_or_else(|| found.prefix.clone())
}

/// What must hold of any record: the number is one that networks have, the prefix is one.
#[cfg(any(test, fuzzing))]
pub fn check(found: &Finding, ip: IpAddr) {
    let Some(asn) = asn(found, ip, "test.mmdb") else { return };
    let reserved = asn.number.and_then(crate::facts::reserved);
    assert!(reserved.is_none() && !asn.origins.contains(&0), "{asn:?}");
    assert!(asn.prefix.as_deref().is_some_and(|net| net.parse::<IpNet>().is_ok()), "{asn:?}");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shape(record: Value) -> Option<Asn> {
        let found = Finding { record, prefix: "8.8.0.0/16".into(), offset: 0 };
        let ip = "8.8.8.8".parse().unwrap();
        check(&found, ip);
        asn(&found, ip, "x.mmdb")
    }

    #[test]
    fn every_vendors_layout_is_read() {
        for (record, org) in [
            (
                json!({"autonomous_system_number": 15169, "autonomous_system_organization": "G"}),
                "G",
            ),
            (
                json!({"traits": {"autonomous_system_number": 15169, "autonomous_system_organization": "G"}}),
                "G",
            ),
            (json!({"asn": "AS15169", "as_name": "G", "country": "United States"}), "G"),
            (json!({"asn": "AS15169", "name": "G", "route": "9.0.0.0/8"}), "G"),
            (json!({"asn": 15169, "org": "G"}), "G"),
            (json!({"asn": "15169", "org": "G"}), "G"),
            (json!({"asn": {"asn": 15169, "name": "G"}}), "G"),
            (json!({"geo": {"city": "X"}, "as": {"asn": "AS15169", "name": "G"}}), "G"),
        ] {
            let asn = shape(record).unwrap();
            assert_eq!((asn.number, asn.org.as_deref()), (Some(15169), Some(org)));
            assert_eq!((asn.prefix.as_deref(), asn.country), (Some("8.8.0.0/16"), None));
        }
        let asn = shape(json!({"asn": "AS1", "route": "8.0.0.0/9"})).unwrap();
        assert_eq!(asn.prefix.as_deref(), Some("8.0.0.0/9"));
    }

    #[test]
    fn what_is_no_as_number_is_nothing() {
        for record in [
            json!({}),
            json!("text"),
            json!([1]),
            json!({"asn": "AS"}),
            json!({"asn": 1.5}),
            json!({"asn": -1}),
            json!({"asn": 4_294_967_296_u64}),
            json!({"autonomous_system_number": 0}),
            json!({"origins": [0]}),
            json!({"city": {"names": {"en": "X"}}}),
        ] {
            assert_eq!(shape(record.clone()), None, "{record}");
        }
    }

    #[test]
    fn our_own_fields_are_believed_as_far_as_they_make_sense() {
        let asn = shape(json!({"origins": [4, 7], "prefix_length": 20})).unwrap();
        assert_eq!((asn.number, asn.origins), (None, vec![4, 7]));
        assert_eq!(asn.prefix.as_deref(), Some("8.8.0.0/20"));
        let asn = shape(json!({"asn": 4, "origins": [4, 7], "prefix_length": 200})).unwrap();
        assert_eq!((asn.number, asn.prefix.as_deref()), (Some(4), Some("8.8.0.0/16")));
    }
}

//! MaxMind DB files of any vendor, mapped into memory, or made there.

use std::fs::File;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use maxminddb::{MaxMindDbError, Mmap, Reader};
use serde_json::Value;

/// An open database.
#[derive(Debug)]
pub struct Database {
    reader: Reader<Bytes>,
    /// Where it is.
    pub path: PathBuf,
    /// How records name it as their source: the file's name.
    pub name: String,
}

/// The octets of a database.
#[derive(Debug)]
enum Bytes {
    Mapped(Mmap),
    Made(Vec<u8>),
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Made(bytes) => bytes,
        }
    }
}

/// What a database says of an address.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The record, whatever its layout.
    pub record: Value,
    /// The prefix that it is for.
    pub prefix: String,
    /// Where the record stands in the file: equal for equal records.
    pub offset: usize,
}

impl Database {
    /// Opens a database; the error names the file.
    #[allow(unsafe_code)]
    pub fn open(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let file = File::open(path).and_then(|file| {
            let kind = file.metadata()?.file_type();
            Ok((file, kind))
        });
        let file = match file {
            Ok((file, kind)) if kind.is_file() => file,
            Ok((_, kind)) if kind.is_dir() => return Err(format!("no database in {shown}")),
            Ok(_) => return Err(format!("{shown} is no file")),
            Err(error) => return Err(format!("cannot read {shown}: {error}")),
        };
        // SAFETY: the pages are read only here, as octets whose every use is checked by the
        // reader. Whoever updates a database replaces the file (rename), which leaves this
        // mapping as it is; a file that is cut short under us ends the process by SIGBUS, and
        // reading it into memory instead would cost every run of a pipe 20 ms and 60 MB.
        let map = unsafe { Mmap::map(&file) };
        let map = map.map_err(|error| format!("cannot map {shown}: {error}"))?;
        Self::new(Bytes::Mapped(map), path)
    }

    /// A database made in memory of what `path` holds in another format.
    pub fn of_bytes(bytes: Vec<u8>, path: &Path) -> Result<Self, String> {
        Self::new(Bytes::Made(bytes), path)
    }

    fn new(bytes: Bytes, path: &Path) -> Result<Self, String> {
        let (shown, packer) = (path.display(), packer(bytes.as_ref()));
        let reader = Reader::from_source(bytes).map_err(|error| match packer {
            Some(packer) => format!("{shown} is packed: unpack it with {packer} first"),
            None => format!("{shown} is no MaxMind DB: {error}"),
        })?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { reader, path: path.to_owned(), name })
    }

    /// What it says of an address; `None`: nothing, or nothing readable.
    pub fn look_up(&self, ip: IpAddr) -> Option<Finding> {
        self.try_look_up(ip).ok()?
    }

    /// What it says of an address; the error is of a damaged or hostile file, and names it.
    pub fn try_look_up(&self, ip: IpAddr) -> Result<Option<Finding>, String> {
        if ip.is_ipv6() && self.reader.metadata().ip_version == 4 {
            return Ok(None);
        }
        let found = self.find(ip);
        found.map_err(|error| format!("{} is damaged: {error}", self.path.display()))
    }

    fn find(&self, ip: IpAddr) -> Result<Option<Finding>, MaxMindDbError> {
        let found = self.reader.lookup(ip)?;
        let Some(record) = found.decode::<Value>()? else { return Ok(None) };
        let prefix = found.network()?.to_string();
        let offset = found.offset().unwrap_or_default();
        Ok(Some(Finding { record, prefix, offset }))
    }

    /// The vendor's name for what is in it.
    pub fn kind(&self) -> &str {
        &self.reader.metadata().database_type
    }

    /// When it was built, in seconds since 1970.
    pub fn built(&self) -> u64 {
        self.reader.metadata().build_epoch
    }
}

/// What unpacks a file that is as it came from its vendor.
fn packer(bytes: &[u8]) -> Option<&'static str> {
    let packers: [(&[u8], _); 3] =
        [(b"\x1f\x8b", "gunzip, or tar"), (b"PK\x03\x04", "unzip"), (b"\xfd7zXZ", "unxz")];
    packers.into_iter().find_map(|(mark, name)| bytes.starts_with(mark).then_some(name))
}

/// The value at a path of names and, where a name is a number, of positions.
pub fn at<'a>(record: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(record, |value, name| match value {
        Value::Object(map) => map.get(*name),
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => None,
    })
}

/// The first of several places that holds a text which is not empty.
pub fn text(record: &Value, places: &[&[&str]]) -> Option<String> {
    places.iter().find_map(|place| {
        let text = at(record, place)?.as_str()?.trim();
        (!text.is_empty() && text != "-").then(|| text.to_owned())
    })
}

/// The first of several places that holds a number, or a text that is one.
pub fn number(record: &Value, places: &[&[&str]]) -> Option<f64> {
    places.iter().find_map(|place| {
        let value = at(record, place)?;
        let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
        number.is_finite().then_some(number)
    })
}

/// What must hold of any octets: they are a database or are refused, and a lookup ends. Returns
/// what is found of some addresses.
///
/// # Panics
/// Where it does not hold.
#[cfg(any(test, fuzzing))]
pub fn check(octets: &[u8]) -> Vec<(IpAddr, Finding)> {
    let Ok(database) = Database::of_bytes(octets.to_vec(), Path::new("test.mmdb")) else {
        return Vec::new();
    };
    let _ = (database.kind(), database.built());
    let asked = ["0.0.0.0", "8.8.8.8", "10.1.2.3", "255.255.255.255", "2001:db8::1", "ffff::"];
    let asked = asked.iter().filter_map(|ip| ip.parse().ok());
    asked.filter_map(|ip: IpAddr| Some((ip, database.look_up(ip)?))).collect()
}

#[cfg(test)]
mod tests {
    use mmdb_writer::Writer;
    use proptest::prelude::*;

    use super::*;

    /// A small file with every kind of node and value that vendors write.
    fn sample() -> Vec<u8> {
        let mut writer = Writer::new("Test-City");
        let place = |city: &str| {
            mmdb_writer::Value::map([
                ("city", mmdb_writer::Value::from(city)),
                ("lat", mmdb_writer::Value::from(59.91)),
                ("asn", mmdb_writer::Value::from(3356_u64)),
                ("all", mmdb_writer::Value::array([mmdb_writer::Value::from(true)])),
            ])
        };
        for (net, city) in
            [("8.8.8.0/24", "Oslo"), ("10.0.0.0/8", "Bergen"), ("2001:db8::/32", "Oslo")]
        {
            writer.insert_value(net.parse::<ipnet::IpNet>().unwrap(), place(city)).unwrap();
        }
        writer.to_bytes().unwrap()
    }

    #[test]
    fn the_sample_is_read() {
        let database = Database::of_bytes(sample(), Path::new("test.mmdb")).unwrap();
        let found = database.look_up("8.8.8.8".parse().unwrap()).unwrap();
        assert_eq!(text(&found.record, &[&["city"]]).as_deref(), Some("Oslo"));
    }

    proptest! {
        #[test]
        fn damaged_files_are_read_or_refused(bytes in tm_mutate::octets(vec![sample()])) {
            for (_, found) in check(&bytes) {
                let _ = (text(&found.record, &[&["city"]]), number(&found.record, &[&["lat"]]));
            }
        }
    }
}

//! The tools that pipelines are made of.

pub(crate) use tm_stream::program::find;

/// Every tool that a pipeline may be made of.
pub(crate) const ALL: [&str; 6] =
    ["tm-probe", "tm-dns", "tm-asn", "tm-geo", "tm-redact", "tm-render"];

/// Every tool there is, sources first.
pub(crate) const EVERY: [&str; 11] = [
    "tm-probe",
    "tm-import",
    "tm-dns",
    "tm-asn",
    "tm-geo",
    "tm-redact",
    "tm-watch",
    "tm-diff",
    "tm-render",
    "tm-export",
    "tracemap",
];

/// Those that only add facts.
pub(crate) const ENRICHERS: [&str; 3] = ["tm-dns", "tm-asn", "tm-geo"];

/// No pipeline can do without it; the others take part where they are installed.
pub(crate) fn is_required(name: &str) -> bool {
    matches!(name, "tm-probe" | "tm-render")
}

//! Prints the JSON Schema of a record; `make docs` writes it to docs/schema.json.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    serde_json::to_writer_pretty(io::stdout(), &tm_tests::schema())?;
    writeln!(io::stdout())
}

//! Prints made-up records: `tm-tour pacific|rounds|long|hostile|bare|silent`.

use std::io::Write;

use tm_tests::{hop_line::lines, tour};

fn main() -> std::io::Result<()> {
    let records = match std::env::args().nth(1).as_deref() {
        Some("rounds") => tour::rounds(12),
        Some("long") => tour::long(),
        Some("hostile") => tour::hostile(),
        Some("bare") => tour::bare(),
        Some("silent") => tour::silent(),
        _ => tour::pacific(),
    };
    std::io::stdout().write_all(lines(&records).as_bytes())
}

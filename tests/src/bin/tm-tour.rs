//! Prints made-up records: `tm-tour pacific|rounds|long|hostile|bare|silent`, or `tm-tour log COUNT`:
//! a log of rounds, one a minute, with at least COUNT hop records.

use std::io::Write;

use tm_tests::{hop_line::lines, tour};

fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1);
    let records = match args.next().as_deref() {
        Some("log") => {
            return log(args.next().and_then(|count| count.parse().ok()).unwrap_or(1000));
        }
        Some("rounds") => tour::rounds(12),
        Some("long") => tour::long(),
        Some("hostile") => tour::hostile(),
        Some("bare") => tour::bare(),
        Some("silent") => tour::silent(),
        _ => tour::pacific(),
    };
    std::io::stdout().write_all(lines(&records).as_bytes())
}

fn log(count: usize) -> std::io::Result<()> {
    let round = lines(&tour::rounds(1));
    let hops = round.matches("\"type\":\"hop\"").count();
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for number in 0..count.div_ceil(hops) {
        let (day, hour, minute) = (1 + number / 1440 % 28, number / 60 % 24, number % 60);
        let month = 1 + number / (1440 * 28) % 12;
        let year = 2026 + number / (1440 * 28 * 12);
        let text = round
            .replace("019abf00-0001-7222", &format!("{number:08x}-0001-7222"))
            .replace(
                "2026-11-24T10:01",
                &format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}"),
            )
            .replace("\"round\":1,", &format!("\"round\":{},", number + 1));
        out.write_all(text.as_bytes())?;
    }
    out.flush()
}

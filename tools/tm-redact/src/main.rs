//! `tm-redact`: all of it is in the library beside this, where fuzz targets reach its parsers.

fn main() -> std::process::ExitCode {
    tm_redact::main()
}

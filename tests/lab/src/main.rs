//! `tm-sim`: an internet simulator on a TUN device, in a network namespace of its own, so that it
//! needs no root. It runs a command in there, and every packet of that command is answered by
//! simulated routers and hosts whose truth is in a TOML file.

// The simulator makes its own packets, so their lengths are known.
#![allow(clippy::indexing_slicing)]

mod hostile;
mod namespace;
mod packet;
mod simulator;
mod topology;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

/// Run COMMAND in a simulated internet
#[derive(Parser)]
#[command(name = "tm-sim", version)]
struct Flags {
    /// Run COMMAND without any capability
    #[arg(long)]
    drop_caps: bool,

    /// Allow ping sockets
    #[arg(long)]
    ping_group: bool,

    /// As root: do without a user namespace; scamper wants to become another user, of whom a user
    /// namespace has none
    #[arg(long)]
    real_root: bool,

    /// Write a line for every packet of COMMAND, and what became of it
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,

    /// The topology
    topology: PathBuf,

    /// What to run
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

fn main() -> Result<ExitCode> {
    let flags = Flags::parse();
    let text = std::fs::read_to_string(&flags.topology)
        .with_context(|| format!("cannot read {}", flags.topology.display()))?;
    let topology: topology::Topology =
        toml::from_str(&text).with_context(|| format!("in {}", flags.topology.display()))?;
    namespace::enter(flags.ping_group, flags.real_root).context("cannot make a namespace")?;
    let tun = namespace::open_tun().context("cannot open a TUN device")?;
    let simulator =
        simulator::Simulator::start(tun, world::World::new(topology), flags.log.is_some())?;
    let status = namespace::run(&flags.command, flags.drop_caps)?;
    let log = simulator.stop()?;
    if let Some(path) = &flags.log {
        std::fs::write(path, log).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(ExitCode::from(status))
}

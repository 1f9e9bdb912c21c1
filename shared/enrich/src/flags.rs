//! Flags that the enrichers share.

use std::path::PathBuf;

use clap::Args;
use tm_stream::Diagnostics;

use crate::store::{Store, Use};

/// How the shared cache is used.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Cache")]
pub struct CacheFlags {
    /// Neither use nor keep answers of other runs
    #[arg(long)]
    pub no_cache: bool,

    /// Ask anew, and keep the answers
    #[arg(long, conflicts_with = "no_cache")]
    pub refresh: bool,

    /// The cache [default: tracemap/cache.sqlite in the user's cache folder]
    #[arg(long, value_name = "FILE", env = "TRACEMAP_CACHE", hide_env = true)]
    pub cache: Option<PathBuf>,
}

impl CacheFlags {
    /// The cache as the flags want it.
    pub fn store(&self, diagnostics: &Diagnostics) -> Store {
        let path = self.cache.clone().or_else(tm_cache::default_path);
        let path = path.filter(|_| !self.no_cache);
        Store::new(Use { path, refresh: self.refresh }, diagnostics)
    }
}

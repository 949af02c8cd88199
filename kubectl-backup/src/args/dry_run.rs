//! `--dry-run`, as kubectl has it.

/// What is really done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum DryRun {
    /// Everything.
    #[default]
    None,
    /// Nothing is sent; what would be sent is shown.
    Client,
    /// The server checks and admits, and keeps nothing.
    Server,
}

/// The flag.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct DryRunArgs {
    /// Must be "none", "client", or "server". With client, only print what would be sent; with server, send it without
    /// keeping it
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "STRATEGY")]
    pub dry_run: DryRun,
}

impl DryRun {
    /// The words that kubectl appends to `TYPE/NAME created`.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Client => " (dry run)",
            Self::Server => " (server dry run)",
        }
    }
}

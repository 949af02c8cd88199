//! `-A`: all namespaces instead of one.

/// The flag of commands that look in one namespace.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct NamespaceScopeArgs {
    /// Look in all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
}

//! `kubectl backup restore`: restores of cold backups.

mod create;
mod list;

use crate::{context::Context, error::Result, exit::Exit};

/// Restore cold backups
///
/// `restore BACKUP` is short for `restore create BACKUP`.
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true, allow_external_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
#[allow(clippy::large_enum_variant, reason = "made once, and moved at once")]
enum Verb {
    Create(create::Args),
    #[command(alias = "get")]
    List(list::Args),
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        match self.verb {
            Verb::Create(args) => args.run(context).await,
            Verb::List(args) => args.run(context).await,
        }
    }
}

//! `kubectl backup snapshot`: hot backups.

mod create;
mod delete;
mod describe;
mod list;
mod prune;
mod restore;
mod rollback;

use crate::{context::Context, error::Result, exit::Exit};

/// VolumeSnapshots as kubectl names them.
pub const RESOURCE: &str = "volumesnapshot.snapshot.storage.k8s.io";

/// Take, restore, list and delete volume snapshots
///
/// `snapshot PVC` is short for `snapshot create PVC`.
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true, allow_external_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Create(create::Args),
    Delete(delete::Args),
    Describe(describe::Args),
    #[command(alias = "get")]
    List(list::Args),
    Prune(prune::Args),
    Restore(restore::Args),
    Rollback(rollback::Args),
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        match self.verb {
            Verb::Create(args) => args.run(context).await,
            Verb::Delete(args) => args.run(context).await,
            Verb::Describe(args) => args.run(context).await,
            Verb::List(args) => args.run(context).await,
            Verb::Prune(args) => args.run(context).await,
            Verb::Restore(args) => args.run(context).await,
            Verb::Rollback(args) => args.run(context).await,
        }
    }
}

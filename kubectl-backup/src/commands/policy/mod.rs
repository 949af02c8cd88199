//! `kubectl backup policy`: the rules of a cluster, and the webhook that keeps them.

mod grant;
mod install;
mod rollout;
mod show;
mod uninstall;

use crate::{context::Context, error::Result, exit::Exit};

/// Show the rules of a cluster; install the webhook that keeps them, or take it away
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Install(install::Args),
    Uninstall(uninstall::Args),
    Show(show::Args),
    Grant(grant::Args),
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        match self.verb {
            Verb::Install(args) => args.run(context).await,
            Verb::Uninstall(args) => args.run(context).await,
            Verb::Show(args) => args.run(context).await,
            Verb::Grant(args) => args.run(context).await,
        }
    }
}

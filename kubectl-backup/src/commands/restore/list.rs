//! `kubectl backup restore list`

use backup_api::velero::Restore;

use crate::{
    args::{OutputArgs, parse_restore_name},
    client::ListRequest,
    commands::listing::{Listing, Rows},
    context::Context,
    error::Result,
    exit::Exit,
    facts,
    plan::restore_row,
};

/// List restores of cold backups
///
/// The table shows the newest first; -o json, yaml and name keep the server's order, by name. -n shows only restores that
/// may have written into that namespace; without it, as with -A, all are shown.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names of restores; all when absent
    #[arg(value_parser = parse_restore_name)]
    names: Vec<String>,
    /// Label selector, as kubectl has it
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "names")]
    selector: Option<String>,
    /// Show the restores of all namespaces, whatever -n says
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    #[command(flatten)]
    output: OutputArgs,
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        let cluster = context.cluster().await?;
        let namespace = facts::velero::namespace(&cluster).await?;
        let holding = context.connection.namespace.as_deref().filter(|_| !self.all_namespaces);
        let listing = Listing {
            request: ListRequest::of::<Restore>(Some(&namespace), self.selector.as_deref()),
            namespace: &namespace,
            plural: "restores",
            names: &self.names,
            holding,
            format: self.output.format(),
        };
        let keep = |restore: &Restore| holding.is_none_or(|namespace| restore_row::may_write(restore, namespace));
        let rows = Rows { name: restore_row::name, keep: &keep, table: restore_row::table };
        listing.print(context, &cluster, rows).await?;
        Ok(Exit::Done)
    }
}

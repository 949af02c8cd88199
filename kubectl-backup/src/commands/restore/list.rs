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
/// The table shows the newest first; -o json, yaml and name keep the server's order, by name.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names of restores; all when absent
    #[arg(value_parser = parse_restore_name)]
    names: Vec<String>,
    /// Label selector, as kubectl has it
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "names")]
    selector: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        let cluster = context.cluster().await?;
        let namespace = facts::velero::namespace(&cluster).await?;
        let listing = Listing {
            request: ListRequest::of::<Restore>(Some(&namespace), self.selector.as_deref()),
            namespace: &namespace,
            plural: "restores",
            names: &self.names,
            format: self.output.format(),
        };
        let rows = Rows { name: restore_row::name, keep: &|_| true, table: restore_row::table };
        listing.print(context, &cluster, rows).await?;
        Ok(Exit::Done)
    }
}

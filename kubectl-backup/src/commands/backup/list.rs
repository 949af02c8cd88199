//! `kubectl backup list`

use backup_api::velero::Backup;

use crate::{
    args::{OutputArgs, parse_backup_name},
    client::ListRequest,
    commands::listing::{Listing, Rows},
    context::Context,
    error::Result,
    exit::Exit,
    facts,
    plan::{backup_row, backup_row::BackupRow},
};

/// List cold backups
///
/// The table shows the newest first; -o json, yaml and name keep the server's order, by name. -n shows only backups that
/// hold that namespace, as far as their filter tells; without it, as with -A, all are shown.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names of backups; all when absent
    #[arg(value_parser = parse_backup_name)]
    names: Vec<String>,
    /// Label selector, as kubectl has it
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "names")]
    selector: Option<String>,
    /// Show the backups of all namespaces, whatever -n says
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
            request: ListRequest::of::<Backup>(Some(&namespace), self.selector.as_deref()),
            namespace: &namespace,
            plural: "backups",
            names: &self.names,
            holding,
            format: self.output.format(),
        };
        let keep = |row: &BackupRow| holding.is_none_or(|namespace| row.may_hold(namespace));
        let rows = Rows { name: BackupRow::name, keep: &keep, table: backup_row::table };
        listing.print(context, &cluster, rows).await?;
        Ok(Exit::Done)
    }
}

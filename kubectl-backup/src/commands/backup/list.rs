//! `kubectl backup list`

use backup_api::velero::Backup;

use crate::{
    args::parse_backup_name,
    commands::velero_listing::{Kind, VeleroListArgs},
    context::Context,
    error::Result,
    exit::Exit,
    plan::{backup_row, backup_row::BackupRow},
};

/// Shown below the help.
const EXAMPLES: &str = "Examples:
  kubectl backup list
  kubectl backup list -n shop -o wide
  kubectl backup list --sort-by .status.expiration --no-headers
  kubectl backup list -o custom-columns=NAME:.metadata.name,PHASE:.status.phase";

/// List cold backups
///
/// Tables show the newest first, or those that were named in that order; all other formats keep the server's order, by
/// name, unless --sort-by is given. -n shows only backups that hold that namespace, as far as their filter tells; without
/// it, as with -A, all are shown. -o wide shows until when a backup is locked.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Names of backups; all when absent
    #[arg(value_name = "BACKUP", value_parser = parse_backup_name)]
    names: Vec<String>,
    #[command(flatten)]
    list: VeleroListArgs,
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        let kind = Kind {
            plural: "backups",
            verb: "hold namespace",
            name: BackupRow::name,
            concerns: BackupRow::may_hold,
            order: backup_row::newest_first,
            table: backup_row::table,
        };
        self.list.run::<Backup, _>(context, &self.names, &kind).await
    }
}

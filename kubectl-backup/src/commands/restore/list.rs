//! `kubectl backup restore list`

use backup_api::velero::Restore;

use crate::{
    args::parse_restore_name,
    commands::velero_listing::{Kind, VeleroListArgs},
    context::Context,
    error::Result,
    exit::Exit,
    plan::restore_row,
};

/// Shown below the help.
const EXAMPLES: &str = "Examples:
  kubectl backup restore list
  kubectl backup restore list -n shop -w";

/// List restores of cold backups
///
/// Tables show the newest first, or those that were named in that order; all other formats keep the server's order, by
/// name, unless --sort-by is given. -n shows only restores that may have written into that namespace; without it, as with
/// -A, all are shown.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Names of restores; all when absent
    #[arg(value_name = "RESTORE", value_parser = parse_restore_name)]
    names: Vec<String>,
    #[command(flatten)]
    list: VeleroListArgs,
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        let kind = Kind {
            plural: "restores",
            verb: "may have written into namespace",
            name: restore_row::name,
            concerns: restore_row::may_write,
            order: restore_row::newest_first,
            table: restore_row::table,
        };
        self.list.run::<Restore, _>(context, &self.names, &kind).await
    }
}

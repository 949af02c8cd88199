//! `kubectl backup snapshot delete`

use backup_api::snapshot::VolumeSnapshot;

use crate::{
    apply::snapshot_deletion::{self, How},
    args::{DryRun, DryRunArgs, OutputFormat, WaitArgs, parse_group, parse_selector, parse_snapshot_name},
    client::{Cluster, ListRequest, list},
    context::Context,
    error::Result,
    exit::Exit,
    facts,
    plan::snapshot::{
        delete::{question, spare_veleros},
        obstacle::Choice,
    },
};

/// Shown below the help.
const EXAMPLES: &str = "Examples:
  kubectl backup snapshot delete data-20261121101500 -n shop
  kubectl backup snapshot delete --group friday -n shop --yes";

/// Delete volume snapshots and wait until they are gone
///
/// Everything is checked before the first is deleted. A slot of the quota is free once its snapshot is gone. Snapshots
/// that Velero made for a backup are only deleted by name.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub struct Args {
    /// The snapshots to delete
    #[arg(value_name = "SNAPSHOT", value_parser = parse_snapshot_name, group = "which")]
    names: Vec<String>,
    /// Delete those that the label selector selects, but none of Velero's
    #[arg(short = 'l', long, value_name = "SELECTOR", group = "which", value_parser = parse_selector)]
    selector: Option<String>,
    /// Delete the snapshots of a group
    #[arg(long, value_name = "NAME", value_parser = parse_group, group = "which")]
    group: Option<String>,
    /// Delete all of the namespace, but none of Velero's
    #[arg(long, group = "which")]
    all: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    wait: WaitArgs<5>,
    #[command(flatten)]
    dry_run: DryRunArgs,
    /// Output format. One of: (name)
    #[arg(short, long, value_name = "FORMAT", value_parser = parse_output)]
    output: Option<OutputFormat>,
}

fn parse_output(text: &str) -> Result<OutputFormat, String> {
    match text.parse()? {
        OutputFormat::Name => Ok(OutputFormat::Name),
        _ => Err("a deletion has nothing to print but names: name".into()),
    }
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        let cluster = context.cluster().await?;
        let (snapshots, spared) = match self.read(&cluster).await? {
            named if !self.names.is_empty() => (named, None),
            found => spare_veleros(found, "to delete one, name it"),
        };
        if let Some(spared) = &spared {
            context.ui.warning(spared);
        }
        if snapshots.is_empty() && spared.is_some() {
            return Ok(Exit::Done);
        }
        if snapshots.is_empty() {
            context.ui.status(&format!("No resources found in {} namespace.", cluster.namespace));
            return Ok(Exit::Done);
        }
        let choice = if self.names.is_empty() { Choice::Selected } else { Choice::Named };
        let mut snapshots = snapshot_deletion::check(context, &cluster, snapshots, choice).await?;
        if snapshots.is_empty() {
            return Ok(Exit::Done);
        }
        snapshot_deletion::tell_fates(context, &cluster, &snapshots).await?;
        if self.dry_run.dry_run == DryRun::None && !self.yes {
            let names: Vec<&str> = snapshots.iter().map(snapshot_deletion::name).collect();
            context.ui.confirm(&question(&names, &cluster.namespace, &cluster.context), "--yes").await?;
            // A rollback may have begun while the question stood.
            snapshots = snapshot_deletion::check_again(context, &cluster, snapshots, choice).await?;
        }
        let how =
            How { choice, wait: self.wait.limit(), dry_run: self.dry_run.dry_run, names_only: self.output.is_some() };
        snapshot_deletion::delete(context, &cluster, &snapshots, &how).await
    }

    async fn read(&self, cluster: &Cluster) -> Result<Vec<VolumeSnapshot>> {
        if !self.names.is_empty() {
            let mut names = self.names.clone();
            names.sort();
            names.dedup();
            let mut snapshots = Vec::new();
            for name in &names {
                snapshots.push(facts::snapshots::read(cluster, name).await?);
            }
            return Ok(snapshots);
        }
        if let Some(group) = &self.group {
            return facts::snapshots::of_group(cluster, group).await;
        }
        let mut snapshots = Vec::new();
        let request = ListRequest::of::<VolumeSnapshot>(Some(&cluster.namespace), self.selector.as_deref());
        let doing = format!("list volumesnapshots in namespace {:?}", cluster.namespace);
        list(cluster, &request, &doing, |snapshot| snapshots.push(snapshot))
            .await
            .map_err(facts::snapshots::explain)?;
        Ok(snapshots)
    }
}

//! `kubectl backup snapshot delete`

use std::time::Duration;

use backup_api::snapshot::VolumeSnapshot;
use futures::{StreamExt as _, stream::FuturesUnordered};
use kube::{
    Api,
    api::{DeleteParams, Preconditions},
};

use super::{RESOURCE, wait::until_gone};
use crate::{
    args::{DryRun, DryRunArgs, OutputFormat, parse_duration, parse_snapshot_name},
    client::{Cluster, ListRequest, list},
    context::Context,
    error::{CliError, Doing as _, Result},
    exit::Exit,
    facts,
    plan::snapshot::delete::{check_unused, fate, question, spare_veleros},
};

/// Delete volume snapshots and wait until they are gone
///
/// Everything is checked before the first is deleted. A slot of the quota is free once its snapshot is gone. Snapshots
/// that Velero made for a backup are only deleted by name.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub struct Args {
    /// The snapshots to delete
    #[arg(value_name = "SNAPSHOT", value_parser = parse_snapshot_name, group = "which")]
    names: Vec<String>,
    /// Delete those that the label selector selects, but none of Velero's
    #[arg(short = 'l', long, value_name = "SELECTOR", group = "which")]
    selector: Option<String>,
    /// Delete all of the namespace, but none of Velero's
    #[arg(long, group = "which")]
    all: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Do not wait until they are gone
    #[arg(long)]
    no_wait: bool,
    /// How long to wait; 0 waits forever
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration)]
    timeout: Duration,
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
            found => spare_veleros(found),
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
        self.check(context, &cluster, &snapshots).await?;
        for snapshot in &snapshots {
            let content = facts::snapshots::content(&cluster, snapshot).await?;
            let claim = snapshot.spec.source.persistent_volume_claim_name.as_deref().unwrap_or("<none>");
            let fate = fate(&content);
            context.ui.status(&format!("snapshot {} of PVC {claim}: {fate}", name(snapshot)));
        }
        if self.dry_run.dry_run == DryRun::None && !self.yes {
            let names: Vec<&str> = snapshots.iter().map(name).collect();
            context.ui.confirm(&question(&names, &cluster.namespace, &cluster.context), "--yes")?;
        }
        self.delete(context, &cluster, &snapshots).await
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
        let mut snapshots = Vec::new();
        let request = ListRequest::of::<VolumeSnapshot>(Some(&cluster.namespace), self.selector.as_deref());
        let doing = format!("list volumesnapshots in namespace {:?}", cluster.namespace);
        list(cluster, &request, &doing, |snapshot| snapshots.push(snapshot))
            .await
            .map_err(facts::snapshots::explain)?;
        Ok(snapshots)
    }

    async fn check(&self, context: &Context, cluster: &Cluster, snapshots: &[VolumeSnapshot]) -> Result<()> {
        match facts::claim::all(cluster).await? {
            Some(claims) => check_unused(snapshots, &claims),
            None => {
                context
                    .ui
                    .warning("PVCs may not be listed: it is not checked whether one is being restored from a snapshot");
                Ok(())
            }
        }
    }

    /// Deletes all, then waits for all; what failed does not keep the others.
    async fn delete(&self, context: &Context, cluster: &Cluster, snapshots: &[VolumeSnapshot]) -> Result<Exit> {
        let mut errors = Vec::new();
        let mut going = Vec::new();
        for snapshot in snapshots {
            match request(cluster, snapshot, self.dry_run.dry_run).await {
                Ok(()) => going.push(snapshot),
                Err(error) => errors.push(error),
            }
        }
        if self.no_wait || self.dry_run.dry_run != DryRun::None {
            for snapshot in going {
                self.report(context, cluster, name(snapshot))?;
            }
        } else {
            context.ui.on_interrupt(Some(format!(
                "the deletion goes on without us; look with: kubectl backup snapshot list -n {}",
                cluster.namespace
            )));
            let mut waits: FuturesUnordered<_> =
                going
                    .into_iter()
                    .map(|snapshot| async move {
                        (name(snapshot), until_gone(context, cluster, snapshot, self.timeout).await)
                    })
                    .collect();
            while let Some((name, gone)) = waits.next().await {
                match gone {
                    Ok(()) => self.report(context, cluster, name)?,
                    Err(error) => errors.push(error),
                }
            }
            context.ui.on_interrupt(None);
        }
        // The last error ends the program; those before it are said here.
        let Some(last) = errors.pop() else { return Ok(Exit::Done) };
        for error in errors {
            context.ui.error(&error);
        }
        Err(last)
    }

    fn report(&self, context: &Context, cluster: &Cluster, name: &str) -> Result<()> {
        if self.output == Some(OutputFormat::Name) {
            return context.ui.data(&format!("{RESOURCE}/{name}\n"));
        }
        let suffix = self.dry_run.dry_run.suffix();
        context.ui.data(&format!("{RESOURCE} {name:?} deleted from {} namespace{suffix}\n", cluster.namespace))
    }
}

fn name(snapshot: &VolumeSnapshot) -> &str {
    snapshot.metadata.name.as_deref().unwrap_or_default()
}

/// Asks the server to delete exactly the snapshot that was checked, not one that took its name since.
async fn request(cluster: &Cluster, snapshot: &VolumeSnapshot, dry_run: DryRun) -> Result<()> {
    if dry_run == DryRun::Client {
        return Ok(());
    }
    let api: Api<VolumeSnapshot> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let params = DeleteParams {
        dry_run: dry_run == DryRun::Server,
        preconditions: Some(Preconditions { uid: snapshot.metadata.uid.clone(), resource_version: None }),
        ..DeleteParams::default()
    };
    let name = name(snapshot);
    let doing = || format!("delete volumesnapshot {name:?} in namespace {:?}", cluster.namespace);
    match api.delete(name, &params).await.doing(doing) {
        Ok(_) => Ok(()),
        // Somebody else was faster.
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) if error.is_forbidden() => Err(error.hint(format!(
            "See what you may do with: kubectl auth can-i delete volumesnapshots -n {}",
            cluster.namespace
        ))),
        Err(error) if error.code == Some(409) => Err(CliError::new(format!(
            "VolumeSnapshot {name:?} in namespace {:?} was replaced by another of the same name meanwhile; it was not deleted",
            cluster.namespace
        ))),
        Err(error) => Err(error),
    }
}

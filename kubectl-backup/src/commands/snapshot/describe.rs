//! `kubectl backup snapshot describe`

use backup_api::snapshot::VolumeSnapshot;
use k8s_openapi::api::core::v1::Event;
use serde_json::json;

use crate::{
    args::{ReportOutputArgs, parse_snapshot_name},
    client::Cluster,
    context::Context,
    error::Result,
    exit::Exit,
    facts::{self, events},
    output::print_object,
    plan::snapshot::{
        describe::{Facts, render},
        origin,
    },
};

/// Events of cluster-scoped objects are kept here.
const CLUSTER_EVENTS: &str = "default";

/// Shown below the help.
const EXAMPLES: &str = "Examples:
  kubectl backup snapshot describe data-20261121101500 -n shop";

/// Show everything about a snapshot: its storage, errors, events and what was restored from it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The snapshot
    #[arg(value_name = "SNAPSHOT", value_parser = parse_snapshot_name)]
    name: String,
    #[command(flatten)]
    output: ReportOutputArgs,
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        let cluster = context.cluster().await?;
        let snapshot = facts::snapshots::read(&cluster, &self.name).await?;
        let backup = origin::restored(&snapshot).map(|restored| restored.backup);
        let (content, claims, events, backups) = tokio::join!(
            facts::snapshots::content(&cluster, &snapshot),
            facts::claim::all(&cluster),
            events_of(&cluster, &snapshot),
            facts::backup_standing::of(&cluster, backup.into_iter().collect()),
        );
        let backup = backup.and_then(|name| backups.get(name).copied()).unwrap_or_default();
        let facts = Facts { snapshot, content: content?, backup, claims: claims?, events: events? };
        let format = self.output.format();
        if format.is_structured() {
            let whole = json!({
                "snapshot": facts::snapshots::read_as_is(&cluster, &self.name).await?,
                "content": facts.content.found(),
                "events": facts.events,
            });
            print_object(&context.ui, format, &whole)?;
        } else {
            context.ui.data(&render(&facts, context.now()))?;
        }
        Ok(Exit::Done)
    }
}

/// Reads the events of a snapshot and its content; `None` when those of the snapshot may not be listed.
async fn events_of(cluster: &Cluster, snapshot: &VolumeSnapshot) -> Result<Option<Vec<Event>>> {
    let about = events::About {
        kind: "VolumeSnapshot",
        namespace: &cluster.namespace,
        name: snapshot.metadata.name.as_deref().unwrap_or_default(),
        uid: snapshot.metadata.uid.as_deref(),
    };
    let mut all = match events::of(cluster, about).await {
        Ok(all) => all,
        Err(error) if error.is_forbidden() => return Ok(None),
        Err(error) => return Err(error),
    };
    let bound = snapshot.status.as_ref().and_then(|status| status.bound_volume_snapshot_content_name.as_deref());
    if let Some(name) = bound {
        let about = events::About { kind: "VolumeSnapshotContent", namespace: CLUSTER_EVENTS, name, uid: None };
        match events::of(cluster, about).await {
            Ok(of_content) => all.extend(of_content),
            // Few users may read the events of the cluster's own objects.
            Err(error) if error.is_forbidden() => {}
            Err(error) => return Err(error),
        }
    }
    all.sort_by_key(events::when);
    Ok(Some(all))
}

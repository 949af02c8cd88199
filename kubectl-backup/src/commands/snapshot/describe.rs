//! `kubectl backup snapshot describe`

use backup_api::snapshot::VolumeSnapshot;
use k8s_openapi::api::core::v1::Event;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::{
    args::{ReportOutputArgs, parse_snapshot_name},
    client::Cluster,
    context::Context,
    error::Result,
    exit::Exit,
    facts::{self, events},
    output::print_object,
    plan::snapshot::{
        dependants::Claims,
        describe::{Facts, command, dependants, render},
        origin,
    },
};

/// Events of cluster-scoped objects are kept here.
const CLUSTER_EVENTS: &str = "default";

/// Shown below the help.
const EXAMPLES: &str = "Examples:
  kubectl backup snapshot describe data-20261121101500 -n shop
  kubectl backup snapshot describe before after -n shop -o json";

/// Show everything about snapshots: their storage, errors, events and what was restored from them
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The snapshots
    #[arg(value_name = "SNAPSHOT", required = true, value_parser = parse_snapshot_name)]
    names: Vec<String>,
    #[command(flatten)]
    output: ReportOutputArgs,
}

impl Args {
    /// Runs the command. What cannot be described does not keep the others.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        let cluster = context.cluster().await?;
        let (ui, format) = (&context.ui, self.output.format());
        let (mut described, mut errors) = (Vec::new(), Vec::new());
        // They are read once for all names.
        let claims = OnceCell::new();
        for name in &self.names {
            match facts_of(&cluster, name, &claims).await {
                Ok(facts) if format.is_structured() => match whole(context, &cluster, name, &facts).await {
                    Ok(whole) => described.push(whole),
                    Err(error) => errors.push(error),
                },
                Ok(facts) => {
                    // kubectl separates descriptions by two empty lines.
                    let before = if described.is_empty() { "" } else { "\n\n" };
                    ui.data(&format!("{before}{}", render(&facts, context.now())))?;
                    described.push(Value::Null);
                }
                Err(error) => errors.push(error),
            }
        }
        match described.as_slice() {
            _ if !format.is_structured() => {}
            [] => {}
            [one] if self.names.len() == 1 => print_object(ui, format, one)?,
            several => print_object(ui, format, &json!({"apiVersion": "v1", "kind": "List", "items": several}))?,
        }
        ui.all_but_last(errors)
    }
}

async fn facts_of<'a>(cluster: &Cluster, name: &str, claims: &'a OnceCell<Claims>) -> Result<Facts<'a>> {
    let snapshot = facts::snapshots::read(cluster, name).await?;
    let backup = origin::restored(&snapshot).map(|restored| restored.backup);
    let (content, claims, borrowers, events, backups) = tokio::join!(
        facts::snapshots::content(cluster, &snapshot),
        claims.get_or_try_init(|| facts::dependants::claims(cluster)),
        facts::snapshots::borrowers(cluster, std::slice::from_ref(&snapshot)),
        events_of(cluster, &snapshot),
        facts::backup_standing::of(cluster, backup.into_iter().collect()),
    );
    let backup = backup.and_then(|name| backups.get(name).copied()).unwrap_or_default();
    Ok(Facts { snapshot, content: content?, backup, claims: claims?, borrowers: borrowers?, events: events? })
}

async fn whole(context: &Context, cluster: &Cluster, name: &str, facts: &Facts<'_>) -> Result<Value> {
    Ok(json!({
        "snapshot": facts::snapshots::read_as_is(cluster, name).await?,
        "content": facts.content.found(),
        "events": facts.events,
        "dependants": dependants(facts, context.now()),
        "dependantsScope": facts.claims.scope(),
        "restoreCommand": command(facts),
    }))
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

//! Waits for a snapshot to be gone.

use std::{cell::Cell, time::Duration};

use backup_api::snapshot::{VolumeSnapshot, VolumeSnapshotContent};
use kube::Api;

use super::remind::remind;
use crate::{
    client::{Cluster, until},
    context::Context,
    error::{CliError, Result},
    facts::events,
    output::Progress,
    plan::snapshot::{delete, driver_error, retained::content_name},
};

/// Waits until a snapshot whose deletion was asked for is gone.
///
/// # Errors
/// When the driver reports that it cannot delete (at once), or time is up.
pub async fn until_gone(
    context: &Context,
    cluster: &Cluster,
    snapshot: &VolumeSnapshot,
    timeout: Duration,
) -> Result<()> {
    let namespace = &cluster.namespace;
    let name = snapshot.metadata.name.as_deref().unwrap_or_default();
    let uid = snapshot.metadata.uid.as_deref();
    let subject = format!("VolumeSnapshot {name:?} in namespace {namespace:?}");
    let look = format!("Look with: kubectl backup snapshot describe {name} -n {namespace}");
    let progress = context.ui.progress(&format!("snapshot {name}"));
    progress.say("being deleted");
    let mut finalizers = Vec::new();
    let api: Api<VolumeSnapshot> = Api::namespaced(cluster.client.clone(), namespace);
    let doing = format!("watch volumesnapshot {name:?} in namespace {namespace:?}");
    let gone = until(api, name, timeout, &doing, |found: Option<VolumeSnapshot>| {
        // Another snapshot of the same name is not the one that goes.
        let found = found.filter(|found| found.metadata.uid.as_deref() == uid);
        finalizers = found.as_ref().and_then(|found| found.metadata.finalizers.clone()).unwrap_or_default();
        Ok(found.is_none().then_some(()))
    });
    let failed = Cell::new(false);
    let content = content_name(snapshot);
    let gone = tokio::select! {
        biased;
        gone = gone => gone.map_err(|error| match error.code {
            Some(_) => error.hint(format!("{subject} is being deleted; --no-wait does not watch it.")),
            None => error,
        })?,
        message = driver_refuses(cluster, snapshot) => {
            return Err(CliError::new(format!("{subject} is being deleted, but the driver refuses: {message}"))
                .hint(format!("It holds its slot of the quota until it is gone; the driver may try again. {look}")));
        }
        never = driver_fails(cluster, snapshot, &progress, &failed) => never,
        never = remind(cluster, &content) => never,
    };
    if gone.is_some() {
        return Ok(());
    }
    let why =
        if failed.get() { ": its driver fails to delete the storage's copy; the driver's log says why" } else { "" };
    let held = if finalizers.is_empty() { String::new() } else { format!("; it is held by {}", finalizers.join(", ")) };
    Err(CliError::timeout(format!("{subject} is still being deleted after {timeout:?}{why}{held}"))
        .hint(format!("It holds its slot of the quota until it is gone. {look}")))
}

/// Notes that the driver failed to delete: since external-snapshotter 8 only an event without the driver's words tells, and
/// the next try may go well. Never ends.
async fn driver_fails(
    cluster: &Cluster,
    snapshot: &VolumeSnapshot,
    progress: &Progress,
    failed: &Cell<bool>,
) -> Option<()> {
    let bound = snapshot.status.as_ref().and_then(|status| status.bound_volume_snapshot_content_name.as_deref());
    let Some(name) = bound else { return std::future::pending().await };
    // Events of what has no namespace are in this one.
    let about = events::About { kind: "VolumeSnapshotContent", namespace: "default", name, uid: None };
    events::first(cluster, about, |event| {
        if event.reason.as_deref() == Some("SnapshotDeleteError") {
            failed.set(true);
            progress.say("the driver failed to delete the storage's copy; tried again");
        }
        None
    })
    .await
}

/// Ends with the driver's message once it reports that it cannot delete. Never ends when the content may not be read:
/// its errors only make the wait shorter.
async fn driver_refuses(cluster: &Cluster, snapshot: &VolumeSnapshot) -> String {
    let bound = snapshot.status.as_ref().and_then(|status| status.bound_volume_snapshot_content_name.as_deref());
    let Some(content) = bound else { return std::future::pending().await };
    let api: Api<VolumeSnapshotContent> = Api::all(cluster.client.clone());
    let refused = until(api, content, Duration::ZERO, "watch the content", |found: Option<VolumeSnapshotContent>| {
        Ok(found.as_ref().and_then(delete::refusal).filter(|message| !driver_error::is_passing(message)))
    });
    match refused.await {
        Ok(Some(message)) => message,
        Ok(None) | Err(_) => std::future::pending().await,
    }
}

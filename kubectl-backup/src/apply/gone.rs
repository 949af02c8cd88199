//! Waits for a snapshot to be gone.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use backup_api::snapshot::{VolumeSnapshot, VolumeSnapshotContent};
use kube::Api;

use super::remind::{PATIENCE, look_after};
use crate::{
    client::{Cluster, until},
    error::{CliError, Result},
    output::Ui,
    plan::snapshot::{delete, driver_error, retained::content_name},
};

/// How the wait for a snapshot whose deletion was asked for ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It is gone.
    Gone,
    /// The driver says that it cannot delete; in its words.
    Refused(String),
    /// Time was up.
    Late {
        /// Whether the driver failed meanwhile.
        has_failed: bool,
        /// What holds it.
        finalizers: Vec<String>,
    },
}

/// How long to wait.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// In all; zero is for ever.
    pub timeout: Duration,
    /// Before the snapshotter is reminded.
    pub before_reminding: Duration,
}

/// Waits until a snapshot whose deletion was asked for is gone.
///
/// # Errors
/// When the driver reports that it cannot delete (at once), or time is up.
pub async fn until_gone(ui: &Ui, cluster: &Cluster, snapshot: &VolumeSnapshot, timeout: Duration) -> Result<()> {
    let namespace = &cluster.namespace;
    let name = snapshot.metadata.name.as_deref().unwrap_or_default();
    let subject = format!("VolumeSnapshot {name:?} in namespace {namespace:?}");
    let look = format!("Look with: kubectl backup snapshot describe {name} -n {namespace}");
    let end = wait(ui, cluster, snapshot, Patience { timeout, before_reminding: PATIENCE }).await;
    let end = end.map_err(|error| match error.code {
        Some(_) => error.hint(format!("{subject} is being deleted; --no-wait does not watch it.")),
        None => error,
    })?;
    match end {
        End::Gone => Ok(()),
        End::Refused(message) => {
            Err(CliError::new(format!("{subject} is being deleted, but the driver refuses: {message}"))
                .hint(format!("It holds its slot of the quota until it is gone; the driver may try again. {look}")))
        }
        End::Late { has_failed, finalizers } => {
            let why = if has_failed {
                ": its driver fails to delete the storage's copy; the driver's log says why"
            } else {
                ""
            };
            let held = if finalizers.is_empty() {
                String::new()
            } else {
                format!("; it is held by {}", finalizers.join(", "))
            };
            Err(CliError::timeout(format!("{subject} is still being deleted after {timeout:?}{why}{held}"))
                .hint(format!("It holds its slot of the quota until it is gone. {look}")))
        }
    }
}

/// The same, for whoever has words of their own for how it ends.
///
/// # Errors
/// When it may not be watched.
pub async fn wait(ui: &Ui, cluster: &Cluster, snapshot: &VolumeSnapshot, patience: Patience) -> Result<End> {
    let name = snapshot.metadata.name.as_deref().unwrap_or_default();
    let uid = snapshot.metadata.uid.as_deref();
    let progress = ui.progress(&format!("snapshot {name}"));
    progress.say("being deleted");
    let mut finalizers = Vec::new();
    let api: Api<VolumeSnapshot> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let doing = format!("watch volumesnapshot {name:?} in namespace {:?}", cluster.namespace);
    let gone = until(api, name, patience.timeout, &doing, |found: Option<VolumeSnapshot>| {
        // Another snapshot of the same name is not the one that goes.
        let found = found.filter(|found| found.metadata.uid.as_deref() == uid);
        finalizers = found.as_ref().and_then(|found| found.metadata.finalizers.clone()).unwrap_or_default();
        Ok(found.is_none().then_some(()))
    });
    let failed = AtomicBool::new(false);
    let content = content_name(snapshot);
    let tell = || progress.say("the driver failed to delete the storage's copy; tried again");
    let gone = tokio::select! {
        biased;
        gone = gone => gone?,
        message = driver_refuses(cluster, &content) => return Ok(End::Refused(message)),
        never = look_after(cluster, &content, patience.before_reminding, &failed, tell) => never,
    };
    Ok(match gone {
        Some(()) => End::Gone,
        None => End::Late { has_failed: failed.load(Ordering::Relaxed), finalizers },
    })
}

/// Ends with the driver's message once it reports that it cannot delete. Never ends when the content may not be read:
/// its errors only make the wait shorter.
async fn driver_refuses(cluster: &Cluster, content: &str) -> String {
    let api: Api<VolumeSnapshotContent> = Api::all(cluster.client.clone());
    let refused = until(api, content, Duration::ZERO, "watch the content", |found: Option<VolumeSnapshotContent>| {
        Ok(found.as_ref().and_then(delete::refusal).filter(|message| !driver_error::is_passing(message)))
    });
    match refused.await {
        Ok(Some(message)) => message,
        Ok(None) | Err(_) => std::future::pending().await,
    }
}

//! Waits for a snapshot to become ready.

use std::time::Duration;

use backup_api::snapshot::VolumeSnapshot;
use kube::Api;

use crate::{
    client::{Cluster, until},
    context::Context,
    error::{CliError, Result},
    plan::snapshot::readiness::{self, Readiness},
};

/// Waits until a snapshot that was just created is ready, and returns it as it is then.
///
/// # Errors
/// When the driver or the controller reports an error (at once), the snapshot is deleted, or time is up. The error
/// names the snapshot, which stays.
pub async fn until_ready(
    context: &Context,
    cluster: &Cluster,
    name: &str,
    timeout: Duration,
) -> Result<VolumeSnapshot> {
    let namespace = &cluster.namespace;
    let describe = format!("kubectl backup snapshot describe {name} -n {namespace}");
    let delete = format!("kubectl backup snapshot delete {name} -n {namespace}");
    let subject = format!("VolumeSnapshot {name:?} in namespace {namespace:?}");
    context.ui.on_interrupt(Some(format!("{subject} is still being taken; look with: {describe}")));
    let started = context.now();
    let progress = context.ui.progress(&format!("snapshot {name}"));
    let mut last = String::new();
    let api: Api<VolumeSnapshot> = Api::namespaced(cluster.client.clone(), namespace);
    let judge = |snapshot: Option<VolumeSnapshot>| {
        let Some(snapshot) = snapshot else {
            return Err(CliError::new(format!("{subject} was deleted by somebody else before it was ready")));
        };
        match readiness::judge(&snapshot) {
            Readiness::Ready => Ok(Some(snapshot)),
            Readiness::Failed(message) => Err(CliError::new(format!("{subject} failed: {message}"))
                .hint(format!(
                    "It stays and holds a slot of the quota; the driver may try again. Look with: {describe}"
                ))
                .hint(format!("Remove it with: {delete}"))),
            Readiness::UnderWay(text) => {
                progress.say(&text);
                last = text;
                Ok(None)
            }
        }
    };
    let doing = format!("watch volumesnapshot {name:?} in namespace {namespace:?}");
    let ready = until(api, name, timeout, &doing, judge).await.map_err(|error| {
        let watch_refused = error.code.is_some();
        if watch_refused {
            error.hint(format!("{subject} was created; --no-wait does not watch it. Look with: {describe}"))
        } else {
            error
        }
    })?;
    context.ui.on_interrupt(None);
    drop(progress);
    let Some(ready) = ready else {
        return Err(CliError::timeout(format!("{subject} is not ready after {timeout:?}: {last}"))
            .hint(format!("It is still being taken; look with: {describe}")));
    };
    let seconds = context.now().duration_since(started).as_secs();
    let size =
        ready.status.as_ref().and_then(|status| status.restore_size.as_ref()).map_or("size unknown", |size| &size.0);
    context.ui.status(&format!("snapshot {name} is ready ({size}, after {seconds}s)"));
    Ok(ready)
}

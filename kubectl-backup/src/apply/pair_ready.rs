//! Waits until a snapshot of another namespace can be seen in this one.

use std::time::Duration;

use backup_api::snapshot::VolumeSnapshot;
use kube::Api;

use crate::{
    client::{Cluster, until},
    context::Context,
    error::{CliError, Result},
    plan::snapshot::readiness::{self, Readiness},
};

/// Waits until the snapshot of a pair is ready: a claim that is made before would only collect failures.
///
/// # Errors
/// When the driver does not find the storage's snapshot, the pair is deleted, or time is up.
pub async fn until_pair_ready(context: &Context, cluster: &Cluster, name: String, timeout: Duration) -> Result<()> {
    let namespace = &cluster.namespace;
    let subject = format!("VolumeSnapshot {name:?} in namespace {namespace:?}");
    let progress = context.ui.progress(&format!("snapshot {name}"));
    let mut last = String::new();
    let api: Api<VolumeSnapshot> = Api::namespaced(cluster.client.clone(), namespace);
    let judge = |found: Option<VolumeSnapshot>| match found.as_ref().map(readiness::judge_second) {
        None => Err(CliError::new(format!("{subject} was deleted by somebody else before it was used"))),
        Some(Readiness::Ready) => Ok(Some(())),
        Some(Readiness::Failed(message)) => {
            Err(CliError::new(format!("the snapshot cannot be used in namespace {namespace:?}: {message}")))
        }
        Some(Readiness::UnderWay(text)) => {
            progress.say(&text);
            last = text;
            Ok(None)
        }
    };
    let doing = format!("watch volumesnapshot {name:?} in namespace {namespace:?}");
    until(api, &name, timeout, &doing, judge)
        .await?
        .ok_or_else(|| CliError::timeout(format!("{subject} is not ready after {timeout:?}: {last}")))
}

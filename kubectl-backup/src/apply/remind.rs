//! Reminds the snapshotter of a content that it has forgotten.

use std::time::Duration;

use backup_api::snapshot::VolumeSnapshotContent;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::{
    client::{Cluster, FIELD_MANAGER},
    error::Doing as _,
};

/// How long a content may take to go before it is touched, and then again.
const PATIENCE: Duration = Duration::from_secs(5);
/// What is touched.
const ANNOTATION: &str = "kubectl-backup.dev/reminded";

/// Touches a content that is being deleted and does not go: external-snapshotter 8.7 forgets one that was deleted while it
/// was being taken until it lists all again, minutes later, and looks at each that changes. Never ends, and only makes the
/// wait for it shorter: whoever may not change contents waits as long as before.
pub async fn remind<T>(cluster: &Cluster, content: &str) -> T {
    let api: Api<VolumeSnapshotContent> = Api::all(cluster.client.clone());
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    for count in 1_u32.. {
        tokio::time::sleep(PATIENCE).await;
        let found = api.get_opt(content).await.ok().flatten();
        let Some(found) = found.filter(|found| found.metadata.deletion_timestamp.is_some()) else { continue };
        // The uid only guards: the server refuses another's.
        let touch = json!({"metadata": {"uid": found.metadata.uid, "annotations": {ANNOTATION: count.to_string()}}});
        let touched = api.patch(content, &params, &Patch::Merge(touch)).await;
        if touched.doing(|| format!("touch volumesnapshotcontent {content:?}")).is_err_and(|error| error.is_forbidden())
        {
            break;
        }
    }
    std::future::pending().await
}

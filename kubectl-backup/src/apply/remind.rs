//! Looks after a content that is being deleted: hears of a driver that fails, and reminds the snapshotter of a content that
//! it has forgotten.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use backup_api::snapshot::VolumeSnapshotContent;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::{
    client::{Cluster, FIELD_MANAGER},
    error::Doing as _,
    facts::events,
    plan::snapshot::reminder::{Next, next},
};

/// How long a content may take to go before it is touched. Each next time it is given three times as long: a driver may be slow.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// What is touched.
const ANNOTATION: &str = "kubectl-backup.dev/reminded";

/// Looks after a content until it is dropped. `failed` tells that the driver failed to delete, and `tell` is called when it
/// did: since external-snapshotter 8 only an event without the driver's words says so, and the next try may go well.
pub async fn look_after<T>(
    cluster: &Cluster,
    content: &str,
    patience: Duration,
    failed: &AtomicBool,
    tell: impl Fn(),
) -> T {
    // Events of what has no namespace are in this one.
    let about = events::About { kind: "VolumeSnapshotContent", namespace: "default", name: content, uid: None };
    let notes = events::first(cluster, about, |event| {
        if event.reason.as_deref() == Some("SnapshotDeleteError") {
            failed.store(true, Ordering::Relaxed);
            tell();
        }
        None
    });
    tokio::select! {
        never = notes => never,
        never = remind(cluster, content, patience, failed) => never,
    }
}

/// Touches a content that is being deleted and does not go: external-snapshotter 8.7 forgets one that was deleted while it
/// was being taken until it lists all again, minutes later, and looks at each that changes. Never ends, and only makes the
/// wait for it shorter: whoever may not change contents waits as long as before.
async fn remind<T>(cluster: &Cluster, content: &str, patience: Duration, failed: &AtomicBool) -> T {
    let api: Api<VolumeSnapshotContent> = Api::all(cluster.client.clone());
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let (mut touched, mut pause) = (0, patience);
    loop {
        tokio::time::sleep(pause).await;
        let found = api.get_opt(content).await.ok().flatten();
        match next(found.as_ref(), touched, failed.load(Ordering::Relaxed)) {
            Next::Touch => {}
            Next::Later => continue,
            Next::Never => break,
        }
        touched += 1;
        pause *= 3;
        // The uid only guards: the server refuses another's.
        let uid = found.and_then(|found| found.metadata.uid);
        let touch = json!({"metadata": {"uid": uid, "annotations": {ANNOTATION: touched.to_string()}}});
        let touched = api.patch(content, &params, &Patch::Merge(touch)).await;
        if touched.doing(|| format!("touch volumesnapshotcontent {content:?}")).is_err_and(|error| error.is_forbidden())
        {
            break;
        }
    }
    std::future::pending().await
}

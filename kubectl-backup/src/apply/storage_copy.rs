//! Sees to it that the storage's copy goes with a snapshot that this run made and takes back: where the class retains, it
//! would stay with nobody to know of it.

use std::time::Duration;

use backup_api::snapshot::{VolumeSnapshot, VolumeSnapshotClass, VolumeSnapshotContent};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::{
    client::{Cluster, FIELD_MANAGER, until},
    error::{CliError, Doing as _, Result},
    plan::snapshot::retained::{self, Copy, Known},
};

/// How long the content of a snapshot that was just made may take to appear.
pub const APPEARING: Duration = Duration::from_secs(10);

/// Makes the content of the snapshot, of the cluster handle's namespace, one that is deleted with it. Returns what has to be
/// told where that cannot be done. `appearing` is how long its content may take to appear.
///
/// # Errors
/// When the server cannot be asked.
pub async fn goes_with(cluster: &Cluster, name: &str, uid: &str, appearing: Duration) -> Result<Option<String>> {
    let api: Api<VolumeSnapshot> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let found = api.get_opt(name).await.doing(|| format!("read volumesnapshot {name:?}"))?;
    let Some(snapshot) = found.filter(|found| found.metadata.uid.as_deref() == Some(uid)) else { return Ok(None) };
    let class = class(cluster, &snapshot).await?;
    let content = retained::content_name(&snapshot);
    let mut found = content_of(cluster, &content).await?;
    if retained::is_worth_waiting(&class, &found) {
        let contents: Api<VolumeSnapshotContent> = Api::all(cluster.client.clone());
        let doing = format!("watch volumesnapshotcontent {content:?}");
        let appeared = until(contents, &content, appearing, &doing, Ok).await;
        found = match appeared {
            Ok(seen) => Known::Read(seen.map(Box::new)),
            Err(error) if error.is_forbidden() => Known::Hidden,
            Err(error) => return Err(error),
        };
    }
    match retained::judge(&class, &found, uid) {
        Copy::Goes => Ok(None),
        Copy::Stays(why) => Ok(Some(retained::told(name, &content, found.read(), &why))),
        Copy::Retained => Ok(change(cluster, &content, found.read()).await.err().map(|error| {
            retained::told(
                name,
                &content,
                found.read(),
                &format!("its deletion policy cannot be changed: {}", error.message),
            )
        })),
    }
}

async fn class(cluster: &Cluster, snapshot: &VolumeSnapshot) -> Result<Known<VolumeSnapshotClass>> {
    let Some(name) = snapshot.spec.volume_snapshot_class_name.as_deref() else { return Ok(Known::Read(None)) };
    let api: Api<VolumeSnapshotClass> = Api::all(cluster.client.clone());
    known(api.get_opt(name).await.doing(|| format!("read volumesnapshotclass {name:?}")))
}

async fn content_of(cluster: &Cluster, name: &str) -> Result<Known<VolumeSnapshotContent>> {
    let api: Api<VolumeSnapshotContent> = Api::all(cluster.client.clone());
    known(api.get_opt(name).await.doing(|| format!("read volumesnapshotcontent {name:?}")))
}

fn known<K>(read: Result<Option<K>>) -> Result<Known<K>> {
    match read {
        Ok(found) => Ok(Known::Read(found.map(Box::new))),
        Err(error) if error.is_forbidden() => Ok(Known::Hidden),
        Err(error) => Err(error),
    }
}

async fn change(cluster: &Cluster, name: &str, content: Option<&VolumeSnapshotContent>) -> Result<()> {
    let api: Api<VolumeSnapshotContent> = Api::all(cluster.client.clone());
    let uid = content.and_then(|content| content.metadata.uid.as_deref());
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    // The uid only guards: the server refuses another's.
    let patch = Patch::Merge(json!({"metadata": {"uid": uid}, "spec": {"deletionPolicy": "Delete"}}));
    match api.patch(name, &params, &patch).await.doing(|| format!("change volumesnapshotcontent {name:?}")) {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => Err(CliError::new("it is gone")),
        Err(error) => Err(error),
    }
}

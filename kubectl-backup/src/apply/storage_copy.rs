//! Sees to it that the storage's copy goes with a snapshot that this run made and takes back: where the class retains, it
//! would stay with nobody to know of it.

use std::time::Duration;

use backup_api::snapshot::{VolumeSnapshot, VolumeSnapshotClass, VolumeSnapshotContent};
use kube::{
    Api, Resource as _,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::{
    client::{self, Cluster, FIELD_MANAGER, until},
    error::{CliError, Doing as _, Result},
    plan::snapshot::retained::{self, Copy, Known},
};

/// How long the content of a snapshot that was just made may take to appear.
pub const APPEARING: Duration = Duration::from_secs(10);

/// How long the snapshot controller may take to pass a deletion on to the content.
const PASSED_ON: Duration = Duration::from_secs(1);

/// What becomes of the storage's copy when its snapshot is deleted.
#[derive(Debug, Default)]
pub struct CopyFate {
    /// What has to be told where it stays.
    pub remark: Option<String>,
    /// The snapshot, and the content that this run made one that goes with it.
    changed: Option<(String, VolumeSnapshotContent)>,
}

impl CopyFate {
    fn told(remark: Option<String>) -> Self {
        Self { remark, changed: None }
    }

    /// Once the snapshot is gone: deletes a content that was changed and stays all the same. The controller goes by what it has
    /// seen of the content, and may have let the snapshot go before it saw the change; nobody would delete the content then.
    /// Returns all that has to be told.
    pub async fn see_to_it(self, cluster: &Cluster) -> Option<String> {
        let Some((snapshot, content)) = self.changed else { return self.remark };
        let name = content.metadata.name.clone().unwrap_or_default();
        match delete_where_it_stays(cluster, &name, &content).await {
            Ok(()) => self.remark,
            Err(error) => Some(retained::told(&snapshot, &name, Some(&content), &error.message)),
        }
    }
}

async fn delete_where_it_stays(cluster: &Cluster, name: &str, content: &VolumeSnapshotContent) -> Result<()> {
    let api: Api<VolumeSnapshotContent> = Api::all(cluster.client.clone());
    let stays = |found: &VolumeSnapshotContent| {
        found.metadata.uid == content.metadata.uid && found.metadata.deletion_timestamp.is_none()
    };
    let judge = |found: Option<VolumeSnapshotContent>| Ok((!found.as_ref().is_some_and(stays)).then_some(()));
    if until(api, name, PASSED_ON, &format!("watch volumesnapshotcontent {name:?}"), judge).await?.is_some() {
        return Ok(());
    }
    let path = format!("{}/{name}", VolumeSnapshotContent::url_path(&(), None));
    let uid = content.metadata.uid.as_deref().unwrap_or_default();
    client::delete_exactly(cluster, &path, uid, &format!("delete volumesnapshotcontent {name:?}")).await
}

/// Makes the content of the snapshot, of the cluster handle's namespace, one that is deleted with it. Returns what has to be
/// told where that cannot be done. `appearing` is how long its content may take to appear.
///
/// # Errors
/// When the server cannot be asked.
pub async fn goes_with(cluster: &Cluster, name: &str, uid: &str, appearing: Duration) -> Result<CopyFate> {
    let api: Api<VolumeSnapshot> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let found = api.get_opt(name).await.doing(|| format!("read volumesnapshot {name:?}"))?;
    let Some(snapshot) = found.filter(|found| found.metadata.uid.as_deref() == Some(uid)) else {
        return Ok(CopyFate::default());
    };
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
    let stays = |why: &str| CopyFate::told(Some(retained::told(name, &content, found.read(), why)));
    match retained::judge(&class, &found, uid) {
        Copy::Goes => Ok(CopyFate::default()),
        Copy::Stays(why) => Ok(stays(&why)),
        Copy::Retained => match change(cluster, &content, found.read()).await {
            Ok(changed) => Ok(CopyFate { remark: None, changed: Some((name.to_owned(), changed)) }),
            Err(error) => Ok(stays(&format!("its deletion policy cannot be changed: {}", error.message))),
        },
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

async fn change(
    cluster: &Cluster,
    name: &str,
    content: Option<&VolumeSnapshotContent>,
) -> Result<VolumeSnapshotContent> {
    let api: Api<VolumeSnapshotContent> = Api::all(cluster.client.clone());
    let uid = content.and_then(|content| content.metadata.uid.as_deref());
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    // The uid only guards: the server refuses another's.
    let patch = Patch::Merge(json!({"metadata": {"uid": uid}, "spec": {"deletionPolicy": "Delete"}}));
    match api.patch(name, &params, &patch).await.doing(|| format!("change volumesnapshotcontent {name:?}")) {
        Err(error) if error.is_not_found() => Err(CliError::new("it is gone")),
        changed => changed,
    }
}

//! VolumeSnapshots, their contents and classes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

use backup_api::{
    labels,
    snapshot::{VolumeSnapshot, VolumeSnapshotClass, VolumeSnapshotContent},
};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::{Api, Resource as _};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    client::{self, Cluster, ListRequest, list},
    error::{CliError, Doing as _, Result},
    facts::named::Named,
    plan::{
        nearest,
        snapshot::{
            content::Content,
            lent::{self, Borrower, Seen},
        },
    },
};

/// So many contents are read one by one; of more, all are listed.
const SINGLY: usize = 8;

/// What the plugin is in want of when the API server does not know VolumeSnapshots.
pub fn not_installed() -> CliError {
    CliError::new("snapshots are not installed in this cluster: it has no snapshot.storage.k8s.io/v1 resources")
        .hint(
            "A cluster administrator must install the snapshot CRDs and the snapshot-controller: \
             https://github.com/kubernetes-csi/external-snapshotter",
        )
        .hint("Velero can save files of volumes without them: kubectl backup create --volumes annotated")
}

/// Replaces "no such resource type" by what is missing.
pub fn explain(error: CliError) -> CliError {
    if error.is_missing_resource_type() { not_installed() } else { error }
}

/// Lists the snapshot classes; `None` when they may not be listed.
///
/// # Errors
/// When snapshots are not installed, or the server cannot be asked.
pub async fn classes(cluster: &Cluster) -> Result<Option<Vec<VolumeSnapshotClass>>> {
    let mut classes = Vec::new();
    let request = ListRequest::of::<VolumeSnapshotClass>(None, None);
    match list(cluster, &request, "list volumesnapshotclasses", |class| classes.push(class)).await {
        Ok(()) => Ok(Some(classes)),
        Err(error) if error.is_forbidden() => Ok(None),
        Err(error) => Err(explain(error)),
    }
}

/// Reads a snapshot of the namespace.
///
/// # Errors
/// When it does not exist (the hint names those that do) or may not be read.
pub async fn read(cluster: &Cluster, name: &str) -> Result<VolumeSnapshot> {
    let namespace = &cluster.namespace;
    let api: Api<VolumeSnapshot> = Api::namespaced(cluster.client.clone(), namespace);
    let error = match api.get(name).await.doing(|| format!("read volumesnapshot {name:?} in namespace {namespace:?}")) {
        Ok(snapshot) => return Ok(snapshot),
        Err(error) => explain(error),
    };
    if !error.is_not_found() {
        return Err(error);
    }
    let mut missing = CliError::new(format!("VolumeSnapshot {name:?} in namespace {namespace:?} does not exist"));
    missing.code = error.code;
    let look = format!("See the snapshots with: kubectl backup snapshot list -n {namespace}");
    Err(match names(cluster).await {
        Ok(existing) => missing.hint(nearest::hint(name, &existing, "snapshots", &format!("namespace {namespace:?}"))),
        Err(_) => missing.hint(look),
    }
    .hint("Those of all namespaces are shown by: kubectl backup snapshot list -A"))
}

/// Lists the snapshots of a group, of which there may be none.
///
/// # Errors
/// When they may not be listed.
pub async fn in_group(cluster: &Cluster, group: &str) -> Result<Vec<VolumeSnapshot>> {
    let namespace = &cluster.namespace;
    let request = ListRequest::of::<VolumeSnapshot>(Some(namespace), Some(&format!("{}={group}", labels::GROUP)));
    let doing = format!("list volumesnapshots in namespace {namespace:?}");
    let mut snapshots = Vec::new();
    list(cluster, &request, &doing, |snapshot| snapshots.push(snapshot)).await.map_err(explain)?;
    Ok(snapshots)
}

/// Lists the snapshots of a group.
///
/// # Errors
/// When there is none, or they may not be listed.
pub async fn of_group(cluster: &Cluster, group: &str) -> Result<Vec<VolumeSnapshot>> {
    let namespace = &cluster.namespace;
    let snapshots = in_group(cluster, group).await?;
    if snapshots.is_empty() {
        return Err(CliError::new(format!("there is no snapshot of group {group:?} in namespace {namespace:?}"))
            .hint(format!("See the groups with: kubectl backup snapshot list -n {namespace}")));
    }
    Ok(snapshots)
}

/// Reads a snapshot with every field that the server has.
///
/// # Errors
/// When it does not exist or may not be read.
pub async fn read_as_is(cluster: &Cluster, name: &str) -> Result<Value> {
    let path = format!("{}/{name}", VolumeSnapshot::url_path(&(), Some(&cluster.namespace)));
    client::get(cluster, &path, &format!("read volumesnapshot {name:?} in namespace {:?}", cluster.namespace))
        .await
        .map_err(explain)
}

async fn names(cluster: &Cluster) -> Result<Vec<String>> {
    let request = ListRequest::of::<VolumeSnapshot>(Some(&cluster.namespace), None);
    let doing = format!("list volumesnapshots in namespace {:?}", cluster.namespace);
    let mut names = Vec::new();
    list::<Named>(cluster, &request, &doing, |item| names.extend(item.metadata.name)).await?;
    Ok(names)
}

/// Finds who is restoring one of the snapshots into another namespace. Whoever may not list contents, which are the
/// cluster's, is not told.
///
/// # Errors
/// When the server cannot be asked.
pub async fn borrowers(cluster: &Cluster, snapshots: &[VolumeSnapshot]) -> Result<Vec<Borrower>> {
    let request = ListRequest::of::<VolumeSnapshotContent>(None, Some(&format!("{}=true", labels::TEMPORARY)));
    let mut seconds: Vec<VolumeSnapshotContent> = Vec::new();
    let each = |content: VolumeSnapshotContent| {
        if snapshots.iter().any(|snapshot| lent::stands_for(&content, snapshot)) {
            seconds.push(content);
        }
    };
    match list(cluster, &request, "list volumesnapshotcontents", each).await {
        Err(error) if error.is_forbidden() => return Ok(Vec::new()),
        result => result.map_err(explain)?,
    }
    let mut borrowers = Vec::new();
    for content in seconds {
        let reference = content.spec.volume_snapshot_ref.clone();
        let (namespace, name) = (reference.namespace.unwrap_or_default(), reference.name.unwrap_or_default());
        let (of, claim) = lent::notes(&content).and_then(|(_, claim)| claim.split_once('/')).unwrap_or_default();
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(cluster.client.clone(), of);
        let others: Api<VolumeSnapshot> = Api::namespaced(cluster.client.clone(), &namespace);
        let (claim, snapshot) = tokio::join!(seen(&claims, claim), seen(&others, &name));
        borrowers.push(Borrower { claim: claim?, snapshot: snapshot?, content });
    }
    Ok(borrowers)
}

async fn seen<K>(api: &Api<K>, name: &str) -> Result<Seen<K>>
where
    K: Clone + DeserializeOwned + Debug,
{
    match api.get_opt(name).await.doing(|| format!("read {name:?}")) {
        Ok(found) => Ok(found.map_or(Seen::Absent, |found| Seen::There(Box::new(found)))),
        Err(error) if error.is_forbidden() => Ok(Seen::Hidden),
        Err(error) => Err(error),
    }
}

/// Reads the content that a snapshot is bound to.
///
/// # Errors
/// When the server cannot be asked.
pub async fn content(cluster: &Cluster, snapshot: &VolumeSnapshot) -> Result<Content> {
    let Some(name) = named_content(snapshot) else { return Ok(Content::Unbound) };
    let api: Api<VolumeSnapshotContent> = Api::all(cluster.client.clone());
    match api.get(name).await.doing(|| format!("read volumesnapshotcontent {name:?}")) {
        Ok(content) => Ok(Content::Found(Box::new(content))),
        Err(error) if error.is_forbidden() => Ok(Content::Hidden(name.to_owned())),
        Err(error) if error.is_not_found() => Ok(Content::Gone(name.to_owned())),
        Err(error) => Err(error),
    }
}

/// Reads the contents that snapshots are bound to, in their order: more than a few by one list of all.
///
/// # Errors
/// When the server cannot be asked.
pub async fn contents(cluster: &Cluster, snapshots: &[VolumeSnapshot]) -> Result<Vec<Content>> {
    let names: BTreeSet<&str> = snapshots.iter().filter_map(named_content).collect();
    let mut found: BTreeMap<String, VolumeSnapshotContent> = BTreeMap::new();
    if names.len() > SINGLY {
        let request = ListRequest::of::<VolumeSnapshotContent>(None, None);
        let listed = list(cluster, &request, "list volumesnapshotcontents", |content: VolumeSnapshotContent| {
            if let Some(name) = content.metadata.name.clone().filter(|name| names.contains(name.as_str())) {
                found.insert(name, content);
            }
        });
        match listed.await {
            Err(error) if error.is_forbidden() => {}
            result => result.map_err(explain)?,
        }
    }
    let mut contents = Vec::new();
    for snapshot in snapshots {
        // What the list does not hold is gone, or was made since.
        contents.push(match named_content(snapshot).and_then(|name| found.remove(name)) {
            Some(content) => Content::Found(Box::new(content)),
            None => content(cluster, snapshot).await?,
        });
    }
    Ok(contents)
}

fn named_content(snapshot: &VolumeSnapshot) -> Option<&str> {
    let bound = snapshot.status.as_ref().and_then(|status| status.bound_volume_snapshot_content_name.as_deref());
    bound.or(snapshot.spec.source.volume_snapshot_content_name.as_deref())
}

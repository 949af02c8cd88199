//! Asks the server to delete one snapshot, exactly as it was checked.

use std::time::Duration;

use backup_api::snapshot::{VolumeSnapshot, VolumeSnapshotContent};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Api,
    api::{DeleteParams, Preconditions},
};

use super::snapshot_deletion::{How, free, name};
use crate::{
    args::DryRun,
    client::{Cluster, until},
    context::Context,
    error::{CliError, Doing as _, Result},
    plan::snapshot::preprovisioned::is_temporary,
};

/// How long a snapshot may take to go whose content we remove ourselves.
const GOING: Duration = Duration::from_secs(30);
/// Looks at a snapshot that changes at every look, at most.
const LOOKS: usize = 10;

/// Asks for the deletion of a snapshot that was checked, not of one that took its name since. One that changed since is
/// checked again: a rollback may hang on it by now. Returns whether it goes.
pub(super) async fn request(
    context: &Context,
    cluster: &Cluster,
    snapshot: &VolumeSnapshot,
    how: &How,
) -> Result<bool> {
    if how.dry_run == DryRun::Client {
        return Ok(true);
    }
    let (api, name): (Api<VolumeSnapshot>, _) =
        (Api::namespaced(cluster.client.clone(), &cluster.namespace), name(snapshot));
    let doing = |verb: &str| format!("{verb} volumesnapshot {name:?} in namespace {:?}", cluster.namespace);
    let subject = format!("VolumeSnapshot {name:?} in namespace {:?}", cluster.namespace);
    let mut checked = snapshot.clone();
    for _ in 0..LOOKS {
        let params = params(&checked.metadata, how.dry_run);
        match api.delete(name, &params).await.doing(|| doing("delete")) {
            Ok(_) => return second_content(cluster, &checked, how.dry_run).await.map(|()| true),
            // Somebody else was faster.
            Err(error) if error.is_not_found() => return Ok(true),
            Err(error) if error.is_forbidden() => {
                return Err(error.hint(format!(
                    "See what you may do with: kubectl auth can-i delete volumesnapshots -n {}",
                    cluster.namespace
                )));
            }
            Err(error) if error.code == Some(409) => {}
            Err(error) => return Err(error),
        }
        let Some(found) = api.get_opt(name).await.doing(|| doing("read"))? else { return Ok(true) };
        if found.metadata.uid != snapshot.metadata.uid {
            return Err(CliError::new(format!(
                "{subject} was replaced by another of the same name meanwhile; it was not deleted"
            )));
        }
        let not = |error: CliError| CliError { message: format!("{}; it was not deleted", error.message), ..error };
        match free(context, cluster, vec![found], how.choice).await?.map_err(not)?.pop() {
            Some(found) => checked = found,
            None => return Ok(false),
        }
    }
    Err(CliError::new(format!("{subject} changed again and again while it was to be deleted; it was not deleted")))
}

/// What whoever interrupts the deletion of a snapshot is told.
pub(super) fn goes_on(snapshot: &VolumeSnapshot, namespace: &str) -> String {
    match second(snapshot) {
        None => look(namespace),
        Some(content) => format!(
            "the deletion of snapshot {} goes on without us, but its content {content} stays. Once the snapshot is gone, and where \
             kubectl describe volumesnapshotcontent {content} says that it was made for it, remove it with: \
             kubectl delete volumesnapshotcontent {content}",
            name(snapshot)
        ),
    }
}

/// The same of snapshots with nothing that has to go after them.
pub(super) fn look(namespace: &str) -> String {
    format!("the deletion goes on without us; look with: kubectl backup snapshot list -n {namespace}")
}

/// The content that was made for a snapshot, by the snapshot's own words.
fn second(snapshot: &VolumeSnapshot) -> Option<&str> {
    snapshot.spec.source.volume_snapshot_content_name.as_deref().filter(|_| is_temporary(&snapshot.metadata))
}

fn params(of: &ObjectMeta, dry_run: DryRun) -> DeleteParams {
    DeleteParams {
        dry_run: dry_run == DryRun::Server,
        preconditions: Some(Preconditions { uid: of.uid.clone(), resource_version: of.resource_version.clone() }),
        ..DeleteParams::default()
    }
}

/// The content that a restore into another namespace made goes with its snapshot: nobody else would remove it, and it
/// keeps the storage's copy, which is the first content's.
async fn second_content(cluster: &Cluster, snapshot: &VolumeSnapshot, dry_run: DryRun) -> Result<()> {
    let Some(content) = second(snapshot) else { return Ok(()) };
    if dry_run == DryRun::None {
        // A content that goes first leaves the controllers stuck over its snapshot.
        let api: Api<VolumeSnapshot> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
        let is_other = |found: &VolumeSnapshot| found.metadata.uid != snapshot.metadata.uid;
        let gone = |found: Option<VolumeSnapshot>| Ok(found.as_ref().is_none_or(is_other).then_some(()));
        if until(api, name(snapshot), GOING, "watch volumesnapshots", gone).await?.is_none() {
            return Err(CliError::timeout(format!(
                "{} is still being deleted; its content {content} stays",
                name(snapshot)
            ))
            .hint(format!("Remove it then with: kubectl delete volumesnapshotcontent {content}")));
        }
    }
    let api: Api<VolumeSnapshotContent> = Api::all(cluster.client.clone());
    let doing = |verb: &str| format!("{verb} volumesnapshotcontent {content:?}, which was made for it");
    let found = api.get_opt(content).await.doing(|| doing("read"))?;
    // Anybody can name another's content in a snapshot of their own.
    let is_its_own = |found: &VolumeSnapshotContent| {
        let reference = &found.spec.volume_snapshot_ref;
        reference.namespace.as_deref() == Some(&cluster.namespace) && reference.name.as_deref() == Some(name(snapshot))
    };
    let Some(found) = found
        .filter(|found| is_temporary(&found.metadata) && found.spec.deletion_policy == "Retain" && is_its_own(found))
    else {
        return Ok(());
    };
    let params = DeleteParams {
        dry_run: dry_run == DryRun::Server,
        preconditions: Some(Preconditions { uid: found.metadata.uid, resource_version: None }),
        ..DeleteParams::default()
    };
    match api.delete(content, &params).await.doing(|| doing("delete")) {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whoever_interrupts_is_told_of_a_content_that_nobody_else_removes() {
        let snapshot = |label: &str| -> VolumeSnapshot {
            serde_json::from_value(json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
                "metadata": {"name": "s", "labels": {label: "true"}}, "spec": {"source": {"volumeSnapshotContentName": "c"}}}))
            .unwrap()
        };
        insta::assert_snapshot!(goes_on(&snapshot(backup_api::labels::TEMPORARY), "shop"), @"the deletion of snapshot s goes on without us, but its content c stays. Once the snapshot is gone, and where kubectl describe volumesnapshotcontent c says that it was made for it, remove it with: kubectl delete volumesnapshotcontent c");
        // One of somebody's own goes as its deletion policy says.
        assert_eq!(goes_on(&snapshot("app"), "shop"), look("shop"));
    }
}

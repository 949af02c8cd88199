//! Writes the journal to where it is kept, each time only in the place of what was read there.

use backup_api::snapshot::VolumeSnapshot;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::{
    client::{Cluster, FIELD_MANAGER},
    error::{CliError, Doing as _, Result},
    facts,
    plan::rollback::{Journal, Notes, ROLLBACK, Standing, begun_from},
};

/// So often a write is tried again over others' changes of the snapshot: its controllers write to it too.
const TRIES: usize = 8;

/// Writes a first journal to the very snapshot that was read: two runs cannot both begin.
///
/// # Errors
/// When it is another by now, another run has begun, or the server refuses or cannot be asked.
pub async fn begin(cluster: &Cluster, snapshot: &VolumeSnapshot, journal: Journal) -> Result<Notes> {
    let metadata = &snapshot.metadata;
    let [name, uid] = [&metadata.name, &metadata.uid].map(|part| part.clone().unwrap_or_default());
    let mut version = metadata.resource_version.clone();
    for left in (0..TRIES).rev() {
        match patch(cluster, &name, version.as_deref(), Some(&journal)).await {
            Err(error) if error.code == Some(409) && left > 0 => {}
            Err(error) if error.code == Some(409) => {
                return Err(error.hint("The snapshot is changed again and again; nothing else was done. Try again."));
            }
            written => {
                written?;
                break;
            }
        }
        let found = facts::rollback::source(cluster, &name).await?;
        version = begun_from(snapshot, found.as_ref(), &cluster.namespace)?;
    }
    Ok(Notes { snapshot: name, uid, journal })
}

/// Writes another journal in the place of the one that the run follows; `None` takes that away. Without the snapshot it is
/// only remembered by this run.
///
/// # Errors
/// When something else is written there by now, or the server refuses or cannot be asked.
pub async fn replace(cluster: &Cluster, notes: &mut Notes, journal: Option<Journal>) -> Result<Standing> {
    let mut standing = Standing::Written;
    for left in (0..TRIES).rev() {
        let found = facts::rollback::source(cluster, &notes.snapshot).await?;
        standing = notes.check(found.as_ref(), &cluster.namespace)?;
        if standing == Standing::Gone {
            break;
        }
        let version = found.and_then(|found| found.metadata.resource_version);
        match patch(cluster, &notes.snapshot, version.as_deref(), journal.as_ref()).await {
            // Changed or gone since it was read.
            Err(error) if matches!(error.code, Some(404 | 409)) && left > 0 => {}
            written => {
                written?;
                break;
            }
        }
    }
    if let Some(journal) = journal {
        notes.journal = journal;
    }
    Ok(standing)
}

async fn patch(cluster: &Cluster, snapshot: &str, version: Option<&str>, journal: Option<&Journal>) -> Result<()> {
    let text = journal.map(serde_json::to_string).transpose();
    let text = text.map_err(|error| CliError::new(format!("failed to write down the rollback: {error}")))?;
    let patch = json!({"metadata": {"annotations": {ROLLBACK: text}, "resourceVersion": version}});
    let api: Api<VolumeSnapshot> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    api.patch_metadata(snapshot, &PatchParams::apply(FIELD_MANAGER), &Patch::Merge(patch))
        .await
        .map(drop)
        .doing(|| format!("write down the rollback with volumesnapshot {snapshot:?}"))
}

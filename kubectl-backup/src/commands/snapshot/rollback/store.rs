//! Writes the journal to where it is kept.

use backup_api::snapshot::VolumeSnapshot;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::{
    client::{Cluster, FIELD_MANAGER},
    error::{CliError, Doing as _, Result},
    plan::rollback::{Journal, ROLLBACK},
};

/// Writes the journal to its snapshot, or takes it away. With a resource version, only onto that very state: two runs
/// cannot both begin.
///
/// # Errors
/// When the server refuses or cannot be asked.
pub async fn write(
    cluster: &Cluster,
    snapshot: &str,
    journal: Option<&Journal>,
    resource_version: Option<&str>,
) -> Result<()> {
    let text = journal.map(serde_json::to_string).transpose();
    let text = text.map_err(|error| CliError::new(format!("failed to write down the rollback: {error}")))?;
    let mut patch = json!({"metadata": {"annotations": {ROLLBACK: text}}});
    if let Some(version) = resource_version {
        patch["metadata"]["resourceVersion"] = json!(version);
    }
    let api: Api<VolumeSnapshot> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    api.patch_metadata(snapshot, &PatchParams::apply(FIELD_MANAGER), &Patch::Merge(patch))
        .await
        .map(drop)
        .doing(|| format!("write down the rollback with volumesnapshot {snapshot:?}"))
}

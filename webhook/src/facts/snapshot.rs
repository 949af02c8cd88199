//! Where a snapshot's PVC lives, and which classes there are.

use backup_api::{claim::storage_class_of, snapshot::VolumeSnapshotClass};
use backup_policy::{Facts, facts::VolumeFact, snapshot_class::SnapshotClassFact};
use k8s_openapi::api::{
    core::v1::{PersistentVolume, PersistentVolumeClaim},
    storage::v1::StorageClass,
};
use kube::{Api, ResourceExt, api::ListParams};
use tokio::time::timeout;

use super::{Cluster, PATIENCE, known};

impl Cluster {
    /// Finds out where a snapshot's PVC lives and which classes there are. What cannot be found out stays open.
    pub(super) async fn learn_snapshot_source(&self, facts: &mut Facts, namespace: &str, claim: &str) {
        let reads = async { tokio::join!(self.volume(namespace, claim), self.snapshot_classes()) };
        let Ok((volume, classes)) = timeout(PATIENCE, reads).await else {
            tracing::warn!(namespace, claim, "the API server did not say in time where the PVC lives");
            return;
        };
        facts.source_volume = known(volume, &format!("where PVC {claim} lives"), namespace).flatten();
        facts.snapshot_classes = known(classes, "the VolumeSnapshotClasses", namespace);
    }

    async fn volume(&self, namespace: &str, claim: &str) -> kube::Result<Option<VolumeFact>> {
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(self.client.clone(), namespace);
        let Some(claim) = claims.get_opt(claim).await? else { return Ok(None) };
        let storage_class = storage_class_of(&claim).map(str::to_owned);
        let spec = claim.spec.unwrap_or_default();
        // A bound volume knows its driver itself; its storage class may be gone or another one by now.
        let mut driver = match spec.volume_name {
            Some(name) if !name.is_empty() => self.driver_of_volume(&name).await?,
            _ => None,
        };
        if let (None, Some(class)) = (&driver, &storage_class) {
            driver = self.driver_of_class(class).await?;
        }
        Ok(Some(VolumeFact { storage_class, driver }))
    }

    async fn driver_of_volume(&self, name: &str) -> kube::Result<Option<String>> {
        let volume = Api::<PersistentVolume>::all(self.client.clone()).get_opt(name).await?;
        Ok(volume.and_then(|volume| Some(volume.spec?.csi?.driver)))
    }

    async fn driver_of_class(&self, name: &str) -> kube::Result<Option<String>> {
        let class = Api::<StorageClass>::all(self.client.clone()).get_opt(name).await?;
        Ok(class.map(|class| class.provisioner))
    }

    async fn snapshot_classes(&self) -> kube::Result<Vec<SnapshotClassFact>> {
        let classes = Api::<VolumeSnapshotClass>::all(self.client.clone()).list(&ListParams::default()).await?;
        Ok(classes.into_iter().map(fact).collect())
    }
}

fn fact(class: VolumeSnapshotClass) -> SnapshotClassFact {
    SnapshotClassFact { name: class.name_any(), is_default: class.is_default(), driver: class.driver }
}

//! What there is of Velero in the namespace of one of its objects.

use backup_api::{
    labels::{VELERO_SCHEDULE_NAME, velero_label_value},
    velero::{Backup, BackupStorageLocation, DeleteBackupRequest},
};
use backup_policy::velero::{
    BackupFact, ConfigMapFact, LocationFact, LockedBackup, Lookup, Needs, SnapshotLocationFact, VeleroFacts,
    open_deletions,
};
use k8s_openapi::api::{apps::v1::DaemonSet, core::v1::ConfigMap};
use kube::{
    Api, Resource, ResourceExt,
    api::{ApiResource, DynamicObject, ListParams},
};
use serde_json::Value;

use super::{Cluster, known};

/// Objects of a kind that are looked at; nobody has more locations, and the newest backups of a schedule are among so many.
const MANY: u32 = 500;
/// The names that Velero's installer gives its agent, for Linux and for Windows.
const NODE_AGENTS: [&str; 2] = ["node-agent", "node-agent-windows"];

impl Cluster {
    /// Reads all of it at once.
    pub(super) async fn velero(&self, needs: &Needs<'_>, namespace: &str) -> VeleroFacts {
        let (
            locations,
            snapshot_locations,
            backup,
            backups_of_schedule,
            resource_policy,
            resource_modifier,
            deletions,
            locked_backup,
            locked_namesake,
            node_agent,
        ) = tokio::join!(
            asked(needs.locations, self.locations(namespace)),
            asked(needs.snapshot_locations, self.snapshot_locations(namespace)),
            named(needs.backup, |name| self.backup(namespace, name)),
            named(needs.schedule, |name| self.backups_of(namespace, name)),
            named(needs.resource_policy, |name| self.config_map(namespace, name)),
            named(needs.resource_modifier, |name| self.config_map(namespace, name)),
            named(needs.deletions_of, |name| self.open_deletions(namespace, name)),
            named(needs.locked_in, |name| self.locked_in(namespace, name)),
            named(needs.namesakes_of, |name| self.locked_namesake(namespace, name)),
            asked(needs.node_agent, self.node_agent(namespace)),
        );
        let found = |what: &str| format!("{what} of Velero");
        VeleroFacts {
            locations: locations.and_then(|read| known(read, &found("the storage locations"), namespace)),
            snapshot_locations: snapshot_locations
                .and_then(|read| known(read, &found("the volume snapshot locations"), namespace)),
            backup: backup.and_then(|read| known(read, &found("the backup"), namespace)),
            backups_of_schedule: backups_of_schedule.and_then(|read| known(read, &found("the backups"), namespace)),
            resource_policy: resource_policy.and_then(|read| known(read, "the volume policies", namespace)),
            resource_modifier: resource_modifier.and_then(|read| known(read, "the resource modifiers", namespace)),
            deletions: deletions.and_then(|read| known(read, &found("the requests to delete"), namespace)),
            locked_backup: locked_backup.and_then(|read| known(read, &found("the locked backups"), namespace)),
            locked_namesake: locked_namesake.and_then(|read| known(read, &found("the locked backups"), namespace)),
            node_agent: node_agent.and_then(|read| known(read, &found("the node agent"), namespace)),
        }
    }

    async fn locations(&self, namespace: &str) -> kube::Result<Vec<LocationFact>> {
        let locations: Api<BackupStorageLocation> = Api::namespaced(self.client.clone(), namespace);
        let locations = locations.list(&ListParams::default().limit(MANY)).await?;
        Ok(locations.into_iter().map(location).collect())
    }

    async fn snapshot_locations(&self, namespace: &str) -> kube::Result<Vec<SnapshotLocationFact>> {
        let mut kind = ApiResource::erase::<BackupStorageLocation>(&());
        "VolumeSnapshotLocation".clone_into(&mut kind.kind);
        "volumesnapshotlocations".clone_into(&mut kind.plural);
        let locations: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &kind);
        let locations = locations.list(&ListParams::default().limit(MANY)).await?;
        let provider =
            |data: &Value| data.pointer("/spec/provider").and_then(Value::as_str).unwrap_or_default().to_owned();
        let fact = |it: DynamicObject| SnapshotLocationFact { name: it.name_any(), provider: provider(&it.data) };
        Ok(locations.into_iter().map(fact).collect())
    }

    async fn backup(&self, namespace: &str, name: &str) -> kube::Result<Lookup<BackupFact>> {
        let backups: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), namespace, &ApiResource::erase::<Backup>(&()));
        Ok(backups.get_opt(name).await?.map_or(Lookup::Absent, |backup| Lookup::Found(backup_fact(&backup))))
    }

    async fn backups_of(&self, namespace: &str, schedule: &str) -> kube::Result<Vec<BackupFact>> {
        let backups: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), namespace, &ApiResource::erase::<Backup>(&()));
        let label = format!("{VELERO_SCHEDULE_NAME}={}", velero_label_value(schedule));
        let backups = backups.list(&ListParams::default().labels(&label).limit(MANY)).await?;
        Ok(backups.iter().map(backup_fact).collect())
    }

    async fn open_deletions(&self, namespace: &str, backup: &str) -> kube::Result<Vec<String>> {
        let requests = self.all::<DeleteBackupRequest>(namespace).await?;
        Ok(open_deletions(requests.iter(), backup))
    }

    async fn locked_in(&self, namespace: &str, location: &str) -> kube::Result<Lookup<LockedBackup>> {
        let backups = self.all::<Backup>(namespace).await?;
        Ok(LockedBackup::last(backups.iter(), location))
    }

    async fn locked_namesake(&self, namespace: &str, backup: &str) -> kube::Result<Lookup<LockedBackup>> {
        let backups = self.all::<Backup>(namespace).await?;
        Ok(LockedBackup::namesake(backups.iter(), backup))
    }

    /// All objects of a kind, in chunks; their number is bounded by the time that there is.
    async fn all<K: Resource<DynamicType = ()>>(&self, namespace: &str) -> kube::Result<Vec<Value>> {
        let objects: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), namespace, &ApiResource::erase::<K>(&()));
        let (mut all, mut params) = (Vec::new(), ListParams::default().limit(MANY));
        loop {
            let chunk = objects.list(&params).await?;
            let next = chunk.metadata.continue_.clone().filter(|next| !next.is_empty());
            all.extend(chunk.iter().map(whole));
            match next {
                Some(next) => params = params.continue_token(&next),
                None => return Ok(all),
            }
        }
    }

    async fn config_map(&self, namespace: &str, name: &str) -> kube::Result<Lookup<ConfigMapFact>> {
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
        let fact = |map: ConfigMap| ConfigMapFact::of(map.data.iter().flatten().map(|(_, text)| text.as_str()));
        Ok(maps.get_opt(name).await?.map_or(Lookup::Absent, |map| Lookup::Found(fact(map))))
    }

    async fn node_agent(&self, namespace: &str) -> kube::Result<bool> {
        let agents: Api<DaemonSet> = Api::namespaced(self.client.clone(), namespace);
        for name in NODE_AGENTS {
            let status = agents.get_opt(name).await?.and_then(|agent| agent.status);
            if status.is_some_and(|status| status.number_ready > 0) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

async fn asked<T>(needed: bool, read: impl Future<Output = T>) -> Option<T> {
    if needed { Some(read.await) } else { None }
}

async fn named<'a, T, F: Future<Output = T>>(name: Option<&'a str>, read: impl FnOnce(&'a str) -> F) -> Option<T> {
    match name {
        Some(name) => Some(read(name).await),
        None => None,
    }
}

fn location(location: BackupStorageLocation) -> LocationFact {
    LocationFact {
        name: location.name_any(),
        is_default: location.spec.default,
        read_only: location.spec.access_mode.as_deref() == Some("ReadOnly"),
        available: location.status.and_then(|status| status.phase).as_deref() == Some("Available"),
    }
}

fn backup_fact(backup: &DynamicObject) -> BackupFact {
    BackupFact::read(&whole(backup))
}

/// The object as it is stored.
fn whole(object: &DynamicObject) -> Value {
    let mut value = object.data.clone();
    if let (Value::Object(fields), Ok(metadata)) = (&mut value, serde_json::to_value(object.meta())) {
        fields.insert("metadata".to_owned(), metadata);
    }
    value
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_stored_backup_tells_its_lock() {
        let backup: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "velero.io/v1", "kind": "Backup",
            "metadata": {"name": "a", "annotations": {"kubectl-backup.dev/lock-for": "24h"}},
            "spec": {"storageLocation": "main"},
            "status": {"phase": "Completed", "startTimestamp": "2026-01-01T00:00:00Z"},
        }))
        .expect("a Backup");
        let fact = backup_fact(&backup);
        assert_eq!((fact.phase.as_str(), fact.storage_location.as_str()), ("Completed", "main"));
        assert_eq!(fact.locked_until.map(|end| end.to_string()).as_deref(), Some("2026-01-02T00:00:00Z"));
    }
}

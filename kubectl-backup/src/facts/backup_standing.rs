//! Whether the backups that snapshots were restored from are still there.

use std::collections::{BTreeMap, BTreeSet};

use backup_api::velero::Backup;
use kube::Api;

use super::velero;
use crate::{client::Cluster, plan::snapshot::origin::Standing};

/// A label of this length may be a name that Velero has cut.
const LABEL_MAX: usize = 63;

/// Looks for the backups by the names in their labels. Serves remarks: what cannot be asked is not known, and no error.
pub async fn of(cluster: &Cluster, backups: BTreeSet<&str>) -> BTreeMap<String, Standing> {
    if backups.is_empty() {
        return BTreeMap::new();
    }
    let Ok(namespace) = velero::namespace(cluster).await else { return BTreeMap::new() };
    let api: Api<Backup> = Api::namespaced(cluster.client.clone(), &namespace);
    let asked = backups.into_iter().map(|name| {
        let (api, namespace) = (&api, &namespace);
        async move {
            let standing = match velero::get(api, "backup", name, namespace).await {
                Ok(Some(_)) => Standing::There,
                Ok(None) if name.len() < LABEL_MAX => Standing::Gone,
                Ok(None) | Err(_) => Standing::Unknown,
            };
            (name.to_owned(), standing)
        }
    });
    futures::future::join_all(asked).await.into_iter().collect()
}

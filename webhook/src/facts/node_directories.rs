//! Which PVCs lie in directories of nodes. Followed and not asked for: a pod must not wait for a read of each of its volumes.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    sync::{PoisonError, RwLock},
};

use backup_policy::facts::claim_in_node_directory;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::PersistentVolume;
use kube::{
    Api, Client, ResourceExt as _,
    api::{ApiResource, DynamicObject},
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Event},
    },
};

/// What is known of them; nothing until all volumes have been seen.
#[derive(Debug, Default)]
pub struct NodeDirectories(RwLock<Option<Index>>);

/// Volumes that are directories of nodes, by the namespace of their claims: each with its claim.
#[derive(Debug, Default)]
struct Index(BTreeMap<String, BTreeMap<String, String>>);

impl NodeDirectories {
    /// The claims of a namespace that lie in directories of nodes, when that is known.
    pub fn of(&self, namespace: &str) -> Option<BTreeSet<String>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let volumes = known.as_ref()?.0.get(namespace);
        Some(volumes.into_iter().flatten().map(|(_, claim)| claim.clone()).collect())
    }

    /// Follows all volumes of the cluster; ends never.
    pub async fn follow(&self, client: Client) {
        let volumes: Api<DynamicObject> = Api::all_with(client, &ApiResource::erase::<PersistentVolume>(&()));
        let mut events = pin!(watcher::watcher(volumes, watcher::Config::default()).default_backoff());
        let mut listed = Index::default();
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => self.take(event, &mut listed),
                Err(error) => {
                    tracing::warn!(%error, "cannot follow volumes: what is known of PVCs in directories of nodes may be out of date");
                }
            }
        }
    }

    fn take(&self, event: Event<DynamicObject>, listed: &mut Index) {
        let change = |change: &dyn Fn(&mut Index)| {
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            known.as_mut().map(change);
        };
        match event {
            Event::Init => *listed = Index::default(),
            Event::InitApply(volume) => listed.put(&volume),
            Event::InitDone => {
                *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(std::mem::take(listed));
            }
            Event::Apply(volume) => change(&|index| index.put(&volume)),
            Event::Delete(volume) => change(&|index| index.remove(&volume.name_any())),
        }
    }
}

impl Index {
    fn put(&mut self, volume: &DynamicObject) {
        let name = volume.name_any();
        self.remove(&name);
        if let Some((namespace, claim)) = claim_in_node_directory(&volume.data) {
            self.0.entry(namespace.to_owned()).or_default().insert(name, claim.to_owned());
        }
    }

    fn remove(&mut self, name: &str) {
        self.0.retain(|_, volumes| {
            volumes.remove(name);
            !volumes.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn volume(name: &str, source: &str, claim: &str, phase: &str) -> DynamicObject {
        let mut volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
            "spec": {"claimRef": {"namespace": "shop", "name": claim}}, "status": {"phase": phase}});
        volume["spec"][source] = json!({"path": "/srv"});
        serde_json::from_value(volume).expect("a volume")
    }

    #[test]
    fn a_claim_is_known_as_long_as_its_volume_is_bound() {
        let known = NodeDirectories::default();
        let mut listed = Index::default();
        let mut take = |event| {
            known.take(event, &mut listed);
            known.of("shop").map(|claims| claims.into_iter().collect::<Vec<_>>().join(","))
        };
        assert_eq!(take(Event::Init), None);
        assert_eq!(take(Event::InitApply(volume("a", "hostPath", "data", "Bound"))), None, "others may be to come");
        assert_eq!(take(Event::InitApply(volume("b", "csi", "logs", "Bound"))), None);
        assert_eq!(take(Event::InitDone).as_deref(), Some("data"));
        assert_eq!(take(Event::Apply(volume("c", "local", "fast", "Bound"))).as_deref(), Some("data"));
        assert_eq!(take(Event::Apply(volume("d", "hostPath", "more", "Available"))).as_deref(), Some("data"));
        assert_eq!(take(Event::Apply(volume("d", "hostPath", "more", "Bound"))).as_deref(), Some("data,more"));
        // A volume whose claim is gone keeps its name: another of that name may have another volume.
        assert_eq!(take(Event::Apply(volume("d", "hostPath", "more", "Released"))).as_deref(), Some("data"));
        assert_eq!(take(Event::Delete(volume("a", "hostPath", "data", "Bound"))).as_deref(), Some(""));
        // While volumes are listed anew, what was known before stays.
        take(Event::Apply(volume("a", "hostPath", "data", "Bound")));
        assert_eq!(take(Event::Init).as_deref(), Some("data"));
        assert_eq!(take(Event::InitDone).as_deref(), Some(""));
        assert_eq!(known.of("elsewhere"), Some(BTreeSet::new()));
    }
}

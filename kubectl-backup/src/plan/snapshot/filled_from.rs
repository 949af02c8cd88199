//! The note on a claim that was filled out of another namespace: of what. Kubernetes keeps no trace of it, since the
//! claim names a snapshot of its own namespace that is gone by then.
//!
//! It tells the source's namespace and name to those of the claim's namespace. They learn nothing new: the snapshot
//! through which the claim is filled lies in their namespace and says the same, and an administrator, whom alone the
//! contents are open to, has handed them the data themselves.

use backup_api::labels;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::Resource;

const SNAPSHOT: &str = "VolumeSnapshot";

/// Notes on the planned claim what it will be filled from. A source that is only planned itself is not noted.
pub fn note<K: Resource<DynamicType = ()>>(claim: &mut PersistentVolumeClaim, source: &K) {
    let metadata = source.meta();
    let (Some(namespace), Some(name), Some(uid)) = (&metadata.namespace, &metadata.name, &metadata.uid) else { return };
    let annotations = claim.metadata.annotations.get_or_insert_default();
    annotations.insert(labels::FILLED_FROM.to_owned(), format!("{}/{namespace}/{name}/{uid}", K::kind(&())));
}

/// The snapshot that a claim was filled from, by its own account: anybody who may write the claim may write that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotedSnapshot<'a> {
    /// The snapshot's namespace.
    pub namespace: &'a str,
    /// The snapshot's UID: a later one of the same name has another.
    pub uid: &'a str,
}

/// Returns the snapshot of another namespace that the claim notes.
pub fn noted_snapshot(claim: &PersistentVolumeClaim) -> Option<NotedSnapshot<'_>> {
    let mut parts = claim.metadata.annotations.as_ref()?.get(labels::FILLED_FROM)?.split('/');
    let (kind, namespace, _, uid) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    (kind == SNAPSHOT && !uid.is_empty() && parts.next().is_none()).then_some(NotedSnapshot { namespace, uid })
}

#[cfg(test)]
mod tests {
    use backup_api::snapshot::VolumeSnapshot;
    use serde_json::json;

    use super::*;

    fn snapshot(uid: Option<&str>) -> VolumeSnapshot {
        serde_json::from_value(json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "spec": {},
            "metadata": {"name": "s1", "namespace": "shop", "uid": uid}}))
        .unwrap()
    }

    fn noted(claim: &PersistentVolumeClaim) -> &str {
        claim.metadata.annotations.as_ref().map_or("", |all| &all[labels::FILLED_FROM])
    }

    #[test]
    fn what_is_noted_is_read_again() {
        let mut claim = PersistentVolumeClaim::default();
        note(&mut claim, &snapshot(Some("u-1")));
        insta::assert_snapshot!(noted(&claim), @"VolumeSnapshot/shop/s1/u-1");
        assert_eq!(noted_snapshot(&claim), Some(NotedSnapshot { namespace: "shop", uid: "u-1" }));
        let mut of_planned = PersistentVolumeClaim::default();
        note(&mut of_planned, &snapshot(None));
        assert_eq!(of_planned.metadata.annotations, None);
    }

    #[test]
    fn a_clone_was_filled_from_no_snapshot_that_is_there() {
        let source = json!({"metadata": {"name": "data", "namespace": "shop", "uid": "u-2"}});
        let source: PersistentVolumeClaim = serde_json::from_value(source).unwrap();
        let mut claim = PersistentVolumeClaim::default();
        note(&mut claim, &source);
        insta::assert_snapshot!(noted(&claim), @"PersistentVolumeClaim/shop/data/u-2");
        assert_eq!(noted_snapshot(&claim), None);
    }

    #[test]
    fn what_somebody_else_wrote_there_is_passed_over() {
        for text in ["", "x", "VolumeSnapshot/shop/s1", "VolumeSnapshot/shop/s1/", "VolumeSnapshot/shop/s1/u/v"] {
            let claim = json!({"metadata": {"annotations": {labels::FILLED_FROM: text}}});
            assert_eq!(noted_snapshot(&serde_json::from_value(claim).unwrap()), None, "{text}");
        }
    }
}

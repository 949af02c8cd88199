//! A snapshot of one namespace as another namespace sees it: a second content for the storage's same snapshot, and a
//! VolumeSnapshot that is bound to it. Both are needed only until the claim is filled.

use std::collections::BTreeMap;

use backup_api::{
    labels,
    snapshot::{
        VolumeSnapshot, VolumeSnapshotContent, VolumeSnapshotContentSource, VolumeSnapshotContentSpec,
        VolumeSnapshotSource, VolumeSnapshotSpec,
    },
};
use k8s_openapi::api::core::v1::{ObjectReference, PersistentVolumeClaim};

use super::content::Content;
use crate::error::{CliError, Result};

/// Longest name of an object.
const NAME_MAX: usize = 253;

/// The second content and its snapshot.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Keeps the storage's snapshot when it goes: that one belongs to the first content.
    pub content: VolumeSnapshotContent,
    /// What a claim of its namespace can name.
    pub snapshot: VolumeSnapshot,
}

/// Returns the pair through which `claim`, of another namespace, is filled, and the claim that names it.
///
/// # Errors
/// When the storage's name of the snapshot is not known.
pub fn through(
    source: &VolumeSnapshot,
    content: &Content,
    name: &str,
    mut claim: PersistentVolumeClaim,
    namespace: &str,
) -> Result<(Pair, PersistentVolumeClaim)> {
    let source_name = source.metadata.name.as_deref().unwrap_or_default();
    let source_namespace = source.metadata.namespace.as_deref().unwrap_or_default();
    let content = match content {
        Content::Found(content) => content,
        Content::Hidden(hidden) => {
            return Err(CliError::new(format!(
                "what VolumeSnapshot {source_name:?} is called on the storage is not known: its content {hidden:?} may not be read"
            ))
            .hint("Another namespace is reached through a second content: that needs rights on volumesnapshotcontents, which are about the whole cluster."));
        }
        Content::Gone(_) | Content::Unbound => {
            return Err(CliError::new(format!("VolumeSnapshot {source_name:?} has no content to restore from")));
        }
    };
    // Anybody can name another's content in a snapshot of their own; our rights on contents must not lend it to them.
    let reference = &content.spec.volume_snapshot_ref;
    let is_its_own = [&reference.namespace, &reference.name].map(|part| part.as_deref().unwrap_or_default())
        == [source_namespace, source_name]
        && (reference.uid.is_none() || reference.uid == source.metadata.uid);
    if !is_its_own {
        return Err(CliError::new(format!(
            "the content that VolumeSnapshot {source_name:?} in namespace {source_namespace:?} names is that of another snapshot"
        ))
        .hint(format!("Look with: kubectl backup snapshot describe {source_name} -n {source_namespace}")));
    }
    let reported = content.status.as_ref().and_then(|status| status.snapshot_handle.as_ref());
    let Some(handle) = reported.or(content.spec.source.snapshot_handle.as_ref()) else {
        return Err(CliError::new(format!(
            "the content of VolumeSnapshot {source_name:?} does not tell what it is called on the storage"
        ))
        .hint(format!("Look with: kubectl backup snapshot describe {source_name} -n {source_namespace}")));
    };
    let target = claim.metadata.name.clone().unwrap_or_default();
    let marks = |object: &mut k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta| {
        object.labels = Some(BTreeMap::from([(labels::TEMPORARY.to_owned(), "true".to_owned())]));
        object.annotations = Some(BTreeMap::from([
            (labels::FILLS.to_owned(), format!("{namespace}/{target}")),
            (labels::STANDS_FOR.to_owned(), format!("{source_namespace}/{source_name}")),
        ]));
    };
    let mut second = VolumeSnapshotContent::new(
        &content_name(namespace, name),
        VolumeSnapshotContentSpec {
            deletion_policy: "Retain".to_owned(),
            driver: content.spec.driver.clone(),
            source: VolumeSnapshotContentSource { snapshot_handle: Some(handle.clone()), volume_handle: None },
            volume_snapshot_ref: ObjectReference {
                api_version: Some("snapshot.storage.k8s.io/v1".to_owned()),
                kind: Some("VolumeSnapshot".to_owned()),
                namespace: Some(namespace.to_owned()),
                name: Some(name.to_owned()),
                ..ObjectReference::default()
            },
            // The class holds the secrets with which the driver is asked.
            volume_snapshot_class_name: content.spec.volume_snapshot_class_name.clone(),
            source_volume_mode: content.spec.source_volume_mode.clone(),
        },
    );
    marks(&mut second.metadata);
    let mut snapshot = VolumeSnapshot::new(
        name,
        VolumeSnapshotSpec {
            source: VolumeSnapshotSource {
                persistent_volume_claim_name: None,
                volume_snapshot_content_name: second.metadata.name.clone(),
            },
            volume_snapshot_class_name: content.spec.volume_snapshot_class_name.clone(),
        },
    );
    marks(&mut snapshot.metadata);
    snapshot.metadata.namespace = Some(namespace.to_owned());
    claim.metadata.namespace = Some(namespace.to_owned());
    if let Some(source) = claim.spec.as_mut().and_then(|spec| spec.data_source.as_mut()) {
        name.clone_into(&mut source.name);
    }
    Ok((Pair { content: second, snapshot }, claim))
}

/// Contents have no namespace: it goes into their name. A name that gets too long keeps its end, which holds the time.
fn content_name(namespace: &str, name: &str) -> String {
    let full = format!("kubectl-backup-{namespace}-{name}");
    let surplus = full.len().saturating_sub(NAME_MAX);
    if surplus == 0 {
        return full;
    }
    let kept: String = name.chars().skip(surplus).collect();
    format!("kubectl-backup-{namespace}-{}", kept.trim_start_matches(['-', '.']))
}

/// Returns whether an object is one of a pair, or a snapshot that a clone needs only for a while.
pub fn is_temporary(metadata: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta) -> bool {
    metadata.labels.as_ref().and_then(|all| all.get(labels::TEMPORARY)).is_some_and(|value| value == "true")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn source() -> VolumeSnapshot {
        serde_json::from_value(json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
            "metadata": {"name": "s1", "namespace": "shop", "uid": "u"}, "spec": {"source": {"persistentVolumeClaimName": "web"}}}))
        .unwrap()
    }

    fn content(status: &serde_json::Value) -> Content {
        Content::Found(Box::new(
            serde_json::from_value(json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotContent",
                "metadata": {"name": "c1"}, "spec": {"driver": "csi.test", "deletionPolicy": "Delete",
                "source": {"volumeHandle": "v"}, "volumeSnapshotClassName": "fast", "sourceVolumeMode": "Block",
                "volumeSnapshotRef": {"name": "s1", "namespace": "shop", "uid": "u"}}, "status": status}))
            .unwrap(),
        ))
    }

    fn claim() -> PersistentVolumeClaim {
        serde_json::from_value(json!({"metadata": {"name": "new", "namespace": "shop"},
            "spec": {"dataSource": {"kind": "VolumeSnapshot", "name": "s1"}}}))
        .unwrap()
    }

    #[test]
    fn the_second_content_never_takes_the_storages_snapshot_with_it() {
        let found = content(&json!({"snapshotHandle": "h", "readyToUse": true}));
        let (pair, claim) = through(&source(), &found, "new-restore", claim(), "test").unwrap();
        let text = |value: serde_json::Value| value.to_string();
        insta::assert_snapshot!(text(json!(pair.content)), @r#"{"apiVersion":"snapshot.storage.k8s.io/v1","kind":"VolumeSnapshotContent","metadata":{"annotations":{"kubectl-backup.dev/fills":"test/new","kubectl-backup.dev/stands-for":"shop/s1"},"labels":{"kubectl-backup.dev/temporary":"true"},"name":"kubectl-backup-test-new-restore"},"spec":{"deletionPolicy":"Retain","driver":"csi.test","source":{"snapshotHandle":"h"},"sourceVolumeMode":"Block","volumeSnapshotClassName":"fast","volumeSnapshotRef":{"apiVersion":"snapshot.storage.k8s.io/v1","kind":"VolumeSnapshot","name":"new-restore","namespace":"test"}}}"#);
        insta::assert_snapshot!(text(json!(pair.snapshot)), @r#"{"apiVersion":"snapshot.storage.k8s.io/v1","kind":"VolumeSnapshot","metadata":{"annotations":{"kubectl-backup.dev/fills":"test/new","kubectl-backup.dev/stands-for":"shop/s1"},"labels":{"kubectl-backup.dev/temporary":"true"},"name":"new-restore","namespace":"test"},"spec":{"source":{"volumeSnapshotContentName":"kubectl-backup-test-new-restore"},"volumeSnapshotClassName":"fast"}}"#);
        insta::assert_snapshot!(text(json!(claim)), @r#"{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"new","namespace":"test"},"spec":{"dataSource":{"kind":"VolumeSnapshot","name":"new-restore"}}}"#);
        assert!(is_temporary(&pair.content.metadata) && is_temporary(&pair.snapshot.metadata));
        assert!(!is_temporary(&source().metadata));
    }

    #[test]
    fn a_snapshot_without_a_name_on_the_storage_is_refused() {
        let said = |content: &Content| {
            let error = through(&source(), content, "x", claim(), "test").unwrap_err();
            format!("{} | {}", error.message, error.hints.join(" | "))
        };
        insta::assert_snapshot!(said(&content(&json!({}))), @r#"the content of VolumeSnapshot "s1" does not tell what it is called on the storage | Look with: kubectl backup snapshot describe s1 -n shop"#);
        insta::assert_snapshot!(said(&Content::Hidden("c1".into())), @r#"what VolumeSnapshot "s1" is called on the storage is not known: its content "c1" may not be read | Another namespace is reached through a second content: that needs rights on volumesnapshotcontents, which are about the whole cluster."#);
        insta::assert_snapshot!(said(&Content::Unbound), @r#"VolumeSnapshot "s1" has no content to restore from |"#);
    }

    #[test]
    fn the_content_of_another_snapshot_is_not_lent() {
        let found = content(&json!({"snapshotHandle": "h"}));
        let mut other = source();
        other.metadata.namespace = Some("tenant".to_owned());
        let error = through(&other, &found, "x", claim(), "tenant-2").unwrap_err();
        insta::assert_snapshot!(error.message, @r#"the content that VolumeSnapshot "s1" in namespace "tenant" names is that of another snapshot"#);
        let mut later = source();
        later.metadata.uid = Some("u2".to_owned());
        assert!(through(&later, &found, "x", claim(), "test").is_err(), "one of the same name that is gone");
    }

    #[test]
    fn a_content_of_long_names_is_still_a_valid_name() {
        let long = content_name(&"n".repeat(63), &format!("{}-20261121070807", "x".repeat(220)));
        assert_eq!(long.len(), NAME_MAX);
        assert!(long.ends_with("-20261121070807"));
        assert_eq!(content_name("a", "b"), "kubectl-backup-a-b");
    }
}

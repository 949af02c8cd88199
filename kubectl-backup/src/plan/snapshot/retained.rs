//! What becomes of the storage's copy of a snapshot that is taken back.

use backup_api::snapshot::{VolumeSnapshot, VolumeSnapshotClass, VolumeSnapshotContent};

const DELETE: &str = "Delete";

/// What is known of an object.
#[derive(Clone, Debug)]
pub enum Known<K> {
    /// It may not be read.
    Hidden,
    /// It was read; `None` when there is none.
    Read(Option<Box<K>>),
}

impl<K> Known<K> {
    /// The object, if it was read.
    pub fn read(&self) -> Option<&K> {
        match self {
            Self::Read(found) => found.as_deref(),
            Self::Hidden => None,
        }
    }
}

/// What becomes of the storage's copy when the snapshot is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Copy {
    /// It goes too, or there is none.
    Goes,
    /// It would stay; the content's policy can be changed.
    Retained,
    /// It stays, or may, and nothing can be done about it here.
    Stays(String),
}

/// The content of a snapshot that was taken of a PVC. Before it is bound, its name follows from the controller's rule.
pub fn content_name(snapshot: &VolumeSnapshot) -> String {
    let bound = snapshot.status.as_ref().and_then(|status| status.bound_volume_snapshot_content_name.clone());
    bound.unwrap_or_else(|| format!("snapcontent-{}", snapshot.metadata.uid.as_deref().unwrap_or_default()))
}

/// Returns whether the content may still appear, and keep the storage's copy then.
pub fn is_worth_waiting(class: &Known<VolumeSnapshotClass>, content: &Known<VolumeSnapshotContent>) -> bool {
    matches!(content, Known::Read(None)) && class.read().is_some_and(|class| class.deletion_policy != DELETE)
}

/// Judges by the content, else by the class that it gets its policy from. `uid` is the snapshot's.
pub fn judge(class: &Known<VolumeSnapshotClass>, content: &Known<VolumeSnapshotContent>, uid: &str) -> Copy {
    match (content, class) {
        (Known::Read(Some(content)), _) if content.spec.deletion_policy == DELETE => Copy::Goes,
        // Anybody can name another's content in a snapshot of their own.
        (Known::Read(Some(content)), _) if content.spec.volume_snapshot_ref.uid.as_deref() != Some(uid) => Copy::Goes,
        (Known::Read(Some(_)), _) => Copy::Retained,
        (_, Known::Read(Some(class))) if class.deletion_policy == DELETE => Copy::Goes,
        (Known::Read(None), Known::Read(Some(_))) => Copy::Stays("its content was not there yet".to_owned()),
        (Known::Read(None), _) => Copy::Goes,
        (Known::Hidden, Known::Read(Some(_))) => {
            Copy::Stays("its class retains, and you may not read its content".to_owned())
        }
        (Known::Hidden, _) => Copy::Goes,
    }
}

/// What is told of a copy that stays.
pub fn told(snapshot: &str, name: &str, content: Option<&VolumeSnapshotContent>, why: &str) -> String {
    let handle = content.and_then(|content| content.status.as_ref()?.snapshot_handle.as_deref());
    let handle = handle.map(|handle| format!(" {handle:?}")).unwrap_or_default();
    format!(
        "The storage's copy{handle} of snapshot {snapshot} may stay ({why}). To let it go: kubectl patch volumesnapshotcontent {name} \
         --type=merge -p '{{\"spec\":{{\"deletionPolicy\":\"Delete\"}}}}', then kubectl delete volumesnapshotcontent {name}"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn class(policy: &str) -> Known<VolumeSnapshotClass> {
        let class = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotClass", "metadata": {"name": "c"},
            "driver": "d", "deletionPolicy": policy});
        Known::Read(Some(serde_json::from_value(class).unwrap()))
    }

    fn content(policy: &str, of: &str) -> Known<VolumeSnapshotContent> {
        let content = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotContent",
            "metadata": {"name": "snapcontent-u"}, "spec": {"driver": "d", "deletionPolicy": policy,
            "source": {"volumeHandle": "v"}, "volumeSnapshotRef": {"name": "s", "namespace": "shop", "uid": of}},
            "status": {"snapshotHandle": "h-1"}});
        Known::Read(Some(serde_json::from_value(content).unwrap()))
    }

    #[test]
    fn a_content_of_its_own_that_retains_is_changed() {
        assert_eq!(judge(&class("Retain"), &content("Retain", "u"), "u"), Copy::Retained);
        assert_eq!(judge(&class("Delete"), &content("Retain", "u"), "u"), Copy::Retained, "somebody changed it");
        assert_eq!(judge(&class("Retain"), &content("Retain", "another"), "u"), Copy::Goes, "it is another's");
        assert_eq!(judge(&class("Retain"), &content("Delete", "u"), "u"), Copy::Goes);
    }

    #[test]
    fn what_may_stay_is_told_only_where_the_class_retains() {
        for (seen, expected) in [
            (Known::Read(None), "its content was not there yet"),
            (Known::Hidden, "its class retains, and you may not read its content"),
        ] {
            assert_eq!(judge(&class("Retain"), &seen, "u"), Copy::Stays(expected.to_owned()));
            assert_eq!(judge(&class("Delete"), &seen, "u"), Copy::Goes);
            assert_eq!(judge(&Known::Hidden, &seen, "u"), Copy::Goes);
        }
        assert!(is_worth_waiting(&class("Retain"), &Known::Read(None)));
        assert!(!is_worth_waiting(&class("Delete"), &Known::Read(None)));
        assert!(!is_worth_waiting(&class("Retain"), &Known::Hidden));
        insta::assert_snapshot!(told("s", "snapcontent-u", content("Retain", "u").read(), "why"), @r#"The storage's copy "h-1" of snapshot s may stay (why). To let it go: kubectl patch volumesnapshotcontent snapcontent-u --type=merge -p '{"spec":{"deletionPolicy":"Delete"}}', then kubectl delete volumesnapshotcontent snapcontent-u"#);
    }
}

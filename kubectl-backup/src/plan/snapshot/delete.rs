//! Whether snapshots may be deleted, and what becomes of their storage.

use backup_api::{
    labels,
    snapshot::{VolumeSnapshot, VolumeSnapshotContent},
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;

use crate::{
    error::CliError,
    plan::{claim, snapshot::content::Content},
};

/// Names in a question, at most: each has a line of its own above it.
const NAMED: usize = 5;

/// Leaves out the snapshots that Velero made, with the words that say so: it may be about to read them, or to move their
/// data. `way` says how they are meant all the same.
pub fn spare_veleros(snapshots: Vec<VolumeSnapshot>, way: &str) -> (Vec<VolumeSnapshot>, Option<String>) {
    let backup =
        |snapshot: &VolumeSnapshot| snapshot.metadata.labels.as_ref()?.get(labels::VELERO_BACKUP_NAME).cloned();
    let (spared, chosen): (Vec<_>, Vec<_>) = snapshots.into_iter().partition(|snapshot| backup(snapshot).is_some());
    let named: Vec<String> = spared
        .iter()
        .map(|snapshot| {
            let name = snapshot.metadata.name.as_deref().unwrap_or_default();
            format!("{name} (backup {:?})", backup(snapshot).unwrap_or_default())
        })
        .collect();
    let words = (!named.is_empty())
        .then(|| format!("left out, since Velero made them and may still need them: {}; {way}", named.join(", ")));
    (chosen, words)
}

/// Returns the claims that a snapshot fills or filled.
pub fn restored_from<'a>(snapshot: &str, claims: &'a [PersistentVolumeClaim]) -> Vec<&'a PersistentVolumeClaim> {
    claims.iter().filter(|claim| source(claim) == Some(snapshot)).collect()
}

/// Returns the snapshot of the claim's own namespace that a claim is made of.
pub fn source(claim: &PersistentVolumeClaim) -> Option<&str> {
    let spec = claim.spec.as_ref()?;
    let old = spec.data_source.as_ref().map(|source| (source.kind.as_str(), source.name.as_str(), None));
    let new = spec
        .data_source_ref
        .as_ref()
        .map(|source| (source.kind.as_str(), source.name.as_str(), source.namespace.as_deref()));
    let own = claim.metadata.namespace.as_deref();
    let (_, name, _) = [old, new].into_iter().flatten().find(|(kind, _, namespace)| {
        *kind == "VolumeSnapshot" && namespace.is_none_or(|namespace| Some(namespace) == own)
    })?;
    Some(name)
}

/// Returns why the snapshot may not go, if a claim still waits to be filled from it.
pub fn awaited(snapshot: &VolumeSnapshot, claims: &[PersistentVolumeClaim]) -> Option<CliError> {
    let name = snapshot.metadata.name.as_deref().unwrap_or_default();
    let mut waiting = Vec::new();
    let mut look = String::new();
    for claim in restored_from(name, claims).into_iter().filter(|claim| claim::phase(claim) == "Pending") {
        let target = claim.metadata.name.as_deref().unwrap_or_default();
        waiting.push(format!("PVC {target:?} is still to be filled from VolumeSnapshot {name:?}"));
        look = format!("kubectl describe pvc {target} -n {}", claim.metadata.namespace.as_deref().unwrap_or_default());
    }
    (!waiting.is_empty()).then(|| {
        CliError::new(waiting.join("; "))
            .hint(format!("Wait until it is bound, or delete the PVC first. Look with: {look}"))
    })
}

/// Returns what the deletion does to the storage's own snapshot.
pub fn fate(content: &Content) -> &'static str {
    let content = match content {
        Content::Found(content) => content,
        Content::Hidden(_) => return "what becomes of the storage's copy is not known: the content may not be read",
        Content::Gone(_) => return "what became of the storage's copy is not known: the content is gone",
        Content::Unbound => return "the storage has no copy of it",
    };
    let reported = content.status.as_ref().and_then(|status| status.snapshot_handle.as_ref());
    match content.spec.deletion_policy.as_str() {
        _ if reported.or(content.spec.source.snapshot_handle.as_ref()).is_none() => "the storage has no copy of it",
        "Retain" => "the storage keeps its copy (deletion policy Retain)",
        _ => "the storage's copy is deleted too",
    }
}

/// Returns what is told of the snapshots whose copy on the storage stays, or may stay, a line for each reason.
pub fn retained(snapshots: &[VolumeSnapshot], contents: &[Content]) -> Vec<String> {
    let named = |wanted: fn(&Content) -> bool| -> Vec<&str> {
        let all = snapshots.iter().zip(contents).filter(|(_, content)| wanted(content));
        all.filter_map(|(snapshot, _)| snapshot.metadata.name.as_deref()).collect()
    };
    let kept = named(|content| matches!(content, Content::Found(it) if it.spec.deletion_policy == "Retain"));
    let hidden = named(|content| matches!(content, Content::Hidden(_)));
    let mut lines = Vec::new();
    if !kept.is_empty() {
        lines.push(format!("the storage keeps its copy (deletion policy Retain) of: {}", kept.join(", ")));
    }
    if !hidden.is_empty() {
        lines.push(format!(
            "whether the storage keeps its copy is not known, since contents may not be read, of: {}",
            hidden.join(", ")
        ));
    }
    lines
}

/// Returns why the driver does not delete the storage's copy. An error from before the deletion is about something else.
pub fn refusal(content: &VolumeSnapshotContent) -> Option<String> {
    let deleted = content.metadata.deletion_timestamp.as_ref()?.0;
    let error = content.status.as_ref()?.error.as_ref()?;
    let message = error.message.as_ref()?;
    let time: Option<Timestamp> = error.time.as_deref().and_then(|time| time.parse().ok());
    // Both times are whole seconds, so that an error of the same second may be an old one.
    let is_new = message.starts_with("Failed to delete") || time.is_some_and(|time| time > deleted);
    is_new.then(|| message.clone())
}

/// Returns the question to confirm.
pub fn question(names: &[&str], namespace: &str, context: &str) -> String {
    let (count, plural) = (names.len(), if names.len() == 1 { "" } else { "s" });
    let named = names[..count.min(NAMED)].join(", ");
    let more = if count > NAMED { format!(" and {} more", count - NAMED) } else { String::new() };
    format!("Delete {count} VolumeSnapshot{plural} ({named}{more}) in namespace {namespace:?} of context {context:?}?")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn snapshot(name: &str) -> VolumeSnapshot {
        VolumeSnapshot::new(name, Default::default())
    }

    fn claim(name: &str, phase: &str, source: serde_json::Value) -> PersistentVolumeClaim {
        let mut spec = json!({});
        spec["dataSourceRef"] = source;
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "shop"}, "spec": spec, "status": {"phase": phase},
        }))
        .unwrap()
    }

    fn vs(name: &str) -> serde_json::Value {
        json!({"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": name})
    }

    #[test]
    fn a_claim_that_waits_for_its_data_keeps_the_snapshot() {
        let claims = [claim("a", "Bound", vs("s1")), claim("b", "Pending", vs("s1")), claim("c", "Pending", vs("s9"))];
        let error = awaited(&snapshot("s1"), &claims).unwrap();
        insta::assert_snapshot!(format!("{} | {}", error.message, error.hints.join(" | ")), @r#"PVC "b" is still to be filled from VolumeSnapshot "s1" | Wait until it is bound, or delete the PVC first. Look with: kubectl describe pvc b -n shop"#);
        assert!(awaited(&snapshot("s2"), &claims).is_none());
    }

    #[test]
    fn veleros_snapshots_are_left_out_and_named() {
        let mut veleros = snapshot("velero-data-x1");
        veleros.metadata.labels = Some([(labels::VELERO_BACKUP_NAME.to_owned(), "nightly".to_owned())].into());
        let (chosen, words) = spare_veleros(vec![veleros, snapshot("mine")], "to delete one, name it");
        assert_eq!(chosen.iter().map(|snapshot| snapshot.metadata.name.as_deref()).collect::<Vec<_>>(), [Some("mine")]);
        insta::assert_snapshot!(words.unwrap(), @r#"left out, since Velero made them and may still need them: velero-data-x1 (backup "nightly"); to delete one, name it"#);
        assert_eq!(spare_veleros(vec![snapshot("mine")], "").1, None);
    }

    #[test]
    fn claims_made_of_something_else_do_not_count() {
        let mut elsewhere = vs("s1");
        elsewhere["namespace"] = json!("other");
        let claims = [
            claim("a", "Bound", vs("s1")),
            claim("b", "Bound", json!({"kind": "PersistentVolumeClaim", "name": "s1"})),
            claim("c", "Bound", elsewhere),
        ];
        let names: Vec<_> = restored_from("s1", &claims).iter().map(|claim| claim.metadata.name.as_deref()).collect();
        assert_eq!(names, [Some("a")]);
    }

    #[test]
    fn only_an_error_since_the_deletion_is_a_refusal_to_delete() {
        let refused = |deleted: Option<&str>, time: &str, message: &str| {
            let mut metadata = json!({"name": "c1"});
            if let Some(deleted) = deleted {
                metadata["deletionTimestamp"] = json!(deleted);
            }
            let content: VolumeSnapshotContent = serde_json::from_value(json!({
                "apiVersion": "v1", "kind": "VolumeSnapshotContent", "metadata": metadata, "spec": {},
                "status": {"error": {"message": message, "time": time}},
            }))
            .unwrap();
            refusal(&content)
        };
        let (before, then, after) = ("2026-11-21T08:00:00Z", "2026-11-21T09:00:00Z", "2026-11-21T09:00:01Z");
        assert_eq!(refused(Some(then), after, "busy"), Some("busy".into()));
        assert_eq!(refused(Some(then), then, "Failed to delete snapshot"), Some("Failed to delete snapshot".into()));
        assert_eq!(refused(Some(then), before, "Failed to create snapshot: pool full"), None);
        assert_eq!(refused(None, after, "busy"), None);
    }

    #[test]
    fn the_storages_copy_goes_as_the_content_says() {
        let content = |policy: &str, handle: &str| -> VolumeSnapshotContent {
            let status = if handle.is_empty() { json!({}) } else { json!({"snapshotHandle": handle}) };
            let object = json!({"apiVersion": "v1", "kind": "VolumeSnapshotContent", "metadata": {},
                "spec": {"deletionPolicy": policy}, "status": status});
            serde_json::from_value(object).unwrap()
        };
        assert_eq!(fate(&Content::Found(Box::new(content("Delete", "h")))), "the storage's copy is deleted too");
        assert_eq!(
            fate(&Content::Found(Box::new(content("Retain", "h")))),
            "the storage keeps its copy (deletion policy Retain)"
        );
        assert_eq!(fate(&Content::Found(Box::new(content("Delete", "")))), "the storage has no copy of it");
        assert_eq!(fate(&Content::Unbound), "the storage has no copy of it");
        assert!(fate(&Content::Hidden("c1".into())).contains("may not be read"));
        assert!(fate(&Content::Gone("c1".into())).contains("is gone"));
    }

    #[test]
    fn the_question_names_what_goes_and_where() {
        insta::assert_snapshot!(question(&["s1"], "shop", "prod"), @r#"Delete 1 VolumeSnapshot (s1) in namespace "shop" of context "prod"?"#);
        insta::assert_snapshot!(question(&["a", "b", "c", "d", "e", "f", "g"], "shop", "prod"), @r#"Delete 7 VolumeSnapshots (a, b, c, d, e and 2 more) in namespace "shop" of context "prod"?"#);
    }
}

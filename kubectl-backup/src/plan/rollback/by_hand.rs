//! The way back when the notes of a rollback are gone: commands for a person, in order.

use super::{Journal, Observed, restored, words::running};

/// The commands, a line each. `seen` is the cluster as it is when they are given.
pub fn by_hand(journal: &Journal, seen: &Observed, namespace: &str) -> Vec<String> {
    let volume = &journal.kept.volume;
    let mut lines = vec![format!("Volume {volume} has the data from before; see it with: kubectl get pv {volume}")];
    let remade = remake(journal, seen, namespace);
    let start = if remade.is_empty() { "Start again" } else { "Only then start again" };
    lines.extend(remade);
    lines.extend(running(journal).map(|workload| {
        format!("{start} what was stopped: kubectl scale {workload} --replicas={} -n {namespace}", workload.replicas)
    }));
    lines
}

/// Makes the PVC again on its volume, where there is none or one without data: a StatefulSet that starts first makes an
/// empty one, which gets another volume.
fn remake(journal: &Journal, seen: &Observed, namespace: &str) -> Vec<String> {
    let (claim, volume) = (journal.claim(), &journal.kept.volume);
    let mut lines = vec![format!("PVC {claim} is to be made on it first, before anything uses it; in this order:")];
    match &seen.claim {
        Some(seen) if seen.deleting => {
            lines.push(format!("Wait until the PVC is gone: kubectl wait pvc/{claim} --for=delete -n {namespace}"));
        }
        Some(seen) if seen.bound || seen.volume.as_ref() == Some(volume) => return Vec::new(),
        Some(_) => {
            lines.push(format!("Delete the PVC, which has no data: kubectl delete pvc {claim} -n {namespace}"));
        }
        None => {}
    }
    let patch = r#"{"spec":{"claimRef":{"uid":null,"resourceVersion":null}}}"#;
    lines.push(format!("Let the volume be claimed again: kubectl patch pv {volume} --type=merge -p '{patch}'"));
    lines.push(format!("Make the PVC: printf %s {} | kubectl create -n {namespace} -f -", quoted(&manifest(journal))));
    lines
}

/// The PVC to be made. Without its owners: whether they still exist is not known, and it would be deleted if they do not.
fn manifest(journal: &Journal) -> String {
    let mut claim = restored(&journal.original);
    claim.metadata.owner_references = None;
    serde_json::to_string(&claim).unwrap_or_default()
}

/// One word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::rollback::ClaimSeen;

    fn journal() -> Journal {
        let claim = json!({"metadata": {"name": "data", "namespace": "shop", "annotations": {"note": "it's mine"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "o"}]},
            "spec": {"volumeName": "pv-old", "storageClassName": "block"}});
        let kept = json!({"volume": "pv-old", "claimUid": "u", "reclaimPolicy": "Delete"});
        let workloads = json!([{"kind": "StatefulSet", "name": "db", "replicas": 2}, {"kind": "Deployment", "name": "web", "replicas": 0}]);
        serde_json::from_value(json!({"direction": "Forward", "done": false, "original": claim, "replacement": claim,
            "bindsLate": false, "kept": kept, "workloads": workloads, "safety": null}))
        .unwrap()
    }

    fn said(claim: Option<ClaimSeen>) -> String {
        by_hand(&journal(), &Observed { claim, ..Observed::default() }, "shop").join("\n")
    }

    fn claim() -> ClaimSeen {
        ClaimSeen {
            uid: "n".into(),
            version: "1".into(),
            deleting: false,
            bound: true,
            volume: Some("pv-new".into()),
            ours: true,
            of_other: None,
            other_is_over: false,
        }
    }

    #[test]
    fn a_pvc_that_is_gone_is_made_before_anything_starts() {
        insta::assert_snapshot!(said(None), @r#"
        Volume pv-old has the data from before; see it with: kubectl get pv pv-old
        PVC data is to be made on it first, before anything uses it; in this order:
        Let the volume be claimed again: kubectl patch pv pv-old --type=merge -p '{"spec":{"claimRef":{"uid":null,"resourceVersion":null}}}'
        Make the PVC: printf %s '{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"annotations":{"note":"it'\''s mine"},"name":"data","namespace":"shop"},"spec":{"storageClassName":"block","volumeName":"pv-old"}}' | kubectl create -n shop -f -
        Only then start again what was stopped: kubectl scale statefulset/db --replicas=2 -n shop
        "#);
    }

    #[test]
    fn one_that_goes_or_has_no_data_is_got_out_of_the_way() {
        let lines = |claim: ClaimSeen| said(Some(claim)).lines().skip(2).take(2).map(str::to_owned).collect::<Vec<_>>();
        let free = r#"Let the volume be claimed again: kubectl patch pv pv-old --type=merge -p '{"spec":{"claimRef":{"uid":null,"resourceVersion":null}}}'"#;
        let gone = "Wait until the PVC is gone: kubectl wait pvc/data --for=delete -n shop";
        assert_eq!(lines(ClaimSeen { deleting: true, ..claim() }), [gone, free]);
        let delete = "Delete the PVC, which has no data: kubectl delete pvc data -n shop";
        assert_eq!(lines(ClaimSeen { bound: false, volume: None, ..claim() }), [delete, free]);
    }

    #[test]
    fn one_with_data_stays() {
        insta::assert_snapshot!(said(Some(claim())), @"
        Volume pv-old has the data from before; see it with: kubectl get pv pv-old
        Start again what was stopped: kubectl scale statefulset/db --replicas=2 -n shop
        ");
        let on_old = ClaimSeen { bound: false, volume: Some("pv-old".into()), ..claim() };
        assert_eq!(said(Some(on_old)), said(Some(claim())), "it is about to be bound");
    }
}

//! Which of the snapshots that are to be deleted may go now.

use backup_api::snapshot::VolumeSnapshot;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;

use super::{
    delete,
    lent::{Borrower, lent_to},
    member,
};
use crate::{
    error::{CliError, Result},
    plan::rollback,
};

/// How the snapshots were chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// By their names: all or none.
    Named,
    /// By what they have in common: one of which nothing can be said is left out.
    Selected,
    /// By rules, which will find it again another time: what cannot go stays.
    ByRules,
}

/// Why a snapshot may not be deleted now.
#[derive(Debug)]
pub enum Obstacle {
    /// Something needs it.
    InUse(CliError),
    /// Whether something needs it is not known: what is written down with it cannot be read.
    Unreadable(CliError),
    /// It goes with others only.
    Member(CliError),
}

/// What is known of the cluster.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The claims of the namespace, if they may be listed.
    pub claims: Option<&'a [PersistentVolumeClaim]>,
    /// Who borrows one of the snapshots.
    pub borrowers: &'a [Borrower],
    /// The time.
    pub now: Timestamp,
}

/// The answer.
#[derive(Debug, Default)]
pub struct Sorted {
    /// What may go.
    pub free: Vec<VolumeSnapshot>,
    /// What has to be told first.
    pub remarks: Vec<String>,
}

/// Sorts out what may go.
///
/// # Errors
/// When something may not, and none is to go then.
pub fn sort(snapshots: Vec<VolumeSnapshot>, facts: &Facts<'_>, choice: Choice) -> Result<Sorted> {
    let mut sorted = Sorted::default();
    let mut errors = Vec::new();
    for snapshot in snapshots {
        match (look(&snapshot, facts, choice), choice) {
            (Ok(remark), _) => {
                sorted.remarks.extend(remark);
                sorted.free.push(snapshot);
            }
            (Err(Obstacle::InUse(error) | Obstacle::Unreadable(error) | Obstacle::Member(error)), Choice::ByRules)
            | (Err(Obstacle::Unreadable(error) | Obstacle::Member(error)), Choice::Selected) => {
                let name = snapshot.metadata.name.as_deref().unwrap_or_default();
                sorted.remarks.push(format!("left out: {name}, since {}. {}", error.message, error.hints.join(" ")));
            }
            (Err(Obstacle::InUse(error) | Obstacle::Unreadable(error) | Obstacle::Member(error)), _) => {
                errors.push(error);
            }
        }
    }
    if errors.is_empty() {
        return Ok(sorted);
    }
    let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
    let mut all = CliError::new(messages.join("; "));
    for hint in errors.into_iter().flat_map(|error| error.hints) {
        if !all.hints.contains(&hint) {
            all.hints.push(hint);
        }
    }
    Err(all)
}

fn look(snapshot: &VolumeSnapshot, facts: &Facts<'_>, choice: Choice) -> Result<Option<String>, Obstacle> {
    if let Some(error) = member::refusal(snapshot) {
        return Err(Obstacle::Member(error));
    }
    let remark = rollback::deletable(snapshot, choice)?;
    let borrowed = lent_to(snapshot, facts.borrowers, facts.now);
    let awaited = || delete::awaited(snapshot, facts.claims.unwrap_or_default());
    match borrowed.or_else(awaited) {
        Some(error) => Err(Obstacle::InUse(error)),
        None => Ok(remark),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::rollback::ROLLBACK;

    fn snapshot(name: &str, rollback: Option<&str>) -> VolumeSnapshot {
        serde_json::from_value(json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "spec": {},
            "metadata": {"name": name, "namespace": "shop", "annotations": rollback.map(|text| json!({ROLLBACK: text}))}}))
        .unwrap()
    }

    fn claim(name: &str, snapshot: &str) -> PersistentVolumeClaim {
        let source = json!({"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": snapshot});
        serde_json::from_value(json!({"metadata": {"name": name, "namespace": "shop"}, "spec": {"dataSource": source},
            "status": {"phase": "Pending"}}))
        .unwrap()
    }

    fn told(choice: Choice) -> String {
        let all = vec![snapshot("free", None), snapshot("odd", Some("{}")), snapshot("needed", None)];
        let claims = [claim("new", "needed")];
        let facts = Facts { claims: Some(&claims), borrowers: &[], now: Timestamp::UNIX_EPOCH };
        match sort(all, &facts, choice) {
            Err(error) => format!("{} | {}", error.message, error.hints.join(" | ")),
            Ok(sorted) => {
                let free: Vec<_> = sorted.free.iter().filter_map(|it| it.metadata.name.as_deref()).collect();
                format!("free: {} | {}", free.join(","), sorted.remarks.join(" | "))
            }
        }
    }

    #[test]
    fn rules_leave_out_what_is_needed_and_names_do_not() {
        insta::assert_snapshot!(told(Choice::ByRules), @r#"free: free | left out: odd, since the annotation kubectl-backup.dev/rollback of VolumeSnapshot "odd" is no rollback of this program: missing field `direction` at line 1 column 2. A newer version of the plugin may have begun it: then go on with that one. If nobody began one, forget it with: kubectl annotate volumesnapshot odd kubectl-backup.dev/rollback- -n shop | left out: needed, since PVC "new" is still to be filled from VolumeSnapshot "needed". Wait until it is bound, or delete the PVC first. Look with: kubectl describe pvc new -n shop"#);
        insta::assert_snapshot!(told(Choice::Named), @r#"the annotation kubectl-backup.dev/rollback of VolumeSnapshot "odd" is no rollback of this program: missing field `direction` at line 1 column 2; PVC "new" is still to be filled from VolumeSnapshot "needed" | A newer version of the plugin may have begun it: then go on with that one. | If nobody began one, forget it with: kubectl annotate volumesnapshot odd kubectl-backup.dev/rollback- -n shop | Wait until it is bound, or delete the PVC first. Look with: kubectl describe pvc new -n shop"#);
        insta::assert_snapshot!(told(Choice::Selected), @r#"PVC "new" is still to be filled from VolumeSnapshot "needed" | Wait until it is bound, or delete the PVC first. Look with: kubectl describe pvc new -n shop"#);
    }

    #[test]
    fn a_member_of_a_group_is_left_out_and_by_name_refused() {
        let facts = Facts { claims: None, borrowers: &[], now: Timestamp::UNIX_EPOCH };
        let mut member = snapshot("member", None);
        member.status.get_or_insert_default().volume_group_snapshot_name = Some("g".into());
        let all = || vec![snapshot("free", None), member.clone()];
        for choice in [Choice::Selected, Choice::ByRules] {
            let sorted = sort(all(), &facts, choice).unwrap();
            assert!(
                sorted.free.len() == 1 && sorted.remarks[0].contains("kubectl delete volumegroupsnapshot g -n shop")
            );
        }
        assert!(sort(all(), &facts, Choice::Named).unwrap_err().message.contains("VolumeGroupSnapshot \"g\""));
    }

    #[test]
    fn one_odd_annotation_does_not_keep_the_others_that_were_selected() {
        let facts = Facts { claims: None, borrowers: &[], now: Timestamp::UNIX_EPOCH };
        let all = || vec![snapshot("free", None), snapshot("odd", Some("not json"))];
        let sorted = sort(all(), &facts, Choice::Selected).unwrap();
        assert!(sorted.free.len() == 1 && sorted.remarks[0].starts_with("left out: odd"), "{:?}", sorted.remarks);
        assert!(sort(all(), &facts, Choice::Named).is_err());
    }
}

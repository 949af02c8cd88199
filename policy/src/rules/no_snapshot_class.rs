//! BKP201: a snapshot without a class, where none can be chosen either, waits for ever.

use super::{Cel, Check, Missing, Outcome, Page, Rule, Violation};
use crate::{
    Config, Facts, FieldPath, Operation, Severity, Subject,
    facts::VolumeFact,
    snapshot_class::{self, Choice},
};

const VOLUME: &str = "the PVC's storage class and driver";
const CLASSES: &str = "the VolumeSnapshotClasses";

pub(super) const RULE: Rule = Rule {
    code: "BKP201",
    severity: Severity::Warn,
    title: "A VolumeSnapshot names a class, or one can be chosen",
    page: Page {
        why: "The snapshot controller takes no snapshot without a class. It falls back on the default class of the \
              volume's driver, and where there is none, or more than one, the VolumeSnapshot stays with an error \
              in its status and never becomes ready.",
        bad: include_str!("examples/BKP201.bad.yaml"),
        good: include_str!("examples/BKP201.good.yaml"),
        operation: Operation::Create,
        facts: &[VOLUME, CLASSES],
        given: || Facts {
            source_volume: Some(VolumeFact { storage_class: Some("standard".to_owned()), driver: None }),
            snapshot_classes: Some(Vec::new()),
            ..Facts::default()
        },
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("it reads the PVC, its storage class and the VolumeSnapshotClasses"),
};

fn check(config: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    if subject.snapshot_of_without_class().is_none() {
        return Ok(Vec::new());
    }
    let volume = facts.source_volume.as_ref().ok_or(Missing(VOLUME))?;
    let classes = facts.snapshot_classes.as_ref().ok_or(Missing(CLASSES))?;
    match snapshot_class::choose(config, volume.storage_class.as_deref(), volume.driver.as_deref(), classes) {
        Choice::Use { .. } => Ok(Vec::new()),
        Choice::None(none) => Ok(vec![Violation::at(
            FieldPath::of(&["spec", "volumeSnapshotClassName"]),
            format!("{none}; name a class, or no snapshot will be taken"),
        )]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcome(spec: &serde_json::Value, facts: &Facts) -> Outcome {
        let object = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "spec": spec});
        check(&Config::default(), &Subject::read(&object, None).expect("a known kind"), facts)
    }

    #[test]
    fn it_speaks_when_no_class_can_be_chosen() {
        let volume = VolumeFact { storage_class: Some("plain".into()), driver: Some("csi.test".into()) };
        let facts = Facts { source_volume: Some(volume), snapshot_classes: Some(vec![]), ..Facts::default() };
        let open = json!({"source": {"persistentVolumeClaimName": "data"}});
        let found = outcome(&open, &facts).expect("all facts are known");
        insta::assert_snapshot!(found[0].message, @"no VolumeSnapshotClass fits storage class plain (driver csi.test); the cluster has no VolumeSnapshotClass at all; name a class, or no snapshot will be taken");
        assert!(outcome(&open, &Facts::default()).is_err(), "not known is not passed");
        let named = json!({"volumeSnapshotClassName": "a", "source": {"persistentVolumeClaimName": "data"}});
        assert_eq!(outcome(&named, &facts), Ok(vec![]));
        let imported = json!({"source": {"volumeSnapshotContentName": "content"}});
        assert_eq!(outcome(&imported, &facts), Ok(vec![]));
    }
}

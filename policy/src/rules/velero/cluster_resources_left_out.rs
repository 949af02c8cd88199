//! BKP312: cluster-scoped objects that are asked for by name and left out in general are not saved.

use super::short;
use crate::{
    Config, Facts, Kind, Operation, Severity, Subject,
    rules::{Cel, Check, Outcome, Page, Rule, Violation},
    velero::Spec,
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP312",
    severity: Severity::Warn,
    title: "includeClusterResources does not leave out what is included",
    page: Page {
        why: "With includeClusterResources: false Velero saves no cluster-scoped object, not even those whose kind \
              includedResources names; the backup ends as Completed all the same.",
        bad: include_str!("../examples/BKP312.bad.yaml"),
        good: include_str!("../examples/BKP312.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

/// Cluster-scoped resources that people name in backups, and their short names.
const CLUSTER_SCOPED: [&str; 15] = [
    "persistentvolumes",
    "pv",
    "storageclasses",
    "sc",
    "clusterroles",
    "clusterrolebindings",
    "customresourcedefinitions",
    "crd",
    "crds",
    "nodes",
    "no",
    "priorityclasses",
    "ingressclasses",
    "volumesnapshotcontents",
    "volumesnapshotclasses",
];

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    let kinds = [Kind::Backup, Kind::Schedule, Kind::Restore];
    let fields = ["includedResources", "includeClusterResources"];
    let Some(spec) = Spec::touched(subject, &kinds, &fields) else { return Ok(Vec::new()) };
    if spec.flag("includeClusterResources") != Some(false) {
        return Ok(Vec::new());
    }
    let named = |resource: &&str| {
        let plural = resource.split('.').next().unwrap_or_default().to_ascii_lowercase();
        CLUSTER_SCOPED.contains(&plural.as_str())
    };
    let Some(left_out) = spec.texts("includedResources").into_iter().find(named) else { return Ok(Vec::new()) };
    let message = format!(
        "false leaves out every cluster-scoped object, {} of includedResources as well; leave this field out",
        short(left_out)
    );
    Ok(vec![Violation::at(spec.path("includeClusterResources"), message)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said;

    #[test]
    fn what_is_named_and_left_out_is_told() {
        let spec = |resource: &str| json!({"includedResources": ["pods", resource], "includeClusterResources": false});
        insta::assert_snapshot!(said(super::check, "Backup", &spec("clusterroles.rbac.authorization.k8s.io")), @r#"spec.includeClusterResources: false leaves out every cluster-scoped object, "clusterroles.rbac.authorization.k8s.io" of includedResources as well; leave this field out"#);
        assert_eq!(said(super::check, "Backup", &spec("secrets")), "");
        assert_eq!(said(super::check, "Backup", &json!({"includedResources": ["pv"]})), "");
    }
}

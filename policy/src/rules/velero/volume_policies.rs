//! BKP322: a backup whose volume policies cannot be read fails.

use serde_json::Value;

use super::{later, resource_policy::POLICY, short};
use crate::{
    Config, Facts, Kind, Operation, Severity, Subject,
    rules::{Cel, Check, Missing, Outcome, Page, Rule, Violation},
    velero::{
        ConfigMapFact, Lookup, Spec, VeleroFacts,
        volume_policies::{self, Use},
    },
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP322",
    severity: Severity::Deny,
    title: "Volume policies are such as Velero reads",
    page: Page {
        why: "Velero reads the ConfigMap of spec.resourcePolicy strictly: a field that it does not know, a size that is \
              none, or an action other than skip, snapshot, fs-backup and custom, and the backup or restore fails its \
              validation (internal/resourcepolicies). What is read and can have no effect is told: a type that no volume \
              has, or policies after one that takes every volume.",
        bad: include_str!("../examples/BKP322.bad.yaml"),
        good: include_str!("../examples/BKP322.good.yaml"),
        operation: Operation::Create,
        facts: &[POLICY],
        given: || {
            with_text("version: v1\nvolumePolicies:\n- conditions: {storageclass: [gp2]}\n  action: {type: skip}\n")
        },
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    let kinds = [Kind::Backup, Kind::Schedule, Kind::Restore];
    let Some(spec) = Spec::touched(subject, &kinds, &["resourcePolicy"]) else { return Ok(Vec::new()) };
    let name = spec.get("resourcePolicy").and_then(|policy| policy.get("name")).and_then(Value::as_str);
    let Some(name) = name.filter(|name| !name.is_empty()) else { return Ok(Vec::new()) };
    let Lookup::Found(ConfigMapFact { keys: 1, text }) =
        facts.velero.resource_policy.as_ref().ok_or(Missing(POLICY))?
    else {
        return Ok(Vec::new());
    };
    let of = if subject.kind == Kind::Restore { Use::Restore } else { Use::Backup };
    let tell = |what: &str| {
        Violation::at(spec.path("resourcePolicy").field("name"), format!("in the ConfigMap {}: {what}", short(name)))
    };
    Ok(match volume_policies::check(text, of) {
        Err(fault) => vec![later(&spec, tell(&fault))],
        Ok(doubts) => doubts.iter().take(super::MANY).map(|doubt| tell(doubt).harmless()).collect(),
    })
}

fn with_text(text: &str) -> Facts {
    let resource_policy = Some(Lookup::Found(ConfigMapFact::of([text].into_iter())));
    Facts { velero: VeleroFacts { resource_policy, ..VeleroFacts::default() }, ..Facts::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::fixture::said_with, with_text};

    #[test]
    fn what_is_wrong_in_the_map_is_told_where_it_is_named() {
        let spec = json!({"resourcePolicy": {"kind": "configmap", "name": "volumes"}});
        let said = |kind: &str, text: &str| said_with(super::check, kind, &spec, &with_text(text));
        insta::assert_snapshot!(said("Backup", "version: v2"), @r#"spec.resourcePolicy.name: in the ConfigMap "volumes": version: Velero knows version v1 only"#);
        let policies = "version: v1\nvolumePolicies:\n- action: {type: skip}\n- action: {type: snapshot}\n";
        insta::assert_snapshot!(said("Backup", policies), @r#"spec.resourcePolicy.name: in the ConfigMap "volumes": volumePolicies[0] has no condition and takes every volume: those after it never count (harmless)"#);
        insta::assert_snapshot!(said("Restore", policies), @r#"spec.resourcePolicy.name: in the ConfigMap "volumes": volumePolicies: a restore has filters only, and no volume policies"#);
        let template = json!({"template": spec});
        assert!(said_with(super::check, "Schedule", &template, &with_text("version: v2")).ends_with("(harmless)"));
        assert_eq!(said("Backup", "version: v1"), "");
    }
}

//! BKP317: Velero reads volume policies from a ConfigMap with one key.

use serde_json::Value;

use super::{later, short};
use crate::{
    Config, Facts, Kind, Operation, Severity, Subject,
    rules::{Cel, Check, Missing, Outcome, Page, Rule, Violation},
    velero::{ConfigMapFact, Lookup, Spec, VeleroFacts},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP317",
    severity: Severity::Deny,
    title: "A backup's volume policies are there",
    page: Page {
        why: "spec.resourcePolicy names a ConfigMap in Velero's namespace. When it is not there, or has not exactly one \
              key, the backup fails its validation; when its kind is not configmap, Velero ignores it, and volumes are \
              backed up in another way than asked for (internal/resourcepolicies). A restore, which has filters there, \
              fails either way. A schedule's kind does not count: \
              Velero writes configmap into the backups that it makes of one.",
        bad: include_str!("../examples/BKP317.bad.yaml"),
        good: include_str!("../examples/BKP317.good.yaml"),
        operation: Operation::Create,
        facts: &[POLICY],
        given: || with_policy(Some(Lookup::Absent)),
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

pub(super) const POLICY: &str = "the ConfigMap of volume policies";

fn check(_: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    let Some(spec) = Spec::touched(subject, &[Kind::Backup, Kind::Schedule, Kind::Restore], &["resourcePolicy"]) else {
        return Ok(Vec::new());
    };
    let Some(policy) = spec.get("resourcePolicy") else { return Ok(Vec::new()) };
    let text = |key: &str| policy.get(key).and_then(Value::as_str).unwrap_or_default();
    let (kind, name) = (text("kind"), text("name"));
    if !spec.is_for_later() && !kind.eq_ignore_ascii_case("configmap") {
        let ignores = if subject.kind == Kind::Restore { "refuses" } else { "ignores" };
        let message = format!("Velero reads volume policies from a ConfigMap only, and {ignores} {}", short(kind));
        return Ok(vec![Violation::at(spec.path("resourcePolicy").field("kind"), message)]);
    }
    let message = match facts.velero.resource_policy.as_ref().ok_or(Missing(POLICY))? {
        Lookup::Found(ConfigMapFact { keys: 1, .. }) => return Ok(Vec::new()),
        Lookup::Found(ConfigMapFact { keys, .. }) => {
            format!("the ConfigMap {} has {keys} keys, and Velero takes exactly one", short(name))
        }
        Lookup::Absent => format!("there is no ConfigMap {} in this namespace", short(name)),
    };
    Ok(vec![later(&spec, Violation::at(spec.path("resourcePolicy").field("name"), message))])
}

fn with_policy(resource_policy: Option<Lookup<ConfigMapFact>>) -> Facts {
    Facts { velero: VeleroFacts { resource_policy, ..VeleroFacts::default() }, ..Facts::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said_with;
    use super::with_policy;
    use crate::{
        Facts,
        velero::{ConfigMapFact, Lookup},
    };

    #[test]
    fn the_policies_are_one_key_of_a_config_map() {
        let spec = json!({"resourcePolicy": {"kind": "ConfigMap", "name": "volumes"}});
        let said = |fact| said_with(super::check, "Backup", &spec, &with_policy(fact));
        insta::assert_snapshot!(said(Some(Lookup::Absent)), @r#"spec.resourcePolicy.name: there is no ConfigMap "volumes" in this namespace"#);
        insta::assert_snapshot!(said(Some(Lookup::Found(ConfigMapFact { keys: 2, ..ConfigMapFact::default() }))), @r#"spec.resourcePolicy.name: the ConfigMap "volumes" has 2 keys, and Velero takes exactly one"#);
        assert_eq!(said(Some(Lookup::Found(ConfigMapFact { keys: 1, ..ConfigMapFact::default() }))), "");
        assert!(said(None).starts_with("not evaluated"));
        let secret = json!({"resourcePolicy": {"kind": "Secret", "name": "volumes"}});
        insta::assert_snapshot!(said_with(super::check, "Backup", &secret, &Facts::default()), @r#"spec.resourcePolicy.kind: Velero reads volume policies from a ConfigMap only, and ignores "Secret""#);
        let one_key = with_policy(Some(Lookup::Found(ConfigMapFact { keys: 1, ..ConfigMapFact::default() })));
        assert_eq!(said_with(super::check, "Schedule", &json!({"template": secret}), &one_key), "");
    }
}

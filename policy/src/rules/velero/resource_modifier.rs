//! BKP336: Velero reads modifiers from a ConfigMap with one key.

use serde_json::Value;

use super::short;
use crate::{
    Config, Facts, Kind, Operation, Severity, Subject,
    rules::{Cel, Check, Missing, Outcome, Page, Rule, Violation},
    velero::{ConfigMapFact, Lookup, Spec, VeleroFacts},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP336",
    severity: Severity::Deny,
    title: "A Restore's resource modifiers are there",
    page: Page {
        why: "spec.resourceModifier names a ConfigMap in Velero's namespace. When it is not there, or has not exactly \
              one key, the restore fails its validation; when its kind is not configmap, Velero ignores it, and \
              restores objects unchanged.",
        bad: include_str!("../examples/BKP336.bad.yaml"),
        good: include_str!("../examples/BKP336.good.yaml"),
        operation: Operation::Create,
        facts: &[MODIFIER],
        given: || with_modifier(Some(Lookup::Absent)),
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

pub(super) const MODIFIER: &str = "the ConfigMap of resource modifiers";

fn check(_: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    let Some(spec) = Spec::own(subject, &[Kind::Restore], &["resourceModifier"]) else { return Ok(Vec::new()) };
    let Some(modifier) = spec.get("resourceModifier") else { return Ok(Vec::new()) };
    let text = |key: &str| modifier.get(key).and_then(Value::as_str).unwrap_or_default();
    let (kind, name) = (text("kind"), text("name"));
    if !kind.eq_ignore_ascii_case("configmap") {
        let message = format!("Velero reads modifiers from a ConfigMap only, and ignores {}", short(kind));
        return Ok(vec![Violation::at(spec.path("resourceModifier").field("kind"), message)]);
    }
    let message = match facts.velero.resource_modifier.as_ref().ok_or(Missing(MODIFIER))? {
        Lookup::Found(ConfigMapFact { keys: 1, .. }) => return Ok(Vec::new()),
        Lookup::Found(ConfigMapFact { keys, .. }) => {
            format!("the ConfigMap {} has {keys} keys, and Velero takes exactly one", short(name))
        }
        Lookup::Absent => format!("there is no ConfigMap {} in this namespace", short(name)),
    };
    Ok(vec![Violation::at(spec.path("resourceModifier").field("name"), message)])
}

fn with_modifier(resource_modifier: Option<Lookup<ConfigMapFact>>) -> Facts {
    Facts { velero: VeleroFacts { resource_modifier, ..VeleroFacts::default() }, ..Facts::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said_with;
    use super::with_modifier;
    use crate::velero::{ConfigMapFact, Lookup};

    #[test]
    fn the_modifiers_are_one_key_of_a_config_map() {
        let spec = json!({"resourceModifier": {"kind": "ConfigMap", "name": "changes"}});
        let said = |fact| said_with(super::check, "Restore", &spec, &with_modifier(fact));
        insta::assert_snapshot!(said(Some(Lookup::Absent)), @r#"spec.resourceModifier.name: there is no ConfigMap "changes" in this namespace"#);
        assert_ne!(said(Some(Lookup::Found(ConfigMapFact { keys: 0, ..ConfigMapFact::default() }))), "");
        assert_eq!(said(Some(Lookup::Found(ConfigMapFact { keys: 1, ..ConfigMapFact::default() }))), "");
        assert!(said(None).starts_with("not evaluated"));
    }
}

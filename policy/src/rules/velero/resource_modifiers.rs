//! BKP338: a restore whose modifiers cannot be read fails.

use serde_json::Value;

use super::{resource_modifier::MODIFIER, short};
use crate::{
    Config, Facts, Kind, Operation, Severity, Subject,
    rules::{Cel, Check, Missing, Outcome, Page, Rule, Violation},
    velero::{ConfigMapFact, Lookup, Spec, VeleroFacts, resource_modifiers},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP338",
    severity: Severity::Deny,
    title: "Resource modifiers are such as Velero reads",
    page: Page {
        why: "Velero reads the ConfigMap of spec.resourceModifier strictly: a field that it does not know, a rule without a \
              resource, or an operation that is none, and the restore fails its validation (internal/resourcemodifiers). \
              What is read and fails on every object that it is for is told: a rule that changes nothing.",
        bad: include_str!("../examples/BKP338.bad.yaml"),
        good: include_str!("../examples/BKP338.good.yaml"),
        operation: Operation::Create,
        facts: &[MODIFIER],
        given: || {
            with_text(
                "version: v1\nresourceModifierRules:\n- conditions: {groupResource: pods}\n  patches: [{op: remove, path: /spec/nodeName}]\n",
            )
        },
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    let Some(spec) = Spec::own(subject, &[Kind::Restore], &["resourceModifier"]) else { return Ok(Vec::new()) };
    let name = spec.get("resourceModifier").and_then(|modifier| modifier.get("name")).and_then(Value::as_str);
    let Some(name) = name.filter(|name| !name.is_empty()) else { return Ok(Vec::new()) };
    let Lookup::Found(ConfigMapFact { keys: 1, text }) =
        facts.velero.resource_modifier.as_ref().ok_or(Missing(MODIFIER))?
    else {
        return Ok(Vec::new());
    };
    let tell = |what: &str| {
        Violation::at(spec.path("resourceModifier").field("name"), format!("in the ConfigMap {}: {what}", short(name)))
    };
    Ok(match resource_modifiers::check(text) {
        Err(fault) => vec![tell(&fault)],
        Ok(doubts) => doubts.iter().take(super::MANY).map(|doubt| tell(doubt).harmless()).collect(),
    })
}

fn with_text(text: &str) -> Facts {
    let resource_modifier = Some(Lookup::Found(ConfigMapFact::of([text].into_iter())));
    let velero = VeleroFacts { resource_modifier, ..VeleroFacts::default() };
    Facts { velero, ..Facts::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::fixture::said_with, with_text};

    #[test]
    fn what_is_wrong_in_the_map_is_told_where_it_is_named() {
        let spec = json!({"backupName": "a", "resourceModifier": {"kind": "configmap", "name": "changes"}});
        let said = |text: &str| said_with(super::check, "Restore", &spec, &with_text(text));
        insta::assert_snapshot!(said("version: v1"), @r#"spec.resourceModifier.name: in the ConfigMap "changes": resourceModifierRules: there is no rule"#);
        let rule = "version: v1\nresourceModifierRules:\n- conditions: {groupResource: pods}\n";
        insta::assert_snapshot!(said(rule), @r#"spec.resourceModifier.name: in the ConfigMap "changes": resourceModifierRules[0]: it changes nothing: every object that it fits is an error of the restore (harmless)"#);
        assert_eq!(said(&format!("{rule}  patches: [{{operation: remove, path: /a}}]\n")), "");
    }
}

//! The policies and their bindings.

use serde_json::{Value, json};

use super::{CelCheck, Group, literal, variables};
use crate::{
    Config, Severity,
    rules::{CATALOGUE, Cel, Rule},
};

/// Namespaces that the policies leave alone, as the webhook does.
const LEFT_ALONE: [&str; 2] = ["kube-system", "kubectl-backup-system"];
/// Part of every object's name, and the label by which they are found again.
const SUFFIX: &str = "kubectl-backup.dev";

/// Every policy, each followed by its binding; a severity that no rule has makes none.
#[must_use]
pub fn objects(config: &Config) -> Vec<Value> {
    let mut objects = Vec::new();
    for group in Group::ALL {
        for severity in [Severity::Deny, Severity::Warn, Severity::Audit] {
            let validations = validations(config, group, severity);
            if !validations.is_empty() {
                let name = format!("{}-{}.{SUFFIX}", group.name(), severity.name().to_lowercase());
                objects.push(policy(config, &name, group, severity, &validations));
                objects.push(binding(&name, severity));
            }
        }
    }
    objects
}

/// The rules that the policies do not hold, and why not.
#[must_use]
pub fn left_out() -> Vec<(&'static Rule, &'static str)> {
    CATALOGUE
        .into_iter()
        .filter_map(|rule| match rule.cel {
            Cel::LeftOut(why) => Some((rule, why)),
            Cel::Pod(_) => None,
        })
        .collect()
}

fn validations(config: &Config, group: Group, severity: Severity) -> Vec<Value> {
    let mut validations = Vec::new();
    for rule in CATALOGUE {
        let Cel::Pod(checks) = rule.cel else { continue };
        let whole = config.severity(rule);
        for check in checks(group.scope()) {
            let own = if check.harmless { whole.min(Severity::Warn) } else { whole };
            if own == severity {
                validations.push(validation(rule, &check));
            }
        }
    }
    validations
}

fn validation(rule: &Rule, check: &CelCheck) -> Value {
    let about = format!("{} {}: ", rule.code, check.path);
    let mut validation = json!({
        "expression": check.expression,
        "message": format!("{about}{}", check.message),
        "reason": "Invalid",
    });
    if let Some(detail) = &check.detail {
        validation["messageExpression"] = json!(format!("{} + {detail}", literal(&about)));
    }
    validation
}

fn policy(config: &Config, name: &str, group: Group, severity: Severity, validations: &[Value]) -> Value {
    let named = |(name, expression): (&'static str, String)| json!({"name": name, "expression": expression});
    // Only what the validations use: an API server compiles every variable.
    let text = validations.iter().map(Value::to_string).collect::<String>();
    let all = variables::variables(group);
    let mut used: Vec<(&'static str, String)> = Vec::new();
    for (name, expression) in all.into_iter().rev() {
        let mention = format!("variables.{name}");
        let mentions = |text: &str| {
            text.match_indices(&mention)
                .any(|(at, _)| !text.as_bytes().get(at + mention.len()).is_some_and(u8::is_ascii_alphanumeric))
        };
        if mentions(&text) || used.iter().any(|(_, user)| mentions(user)) {
            used.push((name, expression));
        }
    }
    used.reverse();
    // Refusing for an expression that failed is right only where refusing is the point.
    let mut conditions = variables::conditions(group);
    if severity == Severity::Deny {
        conditions.extend(variables::exemption(config));
    }
    let failure_policy = if severity == Severity::Deny { "Fail" } else { "Ignore" };
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": metadata(name),
        "spec": {
            "failurePolicy": failure_policy,
            "matchConstraints": {
                "matchPolicy": "Equivalent",
                "namespaceSelector": {"matchExpressions": [{
                    "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": LEFT_ALONE,
                }]},
                "resourceRules": group.resource_rules(),
            },
            "matchConditions": conditions.into_iter().map(named).collect::<Vec<_>>(),
            "variables": used.into_iter().map(named).collect::<Vec<_>>(),
            "validations": validations,
        },
    })
}

fn binding(name: &str, severity: Severity) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": metadata(name),
        "spec": {"policyName": name, "validationActions": [severity.name()]},
    })
}

fn metadata(name: &str) -> Value {
    json!({"name": name, "labels": {"app.kubernetes.io/name": "kubectl-backup", "app.kubernetes.io/component": "policy"}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(config: &Config) -> Vec<String> {
        let names = objects(config)
            .into_iter()
            .filter_map(|object| Some(object.pointer("/metadata/name")?.as_str()?.to_owned()));
        names.step_by(2).collect()
    }

    #[test]
    fn each_severity_has_its_policies() {
        assert_eq!(names(&Config::default()).len(), 8);
        let severities = CATALOGUE.into_iter().map(|rule| (rule.code.to_owned(), Severity::Off)).collect();
        assert_eq!(names(&Config { severities, ..Config::default() }), [] as [String; 0]);
        let severities = CATALOGUE.into_iter().map(|rule| (rule.code.to_owned(), Severity::Audit)).collect();
        let audited = names(&Config { severities, ..Config::default() });
        assert!(audited.iter().all(|name| name.ends_with("-audit.kubectl-backup.dev")), "{audited:?}");
    }

    #[test]
    fn every_variable_that_is_used_is_defined_before_it() {
        for object in objects(&Config::default()).into_iter().step_by(2) {
            let text = object["spec"]["validations"].to_string();
            let mut defined = Vec::new();
            let empty = Vec::new();
            for variable in object["spec"]["variables"].as_array().unwrap_or(&empty) {
                let expression = variable["expression"].as_str().unwrap_or_default();
                for used in mentioned(expression) {
                    assert!(defined.contains(&used), "{used} is used before it is defined");
                }
                defined.push(variable["name"].as_str().unwrap_or_default().to_owned());
            }
            for used in mentioned(&text) {
                assert!(defined.contains(&used), "{used} is not defined in {}", object["metadata"]["name"]);
            }
        }
    }

    fn mentioned(text: &str) -> Vec<String> {
        let after = text.split("variables.").skip(1);
        after.map(|rest| rest.chars().take_while(char::is_ascii_alphanumeric).collect()).collect()
    }

    #[test]
    fn what_is_left_out_says_why() {
        assert!(left_out().iter().all(|(rule, why)| !why.is_empty()
            && (!rule.code.starts_with("BKP1") || ["BKP115", "BKP116"].contains(&rule.code))));
    }
}

//! BKP334: two namespaces that are restored into one get in each other's way.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{MANY, short};
use crate::{
    Config, Facts, Kind, Operation, Severity, Subject,
    rules::{Cel, Check, Outcome, Page, Rule, Violation},
    velero::Spec,
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP334",
    severity: Severity::Warn,
    title: "A Restore maps each namespace to one of its own",
    page: Page {
        why: "spec.namespaceMapping sends objects to other namespaces. When two namespaces end up in the same one, \
              objects of the same name are restored from one of them only, and Velero takes the other's for existing \
              ones. A mapping of a namespace that the restore leaves out has no effect.",
        bad: include_str!("../examples/BKP334.bad.yaml"),
        good: include_str!("../examples/BKP334.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    let fields = ["namespaceMapping", "includedNamespaces", "excludedNamespaces"];
    let Some(spec) = Spec::own(subject, &[Kind::Restore], &fields) else { return Ok(Vec::new()) };
    let Some(mapping) = spec.get("namespaceMapping").and_then(Value::as_object) else { return Ok(Vec::new()) };
    let (included, excluded) = (spec.texts("includedNamespaces"), spec.texts("excludedNamespaces"));
    let all = included.is_empty() || included.iter().any(|name| name.contains('*'));
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    // A namespace that keeps its name is a target as well.
    taken.extend(included.iter().filter(|name| !mapping.contains_key(**name)).map(|name| (*name, *name)));
    let mut found = Vec::new();
    for (from, to) in mapping.iter().filter_map(|(from, to)| Some((from.as_str(), to.as_str()?))) {
        let path = spec.path("namespaceMapping").key(from.to_owned());
        if excluded.contains(&from) || (!all && !included.contains(&from)) {
            let message = "has no effect: the restore leaves this namespace out; include it, or take the mapping out";
            found.push(Violation::at(path.clone(), message));
        }
        if let Some(other) = taken.insert(to, from) {
            let message = format!("{} is restored into {} as well; take another target", short(other), short(to));
            found.push(Violation::at(path, message));
        }
    }
    found.truncate(MANY);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said;

    #[test]
    fn no_two_namespaces_meet() {
        let said = |spec: serde_json::Value| said(super::check, "Restore", &spec);
        insta::assert_snapshot!(said(json!({"namespaceMapping": {"a": "c", "b": "c"}})), @r#"spec.namespaceMapping[b]: "a" is restored into "c" as well; take another target"#);
        insta::assert_snapshot!(said(json!({"includedNamespaces": ["a", "c"], "namespaceMapping": {"a": "c"}})), @r#"spec.namespaceMapping[a]: "c" is restored into "c" as well; take another target"#);
        insta::assert_snapshot!(said(json!({"includedNamespaces": ["a"], "namespaceMapping": {"b": "c"}})), @"spec.namespaceMapping[b]: has no effect: the restore leaves this namespace out; include it, or take the mapping out");
        assert_eq!(said(json!({"includedNamespaces": ["a", "b"], "namespaceMapping": {"a": "b", "b": "a"}})), "");
    }
}

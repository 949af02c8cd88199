//! BKP318: a hook that runs nothing is a mistake.

use serde_json::Value;

use super::{MANY, hooks};
use crate::{
    Config, Facts, Operation, Severity, Subject,
    rules::{Cel, Check, Outcome, Page, Rule, Violation},
    velero::{BACKUPS, Spec},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP318",
    severity: Severity::Warn,
    title: "Hooks run something, on something",
    page: Page {
        why: "A hook without a command before or after runs nothing, and one for namespaces that the backup leaves out \
              never runs. Velero says nothing of either: a database that should have been quieted is copied while it \
              writes.",
        bad: include_str!("../examples/BKP318.bad.yaml"),
        good: include_str!("../examples/BKP318.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    let fields = ["hooks", "includedNamespaces"];
    let Some(spec) = Spec::touched(subject, BACKUPS, &fields) else { return Ok(Vec::new()) };
    let included = spec.texts("includedNamespaces");
    let plain = |name: &str| !name.contains(['*', '?', '[']);
    let all_plain = !included.is_empty() && included.iter().all(|name| plain(name));
    let found = hooks::resources(&spec).filter_map(|(path, hook)| {
        let runs = |key: &str| hook.get(key).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        if !runs("pre") && !runs("post") {
            return Some(Violation::at(path, "has neither pre nor post, so that it runs nothing; give a command"));
        }
        let own: Vec<_> = texts(hook.get("includedNamespaces")).collect();
        let meets = |name: &&str| !plain(name) || included.contains(name);
        if all_plain && !own.is_empty() && !own.iter().any(meets) {
            let message = "names no namespace that the backup includes, so that it never runs; name one of them";
            return Some(Violation::at(path.field("includedNamespaces"), message));
        }
        None
    });
    Ok(found.take(MANY).collect())
}

fn texts(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said;

    #[test]
    fn a_hook_that_never_runs_is_told() {
        let spec = |hook: serde_json::Value| json!({"includedNamespaces": ["web"], "hooks": {"resources": [hook]}});
        insta::assert_snapshot!(said(super::check, "Backup", &spec(json!({"name": "a", "pre": []}))), @"spec.hooks.resources[0]: has neither pre nor post, so that it runs nothing; give a command");
        let elsewhere = json!({"name": "a", "post": [{"exec": {}}], "includedNamespaces": ["db"]});
        insta::assert_snapshot!(said(super::check, "Backup", &spec(elsewhere)), @"spec.hooks.resources[0].includedNamespaces: names no namespace that the backup includes, so that it never runs; name one of them");
        let pattern = json!({"name": "a", "post": [{"exec": {}}], "includedNamespaces": ["w*"]});
        assert_eq!(said(super::check, "Backup", &spec(pattern)), "");
    }
}

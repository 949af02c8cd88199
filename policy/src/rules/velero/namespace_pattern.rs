//! BKP310: Velero refuses names and patterns that no namespace can have.

use super::{MANY, short};
use crate::{
    Config, Facts, Operation, Severity, Subject,
    rules::{Cel, Check, Outcome, Page, Rule, Violation},
    velero::{BACKUPS, Spec},
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP310",
    severity: Severity::Deny,
    title: "Namespaces are names or patterns that Velero takes",
    page: Page {
        why: "In the lists of namespaces of a backup Velero takes names and the patterns *, ? and [abc] \
              (pkg/util/wildcard, since 1.18). Anything else fails the backup's validation.",
        bad: include_str!("../examples/BKP310.bad.yaml"),
        good: include_str!("../examples/BKP310.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    let mut found = Vec::new();
    for field in ["includedNamespaces", "excludedNamespaces"] {
        let Some(spec) = Spec::touched(subject, BACKUPS, &[field]) else { continue };
        for (at, name) in spec.texts(field).into_iter().enumerate() {
            if let Some(why) = fault(name) {
                let message = format!("{} is no namespace: {why}", short(name));
                found.push(Violation::at(spec.path(field).index(at), message));
            }
        }
    }
    found.truncate(MANY);
    Ok(found)
}

/// What is wrong with a name, by Velero's own check; to Velero an empty one means "no namespace".
fn fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return None;
    }
    if name.contains(['|', '(', ')', '!', '{', '}', ',']) {
        return Some("of patterns only *, ? and [abc] are known");
    }
    if name.contains("**") {
        return Some("** is no pattern; write *");
    }
    if let Some(why) = brackets(name) {
        return Some(why);
    }
    let plain: String =
        name.chars().map(|char| if matches!(char, '*' | '?' | '[' | ']') { 'x' } else { char }).collect();
    let inner = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
    let edge = |char: Option<char>| char.is_some_and(|char| char != '-');
    let fits = plain.len() <= 63 && plain.chars().all(inner);
    let ends = edge(plain.chars().next()) && edge(plain.chars().next_back());
    (!fits || !ends).then_some("a name has up to 63 lower-case letters, digits and inner hyphens")
}

fn brackets(name: &str) -> Option<&'static str> {
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('[') {
        if before.contains(']') {
            return Some("a ] has no [ before it");
        }
        let Some((content, next)) = after.split_once(']') else { return Some("a [ is not closed") };
        if content.is_empty() {
            return Some("[] matches nothing");
        }
        rest = next;
    }
    rest.contains(']').then_some("a ] has no [ before it")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::said;

    #[test]
    fn only_veleros_patterns_are_taken() {
        let fault = |name: &str| said(super::check, "Backup", &json!({"includedNamespaces": [name]}));
        insta::assert_snapshot!(fault("web-{a,b}"), @r#"spec.includedNamespaces[0]: "web-{a,b}" is no namespace: of patterns only *, ? and [abc] are known"#);
        for bad in ["a**", "a[", "a]", "a[]", "Web", "a_b", "-a", "a-", "a.b"] {
            assert_ne!(fault(bad), "", "{bad}");
        }
        for good in ["*", "web", "web-*", "we?", "[abc]eb", ""] {
            assert_eq!(fault(good), "", "{good}");
        }
    }
}

//! BKP401: the mark of an exempt account is worth a free slot, so that nobody may set it for themselves.

use super::{Check, Missing, Outcome, Rule, Violation};
use crate::{Config, Facts, Kind, Severity, Subject, names::QUOTA_EXEMPT};

pub(super) const RULE: Rule = Rule {
    code: "BKP401",
    severity: Severity::Deny,
    title: "Only the webhook marks objects that take no quota slot",
    check: Check::Subject(check),
};

fn check(_: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    let changed = subject.quota_exempt_label() != subject.old_quota_exempt_label();
    if !matches!(subject.kind, Kind::VolumeSnapshot | Kind::Schedule) || !changed {
        return Ok(Vec::new());
    }
    if facts.requester_exempt.ok_or(Missing("the account that writes the object"))? {
        return Ok(Vec::new());
    }
    let way_out = if subject.old.is_some() { "leave it as it is" } else { "remove it" };
    Ok(vec![Violation {
        harmless: false,
        field: format!("metadata.labels[{QUOTA_EXEMPT}]"),
        message: format!(
            "this label is set only by the backup webhook, for accounts that quotas do not bind; {way_out}"
        ),
    }])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn snapshot(label: Option<&str>) -> Value {
        let labels = label.map_or(json!({}), |label| json!({QUOTA_EXEMPT: label}));
        json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "metadata": {"labels": labels}})
    }

    fn violations(new: Option<&str>, old: Option<Option<&str>>, exempt: Option<bool>) -> Result<usize, Missing> {
        let (new, old) = (snapshot(new), old.map(snapshot));
        let subject = Subject::read(&new, old.as_ref()).expect("a known kind");
        let facts = Facts { requester_exempt: exempt, ..Facts::default() };
        check(&Config::default(), &subject, &facts).map(|found| found.len())
    }

    #[test]
    fn nobody_sets_changes_or_removes_it_but_an_exempt_account() {
        assert_eq!(violations(Some("true"), None, Some(false)), Ok(1));
        assert_eq!(violations(Some("true"), Some(None), Some(false)), Ok(1));
        assert_eq!(violations(None, Some(Some("true")), Some(false)), Ok(1));
        assert_eq!(violations(Some("true"), None, Some(true)), Ok(0));
    }

    #[test]
    fn an_object_that_keeps_it_may_be_changed_by_anybody() {
        assert_eq!(violations(Some("true"), Some(Some("true")), Some(false)), Ok(0));
        assert_eq!(violations(None, None, None), Ok(0));
    }

    #[test]
    fn without_the_account_the_rule_is_not_evaluated() {
        assert!(violations(Some("true"), None, None).is_err());
    }
}

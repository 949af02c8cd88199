//! BKP401: the mark of an exempt account is worth a free slot, so that nobody may set it for themselves.

use super::{Cel, Check, Missing, Outcome, Page, Rule, Violation};
use crate::{Config, Facts, FieldPath, Fix, Kind, Operation, Severity, Subject, names::QUOTA_EXEMPT};

const ACCOUNT: &str = "the account that writes the object";

pub(super) const RULE: Rule = Rule {
    code: "BKP401",
    severity: Severity::Deny,
    title: "Only the webhook marks objects that take no quota slot",
    page: Page {
        why: "Snapshots that Velero makes for the time of a backup take no slot of the quota, and the webhook \
              marks them with this label. Who could set it could make snapshots without a limit; who could remove \
              it could fill the quota with others' snapshots.",
        bad: include_str!("examples/BKP401.bad.yaml"),
        good: include_str!("examples/BKP401.good.yaml"),
        operation: Operation::Create,
        facts: &[ACCOUNT],
        given: || Facts { requester_exempt: Some(false), ..Facts::default() },
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("which accounts are exempt is known to the webhook alone"),
};

fn check(_: &Config, subject: &Subject<'_>, facts: &Facts) -> Outcome {
    let changed = subject.quota_exempt_label() != subject.old_quota_exempt_label();
    if !matches!(subject.kind, Kind::VolumeSnapshot | Kind::Schedule) || !changed {
        return Ok(Vec::new());
    }
    if facts.quota_exempt || facts.requester_exempt.ok_or(Missing(ACCOUNT))? {
        return Ok(Vec::new());
    }
    let path = FieldPath::root().label(QUOTA_EXEMPT);
    let fix = match (subject.operation, subject.old_quota_exempt_label()) {
        (Operation::Update, Some(old)) => Fix::set(path.clone(), old),
        _ => Fix::remove(path.clone()),
    };
    let way_out = if subject.operation == Operation::Update { "leave it as it is" } else { "remove it" };
    let message =
        format!("this label is set only by the backup webhook, for accounts that quotas do not bind; {way_out}");
    Ok(vec![Violation::at(path, message).fixed_by(fix)])
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

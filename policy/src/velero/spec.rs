//! A part of a Velero object that a rule judges.

use serde_json::Value;

use crate::{FieldPath, Kind, Operation, Subject};

/// The kinds that say what a backup is made of.
pub(crate) const BACKUPS: &[Kind] = &[Kind::Backup, Kind::Schedule];

/// The specification of a backup, wherever it stands, or of another object of Velero's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spec<'a> {
    subject: Subject<'a>,
    base: &'static [&'static str],
}

impl<'a> Spec<'a> {
    /// The backup's specification in such an object, when it is new or one of these fields is changed: what was written
    /// earlier must not hold up a change of something else.
    pub(crate) fn touched(subject: &Subject<'a>, kinds: &[Kind], fields: &[&str]) -> Option<Self> {
        let base: &[&str] = if subject.kind == Kind::Schedule { &["spec", "template"] } else { &["spec"] };
        Self { subject: *subject, base }.judged(kinds, fields)
    }

    /// The object's own specification, a schedule's being more than that of its backups.
    pub(crate) fn own(subject: &Subject<'a>, kinds: &[Kind], fields: &[&str]) -> Option<Self> {
        Self { subject: *subject, base: &["spec"] }.judged(kinds, fields)
    }

    fn judged(self, kinds: &[Kind], fields: &[&str]) -> Option<Self> {
        let subject = &self.subject;
        let written = subject.operation != Operation::Delete && !subject.is_terminating();
        let new = subject.operation == Operation::Create;
        let changed = |field: &&str| subject.old.is_none_or(|old| self.within(old, field) != self.get(field));
        (kinds.contains(&subject.kind) && written && (new || fields.iter().any(changed))).then_some(self)
    }

    fn within(&self, object: &'a Value, field: &str) -> Option<&'a Value> {
        let holder = self.base.iter().try_fold(object, |at, name| at.get(name))?;
        holder.get(field).filter(|value| !value.is_null())
    }

    /// What the field holds.
    pub(crate) fn get(&self, field: &str) -> Option<&'a Value> {
        self.within(self.subject.object, field)
    }

    /// The field's text; an empty one is none.
    pub(crate) fn text(&self, field: &str) -> Option<&'a str> {
        self.get(field)?.as_str().filter(|text| !text.is_empty())
    }

    /// The field's texts.
    pub(crate) fn texts(&self, field: &str) -> Vec<&'a str> {
        self.list(field).filter_map(Value::as_str).collect()
    }

    /// The field's entries.
    pub(crate) fn list(&self, field: &str) -> impl Iterator<Item = &'a Value> {
        self.get(field).and_then(Value::as_array).into_iter().flatten()
    }

    /// The field's yes or no.
    pub(crate) fn flag(&self, field: &str) -> Option<bool> {
        self.get(field)?.as_bool()
    }

    /// Where the field stands.
    pub(crate) fn path(&self, field: &'static str) -> FieldPath {
        FieldPath::of(self.base).field(field)
    }

    /// Whether it is a schedule's, which runs later: what is not there yet may be there by then.
    pub(crate) fn is_for_later(&self) -> bool {
        self.subject.kind == Kind::Schedule
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_new_or_changed_is_judged() {
        let schedule = |ttl: &str, paused: bool| {
            json!({"apiVersion": "velero.io/v1", "kind": "Schedule",
                "spec": {"paused": paused, "template": {"ttl": ttl}}})
        };
        let (old, paused, shorter) = (schedule("2h", false), schedule("2h", true), schedule("1h", false));
        let touched = |object: &Value, old: Option<&Value>| {
            let subject = Subject::read(object, old).expect("a known kind");
            Spec::touched(&subject, BACKUPS, &["ttl"]).is_some()
        };
        assert!(touched(&old, None));
        assert!(touched(&shorter, Some(&old)));
        assert!(!touched(&paused, Some(&old)), "a schedule with an old mistake can be paused");
        let mut terminating = old.clone();
        terminating["metadata"] = json!({"deletionTimestamp": "2026-01-01T00:00:00Z"});
        assert!(!touched(&shorter, Some(&terminating)));
        let subject = Subject::read(&old, None).expect("a known kind");
        assert!(Spec::touched(&subject, &[Kind::Backup], &["ttl"]).is_none());
    }
}

//! The value of the two annotations that list a pod's volumes.

use std::collections::HashSet;

use crate::{
    FieldPath, Fix,
    names::{BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES},
    pod::Pod,
    rules::Violation,
};

/// A pod may have some hundred volumes; what is longer is refused as a whole and not looked at.
pub(super) const MAX_ENTRIES: usize = 1000;
/// Faults of one kind that are told one by one.
const TOLD: usize = 5;
/// Names that a message shows in a row.
const SHOWN: usize = 20;

/// One of the lists, cut the way Velero cuts it: at commas, and blanks stay.
pub(super) struct VolumeList<'a> {
    pub annotation: &'static str,
    pub path: FieldPath,
    pub entries: Vec<&'a str>,
    /// The names that the author can only have meant: without blanks, empty entries and repetitions.
    pub names: Vec<&'a str>,
}

impl<'a> VolumeList<'a> {
    /// The lists that a pod carries; a list without any text says nothing and is none.
    pub fn of(pod: &Pod<'a>) -> impl Iterator<Item = Self> {
        [BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES].into_iter().filter_map(|annotation| Self::named(pod, annotation))
    }

    pub fn named(pod: &Pod<'a>, annotation: &'static str) -> Option<Self> {
        let value = pod.annotations.get(annotation).filter(|value| !value.is_empty())?;
        let entries: Vec<_> = value.split(',').take(MAX_ENTRIES + 1).collect();
        if entries.len() > MAX_ENTRIES {
            return None;
        }
        let mut seen = HashSet::new();
        let names = entries.iter().map(|entry| entry.trim());
        let names = names.filter(|name| !name.is_empty() && seen.insert(*name)).collect();
        Some(Self { annotation, path: pod.annotation_path(annotation), entries, names })
    }

    /// The way out of a list that is written wrongly.
    pub fn rewritten(&self) -> String {
        self.rewritten_without(None)
    }

    /// The same, with one name left out as well.
    pub fn rewritten_without(&self, left_out: Option<&str>) -> String {
        let names: Vec<_> = self.names.iter().copied().filter(|name| Some(*name) != left_out).collect();
        match names.as_slice() {
            [] => "remove the annotation".to_owned(),
            names if names.len() <= SHOWN => format!("write {}", quoted(&names.join(","))),
            names => {
                format!("write {}, and so on", quoted(&names.iter().take(2).copied().collect::<Vec<_>>().join(",")))
            }
        }
    }

    /// The list without what is wrong with its spelling, as a change.
    pub fn respelled(&self) -> Fix {
        self.replaced_by(&self.names)
    }

    /// This list in place of the one that stands there; of an empty one nothing is left.
    pub fn replaced_by(&self, names: &[&str]) -> Fix {
        match names {
            [] => Fix::remove(self.path.clone()),
            names => Fix::set(self.path.clone(), names.join(",")),
        }
    }

    /// Tells the first faults of one kind, and how many more there are: an answer must not grow with the question.
    pub fn tell<T>(&self, faults: &[T], mut explain: impl FnMut(&T) -> Violation) -> Vec<Violation> {
        let mut told: Vec<_> = faults.iter().take(TOLD).map(&mut explain).collect();
        if let (Some(last), Some(more @ 1..)) = (told.last_mut(), faults.len().checked_sub(TOLD)) {
            last.message = format!("{}; and {more} more like this", last.message);
        }
        told
    }

    pub fn violation(&self, message: String) -> Violation {
        Violation::at(self.path.clone(), message)
    }
}

/// A text in quotation marks, cut where nobody would read on.
pub(super) fn quoted(text: &str) -> String {
    const LONG: usize = 1300;
    match text.char_indices().nth(LONG) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// The first of these names, for a message.
pub(super) fn shown(names: &[&str]) -> String {
    let more = names.len().saturating_sub(SHOWN);
    let first = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}

#[cfg(test)]
pub(super) mod fixture {
    use serde_json::{Value, json};

    use super::Violation;
    use crate::{pod::Pod, subject::Kind};

    /// A pod with one volume of each type that matters, and these annotations.
    pub fn pod(annotations: &[(&str, &str)]) -> Value {
        let annotations: serde_json::Map<_, _> =
            annotations.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"annotations": annotations},
            "spec": {"volumes": [
                {"name": "data", "persistentVolumeClaim": {"claimName": "web-data"}},
                {"name": "logs", "emptyDir": {}},
                {"name": "config", "configMap": {"name": "web"}},
                {"name": "host", "hostPath": {"path": "/srv"}},
            ]},
        })
    }

    /// What a rule says about that pod, one line per violation.
    pub fn said(check: fn(&Pod<'_>) -> Vec<Violation>, annotations: &[(&str, &str)]) -> String {
        let object = pod(annotations);
        let pod = Pod::within(Kind::Pod, &object).expect("a pod");
        let lines: Vec<_> = check(&pod).into_iter().map(|it| format!("{}: {}", it.path, it.message)).collect();
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{VolumeList, fixture};
    use crate::{names::BACKUP_VOLUMES, pod::Pod, rules, subject::Kind};

    proptest! {
        #[test]
        fn what_is_proposed_breaks_no_rule_of_spelling(value in "[ ab,]{0,12}") {
            let object = fixture::pod(&[(BACKUP_VOLUMES, &value)]);
            let pod = Pod::within(Kind::Pod, &object).expect("a pod");
            let names = VolumeList::named(&pod, BACKUP_VOLUMES).map(|list| list.names.join(",")).unwrap_or_default();
            for rule in rules::CATALOGUE.iter().filter(|rule| ["BKP101", "BKP102", "BKP103"].contains(&rule.code)) {
                let rules::Check::Pod(check) = rule.check else { panic!("a pod rule") };
                prop_assert_eq!(fixture::said(check, &[(BACKUP_VOLUMES, &names)]), "");
            }
        }
    }
}

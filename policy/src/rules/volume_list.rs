//! The value of the two annotations that list a pod's volumes.

use crate::{
    names::{BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES},
    pod::Pod,
    rules::Violation,
};

/// One of the lists, cut the way Velero cuts it: at commas, and blanks stay.
pub(super) struct VolumeList<'a> {
    pub annotation: &'static str,
    pub path: String,
    pub entries: Vec<&'a str>,
}

impl<'a> VolumeList<'a> {
    /// The lists that a pod carries; a list without any text says nothing and is none.
    pub fn of(pod: &Pod<'a>) -> impl Iterator<Item = Self> {
        [BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES].into_iter().filter_map(|annotation| Self::named(pod, annotation))
    }

    pub fn named(pod: &Pod<'a>, annotation: &'static str) -> Option<Self> {
        let value = pod.annotations.get(annotation).filter(|value| !value.is_empty())?;
        Some(Self { annotation, path: pod.annotation_path(annotation), entries: value.split(',').collect() })
    }

    /// The names that the author can only have meant: without blanks, empty entries and repetitions.
    pub fn names(&self) -> Vec<&'a str> {
        let mut names = Vec::new();
        for name in self.entries.iter().map(|entry| entry.trim()).filter(|name| !name.is_empty()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The way out of a list that is written wrongly.
    pub fn rewritten(&self) -> String {
        let names = self.names();
        if names.is_empty() { "remove the annotation".to_owned() } else { format!("write {:?}", names.join(",")) }
    }

    pub fn violation(&self, message: String) -> Violation {
        Violation { field: self.path.clone(), message, harmless: false }
    }
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
        let lines: Vec<_> = check(&pod).into_iter().map(|it| format!("{}: {}", it.field, it.message)).collect();
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
            let names = VolumeList::named(&pod, BACKUP_VOLUMES).map(|list| list.names().join(",")).unwrap_or_default();
            for rule in rules::CATALOGUE.iter().filter(|rule| ["BKP101", "BKP102", "BKP103"].contains(&rule.code)) {
                let rules::Check::Pod(check) = rule.check else { panic!("a pod rule") };
                prop_assert_eq!(fixture::said(check, &[(BACKUP_VOLUMES, &names)]), "");
            }
        }
    }
}

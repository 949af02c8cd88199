//! The value of the two annotations that list a pod's volumes.

use std::collections::HashSet;

use crate::{
    FieldPath, Fix,
    names::{BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES},
    pod::Pod,
    rules::Violation,
    vap::{CelCheck, INCLUDED, Scope},
};

/// No pod has more volumes worth a backup; what is longer is refused as a whole and not looked at.
pub(crate) const MAX_ENTRIES: usize = 256;
/// So many names of the greatest length, with their commas.
pub(crate) const MAX_LENGTH: usize = MAX_ENTRIES * 64;
/// What people write between names, or around them, and what no volume's name can hold.
pub(crate) const SEPARATORS: [char; 14] =
    [' ', '\t', '\n', '\r', '\u{a0}', ';', '|', '+', '[', ']', '{', '}', '"', '\''];
/// Faults of one kind that are told one by one.
const TOLD: usize = 5;
/// Names that a message shows in a row.
const SHOWN: usize = 20;

/// One of the lists, cut the way Velero cuts it: at commas, and blanks stay.
pub(super) struct VolumeList<'a> {
    pub annotation: &'static str,
    pub path: FieldPath,
    pub entries: Vec<&'a str>,
    /// The names that the author can only have meant: without separators, empty entries and repetitions.
    pub names: Vec<&'a str>,
    /// [`Pod::has_elsewhere`].
    elsewhere: bool,
}

/// The names within a text, however they are separated.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split(|char| char == ',' || SEPARATORS.contains(&char)).filter(|name| !name.is_empty())
}

/// Whether a list is longer than any that makes sense.
pub(super) fn is_too_long(value: &str) -> bool {
    value.chars().nth(MAX_LENGTH).is_some()
        || value.split(',').nth(MAX_ENTRIES).is_some()
        || pieces(value).nth(MAX_ENTRIES).is_some()
}

impl<'a> VolumeList<'a> {
    /// The lists that a pod carries; a list without any text says nothing and is none.
    pub fn of(pod: &Pod<'a>) -> impl Iterator<Item = Self> {
        [BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES].into_iter().filter_map(|annotation| Self::named(pod, annotation))
    }

    pub fn named(pod: &Pod<'a>, annotation: &'static str) -> Option<Self> {
        let value = pod.annotation(annotation).filter(|value| !is_too_long(value))?;
        let mut seen = HashSet::new();
        let names = pieces(value).filter(|name| seen.insert(*name)).collect();
        let elsewhere = pod.has_elsewhere(annotation);
        Some(Self {
            annotation,
            path: pod.annotation_path(annotation),
            entries: value.split(',').collect(),
            names,
            elsewhere,
        })
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
    pub fn respelled(&self) -> Option<Fix> {
        self.replaced_by(&self.names)
    }

    /// The list without one of its names, as a change.
    pub fn without(&self, left_out: &str) -> Option<Fix> {
        self.replaced_by(&self.names.iter().copied().filter(|name| *name != left_out).collect::<Vec<_>>())
    }

    /// This list in place of the one that stands there; of an empty one nothing is left.
    pub fn replaced_by(&self, names: &[&str]) -> Option<Fix> {
        match names {
            [] => (!self.elsewhere).then(|| Fix::remove(self.path.clone())),
            names => Some(Fix::set(self.path.clone(), names.join(","))),
        }
    }

    /// Tells the first faults of one kind, and how many more there are.
    pub fn tell<T>(&self, faults: &[T], explain: impl FnMut(&T) -> Violation) -> Vec<Violation> {
        tell(faults, explain)
    }

    /// Tells of the names that are bad, each between these words.
    pub fn tell_names(
        &self,
        is_bad: impl Fn(&str) -> bool,
        words: Words,
        and: impl Fn(Violation, &str) -> Violation,
    ) -> Vec<Violation> {
        let bad: Vec<_> = self.names.iter().copied().filter(|name| is_bad(name)).collect();
        let message = |name| format!("{} {}{}", words.before, quoted(name), words.after);
        self.tell(&bad, |name| and(self.violation(message(name)), name))
    }

    pub fn violation(&self, message: String) -> Violation {
        Violation::at(self.path.clone(), message)
    }
}

/// What stands before and after the name of a volume that is bad, in Rust and in CEL.
#[derive(Clone, Copy)]
pub(super) struct Words {
    pub before: &'static str,
    pub after: &'static str,
}

impl Words {
    /// The same in CEL: that no name of the volumes to back up is bad. `is_bad` is the body of a macro, with its variable.
    pub fn cel(self, scope: Scope, is_bad: &str) -> CelCheck {
        let (Self { before, after }, names) = (self, INCLUDED.names);
        let detail = format!("'{before} ' + {names}.filter({is_bad}).join(', ') + '{after}'");
        let message = format!("{before} of the list{after}");
        CelCheck::new(scope.annotation_path(INCLUDED.annotation), format!("!{names}.exists({is_bad})"), message)
            .saying(detail)
    }
}

/// Tells the first faults of one kind, and how many more there are: an answer must not grow with the question.
pub(super) fn tell<T>(faults: &[T], mut explain: impl FnMut(&T) -> Violation) -> Vec<Violation> {
    let mut told: Vec<_> = faults.iter().take(TOLD).map(&mut explain).collect();
    if let (Some(last), Some(more @ 1..)) = (told.last_mut(), faults.len().checked_sub(TOLD)) {
        last.message = format!("{}; and {more} more like this", last.message);
    }
    told
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
            "spec": {
                "containers": [{"name": "web", "volumeMounts": [
                    {"name": "data"}, {"name": "logs"}, {"name": "config"}, {"name": "host"},
                ], "volumeDevices": [{"name": "raw"}]}],
                "initContainers": [{"name": "first", "volumeMounts": [{"name": "early"}]}],
                "volumes": [
                    {"name": "data", "persistentVolumeClaim": {"claimName": "web-data"}},
                    {"name": "logs", "emptyDir": {}},
                    {"name": "config", "configMap": {"name": "web"}},
                    {"name": "host", "hostPath": {"path": "/srv"}},
                    {"name": "raw", "persistentVolumeClaim": {"claimName": "web-raw"}},
                    {"name": "early", "persistentVolumeClaim": {"claimName": "web-early"}},
                ],
            },
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
        fn what_is_proposed_breaks_no_rule_of_spelling(value in "[ ab,;\n]{0,12}") {
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

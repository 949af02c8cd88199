//! BKP113: an annotation that Velero does not know is read by nobody, and nobody says so.

use super::{
    Cel, Check, Page, Rule, Violation,
    volume_list::{quoted, tell},
};
use crate::{
    Facts, FieldPath, Operation, Severity, names,
    pod::Pod,
    vap::{CelCheck, Scope, literals},
};

pub(super) const RULE: Rule = Rule {
    code: "BKP113",
    severity: Severity::Warn,
    title: "An annotation for Velero is one that Velero knows",
    page: Page {
        why: "Velero looks annotations up by their whole key. One that is misspelt, as \
              backup.velero.io/backup-volume or backups.velero.io/backup-volumes, is no error: it is never looked \
              at, and the volume is not backed up or the hook is not run.",
        bad: include_str!("examples/BKP113.bad.yaml"),
        good: include_str!("examples/BKP113.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Pod(check),
    cel: Cel::Pod(cel),
};

/// From this likeness on, a key is proposed in place of an unknown one.
const ALIKE: f64 = 0.85;
/// No known key is half as long, and likeness is dear to compute.
const LONG: usize = 128;

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let known = |key: &str| names::for_authors().chain(names::OF_VELERO).any(|known| known == key);
    let unknown: Vec<_> = pod.annotations.keys().filter(|key| !known(key)).collect();
    tell(&unknown, |key| {
        let way_out = nearest(key).map_or_else(
            || "remove it, or see the annotations that Velero's documentation names".to_owned(),
            |nearest| format!("did you mean {nearest}?"),
        );
        let message = format!("Velero knows no annotation {} and reads it nowhere; {way_out}", quoted(key));
        Violation::at(pod.annotation_path(key), message)
    })
}

fn nearest(key: &str) -> Option<&'static str> {
    let known = names::for_authors().filter(|_| key.len() <= LONG);
    let likeness = known.map(|known| (strsim::normalized_damerau_levenshtein(known, key), known));
    likeness.filter(|(alike, _)| *alike >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

fn cel(scope: Scope) -> Vec<CelCheck> {
    let unknown = format!("k, !(k in {})", literals(names::for_authors().chain(names::OF_VELERO)));
    let why = "Velero knows no such annotation and reads it nowhere; correct its key, or remove it";
    let path = FieldPath::of(scope.template).field("metadata").field("annotations");
    let check = CelCheck::new(path, format!("!variables.guarded.exists({unknown})"), why);
    vec![check.saying(format!("variables.guarded.filter({unknown}).join(', ') + ': {why}'"))]
}

#[cfg(test)]
mod tests {
    use super::super::volume_list::fixture::said;

    #[test]
    fn a_misspelt_key_is_answered_with_the_right_one() {
        insta::assert_snapshot!(said(super::check, &[("backup.velero.io/backup-volume", "data")]), @r#"metadata.annotations[backup.velero.io/backup-volume]: Velero knows no annotation "backup.velero.io/backup-volume" and reads it nowhere; did you mean backup.velero.io/backup-volumes?"#);
        insta::assert_snapshot!(said(super::check, &[("pre.hook.backup.velero.io/comand", "x")]), @r#"metadata.annotations[pre.hook.backup.velero.io/comand]: Velero knows no annotation "pre.hook.backup.velero.io/comand" and reads it nowhere; did you mean pre.hook.backup.velero.io/command?"#);
        insta::assert_snapshot!(said(super::check, &[("hook.velero.io/purpose", "x")]), @r#"metadata.annotations[hook.velero.io/purpose]: Velero knows no annotation "hook.velero.io/purpose" and reads it nowhere; remove it, or see the annotations that Velero's documentation names"#);
        assert_eq!(said(super::check, &[("velero.io/exclude-from-backup", "x"), ("example.org/backup", "x")]), "");
        for known in crate::names::for_authors().chain(crate::names::OF_VELERO) {
            assert_eq!(said(super::check, &[(known, "x")]), "");
        }
    }
}

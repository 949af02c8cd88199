//! Which backups may be deleted, and what goes with them.

use std::collections::BTreeMap;

use backup_api::{
    labels::{VELERO_BACKUP_NAME, VELERO_BACKUP_UID, velero_label_may_be_shared, velero_label_value},
    velero::{BackupStorageLocation, DeleteBackupRequest, DeleteBackupRequestSpec, outcome},
};
use backup_policy::velero::Lock;
use jiff::Timestamp;
use kube::ResourceExt as _;
use serde::Deserialize;

use crate::{
    error::{CliError, Result},
    plan::{backup_lock::LockNotes, backup_row, location, nearest},
};

/// Names in a question, at most.
const NAMED: usize = 5;

/// The part of a Backup that its deletion needs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Candidate {
    metadata: Metadata,
    spec: Spec,
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    name: String,
    uid: String,
    creation_timestamp: Option<Timestamp>,
    annotations: Option<LockNotes>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    storage_location: Option<String>,
    included_namespaces: Option<Vec<String>>,
    excluded_namespaces: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    phase: Option<String>,
    start_timestamp: Option<Timestamp>,
}

impl Candidate {
    /// The backup's name.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// When its lock ends, if it has one now.
    pub fn lock_end(&self, now: Timestamp) -> Option<Timestamp> {
        let Self { metadata, status, .. } = self;
        let lock = metadata.annotations.as_ref()?;
        lock.end(metadata.creation_timestamp, status.start_timestamp, status.phase.as_deref(), now)
    }

    /// Whether a lock may keep it: its own, which may be past by our clock alone, or that of a backup whose data Velero finds by
    /// the same label value.
    pub fn may_be_kept(&self) -> bool {
        self.metadata.annotations.as_ref().is_some_and(LockNotes::are_there) || velero_label_may_be_shared(self.name())
    }

    fn holds_only(&self, namespace: &str) -> bool {
        matches!(self.spec.included_namespaces.as_deref(), Some([only]) if only == namespace)
    }

    fn may_hold(&self, namespace: &str) -> bool {
        let Spec { included_namespaces, excluded_namespaces, .. } = &self.spec;
        backup_row::may_hold(included_namespaces.as_deref(), excluded_namespaces.as_deref(), namespace)
    }

    /// Returns the request that deletes the backup, named and labelled as Velero's own client does.
    pub fn request(&self, namespace: &str) -> DeleteBackupRequest {
        let spec = DeleteBackupRequestSpec { backup_name: self.metadata.name.clone() };
        let mut request = DeleteBackupRequest::new("", spec);
        request.metadata.name = None;
        request.metadata.generate_name = Some(format!("{}-", self.metadata.name));
        request.metadata.namespace = Some(namespace.to_owned());
        request.metadata.labels = Some(BTreeMap::from([
            (VELERO_BACKUP_NAME.to_owned(), velero_label_value(&self.metadata.name)),
            (VELERO_BACKUP_UID.to_owned(), self.metadata.uid.clone()),
        ]));
        request
    }
}

/// Picks the backups that were named, in the order in which they were named; all when no names are given.
///
/// # Errors
/// When one does not exist.
pub fn pick(candidates: Vec<Candidate>, names: &[String], namespace: &str) -> Result<Vec<Candidate>> {
    if names.is_empty() {
        return Ok(candidates);
    }
    let mut picked: Vec<Candidate> = Vec::new();
    for name in names {
        match candidates.iter().find(|candidate| candidate.name() == name) {
            Some(_) if picked.iter().any(|before| before.name() == name) => {}
            Some(candidate) => picked.push(candidate.clone()),
            None => {
                let existing: Vec<String> = candidates.iter().map(|candidate| candidate.name().to_owned()).collect();
                let place = format!("namespace {namespace:?}");
                return Err(CliError::new(format!(
                    "the backup {name:?} does not exist in {place}; nothing was deleted"
                ))
                .hint(nearest::hint(name, &existing, "backups", &place)));
            }
        }
    }
    Ok(picked)
}

/// Keeps the backups of one namespace, with the words that name those that hold it among others: they hold what does not
/// belong to whoever means one namespace. Only who names one means it.
pub fn of_namespace(candidates: Vec<Candidate>, namespace: &str) -> (Vec<Candidate>, Option<String>) {
    let (chosen, others): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|candidate| candidate.holds_only(namespace));
    let shared: Vec<&str> =
        others.iter().filter(|candidate| candidate.may_hold(namespace)).map(Candidate::name).collect();
    let words = (!shared.is_empty()).then(|| {
        format!(
            "left out, since they may hold other namespaces than {namespace:?} too: {}; to delete one, name it",
            shared.join(", ")
        )
    });
    (chosen, words)
}

/// The command that shows where the backups stand.
const LOOK: &str = "See: kubectl backup list -o wide, and kubectl get backupstoragelocations.velero.io -A";

/// Checks that Velero will take all of the requests: it would refuse them only afterwards, and silently.
///
/// # Errors
/// Names every backup that cannot be deleted, and why.
pub fn check(candidates: &[Candidate], locations: &[BackupStorageLocation], namespace: &str) -> Result<()> {
    let refusals: Vec<(&str, Refusal)> = candidates
        .iter()
        .filter_map(|candidate| refusal(candidate, locations).map(|refusal| (candidate.name(), refusal)))
        .collect();
    if refusals.is_empty() {
        return Ok(());
    }
    let reasons: Vec<(&str, &str)> = refusals.iter().map(|(name, refusal)| (*name, refusal.why.as_str())).collect();
    let error = none_deleted(&reasons, candidates.len());
    let bare: Vec<&str> = refusals.iter().filter(|(_, refusal)| !refusal.is_stored).map(|&(name, _)| name).collect();
    let error = error.hint(LOOK);
    if bare.is_empty() {
        return Err(error);
    }
    Err(error.hint(format!(
        "Where nothing is stored, deleting the object is enough: kubectl -n {namespace} delete backups.velero.io {}",
        bare.join(" ")
    )))
}

/// Says which of so many backups keep all from being deleted.
fn none_deleted(reasons: &[(&str, &str)], all: usize) -> CliError {
    if let [(name, why)] = reasons {
        return CliError::new(format!("cannot delete backup {name:?}: {why}; nothing was deleted"));
    }
    let list: String = reasons.iter().map(|(name, why)| format!("\n* {name:?}: {why}")).collect();
    CliError::new(format!("cannot delete {} of {all} backups; nothing was deleted{list}", reasons.len()))
}

/// The error for backups that locks keep, each with the reason; `all` is how many were to be deleted.
pub fn kept_by_locks(kept: &[(&Candidate, String)], all: usize) -> CliError {
    let reasons: Vec<(&str, &str)> = kept.iter().map(|(backup, why)| (backup.name(), why.as_str())).collect();
    none_deleted(&reasons, all)
        .hint("Until then only accounts that the cluster's policy exempts delete it; see: kubectl backup describe")
}

/// Why a lock keeps the backup of which the server was asked, `end` being that of its lock by our clock: else in the server's
/// words. Nothing when it refused something else.
pub fn kept_by_lock(refused: &CliError, end: Option<Timestamp>) -> Option<String> {
    refused.code?;
    let (words, _) = refused.message.lines().find_map(|line| line.split_once(" [BKP352]"))?;
    let words = words.strip_prefix("* spec.backupName: ").unwrap_or(words);
    Some(end.map_or_else(|| words.to_owned(), |end| format!("it is locked {}", Lock::shown(end))))
}

/// What the server answers about one backup other than that it is locked, before any is deleted.
pub fn not_tried(error: CliError) -> CliError {
    error.hint("Nothing was deleted: the server was asked first, by a dry run, whether locks keep backups")
}

/// Warns of the deletion of a locked backup, which the server lets pass, or was not asked about.
pub fn lock_warning(backup: &Candidate, end: Timestamp, asked: bool) -> String {
    let (name, until) = (backup.name(), Lock::shown(end));
    if asked {
        format!(
            "backup {name:?} is locked {until}, but the server lets you delete it: you are exempt, or no webhook keeps locks here"
        )
    } else {
        format!(
            "backup {name:?} is locked {until}: where a webhook keeps locks, nobody but exempt accounts deletes it before"
        )
    }
}

/// Why Velero would not delete a backup.
struct Refusal {
    why: String,
    /// Whether it may have stored something: then the object alone must not go.
    is_stored: bool,
}

fn refusal(candidate: &Candidate, locations: &[BackupStorageLocation]) -> Option<Refusal> {
    let phase = candidate.status.phase.as_deref().filter(|phase| !phase.is_empty()).unwrap_or("New");
    let stored = |why: String| Some(Refusal { why, is_stored: true });
    let bare = |why: String| Some(Refusal { why, is_stored: false });
    match phase {
        "New" | "Queued" | "ReadyToStart" => {
            return bare(format!("Velero has not begun it (phase {phase}), and nothing of it is stored"));
        }
        "Deleting" => {}
        _ if outcome(Some(phase)).is_none() => {
            return stored(format!("it has not ended (phase {phase}); wait until it has"));
        }
        _ => {}
    }
    // Velero refuses a backup before it stores anything.
    let refused = phase == "FailedValidation";
    let Some(name) = candidate.spec.storage_location.as_deref().filter(|name| !name.is_empty()) else {
        return bare(format!("it names no storage location (phase {phase}), and nothing of it is stored"));
    };
    let why = match locations.iter().find(|location| location.name_any() == name) {
        None => format!("its storage location {name:?} does not exist"),
        Some(found) => location::check_writable(found).err()?.message,
    };
    Some(Refusal { why, is_stored: !refused })
}

/// Returns the question to ask before anything is deleted.
pub fn question(candidates: &[Candidate], restores: usize, context: &str, namespace: &str) -> String {
    let what = match candidates {
        [only] => format!("backup {:?}", only.name()),
        several => {
            let names: Vec<&str> = several.iter().take(NAMED).map(Candidate::name).collect();
            let more = several.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{} backups ({}{more})", several.len(), names.join(", "))
        }
    };
    let with = match restores {
        0 => "with all data stored for".to_owned(),
        1 => "with all data stored for and the 1 restore made from".to_owned(),
        count => format!("with all data stored for and the {count} restores made from"),
    };
    let it = if candidates.len() == 1 { "it" } else { "them" };
    format!("Delete {what} {with} {it} (context {context:?}, Velero's namespace {namespace:?})?")
}

/// Returns how a request ended; `None` while it is worked on.
pub fn end(name: &str, request: &DeleteBackupRequest) -> Option<Result<()>> {
    let status = request.status.clone().unwrap_or_default();
    if status.phase.as_deref() != Some("Processed") {
        return None;
    }
    let errors = status.errors.unwrap_or_default();
    if errors.is_empty() {
        return Some(Ok(()));
    }
    let list: String = errors.iter().map(|error| format!("\n* {error}")).collect();
    Some(Err(CliError::new(format!("Velero could not delete backup {name:?} completely{list}"))
        .hint(format!("See: kubectl backup describe {name}"))))
}

#[cfg(test)]
mod tests {
    use backup_api::velero::{BackupStorageLocationSpec, BackupStorageLocationStatus, DeleteBackupRequestStatus};

    use super::*;

    fn candidate(name: &str, phase: &str, location: Option<&str>) -> Candidate {
        Candidate {
            metadata: Metadata { name: name.into(), uid: "u1".into(), ..Metadata::default() },
            spec: Spec { storage_location: location.map(Into::into), ..Spec::default() },
            status: Status { phase: Some(phase.into()), ..Status::default() },
        }
    }

    fn location(name: &str, mode: Option<&str>) -> BackupStorageLocation {
        let spec = BackupStorageLocationSpec { access_mode: mode.map(Into::into), ..Default::default() };
        let mut location = BackupStorageLocation::new(name, spec);
        location.status = Some(BackupStorageLocationStatus { phase: Some("Available".into()), ..Default::default() });
        location
    }

    #[test]
    fn what_velero_would_refuse_later_is_refused_now() {
        let locations = [location("s3", None), location("frozen", Some("ReadOnly"))];
        let check = |candidates: &[Candidate]| check(candidates, &locations, "velero").map_err(|error| error.message);
        assert_eq!(
            check(&[candidate("a", "Completed", Some("s3")), candidate("b", "FailedValidation", Some("s3"))]),
            Ok(())
        );
        assert_eq!(check(&[candidate("a", "Deleting", Some("s3"))]), Ok(()));
        insta::assert_snapshot!(check(&[candidate("a", "InProgress", Some("s3"))]).unwrap_err(), @r#"cannot delete backup "a": it has not ended (phase InProgress); wait until it has; nothing was deleted"#);
        insta::assert_snapshot!(check(&[
            candidate("a", "Completed", Some("s3")),
            candidate("b", "Completed", Some("gone")),
            candidate("c", "Failed", Some("frozen")),
        ]).unwrap_err(), @r#"
        cannot delete 2 of 3 backups; nothing was deleted
        * "b": its storage location "gone" does not exist
        * "c": the storage location "frozen" is read-only (accessMode: ReadOnly)
        "#);
    }

    #[test]
    fn what_velero_cannot_delete_and_has_not_stored_needs_no_velero() {
        let locations = [location("s3", None), location("frozen", Some("ReadOnly"))];
        let check = |candidates: &[Candidate]| {
            let error = check(candidates, &locations, "velero").unwrap_err();
            format!("{}\n{}", error.message, error.hints.join("\n"))
        };
        insta::assert_snapshot!(check(&[candidate("a", "FailedValidation", None)]), @r#"
        cannot delete backup "a": it names no storage location (phase FailedValidation), and nothing of it is stored; nothing was deleted
        See: kubectl backup list -o wide, and kubectl get backupstoragelocations.velero.io -A
        Where nothing is stored, deleting the object is enough: kubectl -n velero delete backups.velero.io a
        "#);
        insta::assert_snapshot!(check(&[
            candidate("a", "", None),
            candidate("b", "Queued", Some("s3")),
            candidate("c", "ReadyToStart", None),
            candidate("d", "FailedValidation", Some("gone")),
            candidate("e", "Completed", Some("gone")),
            candidate("f", "Finalizing", Some("s3")),
        ]), @r#"
        cannot delete 6 of 6 backups; nothing was deleted
        * "a": Velero has not begun it (phase New), and nothing of it is stored
        * "b": Velero has not begun it (phase Queued), and nothing of it is stored
        * "c": Velero has not begun it (phase ReadyToStart), and nothing of it is stored
        * "d": its storage location "gone" does not exist
        * "e": its storage location "gone" does not exist
        * "f": it has not ended (phase Finalizing); wait until it has
        See: kubectl backup list -o wide, and kubectl get backupstoragelocations.velero.io -A
        Where nothing is stored, deleting the object is enough: kubectl -n velero delete backups.velero.io a b c d
        "#);
    }

    #[test]
    fn a_lock_keeps_all_from_being_deleted_and_says_until_when() {
        let now = "2026-11-21T00:00:00Z".parse().unwrap();
        let read = |annotation: &str, value: &str| -> Candidate {
            let metadata = serde_json::json!({"name": "a", "uid": "u1", "creationTimestamp": "2026-11-20T00:00:00Z", "annotations": {annotation: value}});
            serde_json::from_value(serde_json::json!({"metadata": metadata, "status": {"phase": "Completed", "startTimestamp": "2026-11-20T00:00:01Z"}})).unwrap()
        };
        let locked = read("kubectl-backup.dev/lock-for", "48h");
        let end = locked.lock_end(now).unwrap();
        assert_eq!(end, "2026-11-22T00:00:01Z".parse().unwrap());
        assert_eq!(read("kubectl-backup.dev/lock-for", "24h").lock_end(end), None, "over");
        assert_eq!(candidate("a", "Completed", None).lock_end(now), None);
        let unreadable = read("kubectl-backup.dev/locked-until", "soon");
        let mut refused = CliError::new(
            "The DeleteBackupRequest \"\" is invalid:\n* spec.backupName: the backup is locked until X, and cannot be deleted before [BKP352]",
        );
        refused.code = Some(422);
        let why = |end| kept_by_lock(&refused, end).unwrap();
        let told = |kept: &[(&Candidate, Option<Timestamp>)], all| {
            let kept: Vec<_> = kept.iter().map(|(backup, end)| (*backup, why(*end))).collect();
            let error = kept_by_locks(&kept, all);
            format!("{}\n{}", error.message, error.hints.join("\n"))
        };
        insta::assert_snapshot!(told(&[(&locked, Some(end))], 1), @r#"
        cannot delete backup "a": it is locked until 2026-11-22T00:00:01Z; nothing was deleted
        Until then only accounts that the cluster's policy exempts delete it; see: kubectl backup describe
        "#);
        let over = read("kubectl-backup.dev/lock-for", "1h");
        let three = [&locked, &unreadable, &over].map(|backup| (backup, backup.lock_end(now)));
        insta::assert_snapshot!(told(&three, 4), @r#"
        cannot delete 3 of 4 backups; nothing was deleted
        * "a": it is locked until 2026-11-22T00:00:01Z
        * "a": it is locked for ever, or by a lock that cannot be read and that only an exempt account mends
        * "a": the backup is locked until X, and cannot be deleted before
        Until then only accounts that the cluster's policy exempts delete it; see: kubectl backup describe
        "#);
        let refused = |code: Option<u16>, message: &str| {
            let mut error = CliError::new(message);
            error.code = code;
            kept_by_lock(&error, None)
        };
        assert_eq!(refused(Some(403), "is forbidden"), None);
        assert_eq!(refused(None, "cannot reach the server"), None);
        let told = not_tried(CliError::new("is forbidden").hint("Ask."));
        insta::assert_snapshot!(told.hints.join("\n"), @r"
        Ask.
        Nothing was deleted: the server was asked first, by a dry run, whether locks keep backups
        ");
        insta::assert_snapshot!(lock_warning(&locked, end, true), @r#"backup "a" is locked until 2026-11-22T00:00:01Z, but the server lets you delete it: you are exempt, or no webhook keeps locks here"#);
        insta::assert_snapshot!(lock_warning(&locked, end, false), @r#"backup "a" is locked until 2026-11-22T00:00:01Z: where a webhook keeps locks, nobody but exempt accounts deletes it before"#);
    }

    #[test]
    fn whatever_a_lock_may_keep_is_asked_about() {
        let with = |annotations: serde_json::Value, name: &str| -> bool {
            let backup = serde_json::json!({"metadata": {"name": name, "annotations": annotations}});
            serde_json::from_value::<Candidate>(backup).unwrap().may_be_kept()
        };
        let none = || serde_json::json!({"team": "shop"});
        assert!(with(serde_json::json!({"kubectl-backup.dev/lock-for": "1h"}), "a"));
        assert!(with(serde_json::json!({"kubectl-backup.dev/locked-until": "2001-01-01T00:00:00Z"}), "a"), "past here");
        assert!(with(none(), &"a".repeat(63)), "another one may have this label value");
        assert!(!with(none(), &"a".repeat(62)));
    }

    #[test]
    fn names_are_picked_once_each_and_must_exist() {
        let all = vec![candidate("a", "Completed", None), candidate("b", "Completed", None)];
        let pick_from = pick;
        let pick = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            pick_from(all.clone(), &names, "velero")
                .map(|picked| picked.iter().map(|candidate| candidate.name().to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(pick(&["b", "a", "b"]).unwrap(), ["b", "a"]);
        assert_eq!(pick(&[]).unwrap(), ["a", "b"]);
        assert!(pick(&["a", "c"]).unwrap_err().message.contains("nothing was deleted"));
    }

    #[test]
    fn the_question_names_what_goes_too() {
        let one = [candidate("a", "Completed", None)];
        let two = [candidate("a", "Completed", None), candidate("b", "Completed", None)];
        insta::assert_snapshot!(question(&one, 1, "prod", "velero"), @r#"Delete backup "a" with all data stored for and the 1 restore made from it (context "prod", Velero's namespace "velero")?"#);
        insta::assert_snapshot!(question(&two, 0, "prod", "velero"), @r#"Delete 2 backups (a, b) with all data stored for them (context "prod", Velero's namespace "velero")?"#);
    }

    #[test]
    fn the_question_is_short_for_very_many() {
        let many: Vec<Candidate> = (0..9).map(|n| candidate(&format!("b{n}"), "Completed", None)).collect();
        let text = question(&many, 0, "prod", "velero");
        assert!(text.starts_with("Delete 9 backups (b0, b1, b2, b3, b4 and 4 more) with"), "{text}");
    }

    #[test]
    fn a_backup_with_other_namespaces_is_spared_and_named() {
        let of = |name: &str, included: &[&str], excluded: &[&str]| {
            let list = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect());
            let mut candidate = candidate(name, "Completed", None);
            candidate.spec.included_namespaces = list(included);
            candidate.spec.excluded_namespaces = list(excluded);
            candidate
        };
        let all = vec![
            of("mine", &["shop"], &[]),
            of("theirs", &["pay"], &[]),
            of("both", &["shop", "pay"], &[]),
            of("cluster", &["*"], &[]),
            of("odd", &[], &[]),
            of("without", &["*"], &["shop"]),
        ];
        let (chosen, words) = of_namespace(all, "shop");
        assert_eq!(chosen.iter().map(Candidate::name).collect::<Vec<_>>(), ["mine"]);
        insta::assert_snapshot!(words.unwrap(), @r#"left out, since they may hold other namespaces than "shop" too: both, cluster, odd; to delete one, name it"#);
    }

    #[test]
    fn processed_with_errors_is_no_success() {
        let request = |phase: &str, errors: &[&str]| {
            let mut request = candidate("a", "Completed", None).request("velero");
            let errors = errors.iter().map(|&error| error.to_owned()).collect();
            request.status = Some(DeleteBackupRequestStatus { phase: Some(phase.into()), errors: Some(errors) });
            request
        };
        assert!(end("a", &request("InProgress", &[])).is_none());
        assert!(end("a", &request("Processed", &[])).unwrap().is_ok());
        let error = end("a", &request("Processed", &["bucket is gone"])).unwrap().unwrap_err();
        assert_eq!(error.message, "Velero could not delete backup \"a\" completely\n* bucket is gone");
    }

    #[test]
    fn the_request_is_labelled_as_velero_does() {
        let request = candidate("a", "Completed", None).request("velero");
        insta::assert_snapshot!(serde_json::to_string(&request).unwrap(), @r#"{"apiVersion":"velero.io/v1","kind":"DeleteBackupRequest","metadata":{"generateName":"a-","labels":{"velero.io/backup-name":"a","velero.io/backup-uid":"u1"},"namespace":"velero"},"spec":{"backupName":"a"}}"#);
    }
}

//! What a new restore is, and whether its backup can be restored like that.

use std::collections::{BTreeMap, BTreeSet};

use backup_api::velero::{Backup, Outcome, Restore, RestoreSpec, outcome};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt as _;

use crate::{
    error::{CliError, Result},
    plan::backup::is_glob,
};

/// What happens to objects that exist already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Existing {
    /// Leave them as they are
    None,
    /// Change them to what the backup holds
    Update,
}

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The backup.
    pub backup: String,
    /// Namespaces of the backup to restore; none means all.
    pub namespaces: Vec<String>,
    /// Namespaces of the backup to leave out.
    pub except: Vec<String>,
    /// From a namespace of the backup to the one it is restored into.
    pub mapping: BTreeMap<String, String>,
    /// Only objects with these labels.
    pub selector: Option<LabelSelector>,
    /// Resources to restore; none means all.
    pub resources: Vec<String>,
    /// Resources to leave out.
    pub except_resources: Vec<String>,
    /// What happens to objects that exist already.
    pub existing: Option<Existing>,
    /// Labels of the restore itself.
    pub labels: BTreeMap<String, String>,
}

impl Request {
    /// Returns the object to send.
    pub fn object(&self, name: &str, namespace: &str) -> Restore {
        let list = |names: &[String]| (!names.is_empty()).then(|| names.to_vec());
        let spec = RestoreSpec {
            backup_name: Some(self.backup.clone()),
            included_namespaces: list(&self.namespaces),
            excluded_namespaces: list(&self.except),
            included_resources: list(&self.resources),
            excluded_resources: list(&self.except_resources),
            namespace_mapping: (!self.mapping.is_empty()).then(|| self.mapping.clone()),
            label_selector: self.selector.clone(),
            existing_resource_policy: self.existing.map(|existing| match existing {
                Existing::None => "none".to_owned(),
                Existing::Update => "update".to_owned(),
            }),
            ..RestoreSpec::default()
        };
        let mut restore = Restore::new(name, spec);
        restore.metadata.namespace = Some(namespace.to_owned());
        restore.metadata.labels = (!self.labels.is_empty()).then(|| self.labels.clone());
        restore
    }

    /// Returns from which namespace to which it restores, as far as the backup's own filter tells: `None` when the
    /// backup holds the whole cluster or patterns and no namespaces were named.
    pub fn targets(&self, backup: &Backup) -> Option<BTreeMap<String, String>> {
        let sources = if self.namespaces.is_empty() { held(backup)? } else { self.namespaces.clone() };
        let kept = sources.into_iter().filter(|name| !self.except.contains(name));
        Some(kept.map(|name| (name.clone(), self.mapping.get(&name).cloned().unwrap_or(name))).collect())
    }

    /// Says in words what is restored.
    pub fn words(&self, backup: &Backup) -> String {
        match self.targets(backup) {
            None if self.mapping.is_empty() => "everything in it".into(),
            None => format!("everything in it, with namespaces {}", arrows(&self.mapping)),
            Some(targets) if targets.len() == 1 => format!("namespace {}", arrows(&targets)),
            Some(targets) => format!("namespaces {}", arrows(&targets)),
        }
    }
}

fn arrows(targets: &BTreeMap<String, String>) -> String {
    let arrow = |(from, to): (&String, &String)| {
        if from == to { format!("{from:?}") } else { format!("{from:?} into {to:?}") }
    };
    targets.iter().map(arrow).collect::<Vec<_>>().join(", ")
}

/// The namespaces that a backup holds for certain; `None` when it holds all, or those that match patterns.
pub fn held(backup: &Backup) -> Option<Vec<String>> {
    let names = backup.spec.included_namespaces.as_ref().filter(|names| !names.is_empty())?;
    (!names.iter().any(|name| name.contains(is_glob))).then(|| names.clone())
}

/// Checks that the backup ended well enough to be restored. Returns a warning when it is not whole.
///
/// # Errors
/// When it is not finished, or failed.
pub fn check_backup(backup: &Backup) -> Result<Option<String>> {
    let name = backup.name_any();
    let status = backup.status.clone().unwrap_or_default();
    let phase = status.phase.as_deref();
    let look = format!("See: kubectl backup describe {name}");
    match outcome(phase) {
        Some(Outcome::Completed) => Ok(None),
        Some(Outcome::PartiallyFailed) => Ok(Some(format!(
            "backup {name:?} partially failed ({} errors): what could not be saved will not be restored",
            status.errors.unwrap_or_default()
        ))),
        Some(outcome) => {
            let what = if outcome == Outcome::Failed { "failed" } else { "was refused by Velero" };
            Err(CliError::new(format!("backup {name:?} {what}: there is nothing in it to rely on")).hint(look))
        }
        None => {
            let phase = phase.filter(|phase| !phase.is_empty()).unwrap_or("New");
            Err(CliError::new(format!("backup {name:?} cannot be restored: it has not ended (phase {phase})"))
                .hint(look))
        }
    }
}

/// Checks that the namespaces and mappings that were asked for mean something for this backup.
///
/// # Errors
/// When a namespace is not in the backup, a mapping has no effect, or two namespaces would end up in one.
pub fn check_namespaces(request: &Request, backup: &Backup) -> Result<()> {
    let name = backup.name_any();
    if let Some(held) = held(backup) {
        let strangers: Vec<String> = (request.namespaces.iter().chain(request.mapping.keys()))
            .filter(|wanted| !wanted.contains(is_glob) && !held.contains(wanted))
            .map(|wanted| format!("{wanted:?}"))
            .collect();
        if !strangers.is_empty() {
            return Err(CliError::new(format!("backup {name:?} does not hold namespace {}", strangers.join(", ")))
                .hint(format!("It holds: {}", held.join(", "))));
        }
    }
    let excluded = backup.spec.excluded_namespaces.as_deref().unwrap_or_default();
    let left_out = |source: &&String| {
        request.except.contains(source)
            || excluded.contains(source)
            || (!request.namespaces.is_empty() && !request.namespaces.contains(source))
    };
    if let Some(idle) = request.mapping.keys().find(left_out) {
        return Err(CliError::usage(format!("the mapping of namespace {idle:?} has no effect: it is not restored"))
            .hint("Name it with --namespaces as well, or leave the mapping away."));
    }
    let mut seen = BTreeSet::new();
    let pairs = request.targets(backup).unwrap_or_else(|| request.mapping.clone());
    for (source, target) in &pairs {
        if !seen.insert(target) {
            return Err(CliError::usage(format!(
                "two namespaces would be restored into {target:?}, one is {source:?}"
            ))
            .hint("Map each to a namespace of its own, or restore only one with --namespaces."));
        }
    }
    Ok(())
}

/// Returns the newest completed backup, as Velero chooses it for a schedule.
pub fn newest_completed(backups: Vec<Backup>) -> Option<Backup> {
    let started = |backup: &Backup| backup.status.as_ref().and_then(|status| status.start_timestamp.clone());
    let phase = |backup: &Backup| backup.status.as_ref().and_then(|status| status.phase.clone());
    let completed = backups.into_iter().filter(|backup| outcome(phase(backup).as_deref()) == Some(Outcome::Completed));
    completed.max_by_key(started)
}

#[cfg(test)]
mod tests {
    use backup_api::velero::{BackupSpec, BackupStatus};

    use super::*;

    fn backup(name: &str, phase: &str, namespaces: Option<&[&str]>) -> Backup {
        let included = namespaces.map(|names| names.iter().map(|&name| name.to_owned()).collect());
        let mut backup = Backup::new(name, BackupSpec { included_namespaces: included, ..Default::default() });
        backup.status = Some(BackupStatus { phase: Some(phase.into()), errors: Some(2), ..Default::default() });
        backup
    }

    fn request(namespaces: &[&str], mapping: &[(&str, &str)]) -> Request {
        Request {
            backup: "b".into(),
            namespaces: namespaces.iter().map(|&name| name.to_owned()).collect(),
            except: vec![],
            mapping: mapping.iter().map(|&(from, to)| (from.to_owned(), to.to_owned())).collect(),
            selector: None,
            resources: vec![],
            except_resources: vec![],
            existing: None,
            labels: BTreeMap::new(),
        }
    }

    #[test]
    fn only_backups_that_ended_well_are_restored() {
        assert!(check_backup(&backup("b", "Completed", None)).unwrap().is_none());
        insta::assert_snapshot!(check_backup(&backup("b", "PartiallyFailed", None)).unwrap().unwrap(), @r#"backup "b" partially failed (2 errors): what could not be saved will not be restored"#);
        for phase in ["Failed", "FailedValidation", "InProgress", "Deleting", "", "SomethingNew"] {
            assert!(check_backup(&backup("b", phase, None)).is_err(), "{phase}");
        }
    }

    #[test]
    fn mappings_must_mean_something() {
        let two = backup("b", "Completed", Some(&["shop", "pay"]));
        let check = |request: &Request| check_namespaces(request, &two).map_err(|error| error.message);
        assert_eq!(check(&request(&[], &[("shop", "shop-test")])), Ok(()));
        assert_eq!(check(&request(&["shop"], &[("shop", "shop-test")])), Ok(()));
        insta::assert_snapshot!(check(&request(&[], &[("web", "x")])).unwrap_err(), @r#"backup "b" does not hold namespace "web""#);
        insta::assert_snapshot!(check(&request(&["pay"], &[("shop", "x")])).unwrap_err(), @r#"the mapping of namespace "shop" has no effect: it is not restored"#);
        insta::assert_snapshot!(check(&request(&[], &[("shop", "x"), ("pay", "x")])).unwrap_err(), @r#"two namespaces would be restored into "x", one is "shop""#);
        // Without a word about "pay" it stays "pay", which is where "shop" would go.
        insta::assert_snapshot!(check(&request(&[], &[("shop", "pay")])).unwrap_err(), @r#"two namespaces would be restored into "pay", one is "shop""#);
        assert_eq!(check(&request(&[], &[("shop", "pay"), ("pay", "shop")])), Ok(()));
    }

    #[test]
    fn what_a_whole_cluster_holds_is_not_known() {
        let all = backup("b", "Completed", None);
        assert_eq!(request(&[], &[]).targets(&all), None);
        check_namespaces(&request(&["any"], &[("any", "other")]), &all).unwrap();
        let patterns = backup("b", "Completed", Some(&["team-*"]));
        check_namespaces(&request(&["team-a"], &[]), &patterns).unwrap();
        insta::assert_snapshot!(request(&["any"], &[("any", "other")]).words(&all), @r#"namespace "any" into "other""#);
        insta::assert_snapshot!(request(&[], &[]).words(&all), @"everything in it");
    }

    #[test]
    fn a_schedule_stands_for_its_newest_completed_backup() {
        let at = |name: &str, phase: &str, time: &str| {
            let mut backup = backup(name, phase, None);
            backup.status.as_mut().unwrap().start_timestamp = Some(time.into());
            backup
        };
        let backups = vec![
            at("old", "Completed", "2026-11-19T00:00:00Z"),
            at("good", "Completed", "2026-11-20T00:00:00Z"),
            at("bad", "Failed", "2026-11-21T00:00:00Z"),
        ];
        assert_eq!(newest_completed(backups).unwrap().name_any(), "good");
        assert!(newest_completed(vec![at("bad", "Failed", "2026-11-21T00:00:00Z")]).is_none());
    }

    #[test]
    fn the_object_says_no_more_than_was_asked_for() {
        let asked = Request { existing: Some(Existing::Update), ..request(&[], &[("shop", "copy")]) };
        insta::assert_snapshot!(serde_json::to_string(&asked.object("r", "velero")).unwrap(), @r#"{"apiVersion":"velero.io/v1","kind":"Restore","metadata":{"name":"r","namespace":"velero"},"spec":{"backupName":"b","namespaceMapping":{"shop":"copy"},"existingResourcePolicy":"update"}}"#);
    }
}

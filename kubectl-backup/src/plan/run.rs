//! How a backup or restore is getting on and how it ended, in words.

use backup_api::velero::{Backup, Outcome, Restore, outcome};
use kube::ResourceExt as _;

use crate::{error::CliError, exit::Exit, plan::backup::is_glob};

/// A backup or a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something that is being saved.
    Backup,
    /// Something that is being restored.
    Restore,
}

impl Kind {
    /// The noun.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Restore => "restore",
        }
    }

    /// The command that shows it again.
    pub fn look(self, name: &str) -> String {
        match self {
            Self::Backup => format!("kubectl backup describe {name}"),
            Self::Restore => format!("kubectl backup restore list {name}"),
        }
    }

    /// The command that shows the texts of errors and warnings, which are kept in the storage location.
    pub fn texts(self, name: &str, namespace: &str) -> String {
        format!("velero {} describe {name} --details -n {namespace}", self.noun())
    }

    /// The command that shows all of them.
    pub fn list(self) -> &'static str {
        match self {
            Self::Backup => "kubectl backup list",
            Self::Restore => "kubectl backup restore list",
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Backup => "saved",
            Self::Restore => "restored",
        }
    }
}

/// What backups and restores have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// The object's name.
    pub name: String,
    /// Velero's namespace.
    pub namespace: String,
    /// Where it stands.
    pub phase: Option<String>,
    /// Items done, and items in all as far as known.
    pub items: (i64, i64),
    /// Items that are there whatever a selector fits: the namespaces themselves.
    pub bare_items: i64,
    /// Its place in the server's queue.
    pub queue_position: Option<i64>,
    /// Operations on volumes (snapshots taking effect, data moving) ended, and started.
    pub operations: (i64, i64),
    /// Count of errors.
    pub errors: i64,
    /// Count of warnings.
    pub warnings: i64,
    /// Why it failed or was refused.
    pub reasons: Vec<String>,
}

impl From<&Backup> for Run {
    fn from(backup: &Backup) -> Self {
        let status = backup.status.clone().unwrap_or_default();
        let progress = status.progress.unwrap_or_default();
        let ended = status.backup_item_operations_completed.unwrap_or_default()
            + status.backup_item_operations_failed.unwrap_or_default();
        Self {
            name: backup.name_any(),
            namespace: backup.namespace().unwrap_or_default(),
            phase: status.phase,
            items: (progress.items_backed_up, progress.total_items),
            bare_items: bare_items(backup),
            queue_position: status.queue_position,
            operations: (ended, status.backup_item_operations_attempted.unwrap_or_default()),
            errors: status.errors.unwrap_or_default(),
            warnings: status.warnings.unwrap_or_default(),
            reasons: reasons(status.validation_errors, status.failure_reason),
        }
    }
}

impl From<&Restore> for Run {
    fn from(restore: &Restore) -> Self {
        let status = restore.status.clone().unwrap_or_default();
        let progress = status.progress.unwrap_or_default();
        Self {
            name: restore.name_any(),
            namespace: restore.namespace().unwrap_or_default(),
            phase: status.phase,
            items: (progress.items_restored, progress.total_items),
            bare_items: 0,
            queue_position: None,
            operations: (0, 0),
            errors: status.errors.unwrap_or_default(),
            warnings: status.warnings.unwrap_or_default(),
            reasons: reasons(status.validation_errors, status.failure_reason),
        }
    }
}

fn bare_items(backup: &Backup) -> i64 {
    let namespaces = backup.spec.included_namespaces.as_deref().unwrap_or_default();
    if backup.spec.label_selector.is_none() || namespaces.iter().any(|name| name.contains(is_glob)) {
        return 0;
    }
    i64::try_from(namespaces.len()).unwrap_or_default()
}

fn reasons(validation: Option<Vec<String>>, failure: Option<String>) -> Vec<String> {
    validation.into_iter().flatten().chain(failure).filter(|text| !text.is_empty()).collect()
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Velero has not taken it up yet.
    NotSeen,
    /// In words.
    Text(String),
    /// So many of so many items.
    Items(u64, u64),
}

/// Whether Velero has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Velero has not looked at it.
    Unseen,
    /// It waits for others, or to begin.
    Queued,
    /// It is worked on, or has ended.
    Running,
}

/// Returns whether Velero has begun.
pub fn standing_of(run: &Run) -> Standing {
    match run.phase.as_deref().unwrap_or_default() {
        "" | "New" => Standing::Unseen,
        "Queued" | "ReadyToStart" => Standing::Queued,
        _ => Standing::Running,
    }
}

/// Returns where the run stands.
pub fn step(run: &Run) -> Step {
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    match run.phase.as_deref().unwrap_or_default() {
        "" | "New" => Step::NotSeen,
        "Queued" => Step::Text(match run.queue_position {
            Some(position) => format!("queued, number {position} in line"),
            None => "queued".into(),
        }),
        "ReadyToStart" => Step::Text("about to start".into()),
        "InProgress" if run.items.1 > 0 => Step::Items(count(run.items.0), count(run.items.1)),
        "InProgress" => Step::Text("in progress".into()),
        "WaitingForPluginOperations" | "WaitingForPluginOperationsPartiallyFailed" => {
            Step::Text(match run.operations {
                (_, 0) => "waiting for volume data".into(),
                (done, all) => format!("waiting for volume data, {done} of {all} done"),
            })
        }
        "Finalizing" | "FinalizingPartiallyFailed" => Step::Text("finalizing".into()),
        "Deleting" => Step::Text("being deleted".into()),
        other => Step::Text(other.to_owned()),
    }
}

/// Returns how the run ended: a sentence, or the error; `None` while it runs.
pub fn end(kind: Kind, run: &Run) -> Option<Result<String, CliError>> {
    let outcome = outcome(run.phase.as_deref())?;
    let (noun, name) = (kind.noun(), &run.name);
    let counts = counts(run);
    let because = run.reasons.iter().map(|reason| format!("\n* {reason}")).collect::<String>();
    let look = format!("See: {}", kind.look(name));
    let texts = format!("Their texts: {}", kind.texts(name, &run.namespace));
    let remark = if run.errors + run.warnings > 0 { format!("\n{texts}") } else { String::new() };
    let error = |what: &str| CliError::new(format!("{noun} {name:?} {what}{because}")).exit(Exit::from(outcome));
    Some(match outcome {
        // Nothing was wrong, and nothing fitted: "completed" alone would be taken for "all is saved".
        Outcome::Completed if run.items.0 <= run.bare_items => Ok(format!(
            "{noun} {name:?} completed, but nothing was {}: no object fits what it asks for ({counts})",
            kind.done()
        )),
        Outcome::Completed => Ok(format!("{noun} {name:?} completed: {} items, {counts}{remark}", run.items.0)),
        Outcome::PartiallyFailed => {
            Err(error(&format!("partially failed: {} items, {counts}", run.items.0)).hint(look).hint(texts))
        }
        Outcome::Failed => Err(error(&format!("failed: {counts}")).hint(look)),
        Outcome::FailedValidation => {
            Err(error(&format!("was refused by Velero (FailedValidation); nothing was {}", kind.done())).hint(look))
        }
    })
}

fn counts(run: &Run) -> String {
    let plural = |count: i64, noun: &str| match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    };
    format!("{}, {}", plural(run.errors, "error"), plural(run.warnings, "warning"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(phase: &str) -> Run {
        Run { name: "nightly".into(), phase: Some(phase.into()), items: (7, 9), ..Run::default() }
    }

    fn ended(run: &Run) -> (String, Exit) {
        match end(Kind::Backup, run).unwrap() {
            Ok(text) => (text, Exit::Done),
            Err(error) => (error.message, error.exit),
        }
    }

    #[test]
    fn where_it_stands_is_said_in_words() {
        assert_eq!(step(&Run::default()), Step::NotSeen);
        assert_eq!(step(&run("InProgress")), Step::Items(7, 9));
        let text = |run: &Run| match step(run) {
            Step::Text(text) => text,
            other => format!("{other:?}"),
        };
        assert_eq!(text(&Run { queue_position: Some(2), ..run("Queued") }), "queued, number 2 in line");
        let moving = Run { operations: (1, 3), ..run("WaitingForPluginOperations") };
        assert_eq!(text(&moving), "waiting for volume data, 1 of 3 done");
        assert_eq!(text(&run("SomethingNew")), "SomethingNew");
    }

    #[test]
    fn every_outcome_has_its_words_and_its_exit_code() {
        assert!(end(Kind::Backup, &run("Finalizing")).is_none());
        insta::assert_debug_snapshot!(ended(&run("Completed")), @r#"
        (
            "backup \"nightly\" completed: 7 items, 0 errors, 0 warnings",
            Done,
        )
        "#);
        let partial = Run { errors: 1, warnings: 2, ..run("PartiallyFailed") };
        insta::assert_debug_snapshot!(ended(&partial), @r#"
        (
            "backup \"nightly\" partially failed: 7 items, 1 error, 2 warnings",
            PartiallyFailed,
        )
        "#);
        let refused = Run { reasons: vec!["no such location".into()], ..run("FailedValidation") };
        insta::assert_debug_snapshot!(ended(&refused), @r#"
        (
            "backup \"nightly\" was refused by Velero (FailedValidation); nothing was saved\n* no such location",
            FailedValidation,
        )
        "#);
        assert_eq!(ended(&run("Failed")).1, Exit::Failed);
    }
}

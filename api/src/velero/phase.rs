//! Phases of backups and restores. A newer Velero may have phases that we do not know: they count as running.

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was done.
    Completed,
    /// Some items or volumes failed.
    PartiallyFailed,
    /// The operation failed as a whole.
    Failed,
    /// The server refused the specification; nothing was tried.
    FailedValidation,
}

/// Returns how a backup or restore in this phase ended, or `None` while it runs.
#[must_use]
pub fn outcome(phase: Option<&str>) -> Option<Outcome> {
    match phase? {
        "Completed" => Some(Outcome::Completed),
        "PartiallyFailed" => Some(Outcome::PartiallyFailed),
        "Failed" => Some(Outcome::Failed),
        "FailedValidation" => Some(Outcome::FailedValidation),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_and_missing_phases_are_running() {
        assert_eq!(outcome(None), None);
        assert_eq!(outcome(Some("")), None);
        assert_eq!(outcome(Some("WaitingForPluginOperationsPartiallyFailed")), None);
        assert_eq!(outcome(Some("SomethingNew")), None);
        assert_eq!(outcome(Some("PartiallyFailed")), Some(Outcome::PartiallyFailed));
    }
}

//! Which namespace is Velero's.

use std::collections::BTreeSet;

use crate::error::{CliError, Result};

/// Where to read how Velero is set up.
const INSTALL: &str = "Cold backups need Velero; see https://velero.io/docs/main/basic-install/. Hot backups do not: kubectl backup snapshot --help";

/// Chooses among the namespaces that hold a storage location, or else a Velero Deployment. Never guesses between two.
///
/// # Errors
/// When there is none, or more than one.
pub fn choose(found: &BTreeSet<String>) -> Result<String> {
    let mut names = found.iter();
    match (names.next(), names.next()) {
        (Some(only), None) => Ok(only.clone()),
        (None, _) => Err(CliError::new(
            "Velero is not installed in this cluster: its resource types are there, but no namespace holds a storage \
             location or a Velero Deployment",
        )
        .hint(INSTALL)
        .hint("If it is there all the same, name its namespace with --velero-namespace.")),
        _ => {
            let all: Vec<&str> = found.iter().map(String::as_str).collect();
            Err(CliError::new(format!("Velero is installed in {} namespaces: {}", all.len(), all.join(", ")))
                .hint(format!("Say which one with --velero-namespace, such as --velero-namespace {}", all[0]))
                .hint("To keep the choice: export KUBECTL_BACKUP_VELERO_NAMESPACE=NAMESPACE"))
        }
    }
}

/// Turns an error about Velero's objects into what it means: no CRDs, or no right to look everywhere.
pub fn explain(error: CliError, everywhere: bool) -> CliError {
    if error.is_missing_resource_type() {
        return CliError::new("Velero is not installed in this cluster: the server does not know velero.io/v1")
            .hint(INSTALL);
    }
    if everywhere && error.is_forbidden() {
        return error.hint("To look for Velero in one namespace only, name it with --velero-namespace.");
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn one_is_taken() {
        assert_eq!(choose(&set(&["backups"])).unwrap(), "backups");
    }

    #[test]
    fn none_and_two_are_errors_that_name_the_flag() {
        let none = choose(&set(&[])).unwrap_err();
        assert!(none.message.starts_with("Velero is not installed"));
        assert!(none.hints[1].contains("--velero-namespace"));
        let two = choose(&set(&["velero", "backups"])).unwrap_err();
        insta::assert_snapshot!(two.message, @"Velero is installed in 2 namespaces: backups, velero");
        insta::assert_snapshot!(two.hints[0], @"Say which one with --velero-namespace, such as --velero-namespace backups");
    }

    #[test]
    fn missing_types_are_told_apart_from_missing_rights() {
        let mut error = CliError::new("the server doesn't have a resource type needed to list backups");
        error.code = Some(404);
        assert!(explain(error, true).message.contains("does not know velero.io/v1"));
        let mut error = CliError::new("backups.velero.io is forbidden");
        error.code = Some(403);
        assert!(explain(error, true).hints[0].contains("--velero-namespace"));
    }
}

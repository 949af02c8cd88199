//! Which namespace is Velero's.

use std::collections::BTreeSet;

use crate::error::{CliError, Result};

/// Where to read how Velero is set up.
const INSTALL: &str = "Cold backups need Velero; see https://velero.io/docs/main/basic-install/. Hot backups do not: kubectl backup snapshot --help";

/// Reason of the error that says so.
const NOT_INSTALLED: &str = "VeleroNotInstalled";

/// Chooses among the namespaces that hold a storage location, or else a Velero Deployment. Never guesses between two.
///
/// # Errors
/// When there is none, or more than one.
pub fn choose(found: &BTreeSet<String>) -> Result<String> {
    let mut names = found.iter();
    match (names.next(), names.next()) {
        (Some(only), None) => Ok(only.clone()),
        (None, _) => Err(not_installed(
            "its resource types are there, but no namespace holds a storage location or a Velero Deployment",
        )
        .hint("If it is there all the same, name its namespace with --velero-namespace.")),
        _ => {
            let all: Vec<&str> = found.iter().map(String::as_str).collect();
            Err(CliError::new(format!("Velero is installed in {} namespaces: {}", all.len(), all.join(", ")))
                .hint(format!("Say which one with --velero-namespace, such as --velero-namespace {}", all[0]))
                .hint("To keep the choice: export KUBECTL_BACKUP_VELERO_NAMESPACE=NAMESPACE"))
        }
    }
}

fn not_installed(why: &str) -> CliError {
    let mut error = CliError::new(format!("Velero is not installed in this cluster: {why}")).hint(INSTALL);
    error.reason = Some(NOT_INSTALLED.to_owned());
    error
}

/// Returns whether the error says that there is no Velero.
pub fn is_not_installed(error: &CliError) -> bool {
    error.reason.as_deref() == Some(NOT_INSTALLED)
}

/// Turns an error about a missing resource type into what it means.
pub fn explain_missing(error: CliError) -> CliError {
    if error.is_missing_resource_type() { not_installed("the server does not know velero.io/v1") } else { error }
}

/// Explains an error about reading Velero's objects in a namespace, or in all.
pub fn explain(error: CliError, namespace: Option<&str>) -> CliError {
    let error = explain_missing(error);
    match namespace {
        _ if !error.is_forbidden() => error,
        None => error.hint("To look for Velero in one namespace only, name it with --velero-namespace."),
        Some(namespace) => {
            error.hint(format!("See what you may do there with: kubectl auth can-i --list -n {namespace}"))
        }
    }
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
        assert!(is_not_installed(&none));
        assert!(none.hints[1].contains("--velero-namespace"));
        let two = choose(&set(&["velero", "backups"])).unwrap_err();
        insta::assert_snapshot!(two.message, @"Velero is installed in 2 namespaces: backups, velero");
        insta::assert_snapshot!(two.hints[0], @"Say which one with --velero-namespace, such as --velero-namespace backups");
    }

    #[test]
    fn missing_types_are_told_apart_from_missing_rights() {
        let mut error = CliError::new("the server doesn't have a resource type needed to list backups");
        error.code = Some(404);
        let error = explain(error, None);
        assert!(is_not_installed(&error) && error.message.contains("does not know velero.io/v1"));
        let mut error = CliError::new("backups.velero.io is forbidden");
        error.code = Some(403);
        assert!(explain(error, None).hints[0].contains("--velero-namespace"));
        let mut error = CliError::new("backups.velero.io is forbidden");
        error.code = Some(403);
        assert!(explain(error, Some("velero")).hints[0].ends_with("kubectl auth can-i --list -n velero"));
    }
}

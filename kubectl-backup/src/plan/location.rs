//! Which storage location a backup goes to, and whether it can.

use backup_api::velero::BackupStorageLocation;
use kube::ResourceExt;

use crate::{
    error::{CliError, Result},
    plan::nearest,
};

/// The location that Velero falls back to when none is marked as the default.
const FALLBACK: &str = "default";

/// Chooses the location: the one that was named, else the default one.
///
/// # Errors
/// When it does not exist, or there is no default.
pub fn choose<'a>(
    locations: &'a [BackupStorageLocation],
    wanted: Option<&str>,
    namespace: &str,
) -> Result<&'a BackupStorageLocation> {
    let named = |name: &str| locations.iter().find(|location| location.name_any() == name);
    if locations.is_empty() {
        return Err(CliError::new(format!("Velero has no storage location in namespace {namespace:?}"))
            .hint("See where locations are: kubectl get backupstoragelocations.velero.io --all-namespaces")
            .hint("Velero's namespace can be named with --velero-namespace."));
    }
    let names: Vec<String> = locations.iter().map(ResourceExt::name_any).collect();
    match wanted {
        Some(name) => named(name).ok_or_else(|| {
            CliError::new(format!("the storage location {name:?} does not exist in namespace {namespace:?}"))
                .hint(nearest::hint(name, &names, "locations", &format!("namespace {namespace:?}")))
        }),
        None => locations.iter().find(|location| location.spec.default).or_else(|| named(FALLBACK)).ok_or_else(|| {
            CliError::new(format!("no storage location in namespace {namespace:?} is the default one"))
                .hint(format!("Name one with --location: {}", names.join(", ")))
        }),
    }
}

/// Checks that Velero can read from the location now.
///
/// # Errors
/// When it is unavailable; the message is the server's.
pub fn check_available(location: &BackupStorageLocation) -> Result<()> {
    let name = location.name_any();
    let namespace = location.namespace().unwrap_or_default();
    let status = location.status.as_ref();
    match status.and_then(|status| status.phase.as_deref()) {
        Some("Available") => Ok(()),
        phase => {
            let reason = status.and_then(|status| status.message.as_deref()).filter(|text| !text.is_empty());
            let phase = phase.filter(|phase| !phase.is_empty()).unwrap_or("not checked by Velero yet");
            let reason = reason.map(|text| format!(": {text}")).unwrap_or_default();
            Err(CliError::new(format!("the storage location {name:?} is {phase}{reason}"))
                .hint(format!("See: kubectl -n {namespace} describe backupstoragelocation.velero.io {name}")))
        }
    }
}

/// Checks that Velero can write to the location now.
///
/// # Errors
/// When it is read-only or unavailable.
pub fn check_writable(location: &BackupStorageLocation) -> Result<()> {
    if location.spec.access_mode.as_deref() == Some("ReadOnly") {
        let name = location.name_any();
        return Err(CliError::new(format!("the storage location {name:?} is read-only (accessMode: ReadOnly)"))
            .hint("Name another one with --location, or make this one writable."));
    }
    check_available(location)
}

#[cfg(test)]
mod tests {
    use backup_api::velero::{BackupStorageLocationSpec, BackupStorageLocationStatus};

    use super::*;

    fn location(name: &str, default: bool, phase: &str, message: Option<&str>) -> BackupStorageLocation {
        let spec = BackupStorageLocationSpec { default, ..Default::default() };
        let mut location = BackupStorageLocation::new(name, spec);
        location.metadata.namespace = Some("velero".into());
        location.status = Some(BackupStorageLocationStatus {
            phase: Some(phase.into()),
            message: message.map(Into::into),
            ..Default::default()
        });
        location
    }

    #[test]
    fn the_default_is_the_marked_one_then_the_one_called_default() {
        let marked = [location("default", false, "Available", None), location("s3", true, "Available", None)];
        assert_eq!(choose(&marked, None, "velero").unwrap().name_any(), "s3");
        assert_eq!(choose(&marked, Some("default"), "velero").unwrap().name_any(), "default");
        assert_eq!(choose(&marked[..1], None, "velero").unwrap().name_any(), "default");
    }

    #[test]
    fn a_wrong_or_missing_name_lists_what_there_is() {
        let only = [location("s3", false, "Available", None)];
        insta::assert_snapshot!(choose(&only, None, "velero").unwrap_err().hints[0], @"Name one with --location: s3");
        insta::assert_snapshot!(choose(&only, Some("ss3"), "velero").unwrap_err().hints[0], @r#"Did you mean "s3"?"#);
        assert!(choose(&[], None, "velero").unwrap_err().message.contains("no storage location"));
    }

    #[test]
    fn why_it_cannot_be_used_is_said_in_the_servers_words() {
        let broken = location("s3", true, "Unavailable", Some("no such bucket"));
        insta::assert_snapshot!(check_writable(&broken).unwrap_err().message, @r#"the storage location "s3" is Unavailable: no such bucket"#);
        let fresh = location("s3", true, "", None);
        insta::assert_snapshot!(check_available(&fresh).unwrap_err().message, @r#"the storage location "s3" is not checked by Velero yet"#);
        let mut frozen = location("s3", true, "Available", None);
        frozen.spec.access_mode = Some("ReadOnly".into());
        assert!(check_writable(&frozen).unwrap_err().message.contains("read-only"));
        assert!(check_available(&frozen).is_ok());
    }
}

//! Names of Velero's objects on the command line.

use super::name::parse_name;

/// Parses a backup's name; `backup.velero.io/NAME`, as `-o name` prints it, is one too.
///
/// # Errors
/// Says what is wrong with it when no object can have such a name.
pub fn parse_backup_name(text: &str) -> Result<String, String> {
    typed(text, &["backup.velero.io/", "backups.velero.io/", "backup/", "backups/"])
}

/// Parses a restore's name, with or without its type.
///
/// # Errors
/// Says what is wrong with it when no object can have such a name.
pub fn parse_restore_name(text: &str) -> Result<String, String> {
    typed(text, &["restore.velero.io/", "restores.velero.io/", "restore/", "restores/"])
}

fn typed(text: &str, types: &[&str]) -> Result<String, String> {
    parse_name(types.iter().find_map(|kind| text.strip_prefix(kind)).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_before_the_name_is_taken_off() {
        assert_eq!(parse_backup_name("backup.velero.io/nightly"), Ok("nightly".into()));
        assert_eq!(parse_restore_name("nightly"), Ok("nightly".into()));
        assert!(parse_backup_name("restore.velero.io/nightly").is_err());
    }
}

//! Writing a fixed file back: the whole new one or the whole old one, never a part.

use std::{fs, io::Write as _, path::Path};

use similar::TextDiff;

use super::source::Source;
use crate::error::{CliError, Result};

/// Puts the text in the file's place, with the file's rights.
///
/// # Errors
/// When the file changed since it was read, or cannot be replaced.
pub fn replace(file: &Path, old: &str, new: &str) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| CliError::new(format!("failed to write {}: {error}", file.display()));
    // A link stays one: what it leads to is replaced.
    let target = fs::canonicalize(file).map_err(|error| failed(&error))?;
    let about = fs::metadata(&target).map_err(|error| failed(&error))?;
    if !about.is_file() {
        return Err(failed(&"it is no regular file"));
    }
    let folder = target.parent().ok_or_else(|| failed(&"it is in no folder"))?;
    let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(|error| failed(&error))?;
    temporary.write_all(new.as_bytes()).map_err(|error| failed(&error))?;
    temporary.as_file().set_permissions(about.permissions()).map_err(|error| failed(&error))?;
    temporary.as_file().sync_all().map_err(|error| failed(&error))?;
    if fs::read(&target).map_err(|error| failed(&error))? != old.as_bytes() {
        return Err(failed(&"it was changed meanwhile").hint("Run the command again."));
    }
    temporary.persist(&target).map_err(|error| failed(&error.error))?;
    Ok(())
}

/// What would change, as `diff -u` shows it.
pub fn diff(source: &Source, new: &str) -> String {
    let name = source.name.trim_start_matches("./");
    TextDiff::from_lines(source.text.as_str(), new)
        .unified_diff()
        .context_radius(3)
        .header(&format!("a/{name}"), &format!("b/{name}"))
        .to_string()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_file_is_replaced_with_its_rights_and_a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a.yaml"), folder.path().join("b.yaml"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&file, &link).unwrap();
        replace(&link, "old", "new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left behind");
    }

    #[test]
    fn what_somebody_else_wrote_meanwhile_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        fs::write(&file, "theirs").unwrap();
        let error = replace(&file, "old", "new").unwrap_err();
        assert!(error.message.contains("was changed meanwhile"), "{}", error.message);
        assert_eq!(fs::read_to_string(&file).unwrap(), "theirs");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

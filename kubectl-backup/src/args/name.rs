//! Names of objects on the command line.

use super::labels::check_value;

/// Longest name of an object (a DNS subdomain).
const NAME_MAX: usize = 253;

/// Parses the name of a VolumeSnapshot; `volumesnapshot.snapshot.storage.k8s.io/NAME`, as `-o name` prints it, is
/// one too.
///
/// # Errors
/// Says what is wrong with it when no object can have such a name.
pub fn parse_snapshot_name(text: &str) -> Result<String, String> {
    parse(
        text,
        &[
            "volumesnapshot.snapshot.storage.k8s.io/",
            "volumesnapshots.snapshot.storage.k8s.io/",
            "volumesnapshot/",
            "volumesnapshots/",
            "vs/",
        ],
    )
}

/// Parses the name of a PersistentVolumeClaim, with or without its type.
///
/// # Errors
/// Says what is wrong with it when no object can have such a name.
pub fn parse_claim_name(text: &str) -> Result<String, String> {
    parse(text, &["persistentvolumeclaim/", "persistentvolumeclaims/", "pvc/"])
}

/// Parses `OLD:NEW`, two names of PersistentVolumeClaims.
///
/// # Errors
/// Says what is wrong with it.
pub fn parse_claim_pair(text: &str) -> Result<(String, String), String> {
    let (old, new) = text.split_once(':').ok_or_else(|| "write it as OLD:NEW, such as data:data-test".to_owned())?;
    Ok((parse_claim_name(old)?, parse_claim_name(new)?))
}

/// Parses the name of any object.
///
/// # Errors
/// Says what is wrong with it when no object can have such a name.
pub fn parse_name(text: &str) -> Result<String, String> {
    parse(text, &[])
}

/// Parses the name of a group of snapshots, which is a label's value.
///
/// # Errors
/// Says what is wrong with it.
pub fn parse_group(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("a group has a name".into());
    }
    check_value(text).map(|()| text.to_owned())
}

/// A name is a segment of a URL's path: one with a slash or dots alone would lead elsewhere.
fn parse(text: &str, types: &[&str]) -> Result<String, String> {
    let name = types.iter().find_map(|kind| text.strip_prefix(kind)).unwrap_or(text);
    let end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let part = |part: &str| {
        end(part.chars().next())
            && end(part.chars().last())
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if name.len() <= NAME_MAX && name.split('.').all(part) {
        return Ok(name.to_owned());
    }
    Err(format!(
        "no object can have the name {name:?}: it takes up to {NAME_MAX} lower case letters, digits, '-' and '.', \
         and starts and ends with a letter or digit"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_before_the_name_is_taken_off() {
        assert_eq!(parse_snapshot_name("web"), Ok("web".into()));
        assert_eq!(parse_snapshot_name("volumesnapshot.snapshot.storage.k8s.io/web"), Ok("web".into()));
        assert_eq!(parse_claim_name("pvc/data-web-0"), Ok("data-web-0".into()));
        assert!(parse_claim_name("vs/web").is_err());
    }

    #[test]
    fn a_name_never_leads_elsewhere() {
        for text in ["", "..", ".", "a/b", "a/", "../x", "a..b", "-a", "a-", "A", "a_b", "a b", "a?b", "a%2fb", "é"] {
            assert!(parse_name(text).is_err(), "{text:?}");
        }
        assert!(parse_name(&"a".repeat(254)).is_err());
        assert_eq!(parse_name("a.b-c.0"), Ok("a.b-c.0".into()));
    }
}

//! Names of backups and restores.

use jiff::Timestamp;

use crate::error::{CliError, Result};

/// Longest name: Velero writes it into labels as it is, and a label value has no more room.
const NAME_MAX: usize = 63;
/// `-` and `yyyymmddhhmmss`.
const STAMP_LEN: usize = 15;
/// `-` and a counter.
const COUNTER_LEN: usize = 3;

/// A name, and whether another one will do when it is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// The user chose it.
    Given(String),
    /// Made of what is saved and the time.
    Derived(String),
}

impl Named {
    /// Returns `<stem>-<UTC time>`, the stem cut so that the whole fits into a label.
    pub fn derived(stem: &str, now: Timestamp) -> Self {
        let cut: String = stem.chars().take(NAME_MAX - STAMP_LEN - COUNTER_LEN).collect();
        Self::Derived(format!("{}-{}", cut.trim_end_matches(['-', '.']), now.strftime("%Y%m%d%H%M%S")))
    }

    /// Returns the name to try: a derived one gets a counter from the second try on.
    pub fn candidate(&self, attempt: u32) -> String {
        match self {
            Self::Derived(name) if attempt > 1 => format!("{name}-{attempt}"),
            Self::Derived(name) | Self::Given(name) => name.clone(),
        }
    }
}

/// Checks the name of a backup or restore.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_name(name: &str) -> Result<()> {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let characters = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.'));
    let parts = name.split('.').all(|part| ends(part.chars().next()) && ends(part.chars().last()));
    if !characters || !parts {
        return Err(CliError::usage(format!("the name {name:?} is not valid"))
            .hint("Use lower case letters, digits, '-' and '.', with a letter or digit at both ends."));
    }
    if name.len() > NAME_MAX {
        return Err(CliError::usage(format!("the name {name:?} has {} characters", name.len())).hint(format!(
            "Use at most {NAME_MAX}: Velero writes the name into labels, and a longer one breaks CSI backups."
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_name_fits_into_a_label_whatever_it_is_made_of() {
        let now: Timestamp = "2026-11-21T10:09:08Z".parse().unwrap();
        for stem in ["a".repeat(63), format!("{}.-b", "a".repeat(43)), "a".into()] {
            check_name(&Named::derived(&stem, now).candidate(1)).unwrap();
            check_name(&Named::derived(&stem, now).candidate(99)).unwrap();
        }
        assert_eq!(Named::derived("shop", now).candidate(1), "shop-20261121100908");
        assert_eq!(Named::derived("shop", now).candidate(2), "shop-20261121100908-2");
        assert_eq!(Named::Given("mine".into()).candidate(2), "mine");
    }

    #[test]
    fn names_that_break_labels_are_refused() {
        for name in ["", "-a", "a-", "A", "a_b", "a..b", "a.-b", &"a".repeat(64)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        check_name("nightly.2026-1").unwrap();
    }
}

//! Names of things. The sidecars' names are the ids: nothing has to be remembered to find a thing again.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The longest id that CSI allows.
const MAX_BYTES: usize = 128;

/// A checked id: safe as the name of one folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(String);

impl Id {
    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of a thing that a caller refers to: an id that no thing can have is that of a missing thing.
    pub(crate) fn of(kind: Kind, text: &str) -> Result<Self, Error> {
        let key = Key { kind, id: text.to_owned() };
        if text.is_empty() {
            return Err(Error::Invalid(format!("{key}: the id is missing")));
        }
        Self::try_from(text.to_owned()).map_err(|_| Error::NotFound(key))
    }
}

impl TryFrom<String> for Id {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if text.is_empty() || text.len() > MAX_BYTES || text.starts_with('.') || !text.chars().all(plain) {
            return Err(Error::Invalid(format!(
                "{text:?} cannot be a name here: want 1 to {MAX_BYTES} letters, digits, '-', '_' and '.', not '.' first"
            )));
        }
        Ok(Self(text))
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The two kinds of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A volume
    Volume,
    /// A snapshot
    Snapshot,
}

/// A thing: its kind and id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Its kind
    pub kind: Kind,
    /// Its id, unchecked when it only appears in a message
    pub id: String,
}

impl Key {
    /// The volume with this id.
    pub fn volume(id: impl Into<String>) -> Self {
        Self { kind: Kind::Volume, id: id.into() }
    }

    /// The snapshot with this id.
    pub fn snapshot(id: impl Into<String>) -> Self {
        Self { kind: Kind::Snapshot, id: id.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Volume => "volume",
            Kind::Snapshot => "snapshot",
        };
        write!(f, "{kind} {:?}", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_the_folder_are_refused() {
        for bad in ["", ".", "..", ".hidden", "a/b", "../a", "a\0b", "a b", "ä", &"a".repeat(129)] {
            assert!(Id::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
        for good in ["pvc-5c1f0a6e", "snapshot-1", "A_b.c", &"a".repeat(128)] {
            assert!(Id::try_from(good.to_owned()).is_ok(), "{good:?}");
        }
    }
}

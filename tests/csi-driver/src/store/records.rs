//! What is remembered of a volume and of a snapshot, beside its data.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Id;

/// `volume.json`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Volume {
    /// Its id
    pub id: Id,
    /// Its size: recorded, not enforced
    pub capacity_bytes: i64,
    /// Whether it is a device (`volumeMode: Block`) and no file system
    #[serde(default)]
    pub block: bool,
    /// What filled it at its creation
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

/// Where a volume's first bytes came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// A snapshot
    Snapshot(Id),
    /// Another volume
    Volume(Id),
}

/// `snapshot.json`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshot {
    /// Its id
    pub id: Id,
    /// The volume it was taken of
    pub source_volume: Id,
    /// The least size of a volume restored from it: its source's size
    pub size_bytes: i64,
    /// Whether that is a device
    #[serde(default)]
    pub block: bool,
    /// When it was taken
    pub created: Timestamp,
    /// From when on it can be restored
    pub ready: Readiness,
    /// Its data vanish when it becomes ready: a fault
    #[serde(default)]
    pub lose_content: bool,
    /// So many deletions fail before one works: a fault
    #[serde(default)]
    pub fail_delete_times: u32,
}

/// When a snapshot becomes ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Readiness {
    /// From this moment on
    At(Timestamp),
    /// Not at all
    Never,
}

impl Readiness {
    /// Is it ready at this moment?
    pub fn is_reached(self, now: Timestamp) -> bool {
        match self {
            Self::At(moment) => moment <= now,
            Self::Never => false,
        }
    }
}

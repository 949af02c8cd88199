//! What is known of the content that a snapshot is bound to.

use backup_api::snapshot::VolumeSnapshotContent;

/// The content of a snapshot.
#[derive(Clone, Debug)]
pub enum Content {
    /// The snapshot is not bound to one (yet).
    Unbound,
    /// It may not be read.
    Hidden(String),
    /// The snapshot names it, but it is gone.
    Gone(String),
    /// It was read.
    Found(Box<VolumeSnapshotContent>),
}

impl Content {
    /// Returns the object if it was read.
    pub fn found(&self) -> Option<&VolumeSnapshotContent> {
        match self {
            Self::Found(content) => Some(content),
            Self::Unbound | Self::Hidden(_) | Self::Gone(_) => None,
        }
    }

    /// Returns whether nothing can be restored any more.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Gone(_))
    }
}

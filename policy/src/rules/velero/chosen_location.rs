//! Where Velero keeps a backup, as far as that can be seen.

use super::{later, with_locations};
use crate::{
    Facts,
    rules::Violation,
    velero::{LocationFact, Spec},
};

/// The location of a backup.
pub(super) struct Chosen<'a> {
    /// It, if it is there.
    pub location: Option<&'a LocationFact>,
    /// Whether no option of Velero's server (--default-backup-storage-location) leads to another one.
    certain: bool,
}

impl<'a> Chosen<'a> {
    /// Chooses as Velero does: the one that is named, else the one marked as default, else the server's, which mostly is
    /// the one called so.
    pub fn by(spec: &Spec<'_>, locations: &'a [LocationFact]) -> Self {
        let called = |name: &str| locations.iter().find(|location| location.name == name);
        match (spec.text("storageLocation"), locations.iter().find(|location| location.is_default)) {
            (Some(name), _) => Self { location: called(name), certain: true },
            (None, Some(marked)) => Self { location: Some(marked), certain: true },
            (None, None) => Self { location: called("default"), certain: locations.is_empty() },
        }
    }

    /// Tells the author, who is refused only for what is certain and is so now.
    pub fn told(&self, spec: &Spec<'_>, message: String) -> Violation {
        let violation = Violation::at(spec.path("storageLocation"), message);
        if self.certain { later(spec, violation) } else { violation.harmless() }
    }
}

/// One that takes backups, one that is only read, one that cannot be reached.
pub(super) fn three_locations() -> Facts {
    with_locations(&[("default", true, false, true), ("archive", false, true, true), ("broken", false, false, false)])
}

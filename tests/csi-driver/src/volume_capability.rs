//! What a volume can be used as: a folder, in any access mode.

use crate::error::Error;
use crate::proto::csi::VolumeCapability;
use crate::proto::csi::volume_capability::access_mode::Mode;
use crate::proto::csi::volume_capability::{AccessMode, AccessType};

/// Refuses an empty list and every capability that this driver does not have.
pub(crate) fn check_all(capabilities: &[VolumeCapability]) -> Result<(), Error> {
    if capabilities.is_empty() {
        return Err(Error::Invalid("volume_capabilities is missing".to_owned()));
    }
    capabilities.iter().try_for_each(|capability| check(capability).map(drop))
}

/// Refuses a capability that this driver does not have; else gives its access mode.
pub(crate) fn check(capability: &VolumeCapability) -> Result<Mode, Error> {
    match &capability.access_type {
        None => return Err(Error::Invalid("volume_capability has no access type".to_owned())),
        Some(AccessType::Block(_)) => {
            return Err(Error::Invalid(
                "volumeMode Block is not supported by the test driver: use Filesystem".to_owned(),
            ));
        }
        Some(AccessType::Mount(mount)) if !mount.mount_flags.is_empty() => {
            return Err(Error::Invalid(
                "mountOptions are not supported by the test driver: take them out of the storage class".to_owned(),
            ));
        }
        Some(AccessType::Mount(_)) => {}
    }
    match capability.access_mode.as_ref().map(AccessMode::mode) {
        None | Some(Mode::Unknown) => Err(Error::Invalid("volume_capability has no access mode".to_owned())),
        Some(mode) => Ok(mode),
    }
}

/// May nobody write in this mode?
pub(crate) fn is_read_only(mode: Mode) -> bool {
    matches!(mode, Mode::SingleNodeReaderOnly | Mode::MultiNodeReaderOnly)
}

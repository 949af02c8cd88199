//! What a volume can be used as: a folder or a device, in any access mode.

use crate::error::Error;
use crate::proto::csi::VolumeCapability;
use crate::proto::csi::volume_capability::access_mode::Mode;
use crate::proto::csi::volume_capability::{AccessMode, AccessType};

/// Refuses an empty list and every capability that this driver does not have. Says whether a device is wanted.
pub(crate) fn check_all(capabilities: &[VolumeCapability]) -> Result<bool, Error> {
    if capabilities.is_empty() {
        return Err(Error::Invalid("volume_capabilities is missing".to_owned()));
    }
    capabilities.iter().try_for_each(|capability| check(capability).map(drop))?;
    let devices = capabilities.iter().filter(|capability| is_block(capability)).count();
    if devices != 0 && devices != capabilities.len() {
        return Err(Error::Invalid("volume_capabilities wants a device and a file system at once".to_owned()));
    }
    Ok(devices != 0)
}

/// Whether a device is wanted.
pub(crate) fn is_block(capability: &VolumeCapability) -> bool {
    matches!(capability.access_type, Some(AccessType::Block(_)))
}

/// Refuses a capability that a volume of this mode does not have.
pub(crate) fn check_mode(wanted_block: bool, is_block: bool) -> Result<(), Error> {
    let name = |block: bool| if block { "Block" } else { "Filesystem" };
    if wanted_block == is_block {
        return Ok(());
    }
    Err(Error::Invalid(format!("the volume is of mode {}, not {}", name(is_block), name(wanted_block))))
}

/// Refuses a capability that this driver does not have; else gives its access mode.
pub(crate) fn check(capability: &VolumeCapability) -> Result<Mode, Error> {
    match &capability.access_type {
        None => return Err(Error::Invalid("volume_capability has no access type".to_owned())),
        Some(AccessType::Block(_)) => {}
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

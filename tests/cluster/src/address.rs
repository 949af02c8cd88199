//! Every cluster has a slot, and with it addresses of its own: fixed ports never clash.

use std::net::Ipv4Addr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::options::Profile;

/// Ports, the same in every cluster.
pub(crate) mod port {
    pub(crate) const API_SERVER: u16 = 6443;
    pub(crate) const S3: u16 = 9000;
    pub(crate) const CONTROLLER_MANAGER: u16 = 10257;
    pub(crate) const SCHEDULER: u16 = 10259;
    pub(crate) const PROXY_HEALTH: u16 = 10256;
    pub(crate) const SNAPSHOT_CONTROLLER: u16 = 9101;
    pub(crate) const VELERO_METRICS: u16 = 8085;
    pub(crate) const VELERO_PROFILER: u16 = 6060;
    /// Sidecars of the CSI drivers count up from here.
    pub(crate) const SIDECARS: u16 = 9110;
}

/// The addresses of one cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Addresses {
    pub slot: u8,
    pub profile: Profile,
}

impl Addresses {
    /// What everything but the further API servers listens on. In the control-plane profile a loopback address; in the
    /// node profile the inner end of a link that only this machine has.
    pub(crate) fn main(self) -> Ipv4Addr {
        self.apiserver(0)
    }

    /// The address of the API server with that index.
    pub(crate) fn apiserver(self, index: u8) -> Ipv4Addr {
        match self.profile {
            Profile::ControlPlane => Ipv4Addr::new(127, 77, self.slot, 1 + index),
            Profile::Node => Ipv4Addr::new(10, 231, self.slot, 2 + index),
        }
    }

    /// An address of the user's side that API servers reach: a webhook may listen there.
    pub(crate) fn host(self) -> Ipv4Addr {
        match self.profile {
            Profile::ControlPlane => self.main(),
            Profile::Node => Ipv4Addr::new(10, 231, self.slot, 1),
        }
    }

    /// `HOST:PORT` on the main address.
    pub(crate) fn at(self, port: u16) -> String {
        format!("{}:{port}", self.main())
    }
}

/// A slot that is ours as long as this value lives.
pub(crate) struct Slot {
    pub number: u8,
    // An abstract socket: one holder per network namespace, whatever the user or cache, and gone with the process.
    _claim: UnixListener,
}

impl Slot {
    /// Takes the first free slot.
    pub(crate) fn take() -> Result<Self> {
        for number in 1..=250 {
            let name = SocketAddr::from_abstract_name(format!("kubectl-backup-cluster-slot-{number}"))?;
            match UnixListener::bind_addr(&name) {
                Ok(claim) => return Ok(Self { number, _claim: claim }),
                Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error).context("claiming an address for the cluster"),
            }
        }
        bail!("all 250 cluster addresses of this machine are taken: end clusters with `cargo xtask cluster down`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_and_api_servers_never_share_an_address() {
        let mut seen = std::collections::BTreeSet::new();
        for profile in [Profile::ControlPlane, Profile::Node] {
            for slot in 1..=250 {
                for index in 0..5 {
                    assert!(seen.insert(Addresses { slot, profile }.apiserver(index)));
                }
            }
        }
    }

    #[test]
    fn the_control_plane_listens_on_loopback_only() {
        let addresses = Addresses { slot: 3, profile: Profile::ControlPlane };
        assert!(addresses.main().is_loopback());
        assert_eq!(addresses.at(port::S3), "127.77.3.1:9000");
    }

    #[test]
    fn two_takers_get_two_slots() {
        let (first, second) = (Slot::take().unwrap(), Slot::take().unwrap());
        assert_ne!(first.number, second.number);
    }
}

//! A CSI driver over a folder of real files, for tests: snapshots and clones copy real bytes.
//!
//! `driver` binds the sockets and serves; `identity`, `controller`, `node` and `registration` are the gRPC services;
//! `store` is the folder; `faults` is what a storage class may order to go wrong.

mod call;
mod capacity;
mod controller;
pub mod driver;
mod error;
pub mod faults;
mod identity;
mod loop_device;
mod mount;
mod node;
mod registration;
mod socket;
pub mod store;
mod volume_capability;

/// The generated services and messages.
pub mod proto {
    /// The Container Storage Interface.
    #[allow(missing_docs, unused_qualifications, clippy::all, clippy::pedantic, reason = "generated")]
    pub mod csi {
        tonic::include_proto!("csi.v1");
    }

    /// The kubelet's plugin registration.
    #[allow(missing_docs, unused_qualifications, clippy::all, clippy::pedantic, reason = "generated")]
    pub mod pluginregistration {
        tonic::include_proto!("pluginregistration");
    }
}

pub use error::Error;

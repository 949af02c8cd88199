//! A real Kubernetes with Velero, CSI snapshots and S3 on this machine, started and stopped by tests.

mod address;
mod api;
mod cache;
mod cgroup;
mod cluster;
mod components;
mod control_plane;
pub mod image;
mod images;
mod kubeconfig;
mod layout;
mod leftovers;
mod logs;
mod network;
mod node;
mod node_start;
mod options;
mod packages;
mod pins;
mod pki;
mod processes;
mod report;
mod s3;
mod sandbox;
mod start;
mod storage;
mod supervisor;
mod tasks;
mod velero;
pub mod webhook;

pub use cluster::{Cluster, Status};
pub use components::program;
pub use images::BUSYBOX;
pub use options::{Options, Part, Profile, parse_pin};
pub use sandbox::hold;
pub use supervisor::supervise;

//! A real Kubernetes with Velero, CSI snapshots and S3 on this machine, started and stopped by tests.

pub mod image;

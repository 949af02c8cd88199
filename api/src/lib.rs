//! Kubernetes types that the plugin and the webhook both speak: Velero, CSI snapshots, BackupPolicy.

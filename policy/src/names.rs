//! Annotations and labels that the rules read.

pub use backup_api::labels::{BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES, QUOTA_EXEMPT};

/// Image of the init container that a restore adds to the pod.
pub const INIT_HOOK_IMAGE: &str = "init.hook.restore.velero.io/container-image";
/// Command of the init container that a restore adds to the pod.
pub const INIT_HOOK_COMMAND: &str = "init.hook.restore.velero.io/command";
/// Every annotation that a pod rule reads.
pub const GUARDED_ANNOTATIONS: [&str; 4] =
    [BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES, INIT_HOOK_IMAGE, INIT_HOOK_COMMAND];

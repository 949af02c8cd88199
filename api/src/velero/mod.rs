//! Velero's objects: `velero.io/v1`. None of them has a status subresource: a status is written to the object itself.

mod backup;
mod delete_backup_request;
mod location;
mod phase;
mod restore;
mod schedule;
mod server_status_request;

pub use backup::{Backup, BackupProgress, BackupSpec, BackupStatus, ResourcePolicyRef};
pub use delete_backup_request::{DeleteBackupRequest, DeleteBackupRequestSpec, DeleteBackupRequestStatus};
pub use location::{BackupStorageLocation, BackupStorageLocationSpec, BackupStorageLocationStatus, ObjectStorage};
pub use phase::{Outcome, outcome};
pub use restore::{Restore, RestoreProgress, RestoreSpec, RestoreStatus};
pub use schedule::{Schedule, ScheduleSpec, ScheduleStatus};
pub use server_status_request::{ServerStatusRequest, ServerStatusRequestSpec, ServerStatusRequestStatus};

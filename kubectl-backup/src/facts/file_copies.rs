//! Which volumes a backup holds file by file.

use backup_api::labels::{VELERO_BACKUP_NAME, velero_label_value};

use crate::{
    client::{self, Cluster, ListRequest},
    error::Result,
    plan::overwritten::FileCopy,
};

/// Lists the file copies of a backup; `None` when they may not be read, nothing when Velero is too old to have any.
///
/// # Errors
/// When the server cannot be asked.
pub async fn of(cluster: &Cluster, namespace: &str, backup: &str) -> Result<Option<Vec<FileCopy>>> {
    let path = format!("/apis/velero.io/v1/namespaces/{namespace}/podvolumebackups");
    let selector = format!("{VELERO_BACKUP_NAME}={}", velero_label_value(backup));
    let doing = format!("list podvolumebackups of backup {backup:?} in namespace {namespace:?}");
    let mut copies = Vec::new();
    match client::list(cluster, &ListRequest { path, selector }, &doing, |copy| copies.push(copy)).await {
        Ok(()) => Ok(Some(copies)),
        Err(error) if error.is_forbidden() => Ok(None),
        Err(error) if error.is_not_found() => Ok(Some(Vec::new())),
        Err(error) => Err(error),
    }
}

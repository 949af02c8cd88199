//! Follows a request to delete a backup until Velero has done it, or said why not.

use std::time::Duration;

use backup_api::velero::{Backup, DeleteBackupRequest};
use kube::Api;
use serde_json::Value;

use crate::{
    client::{self, Cluster},
    context::Context,
    error::{CliError, Result},
    facts::velero,
    plan::backup_deletion::end,
};

/// Waits until the request is done. Velero removes a request that went well together with its backup.
///
/// # Errors
/// When Velero could not delete the backup, or the time is up.
pub async fn until_deleted(
    context: &Context,
    cluster: &Cluster,
    namespace: &str,
    backup: &str,
    request: &Value,
    timeout: Duration,
) -> Result<()> {
    let name = request.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let progress = context.ui.progress(&format!("backup {backup}"));
    progress.say("being deleted");
    let api: Api<DeleteBackupRequest> = Api::namespaced(cluster.client.clone(), namespace);
    let doing = format!("watch deletebackuprequest {name:?} in namespace {namespace:?}");
    let ended = client::until(api, name, timeout, &doing, |request| {
        Ok(match request {
            Some(request) => end(backup, &request).map(Some),
            None => Some(None),
        })
    })
    .await?;
    match ended {
        Some(Some(result)) => result,
        Some(None) => gone(cluster, namespace, backup).await,
        None => Err(CliError::timeout(format!("the backup {backup:?} was not deleted within {timeout:?}"))
            .hint(format!("Velero goes on with it; look with: kubectl backup describe {backup}"))),
    }
}

/// A request that is gone was done, or somebody removed it.
async fn gone(cluster: &Cluster, namespace: &str, backup: &str) -> Result<()> {
    let api: Api<Backup> = Api::namespaced(cluster.client.clone(), namespace);
    match velero::get(&api, "backup", backup, namespace).await? {
        None => Ok(()),
        Some(_) => {
            Err(CliError::new(format!("the request to delete backup {backup:?} was removed before it was done"))
                .hint(format!("Try again: kubectl backup delete {backup}")))
        }
    }
}

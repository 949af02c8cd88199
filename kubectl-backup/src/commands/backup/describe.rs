//! `kubectl backup describe`

use backup_api::{
    labels::{VELERO_BACKUP_NAME, VELERO_SCHEDULE_NAME, velero_label_value},
    velero::{Backup, Schedule},
};
use backup_policy::velero::Lock;
use kube::{Api, Resource as _, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    args::{ReportOutputArgs, parse_backup_name},
    client::{self, Cluster, ListRequest},
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts::velero,
    output::print_object,
    plan::{
        backup_lock::Origin,
        backup_report::{self, Facts},
    },
};

/// Shown below the help.
const EXAMPLES: &str = "Examples:
  kubectl backup describe nightly
  kubectl backup describe nightly -o jsonpath='{.backup.status.phase}'";

/// Show all that the cluster knows about a cold backup
///
/// Status, selection, times, until when it is locked and by what, the volumes whose data were copied, and failed attempts
/// to delete it. What Velero keeps only
/// in the storage location (the log, the texts of errors and warnings) is not shown.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The backup
    #[arg(value_name = "BACKUP", value_parser = parse_backup_name)]
    name: String,
    #[command(flatten)]
    output: ReportOutputArgs,
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        let cluster = context.cluster().await?;
        let namespace = velero::namespace(&cluster).await?;
        let backup = velero::backup(&cluster, &namespace, &self.name).await?;
        let path = |version: &str, plural: &str| format!("/apis/velero.io/{version}/namespaces/{namespace}/{plural}");
        let (pod_volumes, uploads, deletions) = tokio::try_join!(
            related(&cluster, path("v1", "podvolumebackups"), &self.name),
            related(&cluster, path("v2alpha1", "datauploads"), &self.name),
            related(&cluster, path("v1", "deletebackuprequests"), &self.name),
        )?;
        let format = self.output.format();
        if format.is_structured() {
            let doing = format!("get backup {:?} in namespace {namespace:?}", self.name);
            let path = format!("{}/{}", Backup::url_path(&(), Some(&namespace)), self.name);
            let backup = client::get(&cluster, &path, &doing).await?;
            let whole = json!({
                "backup": backup, "podVolumeBackups": pod_volumes, "dataUploads": uploads, "deleteBackupRequests": deletions,
            });
            print_object(&context.ui, format, &whole)?;
            return Ok(Exit::Done);
        }
        let facts = Facts {
            origin: origin(&cluster, &namespace, &backup).await?,
            backup,
            pod_volumes: typed(pod_volumes)?,
            uploads: typed(uploads)?,
            deletions: typed(deletions)?,
        };
        context.ui.data(&backup_report::render(&facts, context.now()))?;
        Ok(Exit::Done)
    }
}

/// The schedule that a locked backup was made by: Velero copies its annotations.
async fn origin(cluster: &Cluster, namespace: &str, backup: &Backup) -> Result<Option<Origin>> {
    let name = backup.labels().get(VELERO_SCHEDULE_NAME).filter(|_| Lock::end_of(&json!(backup)).is_some());
    let Some(name) = name.cloned() else { return Ok(None) };
    let api: Api<Schedule> = Api::namespaced(cluster.client.clone(), namespace);
    let schedule = match velero::get(&api, "schedule", &name, namespace).await {
        Ok(schedule) => Some(schedule.map(|schedule| json!(schedule))),
        Err(error) if error.is_forbidden() => None,
        Err(error) => return Err(error),
    };
    Ok(Some(Origin { name, schedule }))
}

/// Lists what Velero made for the backup; `None` when it may not be read, nothing when Velero is too old to have it.
async fn related(cluster: &Cluster, path: String, backup: &str) -> Result<Option<Vec<Value>>> {
    let doing = format!("list {} of backup {backup:?}", path.rsplit('/').next().unwrap_or_default());
    let request = ListRequest { path, selector: format!("{VELERO_BACKUP_NAME}={}", velero_label_value(backup)) };
    let mut objects = Vec::new();
    match client::list(cluster, &request, &doing, |object| objects.push(object)).await {
        Ok(()) => Ok(Some(objects)),
        Err(error) if error.is_forbidden() => Ok(None),
        Err(error) if error.is_not_found() => Ok(Some(Vec::new())),
        Err(error) => Err(error),
    }
}

fn typed<T: DeserializeOwned>(objects: Option<Vec<Value>>) -> Result<Option<Vec<T>>> {
    let each = |object| {
        serde_json::from_value(object)
            .map_err(|error| CliError::new(format!("an object of Velero's was not understood: {error}")))
    };
    objects.map(|objects| objects.into_iter().map(each).collect()).transpose()
}

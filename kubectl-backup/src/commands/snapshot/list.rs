//! `kubectl backup snapshot list`

use std::collections::HashMap;

use backup_api::snapshot::{VolumeSnapshot, VolumeSnapshotContent};
use serde::Deserialize as _;
use serde_json::Value;

use super::RESOURCE;
use crate::{
    args::{NamespaceScopeArgs, OutputArgs, OutputFormat},
    client::{Cluster, ListRequest, list},
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts,
    output::ListWriter,
    plan::snapshot::{origin, table},
};

/// List volume snapshots
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    scope: NamespaceScopeArgs,
    /// Label selector, as kubectl has it
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        let cluster = context.cluster().await?;
        let format = self.output.format();
        let namespace = (!self.scope.all_namespaces).then_some(cluster.namespace.as_str());
        let objects = self.read(&cluster, namespace).await?;
        if !format.is_table() {
            let mut writer = ListWriter::new(&context.ui, format, RESOURCE);
            for object in objects {
                writer.object(object)?;
            }
            writer.finish()?;
            return Ok(Exit::Done);
        }
        if objects.is_empty() {
            context.ui.status(&match namespace {
                Some(namespace) => format!("No resources found in {namespace} namespace."),
                None => "No resources found".to_owned(),
            });
            return Ok(Exit::Done);
        }
        let rows: Vec<VolumeSnapshot> =
            objects.iter().map(VolumeSnapshot::deserialize).collect::<Result<_, _>>().map_err(|error| {
                CliError::new(format!("the server sent a volumesnapshot that was not understood: {error}"))
            })?;
        let wide = format == OutputFormat::Wide;
        let contents = if wide { contents(&cluster, &rows).await } else { HashMap::new() };
        let backups = rows.iter().filter_map(origin::restored).map(|restored| restored.backup).collect();
        let backups = facts::backup_standing::of(&cluster, backups).await;
        let table = table::of(&rows, &contents, &backups, self.scope.all_namespaces, context.now());
        context.ui.data(&table.render(wide))?;
        Ok(Exit::Done)
    }

    async fn read(&self, cluster: &Cluster, namespace: Option<&str>) -> Result<Vec<Value>> {
        let request = ListRequest::of::<VolumeSnapshot>(namespace, self.selector.as_deref());
        let doing = match namespace {
            Some(namespace) => format!("list volumesnapshots in namespace {namespace:?}"),
            None => "list volumesnapshots in all namespaces".to_owned(),
        };
        let mut objects = Vec::new();
        list(cluster, &request, &doing, |object: Value| objects.push(object)).await.map_err(|error| {
            let error = facts::snapshots::explain(error);
            if error.is_forbidden() && namespace.is_none() {
                return error.hint("Without -A only one namespace is listed; choose it with -n.");
            }
            error
        })?;
        Ok(objects)
    }
}

/// Reads the contents for the wide columns. They are cluster-scoped: whoever may not read them sees `<unknown>`.
async fn contents(cluster: &Cluster, snapshots: &[VolumeSnapshot]) -> HashMap<String, VolumeSnapshotContent> {
    let mut contents = HashMap::new();
    if snapshots.is_empty() {
        return contents;
    }
    let request = ListRequest::of::<VolumeSnapshotContent>(None, None);
    let each = |content: VolumeSnapshotContent| {
        contents.insert(content.metadata.name.clone().unwrap_or_default(), content);
    };
    let read = list(cluster, &request, "list volumesnapshotcontents", each).await;
    if read.is_err() { HashMap::new() } else { contents }
}

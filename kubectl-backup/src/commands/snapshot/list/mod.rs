//! `kubectl backup snapshot list`

mod watch;

use std::collections::HashMap;

use backup_api::{
    labels,
    snapshot::{VolumeSnapshot, VolumeSnapshotContent},
};
use serde_json::Value;

use super::RESOURCE;
use crate::{
    args::{NamespaceScopeArgs, OutputArgs, OutputFormat, parse_group},
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
    /// Only the snapshots of a group
    #[arg(long, value_name = "NAME", value_parser = parse_group)]
    group: Option<String>,
    /// After listing, show each change until interrupted
    #[arg(short, long)]
    watch: bool,
    #[command(flatten)]
    output: OutputArgs,
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        let cluster = context.cluster().await?;
        let namespace = (!self.scope.all_namespaces).then_some(cluster.namespace.as_str());
        if self.watch {
            self.follow(context, &cluster, namespace).await?;
        } else if self.output.format().is_table() {
            self.show(context, &cluster, namespace).await?;
        } else {
            self.stream(context, &cluster, namespace).await?;
        }
        Ok(Exit::Done)
    }

    /// Objects for scripts pass through one by one: thousands never stand in memory together.
    async fn stream(&self, context: &Context, cluster: &Cluster, namespace: Option<&str>) -> Result<()> {
        let mut writer = ListWriter::new(&context.ui, self.output.format(), RESOURCE);
        let mut written = Ok(());
        let each = |object: Value| {
            if written.is_ok() {
                written = writer.object(object);
            }
        };
        list(cluster, &self.request(namespace), &doing(namespace), each)
            .await
            .map_err(|error| explain(error, namespace))?;
        written?;
        writer.finish()
    }

    async fn show(&self, context: &Context, cluster: &Cluster, namespace: Option<&str>) -> Result<()> {
        let mut rows: Vec<VolumeSnapshot> = Vec::new();
        list(cluster, &self.request(namespace), &doing(namespace), |snapshot| rows.push(snapshot))
            .await
            .map_err(|error| explain(error, namespace))?;
        if rows.is_empty() {
            context.ui.status(&nothing(namespace));
            return Ok(());
        }
        let wide = self.output.format() == OutputFormat::Wide;
        let contents = if wide { contents(cluster, &rows).await } else { HashMap::new() };
        let backups = rows.iter().filter_map(origin::restored).map(|restored| restored.backup).collect();
        let backups = facts::backup_standing::of(cluster, backups).await;
        let table = table::of(&rows, &contents, &backups, self.scope.all_namespaces, context.now());
        context.ui.data(&table.fitting(context.ui.columns()).render(wide))
    }

    fn request(&self, namespace: Option<&str>) -> ListRequest {
        ListRequest::of::<VolumeSnapshot>(namespace, Some(&self.selectors()))
    }

    /// The label selector, with the group in it.
    fn selectors(&self) -> String {
        let group = self.group.as_ref().map(|group| format!("{}={group}", labels::GROUP));
        self.selector.iter().filter(|it| !it.trim().is_empty()).cloned().chain(group).collect::<Vec<_>>().join(",")
    }
}

fn doing(namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) => format!("list volumesnapshots in namespace {namespace:?}"),
        None => "list volumesnapshots in all namespaces".to_owned(),
    }
}

fn nothing(namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) => format!("No resources found in {namespace} namespace."),
        None => "No resources found".to_owned(),
    }
}

fn explain(error: CliError, namespace: Option<&str>) -> CliError {
    let error = facts::snapshots::explain(error);
    if error.is_forbidden() && namespace.is_none() {
        return error.hint("Without -A only one namespace is listed; choose it with -n.");
    }
    error
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

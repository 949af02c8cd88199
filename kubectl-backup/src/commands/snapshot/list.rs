//! `kubectl backup snapshot list`

use std::collections::HashMap;

use backup_api::{
    labels,
    snapshot::{VolumeSnapshot, VolumeSnapshotContent},
};
use kube::api::{Api, ApiResource};
use serde::{Deserialize as _, de::IgnoredAny};
use serde_json::Value;

use super::RESOURCE;
use crate::{
    args::{ListOutputArgs, NamespaceScopeArgs, OutputFormat, parse_group, parse_snapshot_name},
    client::{Cluster, ListRequest, list},
    commands::listing::{Listing, Rows},
    context::Context,
    error::{CliError, Doing as _, Result},
    exit::Exit,
    facts,
    output::Table,
    plan::snapshot::{origin, table},
};

/// Shown below the help.
const EXAMPLES: &str = "Examples:
  kubectl backup snapshot list -n shop
  kubectl backup snapshot list -A --sort-by .status.restoreSize
  kubectl backup snapshot list --group friday -o name
  kubectl backup snapshot list -w";

/// List volume snapshots
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Names of snapshots; all when absent
    #[arg(value_name = "SNAPSHOT", value_parser = parse_snapshot_name)]
    names: Vec<String>,
    #[command(flatten)]
    scope: NamespaceScopeArgs,
    /// Label selector, as kubectl has it
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "names")]
    selector: Option<String>,
    /// Only the snapshots of a group
    #[arg(long, value_name = "NAME", value_parser = parse_group, conflicts_with = "names")]
    group: Option<String>,
    /// After listing, show each change until interrupted
    #[arg(short, long)]
    watch: bool,
    #[command(flatten)]
    output: ListOutputArgs,
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        self.output.check()?;
        if self.scope.all_namespaces && !self.names.is_empty() {
            return Err(CliError::usage(
                "a resource cannot be retrieved by name across all namespaces: choose one with -n",
            ));
        }
        let cluster = context.cluster().await?;
        let namespace = (!self.scope.all_namespaces).then_some(cluster.namespace.as_str());
        let place = match namespace {
            Some(namespace) => format!("namespace {namespace:?}"),
            None => "all namespaces".to_owned(),
        };
        let listing = Listing {
            request: ListRequest::of::<VolumeSnapshot>(namespace, Some(&self.selectors())),
            doing: format!("list volumesnapshots in {place}"),
            resource: RESOURCE,
            names: &self.names,
            flags: &self.output,
            nothing: match namespace {
                Some(namespace) => format!("No resources found in {namespace} namespace."),
                None => "No resources found".to_owned(),
            },
            explain: &|error| explain(error, namespace),
        };
        if self.watch {
            return self.follow(context, &cluster, namespace, &listing).await;
        }
        if !self.output.format().is_table() {
            return listing.script::<IgnoredAny>(context, &cluster, Rows::ALL).await;
        }
        let found = listing.rows::<VolumeSnapshot>(&cluster, Rows::ALL).await?;
        let wide = self.output.format() == OutputFormat::Wide;
        let contents = if wide { contents(&cluster, &found.rows).await } else { HashMap::new() };
        let table = self.table(context, &cluster, &found.rows, &contents).await;
        listing.show(context, found, table)
    }

    async fn follow(
        &self,
        context: &Context,
        cluster: &Cluster,
        namespace: Option<&str>,
        listing: &Listing<'_>,
    ) -> Result<Exit> {
        // As it travels: fields that our types do not know must not get lost.
        let resource = ApiResource::erase::<VolumeSnapshot>(&());
        let client = cluster.client.clone();
        let api = match namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &resource),
            None => Api::all_with(client, &resource),
        };
        let mut known: Option<HashMap<String, VolumeSnapshotContent>> = None;
        let table = async |objects: &[Value]| {
            let rows = objects.iter().map(VolumeSnapshot::deserialize).collect::<Result<Vec<_>, _>>();
            let rows = rows.map_err(|error| {
                CliError::new(format!("the server sent a volumesnapshot that was not understood: {error}"))
            })?;
            if self.output.format() == OutputFormat::Wide {
                read_contents(cluster, &rows, &mut known).await;
            }
            Ok(self.table(context, cluster, &rows, known.as_ref().unwrap_or(&HashMap::new())).await)
        };
        listing.follow(context, api, &|_| Ok(true), table).await?;
        Ok(Exit::Done)
    }

    async fn table(
        &self,
        context: &Context,
        cluster: &Cluster,
        rows: &[VolumeSnapshot],
        contents: &HashMap<String, VolumeSnapshotContent>,
    ) -> Table {
        let backups = rows.iter().filter_map(origin::restored).map(|restored| restored.backup).collect();
        let backups = facts::backup_standing::of(cluster, backups).await;
        table::of(rows, contents, &backups, self.scope.all_namespaces, context.now())
    }

    /// The label selector, with the group in it.
    fn selectors(&self) -> String {
        let group = self.group.as_ref().map(|group| format!("{}={group}", labels::GROUP));
        self.selector.iter().filter(|it| !it.trim().is_empty()).cloned().chain(group).collect::<Vec<_>>().join(",")
    }
}

fn explain(error: CliError, namespace: Option<&str>) -> CliError {
    let missing = error.is_not_found() && !error.is_missing_resource_type();
    let error = facts::snapshots::explain(error);
    match namespace {
        None if error.is_forbidden() => error.hint("Without -A only one namespace is listed; choose it with -n."),
        Some(namespace) if error.is_forbidden() => {
            error.hint(format!("See what you may do there with: kubectl auth can-i --list -n {namespace}"))
        }
        Some(namespace) if missing => error.hint(format!(
            "Looked in namespace {namespace:?}; those of all namespaces are shown by: kubectl backup snapshot list -A"
        )),
        _ => error,
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

/// Reads all contents at first, then each that is new.
async fn read_contents(
    cluster: &Cluster,
    rows: &[VolumeSnapshot],
    known: &mut Option<HashMap<String, VolumeSnapshotContent>>,
) {
    let known = match known {
        Some(known) => known,
        None => known.insert(contents(cluster, rows).await),
    };
    for row in rows {
        let bound = row.status.as_ref().and_then(|status| status.bound_volume_snapshot_content_name.as_deref());
        let Some(name) = bound else { continue };
        let has_handle = |content: &VolumeSnapshotContent| {
            content.status.as_ref().is_some_and(|status| status.snapshot_handle.is_some())
        };
        if known.get(name).is_some_and(has_handle) {
            continue;
        }
        let api: Api<VolumeSnapshotContent> = Api::all(cluster.client.clone());
        if let Ok(Some(content)) = api.get_opt(name).await.doing(|| format!("read content {name:?}")) {
            known.insert(name.to_owned(), content);
        }
    }
}

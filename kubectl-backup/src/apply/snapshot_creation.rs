//! Creates snapshots side by side, and takes back what was made when one is refused.

use backup_api::{labels, snapshot::VolumeSnapshot};
use futures::{StreamExt as _, stream};
use kube::{
    Api, Resource as _,
    api::{DeleteParams, Preconditions},
};
use serde_json::Value;

use crate::{
    args::DryRun,
    client::{self, Cluster},
    error::{CliError, Doing as _, Result},
    facts,
    plan::{refusal, snapshot::name},
};

/// Derived names that are tried before giving up: as many as a second may bring forth.
const ATTEMPTS: u32 = 20;
/// Creates under way at a time.
const AT_ONCE: usize = 32;

/// A snapshot that was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: Option<String>,
    /// The server's answer as it is: fields that our types do not know must not get lost.
    pub object: Value,
}

impl Made {
    /// Reads what the server answered, or what would be sent.
    pub fn of(object: Value) -> Self {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        Self { name: text("/metadata/name").unwrap_or_default(), uid: text("/metadata/uid"), object }
    }
}

/// Creates all, side by side; the answers are in the order of the snapshots. One whose name was `derived` and is taken gets
/// the next name.
pub async fn create_all(
    cluster: &Cluster,
    snapshots: &[VolumeSnapshot],
    derived: bool,
    dry_run: DryRun,
) -> Vec<Result<Made>> {
    let creates = snapshots.iter().map(|snapshot| create_under_free_name(cluster, snapshot, derived, dry_run));
    stream::iter(creates).buffered(AT_ONCE).collect().await
}

async fn create_under_free_name(
    cluster: &Cluster,
    snapshot: &VolumeSnapshot,
    derived: bool,
    dry_run: DryRun,
) -> Result<Made> {
    let first = snapshot.metadata.name.clone().unwrap_or_default();
    let mut snapshot = snapshot.clone();
    let mut attempt = 1;
    loop {
        let name = name::again(&first, attempt);
        snapshot.metadata.name = Some(name.clone());
        match create(cluster, &as_sent(&snapshot)?, &name, dry_run).await {
            Err(error) if derived && attempt < ATTEMPTS && error.reason.as_deref() == Some("AlreadyExists") => {
                attempt += 1;
            }
            Err(error) if error.code.is_none() => return made_all_the_same(cluster, &snapshot).await.ok_or(error),
            result => return result.map(Made::of),
        }
    }
}

/// A create without an answer may have been done. The group tells ours from another one of the same name.
async fn made_all_the_same(cluster: &Cluster, snapshot: &VolumeSnapshot) -> Option<Made> {
    let group = snapshot.metadata.labels.as_ref()?.get(labels::GROUP)?;
    let found = facts::snapshots::read_as_is(cluster, snapshot.metadata.name.as_deref()?).await.ok()?;
    let labelled = found.pointer("/metadata/labels").and_then(|labels| labels.get(labels::GROUP));
    (labelled.and_then(Value::as_str) == Some(group)).then(|| Made::of(found))
}

/// Writes a snapshot as it is sent.
///
/// # Errors
/// When it cannot be written.
pub fn as_sent(snapshot: &VolumeSnapshot) -> Result<Value> {
    serde_json::to_value(snapshot)
        .map_err(|error| CliError::new(format!("failed to write the volumesnapshot: {error}")))
}

/// Sends the object and returns the server's answer.
///
/// # Errors
/// When the server refuses or cannot be reached.
pub async fn create(cluster: &Cluster, snapshot: &Value, name: &str, dry_run: DryRun) -> Result<Value> {
    let namespace = &cluster.namespace;
    let doing = format!("create volumesnapshot {name:?} in namespace {namespace:?}");
    let path = VolumeSnapshot::url_path(&(), Some(namespace));
    client::create(cluster, &path, snapshot, dry_run, &doing)
        .await
        .map_err(|error| refusal::explain(facts::snapshots::explain(error), "volumesnapshots", name, namespace))
}

/// Deletes what was made. Returns what to tell, and whether all of it goes.
pub async fn take_back(cluster: &Cluster, made: &[Made]) -> (String, bool) {
    let api: Api<VolumeSnapshot> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let deletes = made.iter().map(async |made| {
        let params = DeleteParams {
            preconditions: Some(Preconditions { uid: made.uid.clone(), resource_version: None }),
            ..DeleteParams::default()
        };
        match api.delete(&made.name, &params).await.doing(|| format!("delete volumesnapshot {:?}", made.name)) {
            Err(error) if !error.is_not_found() => Some((made.name.clone(), error.message)),
            _ => None,
        }
    });
    let stayed: Vec<_> = stream::iter(deletes).buffered(AT_ONCE).filter_map(std::future::ready).collect().await;
    if stayed.is_empty() {
        let names: Vec<&str> = made.iter().map(|made| made.name.as_str()).collect();
        return (format!("deleted again: {}", names.join(", ")), true);
    }
    let why: Vec<String> = stayed.iter().map(|(name, why)| format!("{name} ({why})")).collect();
    let names: Vec<&str> = stayed.iter().map(|(name, _)| name.as_str()).collect();
    let command = format!("kubectl backup snapshot delete {} -n {}", names.join(" "), cluster.namespace);
    (format!("could not be deleted again: {}. Delete them with: {command}", why.join(", ")), false)
}

//! Creates snapshots side by side.

use backup_api::snapshot::VolumeSnapshot;
use futures::{StreamExt as _, stream};
use kube::Resource as _;
use serde_json::Value;

use super::unanswered::Run;
use crate::{
    args::DryRun,
    client::{self, Cluster},
    error::{CliError, Result},
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
    run: &Run,
    snapshots: &[VolumeSnapshot],
    derived: bool,
    dry_run: DryRun,
) -> Vec<Result<Made>> {
    let creates = snapshots.iter().map(|snapshot| create_under_free_name(cluster, run, snapshot, derived, dry_run));
    stream::iter(creates).buffered(AT_ONCE).collect().await
}

async fn create_under_free_name(
    cluster: &Cluster,
    run: &Run,
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
        let mut sent = as_sent(&snapshot)?;
        if dry_run == DryRun::None {
            run.mark(&mut sent);
        }
        match create(cluster, &sent, &name, dry_run).await {
            Err(error) if derived && attempt < ATTEMPTS && error.reason.as_deref() == Some("AlreadyExists") => {
                attempt += 1;
            }
            Err(error) if dry_run == DryRun::None && error.leaves_open() => {
                return made_all_the_same(cluster, run, &name, error).await;
            }
            result => return result.map(Made::of),
        }
    }
}

/// A create without an answer may have been done.
async fn made_all_the_same(cluster: &Cluster, run: &Run, name: &str, error: CliError) -> Result<Made> {
    let namespace = &cluster.namespace;
    let path = format!("{}/{name}", VolumeSnapshot::url_path(&(), Some(namespace)));
    match run.find(cluster, &path, &format!("read volumesnapshot {name:?} in namespace {namespace:?}")).await {
        Ok(Some(found)) => Ok(Made::of(found)),
        Ok(None) => Err(error),
        Err(_) => Err(error.hint(format!(
            "VolumeSnapshot {name:?} may have been made all the same; look with: kubectl backup snapshot list -n {namespace}"
        ))),
    }
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

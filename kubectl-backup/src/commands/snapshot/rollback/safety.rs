//! The snapshot of the data as they are: taken, and given up when it cannot be had.

use std::collections::BTreeMap;

use backup_api::{labels, snapshot::VolumeSnapshot};
use kube::Resource as _;

use super::step::as_sent;
use crate::{
    apply::{
        one_snapshot,
        storage_copy::{APPEARING, goes_with},
    },
    args::DryRun,
    client::{self, Cluster},
    context::Context,
    error::{CliError, Result},
    facts,
    plan::{
        refusal,
        rollback::{Journal, is_safety_of, mark_safety},
    },
};

/// So often it is asked for while no answer comes. One that was made is found by its name, and what is on its way still is
/// refused then.
const TRIES: usize = 3;

/// Takes it.
///
/// # Errors
/// When it cannot be taken, or the name is another's.
pub async fn take(context: &Context, cluster: &Cluster, journal: &Journal, name: &str) -> Result<()> {
    for left in (0..TRIES).rev() {
        match create(cluster, journal, name, DryRun::None).await? {
            Err(error) if error.leaves_open() && left > 0 => {}
            // An earlier try made it.
            Err(error)
                if error.reason.as_deref() == Some("AlreadyExists") && own(cluster, journal).await?.is_some() =>
            {
                break;
            }
            Err(error) => return Err(explained(cluster, name, error)),
            Ok(()) => break,
        }
    }
    context.ui.status(&format!("volumesnapshot/{name} created"));
    Ok(())
}

/// Tries whether it may be taken.
///
/// # Errors
/// When it may not.
pub async fn try_to_take(cluster: &Cluster, journal: &Journal, name: &str) -> Result<()> {
    create(cluster, journal, name, DryRun::Server).await?.map_err(|error| explained(cluster, name, error))
}

/// Goes on without it: it failed, and would only hold a slot. Returns what is left of it, or may be.
pub async fn give_up(cluster: &Cluster, journal: &Journal, error: &CliError) -> Option<String> {
    let name = journal.safety.as_deref()?;
    let look = format!("look with: kubectl backup snapshot list -n {}", cluster.namespace);
    match removed(cluster, journal).await {
        Ok(None) if error.leaves_open() => Some(format!("snapshot {name} may be made all the same; {look}")),
        Ok(remark) => remark.flatten(),
        Err(error) => Some(format!("snapshot {name} stays ({}); {look}", error.message)),
    }
}

/// Removes it with the storage's copy. Returns what has to be told of that; `None` when there is none of this rollback.
async fn removed(cluster: &Cluster, journal: &Journal) -> Result<Option<Option<String>>> {
    let Some(found) = own(cluster, journal).await? else { return Ok(None) };
    let [name, uid] = [&found.metadata.name, &found.metadata.uid].map(|part| part.as_deref().unwrap_or_default());
    let copy = goes_with(cluster, name, uid, APPEARING).await?;
    let path = format!("{}/{name}", VolumeSnapshot::url_path(&(), Some(&cluster.namespace)));
    client::delete_exactly(cluster, &path, uid, &format!("delete volumesnapshot {name:?}")).await?;
    Ok(Some(copy.see_to_it(cluster).await))
}

/// What is there of that name, if this rollback took it.
async fn own(cluster: &Cluster, journal: &Journal) -> Result<Option<VolumeSnapshot>> {
    let found = facts::rollback::source(cluster, journal.safety.as_deref().unwrap_or_default()).await?;
    Ok(found.filter(|found| is_safety_of(journal, found)))
}

/// Sends it. The inner error is the server's answer, or that there was none.
async fn create(cluster: &Cluster, journal: &Journal, name: &str, dry_run: DryRun) -> Result<Result<()>> {
    let namespace = &cluster.namespace;
    let label = BTreeMap::from([(labels::SAFETY.to_owned(), "true".to_owned())]);
    let snapshot = one_snapshot::planned(cluster, journal.claim(), name, &label, dry_run).await?;
    let mut body = as_sent(&snapshot)?;
    mark_safety(journal, &mut body);
    let path = VolumeSnapshot::url_path(&(), Some(namespace));
    let doing = format!("create volumesnapshot {name:?} in namespace {namespace:?}");
    let sent = client::create(cluster, &path, &body, dry_run, &doing).await;
    Ok(match sent {
        Ok(answer) if dry_run == DryRun::Server && answer.pointer("/spec/volumeSnapshotClassName").is_none() => {
            Err(CliError::new("its class is not known: the VolumeSnapshotClasses may not be listed"))
        }
        sent => sent.map(drop),
    })
}

fn explained(cluster: &Cluster, name: &str, error: CliError) -> CliError {
    refusal::explain(facts::snapshots::explain(error), "volumesnapshots", name, &cluster.namespace)
}

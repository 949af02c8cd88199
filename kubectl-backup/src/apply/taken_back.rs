//! Deletes snapshots again that this run made, when the rest is refused, and waits until they are gone: until then each
//! holds its slot of the quota.

use std::time::Duration;

use backup_api::{labels, snapshot::VolumeSnapshot};
use futures::{StreamExt as _, future::join_all, stream};
use kube::{
    Api,
    api::{DeleteParams, Preconditions},
};
use serde_json::Value;

use super::{
    gone::{self, Patience},
    remind::PATIENCE,
    snapshot_creation::Made,
    storage_copy::{self, APPEARING, CopyFate},
    unanswered::Run,
};
use crate::{
    client::{Cluster, ListRequest, list},
    error::{Doing as _, Result},
    output::Ui,
    plan::snapshot::taken_back::{End, told},
};

/// Looks for what an interrupted run has made.
const LOOKS: usize = 2;
/// Deletions asked for at a time.
const AT_ONCE: usize = 32;
/// How long they may take to go.
const GOING: Patience = Patience { timeout: Duration::from_secs(30), before_reminding: PATIENCE };
/// The same when the user waits for the program to end.
const GOING_AT_EXIT: Patience = Patience { timeout: Duration::from_secs(3), before_reminding: Duration::from_secs(1) };
/// How long a content may take to appear then.
const APPEARING_AT_EXIT: Duration = Duration::from_secs(2);

/// A deletion that was asked for, with what becomes of the storage's copy.
type Asked = (Made, Result<CopyFate>);

/// Deletes what was made, with the storage's copies, and waits. Returns what to tell, and whether all of it is gone.
pub async fn take_back(ui: &Ui, cluster: &Cluster, made: &[Made]) -> (String, bool) {
    let asked = ask(cluster, made, APPEARING).await;
    wait(ui, cluster, asked, GOING).await
}

/// Deletes everything that this run has made in the namespace, by its mark, and waits for a moment. A create that was
/// interrupted may be done only after a first look. Returns what to tell, and whether all of it is gone; `None` when there
/// is nothing.
///
/// # Errors
/// When it cannot be looked up.
pub async fn take_back_of(
    ui: &Ui,
    cluster: &Cluster,
    run: &Run,
    group: Option<&str>,
) -> Result<Option<(String, bool)>> {
    let selector = group.map(|group| format!("{}={group}", labels::GROUP));
    let request = ListRequest::of::<VolumeSnapshot>(Some(&cluster.namespace), selector.as_deref());
    let doing = format!("list volumesnapshots in namespace {:?}", cluster.namespace);
    let mut asked: Vec<Asked> = Vec::new();
    for _ in 0..LOOKS {
        let mut new: Vec<Made> = Vec::new();
        let looked = list(cluster, &request, &doing, |found: Value| {
            let made = Made::of(found);
            if run.made(&made.object) && !asked.iter().any(|(other, _)| other.uid == made.uid) {
                new.push(made);
            }
        });
        looked.await?;
        asked.extend(ask(cluster, &new, APPEARING_AT_EXIT).await);
    }
    if asked.is_empty() {
        return Ok(None);
    }
    Ok(Some(wait(ui, cluster, asked, GOING_AT_EXIT).await))
}

async fn ask(cluster: &Cluster, made: &[Made], appearing: Duration) -> Vec<Asked> {
    let asks = made.iter().cloned().map(|made| async move {
        let asked = ask_for_one(cluster, &made, appearing).await;
        (made, asked)
    });
    stream::iter(asks).buffered(AT_ONCE).collect().await
}

async fn ask_for_one(cluster: &Cluster, made: &Made, appearing: Duration) -> Result<CopyFate> {
    let uid = made.uid.as_deref().unwrap_or_default();
    let fate = storage_copy::goes_with(cluster, &made.name, uid, appearing).await?;
    let api: Api<VolumeSnapshot> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let params = DeleteParams {
        preconditions: Some(Preconditions { uid: made.uid.clone(), resource_version: None }),
        ..DeleteParams::default()
    };
    match api.delete(&made.name, &params).await.doing(|| format!("delete volumesnapshot {:?}", made.name)) {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(fate),
    }
}

/// Waits for all at once.
async fn wait(ui: &Ui, cluster: &Cluster, asked: Vec<Asked>, patience: Patience) -> (String, bool) {
    let waits = asked.into_iter().map(|(made, asked)| async move {
        let (end, remark) = match asked {
            Ok(fate) => match until_gone(ui, cluster, &made, patience).await {
                End::Gone => (End::Gone, fate.see_to_it(cluster).await),
                end => (end, fate.remark),
            },
            Err(error) => (End::Stays(error.message), None),
        };
        ((made.name, end), remark)
    });
    let (ends, remarks): (Vec<_>, Vec<_>) = join_all(waits).await.into_iter().unzip();
    let remarks: Vec<_> = remarks.into_iter().flatten().collect();
    told(&ends, &remarks, &cluster.namespace)
}

async fn until_gone(ui: &Ui, cluster: &Cluster, made: &Made, patience: Patience) -> End {
    let mut snapshot = VolumeSnapshot::new(&made.name, Default::default());
    snapshot.metadata.uid.clone_from(&made.uid);
    match gone::wait(ui, cluster, &snapshot, patience).await {
        Ok(gone::End::Gone) => End::Gone,
        Ok(gone::End::Refused(message)) => End::Going(format!("its driver refuses: {message}")),
        Ok(gone::End::Late { has_failed: true, .. }) => {
            End::Going("its driver fails to delete the storage's copy".to_owned())
        }
        Ok(gone::End::Late { finalizers, .. }) if finalizers.is_empty() => End::Going(String::new()),
        Ok(gone::End::Late { finalizers, .. }) => End::Going(format!("held by {}", finalizers.join(", "))),
        Err(error) => End::Going(error.message),
    }
}

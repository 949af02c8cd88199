//! Begins a rollback: everything is checked and written down before anything is changed.

use backup_api::snapshot::VolumeSnapshot;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;

use super::{Args, Safety, claim, safety, store};
use crate::{
    args::DryRun,
    client::{Cluster, ListRequest, list},
    context::Context,
    error::{CliError, Result},
    facts,
    plan::{
        claim::waits_for_pod,
        quantity::Quantity,
        rollback::{Found, Journal, Notes, Start, both_ways, describe_plan, room_to_grow, start},
        snapshot::{content::Content, name, restore},
    },
};

/// Plans, asks and writes the journal; `None` after a dry run.
pub async fn begin(context: &Context, cluster: &Cluster, args: &Args) -> Result<Option<Notes>> {
    let ui = &context.ui;
    let snapshot = facts::snapshots::read(cluster, &args.snapshot).await?;
    check_none_under_way(&snapshot, args, cluster)?;
    let (found, planned, late) = look(cluster, &snapshot, &args.snapshot).await?;
    check_no_other(cluster, &found.claim, &args.snapshot).await?;
    let mut before = match args.safety {
        Safety::Volume => None,
        Safety::Auto | Safety::Snapshot => {
            let claim = found.claim.metadata.name.as_deref().unwrap_or_default();
            Some(name::derive(&format!("{claim}-before"), context.now()))
        }
    };
    let request = Start {
        snapshot: &args.snapshot,
        planned: &planned,
        binds_late: late,
        safety: before.as_deref(),
        safety_is_optional: args.safety == Safety::Auto,
    };
    let (mut journal, mut remarks) = start(&request, &found)?;
    if let Some(tool) = facts::rollback::delivery(&found.claim.metadata) {
        remarks.push(format!(
            "PVC {} is kept up to date by {tool}, which may make an empty one in the middle: pause it meanwhile",
            journal.claim()
        ));
    }
    let quotas = facts::resource_quotas::all(cluster).await?;
    room_to_grow(&cluster.namespace, &quotas, &journal.replacement, &found.claim)?;
    remarks.extend(claim::owners(cluster, &journal.replacement).await?.1);
    facts::rollback::require(cluster, &journal).await?;
    if let Some(name) = before.take() {
        // A trial: a quota that is full must be known before the application stands still.
        match safety::try_to_take(cluster, &journal, &name).await {
            Ok(()) => {}
            Err(error) if args.safety == Safety::Auto => {
                ui.warning(&format!("no snapshot of the data as they are can be taken: {}", error.message));
                ui.status("The volume with these data is kept all the same.");
                journal.safety = None;
            }
            Err(error) => {
                return Err(error.hint("Leave --safety away to go on without: the volume is kept in any case."));
            }
        }
    }
    for remark in &remarks {
        ui.warning(remark);
    }
    let lines = describe_plan(&journal, &args.snapshot);
    if args.dry_run.dry_run != DryRun::None {
        let lines: String = lines.iter().map(|line| format!("{line} (dry run)\n")).collect();
        ui.data(&lines)?;
        return Ok(None);
    }
    for line in &lines {
        ui.status(&format!("- {line}"));
    }
    if !args.yes {
        let question = format!(
            "Roll PVC {:?} in namespace {:?} of context {:?} back to snapshot {}?",
            journal.claim(),
            cluster.namespace,
            cluster.context,
            args.snapshot
        );
        ui.confirm(&question, "--yes").await?;
    }
    store::begin(cluster, &snapshot, journal).await.map(Some)
}

fn check_none_under_way(snapshot: &VolumeSnapshot, args: &Args, cluster: &Cluster) -> Result<()> {
    let (name, namespace) = (&args.snapshot, &cluster.namespace);
    match Journal::of(snapshot)? {
        Some(journal) if !journal.done => Err(both_ways(
            CliError::new(format!("a rollback of PVC {:?} to VolumeSnapshot {name:?} is under way", journal.claim())),
            name,
            namespace,
        )),
        Some(journal) => Err(CliError::new(format!(
            "PVC {:?} was rolled back to VolumeSnapshot {name:?} before, and volume {} still keeps the data from before that",
            journal.claim(),
            journal.kept.volume
        ))
        .hint(format!("Let go of them with: kubectl backup snapshot rollback {name} --finish -n {namespace}"))
        .hint(format!("Or bring them back with: kubectl backup snapshot rollback {name} --undo -n {namespace}"))),
        None => Ok(()),
    }
}

/// The PVC with what uses it, the PVC that is to take its place, and whether that binds on first use.
async fn look(
    cluster: &Cluster,
    snapshot: &VolumeSnapshot,
    name: &str,
) -> Result<(Found, PersistentVolumeClaim, bool)> {
    let namespace = &cluster.namespace;
    let Some(source) = snapshot.spec.source.persistent_volume_claim_name.as_deref() else {
        return Err(CliError::new(format!(
            "VolumeSnapshot {name:?} in namespace {namespace:?} was not taken of a PVC of this namespace"
        ))
        .hint(format!("Restore it beside with: kubectl backup snapshot restore {name} --to NEW-PVC -n {namespace}")));
    };
    let claim = facts::claim::read(cluster, source).await.map_err(|error| {
        if error.is_not_found() {
            error.hint(format!(
                "There is nothing to roll back; make the PVC with: kubectl backup snapshot restore {name} --to {source} -n {namespace}"
            ))
        } else {
            error
        }
    })?;
    facts::claim::require_bound(cluster, &claim).await?;
    let volume = claim.spec.as_ref().and_then(|spec| spec.volume_name.clone()).unwrap_or_default();
    let Some(volume) = facts::rollback::volume(cluster, &volume).await? else {
        return Err(CliError::new(format!("volume {volume:?} of PVC {source:?} does not exist")));
    };
    let (content, classes, users) = tokio::join!(
        facts::snapshots::content(cluster, snapshot),
        facts::claim::storage_classes(cluster),
        facts::rollback::users(cluster, source),
    );
    let (content, classes) = (content?, classes?);
    if let Content::Gone(content) = &content {
        return Err(CliError::new(format!(
            "VolumeSnapshot {name:?} holds nothing any more: its content {content:?} is gone"
        ))
        .hint(format!("Look with: kubectl backup snapshot describe {name} -n {namespace}")));
    }
    let request = restore::Request { target: source, storage_class: None, size: None, access_modes: &[] };
    let known =
        restore::Facts { snapshot, content: content.found(), source: Some(&claim), classes: classes.as_deref() };
    let mut planned = restore::plan(&request, &known)?.claim;
    grow(&mut planned, &claim);
    let late = waits_for_pod(&planned, classes.as_deref());
    Ok((Found { claim, volume, users: users? }, planned, late))
}

/// A PVC that has grown since the snapshot keeps its size.
fn grow(planned: &mut PersistentVolumeClaim, claim: &PersistentVolumeClaim) {
    let requests = |claim: &PersistentVolumeClaim| claim.spec.as_ref()?.resources.as_ref()?.requests.clone();
    let size = |claim: &PersistentVolumeClaim| requests(claim)?.get("storage")?.0.parse::<Quantity>().ok();
    if size(claim) > size(planned)
        && let (Some(spec), Some(asked)) = (&mut planned.spec, requests(claim))
    {
        spec.resources.get_or_insert_default().requests = Some(asked);
    }
}

/// Two rollbacks of one PVC at a time would each take the other's PVC for a stranger's.
async fn check_no_other(cluster: &Cluster, claim: &PersistentVolumeClaim, snapshot: &str) -> Result<()> {
    let namespace = &cluster.namespace;
    let request = ListRequest::of::<VolumeSnapshot>(Some(namespace), None);
    let mut other = None;
    list(cluster, &request, &format!("list volumesnapshots in namespace {namespace:?}"), |found: VolumeSnapshot| {
        let name = found.metadata.name.clone().unwrap_or_default();
        let journal = Journal::of(&found).unwrap_or(None);
        if name != snapshot && journal.is_some_and(|it| !it.done && Some(it.claim()) == claim.metadata.name.as_deref())
        {
            other = Some(name);
        }
    })
    .await?;
    other.map_or(Ok(()), |name| {
        let error = CliError::new(format!("a rollback of the same PVC to VolumeSnapshot {name:?} is under way"));
        Err(both_ways(error, &name, namespace))
    })
}

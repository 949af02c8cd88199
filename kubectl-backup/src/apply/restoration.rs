//! Makes PVCs that are filled from snapshots or other PVCs, all or none, and waits until they are bound.

use std::time::Duration;

use futures::{StreamExt as _, stream::FuturesUnordered};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt as _;
use serde_json::{Value, json};

use super::{
    bound::{End, filled_later, timed_out, until_bound},
    made::{Made, Released},
    pair_ready::until_pair_ready,
    preflight::preflight,
};
use crate::{
    args::{DryRun, OutputFormat},
    client::Cluster,
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts::{self, events::At},
    output::{Changed, print_changed, print_object},
    plan::{claim::is_bound, refusal, snapshot::preprovisioned::Pair, undo},
};

/// One PVC.
#[derive(Clone, Debug)]
pub struct Restoration {
    /// What it is filled through, when the snapshot is of another namespace.
    pub pair: Option<Pair>,
    /// The claim.
    pub claim: PersistentVolumeClaim,
    /// Whether its class binds only once a pod uses it: that is not waited for.
    pub binds_late: bool,
}

/// How to make and to show it.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// How long to wait, zero for ever; `None` does not.
    pub wait: Option<Duration>,
    /// What is really sent.
    pub dry_run: DryRun,
    /// How it is printed.
    pub format: OutputFormat,
}

/// Makes all of them in the namespace of the cluster handle. `made` is what the caller made for them before.
///
/// # Errors
/// When the server refuses one, or one cannot be filled: what was made, by the caller too, is then removed again. When
/// time is up everything stays and is named; so is what cannot be removed that was needed for a while.
pub async fn restore(
    context: &Context,
    cluster: &Cluster,
    items: &[Restoration],
    mut made: Made,
    how: &How,
) -> Result<Exit> {
    let planned: Vec<Value> = items.iter().flat_map(objects).map(|(_, object)| object).collect();
    if let Err(error) = preflight(context, cluster, &planned, None).await {
        return Err(undo(context, cluster, made, error).await);
    }
    if how.dry_run == DryRun::Client {
        let all = items.iter().flat_map(objects).collect::<Vec<_>>();
        return print(context, &all, how);
    }
    let created = match create(context, cluster, items, &mut made, how).await {
        Ok(created) => created,
        Err(error) => return Err(undo(context, cluster, made, error).await),
    };
    if how.dry_run != DryRun::None {
        return print(context, &created, how);
    }
    let claims: Vec<&Value> =
        created.iter().filter(|(name, _)| name.starts_with(CLAIM)).map(|(_, claim)| claim).collect();
    let ends = match how.wait {
        Some(timeout) => match wait(context, cluster, items, &claims, timeout).await {
            Ok(ends) => ends,
            Err(Stopped::Failed(error)) => return Err(undo(context, cluster, made, error).await),
            Err(Stopped::Other(error)) => return Err(made.needed().into_iter().fold(error, CliError::hint)),
        },
        None => vec![None; items.len()],
    };
    let filled: Vec<String> = items
        .iter()
        .zip(&ends)
        .filter(|(_, end)| **end == Some(End::Bound))
        .map(|(item, _)| item.claim.name_any())
        .collect();
    let Released { remarks, left } = made.release(cluster, &filled).await;
    remarks.iter().for_each(|remark| context.ui.warning(remark));
    context.ui.on_interrupt(None);
    made.needed().iter().for_each(|line| context.ui.status(line));
    if how.format.is_structured() {
        let mut read = Vec::new();
        for item in items {
            let name = item.claim.name_any();
            read.push((format!("{CLAIM}{name}"), facts::claim::read_as_is(cluster, &name).await?));
        }
        print(context, &read, how)?;
    }
    let late = items
        .iter()
        .zip(&ends)
        .filter(|(_, end)| **end == Some(End::TimedOut))
        .map(|(item, _)| timed_out(&item.claim.name_any(), &cluster.namespace, how.wait.unwrap_or_default()));
    // What is left holds its slots.
    context.ui.all_but_last(late.chain(left).collect())
}

/// How the names of claims begin, as they are printed.
const CLAIM: &str = "persistentvolumeclaim/";

/// Everything that one PVC needs, in order, with the names as kubectl takes them.
fn objects(item: &Restoration) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    if let Some(pair) = &item.pair {
        all.push((
            format!("volumesnapshotcontent.snapshot.storage.k8s.io/{}", pair.content.name_any()),
            json!(pair.content),
        ));
        all.push((
            format!("volumesnapshot.snapshot.storage.k8s.io/{}", pair.snapshot.name_any()),
            json!(pair.snapshot),
        ));
    }
    all.push((format!("{CLAIM}{}", item.claim.name_any()), json!(item.claim)));
    all
}

/// Makes what the claims are filled through, waits until it can be used, then makes the claims.
async fn create(
    context: &Context,
    cluster: &Cluster,
    items: &[Restoration],
    made: &mut Made,
    how: &How,
) -> Result<Vec<(String, Value)>> {
    let mut answers = Vec::new();
    let all: Vec<_> = items.iter().map(|item| (item.claim.name_any(), objects(item))).collect();
    let is_claim = |name: &str| name.starts_with(CLAIM);
    for (claim, (name, object)) in all.iter().flat_map(|(claim, objects)| objects.iter().map(move |it| (claim, it))) {
        if !is_claim(name) {
            let answer = make(context, cluster, made, (name, object), Some(claim), how).await?;
            if how.dry_run == DryRun::None {
                context.ui.status(&format!("{name} created"));
            }
            answers.push((name.clone(), answer));
        }
    }
    if how.dry_run == DryRun::None {
        let timeout = how.wait.unwrap_or(Duration::from_secs(60));
        let pairs = items.iter().filter_map(|item| item.pair.as_ref());
        let waits = pairs.map(|pair| until_pair_ready(context, cluster, pair.snapshot.name_any(), timeout));
        futures::future::try_join_all(waits).await?;
    }
    for (name, object) in all.iter().flat_map(|(_, objects)| objects).filter(|(name, _)| is_claim(name)) {
        let answer = make(context, cluster, made, (name, object), None, how).await?;
        // Whoever reads objects wants the one that is bound; whoever reads lines wants to know what was made by now.
        if how.dry_run == DryRun::None && !how.format.is_structured() {
            let changed = Changed { name, verb: "created", object: &answer };
            print_changed(&context.ui, how.format, how.dry_run, &changed)?;
        }
        answers.push((name.clone(), answer));
    }
    Ok(answers)
}

async fn make(
    context: &Context,
    cluster: &Cluster,
    made: &mut Made,
    (name, object): (&String, &Value),
    fills: Option<&String>,
    how: &How,
) -> Result<Value> {
    let (resource, own) = name.split_once('/').unwrap_or((name, ""));
    let plural = format!("{}s", resource.split('.').next().unwrap_or(resource));
    let answer = made
        .make(cluster, object, name, fills.map(String::as_str), how.dry_run)
        .await
        .map_err(|error| refusal::explain(facts::snapshots::explain(error), &plural, own, &cluster.namespace))?;
    if how.dry_run == DryRun::None {
        goes_on(context, &made.removal());
    }
    Ok(answer)
}

/// Why a wait ended early.
enum Stopped {
    /// The driver refuses: what was made is of no use.
    Failed(CliError),
    /// It is not known how it ends.
    Other(CliError),
}

/// Waits for all at once; the first that fails ends the wait for the others. `None` stands for a claim that was not waited for.
async fn wait(
    context: &Context,
    cluster: &Cluster,
    items: &[Restoration],
    claims: &[&Value],
    timeout: Duration,
) -> Result<Vec<Option<End>>, Stopped> {
    let mut ends = vec![None; items.len()];
    let mut waits = FuturesUnordered::new();
    for (index, (item, claim)) in items.iter().zip(claims).enumerate() {
        let name = item.claim.name_any();
        if item.binds_late {
            context.ui.status(&filled_later(&name));
            continue;
        }
        let uid = claim.pointer("/metadata/uid").and_then(Value::as_str);
        waits.push(async move { (index, until_bound(context, cluster, (&name, uid), At::Before, timeout).await) });
    }
    while let Some((index, end)) = waits.next().await {
        let Some(item) = items.get(index) else { continue };
        let name = item.claim.name_any();
        let mut end = end.map_err(Stopped::Other)?;
        match &end {
            // It may just have been tried again.
            End::Failed(_) if bound_by_now(cluster, &name).await.map_err(Stopped::Other)? => end = End::Bound,
            End::Failed(message) => {
                return Err(Stopped::Failed(CliError::new(format!(
                    "PVC {name:?} in namespace {:?} cannot be filled: {message}",
                    cluster.namespace
                ))));
            }
            End::FirstConsumer => context.ui.status(&filled_later(&name)),
            End::Bound | End::TimedOut => {}
        }
        if end == End::Bound
            && let Some(why) = facts::claim::other_data(cluster, &name).await.map_err(Stopped::Other)?
        {
            // To remove it would remove that volume too, whoever it belongs to.
            let error = CliError::new(format!("PVC {name:?} in namespace {:?}: {why}", cluster.namespace));
            return Err(Stopped::Other(error.hint(undo::SPARED).hint(
                "Another storage class, or a size or access mode that no free volume has, gets a volume of its own.",
            )));
        }
        if let Some(place) = ends.get_mut(index) {
            *place = Some(end);
        }
    }
    Ok(ends)
}

async fn bound_by_now(cluster: &Cluster, name: &str) -> Result<bool> {
    Ok(facts::claim::read_opt(cluster, name).await?.is_some_and(|claim| is_bound(&claim)))
}

/// Lets whoever interrupts know what stays, and what removes it.
pub fn goes_on(context: &Context, removal: &str) {
    context.ui.on_interrupt(Some(format!("what was made goes on without us; remove it with: {removal}")));
}

/// Removes what was made, and says so with the error that led to it.
pub async fn undo(context: &Context, cluster: &Cluster, made: Made, error: CliError) -> CliError {
    context.ui.on_interrupt(Some(format!("what was made was being removed; remove the rest with: {}", made.removal())));
    let error = made.undo(cluster, error).await;
    context.ui.on_interrupt(None);
    error
}

fn print(context: &Context, objects: &[(String, Value)], how: &How) -> Result<Exit> {
    let ui = &context.ui;
    if let ([_, _, ..], true) = (objects, how.format.is_structured()) {
        let items: Vec<&Value> = objects.iter().map(|(_, object)| object).collect();
        print_object(ui, how.format, &json!({"apiVersion": "v1", "kind": "List", "items": items}))?;
        return Ok(Exit::Done);
    }
    for (name, object) in objects {
        print_changed(ui, how.format, how.dry_run, &Changed { name, verb: "created", object })?;
    }
    Ok(Exit::Done)
}

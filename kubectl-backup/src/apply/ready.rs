//! Waits for snapshots to be cut, or to become ready.

use std::{collections::BTreeMap, time::Duration};

use backup_api::{labels, snapshot::VolumeSnapshot};
use jiff::Timestamp;
use kube::{
    Api,
    runtime::watcher::{self, Event},
};

use crate::{
    client::{Cluster, until_any},
    context::Context,
    error::{CliError, Result},
    output::Progress,
    plan::snapshot::readiness::{Goal, Readiness, STEPS, judge_for, steps},
};

/// A snapshot that is waited for.
pub struct Awaited {
    /// Its name.
    pub name: String,
    /// Its UID: another one of the same name is not meant. Not known of one that somebody else made.
    pub uid: Option<String>,
    /// Its bar.
    pub progress: Progress,
    /// When the wait began.
    pub since: Timestamp,
}

impl Awaited {
    /// Begins to wait. `width` is that of the longest name of those that are waited for together.
    pub fn new(context: &Context, name: &str, uid: Option<&str>, width: usize) -> Self {
        let label = "snapshot ";
        let progress = context.ui.progress_of(&format!("{label}{name}"), label.len() + width);
        Self { name: name.to_owned(), uid: uid.map(str::to_owned), progress, since: context.now() }
    }
}

/// How the wait for one snapshot ended.
pub type Ended = (String, Result<VolumeSnapshot>);

/// Waits until all snapshots have come to the goal or cannot. They are of one group, if they are several. `each` gets each
/// as soon as it is there.
///
/// # Errors
/// When the watch is refused. What a driver refused, what was deleted, and what took too long stands in the answer.
pub async fn until_all(
    cluster: &Cluster,
    awaited: &[Awaited],
    group: Option<&str>,
    goal: Goal,
    timeout: Duration,
    mut each: impl FnMut(&Awaited, &VolumeSnapshot),
) -> Result<Vec<Ended>> {
    let namespace = &cluster.namespace;
    let (config, doing) = match (awaited, group) {
        ([], _) => return Ok(Vec::new()),
        ([one], _) => (
            watcher::Config::default().fields(&format!("metadata.name={}", one.name)),
            format!("watch volumesnapshot {:?} in namespace {namespace:?}", one.name),
        ),
        (_, group) => {
            let config = watcher::Config::default();
            let config = group.map_or(config.clone(), |group| config.labels(&format!("{}={group}", labels::GROUP)));
            (config, format!("watch volumesnapshots in namespace {namespace:?}"))
        }
    };
    let mut left: BTreeMap<&str, (&Awaited, String)> =
        awaited.iter().map(|one| (one.name.as_str(), (one, String::new()))).collect();
    let mut ended = Vec::new();
    let mut listed = Vec::new();
    let judge = |event: Event<VolumeSnapshot>| {
        let is_listed = matches!(event, Event::InitApply(_));
        match event {
            Event::Init => listed.clear(),
            Event::InitDone => {
                let gone: Vec<&str> =
                    left.keys().copied().filter(|name| !listed.iter().any(|seen| seen == name)).collect();
                for name in gone {
                    left.remove(name);
                    ended.push((name.to_owned(), Err(deleted(name, namespace))));
                }
            }
            Event::Delete(snapshot) => {
                let name = snapshot.metadata.name.as_deref().unwrap_or_default();
                if left.remove(name).is_some() {
                    ended.push((name.to_owned(), Err(deleted(name, namespace))));
                }
            }
            Event::InitApply(snapshot) | Event::Apply(snapshot) => {
                let name = snapshot.metadata.name.clone().unwrap_or_default();
                if is_listed {
                    listed.push(name.clone());
                }
                if let Some((one, last)) = left.get_mut(name.as_str())
                    && let Some(result) = look(one, last, snapshot, namespace, goal)
                {
                    if let Ok(snapshot) = &result {
                        each(one, snapshot);
                    }
                    left.remove(name.as_str());
                    ended.push((name, result));
                }
            }
        }
        Ok(left.is_empty().then_some(()))
    };
    let api: Api<VolumeSnapshot> = Api::namespaced(cluster.client.clone(), namespace);
    until_any(api, config, timeout, &doing, judge).await.map_err(|error| match (error.code, awaited) {
        (Some(_), [one]) => error.hint(format!(
            "{} was created; --no-wait does not watch it. Look with: {}",
            subject(&one.name, namespace),
            describe(&one.name, namespace)
        )),
        (Some(_), _) => error.hint(format!(
            "{} snapshots were created; --no-wait does not watch them. Look with: kubectl backup snapshot list -n {namespace}",
            awaited.len()
        )),
        (None, _) => error,
    })?;
    for (name, (_, last)) in left {
        let late = CliError::timeout(format!("{} is not ready after {timeout:?}: {last}", subject(name, namespace)))
            .hint(format!("It is still being taken; look with: {}", describe(name, namespace)));
        ended.push((name.to_owned(), Err(late)));
    }
    Ok(ended)
}

/// Looks at a snapshot; a result when its wait has ended.
fn look(
    one: &Awaited,
    last: &mut String,
    snapshot: VolumeSnapshot,
    namespace: &str,
    goal: Goal,
) -> Option<Result<VolumeSnapshot>> {
    let name = &one.name;
    if one.uid.is_some() && one.uid != snapshot.metadata.uid {
        return Some(Err(deleted(name, namespace)));
    }
    match judge_for(&snapshot, goal) {
        Readiness::Ready => {
            one.progress.arrived(steps(&snapshot), STEPS, if goal == Goal::Cut { "taken" } else { "ready" });
            Some(Ok(snapshot))
        }
        Readiness::Failed(message) => {
            Some(Err(CliError::new(format!("{} failed: {message}", subject(name, namespace)))
                .hint(format!(
                    "It stays and holds a slot of the quota; the driver may try again. Look with: {}",
                    describe(name, namespace)
                ))
                .hint(format!("Remove it with: kubectl backup snapshot delete {name} -n {namespace}"))))
        }
        Readiness::UnderWay(text) => {
            one.progress.step(steps(&snapshot), STEPS, &text);
            *last = text;
            None
        }
    }
}

/// Waits until one snapshot that was just created is ready, and returns it as it is then. What whoever interrupts is told is
/// the caller's to say: the snapshot is a part of something else.
///
/// # Errors
/// When the driver or the controller reports an error (at once), the snapshot is deleted, or time is up. The error
/// names the snapshot, which stays.
pub async fn until_ready(
    context: &Context,
    cluster: &Cluster,
    name: &str,
    timeout: Duration,
) -> Result<VolumeSnapshot> {
    let namespace = &cluster.namespace;
    let awaited = [Awaited::new(context, name, None, 0)];
    let ended = until_all(cluster, &awaited, None, Goal::Ready, timeout, |_, _| {}).await?;
    let [one] = awaited;
    let since = one.since;
    drop(one);
    let ready = ended.into_iter().next().map_or_else(|| Err(deleted(name, namespace)), |(_, ready)| ready)?;
    context.ui.status(&told(&ready, since, context.now()));
    Ok(ready)
}

/// Says that a snapshot is ready.
pub fn told(ready: &VolumeSnapshot, since: Timestamp, now: Timestamp) -> String {
    let name = ready.metadata.name.as_deref().unwrap_or_default();
    let size = ready.status.as_ref().and_then(|status| status.restore_size.as_ref());
    let size = size.map_or("size unknown", |size| &size.0);
    format!("snapshot {name} is ready ({size}, after {}s)", now.duration_since(since).as_secs())
}

fn deleted(name: &str, namespace: &str) -> CliError {
    CliError::new(format!("{} was deleted by somebody else before it was ready", subject(name, namespace)))
}

fn subject(name: &str, namespace: &str) -> String {
    format!("VolumeSnapshot {name:?} in namespace {namespace:?}")
}

fn describe(name: &str, namespace: &str) -> String {
    format!("kubectl backup snapshot describe {name} -n {namespace}")
}

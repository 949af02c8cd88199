//! Removes what was made, each when nothing needs it any more.

use std::{collections::BTreeMap, time::Duration};

use backup_api::claim::storage_class_of;
use futures::future::join_all;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::{
    Api,
    api::{DeleteParams, Preconditions},
};

use super::{
    going::{self, Filling},
    thing::{Step, Thing},
};
use crate::{
    apply::{
        storage_copy::{self, APPEARING, CopyFate},
        unanswered::Run,
    },
    client::{self, Cluster, until},
    error::{CliError, Doing as _, Result},
    facts,
    plan::{
        claim::{is_bound, waits_for_pod},
        undo,
    },
};

/// How long an object may take to go. Its finalizers are the controllers' to remove.
pub(super) const GOING: Duration = Duration::from_secs(30);

/// Looks at a claim that changes at every look, at most.
const LOOKS: usize = 5;

/// How long the controllers may take to decide where a new claim gets its volume from.
const DECIDING: Duration = Duration::from_secs(10);

/// What became of what was made.
#[derive(Default)]
pub(super) struct Outcome {
    /// What is gone.
    pub(super) removed: Vec<Thing>,
    /// What is not, and why.
    pub(super) left: Vec<(Thing, String)>,
    /// Claims that stay for the sake of their volume, which was not made for them, and why.
    pub(super) spared: Vec<(Thing, String)>,
    /// What else has to be told.
    pub(super) remarks: Vec<String>,
}

/// What became of a claim.
enum Fate {
    /// It is gone. What has to be told of its volume.
    Removed(Option<String>),
    /// It stays, with its data or waiting for them.
    Stays { why: String, is_filled: bool },
    /// It stays, since its volume was not made for it and might be deleted with it.
    Spared(String),
}

/// Removes the objects. `filled` are claims that are known to have their data.
pub(super) async fn remove(cluster: &Cluster, run: &Run, things: Vec<Thing>, filled: &[String]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut fillings: BTreeMap<String, Filling> = filled.iter().map(|claim| (claim.clone(), Filling::Over)).collect();
    let mut known = Vec::new();
    for thing in things {
        match settle(cluster, run, &thing).await {
            Ok(thing) => known.extend(thing),
            Err(error) => {
                let why = format!("whether it was made is not known: {}", error.message);
                // Whether it is being filled is not known either.
                fillings.insert(thing.name().to_owned(), Filling::Waiting);
                outcome.left.push((thing, why));
            }
        }
    }
    for step in Step::ALL {
        let of_step = known.iter().filter(|thing| thing.step == step);
        let (needed, free): (Vec<&Thing>, Vec<&Thing>) =
            of_step.partition(|thing| is_needed(thing, &fillings, &outcome.left));
        outcome.left.extend(needed.into_iter().map(|thing| (thing.clone(), "it goes after that".to_owned())));
        match step {
            Step::Claim => {
                for (thing, fate) in join_all(free.into_iter().map(async |it| (it, claim(cluster, it).await))).await {
                    let filling = match &fate {
                        Ok(Fate::Stays { is_filled: true, .. } | Fate::Spared(_)) => Filling::Over,
                        Ok(Fate::Removed(_)) => Filling::Unknown(thing.uid.clone().unwrap_or_default()),
                        _ => Filling::Waiting,
                    };
                    fillings.insert(thing.name().to_owned(), filling);
                    match fate {
                        Ok(Fate::Removed(remark)) => {
                            outcome.removed.push(thing.clone());
                            outcome.remarks.extend(remark);
                        }
                        Ok(Fate::Stays { why, .. }) => outcome.left.push((thing.clone(), why)),
                        Ok(Fate::Spared(why)) => outcome.spared.push((thing.clone(), why)),
                        Err(error) => outcome.left.push((thing.clone(), error.message)),
                    }
                }
            }
            _ => {
                for (thing, done) in
                    join_all(free.into_iter().map(async |it| (it, other(cluster, it, &fillings).await))).await
                {
                    match done {
                        Ok(remark) => {
                            outcome.removed.push(thing.clone());
                            outcome.remarks.extend(remark);
                        }
                        Err(error) => outcome.left.push((thing.clone(), error.message)),
                    }
                }
            }
        }
    }
    outcome
}

/// Finds out whether it is there at all, when its create got no answer.
async fn settle(cluster: &Cluster, run: &Run, thing: &Thing) -> Result<Option<Thing>> {
    if thing.uid.is_some() {
        return Ok(Some(thing.clone()));
    }
    let doing = format!("read {}", thing.place());
    let Some(path) = thing.path() else { return Ok(None) };
    let found = run.find(cluster, &path, &doing).await?;
    let uid = found.and_then(|found| Some(found.pointer("/metadata/uid")?.as_str()?.to_owned()));
    Ok(uid.map(|uid| Thing { uid: Some(uid), ..thing.clone() }))
}

/// Whether something that stays needs it: a claim that is not filled its snapshot, and a snapshot what it shows.
fn is_needed(thing: &Thing, fillings: &BTreeMap<String, Filling>, left: &[(Thing, String)]) -> bool {
    let waits = |claim: &String| matches!(fillings.get(claim), Some(Filling::Waiting));
    thing.fills.as_ref().is_some_and(|claim| {
        waits(claim) || left.iter().any(|(other, _)| other.step == Step::Second && other.fills.as_ref() == Some(claim))
    })
}

/// Removes a claim that no pod uses, and whose volume was made for it.
async fn claim(cluster: &Cluster, thing: &Thing) -> Result<Fate> {
    let there = thing.cluster(cluster);
    let api: Api<PersistentVolumeClaim> = Api::namespaced(cluster.client.clone(), thing.namespace());
    let mut remark = None;
    for _ in 0..LOOKS {
        let found = decided(&there, &api, thing).await?;
        let Some(found) = found.filter(|found| found.metadata.uid == thing.uid) else {
            return Ok(Fate::Removed(remark));
        };
        if undo::has_volume(&found)
            && let Some(why) = facts::claim::other_data(&there, thing.name()).await?
        {
            return Ok(Fate::Spared(why));
        }
        let pods = match facts::workloads::pods(&there).await {
            Ok(pods) => Some(pods),
            Err(error) if error.is_forbidden() => None,
            Err(error) => return Err(error),
        };
        if let Some(why) = undo::keeps(&found, pods.as_deref()) {
            return Ok(Fate::Stays { why, is_filled: is_bound(&found) });
        }
        remark = retained_volume(cluster, &found).await;
        // Only as it was looked at: bound meanwhile, it is looked at again.
        let params = DeleteParams {
            preconditions: Some(Preconditions {
                uid: found.metadata.uid,
                resource_version: found.metadata.resource_version,
            }),
            ..DeleteParams::default()
        };
        match api.delete(thing.name(), &params).await.doing(|| format!("delete {}", thing.place())) {
            Err(error) if error.code == Some(409) => {}
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {
                let gone = |found: Option<PersistentVolumeClaim>| {
                    Ok(found.is_none_or(|found| found.metadata.uid != thing.uid).then_some(()))
                };
                let doing = format!("watch {}", thing.place());
                let gone = until(api, thing.name(), GOING, &doing, gone).await?;
                return gone.map(|()| Fate::Removed(remark)).ok_or_else(|| still(thing, ""));
            }
        }
    }
    Err(CliError::new("it changed again and again while it was to be removed"))
}

/// Reads the claim, once the controllers have decided about it where that is to be expected: one that was just made may be
/// about to be bound to a volume that was there before, which would then be deleted with it.
async fn decided(
    cluster: &Cluster,
    api: &Api<PersistentVolumeClaim>,
    thing: &Thing,
) -> Result<Option<PersistentVolumeClaim>> {
    let read = async || api.get_opt(thing.name()).await.doing(|| format!("read {}", thing.place()));
    let Some(found) = read().await?.filter(|found| found.metadata.uid == thing.uid) else { return Ok(None) };
    if !undo::is_open(&found) || binds_late(cluster, &found).await {
        return Ok(Some(found));
    }
    let is_open = |found: &PersistentVolumeClaim| found.metadata.uid == thing.uid && undo::is_open(found);
    let judge = |found: Option<PersistentVolumeClaim>| Ok((!found.as_ref().is_some_and(is_open)).then_some(()));
    match until(api.clone(), thing.name(), DECIDING, &format!("watch {}", thing.place()), judge).await {
        Err(error) if !error.is_forbidden() => Err(error),
        _ => read().await,
    }
}

/// Whether its class binds it only for a pod, and a pod that uses it keeps it. Whoever may not read classes waits.
async fn binds_late(cluster: &Cluster, found: &PersistentVolumeClaim) -> bool {
    let Some(name) = storage_class_of(found) else { return false };
    let class = facts::claim::storage_class(cluster, name).await.ok().flatten();
    waits_for_pod(found, Some(class.as_slice()))
}

/// What has to be told of the claim's volume. Whoever may not read volumes is told nothing: the claim goes in any case.
async fn retained_volume(cluster: &Cluster, claim: &PersistentVolumeClaim) -> Option<String> {
    let name = claim.spec.as_ref()?.volume_name.as_deref()?;
    let api: Api<PersistentVolume> = Api::all(cluster.client.clone());
    undo::outlives(&api.get_opt(name).await.ok()??)
}

/// Removes a snapshot or a content. Returns what has to be told of the storage's copy.
async fn other(cluster: &Cluster, thing: &Thing, fillings: &BTreeMap<String, Filling>) -> Result<Option<String>> {
    let uid = thing.uid.as_deref().unwrap_or_default();
    let fate = match thing.step {
        Step::Snapshot => storage_copy::goes_with(&thing.cluster(cluster), thing.name(), uid, APPEARING).await?,
        _ => CopyFate::default(),
    };
    let doing = format!("delete {}", thing.place());
    let path = thing.path().ok_or_else(|| CliError::new(format!("failed to {doing}: it has no path")))?;
    client::delete_exactly(cluster, &path, uid, &doing).await?;
    let filling = thing.fills.as_ref().filter(|_| thing.step == Step::Second).and_then(|claim| fillings.get(claim));
    going::until_gone(cluster, thing, filling).await?;
    Ok(fate.see_to_it(cluster).await)
}

/// The error of what does not go.
pub(super) fn still(thing: &Thing, why: &str) -> CliError {
    CliError::timeout(format!("{} is still being deleted after {GOING:?}{why}", thing.place()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn thing(kind: &str, name: &str, source: &Value) -> Thing {
        let object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "test"}, "spec": {"source": source}});
        let fills = (kind != "PersistentVolumeClaim").then_some("data");
        Thing::new(&object, Some("u".into()), &format!("{}/{name}", kind.to_lowercase()), fills)
    }

    fn all() -> [Thing; 4] {
        let second = json!({"volumeSnapshotContentName": "c"});
        [
            thing("VolumeSnapshot", "source", &json!({"persistentVolumeClaimName": "of"})),
            thing("VolumeSnapshotContent", "c", &json!({"snapshotHandle": "h"})),
            thing("PersistentVolumeClaim", "data", &json!({})),
            thing("VolumeSnapshot", "second", &second),
        ]
    }

    /// What stays when the claim is so, and the others go as they can; `stuck` is what does not.
    fn stays(claim: Option<Filling>, stuck: Option<&str>) -> Vec<String> {
        let fillings: BTreeMap<String, Filling> = claim.into_iter().map(|it| ("data".to_owned(), it)).collect();
        let mut left: Vec<(Thing, String)> = Vec::new();
        for step in Step::ALL.into_iter().skip(1) {
            for thing in all().iter().filter(|thing| thing.step == step) {
                if is_needed(thing, &fillings, &left) || stuck == Some(thing.name()) {
                    left.push((thing.clone(), String::new()));
                }
            }
        }
        left.iter().map(|(thing, _)| thing.name().to_owned()).collect()
    }

    #[test]
    fn each_goes_before_what_it_needs() {
        let order = |thing: &Thing| Step::ALL.iter().position(|step| *step == thing.step);
        let mut things = all();
        things.sort_by_key(order);
        assert_eq!(things.map(|thing| thing.name().to_owned()), ["data", "second", "c", "source"]);
    }

    #[test]
    fn what_a_claim_still_waits_for_stays_and_what_filled_it_goes() {
        assert_eq!(stays(Some(Filling::Waiting), None), ["second", "c", "source"]);
        for filled in [Some(Filling::Over), Some(Filling::Unknown("u".into())), None] {
            assert_eq!(stays(filled, None), [""; 0]);
        }
    }

    #[test]
    fn nothing_goes_before_a_snapshot_that_does_not_go() {
        assert_eq!(stays(Some(Filling::Over), Some("second")), ["second", "c", "source"]);
        assert_eq!(stays(Some(Filling::Over), Some("c")), ["c"]);
    }
}

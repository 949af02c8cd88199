//! What a run has made so far: taken away again when a later step fails, and named when it cannot be.

mod going;
mod removal;
mod source;
mod thing;

use serde_json::Value;

pub use self::source::{Hold, release};
use self::{
    removal::{Outcome, remove},
    thing::{Step, Thing},
};
use super::unanswered::Run;
use crate::{
    args::DryRun,
    client::{self, Cluster},
    error::{CliError, Result},
    plan::undo,
};

/// Everything that was made, in order.
#[derive(Clone, Debug)]
pub struct Made {
    run: Run,
    things: Vec<Thing>,
}

impl Made {
    /// Nothing yet.
    pub fn nothing(run: &Run) -> Self {
        Self { run: run.clone(), things: Vec::new() }
    }

    /// Makes an object and remembers it. `resource` is its kind and name; `fills` the claim that it is needed for, when
    /// only for a while.
    ///
    /// # Errors
    /// When the server refuses or cannot be asked.
    pub async fn make(
        &mut self,
        cluster: &Cluster,
        object: &Value,
        resource: &str,
        fills: Option<&str>,
        dry_run: DryRun,
    ) -> Result<Value> {
        let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str);
        let place = namespace.map(|namespace| format!(" in namespace {namespace:?}")).unwrap_or_default();
        let doing = format!("create {resource}{place}");
        let path = client::path(object).ok_or_else(|| CliError::new(format!("failed to {doing}: it has no path")))?;
        let collection = path.rsplit_once('/').map_or(path.as_str(), |(collection, _)| collection);
        if dry_run != DryRun::None {
            return client::create(cluster, collection, object, dry_run, &doing).await;
        }
        let mut marked = object.clone();
        self.run.mark(&mut marked);
        let (answer, error) = match client::create(cluster, collection, &marked, dry_run, &doing).await {
            Ok(answer) => (Some(answer), None),
            Err(error) if error.leaves_open() => {
                let looked = self.run.find(cluster, &path, &format!("read {resource}{place}")).await;
                (looked.unwrap_or(None), Some(error))
            }
            Err(error) => return Err(error),
        };
        let uid = answer.as_ref().and_then(|answer| Some(answer.pointer("/metadata/uid")?.as_str()?.to_owned()));
        // What is not there by now may come yet: it is looked for once more when the rest is removed.
        self.things.push(Thing::new(object, uid, resource, fills));
        match (answer, error) {
            (Some(answer), _) => Ok(answer),
            (None, Some(error)) => Err(error),
            (None, None) => Err(CliError::new(format!("failed to {doing}: the server's answer was empty"))),
        }
    }

    /// Removes everything again, and says so with the error that led to it. What a pod uses by now stays.
    pub async fn undo(self, cluster: &Cluster, error: CliError) -> CliError {
        if self.things.is_empty() {
            return error;
        }
        let outcome = remove(cluster, &self.run, self.things, &[]).await;
        let names: Vec<&str> = outcome.removed.iter().map(|thing| thing.resource.as_str()).collect();
        let is_all = outcome.left.is_empty() && outcome.spared.is_empty();
        let error = match (names.is_empty(), is_all) {
            (true, _) => error,
            (false, true) => error.hint(format!("What was made was removed again: {}.", names.join(", "))),
            (false, false) => error.hint(format!("Of what was made these were removed again: {}.", names.join(", "))),
        };
        named(error, &outcome)
    }

    /// Removes what was needed only until these claims were filled.
    pub async fn release(&mut self, cluster: &Cluster, filled: &[String]) -> Released {
        let is_done = |thing: &Thing| thing.fills.as_ref().is_some_and(|claim| filled.contains(claim));
        let (done, kept): (Vec<_>, Vec<_>) = self.things.drain(..).partition(is_done);
        self.things = kept;
        Released::of(remove(cluster, &self.run, done, filled).await)
    }

    /// What stays because it is needed until a claim is filled, a line each. A second content goes with its snapshot.
    pub fn needed(&self) -> Vec<String> {
        let snapshots = self.things.iter().filter(|thing| matches!(thing.step, Step::Second | Step::Snapshot));
        let line = |thing: &Thing| {
            let claim = thing.fills.as_ref()?;
            Some(format!(
                "PVC {claim} needs snapshot {} in namespace {:?} until it is filled. It holds a slot of the quota; then remove it with: {}",
                thing.name(),
                thing.namespace(),
                thing.removal()
            ))
        };
        snapshots.filter_map(line).collect()
    }

    /// The commands that remove everything, for whoever interrupts, and what to look at before.
    pub fn removal(&self) -> String {
        let has = |step: Step| self.things.iter().any(|thing| thing.step == step);
        // A second content goes with its snapshot.
        let goes_along = |thing: &Thing| {
            let shows = |other: &Thing| other.step == Step::Second && other.fills == thing.fills;
            thing.step == Step::SecondContent && self.things.iter().any(shows)
        };
        let things = self.things.iter().rev().filter(|thing| !goes_along(thing));
        let commands = things.map(Thing::removal).collect::<Vec<_>>().join("; ");
        // Nobody has looked yet, as is done before one is removed by us.
        if has(Step::Claim) { format!("{commands} ({})", undo::LOOK_FIRST) } else { commands }
    }
}

/// What became of what was needed for a while.
#[derive(Debug)]
pub struct Released {
    /// What else has to be told.
    pub remarks: Vec<String>,
    /// What is still there, and holds its slots.
    pub left: Option<CliError>,
}

impl Released {
    fn of(mut outcome: Outcome) -> Self {
        let remarks = std::mem::take(&mut outcome.remarks);
        let error = "the PVC has its data, but what was needed for it meanwhile could not be removed";
        let left = (!outcome.left.is_empty()).then(|| named(CliError::new(error), &outcome));
        Self { remarks, left }
    }
}

fn named(mut error: CliError, outcome: &Outcome) -> CliError {
    for (thing, why) in &outcome.left {
        error = error.hint(format!("{} stays ({why}); remove it with: {}", thing.place(), thing.removal()));
    }
    for (thing, why) in &outcome.spared {
        error = error.hint(format!("{}: {why}.", thing.place())).hint(undo::SPARED);
    }
    outcome.remarks.iter().fold(error, |error, remark| error.hint(remark.clone()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_is_an_error_and_what_else_is_told_is_none() {
        let sent = json!({"kind": "VolumeSnapshot", "metadata": {"name": "s", "namespace": "depot"}});
        let snapshot = Thing::new(&sent, None, "volumesnapshot/s", Some("a"));
        let remarks = vec!["The storage keeps its copy.".to_owned()];
        let gone = Released::of(Outcome { remarks: remarks.clone(), ..Outcome::default() });
        assert!(gone.left.is_none() && gone.remarks == remarks, "{gone:?}");
        let left = vec![(snapshot, "held".to_owned())];
        let stays = Released::of(Outcome { remarks: remarks.clone(), left, ..Outcome::default() });
        assert_eq!(stays.remarks, remarks);
        insta::assert_snapshot!(stays.left.unwrap().hints.join("\n"), @r#"volumesnapshot/s in namespace "depot" stays (held); remove it with: kubectl backup snapshot delete s -n depot"#);
    }

    #[test]
    fn whoever_interrupts_is_told_what_removes_each_thing_and_what_to_look_at_first() {
        let thing = |sent: Value, fills: Option<&str>| {
            let (kind, name) = (&sent["kind"], &sent["metadata"]["name"]);
            let resource = format!("{}/{}", kind.as_str().unwrap_or_default(), name.as_str().unwrap_or_default());
            Thing::new(&sent, None, &resource.to_lowercase(), fills)
        };
        let content = |name: &str| json!({"kind": "VolumeSnapshotContent", "metadata": {"name": name}});
        let second = json!({"kind": "VolumeSnapshot", "metadata": {"name": "second-a", "namespace": "depot"},
            "spec": {"source": {"volumeSnapshotContentName": "content-a"}}});
        let claim = json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "a", "namespace": "depot"}});
        let mut made = Made::nothing(&Run::random());
        made.things.push(thing(content("content-a"), Some("a")));
        made.things.push(thing(second, Some("a")));
        made.things.push(thing(content("content-b"), Some("b")));
        insta::assert_snapshot!(made.removal(), @"kubectl delete volumesnapshotcontent/content-b; kubectl backup snapshot delete second-a -n depot");
        made.things.push(thing(claim, None));
        insta::assert_snapshot!(made.removal(), @"kubectl delete persistentvolumeclaim/a -n depot; kubectl delete volumesnapshotcontent/content-b; kubectl backup snapshot delete second-a -n depot (but no PVC with a volume that was there before, which might be deleted with it: see kubectl get pv)");
    }
}

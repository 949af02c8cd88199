//! Waits until what was deleted is gone.

use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use k8s_openapi::api::core::v1::Event;
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams},
    runtime::watcher,
};
use serde_json::json;

use super::{
    removal::{GOING, still},
    thing::{Step, Thing},
};
use crate::{
    apply::remind::{PATIENCE, look_after},
    client::{Cluster, FIELD_MANAGER, until, until_any},
    error::{Doing as _, Result},
    facts::events,
    plan::snapshot::provisioning,
};

/// The finalizer of the CSI provisioner on a snapshot that it fills a claim from.
pub(super) const OF_PROVISIONER: &str = "provisioner.storage.kubernetes.io/volumesnapshot-as-source-protection";

/// What is known of how a claim is filled.
pub(super) enum Filling {
    /// That has ended.
    Over,
    /// The claim stays and waits for it.
    Waiting,
    /// The claim of that uid is gone; its driver may still be at work.
    Unknown(String),
}

/// Waits. The provisioner holds a snapshot for as long as it fills a claim from it, and forgets to let go when the claim is
/// deleted before. That is made up for once it is known to have ended, and not before: without the snapshot the provisioner
/// cannot finish, and a volume of which nobody knows may stay on the storage.
pub(super) async fn until_gone(cluster: &Cluster, thing: &Thing, filling: Option<&Filling>) -> Result<()> {
    let is_held = Cell::new(false);
    let over = async {
        match filling {
            Some(Filling::Over) => {}
            Some(Filling::Unknown(claim)) => until_over(cluster, thing, claim).await,
            Some(Filling::Waiting) | None => std::future::pending().await,
        }
    };
    let gone = async {
        tokio::select! {
            gone = watched(cluster, thing, false, &is_held) => gone,
            () = over => watched(cluster, thing, true, &is_held).await,
        }
    };
    // A snapshot that is no second one has a content of its own, named so by the controller.
    let content = match thing.step {
        Step::SecondContent => thing.name().to_owned(),
        _ => format!("snapcontent-{}", thing.uid.as_deref().unwrap_or_default()),
    };
    let has_failed = AtomicBool::new(false);
    let gone = async {
        tokio::select! {
            gone = gone => gone,
            never = look_after(cluster, &content, PATIENCE, &has_failed, || {}) => never,
        }
    };
    tokio::time::timeout(GOING, gone).await.unwrap_or_else(|_| {
        let why = match (&thing.fills, is_held.get()) {
            (Some(claim), true) => format!(
                ": the CSI provisioner holds it, since PVC {claim} may still be being filled from it; it goes by itself once that has ended"
            ),
            _ if has_failed.load(Ordering::Relaxed) => ": its driver fails to delete the storage's copy".to_owned(),
            _ => String::new(),
        };
        Err(still(thing, &why))
    })
}

/// Ends when the provisioner is known to have given up on a claim. Never ends when events may not be watched.
pub(super) async fn until_over(cluster: &Cluster, thing: &Thing, uid: &str) {
    let (Some(claim), namespace) = (&thing.fills, thing.namespace()) else { return std::future::pending().await };
    let about = events::About { kind: "PersistentVolumeClaim", namespace, name: claim, uid: Some(uid) };
    let config = watcher::Config::default().fields(&about.selector());
    let mut seen = BTreeMap::new();
    let judge = |event: watcher::Event<Event>| {
        match event {
            watcher::Event::Init => seen.clear(),
            // Half a list says nothing: the newest may be in the other half.
            watcher::Event::InitApply(event) => {
                seen.insert(event.metadata.name.clone(), event);
                return Ok(None);
            }
            watcher::Event::Apply(event) => {
                seen.insert(event.metadata.name.clone(), event);
            }
            watcher::Event::InitDone | watcher::Event::Delete(_) => {}
        }
        let all: Vec<Event> = seen.values().cloned().collect();
        Ok(provisioning::is_over(&all).then_some(()))
    };
    let api: Api<Event> = Api::namespaced(cluster.client.clone(), namespace);
    if until_any(api, config, Duration::ZERO, "watch events", judge).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Watches it until it is gone; with `lets_go` the provisioner's finalizer is taken away.
async fn watched(cluster: &Cluster, thing: &Thing, lets_go: bool, is_held: &Cell<bool>) -> Result<()> {
    let api = thing.api(cluster);
    let doing = format!("watch {}", thing.place());
    loop {
        let judge = |found: Option<DynamicObject>| {
            let found = found.map(|found| found.metadata).filter(|found| found.uid == thing.uid);
            let Some(found) = found else { return Ok(Some(None)) };
            is_held.set(found.finalizers.iter().flatten().any(|it| it == OF_PROVISIONER));
            Ok((is_held.get() && lets_go).then_some(Some(found)))
        };
        let held = until(api.clone(), thing.name(), Duration::ZERO, &doing, judge).await?.flatten();
        let Some(held) = held else { return Ok(()) };
        let others: Vec<_> = held.finalizers.into_iter().flatten().filter(|it| it != OF_PROVISIONER).collect();
        let patch = json!({"metadata": {"finalizers": others, "resourceVersion": held.resource_version}});
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let done = api.patch(thing.name(), &params, &Patch::Merge(patch)).await;
        match done.doing(|| format!("let go of {}", thing.place())) {
            // Somebody else was faster: look again.
            Err(error) if !matches!(error.code, Some(404 | 409)) => return Err(error),
            _ => {}
        }
    }
}

//! A clone in another namespace: a snapshot is taken for it, restored there, and removed again.

use std::collections::BTreeMap;

use backup_api::labels;
use backup_policy::config::resource::VOLUME_SNAPSHOTS;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, TypedLocalObjectReference};
use kube::ResourceExt as _;
use serde_json::json;

use crate::{
    apply::{
        made::Made,
        one_snapshot,
        preflight::preflight,
        quota_room::{self, Wanted},
        ready::until_ready,
        restoration::{How, Restoration, goes_on, restore, undo},
    },
    args::DryRun,
    client::Cluster,
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts::{
        self,
        rights::{Right, missing},
    },
    plan::{
        refusal, resource_quota,
        snapshot::{name, preprovisioned},
    },
};

const SNAPSHOTS: &str = "snapshot.storage.k8s.io";

/// What the snapshot in the source's namespace needs.
const RIGHTS: [Right; 5] = [
    Right::of("create", SNAPSHOTS, "volumesnapshots"),
    Right::of("get", SNAPSHOTS, "volumesnapshots"),
    Right::of("list", SNAPSHOTS, "volumesnapshots"),
    Right::of("watch", SNAPSHOTS, "volumesnapshots"),
    Right::of("delete", SNAPSHOTS, "volumesnapshots"),
];

/// Makes the planned claim in the namespace of `there`.
pub async fn clone(
    context: &Context,
    cluster: &Cluster,
    there: &Cluster,
    source: &str,
    (mut claim, binds_late): (PersistentVolumeClaim, bool),
    how: &How,
) -> Result<Exit> {
    claim.metadata.namespace = Some(there.namespace.clone());
    facts::target_namespace::require_rights(there).await?;
    let lacking = missing(cluster, RIGHTS.to_vec()).await?;
    if !lacking.is_empty() {
        return Err(CliError::new(format!(
            "a clone into another namespace takes a snapshot for a while, and in namespace {:?} you lack: {}",
            cluster.namespace,
            lacking.join("; ")
        )));
    }
    require_room(cluster, there, &claim).await?;
    let target = claim.name_any();
    let name = name::derive(&format!("{source}-clone"), context.now());
    let mut snapshot = one_snapshot::planned(cluster, source, &name, &mark(), how.dry_run).await?;
    snapshot.metadata.namespace = Some(cluster.namespace.clone());
    let room = facts::quota::room(there, VOLUME_SNAPSHOTS).await?;
    let wanted = Wanted { one: &snapshot, count: 2, partial: None, dry_run: how.dry_run };
    quota_room::fitting(context, cluster, room, &wanted)
        .await
        .map_err(|error| error.hint("A clone into another namespace needs two slots for a while."))?;
    snapshot.annotations_mut().insert(labels::FILLS.to_owned(), format!("{}/{target}", there.namespace));
    if let Some(spec) = &mut claim.spec {
        spec.data_source = Some(TypedLocalObjectReference {
            api_group: Some(SNAPSHOTS.to_owned()),
            kind: "VolumeSnapshot".to_owned(),
            name: name.clone(),
        });
    }
    let mut made = Made::nothing(&context.run);
    let resource = format!("volumesnapshot.{SNAPSHOTS}/{name}");
    if how.dry_run == DryRun::Client {
        context.ui.status(&format!("{resource} of PVC {source} would be taken for it, and removed again"));
        return restore(context, there, &[Restoration { pair: None, claim, binds_late }], made, how).await;
    }
    preflight(context, cluster, &[json!(snapshot)], None).await?;
    if how.dry_run == DryRun::None {
        // It may be made before we hear of it.
        goes_on(context, &format!("kubectl backup snapshot delete {name} -n {}", cluster.namespace));
    }
    if let Err(error) = made.make(cluster, &json!(snapshot), &resource, Some(&target), how.dry_run).await {
        let error = refusal::explain(facts::snapshots::explain(error), "volumesnapshots", &name, &cluster.namespace);
        // Without an answer it may come yet.
        return Err(undo(context, cluster, made, error).await);
    }
    context.ui.status(&format!("{resource} created{}", how.dry_run.suffix()));
    if how.dry_run == DryRun::Server {
        return restore(context, there, &[Restoration { pair: None, claim, binds_late }], made, how).await;
    }
    match through(context, cluster, there, &name, claim, how).await {
        Ok((pair, claim)) => {
            let item = Restoration { pair: Some(pair), claim, binds_late };
            restore(context, there, &[item], made, how).await
        }
        Err(error) => Err(undo(context, cluster, made, error).await),
    }
}

/// Checks that the ResourceQuotas have room for all that will be made: a snapshot here, and one with the PVC there.
async fn require_room(cluster: &Cluster, there: &Cluster, claim: &PersistentVolumeClaim) -> Result<()> {
    facts::target_namespace::require_room(there, std::slice::from_ref(claim), 1).await?;
    resource_quota::room(&cluster.namespace, &facts::resource_quotas::all(cluster).await?, &[], 1)
}

fn mark() -> BTreeMap<String, String> {
    BTreeMap::from([(labels::TEMPORARY.to_owned(), "true".to_owned())])
}

async fn through(
    context: &Context,
    cluster: &Cluster,
    there: &Cluster,
    name: &str,
    claim: PersistentVolumeClaim,
    how: &How,
) -> Result<(preprovisioned::Pair, PersistentVolumeClaim)> {
    let timeout = how.wait.unwrap_or(super::SNAPSHOT_WAIT);
    let mut ready = until_ready(context, cluster, name, timeout).await.map_err(|mut error| {
        // It does not stay.
        error.hints.clear();
        error
    })?;
    ready.metadata.namespace.get_or_insert_with(|| cluster.namespace.clone());
    let content = facts::snapshots::content(cluster, &ready).await?;
    let own = name::derive(&format!("{}-restore", claim.name_any()), context.now());
    preprovisioned::through(&ready, &content, &own, claim, &there.namespace)
}

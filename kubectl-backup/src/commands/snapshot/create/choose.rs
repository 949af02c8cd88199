//! Which claims are to be snapshotted.

use std::collections::BTreeSet;

use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;

use super::Args;
use crate::{
    client::{Cluster, ListRequest, list},
    context::Context,
    error::{CliError, Result},
    facts,
    plan::{
        claim::phase,
        nearest,
        snapshot::app::{self, APP_LABELS, Found},
    },
};

/// Reads under way at a time.
const AT_ONCE: usize = 16;

/// Reads the claims that were asked for; those that cannot be read are errors in the answer.
///
/// # Errors
/// When nothing is found that is asked for, or the server cannot be asked.
pub async fn choose(args: &Args, context: &Context, cluster: &Cluster) -> Result<Vec<Result<PersistentVolumeClaim>>> {
    if let Some(app) = &args.app {
        return of_app(app, context, cluster).await;
    }
    if !args.claims.is_empty() {
        return Ok(read_all(cluster, args.claims.iter().cloned()).await);
    }
    let namespace = &cluster.namespace;
    let request = ListRequest::of::<PersistentVolumeClaim>(Some(namespace), args.selector.as_deref());
    let mut found: Vec<PersistentVolumeClaim> = Vec::new();
    list(cluster, &request, &format!("list PVCs in namespace {namespace:?}"), |claim| found.push(claim)).await?;
    let (chosen, empty): (Vec<_>, Vec<_>) = found.into_iter().partition(|claim| phase(claim) != "Pending");
    if !empty.is_empty() {
        let names: Vec<&str> = empty.iter().filter_map(|claim| claim.metadata.name.as_deref()).collect();
        context.ui.warning(&format!("left out, since they have no volume yet and so no data: {}", names.join(", ")));
    }
    if chosen.is_empty() {
        let selected = args.selector.as_ref().map_or_else(String::new, |text| format!(" that {text:?} selects"));
        return Err(CliError::new(format!("namespace {namespace:?} has no PVC with a volume{selected}"))
            .hint(format!("See the PVCs with: kubectl get pvc -n {namespace} --show-labels")));
    }
    Ok(chosen.into_iter().map(Ok).collect())
}

async fn read_all(cluster: &Cluster, names: impl Iterator<Item = String>) -> Vec<Result<PersistentVolumeClaim>> {
    let mut seen = BTreeSet::new();
    let different: Vec<String> = names.filter(|name| seen.insert(name.clone())).collect();
    let reads = different.into_iter().map(async |name| facts::claim::read(cluster, &name).await);
    stream::iter(reads).buffered(AT_ONCE).collect().await
}

async fn of_app(app: &str, context: &Context, cluster: &Cluster) -> Result<Vec<Result<PersistentVolumeClaim>>> {
    let namespace = &cluster.namespace;
    let (workloads, claims) = tokio::join!(facts::workloads::all(cluster), facts::claim::all(cluster));
    let ((workloads, hidden), claims) = (workloads?, claims?);
    if !hidden.is_empty() {
        let hidden = hidden.join(", ");
        context.ui.warning(&format!("may not be listed: {hidden}; volumes that only they mount are not found"));
    }
    if claims.is_none() {
        context
            .ui
            .warning("PVCs may not be listed: those that StatefulSets make are found only where a pod mounts them");
    }
    let found = app::find(app, &workloads, claims.as_deref().unwrap_or_default());
    if found.claims.is_empty() {
        return Err(nothing_found(app, namespace, &found));
    }
    let lines: Vec<String> =
        found.claims.iter().map(|(claim, users)| format!("{claim} ({})", users.join(", "))).collect();
    context.ui.status(&format!("app {app} mounts: {}", lines.join("; ")));
    Ok(read_all(cluster, found.claims.into_keys()).await)
}

fn nothing_found(app: &str, namespace: &str, found: &Found) -> CliError {
    if !found.parts.is_empty() {
        return CliError::new(format!("app {app:?} in namespace {namespace:?} mounts no PVCs"))
            .hint(format!("Looked at: {}", found.parts.join(", ")));
    }
    CliError::new(format!("no pod or workload in namespace {namespace:?} belongs to an app {app:?}"))
        .hint(format!("An app is named by one of the labels {}.", APP_LABELS.join(", ")))
        .hint(nearest::hint(app, &found.others, "apps", &format!("namespace {namespace:?}")))
}

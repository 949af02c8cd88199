//! Who uses a PVC, and what runs them.

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, ReplicaSet, StatefulSet},
        autoscaling::v2::HorizontalPodAutoscaler,
        core::v1::Pod,
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{Api, api::ListParams};

use super::pods_of;
use crate::{
    client::Cluster,
    error::{Doing as _, Result},
    plan::rollback::{Owner, Scalable, User, Workload, WorkloadKind},
};

/// Marks that tools of continuous delivery leave on what they keep as it is in a repository.
const DELIVERY: [(&str, &str); 5] = [
    ("argocd.argoproj.io/tracking-id", "Argo CD"),
    ("argocd.argoproj.io/instance", "Argo CD"),
    ("kustomize.toolkit.fluxcd.io/name", "Flux"),
    ("helm.toolkit.fluxcd.io/name", "Flux"),
    ("fleet.cattle.io/bundle-id", "Fleet"),
];

/// The pods that use a PVC, each with what runs it.
///
/// # Errors
/// When something of it may not be read: what runs a pod must be known before anything is stopped.
pub async fn users(cluster: &Cluster, claim: &str) -> Result<Vec<User>> {
    let mut users = Vec::new();
    for pod in pods_of(cluster, claim).await? {
        let owner = owner(cluster, &pod).await?;
        users.push(User { pod: pod.metadata.name.unwrap_or_default(), owner });
    }
    Ok(users)
}

async fn owner(cluster: &Cluster, pod: &Pod) -> Result<Owner> {
    let Some(owner) = controller(&pod.metadata) else { return Ok(Owner::Nobody) };
    match owner.kind.as_str() {
        "StatefulSet" if owner.api_version == "apps/v1" => stateful_set(cluster, &owner.name).await,
        "ReplicaSet" if owner.api_version == "apps/v1" => {
            let api: Api<ReplicaSet> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
            let set = api.get_opt(&owner.name).await.doing(|| format!("read replicaset {:?}", owner.name))?;
            match set.as_ref().and_then(|set| controller(&set.metadata)) {
                Some(above) if above.kind == "Deployment" && above.api_version == "apps/v1" => {
                    deployment(cluster, &above.name).await
                }
                Some(above) => Ok(other(above)),
                None => Ok(other(owner)),
            }
        }
        _ => Ok(other(owner)),
    }
}

fn other(owner: &OwnerReference) -> Owner {
    Owner::Other(format!("{}/{}", owner.kind.to_lowercase(), owner.name))
}

async fn deployment(cluster: &Cluster, name: &str) -> Result<Owner> {
    let api: Api<Deployment> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let found = api.get(name).await.doing(|| format!("read deployment {name:?}"))?;
    let replicas = found.spec.and_then(|spec| spec.replicas).unwrap_or(1);
    let workload = Workload { kind: WorkloadKind::Deployment, name: name.to_owned(), replicas };
    let managers = managers(cluster, &found.metadata, "Deployment").await?;
    Ok(Owner::Scalable(Scalable { workload, deletes_claims: false, managers }))
}

async fn stateful_set(cluster: &Cluster, name: &str) -> Result<Owner> {
    let api: Api<StatefulSet> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let found = api.get(name).await.doing(|| format!("read statefulset {name:?}"))?;
    let spec = found.spec.unwrap_or_default();
    let policy = spec.persistent_volume_claim_retention_policy.and_then(|policy| policy.when_scaled);
    let workload =
        Workload { kind: WorkloadKind::StatefulSet, name: name.to_owned(), replicas: spec.replicas.unwrap_or(1) };
    let managers = managers(cluster, &found.metadata, "StatefulSet").await?;
    Ok(Owner::Scalable(Scalable { workload, deletes_claims: policy.as_deref() == Some("Delete"), managers }))
}

/// The tool of continuous delivery that keeps an object as it is in a repository.
pub fn delivery(metadata: &ObjectMeta) -> Option<&'static str> {
    let marks = [&metadata.labels, &metadata.annotations];
    let marked = |key: &str| marks.iter().any(|all| all.as_ref().is_some_and(|all| all.contains_key(key)));
    DELIVERY.iter().find(|(key, _)| marked(key)).map(|(_, tool)| *tool)
}

/// What an autoscaler does to a workload without pods. One that KEDA made is only half of it: KEDA itself starts the first pod.
fn scaled_by(scaler: &ObjectMeta) -> String {
    let name = scaler.name.as_deref().unwrap_or_default();
    let owner = controller(scaler).filter(|owner| owner.api_version.starts_with("keda.sh/"));
    match owner {
        Some(owner) => format!(
            "is scaled by KEDA's {}/{}, which may start it in the middle: pause it with its annotation autoscaling.keda.sh/paused=true until this is done (paused-replicas would scale it too)",
            owner.kind.to_lowercase(),
            owner.name
        ),
        None => format!("is scaled by hpa/{name}, which rests while it has no pods"),
    }
}

/// What else scales or rewrites a workload, in words that follow its name.
async fn managers(cluster: &Cluster, metadata: &ObjectMeta, kind: &str) -> Result<Vec<String>> {
    let mut managers = Vec::new();
    if let Some(owner) = controller(metadata) {
        let owner = format!("{}/{}", owner.kind.to_lowercase(), owner.name);
        managers.push(format!("is run by {owner}, which may scale it up in the middle: stop it there if it does"));
    }
    if let Some(tool) = delivery(metadata) {
        managers.push(format!("is kept up to date by {tool}, which may scale it up in the middle: pause it meanwhile"));
    }
    let api: Api<HorizontalPodAutoscaler> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    match api.list(&ListParams::default()).await.doing(|| "list horizontalpodautoscalers".to_owned()) {
        Ok(scalers) => {
            let name = metadata.name.as_deref();
            let of_this = scalers.items.into_iter().filter(|scaler| {
                let target = scaler.spec.as_ref().map(|spec| &spec.scale_target_ref);
                target.is_some_and(|target| target.kind == kind && Some(target.name.as_str()) == name)
            });
            managers.extend(of_this.map(|scaler| scaled_by(&scaler.metadata)));
        }
        // Only a remark hangs on it.
        Err(error) if error.is_forbidden() => {}
        Err(error) => return Err(error),
    }
    Ok(managers)
}

fn controller(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kedas_autoscaler_does_not_rest() {
        let owner = json!([{"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "web", "uid": "u", "controller": true}]);
        let said = |owners: serde_json::Value| {
            scaled_by(&serde_json::from_value(json!({"name": "keda-hpa-web", "ownerReferences": owners})).unwrap())
        };
        insta::assert_snapshot!(said(owner), @"is scaled by KEDA's scaledobject/web, which may start it in the middle: pause it with its annotation autoscaling.keda.sh/paused=true until this is done (paused-replicas would scale it too)");
        insta::assert_snapshot!(said(json!(null)), @"is scaled by hpa/keda-hpa-web, which rests while it has no pods");
    }
}

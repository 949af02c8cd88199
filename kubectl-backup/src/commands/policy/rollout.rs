//! Waits until an installed webhook answers and counts.

use backup_api::ledger::{QuotaLedger, ledger_name};
use backup_ledger::Phase;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Container};
use kube::Api;

use crate::{
    client::{Budget, Cluster, until},
    context::Context,
    error::{CliError, Doing as _, Result},
    plan::install::{Choices, NAME, NAMESPACE},
};

/// What was chosen for the webhook that is installed; nothing when none is.
pub async fn installed(cluster: &Cluster) -> Result<Choices> {
    let api: Api<Deployment> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let deployment =
        api.get_opt(NAME).await.doing(|| format!("read deployment {NAME:?} in namespace {NAMESPACE:?}"))?;
    let Some(spec) = deployment.and_then(|deployment| deployment.spec) else { return Ok(Choices::default()) };
    let container = spec.template.spec.and_then(|pod| pod.containers.into_iter().next());
    if container.as_ref().is_some_and(has_files) {
        return Err(CliError::new("the webhook that is installed gets its certificate from files, as from cert-manager, and this command would not")
            .hint("It would give the webhook the right to change its configurations, and leave them without whom to trust.")
            .hint("Apply what it was installed with: kubectl apply -k manifests/webhook/overlays/cert-manager"));
    }
    Ok(Choices {
        image: container.and_then(|container| container.image),
        replicas: spec.replicas.and_then(|replicas| u32::try_from(replicas).ok()),
    })
}

/// Whether the webhook reads its certificate from files, and so keeps none itself.
fn has_files(container: &Container) -> bool {
    let variable = container.env.iter().flatten().any(|variable| variable.name == "TLS_CERT_FILE");
    let is_flag = |argument: &String| argument.split('=').next() == Some("--tls-cert");
    let mut arguments = container.command.iter().chain(&container.args).flatten();
    variable || arguments.any(is_flag)
}

/// Waits until every replica is of the newest version and ready.
pub async fn until_ready(context: &Context, cluster: &Cluster, budget: &Budget) -> Result<()> {
    let api: Api<Deployment> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let progress = context.ui.progress(&format!("deployment/{NAME}"));
    let doing = format!("watch deployment {NAME:?} in namespace {NAMESPACE:?}");
    let ready = until(api, NAME, budget.left(), &doing, |deployment: Option<Deployment>| {
        let Some(deployment) = deployment else { return Ok(None) };
        let (ready, wanted) = replicas(&deployment);
        progress.say(&format!("{ready} of {wanted} replicas ready"));
        Ok((ready >= wanted).then_some(()))
    });
    ready.await?.ok_or_else(|| {
        CliError::timeout(format!(
            "the webhook's replicas are not ready after {:?}; API servers do not ask it yet",
            budget.limit()
        ))
        .hint("Nodes that cannot pull its image are the usual reason; name one that they can with --image.")
        .hint(format!(
            "Look at its pods with: kubectl get pods -n {NAMESPACE}; kubectl describe deployment -n {NAMESPACE} {NAME}"
        ))
        .hint("Go on with the same command, or take it away with: kubectl backup policy uninstall")
    })
}

/// Replicas of the newest version that are ready, and how many there shall be.
fn replicas(deployment: &Deployment) -> (i32, i32) {
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let Some(status) = &deployment.status else { return (0, wanted) };
    if status.observed_generation < deployment.metadata.generation {
        return (0, wanted);
    }
    let (updated, available) = (status.updated_replicas.unwrap_or(0), status.available_replicas.unwrap_or(0));
    let old = status.replicas.unwrap_or(0) - updated;
    (updated.min(available - old.max(0)).max(0), wanted)
}

/// Waits until the ledger of a resource counts, also when it is yet to be made: a new one first lets the creates that began
/// before it come to their end.
pub async fn until_counted(context: &Context, cluster: &Cluster, resource: &str, budget: &Budget) -> Result<()> {
    let api: Api<QuotaLedger> = Api::all(cluster.client.clone());
    let progress = context.ui.progress(&format!("quota {resource}"));
    let doing = format!("watch the quotaledger of {resource}");
    let ready = until(api, ledger_name(resource), budget.left(), &doing, |quota: Option<QuotaLedger>| {
        let phase = quota.and_then(|quota| quota.status).map(|status| status.ledger.phase);
        progress.say(match phase {
            Some(Phase::Ready) => "counted",
            Some(_) => "being set up; new objects have to wait",
            None => "not counted yet",
        });
        Ok((phase == Some(Phase::Ready)).then_some(()))
    });
    ready.await?.ok_or_else(|| {
        CliError::timeout(format!("the quota of {resource} is not set up after {:?}", budget.limit()))
            .hint("The webhook is installed, and goes on setting it up: new objects of it have to wait.")
            .hint("Look with: kubectl backup quota")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_certificate_from_files_is_known_by_variable_or_argument() {
        let container = |json| -> Container { serde_json::from_value(json).unwrap() };
        let variable = json!({"name": "w", "env": [{"name": "TLS_CERT_FILE", "value": "/certificate/tls.crt"}]});
        assert!(has_files(&container(variable)));
        assert!(has_files(&container(json!({"name": "w", "args": ["--listen=:8443", "--tls-cert=/x"]}))));
        assert!(has_files(&container(json!({"name": "w", "args": ["--tls-cert", "/x"]}))));
        assert!(has_files(&container(json!({"name": "w", "command": ["/backup-webhook", "--tls-cert=/x"]}))));
        assert!(!has_files(&container(json!({"name": "w", "args": ["--tls-certainly=/x"]}))));
        assert!(!has_files(&container(json!({"name": "w", "env": [{"name": "POD_NAME", "value": "x"}]}))));
    }

    #[test]
    fn a_replica_counts_when_it_is_new_and_ready() {
        let deployment = |observed: i64, total: i32, updated: i32, available: i32| -> Deployment {
            serde_json::from_value(json!({
                "metadata": {"generation": 2}, "spec": {"replicas": 3, "selector": {}, "template": {}},
                "status": {"observedGeneration": observed, "replicas": total, "updatedReplicas": updated, "availableReplicas": available},
            }))
            .unwrap()
        };
        assert_eq!(replicas(&deployment(1, 3, 3, 3)), (0, 3), "the controller has not seen it yet");
        assert_eq!(replicas(&deployment(2, 4, 1, 4)), (1, 3), "three old ones beside it");
        assert_eq!(replicas(&deployment(2, 4, 1, 3)), (0, 3), "the new one may be the one that is not ready");
        assert_eq!(replicas(&deployment(2, 3, 3, 3)), (3, 3));
        assert_eq!(replicas(&Deployment::default()), (0, 1));
    }
}

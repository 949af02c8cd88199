//! Whether the user may do everything that a rollback does: half a rollback is worse than none.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::{Api, api::PostParams};

use crate::{
    client::Cluster,
    error::{CliError, Doing as _, Result},
    plan::rollback::{Journal, WorkloadKind},
};

/// A right: verb, API group, resource, subresource, and whether it is about the namespace.
type Right = (&'static str, &'static str, &'static str, &'static str, bool);

const ALWAYS: [Right; 7] = [
    ("patch", "snapshot.storage.k8s.io", "volumesnapshots", "", true),
    ("create", "", "persistentvolumeclaims", "", true),
    ("delete", "", "persistentvolumeclaims", "", true),
    ("watch", "", "persistentvolumeclaims", "", true),
    ("watch", "", "pods", "", true),
    ("get", "", "persistentvolumes", "", false),
    ("patch", "", "persistentvolumes", "", false),
];

/// Checks the rights that the journal's steps need.
///
/// # Errors
/// When one is missing; the error names all that are.
pub async fn require(cluster: &Cluster, journal: &Journal) -> Result<()> {
    let mut rights = ALWAYS.to_vec();
    if journal.safety.is_some() {
        rights.push(("create", "snapshot.storage.k8s.io", "volumesnapshots", "", true));
    }
    for (kind, resource) in [(WorkloadKind::Deployment, "deployments"), (WorkloadKind::StatefulSet, "statefulsets")] {
        if journal.workloads.iter().any(|workload| workload.kind == kind) {
            rights.extend([("patch", "apps", resource, "scale", true), ("watch", "apps", resource, "", true)]);
        }
    }
    let answers = stream::iter(rights).map(|right| async move { Ok((right, is_allowed(cluster, right).await?)) });
    let answers: Vec<(Right, bool)> =
        answers.buffered(8).try_collect::<Vec<_>>().await.map_err(|error: CliError| error)?;
    let missing: Vec<_> = answers.into_iter().filter(|(_, allowed)| !allowed).map(|(right, _)| words(right)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(CliError::new(format!(
        "a rollback in namespace {:?} needs rights that you do not have: {}",
        cluster.namespace,
        missing.join("; ")
    ))
    .hint("Nothing was changed. Ask a cluster administrator for them, or to do the rollback.")
    .hint("Without them the snapshot can be restored beside: kubectl backup snapshot restore --help"))
}

async fn is_allowed(cluster: &Cluster, (verb, group, resource, subresource, namespaced): Right) -> Result<bool> {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let attributes = ResourceAttributes {
        verb: text(verb),
        group: text(group),
        resource: text(resource),
        subresource: text(subresource),
        namespace: namespaced.then(|| cluster.namespace.clone()),
        ..ResourceAttributes::default()
    };
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() },
        ..SelfSubjectAccessReview::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
    let answer = api.create(&PostParams::default(), &review).await.doing(|| "ask what you may do".to_owned())?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

fn words((verb, group, resource, subresource, namespaced): Right) -> String {
    let group = if group.is_empty() { String::new() } else { format!(".{group}") };
    let subresource = if subresource.is_empty() { String::new() } else { format!("/{subresource}") };
    let scope = if namespaced { "" } else { " (cluster)" };
    format!("{verb} {resource}{group}{subresource}{scope}")
}

//! Pods and what makes them.

use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

use crate::{
    client::{Cluster, ListRequest, list},
    error::Result,
    plan::snapshot::app::Workload,
};

/// Kinds whose pods may mount claims: path and plural, the word that kubectl prints, and where their template stands.
const KINDS: [(&str, &str, &str, &str); 6] = [
    ("api/v1", "pods", "pod", ""),
    ("apis/apps/v1", "deployments", "deployment", "/spec/template"),
    ("apis/apps/v1", "statefulsets", "statefulset", "/spec/template"),
    ("apis/apps/v1", "daemonsets", "daemonset", "/spec/template"),
    ("apis/batch/v1", "jobs", "job", "/spec/template"),
    ("apis/batch/v1", "cronjobs", "cronjob", "/spec/jobTemplate/spec/template"),
];

/// Lists the namespace's pods and workloads, and names the kinds that may not be listed.
///
/// # Errors
/// When the server cannot be asked.
pub async fn all(cluster: &Cluster) -> Result<(Vec<Workload>, Vec<&'static str>)> {
    let namespace = &cluster.namespace;
    let lists = KINDS.map(async |(api, plural, kind, template)| {
        let request = ListRequest { path: format!("/{api}/namespaces/{namespace}/{plural}"), selector: String::new() };
        let mut found = Vec::new();
        let each = |object: Value| found.push(Workload::read(kind, &object, template));
        match list(cluster, &request, &format!("list {plural} in namespace {namespace:?}"), each).await {
            Ok(()) => Ok((found, None)),
            Err(error) if error.is_forbidden() => Ok((Vec::new(), Some(plural))),
            Err(error) => Err(error),
        }
    });
    let mut all = Vec::new();
    let mut hidden = Vec::new();
    for listed in futures::future::try_join_all(lists).await? {
        all.extend(listed.0);
        hidden.extend(listed.1);
    }
    Ok((all, hidden))
}

/// Lists the namespace's pods.
///
/// # Errors
/// When they may not be listed.
pub async fn pods(cluster: &Cluster) -> Result<Vec<Pod>> {
    let namespace = &cluster.namespace;
    let mut pods = Vec::new();
    let request = ListRequest::of::<Pod>(Some(namespace), None);
    list(cluster, &request, &format!("list pods in namespace {namespace:?}"), |pod| pods.push(pod)).await?;
    Ok(pods)
}

//! Objects as they travel: for output, where a field that our types do not know must not get lost.

use http::Request;
use kube::{
    Resource as _,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Preconditions},
};
use serde_json::Value;

use super::{Cluster, FIELD_MANAGER};
use crate::{
    args::DryRun,
    error::{CliError, Doing as _, Result},
};

/// Creates an object at a collection's path and returns the server's answer. `doing` completes "failed to …".
///
/// # Errors
/// When the server refuses or cannot be reached.
pub async fn create(cluster: &Cluster, path: &str, object: &Value, dry_run: DryRun, doing: &str) -> Result<Value> {
    let broken = |error: &dyn std::fmt::Display| CliError::new(format!("failed to {doing}: {error}"));
    let keep = if dry_run == DryRun::Server { "&dryRun=All" } else { "" };
    let body = serde_json::to_vec(object).map_err(|error| broken(&error))?;
    let request = Request::post(format!("{path}?fieldManager={FIELD_MANAGER}{keep}"))
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body)
        .map_err(|error| broken(&error))?;
    cluster.client.request(request).await.doing(|| doing.to_owned())
}

/// Reads the object at a path.
///
/// # Errors
/// When it does not exist or the server cannot be asked.
pub async fn get(cluster: &Cluster, path: &str, doing: &str) -> Result<Value> {
    let request =
        Request::get(path).body(Vec::new()).map_err(|error| CliError::new(format!("failed to {doing}: {error}")))?;
    cluster.client.request(request).await.doing(|| doing.to_owned())
}

/// Applies an object on the server, as the owner of the fields that it sets, and returns the answer.
///
/// # Errors
/// When the server refuses or cannot be reached, or somebody else owns a field and `force` is not given.
pub async fn apply(cluster: &Cluster, object: &Value, dry_run: DryRun, force: bool, doing: &str) -> Result<Value> {
    let broken = |error: &dyn std::fmt::Display| CliError::new(format!("failed to {doing}: {error}"));
    let keep = if dry_run == DryRun::Server { "&dryRun=All" } else { "" };
    let path = path(object).ok_or_else(|| broken(&"it has no kind or name"))?;
    let body = serde_json::to_vec(object).map_err(|error| broken(&error))?;
    let request = Request::patch(format!("{path}?fieldManager={FIELD_MANAGER}&force={force}{keep}"))
        .header(http::header::CONTENT_TYPE, "application/apply-patch+yaml")
        .body(body)
        .map_err(|error| broken(&error))?;
    cluster.client.request(request).await.doing(|| doing.to_owned())
}

/// Deletes the object of that kind and name; `false` when there is none.
///
/// # Errors
/// When the server refuses or cannot be reached.
pub async fn delete(cluster: &Cluster, object: &Value, dry_run: DryRun, doing: &str) -> Result<bool> {
    let broken = |error: &dyn std::fmt::Display| CliError::new(format!("failed to {doing}: {error}"));
    let keep = if dry_run == DryRun::Server { "?dryRun=All" } else { "" };
    let path = path(object).ok_or_else(|| broken(&"it has no kind or name"))?;
    let request = Request::delete(format!("{path}{keep}")).body(Vec::new()).map_err(|error| broken(&error))?;
    match cluster.client.request::<Value>(request).await.doing(|| doing.to_owned()) {
        Ok(_) => Ok(true),
        Err(error) if error.code == Some(404) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Deletes the object at a path if it still has that uid; one that is gone, or was replaced, is no error.
///
/// # Errors
/// When the server refuses or cannot be reached.
pub async fn delete_exactly(cluster: &Cluster, path: &str, uid: &str, doing: &str) -> Result<()> {
    let broken = |error: &dyn std::fmt::Display| CliError::new(format!("failed to {doing}: {error}"));
    let options = DeleteParams {
        preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
        ..DeleteParams::default()
    };
    let body = serde_json::to_vec(&options).map_err(|error| broken(&error))?;
    let request = Request::delete(path)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body)
        .map_err(|error| broken(&error))?;
    match cluster.client.request::<Value>(request).await.doing(|| doing.to_owned()) {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.code, Some(404 | 409)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Where the API server keeps an object, by its kind and names; `None` when it has no kind or name.
pub fn path(object: &Value) -> Option<String> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let (api_version, kind, name) = (text("/apiVersion")?, text("/kind")?, text("/metadata/name")?);
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    Some(format!("{}/{name}", DynamicObject::url_path(&resource, text("/metadata/namespace"))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_objects_path_follows_from_its_kind() {
        let path = |api_version: &str, kind: &str, namespace: Option<&str>| {
            let metadata = json!({"name": "x", "namespace": namespace});
            path(&json!({"apiVersion": api_version, "kind": kind, "metadata": metadata})).unwrap()
        };
        assert_eq!(path("v1", "Namespace", None), "/api/v1/namespaces/x");
        assert_eq!(path("apps/v1", "Deployment", Some("n")), "/apis/apps/v1/namespaces/n/deployments/x");
        let policies = "/apis/networking.k8s.io/v1/namespaces/n/networkpolicies/x";
        assert_eq!(path("networking.k8s.io/v1", "NetworkPolicy", Some("n")), policies);
    }
}

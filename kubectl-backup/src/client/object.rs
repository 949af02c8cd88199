//! Objects as they travel: for output, where a field that our types do not know must not get lost.

use http::Request;
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

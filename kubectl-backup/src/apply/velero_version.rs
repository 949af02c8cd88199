//! Asks Velero's server for its version. Velero answers by an object: it is made, watched and removed again.

use std::time::Duration;

use backup_api::velero::{ServerStatusRequest, ServerStatusRequestSpec};
use kube::{
    Api,
    api::{DeleteParams, ObjectMeta, PostParams},
};
use tokio::time::{Instant, timeout_at};

use crate::{
    client::{self, Cluster, FIELD_MANAGER},
    error::{Doing as _, Result},
    facts::velero,
    plan::velero_namespace::is_not_installed,
};

/// A server that runs answers within a second.
const LIMIT: Duration = Duration::from_secs(5);

/// What is known of Velero's version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VeleroVersion {
    /// Velero said so.
    Known {
        /// The version, such as `v1.18.3`.
        version: String,
        /// Velero's namespace.
        namespace: String,
    },
    /// There is no Velero.
    NotInstalled,
    /// Why it is not known.
    Unknown(String),
}

/// Returns Velero's version, or why it is not known. Never fails: it is a remark beside other versions.
pub async fn velero_version(cluster: &Cluster) -> VeleroVersion {
    let until = Instant::now() + LIMIT;
    let asked = async {
        let namespace = velero::namespace(cluster).await?;
        let request = create(cluster, &namespace).await?;
        Ok((namespace, request))
    };
    let (namespace, request) = match timeout_at(until, asked).await {
        Ok(Ok(asked)) => asked,
        Ok(Err(error)) if is_not_installed(&error) => return VeleroVersion::NotInstalled,
        Ok(Err(error)) => {
            let hint = error.hints.first().map_or(String::new(), |hint| format!("; {}", hint.trim_end_matches('.')));
            return VeleroVersion::Unknown(error.message + &hint);
        }
        Err(_) => return VeleroVersion::Unknown(format!("no answer from the server within {LIMIT:?}")),
    };
    let api: Api<ServerStatusRequest> = Api::namespaced(cluster.client.clone(), &namespace);
    let doing = format!("watch serverstatusrequest {request:?} in namespace {namespace:?}");
    let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let answer = client::until(api.clone(), &request, left, &doing, |request| {
        Ok(request.and_then(|request| request.status?.server_version))
    })
    .await;
    // Velero removes old requests by itself: that ours could not be removed is no news for anybody.
    let _ = tokio::time::timeout(LIMIT, api.delete(&request, &DeleteParams::default())).await;
    match answer {
        Ok(Some(version)) => VeleroVersion::Known { version, namespace },
        Ok(None) => {
            VeleroVersion::Unknown(format!("Velero in namespace {namespace:?} did not answer within {LIMIT:?}"))
        }
        Err(error) => VeleroVersion::Unknown(error.message),
    }
}

async fn create(cluster: &Cluster, namespace: &str) -> Result<String> {
    let request = ServerStatusRequest {
        metadata: ObjectMeta { generate_name: Some("kubectl-backup-".into()), ..ObjectMeta::default() },
        spec: ServerStatusRequestSpec {},
        status: None,
    };
    let api: Api<ServerStatusRequest> = Api::namespaced(cluster.client.clone(), namespace);
    let params = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
    let created = api
        .create(&params, &request)
        .await
        .doing(|| format!("create a serverstatusrequest in namespace {namespace:?}"))?;
    Ok(created.metadata.name.unwrap_or_default())
}

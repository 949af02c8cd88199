//! Whether the owners of a PVC are there.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIResourceList, OwnerReference};

use crate::{
    args::parse_name,
    client::{self, Cluster},
    error::{Doing as _, Result},
    facts::named::Named,
    plan::rollback::OwnerSeen,
};

/// Looks for each owner, where the garbage collector would.
///
/// # Errors
/// When the server cannot be asked. One that may not be read is no error.
pub async fn owners(cluster: &Cluster, owners: Vec<OwnerReference>) -> Result<Vec<(OwnerReference, OwnerSeen)>> {
    let mut all = Vec::new();
    for owner in owners {
        let seen = match seen(cluster, &owner).await {
            Err(error) if error.is_not_found() => OwnerSeen::Absent,
            Err(error) if error.is_forbidden() => OwnerSeen::Hidden,
            seen => seen?,
        };
        all.push((owner, seen));
    }
    Ok(all)
}

async fn seen(cluster: &Cluster, owner: &OwnerReference) -> Result<OwnerSeen> {
    let OwnerReference { api_version, kind, name, .. } = owner;
    // They become parts of requests, and whoever may write the snapshot may write them.
    if api_version.splitn(2, '/').chain([name.as_str()]).any(|part| parse_name(part).is_err()) {
        return Ok(OwnerSeen::Hidden);
    }
    let doing = || format!("ask how {kind} of {api_version} is served");
    let (root, served) = if api_version.contains('/') {
        ("/apis", cluster.client.list_api_group_resources(api_version).await.doing(doing)?)
    } else {
        ("/api", cluster.client.list_core_api_resources(api_version).await.doing(doing)?)
    };
    let Some((plural, namespaced)) = resource(served, kind) else { return Ok(OwnerSeen::Absent) };
    let within = if namespaced { format!("namespaces/{}/", cluster.namespace) } else { String::new() };
    let path = format!("{root}/{api_version}/{within}{plural}/{name}");
    let found = client::get(cluster, &path, &format!("read {plural} {name:?}")).await?;
    let metadata = serde_json::from_value::<Named>(found).map(|found| found.metadata).unwrap_or_default();
    Ok(OwnerSeen::There { uid: metadata.uid.unwrap_or_default(), deleting: metadata.deletion_timestamp.is_some() })
}

fn resource(served: APIResourceList, kind: &str) -> Option<(String, bool)> {
    let found = served.resources.into_iter().find(|it| it.kind == kind && !it.name.contains('/'))?;
    Some((found.name, found.namespaced))
}

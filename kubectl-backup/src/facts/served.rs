//! How the API server serves a resource that a policy names.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIResource, APIResourceList};

use crate::{
    client::Cluster,
    error::{Doing as _, Result},
};

/// A resource as it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Where all of its objects are: `/api/v1/configmaps`.
    pub path: String,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
}

/// Asks how a resource, given as `plural.group`, is served; nothing when the cluster does not have it.
///
/// # Errors
/// When the server refuses or cannot be reached.
pub async fn served(cluster: &Cluster, resource: &str) -> Result<Option<Served>> {
    let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
    let doing = || format!("ask how {resource} is served");
    if group.is_empty() {
        let core = cluster.client.list_core_api_resources("v1").await.doing(doing)?;
        return Ok(find(&core, plural).map(|found| as_served(found, "/api/v1")));
    }
    let groups = cluster.client.list_api_groups().await.doing(doing)?.groups;
    let Some(group) = groups.into_iter().find(|found| found.name == group) else { return Ok(None) };
    // The preferred version first; one in which the resource is not served is passed over.
    for version in group.preferred_version.into_iter().chain(group.versions) {
        let resources = cluster.client.list_api_group_resources(&version.group_version).await.doing(doing)?;
        if let Some(found) = find(&resources, plural) {
            return Ok(Some(as_served(found, &format!("/apis/{}", version.group_version))));
        }
    }
    Ok(None)
}

fn find<'a>(list: &'a APIResourceList, plural: &str) -> Option<&'a APIResource> {
    list.resources.iter().find(|found| found.name == plural)
}

fn as_served(found: &APIResource, root: &str) -> Served {
    Served { path: format!("{root}/{}", found.name), namespaced: found.namespaced }
}

//! The counted resource: how the API server serves it, and which of its objects count.

use backup_api::labels::QUOTA_EXEMPT;
use backup_ledger::{Key, Object, Uid};
use backup_policy::config::resource::VOLUME_SNAPSHOTS;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIResourceList, ObjectMeta};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, PartialObjectMeta},
};

/// What is known of an object without its content: for this type API servers are asked for no more.
pub type Metadata = PartialObjectMeta<DynamicObject>;

/// A resource as it is served.
#[derive(Debug, Clone)]
pub struct Counted {
    /// Its names.
    pub api_resource: ApiResource,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
    marked_are_exempt: bool,
}

/// One object of it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Which one.
    pub object: Object,
    /// Whether it takes a slot.
    pub counts: bool,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Whether its deletion has begun.
    pub deleting: bool,
}

impl Counted {
    /// A resource that is served so, and named so by its quota.
    pub fn new(api_resource: ApiResource, namespaced: bool, resource: &str) -> Self {
        Self { api_resource, namespaced, marked_are_exempt: resource == VOLUME_SNAPSHOTS }
    }

    /// All objects, in all namespaces.
    pub fn all(&self, client: &Client) -> Api<Metadata> {
        Api::all_with(client.clone(), &self.api_resource)
    }

    /// The objects in the namespace of a key.
    pub fn beside(&self, client: &Client, key: &Key) -> Api<Metadata> {
        if self.namespaced {
            Api::namespaced_with(client.clone(), key.namespace(), &self.api_resource)
        } else {
            self.all(client)
        }
    }

    /// Reads one object; nothing when its metadata is not whole.
    pub fn see(&self, metadata: &ObjectMeta) -> Option<Seen> {
        let key = Key::new(metadata.namespace.as_deref().unwrap_or_default(), metadata.name.as_deref()?);
        let mark = metadata.labels.as_ref().and_then(|labels| labels.get(QUOTA_EXEMPT));
        Some(Seen {
            object: Object::new(key, Uid::new(metadata.uid.as_deref()?)),
            // The mark is given to snapshots only; on anything else it means nothing.
            counts: !(self.marked_are_exempt && mark.is_some_and(|value| value == "true")),
            created: metadata.creation_timestamp.as_ref().map(|time| time.0),
            deleting: metadata.deletion_timestamp.is_some(),
        })
    }
}

/// Asks how a resource, given as `plural.group`, is served; nothing when it is not.
pub async fn find(client: &Client, resource: &str) -> kube::Result<Option<Counted>> {
    let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
    if group.is_empty() {
        return Ok(pick(resource, "", plural, &client.list_core_api_resources("v1").await?));
    }
    let groups = client.list_api_groups().await?.groups;
    let Some(found) = groups.into_iter().find(|found| found.name == group) else { return Ok(None) };
    // The preferred version first; one in which the resource is not served is passed over.
    let versions = found.preferred_version.into_iter().chain(found.versions);
    for version in versions {
        let list = client.list_api_group_resources(&version.group_version).await?;
        if let Some(counted) = pick(resource, group, plural, &list) {
            return Ok(Some(counted));
        }
    }
    Ok(None)
}

fn pick(resource: &str, group: &str, plural: &str, list: &APIResourceList) -> Option<Counted> {
    let found = list.resources.iter().find(|found| found.name == plural)?;
    let api_version = list.group_version.clone();
    let version = api_version.rsplit('/').next().unwrap_or_default().to_owned();
    let api_resource = ApiResource {
        group: group.to_owned(),
        version,
        api_version,
        kind: found.kind.clone(),
        plural: plural.to_owned(),
    };
    Some(Counted::new(api_resource, found.namespaced, resource))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn served(resource: &str) -> Option<Counted> {
        let (plural, group) = resource.split_once('.')?;
        let list: APIResourceList = serde_json::from_value(json!({
            "groupVersion": format!("{group}/v1"),
            "resources": [
                {"name": format!("{plural}/status"), "kind": "X", "namespaced": true, "singularName": "", "verbs": []},
                {"name": plural, "kind": "X", "namespaced": true, "singularName": "", "verbs": []},
            ],
        }))
        .ok()?;
        pick(resource, group, plural, &list)
    }

    fn counts(resource: &str, labels: &Value) -> bool {
        let metadata = json!({"namespace": "shop", "name": "a", "uid": "u", "labels": labels});
        let metadata = serde_json::from_value(metadata).expect("metadata");
        served(resource).expect("it is served").see(&metadata).expect("an object").counts
    }

    #[test]
    fn only_marked_snapshots_do_not_count() {
        let marked = json!({QUOTA_EXEMPT: "true"});
        assert!(!counts(VOLUME_SNAPSHOTS, &marked));
        assert!(counts(VOLUME_SNAPSHOTS, &json!({QUOTA_EXEMPT: "yes"})));
        assert!(counts(VOLUME_SNAPSHOTS, &Value::Null));
        assert!(counts("schedules.velero.io", &marked));
    }

    #[test]
    fn a_resource_is_found_by_its_plural_and_not_by_a_part_of_it() {
        let found = served("schedules.velero.io").expect("it is served");
        assert_eq!(
            (found.api_resource.api_version.as_str(), found.api_resource.version.as_str()),
            ("velero.io/v1", "v1")
        );
        assert!(found.namespaced);
        let empty = APIResourceList::default();
        assert!(pick("schedules.velero.io", "velero.io", "schedules", &empty).is_none());
    }
}

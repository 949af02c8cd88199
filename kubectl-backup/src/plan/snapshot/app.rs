//! The volumes of an application: what its pods mount, and what its workloads would mount if they ran.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PodSpec, Volume};
use serde_json::Value;

/// Labels that name the application, the recommended ones first.
pub const APP_LABELS: [&str; 3] = ["app.kubernetes.io/instance", "app.kubernetes.io/name", "app"];

/// A pod, or something that makes pods.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workload {
    /// `pod/web-0`.
    pub name: String,
    apps: BTreeSet<String>,
    claims: BTreeSet<String>,
    /// Starts of the names of the claims that a StatefulSet makes: an ordinal follows.
    ordinal: Vec<String>,
}

impl Workload {
    /// Reads a pod or a workload. `kind` is as kubectl prints it; `template` leads to the pods' template, and is empty for
    /// a pod itself.
    pub fn read(kind: &str, object: &Value, template: &str) -> Self {
        let own = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let mut workload = Self { name: format!("{kind}/{own}"), ..Self::default() };
        for at in ["/metadata/labels".to_owned(), format!("{template}/metadata/labels")] {
            let labels = object.pointer(&at).and_then(Value::as_object);
            let named = APP_LABELS.iter().filter_map(|key| labels?.get(*key)?.as_str());
            workload.apps.extend(named.filter(|app| !app.is_empty()).map(str::to_owned));
        }
        let spec: PodSpec = object
            .pointer(&format!("{template}/spec"))
            .and_then(|spec| serde_json::from_value(spec.clone()).ok())
            .unwrap_or_default();
        let templates = object.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array);
        let templates: Vec<&str> = templates
            .into_iter()
            .flatten()
            .filter_map(|template| template.pointer("/metadata/name").and_then(Value::as_str))
            .collect();
        workload.ordinal = templates.iter().map(|template| format!("{template}-{own}-")).collect();
        for volume in spec.volumes.iter().flatten() {
            // What a StatefulSet makes takes the place of a volume of the same name.
            if let Some(claim) = mounted(volume, own).filter(|_| !templates.contains(&volume.name.as_str())) {
                // A volume that lives as long as its pod has the pod's name, which a template does not know.
                if template.is_empty() || volume.ephemeral.is_none() {
                    workload.claims.insert(claim);
                }
            }
        }
        workload
    }

    fn uses(&self, claim: &str) -> bool {
        self.claims.contains(claim)
            || self.ordinal.iter().any(|start| {
                claim
                    .strip_prefix(start.as_str())
                    .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
            })
    }
}

/// The claim behind a volume of a pod.
pub fn mounted(volume: &Volume, pod: &str) -> Option<String> {
    match (&volume.persistent_volume_claim, &volume.ephemeral) {
        (Some(source), _) => Some(source.claim_name.clone()),
        (None, Some(_)) => Some(format!("{pod}-{}", volume.name)),
        (None, None) => None,
    }
}

/// What was found of an application.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Its claims, each with what mounts it.
    pub claims: BTreeMap<String, Vec<String>>,
    /// Its pods and workloads.
    pub parts: Vec<String>,
    /// Other applications of the namespace.
    pub others: Vec<String>,
}

/// Finds an application's claims. Those of a StatefulSet are found by their names among `existing`; those that a pod or
/// template names are taken as they are, also when they do not exist.
pub fn find(app: &str, workloads: &[Workload], existing: &[PersistentVolumeClaim]) -> Found {
    let mut found = Found::default();
    let mut others = BTreeSet::new();
    for workload in workloads {
        if !workload.apps.contains(app) {
            others.extend(workload.apps.iter().cloned());
            continue;
        }
        found.parts.push(workload.name.clone());
        let names = existing.iter().filter_map(|claim| claim.metadata.name.as_ref());
        let used: BTreeSet<&String> =
            workload.claims.iter().chain(names.filter(|claim| workload.uses(claim))).collect();
        for claim in used {
            found.claims.entry(claim.clone()).or_default().push(workload.name.clone());
        }
    }
    found.others = others.into_iter().collect();
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(names: &[&str]) -> Vec<PersistentVolumeClaim> {
        names.iter().map(|name| serde_json::from_value(json!({"metadata": {"name": name}})).unwrap()).collect()
    }

    fn pvc(volume: &str, claim: &str) -> Value {
        json!({"name": volume, "persistentVolumeClaim": {"claimName": claim}})
    }

    fn set(labels: &Value, of_template: &Value) -> Workload {
        Workload::read(
            "statefulset",
            &json!({"metadata": {"name": "db", "labels": labels}, "spec": {
                "replicas": 0, "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
                "template": {"metadata": {"labels": of_template}, "spec": {"containers": [], "volumes": [pvc("shared", "files"), pvc("data", "hidden")]}},
            }}),
            "/spec/template",
        )
    }

    #[test]
    fn a_stateful_sets_claims_are_found_also_without_a_pod() {
        let existing = claims(&["data-db-0", "data-db-11", "data-db-x", "data-db-", "data-db2-0", "files", "hidden"]);
        let found = find("shop", &[set(&json!({"app": "shop"}), &json!({}))], &existing);
        let names: Vec<_> = found.claims.keys().map(String::as_str).collect();
        assert_eq!(names, ["data-db-0", "data-db-11", "files"]);
        assert_eq!(found, find("shop", &[set(&json!({}), &json!({"app.kubernetes.io/name": "shop"}))], &existing));
    }

    #[test]
    fn a_pods_own_volumes_count_and_other_apps_do_not() {
        let pod = |name: &str, app: &str| {
            Workload::read(
                "pod",
                &json!({"metadata": {"name": name, "labels": {"app.kubernetes.io/instance": app}}, "spec": {"containers": [],
                    "volumes": [pvc("v", "data"), {"name": "scratch", "ephemeral": {}}, {"name": "c", "configMap": {"name": "x"}}]}}),
                "",
            )
        };
        let found = find("shop", &[pod("web", "shop"), pod("web2", "shop"), pod("mail", "mail")], &[]);
        insta::assert_snapshot!(format!("{found:?}"), @r#"Found { claims: {"data": ["pod/web", "pod/web2"], "web-scratch": ["pod/web"], "web2-scratch": ["pod/web2"]}, parts: ["pod/web", "pod/web2"], others: ["mail"] }"#);
        assert_eq!(find("nothing", &[pod("web", "shop")], &[]).others, ["shop"]);
    }

    #[test]
    fn a_templates_ephemeral_volumes_have_no_name_yet() {
        let object = json!({"metadata": {"name": "web", "labels": {"app": "shop"}}, "spec": {"template": {"spec":
            {"containers": [], "volumes": [{"name": "scratch", "ephemeral": {}}]}}}});
        assert!(find("shop", &[Workload::read("deployment", &object, "/spec/template")], &[]).claims.is_empty());
    }
}

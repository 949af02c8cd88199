//! What a quota on a further resource needs: that API servers ask the webhook about it, and that the webhook may read it.
//! The manifests give both for snapshots and schedules only, so that nobody's rights grow who does not count anything else.

use serde_json::{Value, json};

use super::install::{NAME, NAMESPACE};
use crate::error::{CliError, Result};

/// The name of all these objects.
pub const GRANTS: &str = "backup-webhook-quotas";
/// The entry of the webhook's own configuration that asks for slots.
const ENTRY: &str = "quota.kubectl-backup.dev";
/// The same for accounts that are never refused.
const EXEMPT_ENTRY: &str = "exempt-quota.kubectl-backup.dev";

/// A resource to be counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Further {
    /// As `plural.group`.
    pub resource: String,
    /// Whether its objects are in namespaces; what the cluster does not have is taken to be.
    pub namespaced: bool,
}

impl Further {
    fn parts(&self) -> (&str, &str) {
        self.resource.split_once('.').map_or((self.resource.as_str(), ""), |(plural, group)| (plural, group))
    }
}

/// The resources about which this configuration makes API servers ask for slots, as `plural.group`.
pub fn asked_about(configuration: &Value) -> Vec<String> {
    let rules = entry(configuration, ENTRY).and_then(|entry| entry["rules"].as_array());
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let of_rule = |rule: &Value| {
        let (groups, resources) = (texts(&rule["apiGroups"]), texts(&rule["resources"]));
        groups
            .iter()
            .flat_map(|group| {
                resources.iter().map(
                    move |plural| {
                        if group.is_empty() { plural.clone() } else { format!("{plural}.{group}") }
                    },
                )
            })
            .collect::<Vec<_>>()
    };
    rules.into_iter().flatten().flat_map(of_rule).collect()
}

/// The objects, in the order in which they are applied: rights first. `own` is the webhook's own validating configuration,
/// by which it is known how it is called and whom it does not bind.
///
/// # Errors
/// When that configuration lacks an entry.
pub fn objects(further: &[Further], own: &Value) -> Result<Vec<Value>> {
    let missing = |entry: &str| CliError::new(format!("validatingwebhookconfiguration {NAME:?} has no entry {entry}"));
    let limited = entry(own, ENTRY).ok_or_else(|| missing(ENTRY))?;
    let exempt = entry(own, EXEMPT_ENTRY).ok_or_else(|| missing(EXEMPT_ENTRY))?;
    let read: Vec<Value> = further.iter().map(|one| rule(one, &["get", "list", "watch"])).collect();
    let probed = |namespaced: bool| {
        let of_scope = further.iter().filter(move |one| one.namespaced == namespaced);
        of_scope.map(|one| rule(one, &["create"])).collect::<Vec<_>>()
    };
    let rules = [read, probed(false)].concat();
    let rights = [
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": metadata(None), "rules": rules}),
        binding("ClusterRole", None),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata(Some(NAMESPACE)), "rules": probed(true)}),
        binding("Role", Some(NAMESPACE)),
    ];
    let mut configuration_metadata = metadata(None);
    // Where cert-manager tells the API servers whom to trust, it has to here too.
    let injected = own.pointer("/metadata/annotations").and_then(|all| all.get("cert-manager.io/inject-ca-from"));
    if let Some(from) = injected {
        configuration_metadata["annotations"] = json!({"cert-manager.io/inject-ca-from": from});
    }
    let configuration = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": configuration_metadata,
        "webhooks": [asking(limited, "further-quota.kubectl-backup.dev", further, injected.is_some()), asking(exempt, "exempt-further-quota.kubectl-backup.dev", further, injected.is_some())],
    });
    Ok(rights.into_iter().chain([configuration]).collect())
}

/// An entry like the webhook's own, for other resources. Only creates are asked about: the mark that updates are looked at
/// for means something on snapshots alone.
fn asking(like: &Value, name: &str, further: &[Further], keeps_path: bool) -> Value {
    let is_account = |condition: &&Value| condition["name"].as_str().is_some_and(|name| name.ends_with("exempt"));
    let accounts = like["matchConditions"].as_array().into_iter().flatten().filter(is_account).cloned();
    let conditions: Vec<Value> = accounts.chain([own_namespace()]).collect();
    let rules: Vec<Value> = further
        .iter()
        .map(|one| {
            let (plural, group) = one.parts();
            json!({"apiGroups": [group], "apiVersions": ["*"], "resources": [plural], "operations": ["CREATE"], "scope": "*"})
        })
        .collect();
    json!({
        "name": name,
        "admissionReviewVersions": like["admissionReviewVersions"],
        "clientConfig": called(&like["clientConfig"], keeps_path),
        "failurePolicy": like["failurePolicy"],
        "matchPolicy": "Equivalent",
        "sideEffects": "NoneOnDryRun",
        "timeoutSeconds": like["timeoutSeconds"],
        "rules": rules,
        "matchConditions": conditions,
    })
}

/// What the webhook needs to come back must not wait for it: a ReplicaSet, a ConfigMap, a Secret. It is counted when it is
/// seen. The dry runs there prove that API servers ask.
fn own_namespace() -> Value {
    let expression = format!("request.?namespace.orValue('') != '{NAMESPACE}' || request.?dryRun.orValue(false)");
    json!({"name": "not-its-own", "expression": expression})
}

/// How the webhook is called. It writes the CA and its path there itself, which is secret then and nobody's to print; where
/// cert-manager keeps the certificate, the path is the manifests'.
fn called(client: &Value, keeps_path: bool) -> Value {
    let mut client = client.clone();
    let Some(fields) = client.as_object_mut() else { return client };
    fields.remove("caBundle");
    if keeps_path {
        return client;
    }
    if let Some(service) = fields.get_mut("service").and_then(Value::as_object_mut) {
        service.remove("path");
    }
    if let Some(url) = fields.get("url").and_then(Value::as_str) {
        let origin: Vec<&str> = url.split('/').take(3).collect();
        fields.insert("url".to_owned(), json!(origin.join("/")));
    }
    client
}

fn entry<'a>(configuration: &'a Value, name: &str) -> Option<&'a Value> {
    configuration["webhooks"].as_array()?.iter().find(|entry| entry["name"] == name)
}

fn rule(one: &Further, verbs: &[&str]) -> Value {
    let (plural, group) = one.parts();
    json!({"apiGroups": [group], "resources": [plural], "verbs": verbs})
}

fn metadata(namespace: Option<&str>) -> Value {
    let mut metadata = json!({"name": GRANTS, "labels": {"app.kubernetes.io/part-of": "kubectl-backup"}});
    if let Some(namespace) = namespace {
        metadata["namespace"] = json!(namespace);
    }
    metadata
}

fn binding(role: &str, namespace: Option<&str>) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": format!("{role}Binding"),
        "metadata": metadata(namespace),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": GRANTS},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::install::{self, Choices};

    fn own() -> Value {
        let objects = install::objects(&Choices::default()).unwrap();
        objects.into_iter().find(|object| install::kind(object) == "ValidatingWebhookConfiguration").unwrap()
    }

    #[test]
    fn the_manifests_ask_about_snapshots_and_schedules() {
        assert_eq!(asked_about(&own()), ["volumesnapshots.snapshot.storage.k8s.io", "schedules.velero.io"]);
    }

    #[test]
    fn the_secret_path_is_not_copied() {
        let service = json!({"caBundle": "Q0E=", "service": {"name": "x", "path": "/validate/secret"}});
        assert_eq!(called(&service, false), json!({"service": {"name": "x"}}));
        assert_eq!(called(&service, true), json!({"service": {"name": "x", "path": "/validate/secret"}}));
        let url = json!({"url": "https://127.0.0.1:9443/validate/secret"});
        assert_eq!(called(&url, false), json!({"url": "https://127.0.0.1:9443"}));
    }

    #[test]
    fn each_resource_is_asked_about_read_and_probed_and_nothing_else() {
        let further = [
            Further { resource: "persistentvolumeclaims".into(), namespaced: true },
            Further { resource: "widgets.example.org".into(), namespaced: false },
        ];
        let mut own = own();
        own["metadata"]["annotations"] = json!({"cert-manager.io/inject-ca-from": "n/c", "x": "y"});
        let objects = objects(&further, &own).unwrap();
        let kinds: Vec<_> = objects.iter().map(install::kind).collect();
        assert_eq!(
            kinds,
            ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ValidatingWebhookConfiguration"]
        );
        assert!(objects.iter().all(|object| object["metadata"]["name"] == GRANTS));
        insta::assert_snapshot!(serde_saphyr::to_string(&objects[0]["rules"]).unwrap(), @r#"- apiGroups:
  - ""
  resources:
  - persistentvolumeclaims
  verbs:
  - get
  - list
  - watch
- apiGroups:
  - example.org
  resources:
  - widgets
  verbs:
  - get
  - list
  - watch
- apiGroups:
  - example.org
  resources:
  - widgets
  verbs:
  - create"#);
        insta::assert_snapshot!(serde_saphyr::to_string(&objects[2]["rules"]).unwrap(), @r#"- apiGroups:
  - ""
  resources:
  - persistentvolumeclaims
  verbs:
  - create"#);
        let configuration = &objects[4];
        assert_eq!(configuration["metadata"]["annotations"], json!({"cert-manager.io/inject-ca-from": "n/c"}));
        // By the beginning of its name the webhook gives an entry the path by which it knows who asks.
        let names: Vec<_> = (0..2).map(|n| configuration["webhooks"][n]["name"].as_str().unwrap()).collect();
        assert!(!names[0].starts_with("exempt") && names[1].starts_with("exempt"), "{names:?}");
        assert_eq!(configuration["webhooks"][0]["failurePolicy"], "Fail");
        assert_eq!(configuration["webhooks"][1]["failurePolicy"], "Ignore");
        let conditions = |n: usize| configuration["webhooks"][n]["matchConditions"][0]["expression"].as_str().unwrap();
        assert_eq!(conditions(0), format!("!({})", conditions(1)), "nobody is asked about twice or not at all");
        for n in 0..2 {
            let condition = &configuration["webhooks"][n]["matchConditions"][1]["expression"];
            assert_eq!(
                condition,
                "request.?namespace.orValue('') != 'kubectl-backup-system' || request.?dryRun.orValue(false)"
            );
        }
        assert_eq!(configuration["webhooks"][0]["rules"][1]["resources"], json!(["widgets"]));
    }
}

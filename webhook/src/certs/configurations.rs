//! Telling the API server whom to trust, and by which path to call.

use std::fmt::Debug;

use json_patch::{AddOperation, Patch, PatchOperation, TestOperation, jsonptr::PointerBuf};
use k8s_openapi::{
    ByteString,
    api::admissionregistration::v1::{
        MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
    },
};
use kube::{Api, Client, Resource, api::PatchParams};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::paths::PathSecret;

/// The names of all configurations by which API servers ask, given that of the manifests': the second is there when more is
/// counted than those ask about.
pub fn names(configuration: &str) -> [String; 2] {
    [configuration.to_owned(), format!("{configuration}-quotas")]
}

/// The CA could not be written into a webhook configuration.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the CA and the path into {kind} {name}: {source}")]
pub struct InjectError {
    kind: &'static str,
    name: String,
    source: Box<kube::Error>,
}

/// What API servers are told.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// The CAs to trust, in PEM.
    pub trusted: &'a str,
    /// The part of the path that others do not know.
    pub path: &'a PathSecret,
}

/// Writes it into both configurations of that name, and says whether any lacked it; one that does not exist has nobody to be
/// told.
pub async fn inject(client: &Client, name: &str, told: Told<'_>) -> Result<bool, InjectError> {
    let validating: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let validating = inject_into(
        &validating,
        ("ValidatingWebhookConfiguration", name),
        |configuration| {
            let webhooks = configuration.webhooks.iter().flatten();
            webhooks.map(|webhook| (webhook.name.clone(), webhook.client_config.clone())).collect()
        },
        ("validate", told),
    )
    .await?;
    let mutating: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let mutating = inject_into(
        &mutating,
        ("MutatingWebhookConfiguration", name),
        |configuration| {
            let webhooks = configuration.webhooks.iter().flatten();
            webhooks.map(|webhook| (webhook.name.clone(), webhook.client_config.clone())).collect()
        },
        ("mutate", told),
    )
    .await?;
    Ok(validating || mutating)
}

type Webhook = (String, WebhookClientConfig);

async fn inject_into<K>(
    api: &Api<K>,
    (kind, name): (&'static str, &str),
    webhooks: impl Fn(&K) -> Vec<Webhook> + Send,
    (phase, told): (&str, Told<'_>),
) -> Result<bool, InjectError>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send,
{
    let failed = |source| InjectError { kind, name: name.to_owned(), source: Box::new(source) };
    let Some(configuration) = api.get_opt(name).await.map_err(failed)? else { return Ok(false) };
    let patch = patch(&webhooks(&configuration), phase, told);
    if patch.0.is_empty() {
        return Ok(false);
    }
    api.patch(name, &PatchParams::default(), &kube::api::Patch::<()>::Json(patch)).await.map_err(failed)?;
    tracing::info!(kind, name, "told the API server whom to trust and how to call");
    Ok(true)
}

/// The patch that puts the CA and the path where they are missing. Each entry is tested by its name, so that one that moved
/// meanwhile makes the patch fail and not hit another.
fn patch(webhooks: &[Webhook], phase: &str, told: Told<'_>) -> Patch {
    let ca = ByteString(told.trusted.as_bytes().to_vec());
    let mut operations = Vec::new();
    for (index, (name, client)) in webhooks.iter().enumerate() {
        let index = index.to_string();
        let path = format!("{}/{phase}/{}", prefix(name), told.path.reveal());
        let entry = |rest: &[&str]| PointerBuf::from_tokens(["webhooks", index.as_str()].iter().chain(rest).copied());
        let add = |path: &[&str], value| PatchOperation::Add(AddOperation { path: entry(path), value });
        let mut lacking = Vec::new();
        if client.ca_bundle.as_ref() != Some(&ca) {
            lacking.push(add(&["clientConfig", "caBundle"], json!(ca)));
        }
        match (&client.service, &client.url) {
            (Some(service), _) if service.path.as_ref() != Some(&path) => {
                lacking.push(add(&["clientConfig", "service", "path"], json!(path)));
            }
            (None, Some(url)) if !url.ends_with(&path) => {
                lacking.push(add(&["clientConfig", "url"], json!(format!("{}{path}", origin(url)))));
            }
            _ => {}
        }
        if !lacking.is_empty() {
            operations.push(PatchOperation::Test(TestOperation { path: entry(&["name"]), value: json!(name) }));
            operations.append(&mut lacking);
        }
    }
    Patch(operations)
}

/// What comes before the phase in an entry's path. What Velero's account and others with its right ask about has entries of
/// its own, whose match conditions tell them: by the path we know which one was asked.
fn prefix(name: &str) -> &'static str {
    match name {
        _ if name.starts_with("exempt") => "/exempt",
        _ if name.starts_with("warned") => "/warned",
        _ => "",
    }
}

/// A URL without its path.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |scheme| scheme + 3);
    let end = url.get(host..).and_then(|rest| rest.find('/')).map_or(url.len(), |end| host + end);
    url.get(..end).unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::admissionregistration::v1::ServiceReference;

    use super::*;

    fn service(ca: Option<&str>, path: Option<&str>) -> WebhookClientConfig {
        let path = path.map(str::to_owned);
        WebhookClientConfig {
            ca_bundle: ca.map(|ca| ByteString(ca.as_bytes().to_vec())),
            service: Some(ServiceReference { path, ..ServiceReference::default() }),
            url: None,
        }
    }

    #[test]
    fn only_entries_that_lack_the_ca_or_the_path_are_changed() {
        let secret = PathSecret::stored(&"5".repeat(64)).expect("a path");
        let told = Told { trusted: "ca", path: &secret };
        let path = format!("/validate/{}", secret.reveal());
        let known = ("a".to_owned(), service(Some("ca"), Some(&path)));
        let open = ("b".to_owned(), service(None, None));
        let old = ("c".to_owned(), service(Some("ca"), Some("/validate/old")));
        let url = |path: &str| WebhookClientConfig {
            ca_bundle: Some(ByteString(b"ca".to_vec())),
            service: None,
            url: Some(format!("https://127.0.0.1:9443{path}")),
        };
        let (base, full) = (("d".to_owned(), url("")), ("e".to_owned(), url(&path)));
        let patch = patch(&[known, open, old, base, full], "validate", told);
        let patch = serde_json::to_string(&patch).expect("a patch").replace(secret.reveal(), "SECRET");
        insta::assert_snapshot!(patch.replace("},{", "},\n{"), @r#"
        [{"op":"test","path":"/webhooks/1/name","value":"b"},
        {"op":"add","path":"/webhooks/1/clientConfig/caBundle","value":"Y2E="},
        {"op":"add","path":"/webhooks/1/clientConfig/service/path","value":"/validate/SECRET"},
        {"op":"test","path":"/webhooks/2/name","value":"c"},
        {"op":"add","path":"/webhooks/2/clientConfig/service/path","value":"/validate/SECRET"},
        {"op":"test","path":"/webhooks/3/name","value":"d"},
        {"op":"add","path":"/webhooks/3/clientConfig/url","value":"https://127.0.0.1:9443/validate/SECRET"}]
        "#);
    }

    #[test]
    fn each_entry_for_veleros_account_has_a_path_of_its_own() {
        let secret = PathSecret::stored(&"5".repeat(64)).expect("a path");
        let told = Told { trusted: "ca", path: &secret };
        let base = concat!(
            include_str!("../../../manifests/webhook/base/validating.yaml"),
            include_str!("../../../manifests/webhook/base/mutating.yaml")
        );
        let names: Vec<_> = base.lines().filter_map(|line| line.strip_prefix("  - name: ")).collect();
        assert!(names.len() >= 8 && names.iter().any(|name| name.starts_with("exempt")), "{names:?}");
        for name in names {
            let asked = serde_json::to_string(&patch(&[(name.to_owned(), service(None, None))], "validate", told));
            let asked = asked.expect("a patch");
            for special in ["exempt", "warned"] {
                assert_eq!(asked.contains(&format!("\"/{special}/validate/")), name.starts_with(special), "{name}");
            }
        }
    }

    #[test]
    fn a_url_keeps_its_host_only() {
        for url in ["https://h:1", "https://h:1/", "https://h:1/validate", "https://h:1/validate/old"] {
            assert_eq!(origin(url), "https://h:1", "{url}");
        }
    }
}

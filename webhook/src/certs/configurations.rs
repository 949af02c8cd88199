//! Telling the API server whom to trust.

use std::fmt::Debug;

use json_patch::{AddOperation, Patch, PatchOperation, TestOperation, jsonptr::PointerBuf};
use k8s_openapi::{
    ByteString,
    api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
};
use kube::{Api, Client, Resource, api::PatchParams};
use serde::de::DeserializeOwned;
use serde_json::json;

/// The CA could not be written into a webhook configuration.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the CA into {kind} {name}: {source}")]
pub struct InjectError {
    kind: &'static str,
    name: String,
    source: Box<kube::Error>,
}

/// Writes the CAs into both configurations of that name, and says whether any lacked them; one that does not exist has
/// nobody to be told.
pub async fn inject(client: &Client, name: &str, ca: &str) -> Result<bool, InjectError> {
    let validating: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let validating = inject_into(
        &validating,
        "ValidatingWebhookConfiguration",
        name,
        |configuration| {
            let webhooks = configuration.webhooks.iter().flatten();
            webhooks.map(|webhook| (webhook.name.clone(), webhook.client_config.ca_bundle.clone())).collect()
        },
        ca,
    )
    .await?;
    let mutating: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let mutating = inject_into(
        &mutating,
        "MutatingWebhookConfiguration",
        name,
        |configuration| {
            let webhooks = configuration.webhooks.iter().flatten();
            webhooks.map(|webhook| (webhook.name.clone(), webhook.client_config.ca_bundle.clone())).collect()
        },
        ca,
    )
    .await?;
    Ok(validating || mutating)
}

type Webhook = (String, Option<ByteString>);

async fn inject_into<K>(
    api: &Api<K>,
    kind: &'static str,
    name: &str,
    webhooks: impl Fn(&K) -> Vec<Webhook> + Send,
    ca: &str,
) -> Result<bool, InjectError>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send,
{
    let failed = |source| InjectError { kind, name: name.to_owned(), source: Box::new(source) };
    let Some(configuration) = api.get_opt(name).await.map_err(failed)? else { return Ok(false) };
    let patch = patch(&webhooks(&configuration), ca);
    if patch.0.is_empty() {
        return Ok(false);
    }
    api.patch(name, &PatchParams::default(), &kube::api::Patch::<()>::Json(patch)).await.map_err(failed)?;
    tracing::info!(kind, name, "told the API server whom to trust");
    Ok(true)
}

/// The patch that puts the CA where it is missing. Each entry is tested by its name, so that one that moved meanwhile
/// makes the patch fail and not hit another.
fn patch(webhooks: &[Webhook], ca: &str) -> Patch {
    let ca = ByteString(ca.as_bytes().to_vec());
    let lacking = webhooks.iter().enumerate().filter(|(_, (_, present))| present.as_ref() != Some(&ca));
    let operations = lacking.flat_map(|(index, (name, _))| {
        let index = index.to_string();
        let entry = |rest: &[&str]| PointerBuf::from_tokens(["webhooks", index.as_str()].iter().chain(rest).copied());
        [
            PatchOperation::Test(TestOperation { path: entry(&["name"]), value: json!(name) }),
            PatchOperation::Add(AddOperation { path: entry(&["clientConfig", "caBundle"]), value: json!(ca) }),
        ]
    });
    Patch(operations.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_entries_that_lack_the_ca_are_changed() {
        let known = ("a".to_owned(), Some(ByteString(b"ca".to_vec())));
        let open = ("b".to_owned(), None);
        let patch = patch(&[known.clone(), open], "ca");
        insta::assert_snapshot!(serde_json::to_string(&patch).expect("a patch"), @r#"[{"op":"test","path":"/webhooks/1/name","value":"b"},{"op":"add","path":"/webhooks/1/clientConfig/caBundle","value":"Y2E="}]"#);
        assert!(super::patch(&[known], "ca").0.is_empty());
    }
}

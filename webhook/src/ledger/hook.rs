//! The proof that API servers ask this webhook (A1): a dry-run create through each, which only the webhook can have seen.

use std::{collections::BTreeMap, time::Duration};

use http::{Uri, header::WARNING};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{
    Api, Client,
    api::{DynamicObject, ListParams, PostParams},
    client::Body,
    core::Request,
};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{counted::Counted, sample, times::REQUEST, trouble::Trouble};
use crate::{admit, jitter};

/// How the names of probes begin. Anybody may send such a dry run: it creates nothing and learns nothing.
const PROBE: &str = "backup-webhook-probe-";
/// API servers that are asked one by one; more than any control plane has.
const MOST_SERVERS: usize = 16;
/// Rounds after which an address that cannot be reached from here is left to the Service's.
const PATIENT_ROUNDS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(5);
/// Between two looks whether what was proven still holds: a configuration can be taken away.
const AGAIN: Duration = Duration::from_secs(60);

/// What a replica answers to a probe, when this is one: the API server hands it back to whoever sent the probe, whichever
/// replica that is.
pub fn seen(request: &admit::Request) -> Option<String> {
    let dry_create = request.dry_run == Some(true) && request.operation == admit::Operation::Create;
    let name = request.metadata("name")?;
    (dry_create && request.is_whole() && name.starts_with(PROBE)).then(|| answer(name))
}

fn answer(name: &str) -> String {
    format!("the backup webhook was asked about {name}")
}

/// Sends probes.
#[derive(Clone)]
pub struct Probes {
    config: kube::Config,
    client: Client,
    namespace: String,
}

/// Why it is not proven that an API server asks.
enum Unproven {
    NotAsked(String),
    Unreachable(String),
}

impl Probes {
    /// Probes in this namespace, where our account may create counted objects.
    pub fn new(config: kube::Config, client: Client, namespace: &str) -> Self {
        Self { config, client, namespace: namespace.to_owned() }
    }

    /// Returns once every API server that can be reached has been seen to ask.
    pub async fn confirm(&self, resource: &str, counted: &Counted, trouble: &Trouble) {
        let (mut rounds, mut pause) = (0_u32, FIRST_PAUSE);
        loop {
            rounds += 1;
            let found = self.round(resource, counted, rounds).await;
            match found {
                Ok(()) => {
                    trouble.asked(Ok(()));
                    return tracing::info!(resource, "the API servers ask this webhook");
                }
                Err(Unproven::NotAsked(why) | Unproven::Unreachable(why)) => {
                    if trouble.asked(Err(&why)) {
                        tracing::warn!(resource, why, "it is not proven yet that every API server asks this webhook");
                    }
                }
            }
            sleep(pause + jitter::below(pause)).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// Waits a while, and finds out whether what was confirmed still holds. An API server that is not there asks nobody.
    pub async fn confirm_again(&self, resource: &str, counted: &Counted, trouble: &Trouble) {
        sleep(AGAIN + jitter::below(AGAIN / 4)).await;
        let mut found = self.round(resource, counted, PATIENT_ROUNDS).await;
        if matches!(found, Err(Unproven::NotAsked(_))) {
            // A configuration that is replaced is away for a moment.
            sleep(LAST_PAUSE).await;
            found = self.round(resource, counted, PATIENT_ROUNDS).await;
        }
        match found {
            Ok(()) => {
                if trouble.asked(Ok(())) {
                    tracing::info!(resource, "the API servers ask this webhook again");
                }
            }
            Err(Unproven::NotAsked(why)) => {
                if trouble.asked(Err(&why)) {
                    tracing::error!(resource, why, "an API server asks this webhook no more: its limit is not kept");
                }
            }
            Err(Unproven::Unreachable(_)) => {}
        }
    }

    async fn round(&self, resource: &str, counted: &Counted, rounds: u32) -> Result<(), Unproven> {
        let content = self.content(resource, counted).await;
        self.ask(&self.client, counted, &content).await?;
        for server in self.servers().await {
            let Ok(client) = Client::try_from(server.clone()) else { continue };
            match self.ask(&client, counted, &content).await {
                Ok(()) => {}
                Err(Unproven::NotAsked(why)) => {
                    return Err(Unproven::NotAsked(format!("{}: {why}", server.cluster_url)));
                }
                Err(Unproven::Unreachable(why)) if rounds < PATIENT_ROUNDS => {
                    return Err(Unproven::Unreachable(format!("{}: {why}", server.cluster_url)));
                }
                Err(Unproven::Unreachable(why)) => {
                    let server = server.cluster_url.to_string();
                    tracing::warn!(
                        server,
                        why,
                        "an API server cannot be asked one by one; the Service's address stands for it"
                    );
                }
            }
        }
        Ok(())
    }

    async fn ask(&self, client: &Client, counted: &Counted, content: &Value) -> Result<(), Unproven> {
        let name = format!("{PROBE}{:016x}", jitter::below(Duration::MAX).as_micros());
        let kind = &counted.api_resource;
        let mut body = content.clone();
        body["apiVersion"] = json!(kind.api_version);
        body["kind"] = json!(kind.kind);
        body["metadata"] = json!({"name": name});
        let dry_run = PostParams { dry_run: true, ..PostParams::default() };
        let url = self.objects(client, counted).resource_url().to_owned();
        let request = match Request::new(url).create(&dry_run, body.to_string().into_bytes()) {
            Ok(request) => request.map(Body::from),
            Err(error) => return Err(Unproven::NotAsked(error.to_string())),
        };
        let response = match timeout(REQUEST, client.send(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(Unproven::Unreachable(error.to_string())),
            Err(_) => return Err(Unproven::Unreachable(format!("no answer in {} s", REQUEST.as_secs()))),
        };
        // The answer of other webhooks, or a refusal by them, does not matter: ours was asked.
        let expected = answer(&name);
        let mut warnings = response.headers().get_all(WARNING).iter().filter_map(|value| value.to_str().ok());
        if warnings.any(|warning| warning.contains(&expected)) {
            return Ok(());
        }
        Err(Unproven::NotAsked(unasked(response.status().as_u16(), &kind.plural, &self.namespace)))
    }

    fn objects(&self, client: &Client, counted: &Counted) -> Api<DynamicObject> {
        if counted.namespaced {
            Api::namespaced_with(client.clone(), &self.namespace, &counted.api_resource)
        } else {
            Api::all_with(client.clone(), &counted.api_resource)
        }
    }

    /// Something that the resource's schema accepts: what it does not accept never comes to validating webhooks.
    async fn content(&self, resource: &str, counted: &Counted) -> Value {
        if let Some(known) = sample::known(resource) {
            return known;
        }
        // Of a resource that only the policy knows: what others have written, if there is anything.
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &counted.api_resource);
        let found = timeout(REQUEST, api.list(&ListParams::default().limit(1))).await;
        let mut data = found.ok().and_then(Result::ok).and_then(|list| list.items.into_iter().next()?.data.into());
        if let Some(object) = data.as_mut().and_then(Value::as_object_mut) {
            object.remove("status");
        }
        match data {
            Some(data) => data,
            None => self.made_up(counted).await,
        }
    }

    /// The least that the resource's schema takes, as far as the schema tells.
    async fn made_up(&self, counted: &Counted) -> Value {
        let kind = &counted.api_resource;
        let request = http::Request::get(format!("/openapi/v3/apis/{}", kind.api_version)).body(Vec::new());
        let Ok(request) = request else { return json!({}) };
        match timeout(REQUEST, self.client.request::<Value>(request)).await {
            Ok(Ok(schemas)) => sample::of(&schemas, kind),
            // Then an empty object is tried, and whatever is wrong with it is told.
            Ok(Err(_)) | Err(_) => json!({}),
        }
    }

    /// One configuration per API server, as the `kubernetes` Service lists them. Each shows the certificate that the
    /// Service's address shows.
    async fn servers(&self) -> Vec<kube::Config> {
        let slices: Api<EndpointSlice> = Api::namespaced(self.client.clone(), "default");
        let slice = match timeout(REQUEST, slices.get_opt("kubernetes")).await {
            Ok(Ok(slice)) => slice,
            Ok(Err(error)) => {
                tracing::warn!(%error, "cannot read the API servers' addresses; the Service's address stands for all");
                None
            }
            Err(_) => None,
        };
        let name = self.config.tls_server_name.clone().or_else(|| self.config.cluster_url.host().map(str::to_owned));
        let with = |address: Uri| {
            let mut config = self.config.clone();
            config.cluster_url = address;
            config.tls_server_name.clone_from(&name);
            config
        };
        slice.map(|slice| addresses(&slice)).unwrap_or_default().into_iter().map(with).collect()
    }
}

fn addresses(slice: &EndpointSlice) -> Vec<Uri> {
    let port = slice.ports.iter().flatten().find_map(|port| port.port).unwrap_or(443);
    // By address, so that one that is listed twice is asked once.
    let mut found = BTreeMap::new();
    for address in slice.endpoints.iter().flat_map(|endpoint| &endpoint.addresses).take(MOST_SERVERS) {
        let host = if address.contains(':') { format!("[{address}]") } else { address.clone() };
        if let Ok(uri) = format!("https://{host}:{port}").parse() {
            found.insert(address.clone(), uri);
        }
    }
    found.into_values().collect()
}

fn unasked(status: u16, plural: &str, namespace: &str) -> String {
    match status {
        200..300 => "an API server did not ask this webhook about a create".to_owned(),
        403 => {
            format!("the webhook's account may not create {plural} in {namespace}, not even as a dry run (HTTP 403)")
        }
        422 => format!("no {plural} could be made up that its schema accepts (HTTP 422)"),
        other => format!("an API server answered a probe with HTTP {other} and did not ask this webhook"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: &str, operation: &str, dry_run: bool) -> admit::Request {
        let review = json!({"request": {
            "uid": "u", "operation": operation, "userInfo": {}, "dryRun": dry_run, "namespace": "n",
            "kind": {"group": "velero.io", "version": "v1", "kind": "Schedule"},
            "resource": {"group": "velero.io", "version": "v1", "resource": "schedules"},
            "object": {"metadata": {"name": name}},
        }});
        admit::read(review.to_string().as_bytes()).expect("a review")
    }

    #[test]
    fn only_a_dry_create_of_a_probes_name_is_a_probe() {
        let name = "backup-webhook-probe-1";
        insta::assert_snapshot!(seen(&request(name, "CREATE", true)).unwrap_or_default(), @"the backup webhook was asked about backup-webhook-probe-1");
        assert_eq!(seen(&request(name, "CREATE", false)), None);
        assert_eq!(seen(&request(name, "UPDATE", true)), None);
        assert_eq!(seen(&request("mine", "CREATE", true)), None);
    }

    #[test]
    fn every_address_of_either_family_is_asked_once() {
        let slice = json!({
            "addressType": "IPv4", "metadata": {"name": "kubernetes"}, "ports": [{"name": "https", "port": 6443}],
            "endpoints": [{"addresses": ["10.0.0.2"]}, {"addresses": ["10.0.0.1", "10.0.0.2"]}, {"addresses": ["fd00::1"]}],
        });
        let found = addresses(&serde_json::from_value(slice).expect("a slice"));
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["https://10.0.0.1:6443/", "https://10.0.0.2:6443/", "https://[fd00::1]:6443/"]);
    }
}

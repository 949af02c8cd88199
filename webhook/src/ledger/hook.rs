//! The proof that API servers ask this webhook (A1): a dry-run create through each, which only the webhook can have seen.

use std::{collections::BTreeMap, time::Duration};

use http::{Uri, header::WARNING};
use http_body_util::{BodyExt, Collected, Limited};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{
    Api, Client,
    api::{DynamicObject, ListParams, PostParams},
    client::Body,
    core::{Request, Status},
};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{asked_by::Configuration, counted::Counted, sample, times::REQUEST, trouble::Trouble};
use crate::{admit, jitter};

/// How the names of probes begin. Anybody may send such a dry run: it creates nothing and learns nothing.
const PROBE: &str = "backup-webhook-probe-";
/// API servers that are asked one by one; more than any control plane has.
const MOST_SERVERS: usize = 16;
/// Rounds after which an address that cannot be reached from here is left to the Service's.
const PATIENT_ROUNDS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(5);
/// The longest refusal that is read, and what is quoted of it.
const REFUSAL: usize = 64 * 1024;
const QUOTED: usize = 400;
/// Between two looks whether what was proven still holds: a configuration can be taken away. Well below the time that a new ledger
/// takes to be ready, so that all replicas know by then of a configuration that took another's place.
const AGAIN: Duration = Duration::from_secs(30);

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
    configuration: Configuration,
}

/// Whether what was confirmed still holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StillAsked {
    /// API servers ask, by this configuration.
    By(String),
    /// One of them does not.
    No,
    /// It could not be found out, or not by which configuration.
    Unknown,
}

/// Why it is not proven that an API server asks.
enum Unproven {
    NotAsked(String),
    Unreachable(String),
}

impl Probes {
    /// Probes in this namespace, where our account may create counted objects.
    pub fn new(config: kube::Config, client: Client, namespace: &str, configuration: Configuration) -> Self {
        Self { config, client, namespace: namespace.to_owned(), configuration }
    }

    /// By which configuration API servers are to ask.
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// Returns once every API server that can be reached has been seen to ask, and by which configuration; nothing when that
    /// cannot be read.
    pub async fn confirm(&self, resource: &str, counted: &Counted, trouble: &Trouble) -> Option<String> {
        let (mut rounds, mut pause) = (0_u32, FIRST_PAUSE);
        loop {
            rounds += 1;
            // Before they are asked: one that takes its place meanwhile is found to be another.
            let by = self.configuration.known(resource).await;
            let found = self.round(resource, counted, rounds).await;
            match found {
                Ok(()) => {
                    trouble.asked(Ok(()));
                    tracing::info!(resource, "the API servers ask this webhook");
                    return by;
                }
                Err(Unproven::NotAsked(why)) => {
                    if trouble.asked(Err(&why)) {
                        tracing::warn!(resource, why, "it is not proven yet that every API server asks this webhook");
                    }
                }
                // One that is not there asks nobody: whether it would is not known.
                Err(Unproven::Unreachable(why)) => {
                    tracing::warn!(resource, why, "an API server cannot be asked whether it asks this webhook");
                }
            }
            sleep(pause + jitter::below(pause)).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// Waits a while, and finds out whether what was confirmed still holds. An API server that is not there asks nobody, and says
    /// nothing of it.
    pub async fn confirm_again(&self, resource: &str, counted: &Counted, trouble: &Trouble) -> StillAsked {
        sleep(AGAIN + jitter::below(AGAIN / 4)).await;
        let by = self.configuration.known(resource).await;
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
                by.map_or(StillAsked::Unknown, StillAsked::By)
            }
            Err(Unproven::NotAsked(why)) => {
                if trouble.asked(Err(&why)) {
                    tracing::error!(resource, why, "an API server asks this webhook no more: its limit is not kept");
                }
                StillAsked::No
            }
            Err(Unproven::Unreachable(_)) => StillAsked::Unknown,
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
        let sent = async {
            let response = client.send(request).await?;
            Ok::<_, kube::Error>(read(response, &name).await)
        };
        let told = match timeout(REQUEST, sent).await {
            Ok(Ok(told)) => told,
            Ok(Err(error)) => return Err(Unproven::Unreachable(error.to_string())),
            Err(_) => return Err(Unproven::Unreachable(format!("no answer in {} s", REQUEST.as_secs()))),
        };
        match told {
            Told::Asked => Ok(()),
            Told::Otherwise { status, message } => {
                Err(Unproven::NotAsked(unasked(status, &message, &kind.plural, &self.namespace)))
            }
        }
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

/// What an API server answers to a probe.
enum Told {
    Asked,
    Otherwise { status: u16, message: String },
}

/// The answer of other webhooks, or a refusal by them, does not matter when ours was asked.
async fn read(response: http::Response<Body>, name: &str) -> Told {
    let expected = answer(name);
    let mut warnings = response.headers().get_all(WARNING).iter().filter_map(|value| value.to_str().ok());
    if warnings.any(|warning| warning.contains(&expected)) {
        return Told::Asked;
    }
    let status = response.status().as_u16();
    // Whatever cannot be read of it says nothing.
    let body = Limited::new(response.into_body(), REFUSAL).collect().await.map(Collected::to_bytes);
    let refusal = body.ok().and_then(|body| serde_json::from_slice::<Status>(&body).ok());
    Told::Otherwise { status, message: refusal.map(|refusal| refusal.message).unwrap_or_default() }
}

/// Why it is not proven, and what to do. Of what the API server says only what others than the schema have to say: that may quote
/// somebody's object.
fn unasked(status: u16, message: &str, plural: &str, namespace: &str) -> String {
    let mut message: String = message.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    message.truncate(message.floor_char_boundary(QUOTED));
    let by_another = message.contains("ValidatingAdmissionPolicy") || message.contains("admission webhook");
    match status {
        200..300 => "an API server did not ask this webhook about a create; kubectl backup policy grant makes them ask"
            .to_owned(),
        _ if by_another => format!(
            "somebody else refuses the dry run in {namespace} that proves it (HTTP {status}: {message}); leave the namespace \
             {namespace} out of that policy or webhook"
        ),
        403 => format!(
            "the webhook's account may not create {plural} in {namespace}, not even as a dry run (HTTP 403: {message}); kubectl \
             backup policy grant lets it"
        ),
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
    fn whoever_refuses_a_probe_is_named_and_the_way_out() {
        let told = |status, message: &str| unasked(status, message, "schedules", "system");
        let policy = "schedules.velero.io \"x\" is forbidden: ValidatingAdmissionPolicy 'owners' with binding 'all' denied request:\n no owner";
        insta::assert_snapshot!(told(422, policy), @r#"somebody else refuses the dry run in system that proves it (HTTP 422: schedules.velero.io "x" is forbidden: ValidatingAdmissionPolicy 'owners' with binding 'all' denied request:  no owner); leave the namespace system out of that policy or webhook"#);
        insta::assert_snapshot!(told(403, "admission webhook \"guard.example.org\" denied the request: no"), @r#"somebody else refuses the dry run in system that proves it (HTTP 403: admission webhook "guard.example.org" denied the request: no); leave the namespace system out of that policy or webhook"#);
        insta::assert_snapshot!(told(403, "schedules.velero.io is forbidden: User \"w\" cannot create resource"), @r#"the webhook's account may not create schedules in system, not even as a dry run (HTTP 403: schedules.velero.io is forbidden: User "w" cannot create resource); kubectl backup policy grant lets it"#);
        // What the schema says may quote an object that somebody else wrote.
        insta::assert_snapshot!(told(422, "spec.token: Invalid value: \"secret\""), @"no schedules could be made up that its schema accepts (HTTP 422)");
        assert!(told(403, &format!("admission webhook {}", "ü".repeat(9000))).len() < 700);
    }

    #[tokio::test]
    async fn a_refusal_is_read_as_far_as_it_is_short_enough() {
        let answered = |warning: &str, body: String| {
            let response = http::Response::builder().status(422).header(WARNING, warning);
            response.body(Body::from(body.into_bytes())).expect("a response")
        };
        let told = async |warning: &str, body: String| match read(answered(warning, body), "probe").await {
            Told::Asked => None,
            Told::Otherwise { status, message } => Some((status, message)),
        };
        let refusal =
            |text: &str| json!({"kind": "Status", "status": "Failure", "message": text, "code": 422}).to_string();
        assert_eq!(told("299 - \"the backup webhook was asked about probe\"", refusal("no")).await, None);
        assert_eq!(told("299 - \"other\"", refusal("no")).await, Some((422, "no".to_owned())));
        assert_eq!(told("299 - \"other\"", refusal(&"n".repeat(REFUSAL))).await, Some((422, String::new())));
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

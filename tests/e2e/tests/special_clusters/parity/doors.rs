//! The ways into the cluster.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use e2e_tests::{Run, TestCluster};
use serde_json::{Value, json};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::{
    case::{Case, Door},
    lines::{self, Line},
    surroundings,
};

/// Of a call, and of an object that is new.
const UID: &str = "00000000-0000-4000-8000-000000000000";

/// Who applies, what is replaced as well as what replaces it: what the new manifest leaves out is taken away.
const APPLY: [&str; 3] = ["apply", "--server-side", "--field-manager=parity"];

/// Makes what the cases need, and every object that a case replaces. Returns those as the API server keeps them, by case.
///
/// It is done before the webhook runs: some old objects are such as it would refuse.
pub fn prepare(cluster: &TestCluster, cases: &[Case]) -> BTreeMap<String, Value> {
    surroundings::make(cluster);
    let mut old = BTreeMap::new();
    for case in cases {
        let Some(file) = &case.old else { continue };
        let file = path(file);
        let args = [&APPLY[..], &["-n", namespace(case), "-o", "json", "-f", &file]].concat();
        let made = serde_json::from_str(&cluster.kubectl(&args));
        old.insert(case.name.clone(), made.unwrap_or_else(|error| panic!("{}: {error}", case.name)));
    }
    old
}

fn namespace(case: &Case) -> &str {
    case.namespace.as_deref().unwrap_or(surroundings::NAMESPACE)
}

/// The open doors.
pub struct Doors<'a> {
    cluster: &'a TestCluster,
    agent: ureq::Agent,
    urls: BTreeMap<&'static str, String>,
    old: BTreeMap<String, Value>,
}

impl<'a> Doors<'a> {
    /// Finds the webhook as the API server does.
    pub fn open(cluster: &'a TestCluster, old: BTreeMap<String, Value>) -> Self {
        // With the paths that only the API servers are told.
        let [judge, fill_in] = ["validating", "mutating"].map(|phase| {
            let kind = format!("{phase}webhookconfiguration");
            let configuration = cluster.kubectl(&["get", &kind, "backup-webhook", "-o", "json"]);
            let configuration: Value = serde_json::from_str(&configuration).expect("a configuration");
            configuration["webhooks"][0]["clientConfig"].clone()
        });
        let client = &judge;
        let url = |client: &Value| client["url"].as_str().expect("a URL").to_owned();
        let urls = [("validate", url(&judge)), ("mutate", url(&fill_in))].into();
        let authority = BASE64_STANDARD.decode(client["caBundle"].as_str().expect("an authority")).expect("base64");
        let roots: Vec<Certificate<'static>> = ureq::tls::parse_pem(&authority)
            .filter_map(|item| match item {
                Ok(ureq::tls::PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        let agent = ureq::Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&roots)).build())
            .timeout_global(Some(Duration::from_secs(10)))
            .proxy(None)
            .build()
            .into();
        Self { cluster, agent, urls, old }
    }

    /// What a door says of a case; `Err` is a refusal for a reason of its own.
    pub fn ask(&self, door: Door, case: &Case) -> Result<Vec<Line>, String> {
        match door {
            Door::Lint => self.lint(case, Path::new("/nonexistent"), &[]),
            Door::Live => self.lint(case, &self.cluster.cluster().kubeconfig(), &["--live", "-n", namespace(case)]),
            Door::Review => self.review(case),
            Door::Apply => self.apply(case),
        }
    }

    fn lint(&self, case: &Case, kubeconfig: &Path, flags: &[&str]) -> Result<Vec<Line>, String> {
        let file = path(&case.file);
        let run = self.cluster.plugin_with(kubeconfig, &[&["lint", "-o", "json", "-f", &file], flags].concat());
        if run.code != 0 && run.code != 3 {
            return Err(run.stderr);
        }
        let lines = lines::of_lint(&run.json());
        assert_eq!(run.code == 3, lines.iter().any(|line| line.severity == "Deny"), "{}: the exit code", case.name);
        Ok(lines)
    }

    fn apply(&self, case: &Case) -> Result<Vec<Line>, String> {
        let verb: &[&str] = if case.is_created { &["create"] } else { &APPLY };
        let run = self.kubectl(&[verb, &["--dry-run=server", "-n", namespace(case), "-f", &path(&case.file)]].concat());
        lines::of_kubectl(&run.stderr, run.code != 0)
    }

    /// Asks the webhook itself about what kubectl would send: first to fill in, then to judge.
    fn review(&self, case: &Case) -> Result<Vec<Line>, String> {
        let run = self.kubectl(&[
            "create",
            "--dry-run=client",
            "--validate=false",
            "-n",
            namespace(case),
            "-o",
            "json",
            "-f",
            &path(&case.file),
        ]);
        if run.code != 0 {
            return Err(run.stderr);
        }
        let objects = serde_json::Deserializer::from_str(&run.stdout).into_iter::<Value>();
        let mut lines = Vec::new();
        for object in objects {
            let mut object = object.map_err(|error| error.to_string())?;
            let old = self.old.get(&case.name);
            let answer = self.post("mutate", &object, old)?;
            // Bytes, which Go takes as a list of numbers as well as in base64.
            if let Ok(patch) = serde_json::from_value::<Vec<u8>>(answer["patch"].clone()) {
                let patch: json_patch::Patch = serde_json::from_slice(&patch).map_err(|error| error.to_string())?;
                json_patch::patch(&mut object, &patch).map_err(|error| error.to_string())?;
            }
            if old.is_none() {
                // Between the two phases the API server gives a new object its uid.
                object["metadata"]["uid"] = json!(UID);
            }
            lines.extend(lines::of_response(&self.post("validate", &object, old)?)?);
        }
        Ok(lines)
    }

    fn post(&self, phase: &str, object: &Value, old: Option<&Value>) -> Result<Value, String> {
        let (group, version) = match object["apiVersion"].as_str().unwrap_or_default().split_once('/') {
            Some((group, version)) => (group, version),
            None => ("", object["apiVersion"].as_str().unwrap_or_default()),
        };
        let kind = object["kind"].as_str().unwrap_or_default();
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
        let review = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {
                "uid": UID,
                "kind": {"group": group, "version": version, "kind": kind},
                "resource": {"group": group, "version": version, "resource": format!("{}s", kind.to_lowercase())},
                "name": text("name"), "namespace": text("namespace"),
                "operation": if old.is_some() { "UPDATE" } else { "CREATE" },
                "userInfo": {"username": "parity", "groups": ["system:authenticated"]},
                "object": object, "oldObject": old, "dryRun": true,
            },
        });
        let mut answer = self
            .agent
            .post(format!("{}?timeout=5s", self.urls[phase]))
            .header("Content-Type", "application/json")
            .send(review.to_string())
            .map_err(|error| error.to_string())?;
        let body = answer.body_mut().read_to_string().map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_str(&body).map_err(|error| format!("{error}: {body}"))?;
        Ok(answer["response"].clone())
    }

    fn kubectl(&self, args: &[&str]) -> Run {
        self.cluster.try_kubectl(args)
    }
}

fn path(file: &Path) -> String {
    let file = fs::canonicalize(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    file.display().to_string()
}

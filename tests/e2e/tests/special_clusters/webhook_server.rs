//! W8, W9: the webhook as a server: who may call it, what it bears, what it tells.

use std::{
    collections::BTreeSet,
    env, fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;
use test_cluster::{admission, webhook::Webhook};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::webhook::{Guarded, cluster};

/// Half of the memory limit in the manifests.
const MEMORY: u64 = 256 * 1024 * 1024;

/// What the webhook says at a path of its admin port.
pub fn told(guarded: &Guarded, path: &str) -> String {
    let url = guarded.webhook.as_ref().expect("it runs").admin_url().to_owned();
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).expect("a connection");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("it is sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    text
}

fn metric(guarded: &Guarded, name: &str) -> u64 {
    let text = told(guarded, "/metrics");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).expect("a metric");
    line.parse().expect("a number")
}

#[test]
fn w9_dashboard_alerts_and_documentation_name_metrics_that_exist() {
    let guarded = cluster();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    guarded.snapshot("s1", "disk").ok();
    // A finding, and a request that is no review.
    guarded.snapshot("s2", "nowhere");
    let marked = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x","annotations":{"backup.velero.io/backup-volumes":"a, b"}},
        "spec":{"containers":[{"name":"c","image":"none"}]}}"#;
    guarded.cluster.try_create(marked).ends_with(1);
    let text = told(&guarded, "/metrics");
    for file in ["manifests/monitoring/dashboard.json", "manifests/monitoring/alerts.yaml", "docs/metrics.md"] {
        let named = fs::read_to_string(root.join(file)).expect("a file");
        let words: BTreeSet<_> = named
            .split(|char: char| !char.is_ascii_alphanumeric() && char != '_')
            .filter(|word| word.starts_with("backup_webhook_") || word.starts_with("process_"))
            .collect();
        assert!(words.len() > 3, "{file}");
        for word in words {
            let family = word.trim_end_matches("_total").trim_end_matches("_bucket");
            assert!(text.contains(&format!("# TYPE {family} ")), "{file} names {word}, which is not told:\n{text}");
        }
    }
    let dashboard = fs::read_to_string(root.join("manifests/monitoring/dashboard.json")).expect("a file");
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).expect("JSON");
    let alerts = fs::read_to_string(root.join("manifests/monitoring/alerts.yaml")).expect("a file");
    let alerts: serde_json::Value = serde_saphyr::from_str(&alerts).expect("YAML");
    let mut expressions = Vec::new();
    expressions_of(&dashboard, &mut expressions);
    expressions_of(&alerts, &mut expressions);
    assert!(expressions.len() > 30, "{}", expressions.len());
    for expression in expressions {
        // What Grafana puts in.
        let filled = expression.replace("$__rate_interval", "5m");
        promql_parser::parser::parse(&filled).unwrap_or_else(|error| panic!("{expression}: {error}"));
    }
}

/// Every `expr` in a document.
fn expressions_of(document: &serde_json::Value, found: &mut Vec<String>) {
    match document {
        serde_json::Value::Object(fields) => {
            found.extend(fields.get("expr").and_then(serde_json::Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| expressions_of(value, found));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|value| expressions_of(value, found)),
        _ => {}
    }
}

#[test]
fn w8_only_callers_with_the_right_certificate_are_answered_when_that_is_asked_for() {
    let mut guarded = cluster();
    let address = guarded.cluster.cluster().host_address();
    let authority = guarded.cluster.cluster().state_dir().join("pki/ca.crt");
    guarded.webhook.take().expect("it runs").stop().unwrap_or_else(|error| panic!("{error:?}"));
    for (name, snapshot, answered) in [("somebody-else", "s1", false), (admission::CALLER, "s2", true)] {
        let mut command = Command::new(env::var_os("KUBECTL_BACKUP_WEBHOOK").expect("run with cargo xtask test"));
        command
            .args(["--listen", &format!("{address}:9443"), "--admin-listen", &format!("{address}:9444")])
            .args(["--tls-name", &address.to_string(), "--drain-delay", "0s", "--client-name", name, "--client-ca"])
            .arg(&authority)
            .env("KUBECONFIG", guarded.cluster.cluster().kubeconfig_of("backup-webhook"));
        let admin = format!("{address}:9444").parse().expect("an address");
        let mut webhook =
            Webhook::start(guarded.cluster.cluster(), "backup-webhook", command, admin).expect("it starts");
        webhook.until_ready().unwrap_or_else(|error| panic!("{error:?}"));
        let run = guarded.snapshot(snapshot, "disk");
        if answered {
            run.ok();
        } else {
            run.ends_with(1).says("failed calling webhook");
        }
        webhook.stop().unwrap_or_else(|error| panic!("{error:?}"));
    }
    guarded.start_webhook();
}

/// Whoever reaches the port without having been told the path, as any pod of a cluster does.
#[test]
fn w8_a_forged_review_is_not_found_and_holds_no_slot() {
    let guarded = cluster();
    let field = |name: &str| {
        let text = guarded.in_secret(&format!("{{.data.{name}}}"));
        String::from_utf8(BASE64_STANDARD.decode(text).expect("base64")).expect("text")
    };
    let authority = field("ca\\.crt");
    let roots: Vec<Certificate<'static>> = ureq::tls::parse_pem(authority.as_bytes())
        .filter_map(|item| match item {
            Ok(ureq::tls::PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .tls_config(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&roots)).build())
        .timeout_global(Some(Duration::from_secs(10)))
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let ask = |path: &str, dry_run: bool| {
        let review = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {
                "uid": "u1",
                "kind": {"group": "snapshot.storage.k8s.io", "version": "v1", "kind": "VolumeSnapshot"},
                "resource": {"group": "snapshot.storage.k8s.io", "version": "v1", "resource": "volumesnapshots"},
                "name": "forged", "namespace": "default", "operation": "CREATE", "dryRun": dry_run,
                "userInfo": {"username": "mallory", "groups": ["system:authenticated"]},
                "object": {
                    "apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
                    "metadata": {"name": "forged", "namespace": "default", "uid": "00000000-0000-4000-8000-000000000001"},
                    "spec": {"volumeSnapshotClassName": "c", "source": {"persistentVolumeClaimName": "data"}},
                },
            },
        });
        let url = format!("https://{}:9443{path}", guarded.cluster.cluster().host_address());
        let sent = agent.post(url).header("Content-Type", "application/json").send(review.to_string());
        let mut answer = sent.expect("an answer");
        (answer.status().as_u16(), answer.body_mut().read_to_string().expect("text"))
    };
    let guess = format!("/validate/{}", "0".repeat(64));
    let forged = "backup_webhook_requests_refused_total{reason=\"path\"}";
    let before = metric(&guarded, forged);
    let paths = ["/validate", "/mutate", "/exempt/validate", "/exempt/mutate", &guess, &format!("/exempt{guess}")];
    for path in paths {
        assert_eq!(ask(path, false).0, 404, "{path}");
    }
    assert_eq!(metric(&guarded, forged) - before, paths.len() as u64, "each is counted, and nothing else");
    // What is no review's path at all is none of it.
    assert_eq!((ask("/", false).0, ask("/validate/", false).0), (404, 404));
    let ledger = "quotaledger/volumesnapshots.snapshot.storage.k8s.io";
    let slots = guarded.cluster.kubectl(&["get", ledger, "-o", "jsonpath={.status.slots}"]);
    assert!(!slots.contains("forged"), "{slots}");
    // The review itself is a good one.
    let path = field("path");
    let (status, text) = ask(&format!("/validate/{path}"), true);
    assert!(status == 200 && text.contains("\"allowed\":true"), "{status}: {text}");
    let log = fs::read_to_string(guarded.webhook.as_ref().expect("it runs").log()).expect("a log");
    assert!(!log.contains(&path), "the path is told to nobody");
}

/// Connections that say nothing, that begin a handshake, and that send rubbish: creates go on, and memory stays bounded.
#[test]
fn w8_thousands_of_idle_connections_keep_nobody_out() {
    let guarded = cluster();
    let address = guarded.cluster.cluster().host_address();
    let beginnings: [&[u8]; 4] = [b"", b"\x16\x03\x01", b"\x16\x03\x01\xff\xff\x01", b"POST /validate HTTP/1.1\r\n"];
    let mut open = Vec::new();
    let started = Instant::now();
    for n in 0..3000 {
        let mut stream =
            TcpStream::connect_timeout(&(address, 9443).into(), Duration::from_secs(5)).expect("a connection");
        // The other side may have closed it already.
        let _ = stream.write_all(beginnings[n % beginnings.len()]);
        open.push(stream);
        if n % 1000 == 999 {
            guarded.snapshot(&format!("s{n}"), "disk").ok();
        }
    }
    eprintln!("{} connections in {:?}", open.len(), started.elapsed());
    assert!(metric(&guarded, "backup_webhook_connections") <= 512);
    assert!(metric(&guarded, "backup_webhook_connections_replaced_total") > 0);
    assert!(metric(&guarded, "process_resident_memory_bytes") < MEMORY);
}

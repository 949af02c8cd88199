//! The overlay for cert-manager, with cert-manager itself. No pods run here: in the kubelet's place a thread of the test
//! writes the Secret's files as the kubelet mounts them.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use e2e_tests::{TestCluster, Traffic, until};
use test_cluster::{
    Options, cert_manager,
    webhook::{Replica, apply_url_of, until_asked, until_quotas_ready},
};

const NAMESPACE: &str = "kubectl-backup-system";
const SECRET: &str = "backup-webhook-certificate";
const ACCOUNT: &str = "--as=system:serviceaccount:kubectl-backup-system:backup-webhook";

/// Mounts the Secret into a folder: each version in one of its own, to which a link is swapped.
struct Mount {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Mount {
    fn start(cluster: &TestCluster, folder: &Path) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let read = cluster.kubectl_again(&["get", "secret", SECRET, "-n", NAMESPACE, "-o", "json"]);
        let [mutating, validating] =
            ["mutating", "validating"].map(|kind| format!("{kind}webhookconfiguration/backup-webhook"));
        let configurations = cluster.kubectl_again(&["get", &mutating, &validating, "-o", "json"]);
        for file in ["tls.crt", "tls.key"] {
            symlink(format!("..data/{file}"), folder.join(file)).expect("a link");
        }
        let (stopped, folder) = (Arc::clone(&stop), folder.to_owned());
        let thread = thread::spawn(move || {
            let mut known = String::new();
            while !stopped.load(Ordering::Relaxed) {
                // One that is deleted stays mounted as it was.
                let secret: serde_json::Value =
                    serde_json::from_slice(&read().output().expect("kubectl").stdout).unwrap_or_default();
                let version = secret["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
                // A kubelet takes a minute, and the injector a moment: API servers trust the issuer by then.
                let is_new = secret["data"]["tls.crt"].is_string() && version != known;
                if is_new && is_trusted(&secret, &configurations().output().expect("kubectl").stdout) {
                    write(&folder, &version, &secret);
                    known = version;
                }
                thread::sleep(Duration::from_millis(300));
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// Whether all entries of all configurations trust the Secret's authority.
fn is_trusted(secret: &serde_json::Value, configurations: &[u8]) -> bool {
    let authority = decoded(secret["data"]["ca.crt"].as_str().unwrap_or_default());
    let authority = String::from_utf8(authority).unwrap_or_default();
    let all: serde_json::Value = serde_json::from_slice(configurations).unwrap_or_default();
    let entries = all["items"].as_array().into_iter().flatten().flat_map(|one| one["webhooks"].as_array());
    let mut bundles = entries.flatten().map(|entry| entry["clientConfig"]["caBundle"].as_str().unwrap_or_default());
    !authority.is_empty()
        && bundles
            .all(|bundle| String::from_utf8(decoded(bundle)).is_ok_and(|bundle| bundle.contains(authority.trim())))
}

fn write(folder: &Path, version: &str, secret: &serde_json::Value) {
    let versioned = folder.join(format!("..{version}"));
    fs::create_dir(&versioned).expect("a folder");
    for file in ["tls.crt", "tls.key"] {
        let text = secret["data"][file].as_str().unwrap_or_default();
        fs::write(versioned.join(file), decoded(text)).expect("a file");
    }
    symlink(format!("..{version}"), folder.join("..data_tmp")).expect("a link");
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).expect("the links are swapped");
}

fn decoded(text: &str) -> Vec<u8> {
    STANDARD.decode(text).expect("base64")
}

#[test]
fn w8_cert_manager_gives_and_renews_the_certificate_and_no_request_fails() {
    let cluster = TestCluster::own(&Options { name: format!("certs-{}", std::process::id()), ..Options::default() });
    let running = cluster.cluster();
    let _manager =
        cert_manager::start(running, &mut |step| eprintln!("{step}")).unwrap_or_else(|error| panic!("{error:?}"));
    let address = running.host_address();
    let place = Replica { name: "backup-webhook".into(), address, common_address: address, server: 0 };
    apply_url_of(running, "overlays/cert-manager", &format!("https://{}", place.listens_on()))
        .unwrap_or_else(|error| panic!("{error:?}"));
    // API servers call an address here, and no Service's name.
    let names = format!(r#"{{"spec":{{"ipAddresses":["{address}"]}}}}"#);
    cluster.kubectl(&["patch", "certificate", "backup-webhook", "-n", NAMESPACE, "--type=merge", "-p", &names]);
    // It may be ready as it was before the patch, without the address.
    let standing =
        r#"jsonpath={.metadata.generation} {.status.conditions[?(@.type=="Ready")]['observedGeneration','status']}"#;
    until("the certificate has the address", Duration::from_secs(120), || {
        let told = cluster.kubectl(&["get", "certificate", "backup-webhook", "-n", NAMESPACE, "-o", standing]);
        matches!(told.split(' ').collect::<Vec<_>>()[..], [now, seen, "True"] if now == seen)
    });

    // The webhook has no right to Secrets, and may not write configurations: cert-manager tells the API servers whom to trust.
    for (verb, resource) in [
        ("get", "secrets"),
        ("patch", "validatingwebhookconfigurations/backup-webhook"),
        ("get", "validatingwebhookconfigurations"),
    ] {
        let asked = cluster.try_kubectl(&["auth", "can-i", verb, resource, "-n", NAMESPACE, ACCOUNT]);
        assert!(asked.stdout.starts_with("no"), "{verb} {resource}: {}", asked.stdout);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let _mount = Mount::start(&cluster, folder.path());
    until("the certificate is mounted", Duration::from_secs(120), || folder.path().join("tls.crt").exists());
    let program = PathBuf::from(env::var_os("KUBECTL_BACKUP_WEBHOOK").expect("run these tests with cargo xtask test"));
    let certificate =
        [("TLS_CERT_FILE", folder.path().join("tls.crt")), ("TLS_KEY_FILE", folder.path().join("tls.key"))];
    let mut webhook = place.start_with(running, &program, &certificate).unwrap_or_else(|error| panic!("{error:?}"));
    webhook.until_ready().unwrap_or_else(|error| panic!("{error:?}"));
    until_asked(running).unwrap_or_else(|error| panic!("{error:?}"));
    until_quotas_ready(running).unwrap_or_else(|error| panic!("{error:?}"));

    // Renewed, as cmctl does it: by a condition of the Certificate; and by a Secret that is deleted.
    let taken = || fs::read_to_string(webhook.log()).expect("a log").matches("took a certificate into use").count();
    let served = || fs::read(folder.path().join("tls.crt")).expect("a certificate");
    let traffic = Traffic::start(&cluster, 2);
    for (n, renew) in [delete_the_secret as fn(&TestCluster), mark_for_renewal].into_iter().enumerate() {
        let (before, already) = (served(), taken());
        renew(&cluster);
        until("another certificate is mounted", Duration::from_secs(60), || served() != before);
        until("it is taken into use", Duration::from_secs(60), || taken() > already);
        traffic.wait_for(50);
        assert!(n < 2);
    }

    // Another issuer. The injector adds its authority to those that are trusted, so that either certificate is good meanwhile.
    let old = secret_text(&cluster, SECRET, "ca\\.crt");
    another_issuer(&cluster);
    let new = secret_text(&cluster, "another-ca", "tls\\.crt");
    assert_ne!(old, new);
    let (before, already) = (served(), taken());
    let issuer = r#"{"spec":{"issuerRef":{"name":"another-ca"}}}"#;
    cluster.kubectl(&["patch", "certificate", "backup-webhook", "-n", NAMESPACE, "--type=merge", "-p", issuer]);
    until("another certificate is mounted", Duration::from_secs(60), || served() != before);
    until("it is taken into use", Duration::from_secs(60), || taken() > already);
    assert_eq!(secret_text(&cluster, SECRET, "ca\\.crt"), new);
    until("both authorities are trusted", Duration::from_secs(30), || told(&cluster, &[&old, &new]));
    traffic.wait_for(100);
    traffic.stop().none_failed("the certificate was renewed twice by cert-manager, and then its issuer replaced");
}

fn secret_text(cluster: &TestCluster, name: &str, key: &str) -> String {
    let path = format!("jsonpath={{.data.{key}}}");
    let text = decoded(cluster.kubectl(&["get", "secret", name, "-n", NAMESPACE, "-o", &path]).trim());
    String::from_utf8(text).expect("PEM")
}

/// An authority with a key of its own, and an issuer that signs by it.
fn another_issuer(cluster: &TestCluster) {
    let metadata = serde_json::json!({"name": "another-ca", "namespace": NAMESPACE});
    let authority = serde_json::json!({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": metadata, "spec": {
        "isCA": true, "commonName": "another CA", "secretName": "another-ca", "privateKey": {"algorithm": "ECDSA"},
        "issuerRef": {"name": "backup-webhook-self-signed"},
    }});
    let issuer = serde_json::json!({"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": metadata,
        "spec": {"ca": {"secretName": "another-ca"}}});
    for object in [authority, issuer] {
        cluster.create(&object.to_string());
    }
    for object in ["certificate/another-ca", "issuer/another-ca"] {
        cluster.wait_for(NAMESPACE, object, "condition=Ready", 120);
    }
}

/// Whether API servers are told of just these authorities, in every entry.
fn told(cluster: &TestCluster, authorities: &[&str]) -> bool {
    ["validatingwebhookconfiguration", "mutatingwebhookconfiguration"].iter().all(|kind| {
        let path = "jsonpath={.webhooks[*].clientConfig.caBundle}";
        let told = cluster.kubectl(&["get", kind, "backup-webhook", "-o", path]);
        told.split_whitespace().all(|told| decoded(told) == authorities.concat().as_bytes())
    })
}

fn delete_the_secret(cluster: &TestCluster) {
    cluster.kubectl(&["delete", "secret", SECRET, "-n", NAMESPACE]);
}

fn mark_for_renewal(cluster: &TestCluster) {
    let issuing = r#"{"status":{"conditions":[{"type":"Issuing","status":"True","reason":"ManuallyTriggered","message":"by a test","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}"#;
    cluster.kubectl(&[
        "patch",
        "certificate",
        "backup-webhook",
        "-n",
        NAMESPACE,
        "--subresource=status",
        "--type=merge",
        "-p",
        issuing,
    ]);
}

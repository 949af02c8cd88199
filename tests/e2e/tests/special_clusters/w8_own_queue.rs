//! W8: what the webhook asks of the API servers stands in a queue of its own: creates wait for it, and would stand before its writes
//! of the ledger in any other.

use std::{fs, time::Duration};

use e2e_tests::{TestCluster, until};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::webhook::cluster;

const LEDGER: &str = "volumesnapshots.snapshot.storage.k8s.io";

/// Writes the status of a ledger as it is, with the token of a service account and the verb that the webhook does it with. Returns the
/// answer's status, and the UIDs of the flow schema and the priority level by which it was let through.
fn write(cluster: &TestCluster, namespace: &str, account: &str) -> (u16, [String; 2]) {
    let token = cluster.kubectl(&["create", "token", account, "-n", namespace]);
    let ledger = cluster.kubectl(&["get", "quotaledger", LEDGER, "-o", "json"]);
    let authority = fs::read(cluster.cluster().state_dir().join("pki/ca.crt")).expect("an authority");
    let authority = Certificate::from_pem(&authority).expect("a certificate");
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .tls_config(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[authority])).build())
        .timeout_global(Some(Duration::from_secs(10)))
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let server = cluster.cluster().server_url(0);
    let answer = agent
        .put(format!("{server}/apis/kubectl-backup.dev/v1alpha1/quotaledgers/{LEDGER}/status"))
        .header("Authorization", format!("Bearer {}", token.trim()))
        .header("Content-Type", "application/json")
        .send(ledger)
        .expect("an answer");
    let uid = |header: &str| {
        let value = answer.headers().get(header).unwrap_or_else(|| panic!("no {header}: {answer:?}"));
        value.to_str().expect("text").to_owned()
    };
    let uids = ["X-Kubernetes-PF-FlowSchema-UID", "X-Kubernetes-PF-PriorityLevel-UID"].map(uid);
    (answer.status().as_u16(), uids)
}

#[test]
fn w8_a_write_of_the_ledger_stands_in_the_webhooks_own_queue_and_nobody_elses_does() {
    let guarded = cluster();
    let cluster = &guarded.cluster;
    let ours = ["flowschema", "prioritylevelconfiguration"]
        .map(|kind| cluster.kubectl(&["get", kind, "backup-webhook", "-o", "jsonpath={.metadata.uid}"]));
    // The webhook itself may have written it in between.
    let mut uids = Default::default();
    until("the ledger is written", Duration::from_secs(120), || {
        let (status, of) = write(cluster, "kubectl-backup-system", "backup-webhook");
        uids = of;
        status == 200
    });
    assert_eq!(uids, ours);
    for namespace in ["kubectl-backup-system", "default"] {
        let (status, [schema, level]) = write(cluster, namespace, "default");
        assert_eq!(status, 403);
        assert!(schema != ours[0] && level != ours[1], "{namespace}: {schema} {level}");
    }
}

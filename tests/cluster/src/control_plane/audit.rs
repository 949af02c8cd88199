//! What the API servers write into their audit logs: little, so that neither a load nor a measurement has to wait for it.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;

use crate::layout::{Layout, write_private};

fn policy(layout: &Layout) -> PathBuf {
    layout.folder("pki").join("audit-policy.json")
}

/// Writes what is to be written: of creates of what our webhook is asked about, in two namespaces, who asked and what came of it.
pub(super) fn write(layout: &Layout) -> Result<()> {
    let of = |group: &str, resources: &[&str]| json!({"group": group, "resources": resources});
    let policy_of_tests = json!({
        "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
        "rules": [
            {
                "level": "Metadata", "verbs": ["create"], "namespaces": ["default", "velero"],
                "resources": [
                    of("snapshot.storage.k8s.io", &["volumesnapshots"]), of("velero.io", &["schedules"]), of("", &["pods"]),
                ],
            },
            {"level": "None"},
        ],
    });
    write_private(&policy(layout), &policy_of_tests.to_string())
}

/// The arguments of that API server, whose audit log is among the logs of the cluster.
pub(super) fn arguments(layout: &Layout, apiserver: &str) -> [String; 5] {
    [
        format!("--audit-policy-file={}", policy(layout).display()),
        format!("--audit-log-path={}", layout.log(&format!("{apiserver}-audit")).display()),
        // Nobody waits for it to be written.
        "--audit-log-mode=batch".into(),
        "--audit-log-maxsize=10".into(),
        "--audit-log-maxbackup=1".into(),
    ]
}

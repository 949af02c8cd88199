//! The plugin says before it creates something what the webhook would say, and nothing twice.

use std::time::Duration;

use e2e_tests::until;
use serde_json::json;

use super::{backup, cluster, object};

#[test]
fn w6_what_the_webhook_says_too_is_said_once_and_weighs_what_the_policy_says() {
    let guarded = cluster();
    let cluster = &guarded.cluster;
    cluster.create(&backup("weighed", json!({})).to_string());
    guarded.done("backup.velero.io/weighed");
    let restore = ["restore", "create", "weighed", "--name", "weighed", "--include-resources", "pods,nodes"];
    let restore = [&restore[..], &["--dry-run=server", "--velero-namespace", "velero"]].concat();
    cluster.plugin(&restore).ends_with(3).says("error[BKP335]").says("nothing was created");
    let policy = json!({
        "apiVersion": "kubectl-backup.dev/v1alpha1", "kind": "BackupPolicy", "metadata": {"name": "default"},
        "spec": {"rules": {"BKP335": "Warn"}},
    });
    cluster.create(&policy.to_string());
    // What the webhook alone says to kubectl, once it follows the policy.
    let same = object("Restore", "weighed", json!({"backupName": "weighed", "includedResources": ["pods", "nodes"]}));
    until("the policy is followed", Duration::from_secs(120), || guarded.asked(&same).code == 0);
    guarded.asked(&same).ok().says("Warning: BKP335");
    let run = cluster.plugin(&restore).ok().says("warning[BKP335]");
    assert_eq!(run.stderr.matches("BKP335").count(), 1, "{}", run.stderr);
    guarded.forget_policy(|| guarded.asked(&same).code == 0);
}

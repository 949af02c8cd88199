//! What a tenant sees of limits and policy, whose rights come from the shipped roles only.

use e2e_tests::{Run, TestCluster, until_granted};
use serde_json::json;

use super::webhook::{Guarded, cluster, snapshot};

const ROLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/roles");
const TENANT: &str = "tenant";

/// A right in the whole cluster, which ends with the value.
struct Bound<'a>(&'a TestCluster, String);

impl<'a> Bound<'a> {
    fn to(cluster: &'a TestCluster, role: &str) -> Self {
        let name = format!("{TENANT}-{role}");
        let user = format!("--user={TENANT}");
        cluster.kubectl(&["create", "clusterrolebinding", &name, "--clusterrole", role, &user]);
        until_granted(cluster, TENANT, "default", &format!("clusterrole/{role}"));
        Self(cluster, name)
    }
}

impl Drop for Bound<'_> {
    fn drop(&mut self) {
        self.0.try_kubectl(&["delete", "clusterrolebinding", &self.1]);
    }
}

fn asks(guarded: &Guarded, args: &[&str]) -> Run {
    guarded.cluster.plugin(&[args, &["--as", TENANT]].concat())
}

#[test]
fn w7_a_tenant_is_told_what_holds_and_what_may_not_be_looked_at() {
    let guarded = cluster();
    let cluster = &guarded.cluster;
    cluster.kubectl(&["apply", "-k", ROLES]);
    let policy = json!({"apiVersion": "kubectl-backup.dev/v1alpha1", "kind": "BackupPolicy", "metadata": {"name": "default"},
        "spec": {"quotas": [{"resource": "volumesnapshots.snapshot.storage.k8s.io", "limit": 7}]}});
    cluster.create(&policy.to_string());
    let shop = cluster.namespace("tenant");
    let mut object = snapshot("mine", "disk");
    object["metadata"]["namespace"] = shop.name().into();
    cluster.create(&object.to_string());

    // Without a role: no built-in value is shown as if it held.
    let unknown = "you may not read the cluster's BackupPolicy";
    asks(&guarded, &["policy", "show"]).ok().says(unknown).says("kubectl-backup-quota-view");
    let told = asks(&guarded, &["policy", "show", "-o", "json"]).ok().json();
    assert!(told["remarks"][0].as_str().is_some_and(|remark| remark.starts_with(unknown)), "{told}");
    asks(&guarded, &["quota"]).ends_with(1).says("you may not list their objects in all namespaces");
    asks(&guarded, &["lint", "-A"]).ends_with(1).says("none of the kinds that the rules know may be listed");
    asks(&guarded, &["policy", "grant"]).ends_with(1).says("is forbidden").says("validatingwebhookconfigurations");
    asks(&guarded, &["policy", "install", "--yes"]).ends_with(1).says("is forbidden");

    // Who may list snapshots everywhere sees who holds slots, and that the limit may be another.
    cluster.kubectl(&[
        "create",
        "clusterrole",
        "lists-snapshots",
        "--verb=list",
        "--resource=volumesnapshots.snapshot.storage.k8s.io",
    ]);
    let lists = Bound::to(cluster, "lists-snapshots");
    let run = asks(&guarded, &["quota"]).ok();
    assert!(run.stdout.contains("mine"), "{}", run.stdout);
    let run = run.says(unknown).says("you may not list schedules.velero.io in all namespaces");
    run.says("Whether the limits are enforced is not known");
    drop(lists);
    cluster.kubectl(&["delete", "clusterrole", "lists-snapshots"]);

    // With the role for it, everything is told as it is.
    let _view = Bound::to(cluster, "kubectl-backup-quota-view");
    let run = asks(&guarded, &["quota"]).ok();
    assert!(run.stdout.contains("mine") && run.stdout.contains('7'), "{}", run.stdout);
    for doubt in [unknown, "you may not list", "not known"] {
        assert!(!run.stderr.contains(doubt), "{}", run.stderr);
    }
    let shown = asks(&guarded, &["policy", "show"]).ok();
    assert!(shown.stdout.contains("volumesnapshots.snapshot.storage.k8s.io].limit"), "{}", shown.stdout);
    assert!(!shown.stderr.contains(unknown), "{}", shown.stderr);
    let run = asks(&guarded, &["lint", "-A"]);
    assert!(run.code == 0 || run.code == 3, "{run:?}");
    run.says("not looked at, because you may not list them: pods, replicationcontrollers, persistentvolumeclaims");
    // In a namespace of their own a tenant sees what is there.
    let _ = shop.kubectl(&["create", "rolebinding", TENANT, "--clusterrole=view", &format!("--user={TENANT}")]);
    until_granted(cluster, TENANT, shop.name(), "clusterrole/view");
    let run = guarded.cluster.plugin(&["lint", "-n", shop.name(), "--as", TENANT]).ok();
    assert!(!run.stderr.contains("list them: pods"), "{}", run.stderr);
    cluster.kubectl(&["delete", "backuppolicy", "default"]);
}

//! The webhook's installation by the plugin, on a cluster that runs no pods: what is applied, in which order, and what an
//! installation that cannot become ready leaves.

use std::time::Duration;

use e2e_tests::{TestCluster, until};
use test_cluster::Options;

#[test]
fn d2_the_plugin_installs_what_the_manifests_have_and_takes_it_away() {
    let options = Options { name: format!("install-{}", std::process::id()), ..Options::default() };
    let cluster = TestCluster::own(&options);
    let printed = cluster.plugin(&["policy", "install", "--dry-run=client", "-o", "yaml"]).ok().stdout;
    cluster.plugin(&["policy", "install"]).ends_with(2).says("--yes");
    assert_eq!(cluster.kubectl(&["get", "namespace", "kubectl-backup-system", "--ignore-not-found"]), "");

    // No pod ever runs here: API servers must not be told to ask somebody who does not answer.
    cluster.plugin(&["policy", "install", "--yes", "--timeout", "45s"]).ends_with(124).says("0 of 3 replicas ready");
    let asked = ["get", "validatingwebhookconfigurations,mutatingwebhookconfigurations", "-o", "name"];
    assert_eq!(cluster.kubectl(&asked), "");

    cluster.plugin(&["policy", "install", "--yes", "--no-wait", "--replicas", "2", "--image", "example.org/w:1"]).ok();
    assert_eq!(cluster.kubectl(&asked).lines().count(), 2);
    let chosen = "jsonpath={.spec.replicas} {.spec.template.spec.containers[0].image}";
    let deployment =
        || cluster.kubectl(&["get", "deployment", "backup-webhook", "-n", "kubectl-backup-system", "-o", chosen]);
    assert_eq!(deployment(), "2 example.org/w:1");
    cluster.plugin(&["policy", "install", "--yes", "--no-wait"]).ok();
    assert_eq!(deployment(), "2 example.org/w:1", "who runs it again loses nothing");
    let own = printed.lines().find_map(|line| line.trim().trim_start_matches("- ").strip_prefix("image: "));
    let own = own.expect("an image").trim_matches('"');
    cluster.plugin(&["policy", "install", "--yes", "--no-wait", "--replicas", "3", "--image", own]).ok();
    // Controllers write what they see meanwhile, which kubectl may read on one side only.
    let diff = ["diff", "--server-side", "--field-manager=kubectl-backup", "-f", "-"];
    until("nothing differs", Duration::from_secs(60), || cluster.try_kubectl_with(&diff, &printed).code == 0);

    let ledger = r#"{"apiVersion":"kubectl-backup.dev/v1alpha1","kind":"QuotaLedger","metadata":{"name":"widgets.example.org"},"spec":{"resource":"widgets.example.org"}}"#;
    let account = "--as=system:serviceaccount:kubectl-backup-system:backup-webhook";
    cluster.try_kubectl_with(&["create", account, "-f", "-"], ledger).ok();
    let removed = cluster.plugin(&["policy", "uninstall", "--yes"]).ok().stdout;
    assert!(removed.contains("quotaledger.kubectl-backup.dev/widgets.example.org deleted"), "{removed}");
    assert!(removed.starts_with("validatingwebhookconfiguration"), "{removed}");
    cluster.kubectl(&["get", "crd", "backuppolicies.kubectl-backup.dev"]);
    cluster.plugin(&["policy", "uninstall", "--yes", "--crds"]).ok();
    cluster.try_kubectl(&["get", "crd", "backuppolicies.kubectl-backup.dev"]).ends_with(1);
}

//! What the rules refuse is not created, also where no webhook refuses it: the plugin judges its objects first.

use e2e_tests::{Claim, TestCluster};

#[test]
fn w6_a_restore_of_what_velero_never_restores_is_not_created() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("w6");
    let name = shop.name();
    cluster.plugin(&["create", name, "--namespaces", name]).ok();
    let restore = ["restore", "create", name, "--name", name, "--include-resources", "pods,nodes"];
    cluster
        .plugin(&restore)
        .ends_with(3)
        .says("error[BKP335]")
        .says("nothing was created")
        .says("kubectl backup explain BKP335");
    cluster.plugin(&[&restore[..], &["--dry-run=client"]].concat()).ends_with(3);
    cluster.try_kubectl(&["get", "restores.velero.io", "-n", "velero", name]).ends_with(1);
    cluster.plugin(&["delete", name, "--yes"]).ok();
}

#[test]
fn w6_the_mark_of_exempt_accounts_is_not_for_taking() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("w6");
    let _disk = Claim::block(&shop, "disk");
    let create = ["snapshot", "create", "disk", "--name", "marked", "--labels", "kubectl-backup.dev/quota-exempt=true"];
    shop.plugin(&create).ends_with(3).says("error[BKP401]");
    cluster.try_kubectl(&["get", "volumesnapshot", "marked", "-n", shop.name()]).ends_with(1);
}

//! C3 with real bytes: files of annotated volumes, snapshots whose data are copied, and nothing when nothing is asked for.

use e2e_tests::{App, TestCluster};

/// The claims of the application: one on each storage.
const CLAIMS: [(&str, &str); 2] = [("disk", "test-block-std"), ("share", "test-files-std")];

#[test]
fn c3_annotated_keeps_the_bytes_of_annotated_volumes_and_says_which_it_leaves() {
    let cluster = TestCluster::node();
    let (shop, copy) = (cluster.namespace("c3"), cluster.namespace("c3-copy"));
    copy.kubectl(&["delete", "namespace", copy.name()]);
    let app = App::start(&shop, &CLAIMS, Some("disk-volume"));
    let (disk, share) = (app.checksum("disk"), app.checksum("share"));
    let name = shop.name();
    let run = cluster.plugin(&["create", name, "--namespaces", name, "--volumes", "annotated"]).ok();
    run.says(&format!("{name}/share"));
    restore(&cluster, name, copy.name());
    let restored = App::restored(&copy);
    assert_eq!(restored.checksum("disk"), disk);
    // The warning was true: the volume came back empty, and the application filled it anew.
    assert_ne!(restored.checksum("share"), share);
    cluster.plugin(&["delete", name, "--yes"]).ok();
}

#[test]
fn c3_copy_keeps_the_bytes_of_all_volumes_outside_the_storage_system() {
    let cluster = TestCluster::node();
    let (shop, copy) = (cluster.namespace("c3"), cluster.namespace("c3-copy"));
    copy.kubectl(&["delete", "namespace", copy.name()]);
    let app = App::start(&shop, &CLAIMS, None);
    let (disk, share) = (app.checksum("disk"), app.checksum("share"));
    let name = shop.name();
    cluster.plugin(&["create", name, "--namespaces", name, "--volumes", "copy"]).ok();
    // The source and whatever the storage system knows of it are gone before the restore.
    shop.kubectl(&["delete", "deployment", "app"]);
    shop.kubectl(&["delete", "pvc", "--all"]);
    restore(&cluster, name, copy.name());
    let restored = App::restored(&copy);
    assert_eq!(restored.checksum("disk"), disk);
    assert_eq!(restored.checksum("share"), share);
    cluster.plugin(&["delete", name, "--yes"]).ok();
}

#[test]
fn c3_none_holds_against_annotations() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("c3");
    App::start(&shop, &CLAIMS, Some("disk-volume"));
    let name = shop.name();
    cluster.plugin(&["create", name, "--namespaces", name, "--volumes", "none"]).ok();
    let selector = format!("velero.io/backup-name={name}");
    let copied = cluster.kubectl(&["get", "podvolumebackups", "-n", "velero", "-l", &selector, "-o", "name"]);
    assert_eq!(copied, "");
    cluster.plugin(&["delete", name, "--yes"]).ok();
}

fn restore(cluster: &TestCluster, backup: &str, target: &str) {
    let mapping = format!("{backup}:{target}");
    cluster.plugin(&["restore", backup, "--name", target, "--namespace-mappings", &mapping]).ok();
}

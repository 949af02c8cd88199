//! C13: a restore leaves alone what is there already.

use e2e_tests::{App, TestCluster};

#[test]
fn c13_a_restore_over_a_running_application_changes_nothing() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("c13");
    let app = App::start(&shop, &[("disk", "test-block-std")], Some("disk-volume"));
    let name = shop.name();
    cluster.plugin(&["create", name, "--namespaces", name, "--volumes", "annotated"]).ok();
    app.exec("echo newer > /disk/file");
    let newer = app.checksum("disk");
    // Said before: objects that exist are left alone.
    cluster.plugin(&["restore", name, "--name", name]).says(name);
    assert_eq!(app.checksum("disk"), newer);
    cluster.plugin(&["delete", name, "--yes"]).ok();
}

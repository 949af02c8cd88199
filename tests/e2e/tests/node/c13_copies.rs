//! C13: a restore leaves alone what is there already, and asks before it does not.

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
    cluster.plugin(&["restore", name, "--name", name, "--yes"]).says(name);
    assert_eq!(app.checksum("disk"), newer);
    cluster.plugin(&["delete", name, "--yes"]).ok();
}

#[test]
fn c13_files_in_a_volume_that_exists_are_overwritten_only_after_a_question() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("c13");
    let app = App::start(&shop, &[("disk", "test-block-std")], Some("disk-volume"));
    let name = shop.name();
    let saved = app.checksum("disk");
    cluster.plugin(&["create", name, "--namespaces", name, "--volumes", "annotated"]).ok();
    app.exec("echo newer > /disk/file");
    shop.kubectl(&["delete", "deployment", "app", "--cascade=foreground", "--wait=true"]);
    let asked = cluster.plugin(&["restore", name, "--name", name]).ends_with(2);
    asked.says(&format!("overwrite files in {name}/disk"));
    assert!(!cluster.plugin(&["restore", "list"]).stdout.contains(name));
    cluster.plugin(&["restore", name, "--name", name, "--yes"]).ok();
    // What the question is about: the PVC was there all the time, and yet holds the old file.
    assert_eq!(App::restored(&shop).checksum("disk"), saved);
    cluster.plugin(&["delete", name, "--yes"]).ok();
}

//! C17: backups are listed, described and deleted with the server's own errors.

use e2e_tests::TestCluster;

#[test]
fn c17_list_and_describe_show_a_backup_and_delete_waits_until_it_is_gone() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("c17");
    let name = shop.name();
    cluster.plugin(&["create", name, "--namespaces", name]).ok();
    let list = cluster.plugin(&["list"]).ok().stdout;
    assert!(list.lines().any(|line| line.starts_with(name) && line.contains("Completed")), "{list}");
    let text = cluster.plugin(&["describe", name]).ok().stdout;
    for expected in [name, "Completed", "default"] {
        assert!(text.contains(expected), "{expected:?} is missing:\n{text}");
    }
    cluster.plugin(&["delete", name]).ends_with(2).says("--yes");
    cluster.plugin(&["delete", name, "--yes"]).ok();
    cluster.try_kubectl(&["get", "backups.velero.io", "-n", "velero", name]).ends_with(1);
}

#[test]
fn c17_a_backup_without_a_location_is_deleted_as_the_error_says() {
    let cluster = TestCluster::control_plane();
    let marker = cluster.namespace("c17");
    let name = marker.name();
    cluster.create(&format!(
        r#"{{"apiVersion":"velero.io/v1","kind":"Backup","metadata":{{"name":"{name}","namespace":"velero"}},
        "spec":{{}},"status":{{"phase":"FailedValidation"}}}}"#
    ));
    let way = format!("kubectl -n velero delete backups.velero.io {name}");
    cluster.plugin(&["delete", name, "--yes"]).ends_with(1).says(&way);
    cluster.kubectl(&["-n", "velero", "delete", "backups.velero.io", name]);
}

#[test]
fn c17_delete_all_of_a_namespace_leaves_the_others_alone() {
    let cluster = TestCluster::control_plane();
    let (shop, other) = (cluster.namespace("c17"), cluster.namespace("c17"));
    let (mine, theirs, both) = (shop.name(), other.name(), format!("{}-both", shop.name()));
    cluster.plugin(&["create", mine, "--namespaces", mine]).ok();
    cluster.plugin(&["create", theirs, "--namespaces", theirs]).ok();
    cluster.plugin(&["create", &both, "--namespaces", &format!("{mine},{theirs}")]).ok();
    shop.plugin(&["delete", "--all"]).ends_with(2).says(&format!("Delete backup {mine:?}")).says(&both);
    shop.plugin(&["delete", "--all", "--yes"]).ok().says(&both);
    let left = cluster.kubectl(&["get", "backups.velero.io", "-n", "velero", "-o", "name"]);
    assert!(!left.lines().any(|line| line.ends_with(&format!("/{mine}"))), "{left}");
    assert!(left.contains(&format!("/{theirs}\n")) && left.contains(&format!("/{both}\n")), "{left}");
    cluster.plugin(&["delete", theirs, &both, "--yes"]).ok();
}

#[test]
fn c17_an_empty_list_says_what_was_looked_for() {
    let cluster = TestCluster::control_plane();
    let run = cluster.plugin(&["list", "-n", "nope", "-l", "no=such"]).ok();
    run.says("No backups that hold namespace \"nope\" found in Velero's namespace \"velero\".");
    let run = cluster.plugin(&["list", "-A", "-n", "nope", "-l", "no=such", "--request-timeout", "60"]).ok();
    run.says("No backups found");
}

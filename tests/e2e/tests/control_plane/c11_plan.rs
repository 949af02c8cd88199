//! C11: plans that are not there, or may not be read. A policy with plans is in the way of other tests: `special_clusters`.

use e2e_tests::{Person, TestCluster};

#[test]
fn c11_a_plan_that_is_not_there_makes_nothing() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("c11");
    let name = shop.name();
    let create = ["create", name, "--namespaces", name, "--plan", "nightly"];
    let run = cluster.plugin(&create).ends_with(2).says("there is no plan \"nightly\"").says("There are no plans");
    run.says("its schedule is used by no command of this version");
    cluster.try_kubectl(&["get", "backups.velero.io", "-n", "velero", name]).ends_with(1);
}

#[test]
fn c11_who_may_not_read_the_policy_is_told_which_role_lets_him() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("c11");
    let person = Person::new(&shop);
    let create = ["create", shop.name(), "--velero-namespace", "velero", "--plan", "nightly"];
    let asks = || person.asks(&create);
    asks().ends_with(1).says("plan \"nightly\" cannot be looked up").says("kubectl-backup-quota-view");
    let _view = person.may_in_cluster("quota-view");
    asks().ends_with(2).says("there is no plan \"nightly\"");
}

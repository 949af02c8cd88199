//! Controllers that do not answer: every verb ends in time and names what is left; when they are back, it goes on.

use std::time::Duration;

use e2e_tests::{Claim, TestCluster};
use test_cluster::Options;

/// Until when a command has ended that waits for 4 s, and one that has something to undo or several steps to wait for.
const IN_TIME: Duration = Duration::from_secs(4 + 11);
const WITH_UNDO: Duration = Duration::from_secs(4 + 45);

#[test]
fn h1_h4_h6_h7_h9_with_controllers_down_every_verb_ends_in_time() {
    let options = Options { name: format!("down-{}", std::process::id()), ..Options::default() };
    let cluster = TestCluster::own(&options);
    let component = |name: &str| cluster.cluster().component(name).unwrap_or_else(|error| panic!("{error:?}"));
    let shop = cluster.namespace("down");
    let depot = cluster.namespace("down");
    let data = Claim::block(&shop, "data");
    data.write("ledger", b"good");
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    data.write("ledger", b"bad");
    let runs = |args: &[&str]| shop.plugin(&[args, &["--timeout", "4s"]].concat());

    let controller = component("snapshot-controller");
    controller.freeze().expect("freeze");
    runs(&["snapshot", "create", "data", "--name", "a"]).ends_in(124, IN_TIME).says("waiting for the controller");
    let into = ["snapshot", "restore", "snap", "--to", "x", "--to-namespace", depot.name()];
    runs(&into).ends_in(124, WITH_UNDO).says("is not ready after 4s").says("What was made was removed again");
    assert_eq!(depot.kubectl(&["get", "pvc,volumesnapshots", "-o", "name"]), "");
    controller.thaw().expect("thaw");
    cluster.wait_for(shop.name(), "volumesnapshot/a", "jsonpath={.status.readyToUse}=true", 60);

    let sidecar = component("csi-snapshotter-block");
    sidecar.freeze().expect("freeze");
    runs(&["snapshot", "create", "data", "--name", "b"]).ends_in(124, IN_TIME).says("is not ready after 4s");
    runs(&["snapshot", "delete", "a", "--yes"])
        .ends_in(124, IN_TIME)
        .says("is still being deleted")
        .says("holds its slot");
    sidecar.thaw().expect("thaw");
    cluster.kubectl(&["wait", "-n", shop.name(), "volumesnapshot/a", "--for=delete", "--timeout=60s"]);

    let provisioner = component("csi-provisioner-block");
    provisioner.freeze().expect("freeze");
    runs(&["snapshot", "restore", "snap", "--to", "y"]).ends_in(124, IN_TIME).says("is not bound after 4s");
    runs(&["clone", "data", "z"]).ends_in(124, IN_TIME).says("is not bound after 4s");
    let late = runs(&into).ends_in(124, WITH_UNDO).says("is not bound after 4s").says("until it is filled");
    drop(late);
    let rollback = ["snapshot", "rollback", "snap", "--yes"];
    let stopped = runs(&[&rollback[..], &["--safety", "volume"]].concat()).ends_in(124, WITH_UNDO);
    stopped.says("--continue").says("--undo");
    provisioner.thaw().expect("thaw");
    for (namespace, claim) in [(&shop, "y"), (&shop, "z"), (&depot, "x")] {
        cluster.wait_for(namespace.name(), &format!("pvc/{claim}"), "jsonpath={.status.phase}=Bound", 90);
    }
    shop.plugin(&[&rollback[..], &["--continue"]].concat()).ok();
    assert_eq!(Claim::existing(&shop, "data", "block").read("ledger"), b"good");
    assert_eq!(Claim::existing(&depot, "x", "block").read("ledger"), b"good");

    // The API server is the driver's last word: without the driver nothing moves, and nothing is lost.
    let driver = component("csi-driver-block");
    driver.freeze().expect("freeze");
    runs(&["snapshot", "create", "data", "--name", "c"]).ends_in(124, IN_TIME);
    runs(&["clone", "data", "w"]).ends_in(124, IN_TIME).says("kubectl describe pvc w");
    driver.thaw().expect("thaw");
    cluster.wait_for(shop.name(), "volumesnapshot/c", "jsonpath={.status.readyToUse}=true", 120);
    drop((shop, depot));
    cluster.down();
}

//! H2, H7 and H8 with pods: what a rule kept is what the application wrote, on each family of storage.

use e2e_tests::{App, TestCluster};

#[test]
fn h2_h7_h8_what_is_kept_after_a_prune_holds_what_was_written() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h8");
    let app = App::start(&shop, &[("disk", "test-block-std"), ("share", "test-files-std")], None);
    let mut written = Vec::new();
    // More would leave the tests beside this one too few of the cluster's slots.
    for group in ["first", "second"] {
        written = ["disk", "share"].map(|claim| app.checksum(claim)).to_vec();
        shop.plugin(&["snapshot", "create", "--app", "app", "--group", group]).ok();
        app.exec("for d in disk share; do head -c 2097152 /dev/urandom > /$d/file; done; sync");
    }
    let list = || shop.plugin(&["snapshot", "list", "-o", "json"]).ok().json();
    for (claim, class) in [("disk", "block-snapshot"), ("share", "files-snapshot")] {
        let all = list();
        let of_claim = all["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|item| item["spec"]["source"]["persistentVolumeClaimName"] == claim);
        let classes: Vec<_> = of_claim.map(|item| item["spec"]["volumeSnapshotClassName"].clone()).collect();
        assert_eq!(classes, [class, class]);
    }
    shop.plugin(&["snapshot", "prune", "--keep", "1", "--yes"]).ok();
    let left = list();
    let left: Vec<&str> = left["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| item["metadata"]["labels"]["kubectl-backup.dev/group"].as_str())
        .collect();
    assert_eq!(left, ["second", "second"]);
    shop.plugin(&["snapshot", "restore", "--group", "second", "--name-suffix=-kept"]).ok();
    let name = shop.kubectl(&["get", "volumesnapshots", "-o", "jsonpath={.items[0].metadata.name}"]);
    let text = shop.plugin(&["snapshot", "describe", &name]).ok().stdout;
    assert!(text.contains("-kept (Bound)"), "{text}");
    shop.plugin(&["snapshot", "delete", "--group", "second", "--yes"]).ok();
    // What was restored is a volume of its own.
    for (claim, checksum) in ["disk", "share"].iter().zip(&written) {
        let restored = format!("{claim}-kept");
        assert_eq!(&shop.checksum_in_new_pod(&restored), checksum, "{claim}");
        assert_ne!(&app.checksum(claim), checksum, "{claim}");
    }
}

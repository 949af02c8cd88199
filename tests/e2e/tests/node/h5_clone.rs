//! H5 with pods: volumes are cloned while an application uses them, and another pod reads the same bytes.

use e2e_tests::{App, TestCluster};

#[test]
fn h5_a_pod_reads_from_the_clone_what_another_wrote() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h5");
    let app = App::start(&shop, &[("disk", "test-block-std"), ("share", "test-files-std")], None);
    for claim in ["disk", "share"] {
        let written = app.checksum(claim);
        let target = format!("{claim}-copy");
        shop.plugin(&["clone", claim, &target]).ok();
        app.exec(&format!("echo overwritten > /{claim}/file"));
        assert_eq!(shop.checksum_in_new_pod(&target), written);
    }
}

//! H9: a rollback that is killed where it waits for a volume to be detached, or between the last steps of its way back.

use e2e_tests::TestCluster;
use serde_json::json;

use super::h9_rollback::Changed;

#[test]
fn h9_killed_while_the_volume_is_still_attached_it_goes_on_and_back() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h9");
    let changed = Changed::start(&shop, "test-block-std");
    let old = changed.volume();
    // The test driver attaches nothing: what stands for it is of another's.
    let kill = |flags: &[&str]| {
        let (name, volume) = (format!("held-{}", shop.name()), changed.volume());
        let attachment = json!({"apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment", "metadata": {"name": name},
            "spec": {"attacher": "other.csi.test", "nodeName": "some-node", "source": {"persistentVolumeName": volume}}});
        cluster.create(&attachment.to_string());
        changed.kill("waiting until its volume is detached", flags);
        assert_eq!(changed.volume(), volume);
        cluster.kubectl(&["delete", "volumeattachment", &name]);
    };
    let safety = ["--safety", "volume"];
    kill(&safety);
    changed.rollback(&["--continue"]).ok();
    changed.has(&changed.good);
    kill(&["--undo"]);
    let undone = changed.rollback(&["--continue"]).ok();
    changed.is_as_before(&old, &undone.stderr);
    kill(&safety);
    let undone = changed.rollback(&["--undo"]).ok();
    changed.is_as_before(&old, &undone.stderr);
}

#[test]
fn h9_killed_before_the_old_volume_has_its_policy_again_an_undo_ends_however_it_goes_on() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h9");
    let changed = Changed::start(&shop, "test-files-std");
    let old = changed.volume();
    for way in ["--continue", "--undo"] {
        changed.rollback(&["--safety", "volume"]).ok();
        changed.has(&changed.good);
        let new = changed.volume();
        changed.kill("its own reclaim policy again", &["--undo"]);
        assert_eq!(changed.volume(), old);
        // The volume with what was written meanwhile is known to the run that goes on.
        let undone = changed.rollback(&[way]).ok().says(&format!("kept in volume {new}"));
        changed.is_as_before(&old, &undone.stderr);
    }
}

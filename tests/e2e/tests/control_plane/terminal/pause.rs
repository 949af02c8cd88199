//! Nothing runs on this cluster, so that no hook can do its work here: what the screen says then matters most.

use e2e_tests::{Claim, TestCluster};

use super::{Recorded, settings};

const HOOKS: [&str; 4] = ["--pause-hook", "app: touch /tmp/paused", "--resume-hook", "app: rm -f /tmp/paused"];

#[test]
fn h3_hooks_without_a_pod_to_run_in_are_told() {
    let _settings = settings();
    let cluster = TestCluster::control_plane();
    let recorded = Recorded::new(&cluster, "terminal-unused");
    Claim::block(&recorded.namespace, "disk");
    let [narrow, wide] = Recorded::each(|screen| {
        let name = format!("snap-{:03}", screen.0 + u16::from(screen.1));
        recorded.ended(screen, &[&["snapshot", "create", "disk", "--name", &name][..], &HOOKS].concat())
    });
    insta::assert_snapshot!(narrow, @r#"
    no running pod mounts the volumes: there is nothing to pause
    using VolumeSnapshotClass "block-snapshot" (policy for storage classes *-block-*
    )
    volumesnapshot.snapshot.storage.k8s.io/snap-080 created
    snapshot snap-080 is ready (64Mi, after 5s)
    "#);
    insta::assert_snapshot!(wide, @r#"
    no running pod mounts the volumes: there is nothing to pause
    using VolumeSnapshotClass "block-snapshot" (policy for storage classes *-block-*)
    volumesnapshot.snapshot.storage.k8s.io/snap-121 created
    snapshot snap-121 is ready (64Mi, after 5s)
    "#);
}

#[test]
fn h3_a_hook_that_cannot_run_is_told_and_loudly_when_it_was_to_resume() {
    let _settings = settings();
    let cluster = TestCluster::control_plane();
    let recorded = Recorded::new(&cluster, "terminal-pause");
    let shop = &recorded.namespace;
    Claim::block(shop, "disk");
    shop.kubectl(&["create", "serviceaccount", "web"]);
    let pod = serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": shop.name()},
        "spec": {"serviceAccountName": "web", "automountServiceAccountToken": false,
            "containers": [{"name": "app", "image": "none"}],
            "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "disk"}}]}});
    cluster.create(&pod.to_string());
    // As the server goes on to say of a pod whose node died.
    let running = r#"{"status":{"phase":"Running"}}"#;
    shop.kubectl(&["patch", "pod", "web", "--subresource=status", "--type=merge", "-p", running]);
    let create = [&["snapshot", "create", "disk", "--name", "snap", "--hook-timeout", "1s"][..], &HOOKS].concat();
    let [narrow, wide] = Recorded::each(|screen| {
        let (code, text) = recorded.start(screen, &create).end();
        assert_eq!(code, 1, "{text}");
        text
    });
    insta::assert_snapshot!(narrow, @r#"
    using VolumeSnapshotClass "block-snapshot" (policy for storage classes *-block-*
    )
    should this program be killed while the application is paused: kubectl exec -n t
    erminal-pause web -c app -- sh -c 'rm -f /tmp/paused'
    pausing: touch /tmp/paused in web/app
    error: the resume hook "rm -f /tmp/paused" failed in container "app" of pod "web
    ": pod web does not have a host assigned. THE APPLICATION MAY STILL BE PAUSED
    hint: Resume it by hand: kubectl exec -n terminal-pause web -c app -- sh -c 'rm
    -f /tmp/paused'
    error: the pause hook "touch /tmp/paused" failed in container "app" of pod "web"
    : pod web does not have a host assigned; no snapshot was taken
    "#);
    insta::assert_snapshot!(wide, @r#"
    using VolumeSnapshotClass "block-snapshot" (policy for storage classes *-block-*)
    should this program be killed while the application is paused: kubectl exec -n terminal-pause web -c app -- sh -c 'rm -f
     /tmp/paused'
    pausing: touch /tmp/paused in web/app
    ‹bold red:error:› the resume hook "rm -f /tmp/paused" failed in container "app" of pod "web": pod web does not have a host assigned
    . THE APPLICATION MAY STILL BE PAUSED
    ‹cyan:hint:› Resume it by hand: kubectl exec -n terminal-pause web -c app -- sh -c 'rm -f /tmp/paused'
    ‹bold red:error:› the pause hook "touch /tmp/paused" failed in container "app" of pod "web": pod web does not have a host assigned;
     no snapshot was taken
    "#);
    assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
}

//! H3: the application is paused while its volumes are cut, and goes on however that ends.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use e2e_tests::{Claim, Hold, Namespace, Refusal, TestCluster, until};

const PAUSE: &str =
    "writer: touch /tmp/pause; until [ -e /tmp/paused ]; do usleep 5000; done; cat /disk/file > /tmp/at-pause";
const RESUME: &str = "writer: rm -f /tmp/pause; until [ ! -e /tmp/paused ]; do usleep 5000; done";

/// A pod that counts as fast as it can, into two volumes, unless it is told to pause.
fn start_writer(shop: &Namespace<'_>) {
    let cluster = shop.cluster();
    for (name, class) in [("disk", "test-block-std"), ("share", "test-files-std")] {
        cluster.create(&Claim::manifest(shop.name(), name, class));
    }
    let count = "i=0; while true; do \
        if [ -e /tmp/pause ]; then touch /tmp/paused; usleep 5000; continue; fi; \
        rm -f /tmp/paused; i=$((i+1)); echo $i > /disk/file; echo $i > /share/file; done";
    let mount = |name: &str| serde_json::json!({"name": name, "mountPath": format!("/{name}")});
    let volume = |name: &str| serde_json::json!({"name": name, "persistentVolumeClaim": {"claimName": name}});
    // Nobody tries again to make a pod that came before its account.
    shop.kubectl(&["wait", "serviceaccount/default", "--for=create", "--timeout=120s"]);
    cluster.create(
        &serde_json::json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "writer", "namespace": shop.name(), "labels": {"app": "counter"}},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "containers": [{
                    "name": "writer", "image": test_cluster::BUSYBOX, "command": ["sh", "-c", count],
                    "readinessProbe": {"exec": {"command": ["test", "-s", "/share/file"]}, "periodSeconds": 1},
                    "volumeMounts": [mount("disk"), mount("share")],
                }],
                "volumes": [volume("disk"), volume("share")],
            },
        })
        .to_string(),
    );
    cluster.wait_for(shop.name(), "pod/writer", "condition=Ready", 120);
}

fn exec(shop: &Namespace<'_>, command: &str) -> String {
    shop.kubectl(&["exec", "writer", "--", "sh", "-c", command]).trim().to_owned()
}

/// Panics unless the writer writes on.
#[track_caller]
fn writes_on(shop: &Namespace<'_>) {
    assert_eq!(exec(shop, "[ -e /tmp/pause ] || echo no"), "no", "the application is still paused");
    let before = exec(shop, "cat /disk/file");
    let deadline = Instant::now() + Duration::from_secs(60);
    while exec(shop, "cat /disk/file") == before {
        assert!(Instant::now() < deadline, "the application writes no more");
    }
}

fn class(cluster: &TestCluster, name: &str, fault: &str, value: &str) {
    cluster.create(&format!(
        r#"{{"apiVersion":"snapshot.storage.k8s.io/v1","kind":"VolumeSnapshotClass","metadata":{{"name":"{name}"}},
        "driver":"block.csi.test.kubectl-backup.dev","deletionPolicy":"Delete","parameters":{{"fault.test/{fault}":"{value}"}}}}"#
    ));
}

/// The contents of this namespace's snapshots that the driver is at work on.
fn being_taken(shop: &Namespace<'_>) -> Vec<String> {
    const MARK: &str = "snapshot.storage.kubernetes.io/volumesnapshot-being-created";
    let contents = shop.contents();
    let taken = contents.iter().filter(|content| {
        let metadata = &content["metadata"];
        metadata["deletionTimestamp"].is_null() && metadata["annotations"][MARK] == "yes"
    });
    taken.filter_map(|content| content["metadata"]["name"].as_str()).map(str::to_owned).collect()
}

#[test]
fn h3_two_volumes_of_a_paused_application_hold_the_same_moment() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h3");
    start_writer(&shop);
    let run = shop
        .plugin(&[
            "snapshot",
            "create",
            "--app",
            "counter",
            "--group",
            "g",
            "--pause-hook",
            PAUSE,
            "--resume-hook",
            RESUME,
        ])
        .ok();
    run.says("pausing: ").says("resumed: ");
    writes_on(&shop);
    let at_pause = exec(&shop, "cat /tmp/at-pause");
    shop.plugin(&["snapshot", "restore", "--group", "g", "--name-suffix=-then"]).ok();
    for (claim, family) in [("disk-then", "block"), ("share-then", "files")] {
        let cut = Claim::existing(&shop, claim, family).read("file");
        assert_eq!(String::from_utf8_lossy(&cut).trim(), at_pause, "{claim}");
    }
    shop.plugin(&["snapshot", "delete", "--group", "g", "--yes"]).ok();
}

#[test]
fn h3_the_application_goes_on_once_it_is_cut_and_not_only_when_the_snapshot_is_ready() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h3");
    start_writer(&shop);
    class(&cluster, shop.name(), "not-ready-for", "never");
    let args = ["snapshot", "create", "disk", "--class", shop.name(), "--pause-hook", PAUSE, "--resume-hook", RESUME];
    let args = [&args[..], &["-n", shop.name()]].concat();
    let run = cluster.plugin_signalled_at("not ready to use yet", "INT", &args).ends_with(130);
    let at = |text: &str| run.stderr.find(text).unwrap_or_else(|| panic!("no {text:?}: {}", run.stderr));
    assert!(at("resumed: ") < at("not ready to use yet"), "{}", run.stderr);
    shop.plugin(&["snapshot", "delete", "--all", "--yes"]).ok();
    cluster.kubectl(&["delete", "volumesnapshotclass", shop.name()]);
}

#[test]
fn h3_an_interrupted_command_lets_the_application_go_on() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h3");
    start_writer(&shop);
    let held = Hold::new(&shop, "block");
    class(&cluster, shop.name(), "hold", held.name());
    let args = ["snapshot", "create", "disk", "--class", shop.name(), "--pause-hook", PAUSE, "--resume-hook", RESUME];
    let args = [&args[..], &["--max-pause", "10m", "-n", shop.name()]].concat();
    let kubeconfig = cluster.cluster().kubeconfig();
    let mut earlier = BTreeSet::new();
    for signal in ["INT", "TERM"] {
        let run = cluster.plugin_signalled_when(&kubeconfig, signal, &args, || {
            until("it is being taken", Duration::from_secs(120), || {
                being_taken(&shop).into_iter().any(|content| earlier.insert(content))
            });
        });
        // What would be cut after the application went on is not what was asked for.
        // Its driver is at work on it to this moment.
        run.ends_with(130).says("resumed: ").says("before all volumes were cut: still being deleted: disk-");
        writes_on(&shop);
    }
    held.release();
    shop.plugin(&["snapshot", "delete", "--all", "--yes", "--no-wait"]).ok();
    shop.until_snapshots_are_gone();
    cluster.kubectl(&["delete", "volumesnapshotclass", shop.name()]);
}

#[test]
fn h3_interrupted_while_it_pauses_the_application_goes_on() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h3");
    start_writer(&shop);
    let slow = format!("{PAUSE}; sleep 8");
    let args = ["snapshot", "create", "disk", "share", "--pause-hook", &slow, "--resume-hook", RESUME];
    for signal in ["INT", "TERM"] {
        let run = cluster.plugin_signalled_at("pausing: ", signal, &[&args[..], &["-n", shop.name()]].concat());
        run.ends_with(130).says("resumed: ");
        writes_on(&shop);
        assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
    }
}

#[test]
fn h3_refused_by_the_server_the_application_goes_on_and_nothing_is_left() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h3");
    start_writer(&shop);
    let hooks = ["--pause-hook", PAUSE, "--resume-hook", RESUME];
    let none_is_left = || {
        writes_on(&shop);
        until("what was made is gone", Duration::from_secs(60), || {
            shop.kubectl(&["get", "volumesnapshots", "-o", "name"]).is_empty()
        });
    };
    let refusal = Refusal::of_claim(&shop, "share");
    for claims in [&["share"][..], &["disk", "share"]] {
        let run = shop.plugin(&[&["snapshot", "create"], claims, &hooks].concat()).ends_with(1);
        run.says("pausing: ").says("resumed: ").says("refused by the test");
        none_is_left();
    }
    drop(refusal);
    // What has no room is refused before anything is paused.
    let key = "count/volumesnapshots.snapshot.storage.k8s.io";
    shop.kubectl(&["create", "quota", "none", &format!("--hard={key}=0")]);
    let hard = format!("jsonpath={{.status.hard.{}}}=0", key.replace('.', r"\."));
    cluster.wait_for(shop.name(), "resourcequota/none", &hard, 120);
    let run = shop.plugin(&[&["snapshot", "create", "disk"][..], &hooks].concat()).ends_with(1);
    let run = run.says("no room for another snapshot");
    assert!(!run.stderr.contains("pausing: "), "{}", run.stderr);
    none_is_left();
}

#[test]
fn h3_an_application_is_paused_no_longer_than_it_may_be() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h3");
    start_writer(&shop);
    let held = Hold::new(&shop, "block");
    class(&cluster, shop.name(), "hold", held.name());
    let hooks = ["--pause-hook", PAUSE, "--resume-hook", RESUME, "--max-pause", "40s"];
    let args = [&["snapshot", "create", "disk", "--class", shop.name()], &hooks[..]].concat();
    let run = thread::scope(|scope| {
        let run = scope.spawn(|| shop.plugin(&args));
        // It can go only when the driver is done with it.
        until("the snapshot is being deleted", Duration::from_secs(120), || {
            let deleted = "jsonpath={.items[*].metadata.deletionTimestamp}";
            run.is_finished() || !shop.kubectl(&["get", "volumesnapshots", "-o", deleted]).is_empty()
        });
        held.release();
        run.join().expect("the plugin ran")
    });
    shop.takes_back(&run.ends_with(124).says("resumed: "), "disk-");
    writes_on(&shop);
    cluster.kubectl(&["delete", "volumesnapshotclass", shop.name()]);
}

#[test]
fn h3_a_hook_that_fails_is_told_and_nothing_is_taken() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h3");
    start_writer(&shop);
    let create_within = |pause: &str, resume: &str, flags: &[&str]| {
        let hooks = ["--pause-hook", pause, "--resume-hook", resume];
        shop.plugin(&[&["snapshot", "create", "disk"][..], &hooks, flags].concat())
    };
    let create = |pause: &str, resume: &str| create_within(pause, resume, &[]);
    let run = create("writer: touch /tmp/pause; echo no lock >&2; exit 3", RESUME).ends_with(1);
    run.says("it ended with 3: no lock").says("resumed: ");
    writes_on(&shop);
    create("nosuch: true", RESUME).ends_with(2).says("writer (writer)");
    create(r#"writer: ["/nosuch"]"#, RESUME).ends_with(1).says("the pause hook");
    create_within("writer: sleep 30", RESUME, &["--hook-timeout", "5s"]).ends_with(1).says("did not end within 5s");
    assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
    let run = create(PAUSE, "writer: rm /nosuch").ends_with(1);
    run.says("THE APPLICATION MAY STILL BE PAUSED").says("kubectl exec -n").says("sh -c 'rm /nosuch'");
    exec(&shop, "rm -f /tmp/pause");
    shop.plugin(&["snapshot", "delete", "--all", "--yes"]).ok();
}

#[test]
fn h3_the_pause_hooks_are_part_of_the_pause() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h3");
    start_writer(&shop);
    let hooks = ["--pause-hook", "writer: sleep 120", "--resume-hook", RESUME, "--max-pause", "3s"];
    let run = shop.plugin(&[&["snapshot", "create", "disk"][..], &hooks].concat()).ends_with(124);
    let run = run.says("did not end within").says("--max-pause").says("resumed: ");
    assert!(run.took < Duration::from_secs(60), "took {:?}", run.took);
    assert_eq!(shop.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
}

#[test]
fn h3_who_takes_the_place_of_a_pod_meanwhile_is_paused_instead() {
    let cluster = TestCluster::node();
    let shop = cluster.namespace("h3");
    start_writer(&shop);
    let helper = |name: &str| {
        let pod = serde_json::json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": shop.name()},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "helper", "image": test_cluster::BUSYBOX, "command": ["sleep", "3600"],
                    "volumeMounts": [{"name": "share", "mountPath": "/share"}]}],
                "volumes": [{"name": "share", "persistentVolumeClaim": {"claimName": "share"}}],
            },
        });
        cluster.create(&pod.to_string());
        cluster.wait_for(shop.name(), &format!("pod/{name}"), "condition=Ready", 120);
    };
    helper("first");
    let wait = "writer: touch /tmp/begun; until [ -e /tmp/go ]; do usleep 5000; done";
    let hooks = ["--pause-hook", wait, "--pause-hook", "helper: touch /tmp/paused-here"];
    let resume = ["--resume-hook", "helper: touch /tmp/resumed-here"];
    let limits = ["--hook-timeout", "5m", "--max-pause", "10m"];
    let args = [&["snapshot", "create", "share", "--name", "snap"][..], &hooks, &resume, &limits].concat();
    let run = thread::scope(|scope| {
        let run = scope.spawn(|| shop.plugin(&args));
        until("the first hook runs", Duration::from_secs(60), || {
            cluster.try_kubectl(&["-n", shop.name(), "exec", "writer", "--", "test", "-e", "/tmp/begun"]).code == 0
        });
        shop.kubectl(&["delete", "pod", "first"]);
        helper("second");
        exec(&shop, "touch /tmp/go");
        run.join().expect("the plugin ran")
    });
    run.ok()
        .says("pausing: touch /tmp/paused-here in second/helper")
        .says("resumed: touch /tmp/resumed-here in second");
    shop.kubectl(&["exec", "second", "--", "ls", "/tmp/paused-here", "/tmp/resumed-here"]);
    shop.plugin(&["snapshot", "delete", "snap", "--yes"]).ok();
}

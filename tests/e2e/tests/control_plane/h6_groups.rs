//! H6: the snapshots of a group become PVCs, all or none.

use std::{thread, time::Duration};

use e2e_tests::{Claim, Hold, Namespace, Run, TestCluster, noise, sha256, until};

/// Two claims with bytes, and a snapshot of each in group `eve`. Returns the bytes' sums.
fn group(shop: &Namespace<'_>) -> [String; 2] {
    let claims = [Claim::block(shop, "disk"), Claim::files(shop, "share")];
    let mut seed = 20;
    claims.map(|claim| {
        seed += 1;
        let bytes = noise(seed, 1 << 20);
        claim.write("ledger", &bytes);
        let label = "kubectl-backup.dev/group=eve";
        shop.plugin(&["snapshot", "create", claim.name(), "--name", claim.name(), "--labels", label]).ok();
        claim.write("ledger", b"overwritten");
        sha256(&bytes)
    })
}

fn sums(namespace: &Namespace<'_>, names: [&str; 2]) -> [String; 2] {
    let [disk, share] = names;
    [(disk, "block"), (share, "files")]
        .map(|(name, family)| sha256(&Claim::existing(namespace, name, family).read("ledger")))
}

fn claims(namespace: &Namespace<'_>) -> String {
    namespace.kubectl(&["get", "pvc", "-o", "jsonpath={.items[*].metadata.name}"])
}

/// Restores the group into `depot`, and lets the call of the driver that is held go on once PVC `disk` is bound there.
fn restored_with_disk_first(shop: &Namespace<'_>, depot: &Namespace<'_>, held: &Hold) -> Run {
    thread::scope(|scope| {
        let run =
            scope.spawn(|| shop.plugin(&["snapshot", "restore", "--group", "eve", "--to-namespace", depot.name()]));
        until("PVC disk is bound", Duration::from_secs(90), || {
            let phase = depot.try_kubectl(&["get", "pvc", "disk", "-o", "jsonpath={.status.phase}"]);
            run.is_finished() || phase.stdout == "Bound"
        });
        held.release();
        run.join().expect("the plugin ran")
    })
}

#[test]
fn h6_a_group_is_restored_beside_and_elsewhere() {
    let cluster = TestCluster::control_plane();
    let (shop, depot) = (cluster.namespace("h6"), cluster.namespace("h6"));
    let bytes = group(&shop);
    let restore = ["snapshot", "restore", "--group", "eve"];
    shop.plugin(&restore).ends_with(1).says("exists already");
    shop.plugin(&[&restore[..], &["--name-suffix", "-eve"]].concat()).ok();
    assert_eq!(sums(&shop, ["disk-eve", "share-eve"]), bytes);
    shop.plugin(&[&restore[..], &["--to-namespace", depot.name(), "--map", "disk:old-disk"]].concat()).ok();
    assert_eq!(sums(&depot, ["old-disk", "share"]), bytes);
    assert_eq!(depot.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
    let list = shop.plugin(&[&restore[..], &["--name-suffix", "-x", "--dry-run=client", "-o", "json"]].concat()).ok();
    assert_eq!(list.json()["items"][1]["metadata"]["name"], "share-x");
    shop.plugin(&[&restore[..], &["--map", "dsik:x"]].concat()).ends_with(2).says("dsik");
    shop.plugin(&["snapshot", "restore", "--group", "nosuch"]).ends_with(1).says("no snapshot of group \"nosuch\"");
}

#[test]
fn h6_of_a_group_all_are_restored_or_none() {
    let cluster = TestCluster::control_plane();
    let (shop, depot) = (cluster.namespace("h6"), cluster.namespace("h6"));
    group(&shop);
    let restore = ["snapshot", "restore", "--group", "eve", "--to-namespace", depot.name()];
    // Room for one of them.
    depot.kubectl(&["create", "quota", "team", "--hard=persistentvolumeclaims=1"]);
    cluster.wait_for(depot.name(), "resourcequota/team", "jsonpath={.status.used.persistentvolumeclaims}=0", 120);
    shop.plugin(&restore).ends_with(1).says("has no room for 2 PVCs");
    assert_eq!(claims(&depot), "");
    depot.kubectl(&["delete", "quota", "team"]);

    // The second cannot be made: its limit is none that can be known before.
    let limits = serde_json::json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small", "namespace": depot.name()},
        "spec": {"limits": [{"type": "PersistentVolumeClaim", "max": {"storage": "70Mi"}}]}});
    cluster.create(&limits.to_string());
    let share =
        shop.kubectl(&["annotate", "volumesnapshot", "share", "--overwrite", "kubectl-backup.dev/source-size=80Mi"]);
    assert!(share.contains("annotated"), "{share}");
    let run = shop.plugin(&restore).ends_with(1);
    run.says("maximum storage usage per PersistentVolumeClaim is 70Mi").says("What was made was removed again");
    assert_eq!(claims(&depot), "");
    assert_eq!(depot.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
    depot.kubectl(&["delete", "limitrange", "small"]);

    // The driver cannot fill one of them.
    let class = format!("h6-fail-{}", std::process::id());
    let class = serde_json::json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": class},
        "provisioner": "files.csi.test.kubectl-backup.dev", "parameters": {"fault.test/fail": "the pool is degraded"}});
    cluster.create(&class.to_string());
    let name = class["metadata"]["name"].as_str().expect("a name");
    let note = format!("kubectl-backup.dev/source-storage-class={name}");
    shop.kubectl(&["annotate", "volumesnapshot", "share", "--overwrite", &note]);
    let run = shop.plugin(&restore).ends_with(1);
    run.says("the pool is degraded").says("What was made was removed again");
    assert_eq!(claims(&depot), "");
    assert_eq!(depot.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
    cluster.kubectl(&["delete", "storageclass", name]);
}

#[test]
fn h6_what_a_pod_uses_by_then_is_not_removed_again() {
    let cluster = TestCluster::control_plane();
    let (shop, depot) = (cluster.namespace("h6"), cluster.namespace("h6"));
    let [of_disk, _] = group(&shop);
    // Nothing runs here: a pod that names the PVC is enough.
    let pod = serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": depot.name()},
        "spec": {"serviceAccountName": "web", "automountServiceAccountToken": false, "containers": [{"name": "c", "image": "none"}],
            "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "disk"}}]}});
    depot.kubectl(&["create", "serviceaccount", "web"]);
    cluster.create(&pod.to_string());
    // The driver refuses the other only once this one has its data.
    let held = Hold::new(&depot, "files");
    let name = format!("h6-late-{}", std::process::id());
    let class = serde_json::json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
        "provisioner": "files.csi.test.kubectl-backup.dev",
        "parameters": {"fault.test/fail": "the pool is degraded", "fault.test/hold": held.name()}});
    cluster.create(&class.to_string());
    let note = format!("kubectl-backup.dev/source-storage-class={name}");
    shop.kubectl(&["annotate", "volumesnapshot", "share", "--overwrite", &note]);
    let run = restored_with_disk_first(&shop, &depot, &held).ends_with(1);
    run.says("persistentvolumeclaim/disk in namespace")
        .says("stays (it is used by pod web)")
        .says("kubectl delete pers");
    assert_eq!(claims(&depot), "disk");
    assert_eq!(sha256(&Claim::existing(&depot, "disk", "block").read("ledger")), of_disk);
    assert_eq!(depot.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
    cluster.kubectl(&["delete", "storageclass", &name]);
}

#[test]
fn h6_a_volume_that_outlives_its_pvc_is_named() {
    let cluster = TestCluster::control_plane();
    let (shop, depot) = (cluster.namespace("h6"), cluster.namespace("h6"));
    group(&shop);
    let class = |family: &str, policy: &str, parameters: serde_json::Value| {
        let name = format!("h6-{}-{}", policy.to_lowercase(), shop.name());
        let class = serde_json::json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
            "provisioner": format!("{family}.csi.test.kubectl-backup.dev"), "reclaimPolicy": policy, "parameters": parameters});
        cluster.create(&class.to_string());
        name
    };
    let retains = class("block", "Retain", serde_json::json!({}));
    let held = Hold::new(&depot, "files");
    let late = serde_json::json!({"fault.test/fail": "the pool is degraded", "fault.test/hold": held.name()});
    let fails = class("files", "Delete", late);
    for (snapshot, class) in [("disk", &retains), ("share", &fails)] {
        let note = format!("kubectl-backup.dev/source-storage-class={class}");
        shop.kubectl(&["annotate", "volumesnapshot", snapshot, "--overwrite", &note]);
    }
    let run = restored_with_disk_first(&shop, &depot, &held).ends_with(1);
    let run = run.says("What was made was removed again").says("outlives its PVC (reclaim policy Retain)");
    // The command that is named lets it go.
    let volume =
        run.stderr.split("kubectl patch pv ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a volume");
    assert!(run.stderr.contains(r#"-p '{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}'"#), "{}", run.stderr);
    cluster.kubectl(&["patch", "pv", volume, "-p", r#"{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}"#]);
    cluster.wait_for("default", &format!("pv/{volume}"), "delete", 120);
    for class in [retains, fails] {
        cluster.kubectl(&["delete", "storageclass", &class]);
    }
}

#[test]
fn h6_what_a_driver_is_at_work_on_is_waited_for_before_it_is_removed() {
    let cluster = TestCluster::control_plane();
    let (shop, depot) = (cluster.namespace("h6"), cluster.namespace("h6"));
    group(&shop);
    let class = |family: &str, parameters: serde_json::Value| {
        let name = format!("h6-{family}-{}", shop.name());
        let class = serde_json::json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
            "provisioner": format!("{family}.csi.test.kubectl-backup.dev"), "parameters": parameters});
        cluster.create(&class.to_string());
        name
    };
    let [works, refuses] = ["block", "files"].map(|family| Hold::new(&depot, family));
    let slow = class("block", serde_json::json!({"fault.test/hold": works.name()}));
    let late = serde_json::json!({"fault.test/fail": "the pool is degraded", "fault.test/hold": refuses.name()});
    let fails = class("files", late);
    for (snapshot, class) in [("disk", &slow), ("share", &fails)] {
        let note = format!("kubectl-backup.dev/source-storage-class={class}");
        shop.kubectl(&["annotate", "volumesnapshot", snapshot, "--overwrite", &note]);
    }
    let source_of =
        |claim: &str| depot.try_kubectl(&["get", "pvc", claim, "-o", "jsonpath={.spec.dataSource.name}"]).stdout;
    let snapshot = |name: &str, path: &str| {
        if name.is_empty() {
            return String::new();
        }
        depot.try_kubectl(&["get", "volumesnapshot", name, "--ignore-not-found", "-o", path]).ok().stdout
    };
    let finalizers = "jsonpath={.metadata.finalizers}";
    let run = thread::scope(|scope| {
        let run =
            scope.spawn(|| shop.plugin(&["snapshot", "restore", "--group", "eve", "--to-namespace", depot.name()]));
        // The provisioner protects what it fills a PVC from, and calls its driver then.
        let mut sources = [String::new(), String::new()];
        until("both drivers are at work", Duration::from_secs(90), || {
            sources = ["disk", "share"].map(source_of);
            let at_work = |source: &String| !source.is_empty() && snapshot(source, finalizers).contains("as-source");
            run.is_finished() || sources.iter().all(at_work)
        });
        refuses.release();
        let [of_disk, of_share] = &sources;
        until("what is at work no more is removed", Duration::from_secs(90), || {
            run.is_finished() || snapshot(of_share, "name").is_empty()
        });
        let held = snapshot(of_disk, finalizers);
        works.release();
        let run = run.join().expect("the plugin ran");
        // Every five minutes the provisioners let go of all whose PVC is gone, whether the driver is at work or not.
        let swept = format!("removed orphaned finalizer from snapshot {}/{of_disk}", depot.name());
        let is_swept = ["block", "files"].iter().any(|family| {
            let log = cluster.cluster().log(&format!("csi-provisioner-{family}"));
            std::fs::read_to_string(log).expect("a log").contains(&swept)
        });
        assert!(is_swept || held.contains("as-source"), "the driver was still at work: {held:?}\n{}", run.stderr);
        run
    });
    run.ends_with(1).says("the pool is degraded").says("What was made was removed again");
    assert_eq!([claims(&depot), depot.kubectl(&["get", "volumesnapshots", "-o", "name"])], ["", ""]);
    // What the driver made for nobody goes as well.
    until("no volume of that namespace is left", Duration::from_secs(60), || {
        let path = "jsonpath={.items[*].spec.claimRef.namespace}";
        !cluster.kubectl(&["get", "pv", "-o", path]).contains(depot.name())
    });
    for class in [slow, fails] {
        cluster.kubectl(&["delete", "storageclass", &class]);
    }
}

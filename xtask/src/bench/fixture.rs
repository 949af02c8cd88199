//! A cluster with thousands of backups in it, and nothing running that would look at them.

use std::{process::Command, time::Instant};

use anyhow::Result;
use serde_json::{Value, json};
use test_cluster::{Cluster, Options, Part};

/// Velero's namespace.
pub const NAMESPACE: &str = "velero";

/// Starts a cluster without a Velero server (it would remove backups that no bucket holds), with its CRDs, a storage
/// location, and `count` completed backups like those that a schedule leaves.
pub fn start(count: usize) -> Result<Cluster> {
    let options = Options {
        name: format!("bench-{}", std::process::id()),
        without: vec![Part::Velero],
        owned: true,
        ..Options::default()
    };
    let started = Instant::now();
    let cluster = Cluster::up(&options, &mut |step| eprintln!("{:6.1} s  {step}", started.elapsed().as_secs_f64()))?;
    let velero = test_cluster::program("velero", "velero", &mut |step| eprintln!("{step}"))?;
    let crds = Command::new(velero).args(["install", "--crds-only", "--dry-run", "-o", "yaml"]).output()?;
    cluster.kubectl(&["apply", "--server-side", "-f", "-"], &String::from_utf8(crds.stdout)?)?;
    cluster.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"], "")?;
    cluster.kubectl(&["create", "namespace", NAMESPACE], "")?;
    cluster.kubectl(&["create", "-f", "-"], &location().to_string())?;
    eprintln!("{:6.1} s  making {count} backups", started.elapsed().as_secs_f64());
    let items: Vec<Value> = (0..count).map(backup).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    cluster.kubectl(&["create", "-f", "-"], &list.to_string())?;
    eprintln!("{:6.1} s  ready", started.elapsed().as_secs_f64());
    Ok(cluster)
}

fn location() -> Value {
    json!({
        "apiVersion": "velero.io/v1", "kind": "BackupStorageLocation",
        "metadata": {"name": "default", "namespace": NAMESPACE},
        "spec": {"provider": "aws", "default": true, "objectStorage": {"bucket": "backups"}},
    })
}

/// A backup as Velero 1.18 leaves it: the fields of a real one, so that its size is right.
fn backup(index: usize) -> Value {
    let stamp = format!("2026-10-{:02}T{:02}:{:02}:00Z", index % 28 + 1, index / 60 % 24, index % 60);
    json!({
        "apiVersion": "velero.io/v1", "kind": "Backup",
        "metadata": {
            "name": format!("nightly-{index:014}"), "namespace": NAMESPACE,
            "labels": {"velero.io/schedule-name": "nightly", "team": "shop"},
            "annotations": {
                "velero.io/resource-timeout": "10m0s",
                "velero.io/source-cluster-k8s-gitversion": "v1.36.3",
                "velero.io/source-cluster-k8s-major-version": "1",
                "velero.io/source-cluster-k8s-minor-version": "36",
            },
        },
        "spec": {
            "csiSnapshotTimeout": "10m0s", "defaultVolumesToFsBackup": false, "hooks": {}, "includedNamespaces": ["shop", "depot"],
            "excludedResources": ["volumesnapshotcontents.snapshot.storage.k8s.io"],
            "itemOperationTimeout": "4h0m0s", "snapshotMoveData": false, "storageLocation": "default", "ttl": "720h0m0s",
            "volumeGroupSnapshotLabelKey": "velero.io/volume-group", "metadata": {},
        },
        "status": {
            "phase": "Completed", "version": 1, "formatVersion": "1.1.0", "startTimestamp": stamp,
            "completionTimestamp": stamp, "expiration": "2027-01-30T01:00:00Z", "hookStatus": {},
            "progress": {"itemsBackedUp": 137, "totalItems": 137}, "warnings": index % 3,
        },
    })
}

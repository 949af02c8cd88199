//! Volumes and snapshots: two instances of the test CSI driver, their sidecars, the snapshot controller.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::address::{Addresses, port};
use crate::layout::{Layout, Request};
use crate::options::{Part, Profile};
use crate::processes::Program;

/// The drivers' short names; each is a family of storage of its own.
pub(crate) const FAMILIES: [&str; 2] = ["block", "files"];
/// Where the kubelet finds drivers, in the node profile.
pub(crate) const KUBELET_ROOT: &str = "/run/kubelet";

const RETRY: [&str; 2] = ["--retry-interval-start=200ms", "--retry-interval-max=5s"];

/// The driver's full name.
pub(crate) fn driver_name(family: &str) -> String {
    format!("{family}.csi.test.kubectl-backup.dev")
}

pub(crate) fn socket(layout: &Layout, family: &str) -> PathBuf {
    layout.sockets().join(format!("{family}-csi.sock"))
}

/// The snapshot controller's readiness.
pub(crate) fn snapshot_controller_url(addresses: Addresses) -> String {
    format!("http://{}/metrics", addresses.at(port::SNAPSHOT_CONTROLLER))
}

/// A driver instance.
pub(crate) fn driver(layout: &Layout, request: &Request, addresses: Addresses, family: &str) -> Program {
    let program = Program::new(format!("csi-driver-{family}"), request.csi_driver.clone()).args([
        format!("--driver-name={}", driver_name(family)),
        format!("--endpoint=unix:{}", socket(layout, family).display()),
        format!("--root={}", layout.folder("csi").join(family).display()),
    ]);
    match addresses.profile {
        Profile::ControlPlane => program,
        Profile::Node => program.args([
            format!("--node-id={}", crate::control_plane::NODE_NAME),
            format!("--kubelet-registration={KUBELET_ROOT}/plugins_registry"),
        ]),
    }
}

/// The snapshot controller, one for all drivers.
pub(crate) fn snapshot_controller(layout: &Layout, request: &Request, addresses: Addresses) -> Result<Program> {
    Ok(Program::new("snapshot-controller", request.program("external-snapshotter", "snapshot-controller")?)
        .args([
            format!("--kubeconfig={}", layout.kubeconfig_of("snapshot-controller").display()),
            "--leader-election=false".into(),
            format!("--http-endpoint={}", addresses.at(port::SNAPSHOT_CONTROLLER)),
            "--kube-api-qps=100".into(),
            "--kube-api-burst=200".into(),
        ])
        .args(RETRY))
}

/// The sidecars of a driver, each with the URL that answers when it runs.
pub(crate) fn sidecars(
    layout: &Layout,
    request: &Request,
    addresses: Addresses,
    family: &str,
) -> Result<Vec<(Program, String)>> {
    let index = u16::try_from(FAMILIES.iter().position(|one| *one == family).unwrap_or_default())?;
    let common = |account: &str, at: &str| {
        [
            format!("--csi-address={}", socket(layout, family).display()),
            format!("--kubeconfig={}", layout.kubeconfig_of(account).display()),
            format!("--http-endpoint={at}"),
            "--kube-api-qps=100".into(),
            "--kube-api-burst=200".into(),
            "--timeout=60s".into(),
        ]
    };
    let at = addresses.at(port::SIDECARS + 2 * index);
    let mut all = vec![(
        Program::new(format!("csi-provisioner-{family}"), request.program("external-provisioner", "csi-provisioner")?)
            .args(common("csi-provisioner", &at))
            .args(RETRY)
            .args(["--extra-create-metadata"]),
        format!("http://{at}/metrics"),
    )];
    if request.options.with(Part::Snapshots) {
        let at = addresses.at(port::SIDECARS + 2 * index + 1);
        all.push((
            Program::new(
                format!("csi-snapshotter-{family}"),
                request.program("external-snapshotter", "csi-snapshotter")?,
            )
            .args(common("csi-snapshotter", &at))
            .args(RETRY)
            .args(["--extra-create-metadata"]),
            format!("http://{at}/metrics"),
        ));
    }
    Ok(all)
}

/// The files with the snapshot CRDs.
pub(crate) fn definitions(request: &Request) -> Result<Vec<String>> {
    let folder = request.program("external-snapshotter", "crd")?;
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        // The list of the files is no object.
        if path.file_name().is_some_and(|name| name != "kustomization.yaml") {
            files.push(path.display().to_string());
        }
    }
    Ok(files)
}

/// Service accounts of the components above, in `kube-system`.
pub(crate) const ACCOUNTS: [&str; 3] = ["snapshot-controller", "csi-provisioner", "csi-snapshotter"];

/// Drivers, storage classes, and accounts for the components.
pub(crate) fn objects() -> Vec<Value> {
    let mut all = Vec::new();
    for account in ACCOUNTS {
        all.push(json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": { "name": account, "namespace": "kube-system" },
        }));
    }
    let subjects: Vec<Value> = ACCOUNTS
        .iter()
        .map(|account| json!({ "kind": "ServiceAccount", "name": account, "namespace": "kube-system" }))
        .collect();
    all.push(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": { "name": "test-cluster-storage" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
        "subjects": subjects,
    }));
    for family in FAMILIES {
        all.push(json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver",
            "metadata": { "name": driver_name(family) },
            "spec": { "attachRequired": false, "podInfoOnMount": false, "fsGroupPolicy": "None" },
        }));
        all.push(storage_class(&format!("test-{family}-std"), family, "Immediate"));
    }
    all.push(storage_class("test-block-wait", "block", "WaitForFirstConsumer"));
    all
}

fn storage_class(name: &str, family: &str, binding: &str) -> Value {
    json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": { "name": name },
        "provisioner": driver_name(family),
        "volumeBindingMode": binding,
        "allowVolumeExpansion": false,
        "reclaimPolicy": "Delete",
    })
}

/// Snapshot classes; their CRDs must be there.
pub(crate) fn snapshot_classes() -> Vec<Value> {
    FAMILIES
        .iter()
        .map(|family| {
            json!({
                "apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotClass",
                "metadata": {
                    "name": format!("{family}-snapshot"),
                    // Velero takes only classes that say so.
                    "labels": { "velero.io/csi-volumesnapshot-class": "true" },
                },
                "driver": driver_name(family),
                "deletionPolicy": "Delete",
            })
        })
        .collect()
}

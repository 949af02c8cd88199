//! What is in the cluster when the cases are tried. Nobody runs Velero there: what is written stays as it is.

use e2e_tests::{Claim, TestCluster};
use serde_json::{Value, json};

/// Where most cases are tried.
pub const NAMESPACE: &str = "parity";
/// Where a provider has several volume snapshot locations, which every backup there must choose from.
const LOCATIONS: &str = "parity-locations";
/// Where the webhook may read ConfigMaps, as with its component `velero-config-maps`.
const MAPS: &str = "parity-maps";

/// A storage class of directories, by its name one of those whose snapshots are of class `block-snapshot`.
const DIRECTORIES: &str = "parity-block-directories";

/// Makes all of it.
pub fn make(cluster: &TestCluster) {
    for namespace in [NAMESPACE, LOCATIONS, MAPS] {
        cluster.kubectl(&["create", "namespace", namespace]);
        make_velero(cluster, namespace);
    }
    for (name, class) in [("disk", "test-block-std"), ("share", "test-files-std")] {
        cluster.create(&Claim::manifest(NAMESPACE, name, class));
        cluster.wait_for(NAMESPACE, &format!("pvc/{name}"), "jsonpath={.status.phase}=Bound", 60);
    }
    cluster.create(&directories().to_string());
    for (name, class) in [("shelf", ""), ("rack", DIRECTORIES)] {
        for mut object in Claim::in_node_directory(NAMESPACE, name, "/nonexistent") {
            object["spec"]["storageClassName"] = json!(class);
            cluster.create(&object.to_string());
        }
        cluster.wait_for(NAMESPACE, &format!("pvc/{name}"), "jsonpath={.status.phase}=Bound", 60);
    }
    let request = velero(NAMESPACE, "DeleteBackupRequest", "too-early", &json!({"backupName": "backup-lock-late"}));
    cluster.create(&request.to_string());
    for name in ["east", "west"] {
        let location = velero(LOCATIONS, "VolumeSnapshotLocation", name, &json!({"provider": "aws"}));
        cluster.create(&location.to_string());
    }
    for object in maps().into_iter().chain(rights()) {
        cluster.create(&object.to_string());
    }
}

/// Locations, and a backup in each of them.
fn make_velero(cluster: &TestCluster, namespace: &str) {
    let locations = [
        // As in any namespace of a Velero that works: lint, which asks no cluster, says nothing of locations.
        ("default", "ReadWrite", "Available"),
        ("archive", "ReadOnly", "Available"),
        ("down", "ReadWrite", "Unavailable"),
    ];
    for (name, mode, phase) in locations {
        let spec = json!({"provider": "aws", "default": name == "default", "accessMode": mode,
            "objectStorage": {"bucket": "parity"}});
        let mut location = velero(namespace, "BackupStorageLocation", name, &spec);
        location["status"] = json!({"phase": phase});
        cluster.create(&location.to_string());
    }
    let locked = json!({"kubectl-backup.dev/locked-until": "2999-01-01T00:00:00Z"});
    // Velero does not tell the data of these two apart: their label has the same value.
    let (long, namesake) = ("p".repeat(64), format!("{}153ac9", "p".repeat(57)));
    // As Velero labels backups of a schedule whose name is 64 times "d".
    let of_long = format!("{}d91323", "d".repeat(57));
    for (name, location, schedule, annotations) in [
        ("done", "default", "daily", json!({})),
        ("of-long", "default", &*of_long, json!({})),
        (&*namesake, "default", "daily", json!({})),
        (&*long, "away", "daily", locked.clone()),
        ("in-archive", "archive", "daily", json!({})),
        ("in-down", "down", "daily", json!({})),
        ("locked", "kept", "daily", locked),
    ] {
        let mut backup = velero(namespace, "Backup", name, &json!({"storageLocation": location}));
        backup["metadata"]["annotations"] = annotations;
        backup["metadata"]["labels"] = json!({"velero.io/schedule-name": schedule});
        backup["status"] = json!({"phase": "Completed"});
        cluster.create(&backup.to_string());
    }
}

fn directories() -> Value {
    json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": DIRECTORIES},
        "provisioner": "kubernetes.io/no-provisioner",
    })
}

fn velero(namespace: &str, kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "velero.io/v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec,
    })
}

/// What backups and restores name.
fn maps() -> Vec<Value> {
    let policy = "version: v1\nvolumePolicies:\n- conditions: {storageClass: [fast]}\n  action: {type: ";
    let modifier = "version: v1\nresourceModifierRules:\n- conditions: {groupResource: pods}\n  patches: [{operation: ";
    let texts = [
        ("sound-policy", format!("{policy}skip}}\n")),
        ("unsound-policy", format!("{policy}forget}}\n")),
        ("sound-modifier", format!("{modifier}remove, path: /spec/nodeName}}]\n")),
        ("unsound-modifier", format!("{modifier}forget, path: /spec/nodeName}}]\n")),
    ];
    let map = |(name, text): &(&str, String)| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": MAPS}, "data": {"it": text},
        })
    };
    texts.iter().map(map).collect()
}

/// Those of the component.
fn rights() -> [Value; 2] {
    let metadata = json!({"name": "backup-webhook", "namespace": MAPS});
    let group = "rbac.authorization.k8s.io";
    [
        json!({
            "apiVersion": format!("{group}/v1"), "kind": "Role", "metadata": metadata,
            "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}],
        }),
        json!({
            "apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "backup-webhook"},
            "subjects": [
                {"kind": "ServiceAccount", "name": "backup-webhook", "namespace": "kubectl-backup-system"},
            ],
        }),
    ]
}

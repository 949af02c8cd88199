//! A claim with bytes in it. In the control-plane profile there are no pods: the test writes where the CSI driver keeps
//! the volume's files.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use crate::Namespace;

/// A PersistentVolumeClaim of a test.
pub struct Claim<'a> {
    namespace: &'a Namespace<'a>,
    name: String,
    family: &'static str,
}

impl<'a> Claim<'a> {
    /// Makes a claim of storage class `test-block-std` and waits until it is bound.
    #[track_caller]
    pub fn block(namespace: &'a Namespace<'a>, name: &str) -> Self {
        Self::bound(namespace, name, "block")
    }

    /// Makes a claim of storage class `test-files-std` and waits until it is bound.
    #[track_caller]
    pub fn files(namespace: &'a Namespace<'a>, name: &str) -> Self {
        Self::bound(namespace, name, "files")
    }

    /// A claim that something else made, of the storage family `block` or `files`.
    pub fn existing(namespace: &'a Namespace<'a>, name: &str, family: &'static str) -> Self {
        Self { namespace, name: name.into(), family }
    }

    #[track_caller]
    fn bound(namespace: &'a Namespace<'a>, name: &str, family: &'static str) -> Self {
        namespace.cluster().create(&Self::manifest(namespace.name(), name, &format!("test-{family}-std")));
        namespace.cluster().wait_for(namespace.name(), &format!("pvc/{name}"), "jsonpath={.status.phase}=Bound", 120);
        Self { namespace, name: name.into(), family }
    }

    /// The manifest of a claim of 64 MiB.
    pub fn manifest(namespace: &str, name: &str, storage_class: &str) -> String {
        format!(
            r#"{{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{{"name":"{name}","namespace":"{namespace}"}},
            "spec":{{"accessModes":["ReadWriteOnce"],"storageClassName":"{storage_class}","resources":{{"requests":{{"storage":"64Mi"}}}}}}}}"#
        )
    }

    /// The manifests of a claim and of its volume, which is a directory of the node.
    pub fn in_node_directory(namespace: &str, name: &str, path: &str) -> [Value; 2] {
        let volume = format!("{namespace}-{name}");
        let capacity = json!({"storage": "64Mi"});
        [
            json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume}, "spec": {
                "capacity": capacity, "accessModes": ["ReadWriteOnce"], "storageClassName": "",
                "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": path, "type": "DirectoryOrCreate"},
                "claimRef": {"namespace": namespace, "name": name},
            }}),
            json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "volumeName": volume,
                    "resources": {"requests": capacity}}}),
        ]
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes a file into the volume.
    #[track_caller]
    pub fn write(&self, file: &str, bytes: &[u8]) {
        let path = self.folder().join(file);
        fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Reads a file of the volume.
    #[track_caller]
    pub fn read(&self, file: &str) -> Vec<u8> {
        let path = self.folder().join(file);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    #[track_caller]
    fn folder(&self) -> PathBuf {
        let volume = self.namespace.kubectl(&["get", "pvc", &self.name, "-o", "jsonpath={.spec.volumeName}"]);
        let cluster = self.namespace.cluster();
        let handle = cluster.kubectl(&["get", "pv", volume.trim(), "-o", "jsonpath={.spec.csi.volumeHandle}"]);
        cluster.cluster().state_dir().join("csi").join(self.family).join("volumes").join(handle.trim()).join("data")
    }
}

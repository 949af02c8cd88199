//! Which CSI driver holds a claim's data.

use k8s_openapi::api::{core::v1::PersistentVolume, storage::v1::StorageClass};

/// What holds the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provisioned {
    /// A CSI driver, by name.
    ByCsi(String),
    /// Something that CSI snapshots do not reach, in words.
    Otherwise(String),
    /// Neither the volume nor the storage class may be read, or neither exists.
    Unknown,
}

/// Returns what holds the data of a volume.
pub fn of_volume(volume: &PersistentVolume) -> Provisioned {
    let Some(spec) = &volume.spec else { return Provisioned::Unknown };
    if let Some(csi) = &spec.csi {
        return Provisioned::ByCsi(csi.driver.clone());
    }
    // Every other volume source stands in the spec under its own name.
    let sources = [
        (spec.nfs.is_some(), "NFS"),
        (spec.host_path.is_some(), "hostPath"),
        (spec.local.is_some(), "local"),
        (spec.iscsi.is_some(), "iSCSI"),
        (spec.fc.is_some(), "Fibre Channel"),
        (spec.flex_volume.is_some(), "FlexVolume"),
    ];
    let source = sources.iter().find(|(is, _)| *is).map_or("in-tree", |(_, name)| *name);
    Provisioned::Otherwise(format!("volume {:?} is a {source} volume", volume.metadata.name.as_deref().unwrap_or("")))
}

/// Returns what makes the volumes of a storage class.
pub fn of_class(class: &StorageClass) -> Provisioned {
    if class.provisioner.starts_with("kubernetes.io/") {
        return Provisioned::Otherwise(format!(
            "storage class {:?} is not of a CSI driver (provisioner {})",
            class.metadata.name.as_deref().unwrap_or(""),
            class.provisioner
        ));
    }
    Provisioned::ByCsi(class.provisioner.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn volume(source: &serde_json::Value) -> PersistentVolume {
        serde_json::from_value(json!({"metadata": {"name": "pv1"}, "spec": source})).unwrap()
    }

    #[test]
    fn the_volume_tells_its_driver() {
        assert_eq!(
            of_volume(&volume(&json!({"csi": {"driver": "csi.test", "volumeHandle": "h"}}))),
            Provisioned::ByCsi("csi.test".into())
        );
        assert_eq!(
            of_volume(&volume(&json!({"nfs": {"path": "/", "server": "s"}}))),
            Provisioned::Otherwise("volume \"pv1\" is a NFS volume".into())
        );
    }

    #[test]
    fn classes_of_kubernetes_itself_have_no_driver() {
        let class = |provisioner: &str| -> StorageClass {
            serde_json::from_value(json!({"metadata": {"name": "fast"}, "provisioner": provisioner})).unwrap()
        };
        assert_eq!(of_class(&class("csi.test")), Provisioned::ByCsi("csi.test".into()));
        assert!(matches!(of_class(&class("kubernetes.io/no-provisioner")), Provisioned::Otherwise(_)));
    }
}

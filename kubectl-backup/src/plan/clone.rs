//! From a claim to a clone of it, or to the reason why there can be none.

use std::collections::BTreeMap;

use backup_api::claim::storage_class_of;
use k8s_openapi::{
    api::{
        core::v1::{
            PersistentVolumeClaim, PersistentVolumeClaimSpec, TypedLocalObjectReference, VolumeResourceRequirements,
        },
        storage::v1::StorageClass,
    },
    apimachinery::pkg::{api::resource::Quantity as Amount, apis::meta::v1::ObjectMeta},
};

use crate::{
    error::{CliError, Result},
    plan::{
        provisioned::Provisioned,
        quantity::{Quantity, QuantityError},
    },
};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The claim to create.
    pub target: &'a str,
    /// Its storage class, when named.
    pub storage_class: Option<&'a str>,
    /// Its size, when named.
    pub size: Option<&'a str>,
    /// Its access modes, when named.
    pub access_modes: &'a [String],
}

/// What is known.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The claim to clone, bound.
    pub source: &'a PersistentVolumeClaim,
    /// What holds its data.
    pub provisioned: &'a Provisioned,
    /// The cluster's storage classes; `None` when they may not be listed.
    pub classes: Option<&'a [StorageClass]>,
}

/// Plans the new claim: of the same namespace, driver and volume mode, and at least as large, as CSI demands.
///
/// # Errors
/// When the volume cannot be cloned, or the class or the size does not fit.
pub fn plan(request: &Request<'_>, facts: &Facts<'_>) -> Result<PersistentVolumeClaim> {
    let source = facts.source;
    let name = source.metadata.name.as_deref().unwrap_or_default();
    if let Provisioned::Otherwise(reason) = facts.provisioned {
        return Err(CliError::new(format!(
            "PVC {name:?} cannot be cloned: {reason}, and only CSI drivers clone volumes"
        ))
        .hint("Save it and restore it elsewhere instead: kubectl backup create --volumes annotated"));
    }
    let class = class(request, facts)?;
    let of_source = source.spec.as_ref();
    let access_modes = if request.access_modes.is_empty() {
        of_source.and_then(|spec| spec.access_modes.clone())
    } else {
        Some(request.access_modes.to_vec())
    };
    let spec = PersistentVolumeClaimSpec {
        access_modes,
        storage_class_name: Some(class),
        volume_mode: of_source.and_then(|spec| spec.volume_mode.clone()),
        resources: Some(VolumeResourceRequirements {
            requests: Some(BTreeMap::from([("storage".to_owned(), Amount(size(request, source)?))])),
            ..VolumeResourceRequirements::default()
        }),
        data_source: Some(TypedLocalObjectReference {
            api_group: None,
            kind: "PersistentVolumeClaim".to_owned(),
            name: name.to_owned(),
        }),
        ..PersistentVolumeClaimSpec::default()
    };
    let metadata = ObjectMeta {
        name: Some(request.target.to_owned()),
        namespace: source.metadata.namespace.clone(),
        ..ObjectMeta::default()
    };
    Ok(PersistentVolumeClaim { metadata, spec: Some(spec), status: None })
}

fn class(request: &Request<'_>, facts: &Facts<'_>) -> Result<String> {
    let Some(named) = request.storage_class.or_else(|| storage_class_of(facts.source)) else {
        return Err(CliError::new("the PVC names no storage class, so that none is known for the clone")
            .hint("Name one of the volume's own driver with --storage-class."));
    };
    let Some(classes) = facts.classes else { return Ok(named.to_owned()) };
    let driver = match facts.provisioned {
        Provisioned::ByCsi(driver) => Some(driver.as_str()),
        Provisioned::Otherwise(_) | Provisioned::Unknown => None,
    };
    let fitting: Vec<&str> = classes
        .iter()
        .filter(|class| driver.is_none_or(|driver| class.provisioner == driver))
        .filter_map(|class| class.metadata.name.as_deref())
        .collect();
    let hint = match fitting.as_slice() {
        [] => "See the storage classes with: kubectl get storageclasses".to_owned(),
        names => format!("Storage classes that fit: {}. Name one with --storage-class.", names.join(", ")),
    };
    match (classes.iter().find(|class| class.metadata.name.as_deref() == Some(named)), driver) {
        (None, _) => Err(CliError::new(format!("storage class {named:?} does not exist")).hint(hint)),
        (Some(class), Some(driver)) if class.provisioner != driver => Err(CliError::new(format!(
            "storage class {named:?} is for driver {}, but the volume lies with driver {driver}: a volume is cloned by its own driver",
            class.provisioner
        ))
        .hint(hint)),
        (Some(_), _) => Ok(named.to_owned()),
    }
}

/// The named size, else the greater of what the source has and what it asked for.
fn size(request: &Request<'_>, source: &PersistentVolumeClaim) -> Result<String> {
    let storage = |amounts: Option<&BTreeMap<String, Amount>>| amounts?.get("storage").map(|amount| amount.0.clone());
    let has = storage(source.status.as_ref().and_then(|status| status.capacity.as_ref()));
    let asked = storage(source.spec.as_ref().and_then(|spec| spec.resources.as_ref()?.requests.as_ref()));
    let sizes: Vec<(Quantity, String)> = has.into_iter().chain(asked).map(parse).collect::<Result<_>>()?;
    let least = sizes.into_iter().max_by(|a, b| a.0.cmp(&b.0));
    let Some(named) = request.size else {
        return least
            .map(|(_, text)| text)
            .ok_or_else(|| CliError::new("the size of the PVC is not known").hint("Name one with --size."));
    };
    match (parse(named.to_owned())?, least) {
        ((size, _), Some((least, text))) if size < least => {
            Err(CliError::new(format!("--size {named} is less than the PVC has: a clone is at least as large"))
                .hint(format!("Leave --size away or give at least {text}.")))
        }
        ((_, text), _) => Ok(text),
    }
}

fn parse(text: String) -> Result<(Quantity, String)> {
    let size = text.parse().map_err(|error: QuantityError| CliError::new(error.to_string()))?;
    Ok((size, text))
}

/// What is said of a clone whose storage class waits for the first pod.
pub fn not_yet(source: &str, target: &str) -> String {
    format!(
        "PVC {target} holds nothing yet: its storage class makes the volume when the first pod uses it, and copies PVC {source} as it is then. Keep {source} until {target} is bound; snapshot {source} to have it as it is now"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn source() -> PersistentVolumeClaim {
        serde_json::from_value(json!({
            "metadata": {"name": "data", "namespace": "shop", "labels": {"app": "web"}},
            "spec": {"storageClassName": "fast", "accessModes": ["ReadWriteOnce"], "volumeMode": "Block",
                     "resources": {"requests": {"storage": "1Gi"}}},
            "status": {"phase": "Bound", "capacity": {"storage": "2Gi"}},
        }))
        .unwrap()
    }

    fn planned(request: &Request<'_>, provisioned: &Provisioned) -> String {
        let class = |name: &str, driver: &str| -> StorageClass {
            serde_json::from_value(json!({"metadata": {"name": name}, "provisioner": driver})).unwrap()
        };
        let classes = [class("fast", "csi.test"), class("slow", "csi.test"), class("other", "csi.other")];
        let source = source();
        match plan(request, &Facts { source: &source, provisioned, classes: Some(&classes) }) {
            Ok(claim) => serde_json::to_string(&claim).unwrap(),
            Err(error) => format!("{}\n{}", error.message, error.hints.join("\n")),
        }
    }

    #[test]
    fn a_clone_is_like_its_source_and_at_least_as_large() {
        let request = Request { target: "copy", storage_class: None, size: None, access_modes: &[] };
        let csi = Provisioned::ByCsi("csi.test".into());
        insta::assert_snapshot!(planned(&request, &csi), @r#"{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"copy","namespace":"shop"},"spec":{"accessModes":["ReadWriteOnce"],"dataSource":{"kind":"PersistentVolumeClaim","name":"data"},"resources":{"requests":{"storage":"2Gi"}},"storageClassName":"fast","volumeMode":"Block"}}"#);
        insta::assert_snapshot!(planned(&Request { size: Some("1Gi"), ..request }, &csi), @r"
        --size 1Gi is less than the PVC has: a clone is at least as large
        Leave --size away or give at least 2Gi.
        ");
        assert!(planned(&Request { size: Some("3Gi"), ..request }, &csi).contains(r#""storage":"3Gi""#));
        insta::assert_snapshot!(planned(&Request { storage_class: Some("other"), ..request }, &csi), @r#"
        storage class "other" is for driver csi.other, but the volume lies with driver csi.test: a volume is cloned by its own driver
        Storage classes that fit: fast, slow. Name one with --storage-class.
        "#);
        insta::assert_snapshot!(planned(&Request { storage_class: Some("none"), ..request }, &csi), @r#"
        storage class "none" does not exist
        Storage classes that fit: fast, slow. Name one with --storage-class.
        "#);
        assert!(planned(&Request { storage_class: Some("slow"), ..request }, &csi).contains(r#""slow""#));
        insta::assert_snapshot!(planned(&request, &Provisioned::Otherwise("volume \"v\" is a hostPath volume".into())), @r#"
        PVC "data" cannot be cloned: volume "v" is a hostPath volume, and only CSI drivers clone volumes
        Save it and restore it elsewhere instead: kubectl backup create --volumes annotated
        "#);
    }
}

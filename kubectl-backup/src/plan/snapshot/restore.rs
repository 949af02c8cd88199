//! From a snapshot and what is known of its source to the claim to create.

use std::collections::BTreeMap;

use backup_api::{
    claim::storage_class_of,
    labels,
    snapshot::{VolumeSnapshot, VolumeSnapshotContent},
};
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
    plan::quantity::Quantity,
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
    /// The snapshot.
    pub snapshot: &'a VolumeSnapshot,
    /// Its content, when it may be read.
    pub content: Option<&'a VolumeSnapshotContent>,
    /// The claim of the name that the snapshot was taken of, when there is one: it only tells what the snapshot does not.
    pub source: Option<&'a PersistentVolumeClaim>,
    /// The cluster's storage classes; `None` when they may not be listed.
    pub classes: Option<&'a [StorageClass]>,
}

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The object to create.
    pub claim: PersistentVolumeClaim,
    /// What was assumed for want of facts, for the user.
    pub remarks: Vec<String>,
}

/// The access mode when neither the source nor the snapshot tells.
const USUAL_ACCESS_MODE: &str = "ReadWriteOnce";

/// Plans the claim.
///
/// # Errors
/// When the snapshot is not ready, the class or the size does not fit, or something cannot be known.
pub fn plan(request: &Request<'_>, facts: &Facts<'_>) -> Result<Plan> {
    check_ready(facts.snapshot)?;
    let facts = &Facts { source: facts.source.filter(|claim| is_source(claim, facts.snapshot)), ..*facts };
    let mut remarks = Vec::new();
    let storage_class = storage_class(request, facts, &mut remarks)?;
    let access_modes = access_modes(request, facts, &mut remarks);
    let size = size(request, facts)?;
    let of_content = facts.content.and_then(|content| content.spec.source_volume_mode.clone());
    let volume_mode = of_content.or_else(|| facts.source?.spec.as_ref()?.volume_mode.clone());
    let metadata = ObjectMeta {
        name: Some(request.target.to_owned()),
        namespace: facts.snapshot.metadata.namespace.clone(),
        ..ObjectMeta::default()
    };
    let spec = PersistentVolumeClaimSpec {
        access_modes: Some(access_modes),
        storage_class_name: Some(storage_class),
        volume_mode,
        resources: Some(VolumeResourceRequirements {
            requests: Some(BTreeMap::from([("storage".to_owned(), Amount(size))])),
            ..VolumeResourceRequirements::default()
        }),
        data_source: Some(TypedLocalObjectReference {
            api_group: Some("snapshot.storage.k8s.io".to_owned()),
            kind: "VolumeSnapshot".to_owned(),
            name: name(facts.snapshot).to_owned(),
        }),
        ..PersistentVolumeClaimSpec::default()
    };
    Ok(Plan { claim: PersistentVolumeClaim { metadata, spec: Some(spec), status: None }, remarks })
}

fn name(snapshot: &VolumeSnapshot) -> &str {
    snapshot.metadata.name.as_deref().unwrap_or_default()
}

/// A claim that is younger than the snapshot only has the name of the one that it was taken of.
fn is_source(claim: &PersistentVolumeClaim, snapshot: &VolumeSnapshot) -> bool {
    match (&claim.metadata.creation_timestamp, &snapshot.metadata.creation_timestamp) {
        (Some(claim), Some(snapshot)) => claim.0 <= snapshot.0,
        _ => true,
    }
}

fn annotation<'a>(snapshot: &'a VolumeSnapshot, key: &str) -> Option<&'a str> {
    snapshot.metadata.annotations.as_ref()?.get(key).map(String::as_str).filter(|value| !value.is_empty())
}

fn check_ready(snapshot: &VolumeSnapshot) -> Result<()> {
    let name = name(snapshot);
    let namespace = snapshot.metadata.namespace.as_deref().unwrap_or_default();
    let subject = format!("VolumeSnapshot {name:?} in namespace {namespace:?}");
    let look = format!("Look with: kubectl backup snapshot describe {name} -n {namespace}");
    if snapshot.metadata.deletion_timestamp.is_some() {
        return Err(CliError::new(format!("{subject} is being deleted: nothing can be restored from it")).hint(look));
    }
    let status = snapshot.status.as_ref();
    if status.is_some_and(|status| status.ready_to_use == Some(true)) {
        return Ok(());
    }
    let why = match status.and_then(|status| status.error.as_ref()?.message.as_deref()) {
        Some(message) => format!(": {message}"),
        None => " yet".to_owned(),
    };
    Err(CliError::new(format!("{subject} is not ready to be restored from{why}")).hint(look))
}

fn storage_class(request: &Request<'_>, facts: &Facts<'_>, remarks: &mut Vec<String>) -> Result<String> {
    let driver = facts.content.map(|content| content.spec.driver.as_str());
    let remembered = annotation(facts.snapshot, labels::SOURCE_STORAGE_CLASS);
    let known = request.storage_class.or(remembered).or_else(|| facts.source.and_then(storage_class_of));
    let fitting: Vec<&str> = facts
        .classes
        .unwrap_or_default()
        .iter()
        .filter(|class| driver.is_some_and(|driver| class.provisioner == driver))
        .filter_map(|class| class.metadata.name.as_deref())
        .collect();
    let candidates = || match (fitting.as_slice(), driver) {
        ([], _) => "See the storage classes with: kubectl get storageclasses".to_owned(),
        (names, _) => format!("Storage classes that fit: {}. Name one with --storage-class.", names.join(", ")),
    };
    let Some(known) = known else {
        let cannot = |why: &str| {
            CliError::new(format!(
                "the storage class of VolumeSnapshot {:?} is not known: its PVC is gone, and {why}",
                name(facts.snapshot)
            ))
        };
        return match (fitting.as_slice(), driver) {
            ([only], Some(driver)) => {
                remarks
                    .push(format!("the source PVC is gone: using {only:?}, the only storage class of driver {driver}"));
                Ok((*only).to_owned())
            }
            ([], Some(driver)) => Err(cannot(&format!("no storage class of driver {driver} was found"))
                .hint("Name one with --storage-class.")),
            (_, Some(driver)) => Err(cannot(&format!("driver {driver} has several")).hint(candidates())),
            (_, None) => Err(cannot("the snapshot's content may not be read").hint("Name one with --storage-class.")),
        };
    };
    let Some(classes) = facts.classes else { return Ok(known.to_owned()) };
    let Some(class) = classes.iter().find(|class| class.metadata.name.as_deref() == Some(known)) else {
        return Err(CliError::new(format!("storage class {known:?} does not exist")).hint(candidates()));
    };
    match driver {
        Some(driver) if class.provisioner != driver => Err(CliError::new(format!(
            "storage class {known:?} is for driver {}, but the snapshot lies with driver {driver}: a snapshot is restored by its own driver",
            class.provisioner
        ))
        .hint(candidates())),
        _ => Ok(known.to_owned()),
    }
}

fn access_modes(request: &Request<'_>, facts: &Facts<'_>, remarks: &mut Vec<String>) -> Vec<String> {
    if !request.access_modes.is_empty() {
        return request.access_modes.to_vec();
    }
    if let Some(modes) = annotation(facts.snapshot, labels::SOURCE_ACCESS_MODES) {
        return modes.split(',').map(str::to_owned).collect();
    }
    let of_source = facts.source.and_then(|claim| claim.spec.as_ref()?.access_modes.clone());
    if let Some(modes) = of_source.filter(|modes| !modes.is_empty()) {
        return modes;
    }
    remarks
        .push(format!("the source PVC is gone: using access mode {USUAL_ACCESS_MODE} (--access-mode names another)"));
    vec![USUAL_ACCESS_MODE.to_owned()]
}

/// The named size, else the greatest of what the source asked for and what the snapshot needs.
fn size(request: &Request<'_>, facts: &Facts<'_>) -> Result<String> {
    let of_content =
        facts.content.and_then(|content| content.status.as_ref()?.restore_size).map(|bytes| bytes.to_string());
    let of_snapshot = facts.snapshot.status.as_ref().and_then(|status| status.restore_size.as_ref());
    let needed = of_snapshot.map(|size| size.0.clone()).or(of_content);
    let needed = needed.as_deref().map(parse).transpose()?;
    if let Some(named) = request.size {
        let (size, _) = parse(named)?;
        return match needed {
            Some((least, text)) if size < least => Err(CliError::new(format!(
                "--size {named} is less than the snapshot needs: VolumeSnapshot {:?} restores to {text}",
                name(facts.snapshot)
            ))
            .hint(format!("Leave --size away or give at least {text}."))),
            _ => Ok(named.to_owned()),
        };
    }
    let of_source = facts.source.and_then(|claim| {
        let requests = claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?;
        requests.get("storage").map(|size| size.0.as_str())
    });
    let asked = annotation(facts.snapshot, labels::SOURCE_SIZE).or(of_source).map(parse).transpose()?;
    let largest = needed.into_iter().chain(asked).max_by(|a, b| a.0.cmp(&b.0));
    largest.map(|(_, text)| text).ok_or_else(|| {
        CliError::new(format!(
            "the size of VolumeSnapshot {:?} is not known: its driver does not tell and its PVC is gone",
            name(facts.snapshot)
        ))
        .hint("Name one with --size, at least that of the volume that was snapshotted.")
    })
}

fn parse(text: &str) -> Result<(Quantity, String)> {
    let size = text.parse().map_err(|error: crate::plan::quantity::QuantityError| CliError::new(error.to_string()))?;
    Ok((size, text.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn snapshot(annotations: impl Into<Value>, status: impl Into<Value>) -> VolumeSnapshot {
        let (annotations, status) = (annotations.into(), status.into());
        serde_json::from_value(json!({
            "apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
            "metadata": {"name": "s1", "namespace": "shop", "annotations": annotations},
            "spec": {"source": {"persistentVolumeClaimName": "web"}}, "status": status,
        }))
        .unwrap()
    }

    fn ready() -> VolumeSnapshot {
        snapshot(json!({}), json!({"readyToUse": true, "restoreSize": "2Gi"}))
    }

    fn remembering() -> VolumeSnapshot {
        snapshot(
            json!({labels::SOURCE_STORAGE_CLASS: "block", labels::SOURCE_ACCESS_MODES: "ReadWriteMany,ReadOnlyMany", labels::SOURCE_SIZE: "3Gi"}),
            json!({"readyToUse": true, "restoreSize": "2Gi"}),
        )
    }

    fn content() -> VolumeSnapshotContent {
        serde_json::from_value(json!({
            "apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotContent", "metadata": {"name": "c1"},
            "spec": {"driver": "csi.test", "sourceVolumeMode": "Block"},
        }))
        .unwrap()
    }

    fn source() -> PersistentVolumeClaim {
        serde_json::from_value(json!({
            "metadata": {"name": "web"},
            "spec": {"storageClassName": "block", "accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem",
                     "resources": {"requests": {"storage": "1.5Gi"}}},
        }))
        .unwrap()
    }

    fn class(name: &str, driver: &str) -> StorageClass {
        serde_json::from_value(json!({"metadata": {"name": name}, "provisioner": driver})).unwrap()
    }

    fn request() -> Request<'static> {
        Request { target: "new", storage_class: None, size: None, access_modes: &[] }
    }

    fn planned(request: &Request<'_>, facts: &Facts<'_>) -> String {
        match plan(request, facts) {
            Ok(plan) => {
                let spec = plan.claim.spec.unwrap();
                let size = &spec.resources.unwrap().requests.unwrap()["storage"];
                format!(
                    "{} {} {} {}{}",
                    spec.storage_class_name.unwrap(),
                    spec.access_modes.unwrap().join(","),
                    spec.volume_mode.unwrap_or_default(),
                    size.0,
                    plan.remarks.iter().map(|remark| format!(" | {remark}")).collect::<String>()
                )
            }
            Err(error) => format!("{} | {}", error.message, error.hints.join(" | ")),
        }
    }

    #[test]
    fn the_claim_is_like_its_source_and_names_the_snapshot() {
        let (snapshot, content, source, classes) = (ready(), content(), source(), [class("block", "csi.test")]);
        let facts =
            Facts { snapshot: &snapshot, content: Some(&content), source: Some(&source), classes: Some(&classes) };
        let plan = plan(&request(), &facts).unwrap();
        insta::assert_snapshot!(serde_json::to_string(&plan.claim).unwrap(), @r#"{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"new","namespace":"shop"},"spec":{"accessModes":["ReadWriteOnce"],"dataSource":{"apiGroup":"snapshot.storage.k8s.io","kind":"VolumeSnapshot","name":"s1"},"resources":{"requests":{"storage":"2Gi"}},"storageClassName":"block","volumeMode":"Block"}}"#);
        assert!(plan.remarks.is_empty());
    }

    #[test]
    fn the_snapshots_own_notes_come_before_a_claim_of_the_same_name() {
        let (content, source) = (content(), source());
        let mut namesake = source.clone();
        namesake.spec.as_mut().unwrap().storage_class_name = Some("other".into());
        namesake.spec.as_mut().unwrap().resources =
            serde_json::from_value(json!({"requests": {"storage": "9Gi"}})).unwrap();
        let classes = [class("block", "csi.test"), class("other", "csi.other")];
        let with = |snapshot: &VolumeSnapshot, source: &PersistentVolumeClaim| {
            let facts = Facts { snapshot, content: Some(&content), source: Some(source), classes: Some(&classes) };
            planned(&request(), &facts)
        };
        insta::assert_snapshot!(with(&remembering(), &namesake), @"block ReadWriteMany,ReadOnlyMany Block 3Gi");
        // A snapshot without notes: a claim that was made after it is not the one that it was taken of.
        let at = |second: u32| serde_json::from_value(json!(format!("2026-11-21T08:00:0{second}Z"))).unwrap();
        let mut silent = ready();
        silent.metadata.creation_timestamp = at(5);
        namesake.metadata.creation_timestamp = at(6);
        insta::assert_snapshot!(with(&silent, &namesake), @r#"block ReadWriteOnce Block 2Gi | the source PVC is gone: using "block", the only storage class of driver csi.test | the source PVC is gone: using access mode ReadWriteOnce (--access-mode names another)"#);
        let mut older = source;
        older.metadata.creation_timestamp = at(5);
        insta::assert_snapshot!(with(&silent, &older), @"block ReadWriteOnce Block 2Gi");
    }

    #[test]
    fn without_its_source_the_snapshots_own_notes_are_taken_then_the_drivers_only_class() {
        let content = content();
        let classes = [class("block", "csi.test"), class("other", "csi.other")];
        let with =
            |snapshot: &VolumeSnapshot, content: Option<&VolumeSnapshotContent>, classes: Option<&[StorageClass]>| {
                planned(&request(), &Facts { snapshot, content, source: None, classes })
            };
        insta::assert_snapshot!(with(&remembering(), Some(&content), Some(&classes)), @"block ReadWriteMany,ReadOnlyMany Block 3Gi");
        insta::assert_snapshot!(with(&ready(), Some(&content), Some(&classes)), @r#"block ReadWriteOnce Block 2Gi | the source PVC is gone: using "block", the only storage class of driver csi.test | the source PVC is gone: using access mode ReadWriteOnce (--access-mode names another)"#);
        let two = [class("a", "csi.test"), class("b", "csi.test")];
        insta::assert_snapshot!(with(&ready(), Some(&content), Some(&two)), @r#"the storage class of VolumeSnapshot "s1" is not known: its PVC is gone, and driver csi.test has several | Storage classes that fit: a, b. Name one with --storage-class."#);
        insta::assert_snapshot!(with(&ready(), None, Some(&two)), @r#"the storage class of VolumeSnapshot "s1" is not known: its PVC is gone, and the snapshot's content may not be read | Name one with --storage-class."#);
        insta::assert_snapshot!(with(&remembering(), Some(&content), Some(&two)), @r#"storage class "block" does not exist | Storage classes that fit: a, b. Name one with --storage-class."#);
        insta::assert_snapshot!(with(&remembering(), None, None), @"block ReadWriteMany,ReadOnlyMany  3Gi");
    }

    #[test]
    fn another_drivers_class_is_refused() {
        let (snapshot, content, source) = (ready(), content(), source());
        let classes = [class("block", "csi.test"), class("other", "csi.other")];
        let facts =
            Facts { snapshot: &snapshot, content: Some(&content), source: Some(&source), classes: Some(&classes) };
        let named = Request { storage_class: Some("other"), ..request() };
        insta::assert_snapshot!(planned(&named, &facts), @r#"storage class "other" is for driver csi.other, but the snapshot lies with driver csi.test: a snapshot is restored by its own driver | Storage classes that fit: block. Name one with --storage-class."#);
    }

    #[test]
    fn the_size_is_never_less_than_the_snapshot_needs() {
        let (snapshot, source, classes) = (ready(), source(), [class("block", "csi.test")]);
        let facts = Facts { snapshot: &snapshot, content: None, source: Some(&source), classes: Some(&classes) };
        let sized = |size| planned(&Request { size: Some(size), ..request() }, &facts);
        insta::assert_snapshot!(sized("1Gi"), @r#"--size 1Gi is less than the snapshot needs: VolumeSnapshot "s1" restores to 2Gi | Leave --size away or give at least 2Gi."#);
        insta::assert_snapshot!(sized("2048Mi"), @"block ReadWriteOnce Filesystem 2048Mi");
        insta::assert_snapshot!(sized("2G"), @r#"--size 2G is less than the snapshot needs: VolumeSnapshot "s1" restores to 2Gi | Leave --size away or give at least 2Gi."#);
        insta::assert_snapshot!(sized("much"), @r#""much" is not a quantity: write a number with a unit, such as 10Gi or 500M | "#);
        let silent = snapshot_without_size();
        let facts = Facts { snapshot: &silent, content: None, source: None, classes: None };
        let named = Request { storage_class: Some("block"), ..request() };
        insta::assert_snapshot!(planned(&named, &facts), @r#"the size of VolumeSnapshot "s1" is not known: its driver does not tell and its PVC is gone | Name one with --size, at least that of the volume that was snapshotted."#);
    }

    fn snapshot_without_size() -> VolumeSnapshot {
        snapshot(json!({}), json!({"readyToUse": true}))
    }

    #[test]
    fn a_snapshot_that_is_not_ready_is_refused_with_the_reason() {
        let with = |status: Value| {
            let snapshot = snapshot(json!({}), status);
            planned(&request(), &Facts { snapshot: &snapshot, content: None, source: None, classes: None })
        };
        insta::assert_snapshot!(with(json!({"readyToUse": false, "error": {"message": "pool full"}})), @r#"VolumeSnapshot "s1" in namespace "shop" is not ready to be restored from: pool full | Look with: kubectl backup snapshot describe s1 -n shop"#);
        insta::assert_snapshot!(with(json!({})), @r#"VolumeSnapshot "s1" in namespace "shop" is not ready to be restored from yet | Look with: kubectl backup snapshot describe s1 -n shop"#);
    }
}

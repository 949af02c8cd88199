//! From a claim and what is known of it to the VolumeSnapshot to create, or to the reason why there can be none.

use std::collections::BTreeMap;

use backup_api::{
    claim::storage_class_of,
    labels,
    snapshot::{VolumeSnapshot, VolumeSnapshotClass, VolumeSnapshotSource, VolumeSnapshotSpec},
};
use backup_policy::{
    Config,
    snapshot_class::{self, Choice, NoClass, SnapshotClassFact},
};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;

use crate::{
    error::{CliError, Result},
    output::{Column, Table},
    plan::provisioned::Provisioned,
};

/// A class, and who named it.
#[derive(Clone, Copy, Debug)]
pub enum Named<'a> {
    /// The user.
    ByUser(&'a str),
    /// The cluster's admission, asked by a trial.
    ByAdmission(&'a str),
    /// Nobody yet: a dry run sends no trial, and a full quota refuses one.
    LeftOpen,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The snapshot's name.
    pub name: &'a str,
    /// Its namespace, which is the claim's.
    pub namespace: &'a str,
    /// The class that was named.
    pub class: Option<Named<'a>>,
    /// Labels for the snapshot.
    pub labels: &'a BTreeMap<String, String>,
    /// Annotations for it, beside those that a restore needs.
    pub annotations: &'a BTreeMap<String, String>,
}

/// What is known.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The claim, bound.
    pub claim: &'a PersistentVolumeClaim,
    /// What holds its data.
    pub provisioned: &'a Provisioned,
    /// The cluster's snapshot classes; `None` when they may not be listed.
    pub classes: Option<&'a [VolumeSnapshotClass]>,
}

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The object to create.
    pub snapshot: VolumeSnapshot,
    /// What led to the class, in words.
    pub why: String,
    /// The driver that takes it, where that is known.
    pub driver: Option<String>,
    /// The size of the volume.
    pub size: Option<String>,
}

/// Plans the snapshot.
///
/// # Errors
/// When the volume cannot be snapshotted or no class fits.
pub fn plan(config: &Config, request: &Request<'_>, facts: &Facts<'_>) -> Result<Plan> {
    let claim_name = facts.claim.metadata.name.as_deref().unwrap_or_default();
    let driver = match facts.provisioned {
        Provisioned::ByCsi(driver) => Some(driver.as_str()),
        Provisioned::Unknown => None,
        Provisioned::Otherwise(reason) => {
            return Err(CliError::new(format!(
                "PVC {claim_name:?} in namespace {:?} cannot be snapshotted: {reason}, and only CSI drivers take snapshots",
                request.namespace
            ))
            .hint("Save its files with Velero instead: kubectl backup create --volumes annotated"));
        }
    };
    let (class, why) = match (request.class, facts.classes) {
        (Some(Named::LeftOpen), _) => (None, "left to the cluster: its classes or its policy may not be read".into()),
        (Some(Named::ByAdmission(named)), _) => {
            (Some(named.to_owned()), "chosen by the cluster's admission webhook".into())
        }
        (Some(Named::ByUser(named)), Some(classes)) => (Some(named.to_owned()), check_named(named, driver, classes)?),
        (Some(Named::ByUser(named)), None) => (Some(named.to_owned()), "named; not checked".into()),
        (None, Some(classes)) => {
            let (class, why) = choose(config, facts.claim, driver, classes)?;
            (Some(class), why)
        }
        (None, None) => return Err(no_choice()),
    };
    let capacity = facts.claim.status.as_ref().and_then(|status| status.capacity.as_ref());
    let size = capacity.and_then(|capacity| capacity.get("storage")).map(|size| size.0.clone());
    Ok(Plan { snapshot: object(request, facts.claim, class), why, driver: driver.map(str::to_owned), size })
}

/// Returns the VolumeSnapshot; without a class, admission may fill one in.
pub fn object(request: &Request<'_>, claim: &PersistentVolumeClaim, class: Option<String>) -> VolumeSnapshot {
    let mut snapshot = VolumeSnapshot::new(
        request.name,
        VolumeSnapshotSpec {
            source: VolumeSnapshotSource {
                persistent_volume_claim_name: claim.metadata.name.clone(),
                volume_snapshot_content_name: None,
            },
            volume_snapshot_class_name: class,
        },
    );
    snapshot.metadata.namespace = Some(request.namespace.to_owned());
    snapshot.metadata.labels = (!request.labels.is_empty()).then(|| request.labels.clone());
    let mut annotations = request.annotations.clone();
    annotations.extend(remembered(claim));
    snapshot.metadata.annotations = (!annotations.is_empty()).then_some(annotations);
    snapshot
}

/// Nobody can choose a class: neither we, who may not see them, nor admission.
fn no_choice() -> CliError {
    CliError::new("the cluster's VolumeSnapshotClasses may not be listed, so none can be chosen")
        .hint("Name one with --class; ask a cluster administrator which fits.")
}

/// What a restore needs to know of the claim when the claim is gone by then: nothing else in the cluster keeps it.
fn remembered(claim: &PersistentVolumeClaim) -> BTreeMap<String, String> {
    let mut annotations = BTreeMap::new();
    let Some(spec) = &claim.spec else { return annotations };
    if let Some(class) = storage_class_of(claim) {
        annotations.insert(labels::SOURCE_STORAGE_CLASS.to_owned(), class.to_owned());
    }
    if let Some(modes) = spec.access_modes.as_ref().filter(|modes| !modes.is_empty()) {
        annotations.insert(labels::SOURCE_ACCESS_MODES.to_owned(), modes.join(","));
    }
    let requests = spec.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    if let Some(size) = requests.and_then(|requests| requests.get("storage")) {
        annotations.insert(labels::SOURCE_SIZE.to_owned(), size.0.clone());
    }
    annotations
}

/// Returns the table of what is to be taken.
pub fn table<'a>(plans: impl IntoIterator<Item = &'a Plan>) -> Table {
    let mut table = Table::new(["NAME", "PVC", "CLASS", "DRIVER", "SIZE"].map(Column::new).to_vec());
    let or = |text: Option<&String>, other: &str| text.cloned().unwrap_or_else(|| other.to_owned());
    for plan in plans {
        let spec = &plan.snapshot.spec;
        table.row(vec![
            plan.snapshot.metadata.name.clone().unwrap_or_default(),
            or(spec.source.persistent_volume_claim_name.as_ref(), "<none>"),
            or(spec.volume_snapshot_class_name.as_ref(), "<cluster's choice>"),
            or(plan.driver.as_ref(), "<unknown>"),
            or(plan.size.as_ref(), "<unknown>"),
        ]);
    }
    table
}

fn check_named(named: &str, driver: Option<&str>, classes: &[VolumeSnapshotClass]) -> Result<String> {
    let name = |class: &VolumeSnapshotClass| class.metadata.name.clone().unwrap_or_default();
    let of_driver: Vec<String> =
        classes.iter().filter(|class| driver.is_none_or(|driver| class.driver == driver)).map(name).collect();
    let candidates = || match (of_driver.as_slice(), driver) {
        ([], Some(driver)) => format!("The cluster has no VolumeSnapshotClass for driver {driver}."),
        ([], None) => "The cluster has no VolumeSnapshotClass at all.".to_owned(),
        (fitting, _) => format!("Classes that fit: {}", fitting.join(", ")),
    };
    let Some(class) = classes.iter().find(|class| name(class) == named) else {
        return Err(CliError::new(format!("VolumeSnapshotClass {named:?} does not exist")).hint(candidates()));
    };
    match driver {
        Some(driver) if class.driver != driver => Err(CliError::new(format!(
            "VolumeSnapshotClass {named:?} is for driver {}, but the volume's driver is {driver}",
            class.driver
        ))
        .hint(candidates())),
        _ => Ok("as named".into()),
    }
}

fn choose(
    config: &Config,
    claim: &PersistentVolumeClaim,
    driver: Option<&str>,
    classes: &[VolumeSnapshotClass],
) -> Result<(String, String)> {
    let facts: Vec<SnapshotClassFact> = classes
        .iter()
        .map(|class| SnapshotClassFact {
            name: class.metadata.name.clone().unwrap_or_default(),
            driver: class.driver.clone(),
            is_default: class.is_default(),
        })
        .collect();
    match snapshot_class::choose(config, storage_class_of(claim), driver, &facts) {
        Choice::Use { class, reason } => Ok((class, reason.to_string())),
        Choice::None(none) => Err(no_class(&none, &facts)),
    }
}

fn no_class(none: &NoClass, facts: &[SnapshotClassFact]) -> CliError {
    let of_driver: Vec<&str> = facts
        .iter()
        .filter(|fact| none.driver.as_ref().is_none_or(|driver| fact.driver == *driver))
        .map(|fact| fact.name.as_str())
        .collect();
    let error = CliError::new(none.to_string());
    match (of_driver.as_slice(), &none.driver) {
        ([], Some(driver)) => error.hint(format!(
            "A cluster administrator must create a VolumeSnapshotClass for driver {driver} first; some drivers have no snapshots at all."
        )),
        ([], None) => error.hint("A cluster administrator must create a VolumeSnapshotClass for the volume's driver first."),
        (fitting, _) => error.hint(format!("Name one with --class: {}", fitting.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claim() -> PersistentVolumeClaim {
        serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"storageClassName": "test-block-std", "accessModes": ["ReadWriteOnce"],
                     "resources": {"requests": {"storage": "1Gi"}}},
        }))
        .unwrap()
    }

    fn class(name: &str, driver: &str) -> VolumeSnapshotClass {
        serde_json::from_value(json!({"metadata": {"name": name}, "driver": driver, "deletionPolicy": "Delete"}))
            .unwrap()
    }

    fn planned(class: Option<&str>, provisioned: &Provisioned, classes: Option<&[VolumeSnapshotClass]>) -> String {
        let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
        let annotations = BTreeMap::from([
            ("note".to_owned(), "a,b".to_owned()),
            (labels::SOURCE_SIZE.to_owned(), "made up".to_owned()),
        ]);
        let class = class.map(Named::ByUser);
        let request = Request { name: "s1", namespace: "shop", class, labels: &labels, annotations: &annotations };
        let claim = claim();
        match plan(&Config::default(), &request, &Facts { claim: &claim, provisioned, classes }) {
            Ok(plan) => format!("{} | {}", serde_json::to_string(&plan.snapshot).unwrap(), plan.why),
            Err(error) => format!("{} | {}", error.message, error.hints.join(" | ")),
        }
    }

    fn csi(driver: &str) -> Provisioned {
        Provisioned::ByCsi(driver.into())
    }

    #[test]
    fn the_snapshot_names_the_claim_the_class_and_what_a_restore_needs() {
        let classes = [class("block-snapshot", "csi.test"), class("other", "csi.other")];
        insta::assert_snapshot!(planned(None, &csi("csi.test"), Some(&classes)), @r#"{"apiVersion":"snapshot.storage.k8s.io/v1","kind":"VolumeSnapshot","metadata":{"annotations":{"kubectl-backup.dev/source-access-modes":"ReadWriteOnce","kubectl-backup.dev/source-size":"1Gi","kubectl-backup.dev/source-storage-class":"test-block-std","note":"a,b"},"labels":{"app":"web"},"name":"s1","namespace":"shop"},"spec":{"source":{"persistentVolumeClaimName":"web"},"volumeSnapshotClassName":"block-snapshot"}} | policy for storage classes *-block-*"#);
    }

    #[test]
    fn the_table_shows_what_each_will_be() {
        let classes = [class("block-snapshot", "csi.test")];
        let (labels, mut claim) = (BTreeMap::new(), claim());
        let request = Request { name: "s1", namespace: "shop", class: None, labels: &labels, annotations: &labels };
        let mut plans = Vec::new();
        for (size, provisioned, class) in [
            (json!({"capacity": {"storage": "2Gi"}}), csi("csi.test"), None),
            (json!({}), Provisioned::Unknown, Some(Named::LeftOpen)),
        ] {
            claim.status = serde_json::from_value(size).unwrap();
            let facts = Facts { claim: &claim, provisioned: &provisioned, classes: Some(&classes) };
            plans.push(plan(&Config::default(), &Request { class, ..request }, &facts).unwrap());
        }
        insta::assert_snapshot!(table(&plans).render(false), @r"
        NAME   PVC   CLASS                DRIVER      SIZE
        s1     web   block-snapshot       csi.test    2Gi
        s1     web   <cluster's choice>   <unknown>   <unknown>
        ");
    }

    #[test]
    fn a_named_class_must_exist_and_have_the_driver() {
        let classes = [class("block-snapshot", "csi.test"), class("other", "csi.other")];
        let facts = Some(classes.as_slice());
        insta::assert_snapshot!(planned(Some("nope"), &csi("csi.test"), facts), @r#"VolumeSnapshotClass "nope" does not exist | Classes that fit: block-snapshot"#);
        insta::assert_snapshot!(planned(Some("other"), &csi("csi.test"), facts), @r#"VolumeSnapshotClass "other" is for driver csi.other, but the volume's driver is csi.test | Classes that fit: block-snapshot"#);
        assert!(planned(Some("other"), &csi("csi.other"), facts).ends_with("| as named"));
        assert!(planned(Some("nope"), &Provisioned::Unknown, None).ends_with("| named; not checked"));
    }

    #[test]
    fn without_a_class_the_error_says_what_there_is_and_what_to_do() {
        insta::assert_snapshot!(planned(None, &csi("csi.new"), Some(&[class("block-snapshot", "csi.test")])), @"no VolumeSnapshotClass fits storage class test-block-std (driver csi.new); block-snapshot is for driver csi.test | A cluster administrator must create a VolumeSnapshotClass for driver csi.new first; some drivers have no snapshots at all.");
        let two = [class("a", "csi.test"), class("b", "csi.test")];
        insta::assert_snapshot!(planned(None, &csi("csi.test"), Some(&two)), @"no VolumeSnapshotClass fits storage class test-block-std (driver csi.test); the policy names block-snapshot, which does not exist; a is one of several and not the default; b is one of several and not the default | Name one with --class: a, b");
        insta::assert_snapshot!(planned(None, &csi("csi.test"), None), @"the cluster's VolumeSnapshotClasses may not be listed, so none can be chosen | Name one with --class; ask a cluster administrator which fits.");
    }

    #[test]
    fn a_volume_without_csi_is_refused_with_the_reason() {
        let nfs = Provisioned::Otherwise("volume \"pv1\" is a NFS volume".into());
        insta::assert_snapshot!(planned(None, &nfs, Some(&[])), @r#"PVC "web" in namespace "shop" cannot be snapshotted: volume "pv1" is a NFS volume, and only CSI drivers take snapshots | Save its files with Velero instead: kubectl backup create --volumes annotated"#);
    }
}

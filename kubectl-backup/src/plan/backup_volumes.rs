//! Whether volume data will really be saved the way that was asked for. Velero says nothing about most of this.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    error::{CliError, Result},
    plan::backup::Volumes,
};

/// Objects that a warning lists before it counts.
const LISTED: usize = 5;

/// What is known. `None` where it could not be read.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Claims with a volume: `namespace/name`, and the driver behind it.
    pub claims: Option<Vec<Claim>>,
    /// Claims and other volumes that annotated, running pods mount.
    pub annotated: Option<Annotated>,
    /// Nodes on which Velero's node-agent is ready.
    pub node_agents: Option<i32>,
    /// Whether Velero takes CSI snapshots.
    pub csi_enabled: Option<bool>,
    /// Drivers for which Velero finds a VolumeSnapshotClass.
    pub snapshot_drivers: Option<BTreeSet<String>>,
}

/// A claim that has its volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// `namespace/name`.
    pub name: String,
    /// The provisioner of its storage class.
    pub driver: Option<String>,
}

/// What pods name in their annotation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotated {
    /// Count of volumes, of whatever kind.
    pub volumes: usize,
    /// Claims among them, `namespace/name`.
    pub claims: BTreeSet<String>,
}

/// Judges the mode against the facts. Returns warnings.
///
/// # Errors
/// When no data could be saved at all, or Velero would wait for hours for something that cannot come.
pub fn judge(mode: Option<Volumes>, facts: &Facts) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    let no_agent = facts.node_agents == Some(0);
    let annotated = facts.annotated.clone().unwrap_or_default();
    let none: Vec<Claim> = Vec::new();
    let uncovered: Vec<&Claim> = facts
        .claims
        .as_ref()
        .unwrap_or(&none)
        .iter()
        .filter(|claim| facts.annotated.is_some() && !annotated.claims.contains(&claim.name))
        .collect();
    if mode == Some(Volumes::Copy) && no_agent {
        return Err(CliError::new("volume data cannot be copied: Velero's node-agent does not run in this cluster")
            .hint("Velero would wait for it for hours. Install it (velero install --use-node-agent), or use --volumes snapshot."));
    }
    if mode == Some(Volumes::Copy) && facts.csi_enabled == Some(false) {
        return Err(CliError::new("volume data cannot be copied: CSI snapshots are switched off in Velero")
            .hint("Start Velero's server with --features=EnableCSI, or use --volumes annotated."));
    }
    if mode != Some(Volumes::None) && no_agent && annotated.volumes > 0 {
        return Err(CliError::new(format!(
            "{} volumes are annotated to be copied file by file, but Velero's node-agent does not run in this cluster",
            annotated.volumes
        ))
        .hint("Install it (velero install --use-node-agent), or save objects only with --volumes none."));
    }
    match mode {
        Some(Volumes::None) => {}
        Some(Volumes::Annotated) => {
            if facts.annotated.is_some() && annotated.volumes == 0 {
                warnings.push(
                    "no running pod names volumes in the annotation backup.velero.io/backup-volumes: no volume data \
                     will be saved"
                        .into(),
                );
            } else if !uncovered.is_empty() {
                warnings.push(format!(
                    "the data of {} will not be saved: no pod names them in its annotation",
                    list(&uncovered)
                ));
            }
        }
        None | Some(Volumes::Snapshot | Volumes::Copy) => {
            if facts.csi_enabled == Some(false) && !uncovered.is_empty() {
                warnings.push(format!(
                    "CSI snapshots are switched off in Velero (--features=EnableCSI): the data of {} will not be saved",
                    list(&uncovered)
                ));
            } else {
                warnings.extend(without_class(&uncovered, facts.snapshot_drivers.as_ref()));
            }
        }
    }
    Ok(warnings)
}

/// Warns for each driver whose volumes Velero cannot snapshot for want of a class.
fn without_class(claims: &[&Claim], drivers: Option<&BTreeSet<String>>) -> Vec<String> {
    let Some(known) = drivers else { return Vec::new() };
    let mut lacking: BTreeMap<&str, Vec<&Claim>> = BTreeMap::new();
    for &claim in claims {
        if let Some(driver) = claim.driver.as_deref().filter(|driver| !known.contains(*driver)) {
            lacking.entry(driver).or_default().push(claim);
        }
    }
    let warning = |(driver, claims): (&str, Vec<&Claim>)| {
        format!(
            "Velero finds no VolumeSnapshotClass for the driver {driver}: the data of {} will not be saved (label one \
             with velero.io/csi-volumesnapshot-class=true)",
            list(&claims)
        )
    };
    lacking.into_iter().map(warning).collect()
}

fn list(claims: &[&Claim]) -> String {
    let names: Vec<&str> = claims.iter().take(LISTED).map(|claim| claim.name.as_str()).collect();
    let more = claims.len().saturating_sub(LISTED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    let noun = if claims.len() == 1 { "PVC" } else { "PVCs" };
    format!("{noun} {}{rest}", names.join(", "))
}

/// Returns the drivers for which Velero finds a class: a labelled one, else a default one, else the only one.
/// Each class is given by its driver and whether it is labelled for Velero or the default.
pub fn snapshot_drivers(classes: &[(String, bool)]) -> BTreeSet<String> {
    let mut drivers = BTreeSet::new();
    for (driver, chosen) in classes {
        if *chosen || classes.iter().filter(|(other, _)| other == driver).count() == 1 {
            drivers.insert(driver.clone());
        }
    }
    drivers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        let claim = |name: &str, driver: &str| Claim { name: name.into(), driver: Some(driver.into()) };
        Facts {
            claims: Some(vec![claim("shop/data", "block"), claim("shop/logs", "files")]),
            annotated: Some(Annotated { volumes: 2, claims: BTreeSet::from(["shop/data".to_owned()]) }),
            node_agents: Some(1),
            csi_enabled: Some(true),
            snapshot_drivers: Some(BTreeSet::from(["block".to_owned(), "files".to_owned()])),
        }
    }

    fn warnings(mode: Option<Volumes>, facts: &Facts) -> String {
        match judge(mode, facts) {
            Ok(warnings) => warnings.join("\n"),
            Err(error) => format!("error: {}", error.message),
        }
    }

    #[test]
    fn annotated_says_what_it_leaves_out() {
        let mode = Some(Volumes::Annotated);
        insta::assert_snapshot!(warnings(mode, &facts()), @"the data of PVC shop/logs will not be saved: no pod names them in its annotation");
        let bare = Facts { annotated: Some(Annotated::default()), ..facts() };
        insta::assert_snapshot!(warnings(mode, &bare), @"no running pod names volumes in the annotation backup.velero.io/backup-volumes: no volume data will be saved");
        let unread = Facts { annotated: None, ..facts() };
        assert_eq!(warnings(mode, &unread), "");
    }

    #[test]
    fn without_a_node_agent_nothing_is_copied() {
        let facts = Facts { node_agents: Some(0), ..facts() };
        for mode in [None, Some(Volumes::Annotated), Some(Volumes::Copy), Some(Volumes::Snapshot)] {
            assert!(judge(mode, &facts).is_err(), "{mode:?}");
        }
        assert_eq!(warnings(Some(Volumes::None), &facts), "");
        let unannotated = Facts { annotated: Some(Annotated::default()), ..facts };
        assert_eq!(warnings(Some(Volumes::Snapshot), &unannotated), "");
    }

    #[test]
    fn snapshots_need_csi_and_a_class() {
        let off = Facts { csi_enabled: Some(false), ..facts() };
        insta::assert_snapshot!(warnings(None, &off), @"CSI snapshots are switched off in Velero (--features=EnableCSI): the data of PVC shop/logs will not be saved");
        insta::assert_snapshot!(warnings(Some(Volumes::Copy), &off), @"error: volume data cannot be copied: CSI snapshots are switched off in Velero");
        let classless = Facts { snapshot_drivers: Some(BTreeSet::new()), ..facts() };
        insta::assert_snapshot!(warnings(Some(Volumes::Snapshot), &classless), @"Velero finds no VolumeSnapshotClass for the driver files: the data of PVC shop/logs will not be saved (label one with velero.io/csi-volumesnapshot-class=true)");
        assert_eq!(warnings(Some(Volumes::Snapshot), &facts()), "");
        let unknown = Facts { csi_enabled: None, snapshot_drivers: None, ..facts() };
        assert_eq!(warnings(Some(Volumes::Snapshot), &unknown), "");
    }

    #[test]
    fn velero_takes_a_marked_class_or_the_only_one() {
        let class = |driver: &str, chosen| (driver.to_owned(), chosen);
        let classes = [class("a", false), class("b", false), class("b", true), class("c", false), class("c", false)];
        assert_eq!(snapshot_drivers(&classes), BTreeSet::from(["a".to_owned(), "b".to_owned()]));
    }
}

//! Whether volume data will really be saved the way that was asked for. Velero says nothing about most of this.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    error::{CliError, Result},
    plan::{
        backup::Volumes,
        velero_server::Server,
        volume_fate::{self, Claim, Fate, Pod, Rules},
    },
};

/// What Velero 1.18 and older do when the node-agent is missing.
const WITHOUT_NODE_AGENT: &str = "The backup would fail, or on older Velero hang for hours.";

/// What is known. `None` where it could not be read.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The backup's PVCs.
    pub claims: Option<Vec<Claim>>,
    /// All pods of its namespaces.
    pub pods: Option<Vec<Pod>>,
    /// Nodes on which Velero's node-agent is ready.
    pub node_agents: Option<i32>,
    /// How Velero's server is set up.
    pub server: Option<Server>,
    /// Whether there are VolumeSnapshotLocations, for Velero's own snapshotters.
    pub native: Option<bool>,
    /// Drivers for which Velero finds a VolumeSnapshotClass.
    pub snapshot_drivers: Option<BTreeSet<String>>,
}

impl Facts {
    fn rules(&self, mode: Option<Volumes>) -> Rules {
        Rules {
            snapshots: mode != Some(Volumes::Annotated),
            files_by_default: match mode {
                None => self.server.map(|server| server.files_by_default),
                Some(_) => Some(false),
            },
            csi: self.server.map(|server| server.csi),
            native: self.native,
            snapshot_drivers: self.snapshot_drivers.clone(),
        }
    }
}

/// What there is to say about a backup's volume data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// To be said before the backup is created.
    pub warnings: Vec<String>,
    /// To be said when it has ended, lest "completed" be taken for "all is saved".
    pub afterwards: Option<String>,
}

/// Judges the mode against the facts.
///
/// # Errors
/// When no data could be saved at all, or the backup would fail for want of something.
pub fn judge(mode: Option<Volumes>, facts: &Facts) -> Result<Judgement> {
    if mode == Some(Volumes::None) {
        return Ok(Judgement::default());
    }
    let rules = facts.rules(mode);
    let pods = facts.pods.as_deref();
    let fates: Vec<(&str, Fate)> = facts
        .claims
        .iter()
        .flatten()
        .map(|claim| (claim.name.as_str(), volume_fate::of(claim, pods, &rules)))
        .collect();
    let in_backup = pods.unwrap_or_default().iter().filter(|pod| pod.selected);
    let copies: usize = in_backup
        .map(|pod| pod.volumes.iter().filter(|volume| volume_fate::is_copied(pod, volume, &rules)).count())
        .sum();
    check_possible(mode, facts, copies, &fates)?;
    let mut judgement = Judgement::default();
    if mode == Some(Volumes::Annotated) && pods.is_some() && copies == 0 {
        judgement.warnings.push(
            "no running pod names volumes in the annotation backup.velero.io/backup-volumes: no volume data will be \
             saved"
                .into(),
        );
    }
    let mut without_csi: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut unsaved: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (claim, fate) in &fates {
        match fate {
            Fate::Unsaved(reason) => unsaved.entry(reason).or_default().push(claim),
            Fate::Native(reason) => without_csi.entry(reason).or_default().push(claim),
            Fate::Copied | Fate::Snapshot | Fate::Unknown => {}
        }
    }
    judgement.warnings.extend(
        unsaved.iter().map(|(reason, claims)| format!("the data of {} will not be saved: {reason}", list(claims))),
    );
    judgement.warnings.extend(without_csi.iter().map(|(reason, claims)| {
        format!(
            "no CSI snapshot of {} will be taken: {reason}; whether a snapshotter of Velero's VolumeSnapshotLocations \
             saves the data is not known",
            list(claims)
        )
    }));
    let names: Vec<&str> = unsaved.into_values().flatten().collect();
    if !names.is_empty() {
        judgement.afterwards = Some(format!("this backup was made without the data of {}", list(&names)));
    }
    Ok(judgement)
}

/// Refuses what cannot work for want of the node-agent or of CSI.
fn check_possible(mode: Option<Volumes>, facts: &Facts, copies: usize, fates: &[(&str, Fate)]) -> Result<()> {
    let no_agent = facts.node_agents == Some(0);
    let moves_by_default = mode.is_none() && facts.server.is_some_and(|server| server.moves_data);
    if mode == Some(Volumes::Copy) && no_agent {
        return Err(CliError::new("volume data cannot be copied: Velero's node-agent does not run in this cluster")
            .hint(format!(
                "{WITHOUT_NODE_AGENT} Install it (velero install --use-node-agent), or use --volumes snapshot."
            )));
    }
    if mode == Some(Volumes::Copy) && facts.server.is_some_and(|server| !server.csi) {
        return Err(CliError::new("volume data cannot be copied: CSI snapshots are switched off in Velero")
            .hint("Start Velero's server with --features=EnableCSI, or use --volumes annotated."));
    }
    if no_agent && copies > 0 {
        let (noun, verb) = if copies == 1 { ("volume", "is") } else { ("volumes", "are") };
        return Err(CliError::new(format!(
            "{copies} {noun} {verb} to be copied file by file, but Velero's node-agent does not run in this cluster"
        ))
        .hint(format!(
            "{WITHOUT_NODE_AGENT} Install it (velero install --use-node-agent), or save objects only with --volumes none."
        )));
    }
    if no_agent && moves_by_default && fates.iter().any(|(_, fate)| *fate == Fate::Snapshot) {
        return Err(CliError::new(
            "Velero's server moves the data of snapshots (--default-snapshot-move-data), but its node-agent does not run \
             in this cluster",
        )
        .hint(format!(
            "{WITHOUT_NODE_AGENT} Install it (velero install --use-node-agent), or use --volumes snapshot."
        )));
    }
    Ok(())
}

fn list(claims: &[&str]) -> String {
    let noun = if claims.len() == 1 { "PVC" } else { "PVCs" };
    format!("{noun} {}", claims.join(", "))
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
    use crate::plan::volume_fate::{
        Class,
        tests::{claim, pod},
    };

    const SERVER: Server = Server { csi: true, files_by_default: false, moves_data: false };

    fn facts() -> Facts {
        let logs = Claim { class: Class::Of("files".into()), ..claim("shop/logs") };
        Facts {
            claims: Some(vec![claim("shop/data"), logs]),
            pods: Some(vec![pod("shop/web", "shop/data")]),
            node_agents: Some(1),
            server: Some(SERVER),
            native: Some(false),
            snapshot_drivers: Some(BTreeSet::from(["block".to_owned(), "files".to_owned()])),
        }
    }

    fn bare() -> Facts {
        Facts { pods: Some(Vec::new()), ..facts() }
    }

    fn warnings(mode: Option<Volumes>, facts: &Facts) -> String {
        match judge(mode, facts) {
            Ok(judgement) => judgement.warnings.into_iter().chain(judgement.afterwards).collect::<Vec<_>>().join("\n"),
            Err(error) => format!("error: {}", error.message),
        }
    }

    #[test]
    fn annotated_says_what_it_leaves_out() {
        let mode = Some(Volumes::Annotated);
        insta::assert_snapshot!(warnings(mode, &facts()), @r"
        the data of PVC shop/logs will not be saved: no pod's annotation backup.velero.io/backup-volumes names the volume
        this backup was made without the data of PVC shop/logs
        ");
        insta::assert_snapshot!(warnings(mode, &bare()), @r"
        no running pod names volumes in the annotation backup.velero.io/backup-volumes: no volume data will be saved
        the data of PVCs shop/data, shop/logs will not be saved: no pod's annotation backup.velero.io/backup-volumes names the volume
        this backup was made without the data of PVCs shop/data, shop/logs
        ");
        assert_eq!(warnings(mode, &Facts { pods: None, ..facts() }), "");
    }

    #[test]
    fn without_a_node_agent_nothing_is_copied() {
        let facts = Facts { node_agents: Some(0), ..facts() };
        for mode in [None, Some(Volumes::Annotated), Some(Volumes::Copy), Some(Volumes::Snapshot)] {
            let error = judge(mode, &facts).unwrap_err();
            assert!(error.hints.iter().any(|hint| hint.starts_with("The backup would fail, or on older")), "{mode:?}");
        }
        assert_eq!(warnings(Some(Volumes::None), &facts), "");
        let unannotated = Facts { node_agents: Some(0), ..bare() };
        assert_eq!(warnings(Some(Volumes::Snapshot), &unannotated), "");
    }

    #[test]
    fn the_servers_settings_count_where_no_mode_is_given() {
        let pods = || {
            let mut pod = pod("shop/web", "shop/data");
            pod.volumes[0].annotated = false;
            Some(vec![pod])
        };
        let by_files = Facts {
            pods: pods(),
            server: Some(Server { csi: false, files_by_default: true, moves_data: false }),
            ..facts()
        };
        insta::assert_snapshot!(warnings(None, &by_files), @r"
        the data of PVC shop/logs will not be saved: CSI snapshots are switched off in Velero (--features=EnableCSI)
        this backup was made without the data of PVC shop/logs
        ");
        let no_agent = Facts { node_agents: Some(0), ..by_files };
        insta::assert_snapshot!(warnings(None, &no_agent), @"error: 1 volume is to be copied file by file, but Velero's node-agent does not run in this cluster");
        let moves = Facts { node_agents: Some(0), server: Some(Server { moves_data: true, ..SERVER }), ..bare() };
        insta::assert_snapshot!(warnings(None, &moves), @"error: Velero's server moves the data of snapshots (--default-snapshot-move-data), but its node-agent does not run in this cluster");
        assert_eq!(warnings(Some(Volumes::Snapshot), &moves), "");
    }

    #[test]
    fn snapshots_need_csi_and_a_class() {
        let off = Facts { server: Some(Server { csi: false, ..SERVER }), ..facts() };
        insta::assert_snapshot!(warnings(None, &off), @r"
        the data of PVC shop/logs will not be saved: CSI snapshots are switched off in Velero (--features=EnableCSI)
        this backup was made without the data of PVC shop/logs
        ");
        insta::assert_snapshot!(warnings(None, &Facts { native: Some(true), ..off.clone() }), @"no CSI snapshot of PVC shop/logs will be taken: CSI snapshots are switched off in Velero (--features=EnableCSI); whether a snapshotter of Velero's VolumeSnapshotLocations saves the data is not known");
        insta::assert_snapshot!(warnings(Some(Volumes::Copy), &off), @"error: volume data cannot be copied: CSI snapshots are switched off in Velero");
        assert_eq!(warnings(Some(Volumes::Snapshot), &facts()), "");
        let unknown = Facts { server: None, snapshot_drivers: None, ..facts() };
        assert_eq!(warnings(Some(Volumes::Snapshot), &unknown), "");
    }

    #[test]
    fn velero_takes_a_marked_class_or_the_only_one() {
        let class = |driver: &str, chosen| (driver.to_owned(), chosen);
        let classes = [class("a", false), class("b", false), class("b", true), class("c", false), class("c", false)];
        assert_eq!(snapshot_drivers(&classes), BTreeSet::from(["a".to_owned(), "b".to_owned()]));
    }
}

//! What becomes of the data of one PVC in a backup, by Velero's own rules: it looks at annotations alone to decide that a
//! volume needs no snapshot, and only later whether it can copy the volume, so that one can fall between the two.

use std::collections::BTreeSet;

use crate::plan::provisioned::Provisioned;

/// What becomes of a PVC's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Copied file by file.
    Copied,
    /// A CSI snapshot is taken.
    Snapshot,
    /// No CSI snapshot is taken, for this reason; the snapshotter of a VolumeSnapshotLocation may know the volume.
    Native(String),
    /// Not saved, for this reason.
    Unsaved(String),
    /// What decides it could not be read.
    Unknown,
}

/// What the backup and Velero's server say.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Snapshots are wanted.
    pub snapshots: bool,
    /// Every volume is copied file by file unless its pod opts out.
    pub files_by_default: Option<bool>,
    /// Velero takes CSI snapshots.
    pub csi: Option<bool>,
    /// Velero has VolumeSnapshotLocations.
    pub native: Option<bool>,
    /// Drivers for which Velero finds a VolumeSnapshotClass.
    pub snapshot_drivers: Option<BTreeSet<String>>,
}

/// A PVC.
#[derive(Clone, Debug)]
pub struct Claim {
    /// `namespace/name`.
    pub name: String,
    /// The backup's selector fits it.
    pub selected: bool,
    /// It is labelled to be left out.
    pub excluded: bool,
    /// Its phase, when it has no volume: `Pending` or `Lost`.
    pub unbound: Option<String>,
    /// What holds its data.
    pub volume: Provisioned,
    /// The volume is a directory of a node.
    pub host_path: bool,
    /// Its storage class.
    pub class: Class,
}

/// A PVC's storage class, by which Velero finds the VolumeSnapshotClass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// The PVC names none.
    None,
    /// It names one that does not exist.
    Missing(String),
    /// This is its provisioner.
    Of(String),
    /// Storage classes may not be read.
    Unknown,
}

/// A pod.
#[derive(Clone, Debug)]
pub struct Pod {
    /// `namespace/name`.
    pub name: String,
    /// The backup's selector fits it.
    pub selected: bool,
    /// It is labelled to be left out.
    pub excluded: bool,
    /// Why Velero does not take it for running.
    pub not_running: Option<String>,
    /// Its volumes.
    pub volumes: Vec<PodVolume>,
}

/// A volume of a pod.
#[derive(Clone, Debug)]
pub struct PodVolume {
    /// The PVC behind it: `namespace/name`.
    pub claim: Option<String>,
    /// Whether it is of a kind that is ever copied.
    pub copyable: bool,
    /// The pod's annotation names it.
    pub annotated: bool,
    /// The pod's annotation for exclusions names it.
    pub opted_out: bool,
    /// How the pod's containers use it.
    pub usage: Usage,
}

/// How the regular containers of a pod use a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// As a directory.
    Mounted,
    /// As a block device.
    Device,
    /// Not at all.
    Unused,
}

impl PodVolume {
    /// Whether Velero takes it for one that is copied; `None` when the server's setting decides and is not known.
    fn chosen(&self, by_default: Option<bool>) -> Option<bool> {
        match by_default {
            _ if !self.copyable => Some(false),
            Some(true) => Some(!self.opted_out),
            Some(false) => Some(self.annotated),
            None if self.annotated != self.opted_out => Some(self.annotated),
            None => None,
        }
    }
}

/// Returns what becomes of the PVC's data. Of all pods of its namespace, those outside of the backup count as well.
pub fn of(claim: &Claim, pods: Option<&[Pod]>, rules: &Rules) -> Fate {
    if claim.excluded {
        return Fate::Unsaved("labelled velero.io/exclude-from-backup=true".into());
    }
    if let Some(phase) = &claim.unbound {
        let trouble = if rules.snapshots && rules.csi != Some(false) {
            ", and Velero calls a backup with such a PVC partially failed"
        } else {
            ""
        };
        return Fate::Unsaved(format!("not bound to a volume ({phase}){trouble}"));
    }
    let Some(pods) = pods else { return Fate::Unknown };
    let uses = || uses(claim, pods);
    let chosen = |volume: &PodVolume| volume.chosen(rules.files_by_default);
    let copies: Vec<Option<String>> = uses()
        .filter(|(_, volume)| chosen(volume) == Some(true))
        .map(|(pod, volume)| obstacle(claim, pod, volume))
        .collect();
    if copies.contains(&None) {
        return Fate::Copied;
    }
    if let Some(obstacle) = copies.into_iter().flatten().next() {
        return Fate::Unsaved(format!("to be copied file by file, so not snapshotted, but {obstacle}"));
    }
    if uses().any(|(_, volume)| chosen(volume).is_none()) {
        return Fate::Unknown;
    }
    if !rules.snapshots {
        return Fate::Unsaved("no pod's annotation backup.velero.io/backup-volumes names the volume".into());
    }
    snapshot(claim, rules)
}

fn uses<'a>(claim: &'a Claim, pods: &'a [Pod]) -> impl Iterator<Item = (&'a Pod, &'a PodVolume)> {
    let of_pod = |pod: &'a Pod| pod.volumes.iter().map(move |volume| (pod, volume));
    pods.iter().flat_map(of_pod).filter(|(_, volume)| volume.claim.as_ref() == Some(&claim.name))
}

/// Why Velero passes over a volume that it means to copy; it does so without failing.
fn obstacle(claim: &Claim, pod: &Pod, volume: &PodVolume) -> Option<String> {
    let name = &pod.name;
    if pod.excluded {
        return Some(format!("pod {name} is labelled velero.io/exclude-from-backup=true"));
    }
    if let Some(why) = &pod.not_running {
        return Some(format!("pod {name} {why}"));
    }
    if claim.host_path {
        return Some("Velero cannot read hostPath volumes".into());
    }
    match volume.usage {
        Usage::Mounted => None,
        Usage::Device => Some(format!("pod {name} uses it as a block device")),
        Usage::Unused => Some(format!("no regular container of pod {name} mounts it")),
    }
}

fn snapshot(claim: &Claim, rules: &Rules) -> Fate {
    let without_csi = |reason: String| match rules.native {
        Some(false) => Fate::Unsaved(reason),
        _ => Fate::Native(reason),
    };
    let lacks = |driver: &str| rules.snapshot_drivers.as_ref().is_some_and(|known| !known.contains(driver));
    let no_class = |driver: &str| {
        Fate::Unsaved(format!(
            "Velero finds no VolumeSnapshotClass for the driver {driver} (label one with \
             velero.io/csi-volumesnapshot-class=true)"
        ))
    };
    let driver = match &claim.volume {
        Provisioned::Otherwise(words) => return without_csi(format!("no CSI driver holds the data ({words})")),
        _ if rules.csi == Some(false) => {
            return without_csi("CSI snapshots are switched off in Velero (--features=EnableCSI)".into());
        }
        Provisioned::ByCsi(driver) => driver,
        Provisioned::Unknown => return Fate::Unknown,
    };
    match &claim.class {
        Class::None => Fate::Unsaved("no storage class, without which Velero finds no VolumeSnapshotClass".into()),
        Class::Missing(name) => Fate::Unsaved(format!(
            "storage class {name:?} does not exist, without which Velero finds no VolumeSnapshotClass"
        )),
        Class::Of(provisioner) if lacks(provisioner) => no_class(provisioner),
        Class::Unknown if lacks(driver) => no_class(driver),
        _ if rules.csi.is_none() || rules.snapshot_drivers.is_none() => Fate::Unknown,
        _ => Fate::Snapshot,
    }
}

/// Returns whether a backup saves a volume of the pod by copying its files, whatever the volume is.
pub fn is_copied(pod: &Pod, volume: &PodVolume, rules: &Rules) -> bool {
    !pod.excluded && pod.not_running.is_none() && volume.chosen(rules.files_by_default) == Some(true)
}

/// Keeps what a backup holds when a selector is set: Velero takes the PVCs of each pod, and the running pods of each PVC.
pub fn keep_selected(claims: &mut Vec<Claim>, pods: &mut [Pod]) {
    loop {
        let held: BTreeSet<String> =
            claims.iter().filter(|claim| claim.selected).map(|claim| claim.name.clone()).collect();
        let holds = |volume: &PodVolume| volume.claim.as_ref().is_some_and(|claim| held.contains(claim));
        for pod in pods.iter_mut() {
            pod.selected |= pod.not_running.is_none() && pod.volumes.iter().any(holds);
        }
        let mounted: BTreeSet<&String> = pods
            .iter()
            .filter(|pod| pod.selected)
            .flat_map(|pod| &pod.volumes)
            .filter_map(|volume| volume.claim.as_ref())
            .collect();
        claims.iter_mut().for_each(|claim| claim.selected |= mounted.contains(&claim.name));
        if claims.iter().filter(|claim| claim.selected).count() == held.len() {
            break;
        }
    }
    claims.retain(|claim| claim.selected);
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn claim(name: &str) -> Claim {
        Claim {
            name: name.into(),
            selected: true,
            excluded: false,
            unbound: None,
            volume: Provisioned::ByCsi("block".into()),
            host_path: false,
            class: Class::Of("block".into()),
        }
    }

    pub fn pod(name: &str, claim: &str) -> Pod {
        Pod {
            name: name.into(),
            selected: true,
            excluded: false,
            not_running: None,
            volumes: vec![PodVolume {
                claim: Some(claim.into()),
                copyable: true,
                annotated: true,
                opted_out: false,
                usage: Usage::Mounted,
            }],
        }
    }

    pub fn rules() -> Rules {
        Rules {
            snapshots: true,
            files_by_default: Some(false),
            csi: Some(true),
            native: Some(false),
            snapshot_drivers: Some(BTreeSet::from(["block".to_owned()])),
        }
    }

    fn words(claim: &Claim, pods: &[Pod], rules: &Rules) -> String {
        match of(claim, Some(pods), rules) {
            Fate::Unsaved(reason) => reason,
            fate => format!("{fate:?}"),
        }
    }

    fn changed(change: impl Fn(&mut Pod)) -> Pod {
        let mut pod = pod("shop/web", "shop/data");
        change(&mut pod);
        pod
    }

    #[test]
    fn an_annotated_volume_is_copied_or_not_saved_but_never_snapshotted() {
        let data = claim("shop/data");
        let fate = |change: &dyn Fn(&mut Pod)| words(&data, &[changed(change)], &rules());
        assert_eq!(fate(&|_| ()), "Copied");
        insta::assert_snapshot!(fate(&|pod| pod.not_running = Some("does not run (Pending)".into())), @"to be copied file by file, so not snapshotted, but pod shop/web does not run (Pending)");
        insta::assert_snapshot!(fate(&|pod| pod.volumes[0].usage = Usage::Unused), @"to be copied file by file, so not snapshotted, but no regular container of pod shop/web mounts it");
        insta::assert_snapshot!(fate(&|pod| pod.volumes[0].usage = Usage::Device), @"to be copied file by file, so not snapshotted, but pod shop/web uses it as a block device");
        insta::assert_snapshot!(fate(&|pod| pod.excluded = true), @"to be copied file by file, so not snapshotted, but pod shop/web is labelled velero.io/exclude-from-backup=true");
        let on_node = Claim { host_path: true, ..data.clone() };
        insta::assert_snapshot!(words(&on_node, &[changed(|_| ())], &rules()), @"to be copied file by file, so not snapshotted, but Velero cannot read hostPath volumes");
        // One pod that can is enough.
        let stopped = changed(|pod| pod.not_running = Some("does not run".into()));
        assert_eq!(words(&data, &[stopped, changed(|_| ())], &rules()), "Copied");
    }

    #[test]
    fn what_no_pod_names_is_snapshotted_when_that_can_be() {
        let data = claim("shop/data");
        let fate = |claim: &Claim, rules: &Rules| words(claim, &[pod("shop/web", "shop/other")], rules);
        assert_eq!(fate(&data, &rules()), "Snapshot");
        insta::assert_snapshot!(fate(&data, &Rules { snapshots: false, ..rules() }), @"no pod's annotation backup.velero.io/backup-volumes names the volume");
        insta::assert_snapshot!(fate(&Claim { unbound: Some("Pending".into()), ..data.clone() }, &rules()), @"not bound to a volume (Pending), and Velero calls a backup with such a PVC partially failed");
        let files = Rules { snapshots: false, ..rules() };
        insta::assert_snapshot!(fate(&Claim { unbound: Some("Lost".into()), ..data.clone() }, &files), @"not bound to a volume (Lost)");
        insta::assert_snapshot!(fate(&Claim { excluded: true, ..data.clone() }, &rules()), @"labelled velero.io/exclude-from-backup=true");
        insta::assert_snapshot!(fate(&Claim { class: Class::None, ..data.clone() }, &rules()), @"no storage class, without which Velero finds no VolumeSnapshotClass");
        insta::assert_snapshot!(fate(&Claim { class: Class::Missing("gone".into()), ..data.clone() }, &rules()), @r#"storage class "gone" does not exist, without which Velero finds no VolumeSnapshotClass"#);
        insta::assert_snapshot!(fate(&Claim { class: Class::Of("files".into()), ..data.clone() }, &rules()), @"Velero finds no VolumeSnapshotClass for the driver files (label one with velero.io/csi-volumesnapshot-class=true)");
        let nfs = Claim { volume: Provisioned::Otherwise("volume \"pv1\" is a NFS volume".into()), ..data.clone() };
        insta::assert_snapshot!(fate(&nfs, &rules()), @r#"no CSI driver holds the data (volume "pv1" is a NFS volume)"#);
        let off = Rules { csi: Some(false), ..rules() };
        insta::assert_snapshot!(fate(&data, &off), @"CSI snapshots are switched off in Velero (--features=EnableCSI)");
        insta::assert_snapshot!(fate(&data, &Rules { native: Some(true), ..off }), @r#"Native("CSI snapshots are switched off in Velero (--features=EnableCSI)")"#);
    }

    #[test]
    fn where_the_server_copies_by_default_only_an_exclusion_helps() {
        let by_default = Rules { files_by_default: Some(true), csi: Some(false), ..rules() };
        let data = claim("shop/data");
        let bare = changed(|pod| pod.volumes[0].annotated = false);
        assert_eq!(words(&data, std::slice::from_ref(&bare), &by_default), "Copied");
        let out = changed(|pod| pod.volumes[0].opted_out = true);
        assert_eq!(words(&data, &[out], &Rules { csi: Some(true), ..by_default.clone() }), "Snapshot");
        insta::assert_snapshot!(words(&data, &[], &by_default), @"CSI snapshots are switched off in Velero (--features=EnableCSI)");
        let unknown = Rules { files_by_default: None, ..rules() };
        assert_eq!(words(&data, &[bare], &unknown), "Unknown");
        assert_eq!(words(&data, &[changed(|_| ())], &unknown), "Copied");
    }

    #[test]
    fn what_may_not_be_read_is_not_judged() {
        assert_eq!(of(&claim("shop/data"), None, &rules()), Fate::Unknown);
        let unread = Claim { volume: Provisioned::Unknown, class: Class::Unknown, ..claim("shop/data") };
        assert_eq!(words(&unread, &[], &rules()), "Unknown");
        assert_eq!(words(&claim("shop/data"), &[], &Rules { csi: None, ..rules() }), "Unknown");
    }

    #[test]
    fn a_selector_takes_the_claims_of_a_pod_along() {
        let unselected = |name: &str| Claim { selected: false, ..claim(name) };
        let mut claims = vec![unselected("shop/data"), unselected("shop/other"), unselected("shop/far")];
        let mut pods = vec![
            pod("shop/web", "shop/data"),
            Pod { selected: false, ..pod("shop/job", "shop/data") },
            Pod { selected: false, ..pod("shop/no", "shop/far") },
        ];
        pods[1].volumes.extend(pod("x", "shop/other").volumes);
        keep_selected(&mut claims, &mut pods);
        let names: Vec<&str> = claims.iter().map(|claim| claim.name.as_str()).collect();
        assert_eq!(names, ["shop/data", "shop/other"]);
        assert_eq!(pods.iter().map(|pod| pod.selected).collect::<Vec<_>>(), [true, true, false]);
    }
}

//! The PVCs that a group of snapshots is restored to.

use std::collections::{BTreeMap, BTreeSet};

use backup_api::snapshot::VolumeSnapshot;

use crate::{
    args::parse_claim_name,
    error::{CliError, Result},
};

/// How the new PVCs are named after the ones that were snapshotted.
#[derive(Clone, Copy, Debug)]
pub struct Naming<'a> {
    /// New names by old ones.
    pub map: &'a BTreeMap<String, String>,
    /// What is appended to the others.
    pub suffix: &'a str,
}

/// Returns each snapshot of a group with the name of the PVC to make from it, in the order of these names.
///
/// # Errors
/// When a snapshot does not tell its PVC, two would become the same PVC, or the map names one that is not in the group.
pub fn targets(
    group: &str,
    snapshots: Vec<VolumeSnapshot>,
    naming: &Naming<'_>,
) -> Result<Vec<(VolumeSnapshot, String)>> {
    let mut targets: BTreeMap<String, VolumeSnapshot> = BTreeMap::new();
    let mut sources = BTreeSet::new();
    for snapshot in snapshots {
        let name = snapshot.metadata.name.clone().unwrap_or_default();
        let Some(source) = snapshot.spec.source.persistent_volume_claim_name.clone() else {
            return Err(CliError::new(format!(
                "VolumeSnapshot {name:?} of group {group:?} does not tell which PVC it was taken of"
            ))
            .hint("Restore it by itself: kubectl backup snapshot restore SNAPSHOT --to PVC"));
        };
        let target = naming.map.get(&source).cloned().unwrap_or_else(|| format!("{source}{}", naming.suffix));
        parse_claim_name(&target)
            .map_err(|why| CliError::usage(format!("PVC {source:?} cannot be restored as {target:?}: {why}")))?;
        if let Some(other) = targets.get(&target) {
            return Err(CliError::new(format!(
                "VolumeSnapshots {:?} and {name:?} of group {group:?} would both become PVC {target:?}",
                other.metadata.name.as_deref().unwrap_or_default()
            ))
            .hint("Restore one of them by itself, or give them names of their own with --map OLD:NEW."));
        }
        sources.insert(source);
        targets.insert(target, snapshot);
    }
    if let Some(unknown) = naming.map.keys().find(|old| !sources.contains(*old)) {
        let known: Vec<_> = sources.iter().map(String::as_str).collect();
        return Err(CliError::usage(format!("--map names PVC {unknown:?}, but group {group:?} has no snapshot of it"))
            .hint(format!("It has snapshots of: {}.", known.join(", "))));
    }
    Ok(targets.into_iter().map(|(target, snapshot)| (snapshot, target)).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn snapshot(name: &str, claim: Option<&str>) -> VolumeSnapshot {
        serde_json::from_value(json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
            "metadata": {"name": name}, "spec": {"source": {"persistentVolumeClaimName": claim}}}))
        .unwrap()
    }

    fn said(snapshots: &[(&str, Option<&str>)], map: &[(&str, &str)], suffix: &str) -> String {
        let map = map.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned())).collect();
        let snapshots = snapshots.iter().map(|(name, claim)| snapshot(name, *claim)).collect();
        match targets("g", snapshots, &Naming { map: &map, suffix }) {
            Ok(targets) => {
                let lines = targets.iter().map(|(s, t)| format!("{} to {t}", s.metadata.name.as_deref().unwrap_or("")));
                lines.collect::<Vec<_>>().join(", ")
            }
            Err(error) => format!("{} | {}", error.message, error.hints.join(" | ")),
        }
    }

    #[test]
    fn a_map_goes_before_the_suffix() {
        let two = [("s1", Some("web")), ("s2", Some("db"))];
        assert_eq!(said(&two, &[], ""), "s2 to db, s1 to web");
        assert_eq!(said(&two, &[("db", "old-db")], "-test"), "s2 to old-db, s1 to web-test");
    }

    #[test]
    fn what_cannot_be_named_is_refused() {
        let two = [("s1", Some("web")), ("s2", Some("web"))];
        insta::assert_snapshot!(said(&two, &[], "-x"), @r#"VolumeSnapshots "s1" and "s2" of group "g" would both become PVC "web-x" | Restore one of them by itself, or give them names of their own with --map OLD:NEW."#);
        insta::assert_snapshot!(said(&[("s1", None)], &[], "-x"), @r#"VolumeSnapshot "s1" of group "g" does not tell which PVC it was taken of | Restore it by itself: kubectl backup snapshot restore SNAPSHOT --to PVC"#);
        insta::assert_snapshot!(said(&[("s1", Some("web"))], &[("wbe", "x")], ""), @r#"--map names PVC "wbe", but group "g" has no snapshot of it | It has snapshots of: web."#);
        insta::assert_snapshot!(said(&[("s1", Some("web"))], &[], "_x"), @r#"PVC "web" cannot be restored as "web_x": no object can have the name "web_x": it takes up to 253 lower case letters, digits, '-' and '.', and starts and ends with a letter or digit |"#);
    }
}

//! The PVCs that were or are being restored from a snapshot, of its namespace and of others.

use std::collections::BTreeMap;

use backup_api::snapshot::VolumeSnapshot;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use serde::Serialize;

use super::{
    delete::restored_from,
    filled_from::noted_snapshot,
    lent::{self, Borrower, Seen},
};
use crate::plan::claim;

/// The claims that may have been restored from a namespace's snapshots, as far as they may be listed.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// Those of the namespace.
    pub own: Option<Vec<PersistentVolumeClaim>>,
    /// Those of other namespaces that note a snapshot of the namespace as their source.
    pub elsewhere: Option<Vec<PersistentVolumeClaim>>,
}

/// Where dependants were looked for. Restores that are just under way are found without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Scope {
    /// In all namespaces.
    Cluster,
    /// In the snapshot's namespace.
    Namespace,
    /// Nowhere: PVCs may not be listed.
    None,
}

impl Claims {
    /// Returns where was looked.
    pub fn scope(&self) -> Scope {
        match (&self.own, &self.elsewhere) {
            (None, _) => Scope::None,
            (Some(_), None) => Scope::Namespace,
            (Some(_), Some(_)) => Scope::Cluster,
        }
    }
}

/// A PVC that was or is being restored from the snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dependant {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its phase; not known of one that is still to be made or may not be read.
    pub phase: Option<String>,
    /// Whether it is just being restored into another namespace.
    pub under_way: bool,
}

/// Returns them: first those of the snapshot's namespace, then those of others.
pub fn of(snapshot: &VolumeSnapshot, claims: &Claims, borrowers: &[Borrower], now: Timestamp) -> Vec<Dependant> {
    let mut others: BTreeMap<(String, String), Dependant> = BTreeMap::new();
    let uid = snapshot.metadata.uid.as_deref();
    // By the UID: a snapshot of the same name that was made later has filled none of them.
    let noted = |claim: &&PersistentVolumeClaim| uid.is_some() && noted_snapshot(claim).map(|it| it.uid) == uid;
    for claim in claims.elsewhere.iter().flatten().filter(noted) {
        let found = dependant(claim);
        others.insert((found.namespace.clone(), found.name.clone()), found);
    }
    for borrower in lent::under_way(snapshot, borrowers, now) {
        let Some((namespace, name)) = lent::notes(&borrower.content).and_then(|(_, claim)| claim.split_once('/'))
        else {
            continue;
        };
        let phase = match &borrower.claim {
            Seen::There(claim) => Some(claim::phase(claim).to_owned()),
            Seen::Absent | Seen::Hidden => None,
        };
        let found = Dependant { namespace: namespace.to_owned(), name: name.to_owned(), phase, under_way: true };
        others.insert((found.namespace.clone(), found.name.clone()), found);
    }
    own(snapshot, claims).into_iter().map(dependant).chain(others.into_values()).collect()
}

fn own<'a>(snapshot: &VolumeSnapshot, claims: &'a Claims) -> Vec<&'a PersistentVolumeClaim> {
    let all = claims.own.as_deref().unwrap_or_default();
    let mut restored = restored_from(snapshot.metadata.name.as_deref().unwrap_or_default(), all);
    // A claim that was bound before the snapshot was made was filled from an earlier one of the same name.
    let created = snapshot.metadata.creation_timestamp.as_ref();
    restored.retain(|claim| !claim::is_bound(claim) || claim.metadata.creation_timestamp.as_ref() >= created);
    restored
}

fn dependant(claim: &PersistentVolumeClaim) -> Dependant {
    let [namespace, name] =
        [&claim.metadata.namespace, &claim.metadata.name].map(|part| part.clone().unwrap_or_default());
    Dependant { namespace, name, phase: Some(claim::phase(claim).to_owned()), under_way: false }
}

/// Returns a line for each, in words, and what was not looked at.
pub fn lines(snapshot: &VolumeSnapshot, dependants: &[Dependant], scope: Scope) -> Vec<String> {
    let namespace = snapshot.metadata.namespace.as_deref().unwrap_or_default();
    let mut lines: Vec<String> = dependants
        .iter()
        .map(|it| {
            let place =
                if it.namespace == namespace { String::new() } else { format!(" in namespace {}", it.namespace) };
            let state = it.phase.as_deref().filter(|_| !it.under_way).unwrap_or("under way");
            format!("{}{place} ({state})", it.name)
        })
        .collect();
    match scope {
        Scope::None => lines.push("<unknown>: may not be read".to_owned()),
        // Nothing was ever restored from what was never taken.
        Scope::Namespace if was_taken(snapshot) => {
            if lines.is_empty() {
                lines.push(format!("<none> in namespace {namespace}"));
            }
            lines.push("other namespaces were not looked at: the PVCs of all could not be listed".to_owned());
        }
        Scope::Namespace | Scope::Cluster => {}
    }
    lines
}

fn was_taken(snapshot: &VolumeSnapshot) -> bool {
    let status = snapshot.status.as_ref();
    status.is_some_and(|status| status.ready_to_use == Some(true) || status.creation_time.is_some())
}

#[cfg(test)]
mod tests {
    use backup_api::labels;
    use serde_json::json;

    use super::*;

    fn snapshot(uid: &str, is_ready: bool) -> VolumeSnapshot {
        serde_json::from_value(json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "spec": {},
            "metadata": {"name": "s1", "namespace": "shop", "uid": uid, "creationTimestamp": "2026-11-21T09:00:00Z"},
            "status": {"readyToUse": is_ready}}))
        .unwrap()
    }

    fn claims(own: bool, elsewhere: bool) -> Claims {
        let noted = |namespace: &str, name: &str, from: &str| {
            json!({"metadata": {"name": name, "namespace": namespace, "annotations": {labels::FILLED_FROM: from}},
                "status": {"phase": "Bound"}})
        };
        let all = json!([
            noted("test", "copy", "VolumeSnapshot/shop/s1/u-1"),
            noted("test", "older", "VolumeSnapshot/shop/s1/u-0"),
            noted("test", "clone", "PersistentVolumeClaim/shop/data/u-1"),
            noted("lab", "later", "VolumeSnapshot/shop/s1/u-1"),
        ]);
        let here = json!([{"metadata": {"name": "new", "namespace": "shop", "creationTimestamp": "2026-11-21T09:01:00Z"},
            "spec": {"dataSource": {"kind": "VolumeSnapshot", "name": "s1"}}, "status": {"phase": "Bound"}}]);
        Claims {
            own: own.then(|| serde_json::from_value(here).unwrap()),
            elsewhere: elsewhere.then(|| serde_json::from_value(all).unwrap()),
        }
    }

    fn borrower() -> Borrower {
        let content = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotContent", "spec": {},
            "metadata": {"name": "c2", "annotations": {labels::FILLS: "lab/later", labels::STANDS_FOR: "shop/s1"}}});
        let content = serde_json::from_value(content).unwrap();
        Borrower { content, snapshot: Seen::Hidden, claim: Seen::Hidden }
    }

    fn said(snapshot: &VolumeSnapshot, claims: &Claims, borrowers: &[Borrower]) -> String {
        let dependants = of(snapshot, claims, borrowers, Timestamp::UNIX_EPOCH);
        lines(snapshot, &dependants, claims.scope()).join("\n")
    }

    #[test]
    fn those_of_other_namespaces_are_told_by_their_notes() {
        insta::assert_snapshot!(said(&snapshot("u-1", true), &claims(true, true), &[]), @r"
        new (Bound)
        later in namespace lab (Bound)
        copy in namespace test (Bound)
        ");
        // One that is under way is told once.
        insta::assert_snapshot!(said(&snapshot("u-1", true), &claims(true, true), &[borrower()]), @r"
        new (Bound)
        later in namespace lab (under way)
        copy in namespace test (Bound)
        ");
    }

    #[test]
    fn a_later_snapshot_of_the_same_name_inherits_none() {
        let mut later = claims(true, true);
        later.own = Some(Vec::new());
        assert_eq!(said(&snapshot("u-2", true), &later, &[]), "");
        insta::assert_snapshot!(said(&snapshot("u-0", true), &later, &[]), @"older in namespace test (Bound)");
    }

    #[test]
    fn what_was_not_looked_at_is_said_where_something_may_be_there() {
        insta::assert_snapshot!(said(&snapshot("u-1", true), &claims(true, false), &[]), @r"
        new (Bound)
        other namespaces were not looked at: the PVCs of all could not be listed
        ");
        let none = Claims { own: Some(Vec::new()), elsewhere: None };
        insta::assert_snapshot!(said(&snapshot("u-1", true), &none, &[]), @r"
        <none> in namespace shop
        other namespaces were not looked at: the PVCs of all could not be listed
        ");
        assert_eq!(said(&snapshot("u-1", false), &none, &[]), "", "nothing was taken");
        insta::assert_snapshot!(said(&snapshot("u-1", true), &Claims::default(), &[borrower()]), @r"
        later in namespace lab (under way)
        <unknown>: may not be read
        ");
    }

    #[test]
    fn programs_get_the_same() {
        let found = of(&snapshot("u-1", true), &claims(true, false), &[borrower()], Timestamp::UNIX_EPOCH);
        insta::assert_snapshot!(json!(found).to_string(), @r#"[{"name":"new","namespace":"shop","phase":"Bound","underWay":false},{"name":"later","namespace":"lab","phase":null,"underWay":true}]"#);
        let scopes = [claims(true, true), claims(true, false), Claims::default()].map(|claims| claims.scope());
        insta::assert_snapshot!(json!(scopes).to_string(), @r#"["Cluster","Namespace","None"]"#);
    }
}

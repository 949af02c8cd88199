//! With which owners a PVC is made again. The garbage collector deletes a PVC whose owners do not exist with the uids that
//! it names, and the volume may go with it: an owner that is not known to be there is left out.

use k8s_openapi::{api::core::v1::PersistentVolumeClaim, apimachinery::pkg::apis::meta::v1::OwnerReference};

/// What is seen of an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerSeen {
    /// There is none of the name, or none of the kind.
    Absent,
    /// One of the name is there.
    There {
        /// Its uid.
        uid: String,
        /// Whether its deletion was asked for.
        deleting: bool,
    },
    /// Nobody knows: it may not be read.
    Hidden,
}

/// Returns the owners to make the PVC with, and of each other one why it is left out, in words that follow the PVC's name.
pub fn kept_owners(seen: Vec<(OwnerReference, OwnerSeen)>) -> (Vec<OwnerReference>, Vec<String>) {
    let mut kept = Vec::new();
    let mut left_out = Vec::new();
    for (owner, seen) in seen {
        let why = match seen {
            OwnerSeen::There { uid, deleting: false } if uid == owner.uid => {
                kept.push(owner);
                continue;
            }
            OwnerSeen::There { uid, .. } if uid == owner.uid => "which is being deleted",
            OwnerSeen::There { .. } => "which is gone; the one of that name is another",
            OwnerSeen::Absent => "which is gone",
            OwnerSeen::Hidden => "of which you may not read whether it is gone",
        };
        left_out.push(format!(
            "is made without its owner {}/{}, {why}: Kubernetes deletes a PVC whose owners are gone",
            owner.kind.to_lowercase(),
            owner.name
        ));
    }
    (kept, left_out)
}

/// Lets the PVC hold up no owner's deletion: only who may change the owner's finalizers may make one that does. Returns
/// whether it did.
pub fn let_owners_go(claim: &mut PersistentVolumeClaim) -> bool {
    let owners = claim.metadata.owner_references.iter_mut().flatten();
    let mut holds = false;
    for owner in owners {
        holds |= owner.block_owner_deletion.take() == Some(true);
    }
    holds
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn owner(kind: &str) -> OwnerReference {
        serde_json::from_value(json!({"apiVersion": "example.com/v1", "kind": kind, "name": "db", "uid": "d1",
            "controller": true, "blockOwnerDeletion": true}))
        .unwrap()
    }

    fn there(uid: &str, deleting: bool) -> OwnerSeen {
        OwnerSeen::There { uid: uid.into(), deleting }
    }

    #[test]
    fn only_an_owner_that_is_there_with_its_uid_is_kept() {
        let said = |seen: OwnerSeen| {
            let (kept, left_out) = kept_owners(vec![(owner("Database"), seen)]);
            assert_eq!(kept.len() + left_out.len(), 1);
            left_out.join("")
        };
        assert_eq!(said(there("d1", false)), "");
        insta::assert_snapshot!(said(there("d2", false)), @"is made without its owner database/db, which is gone; the one of that name is another: Kubernetes deletes a PVC whose owners are gone");
        insta::assert_snapshot!(said(there("d1", true)), @"is made without its owner database/db, which is being deleted: Kubernetes deletes a PVC whose owners are gone");
        insta::assert_snapshot!(said(OwnerSeen::Absent), @"is made without its owner database/db, which is gone: Kubernetes deletes a PVC whose owners are gone");
        insta::assert_snapshot!(said(OwnerSeen::Hidden), @"is made without its owner database/db, of which you may not read whether it is gone: Kubernetes deletes a PVC whose owners are gone");
        let both = vec![(owner("Database"), OwnerSeen::Absent), (owner("StatefulSet"), there("d1", false))];
        assert_eq!(kept_owners(both).0, [owner("StatefulSet")]);
    }

    #[test]
    fn a_pvc_can_be_made_that_holds_up_no_owner() {
        let mut claim = PersistentVolumeClaim::default();
        assert!(!let_owners_go(&mut claim));
        claim.metadata.owner_references = Some(vec![owner("Database")]);
        assert!(let_owners_go(&mut claim));
        let owner = claim.metadata.owner_references.as_ref().unwrap().first().unwrap();
        assert_eq!((owner.block_owner_deletion, owner.controller), (None, Some(true)));
        assert!(!let_owners_go(&mut claim), "once is enough");
    }
}

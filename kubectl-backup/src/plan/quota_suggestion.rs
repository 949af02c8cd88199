//! Which objects to delete when a quota is full: what is of the least use, and never a PVC's last ready snapshot.

use std::collections::{BTreeMap, BTreeSet};

use backup_policy::quota::{Key, free_command};
use jiff::Timestamp;

use crate::output::visible;

/// How many are suggested.
const SUGGESTED: usize = 3;
/// What of a driver's message is shown.
const MESSAGE: usize = 80;

/// An object that takes a slot.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Which one.
    pub key: Key,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// What it is of; nothing where objects are not snapshots of a PVC.
    pub snapshot: Option<Snapshot>,
}

/// What tells of how much use a snapshot is.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The PVC's name.
    pub claim: String,
    /// Whether it can be restored.
    pub ready: bool,
    /// The driver's message, when it failed.
    pub error: Option<String>,
}

/// PVCs that exist, by namespace and name; nothing when they may not be listed.
pub type Claims = Option<BTreeSet<(String, String)>>;

/// Something to delete, and why that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// The command.
    pub command: String,
    /// The reason.
    pub why: String,
}

/// The order in which objects go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    Failed,
    OfDeletedClaim,
    Superseded,
    Oldest,
}

/// What to delete first. Objects that are being deleted already are not given.
pub fn suggest(resource: &str, candidates: &[Candidate], claims: &Claims) -> Vec<Suggestion> {
    let newest = newest_ready(candidates);
    let mut found: Vec<_> = candidates
        .iter()
        .filter_map(|candidate| judge(candidate, &newest, claims).map(|(use_, why)| (use_, candidate, why)))
        .collect();
    found.sort_by(|(a, left, _), (b, right, _)| (a, left.created, &left.key).cmp(&(b, right.created, &right.key)));
    let told = |(_, candidate, why): (Use, &Candidate, String)| Suggestion {
        command: free_command(resource, &candidate.key),
        why,
    };
    found.into_iter().take(SUGGESTED).map(told).collect()
}

/// The newest ready snapshot of each PVC: the one that is kept.
fn newest_ready(candidates: &[Candidate]) -> BTreeMap<(&str, &str), &Candidate> {
    let mut newest: BTreeMap<_, &Candidate> = BTreeMap::new();
    for candidate in candidates {
        let Some(snapshot) = candidate.snapshot.as_ref().filter(|snapshot| snapshot.ready) else { continue };
        let of = (candidate.key.namespace.as_str(), snapshot.claim.as_str());
        let known = newest.entry(of).or_insert(candidate);
        if (candidate.created, &candidate.key) > (known.created, &known.key) {
            *known = candidate;
        }
    }
    newest
}

fn judge(candidate: &Candidate, newest: &BTreeMap<(&str, &str), &Candidate>, claims: &Claims) -> Option<(Use, String)> {
    let Some(snapshot) = &candidate.snapshot else { return Some((Use::Oldest, "the oldest".to_owned())) };
    if !snapshot.ready {
        // One that is being taken has no error, and is of use soon.
        let error = snapshot.error.as_deref()?;
        let cut: String = visible(error).chars().take(MESSAGE).collect();
        return Some((Use::Failed, format!("it failed: {cut}")));
    }
    let of = (candidate.key.namespace.as_str(), snapshot.claim.as_str());
    let newer = newest.get(&of).filter(|newest| newest.key != candidate.key)?;
    let gone = claims.as_ref().is_some_and(|claims| !claims.contains(&(of.0.to_owned(), of.1.to_owned())));
    Some(if gone {
        (
            Use::OfDeletedClaim,
            format!("its PVC {} is gone, and {} is newer", visible(&snapshot.claim), visible(&newer.key.name)),
        )
    } else {
        (Use::Superseded, format!("{} of the same PVC is newer", visible(&newer.key.name)))
    })
}

#[cfg(test)]
mod tests {
    use backup_policy::config::resource::{SCHEDULES, VOLUME_SNAPSHOTS};

    use super::*;

    fn snapshot(name: &str, hour: i64, claim: &str, ready: bool, error: Option<&str>) -> Candidate {
        Candidate {
            key: Key { namespace: "shop".into(), name: name.into() },
            created: Timestamp::from_second(hour * 3600).ok(),
            snapshot: Some(Snapshot { claim: claim.into(), ready, error: error.map(str::to_owned) }),
        }
    }

    fn told(candidates: &[Candidate], claims: &Claims) -> String {
        let lines = suggest(VOLUME_SNAPSHOTS, candidates, claims).into_iter();
        lines.map(|one| format!("{} ({})", one.command, one.why)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_is_of_no_use_goes_first_and_a_last_one_never() {
        let candidates = [
            snapshot("db-1", 1, "db", true, None),
            snapshot("db-2", 5, "db", true, None),
            snapshot("web-only", 0, "web", true, None),
            snapshot("old-1", 2, "old", true, None),
            snapshot("old-2", 3, "old", true, None),
            snapshot("broken", 9, "db", false, Some("no space\nleft")),
            snapshot("taken", 9, "db", false, None),
        ];
        let claims = Some([("shop", "db"), ("shop", "web")].map(|(a, b)| (a.to_owned(), b.to_owned())).into());
        insta::assert_snapshot!(told(&candidates, &claims), @"kubectl backup snapshot delete broken -n shop (it failed: no space
left)
kubectl backup snapshot delete old-1 -n shop (its PVC old is gone, and old-2 is newer)
kubectl backup snapshot delete db-1 -n shop (db-2 of the same PVC is newer)");
        insta::assert_snapshot!(told(&candidates, &None), @"kubectl backup snapshot delete broken -n shop (it failed: no space
left)
kubectl backup snapshot delete db-1 -n shop (db-2 of the same PVC is newer)
kubectl backup snapshot delete old-1 -n shop (old-2 of the same PVC is newer)");
        assert_eq!(told(&candidates[2..3], &claims), "", "the last ready one of its PVC");
        assert_eq!(told(&candidates[2..3], &Some(BTreeSet::new())), "", "also when its PVC is gone");
    }

    #[test]
    fn of_other_objects_the_oldest_goes() {
        let schedule = |name: &str, hour| Candidate { snapshot: None, ..snapshot(name, hour, "", false, None) };
        let found = suggest(SCHEDULES, &[schedule("b", 2), schedule("a", 1)], &None);
        assert_eq!(found[0].command, "kubectl delete schedules.velero.io a -n shop");
    }
}

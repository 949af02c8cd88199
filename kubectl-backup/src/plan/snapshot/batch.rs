//! Names for snapshots that are taken together, and whether there is room for them.

use std::collections::BTreeSet;

use backup_api::{labels, snapshot::VolumeSnapshot};
use jiff::Timestamp;

use super::name;
use crate::{
    error::{CliError, Result},
    output::age,
    plan::quota::Usage,
};

/// Holders that a refusal names, at most.
const NAMED: usize = 20;
/// How the webhook begins whatever it says of the quota.
const QUOTA: &str = "cluster quota volumesnapshots: ";
const PARTIAL: &str = "--partial takes as many as fit, and names the rest.";

/// Returns a name for a snapshot of each claim, all different: names that were shortened may have become equal.
pub fn names(claims: &[String], now: Timestamp) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut names = Vec::new();
    for claim in claims {
        let first = name::derive(claim, now);
        let free = (1..).map(|attempt| name::again(&first, attempt)).find(|name| !taken.contains(name));
        let name = free.unwrap_or(first);
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

/// Returns the name of a group, `<stem>-<UTC time>`: a label has room for it.
pub fn group(stem: &str, now: Timestamp) -> String {
    name::derive(stem, now)
}

/// How many of the wanted snapshots fit. `partial` is whether a part will do, where that can be said.
///
/// # Errors
/// When none does, or not all do and a part will not do. The error names who holds the slots.
pub fn fitting(wanted: usize, usage: &Usage, partial: Option<bool>, now: Timestamp) -> Result<usize> {
    let Some(free) = usage.free() else { return Ok(wanted) };
    if wanted <= free || (partial == Some(true) && free > 0) {
        return Ok(wanted.min(free));
    }
    let mut error = no_room(wanted, free, usage.used().unwrap_or_default(), usage.limit);
    let holders = usage.oldest();
    if !holders.is_empty() {
        let mut named: Vec<String> = holders
            .iter()
            .take(NAMED)
            .map(|(key, created)| format!("{}/{} ({})", key.namespace, key.name, age::since(*created, now)))
            .collect();
        if holders.len() > NAMED {
            named.push(format!("and {} more", holders.len() - NAMED));
        }
        error = error.hint(format!("The slots are held by, oldest first: {}", named.join(", ")));
        error = error.hint(capital(&usage.way_out()));
    } else {
        error = error.hint("See who holds the slots with: kubectl backup quota");
    }
    Err(if free > 0 && partial.is_some() { error.hint(PARTIAL) } else { error })
}

fn no_room(wanted: usize, free: usize, used: usize, limit: u32) -> CliError {
    let room = match (free, wanted) {
        (0, 1) => "no room for another".to_owned(),
        (0, _) => format!("no room for any of the {wanted} that are asked for"),
        _ => format!("room for {free} of the {wanted} that are asked for"),
    };
    CliError::new(format!(
        "the cluster's quota of volumesnapshots has {room} ({used} of {limit} used): nothing was created"
    ))
}

/// What is sent as a dry run to ask the webhook whether there is room for so many, of which the snapshot is one.
pub fn trial(snapshot: &VolumeSnapshot, wanted: usize) -> VolumeSnapshot {
    let mut trial = snapshot.clone();
    trial.metadata.annotations.get_or_insert_default().insert(labels::BATCH.to_owned(), wanted.to_string());
    trial
}

/// Whether an error is a refusal of the quota of snapshots.
pub fn is_of_quota(error: &CliError) -> bool {
    matches!(error.code, Some(403 | 429)) && error.message.contains(QUOTA)
}

/// The refusal of the wanted snapshots by what the webhook said to a dry run, in the words of [`fitting`]. Nothing when that
/// says only that it is not known now whether there is room.
pub fn refused(wanted: usize, said: CliError, partial: Option<bool>) -> Option<CliError> {
    let (_, words) = said.message.split_once(QUOTA)?;
    let offered = |error: CliError, free: usize| {
        if free > 0 && partial.is_some() { error.hint(PARTIAL) } else { error }
    };
    if let Some(most) = at_most(words).filter(|most| *most < wanted) {
        let error = CliError::new(format!(
            "the cluster's quota of volumesnapshots has room for at most {most}, and {wanted} are asked for: nothing was \
             created"
        ));
        return Some(offered(error, most));
    }
    let room = numbers(words).and_then(|(used, limit, rest)| {
        let free = usize::try_from(limit).ok()?.saturating_sub(used);
        (free < wanted).then_some((free, used, limit, rest))
    });
    let Some((free, used, limit, rest)) = room else {
        // The quota is being set up, or could not be looked at in time: soon it may let all of them pass.
        return (said.code != Some(429)).then(|| said.hint("Nothing was created."));
    };
    let mut error = no_room(wanted, free, used, limit);
    let rest = if rest.starts_with(", room for ") { rest.split_once('.').map_or("", |(_, rest)| rest) } else { rest };
    let rest = rest.trim_start_matches([',', '.', ' ']);
    if let Some((holders, way_out)) = rest.strip_prefix("Holders: ").and_then(|rest| rest.split_once(". ")) {
        error = error.hint(format!("The slots are held by, oldest first: {holders}"));
        error = error.hint(way_out.replacen("Free one", "Free a slot", 1));
    } else if !rest.is_empty() {
        error = error.hint(capital(rest));
    }
    if free > 0 && rest.contains(" in other namespaces") {
        error = error.hint("Whoever may list what other namespaces hold sees it with: kubectl backup quota");
    }
    Some(offered(error, free))
}

/// Reads `room for at most LIMIT`.
fn at_most(words: &str) -> Option<usize> {
    words.strip_prefix("room for at most ")?.split_once(',')?.0.parse().ok()
}

/// Reads `USED/LIMIT used`, and what stands behind it.
fn numbers(words: &str) -> Option<(usize, u32, &str)> {
    let (used, rest) = words.split_once('/')?;
    let (limit, rest) = rest.split_once(" used")?;
    Some((used.parse().ok()?, limit.parse().ok()?, rest))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use backup_ledger::Refusal;
    use backup_policy::{
        config::resource::VOLUME_SNAPSHOTS,
        quota::{Holder, Key, Several, refusal_beyond_limit, refusal_of_several},
    };
    use serde_json::json;

    use super::*;
    use crate::plan::quota::{Ledger, Objects};

    fn now() -> Timestamp {
        "2026-11-21T09:05:00Z".parse().unwrap()
    }

    fn usage(limit: u32, objects: Objects) -> Usage {
        Usage { resource: VOLUME_SNAPSHOTS.into(), limit, objects, ledger: Ledger::Absent }
    }

    fn held(count: usize) -> Objects {
        let objects: Vec<_> = (0..count)
            .map(|day| {
                json!({"metadata": {"name": format!("s{day}"), "namespace": "shop",
                    "creationTimestamp": format!("2026-11-{:02}T09:00:00Z", day + 1)}, "spec": {"source": {}}})
            })
            .collect();
        Objects::Listed(serde_json::from_value(json!(objects)).unwrap())
    }

    fn told(wanted: usize, usage: &Usage, partial: bool) -> String {
        match fitting(wanted, usage, Some(partial), now()) {
            Ok(count) => count.to_string(),
            Err(error) => format!("{} | {}", error.message, error.hints.join(" | ")),
        }
    }

    #[test]
    fn all_or_nothing_unless_a_part_will_do() {
        assert_eq!(told(3, &usage(10, held(7)), false), "3");
        assert_eq!(told(3, &usage(10, held(8)), true), "2");
        insta::assert_snapshot!(told(3, &usage(10, held(8)), false), @"the cluster's quota of volumesnapshots has room for 2 of the 3 that are asked for (8 of 10 used): nothing was created | The slots are held by, oldest first: shop/s0 (20d), shop/s1 (19d), shop/s2 (18d), shop/s3 (17d), shop/s4 (16d), shop/s5 (15d), shop/s6 (14d), shop/s7 (13d) | Free a slot, for example: kubectl backup snapshot delete s0 -n shop | --partial takes as many as fit, and names the rest.");
        insta::assert_snapshot!(told(1, &usage(2, held(2)), true), @"the cluster's quota of volumesnapshots has no room for another (2 of 2 used): nothing was created | The slots are held by, oldest first: shop/s0 (20d), shop/s1 (19d) | Free a slot, for example: kubectl backup snapshot delete s0 -n shop");
        insta::assert_snapshot!(told(2, &usage(1, held(22)), false), @"the cluster's quota of volumesnapshots has no room for any of the 2 that are asked for (22 of 1 used): nothing was created | The slots are held by, oldest first: shop/s0 (20d), shop/s1 (19d), shop/s2 (18d), shop/s3 (17d), shop/s4 (16d), shop/s5 (15d), shop/s6 (14d), shop/s7 (13d), shop/s8 (12d), shop/s9 (11d), shop/s10 (10d), shop/s11 (9d), shop/s12 (8d), shop/s13 (7d), shop/s14 (6d), shop/s15 (5d), shop/s16 (4d), shop/s17 (3d), shop/s18 (2d), shop/s19 (24h), and 2 more | Free a slot, for example: kubectl backup snapshot delete s0 -n shop");
    }

    #[test]
    fn where_a_part_never_does_it_is_not_offered() {
        let error = fitting(3, &usage(10, held(8)), None, now()).unwrap_err();
        assert!(!error.hints.iter().any(|hint| hint.contains("--partial")), "{:?}", error.hints);
    }

    #[test]
    fn what_cannot_be_counted_is_left_to_the_server() {
        assert_eq!(told(30, &usage(1, Objects::Forbidden), false), "30");
    }

    /// What the plugin makes of what the webhook says: that is `backup_policy::quota`'s and `backup_ledger`'s.
    fn told_by_webhook(wanted: usize, code: u16, words: &str, partial: Option<bool>) -> String {
        let mut said =
            CliError::new(format!("admission webhook \"quota.kubectl-backup.dev\" denied the request: {words}"));
        said.code = Some(code);
        assert!(is_of_quota(&said));
        let error = refused(wanted, said, partial);
        error.map_or_else(|| "go on".to_owned(), |error| format!("{} | {}", error.message, error.hints.join(" | ")))
    }

    #[test]
    fn the_webhooks_refusal_of_a_dry_run_is_told_like_one_beforehand() {
        let told = told_by_webhook;
        let holder = |name: &str, day: u32, deleting: bool| Holder {
            key: Key { namespace: "shop".into(), name: name.into() },
            created: format!("2026-11-{day:02}T09:00:00Z").parse().ok(),
            deleting,
        };
        let full_in = |namespace, limit, holders: &[Holder], wanted| {
            refusal_of_several(VOLUME_SNAPSHOTS, limit, holders, Several { wanted, namespace }, now())
        };
        let full = |limit, holders: &[Holder], wanted| full_in("shop", limit, holders, wanted);
        let two = [holder("a.b", 20, true), holder("c", 19, false)];
        insta::assert_snapshot!(told(3, 403, &full(4, &two, 3), Some(false)), @"the cluster's quota of volumesnapshots has room for 2 of the 3 that are asked for (2 of 4 used): nothing was created | The slots are held by, oldest first: shop/c (2d), shop/a.b (1d, being deleted) | Free a slot, for example: kubectl backup snapshot delete c -n shop | --partial takes as many as fit, and names the rest.");
        insta::assert_snapshot!(told(3, 403, &full(4, &two, 3), None), @"the cluster's quota of volumesnapshots has room for 2 of the 3 that are asked for (2 of 4 used): nothing was created | The slots are held by, oldest first: shop/c (2d), shop/a.b (1d, being deleted) | Free a slot, for example: kubectl backup snapshot delete c -n shop");
        insta::assert_snapshot!(told(3, 403, &full(2, &two, 1), Some(true)), @"the cluster's quota of volumesnapshots has no room for any of the 3 that are asked for (2 of 2 used): nothing was created | The slots are held by, oldest first: shop/c (2d), shop/a.b (1d, being deleted) | Free a slot, for example: kubectl backup snapshot delete c -n shop");
        insta::assert_snapshot!(told(1, 403, &full(1, &two[..1], 1), Some(false)), @"the cluster's quota of volumesnapshots has no room for another (1 of 1 used): nothing was created | The slots are held by, oldest first: shop/a.b (1d, being deleted) | All of them are being deleted: wait until one is gone");
        insta::assert_snapshot!(told(3, 403, &full(2, &[], 3), Some(false)), @"the cluster's quota of volumesnapshots has room for 2 of the 3 that are asked for (0 of 2 used): nothing was created | --partial takes as many as fit, and names the rest.");
        insta::assert_snapshot!(told(3, 403, &full(0, &[], 3), Some(false)), @"the cluster's quota of volumesnapshots has no room for any of the 3 that are asked for (0 of 0 used): nothing was created | The policy allows none");
        let soon = Refusal::AwaitingOutcome { limit: 10, used: 9, pending: 2 };
        insta::assert_snapshot!(told(3, 429, &format!("cluster quota volumesnapshots: {soon}"), Some(false)), @"the cluster's quota of volumesnapshots has room for 1 of the 3 that are asked for (9 of 10 used): nothing was created | 2 of them by creates whose outcome is not known yet; try again in a moment | --partial takes as many as fit, and names the rest.");
        // While a slot is free others' objects are not named.
        let mut other = holder("x", 18, false);
        other.key.namespace = "bank".into();
        let mixed = [two[0].clone(), two[1].clone(), other];
        insta::assert_snapshot!(told(3, 403, &full(5, &mixed, 3), Some(false)), @"the cluster's quota of volumesnapshots has room for 2 of the 3 that are asked for (3 of 5 used): nothing was created | The slots are held by, oldest first: shop/c (2d), shop/a.b (1d, being deleted), and 1 in other namespaces | Free a slot, for example: kubectl backup snapshot delete c -n shop | Whoever may list what other namespaces hold sees it with: kubectl backup quota | --partial takes as many as fit, and names the rest.");
        insta::assert_snapshot!(told(3, 403, &full_in("depot", 5, &mixed, 3), None), @"the cluster's quota of volumesnapshots has room for 2 of the 3 that are asked for (3 of 5 used): nothing was created | The slots are held in other namespaces | Whoever may list what other namespaces hold sees it with: kubectl backup quota");
        insta::assert_snapshot!(told(11, 403, &refusal_beyond_limit(VOLUME_SNAPSHOTS, 10, 11), Some(false)), @"the cluster's quota of volumesnapshots has room for at most 10, and 11 are asked for: nothing was created | --partial takes as many as fit, and names the rest.");
    }

    #[test]
    fn where_the_webhook_does_not_know_now_the_server_decides_on_each() {
        let told = |code, refusal: &dyn std::fmt::Display| {
            told_by_webhook(3, code, &format!("cluster quota volumesnapshots: {refusal}"), Some(false))
        };
        for soon in [Refusal::Initializing, Refusal::TimedOut, Refusal::Overloaded] {
            assert_eq!(told(429, &soon), "go on", "{soon}");
        }
        assert_eq!(told(429, &"the names in the request are longer than Kubernetes allows"), "go on");
        assert!(told(403, &Refusal::Uncountable).ends_with("| Nothing was created."), "that does not pass by itself");
    }

    #[test]
    fn what_else_refuses_a_dry_run_is_no_matter_of_the_quota() {
        let is_it = |code: Option<u16>, message: &str| is_of_quota(&CliError { code, ..CliError::new(message) });
        assert!(!is_it(
            Some(403),
            "volumesnapshots is forbidden: exceeded quota: few, requested: count/volumesnapshots=1"
        ));
        assert!(!is_it(Some(422), "admission webhook denied the request: cluster quota volumesnapshots: no"));
        assert!(!is_it(None, "failed to create: cluster quota volumesnapshots: cannot reach the server"));
    }

    #[test]
    fn a_trial_is_one_of_them_and_says_how_many_there_are() {
        let snapshot: VolumeSnapshot = serde_json::from_value(json!({"apiVersion": "snapshot.storage.k8s.io/v1",
            "kind": "VolumeSnapshot", "metadata": {"name": "a", "annotations": {"note": "kept"}},
            "spec": {"source": {"persistentVolumeClaimName": "data"}}}))
        .unwrap();
        let sent = json!(trial(&snapshot, 7));
        assert_eq!(sent["metadata"]["annotations"], json!({"note": "kept", "kubectl-backup.dev/batch": "7"}));
        assert_eq!(sent["spec"], json!(snapshot)["spec"]);
    }

    #[test]
    fn names_that_were_shortened_stay_different() {
        let long = |middle: &str| format!("{}{middle}{}", "a".repeat(60), "b".repeat(60));
        let names = names(&[long("x"), "web".to_owned(), long("y"), long("z")], now());
        let different: BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), 4, "{names:?}");
        assert!(names.iter().all(|name| name.len() <= 63));
        assert_eq!(names[1], "web-20261121090500");
        assert!(group(&"g".repeat(63), now()).len() <= 63);
    }
}

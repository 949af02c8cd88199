//! Which snapshots of each PVC stay and which go.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use backup_api::{labels, snapshot::VolumeSnapshot};
use jiff::{Timestamp, civil::ISOWeekDate, tz::TimeZone};

use super::{origin::Standing, owner, preprovisioned::is_temporary, table::ready};
use crate::output::{Column, Table, age};

/// What stays. A snapshot that no rule keeps goes; the last ready one of a PVC stays whatever the rules say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// So many of the newest.
    pub newest: usize,
    /// The newest of each of so many days (UTC) that have one.
    pub daily: usize,
    /// The newest of each of so many weeks (ISO, UTC) that have one.
    pub weekly: usize,
    /// The newest of each of so many months (UTC) that have one.
    pub monthly: usize,
    /// Everything that is not older.
    pub younger_than: Option<Duration>,
    /// Whether what another controller owns is chosen from too.
    pub with_owned: bool,
}

/// Why a snapshot stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// One of the newest.
    Newest,
    /// The newest of its day.
    Daily,
    /// The newest of its week.
    Weekly,
    /// The newest of its month.
    Monthly,
    /// Not old enough.
    Young,
    /// Nothing else could be restored of its PVC.
    LastReady,
    /// Not ready: under way, failed, or being deleted. It stands in for nothing, and is not counted.
    NotReady,
    /// Taken before a rollback: newer than what was gone back to, and not what is wanted. It stands in for nothing.
    BeforeRollback,
    /// Something needs it now.
    InUse,
    /// Another controller made it and sees to it; which one. It stands in for nothing.
    Owned(String),
    /// Of no PVC of the cluster: made from what was on the storage, so that none of them stands in for another.
    OfNoClaim,
}

impl Kept {
    fn words(&self) -> Cow<'static, str> {
        let words = match self {
            Self::Newest => "one of the newest",
            Self::Daily => "newest of its day",
            Self::Weekly => "newest of its week",
            Self::Monthly => "newest of its month",
            Self::Young => "not old enough",
            Self::LastReady => "last ready one of its PVC",
            Self::NotReady => "not ready, so not counted",
            Self::BeforeRollback => "taken before a rollback, so not counted",
            Self::InUse => "needed now",
            Self::Owned(owner) => return format!("owned by {owner}, so not counted").into(),
            Self::OfNoClaim => "of no PVC",
        };
        words.into()
    }
}

/// A snapshot and what becomes of it.
#[derive(Clone, Debug)]
pub struct Fate {
    /// The snapshot.
    pub snapshot: VolumeSnapshot,
    /// Why it stays; `None` when it goes.
    pub kept: Option<Kept>,
}

/// Decides on all snapshots, each PVC by itself, the newest first.
pub fn plan(snapshots: Vec<VolumeSnapshot>, rules: &Rules, now: Timestamp) -> Vec<Fate> {
    let mut of_claim: BTreeMap<Option<String>, Vec<VolumeSnapshot>> = BTreeMap::new();
    // What a clone needs for a while is no history.
    for snapshot in snapshots.into_iter().filter(|snapshot| !is_temporary(&snapshot.metadata)) {
        of_claim.entry(snapshot.spec.source.persistent_volume_claim_name.clone()).or_default().push(snapshot);
    }
    let unclaimed = of_claim.remove(&None).unwrap_or_default();
    let unclaimed = unclaimed.into_iter().map(|snapshot| Fate { snapshot, kept: Some(Kept::OfNoClaim) });
    unclaimed.chain(of_claim.into_values().flat_map(|snapshots| of_one(snapshots, rules, now))).collect()
}

fn of_one(mut snapshots: Vec<VolumeSnapshot>, rules: &Rules, now: Timestamp) -> Vec<Fate> {
    // Names break ties of one second, so that the same question has the same answer.
    snapshots.sort_by(|a, b| created(b).cmp(&created(a)).then_with(|| b.metadata.name.cmp(&a.metadata.name)));
    let (mut seen, mut days, mut weeks, mut months) = (0, Vec::new(), Vec::new(), Vec::new());
    let fates = snapshots.into_iter().map(|snapshot| {
        let kept = if let Some(owner) = owner::of(&snapshot).filter(|_| !rules.with_owned) {
            Some(Kept::Owned(owner))
        } else if ready(&snapshot, Standing::Unknown) != "true" {
            Some(Kept::NotReady)
        } else if snapshot.metadata.labels.as_ref().is_some_and(|all| all.contains_key(labels::SAFETY)) {
            Some(Kept::BeforeRollback)
        } else {
            seen += 1;
            let taken = created(&snapshot);
            let is_daily = is_newest_of(&mut days, day(taken), rules.daily);
            let is_weekly = is_newest_of(&mut weeks, week(taken), rules.weekly);
            let is_monthly = is_newest_of(&mut months, month(taken), rules.monthly);
            let is_young = rules.younger_than.is_some_and(|limit| {
                let age = now.as_second().saturating_sub(taken.as_second());
                u64::try_from(age).map_or(true, |age| age <= limit.as_secs())
            });
            match () {
                () if seen <= rules.newest => Some(Kept::Newest),
                () if is_daily => Some(Kept::Daily),
                () if is_weekly => Some(Kept::Weekly),
                () if is_monthly => Some(Kept::Monthly),
                () if is_young => Some(Kept::Young),
                () if seen == 1 => Some(Kept::LastReady),
                () => None,
            }
        };
        Fate { snapshot, kept }
    });
    fates.collect()
}

/// Keeps what was to go and may not: all but the free ones.
pub fn keep_all_but(fates: &mut [Fate], free: &[VolumeSnapshot]) {
    let is_free = |fate: &Fate| free.iter().any(|free| free.metadata.uid == fate.snapshot.metadata.uid);
    for fate in fates.iter_mut().filter(|fate| fate.kept.is_none()) {
        if !is_free(fate) {
            fate.kept = Some(Kept::InUse);
        }
    }
}

/// Returns which of the snapshots that were confirmed still go by what was decided since, and what is told of the others.
pub fn agreed(fates: &[Fate], confirmed: &[VolumeSnapshot]) -> (Vec<VolumeSnapshot>, Vec<String>) {
    let (mut agreed, mut remarks) = (Vec::new(), Vec::new());
    for old in confirmed {
        let name = old.metadata.name.as_deref().unwrap_or_default();
        let why: Cow<'static, str> = match fates.iter().find(|fate| fate.snapshot.metadata.uid == old.metadata.uid) {
            Some(Fate { snapshot, kept: None }) => {
                agreed.push(snapshot.clone());
                continue;
            }
            Some(Fate { kept: Some(kept), .. }) => kept.words(),
            None => "it is not one to choose from".into(),
        };
        remarks.push(format!("left out: {name}, since the snapshots have changed meanwhile: {why}"));
    }
    (agreed, remarks)
}

/// Returns whether it is the first of its period, and that period one of those that count.
fn is_newest_of<T: PartialEq>(periods: &mut Vec<T>, period: T, count: usize) -> bool {
    if periods.contains(&period) {
        return false;
    }
    periods.push(period);
    periods.len() <= count
}

fn created(snapshot: &VolumeSnapshot) -> Timestamp {
    snapshot.metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0)
}

fn day(time: Timestamp) -> jiff::civil::Date {
    time.to_zoned(TimeZone::UTC).date()
}

fn week(time: Timestamp) -> (i16, i8) {
    let week: ISOWeekDate = day(time).iso_week_date();
    (week.year(), week.week())
}

fn month(time: Timestamp) -> (i16, i8) {
    let day = day(time);
    (day.year(), day.month())
}

/// Returns the plan as a table.
pub fn table(fates: &[Fate], now: Timestamp) -> Table {
    let mut columns = ["PVC", "SNAPSHOT"].map(Column::new).to_vec();
    columns.push(Column::yielding("AGE"));
    columns.extend(["FATE", "WHY"].map(Column::new));
    let mut table = Table::new(columns);
    for Fate { snapshot, kept } in fates {
        let (fate, why) = kept.as_ref().map_or(("delete", "no rule keeps it".into()), |kept| ("keep", kept.words()));
        table.row(vec![
            snapshot.spec.source.persistent_volume_claim_name.clone().unwrap_or_else(|| "<none>".into()),
            snapshot.metadata.name.clone().unwrap_or_default(),
            age::since(snapshot.metadata.creation_timestamp.as_ref().map(|time| time.0), now),
            fate.to_owned(),
            why.into_owned(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const NOW: &str = "2026-11-21T12:00:00Z";

    fn snapshot(claim: &str, name: &str, created: &str, is_ready: bool) -> VolumeSnapshot {
        serde_json::from_value(json!({"apiVersion": "v1", "kind": "VolumeSnapshot",
            "metadata": {"name": name, "creationTimestamp": created},
            "spec": {"source": {"persistentVolumeClaimName": claim}}, "status": {"readyToUse": is_ready}}))
        .unwrap()
    }

    fn shown(snapshots: Vec<VolumeSnapshot>, rules: &Rules) -> String {
        let now = NOW.parse().unwrap();
        table(&plan(snapshots, rules, now), now).render(false)
    }

    fn history() -> Vec<VolumeSnapshot> {
        vec![
            snapshot("data", "mon", "2026-11-09T10:00:00Z", true),
            snapshot("data", "fri-1", "2026-11-20T08:00:00Z", true),
            snapshot("data", "fri-2", "2026-11-20T20:00:00Z", true),
            snapshot("data", "sat-1", "2026-11-21T08:00:00Z", true),
            snapshot("data", "sat-2", "2026-11-21T11:00:00Z", true),
            snapshot("data", "broken", "2026-11-21T11:30:00Z", false),
            snapshot("logs", "only", "2026-01-01T00:00:00Z", true),
        ]
    }

    #[test]
    fn each_rule_keeps_its_own_and_each_claim_counts_by_itself() {
        insta::assert_snapshot!(shown(history(), &Rules { newest: 1, daily: 2, weekly: 2, ..Rules::default() }), @r"
        PVC    SNAPSHOT   AGE    FATE     WHY
        data   broken     30m    keep     not ready, so not counted
        data   sat-2      60m    keep     one of the newest
        data   sat-1      4h     delete   no rule keeps it
        data   fri-2      16h    keep     newest of its day
        data   fri-1      28h    delete   no rule keeps it
        data   mon        12d    keep     newest of its week
        logs   only       324d   keep     one of the newest
        ");
        insta::assert_snapshot!(shown(history(), &Rules { younger_than: Some(Duration::from_secs(86_400)), ..Rules::default() }), @r"
        PVC    SNAPSHOT   AGE    FATE     WHY
        data   broken     30m    keep     not ready, so not counted
        data   sat-2      60m    keep     not old enough
        data   sat-1      4h     keep     not old enough
        data   fri-2      16h    keep     not old enough
        data   fri-1      28h    delete   no rule keeps it
        data   mon        12d    delete   no rule keeps it
        logs   only       324d   keep     last ready one of its PVC
        ");
    }

    #[test]
    fn what_has_to_stand_in_for_one_that_is_gone_since_stays() {
        let now = NOW.parse().unwrap();
        let all: Vec<VolumeSnapshot> = history()
            .into_iter()
            .map(|mut each| {
                each.metadata.uid = each.metadata.name.clone();
                each
            })
            .collect();
        let rules = Rules { newest: 2, ..Rules::default() };
        let fates = plan(all.clone(), &rules, now);
        let confirmed: Vec<VolumeSnapshot> =
            fates.into_iter().filter(|fate| fate.kept.is_none()).map(|fate| fate.snapshot).collect();
        let since = |gone: &[&str]| {
            let left = all.iter().filter(|each| !gone.contains(&each.metadata.name.as_deref().unwrap())).cloned();
            let (agreed, remarks) = agreed(&plan(left.collect(), &rules, now), &confirmed);
            let names: Vec<String> = agreed.into_iter().filter_map(|each| each.metadata.name).collect();
            format!("{}\n{}", names.join(" "), remarks.join("\n"))
        };
        insta::assert_snapshot!(since(&[]), @"fri-2 fri-1 mon");
        insta::assert_snapshot!(since(&["sat-2", "mon"]), @r"
        fri-1
        left out: fri-2, since the snapshots have changed meanwhile: one of the newest
        left out: mon, since the snapshots have changed meanwhile: it is not one to choose from
        ");
    }

    #[test]
    fn a_month_is_of_its_year_and_ends_in_utc() {
        let history = vec![
            snapshot("data", "dec-25", "2025-12-31T23:59:59Z", true),
            snapshot("data", "jan-1", "2026-01-01T00:00:00Z", true),
            snapshot("data", "jan-2", "2026-01-31T23:59:59Z", true),
            snapshot("data", "nov-26", "2026-11-01T00:00:00Z", true),
            snapshot("data", "nov-25", "2025-11-30T00:00:00Z", true),
        ];
        insta::assert_snapshot!(shown(history, &Rules { monthly: 4, ..Rules::default() }), @r"
        PVC    SNAPSHOT   AGE    FATE     WHY
        data   nov-26     20d    keep     newest of its month
        data   jan-2      293d   keep     newest of its month
        data   jan-1      324d   delete   no rule keeps it
        data   dec-25     324d   keep     newest of its month
        data   nov-25     356d   keep     newest of its month
        ");
    }

    #[test]
    fn what_was_taken_before_a_rollback_stands_in_for_nothing() {
        let mut bad = snapshot("data", "data-before", "2026-11-21T11:45:00Z", true);
        bad.metadata.labels = Some([(labels::SAFETY.to_owned(), "true".to_owned())].into());
        let two = vec![snapshot("data", "good", "2026-11-21T08:00:00Z", true), bad];
        insta::assert_snapshot!(shown(two, &Rules { newest: 1, ..Rules::default() }), @r"
        PVC    SNAPSHOT      AGE   FATE   WHY
        data   data-before   15m   keep   taken before a rollback, so not counted
        data   good          4h    keep   one of the newest
        ");
    }

    #[test]
    fn a_safety_snapshot_that_failed_is_called_not_ready() {
        let mut failed = snapshot("data", "data-before", "2026-11-21T11:45:00Z", false);
        failed.metadata.labels = Some([(labels::SAFETY.to_owned(), "true".to_owned())].into());
        let fates = plan(vec![failed], &Rules { newest: 1, ..Rules::default() }, NOW.parse().unwrap());
        assert_eq!(fates[0].kept, Some(Kept::NotReady));
    }

    #[test]
    fn what_another_controller_owns_stays_and_stands_in_for_nothing() {
        let owned = |name: &str, created: &str| {
            let mut snapshot = snapshot("data", name, created, true);
            let owner = json!({"apiVersion": "volsync.backube/v1alpha1", "kind": "ReplicationSource", "name": "nightly", "uid": "u", "controller": true});
            snapshot.metadata.owner_references = Some(vec![serde_json::from_value(owner).unwrap()]);
            snapshot
        };
        let all = || {
            vec![
                snapshot("data", "ours-1", "2026-11-21T07:00:00Z", true),
                snapshot("data", "ours-2", "2026-11-21T08:00:00Z", true),
                owned("theirs-1", "2026-11-21T09:00:00Z"),
                owned("theirs-2", "2026-11-21T10:00:00Z"),
            ]
        };
        insta::assert_snapshot!(shown(all(), &Rules { newest: 1, ..Rules::default() }), @r"
        PVC    SNAPSHOT   AGE    FATE     WHY
        data   theirs-2   120m   keep     owned by ReplicationSource nightly, so not counted
        data   theirs-1   3h     keep     owned by ReplicationSource nightly, so not counted
        data   ours-2     4h     keep     one of the newest
        data   ours-1     5h     delete   no rule keeps it
        ");
        let asked = Rules { newest: 1, with_owned: true, ..Rules::default() };
        insta::assert_snapshot!(shown(all(), &asked), @r"
        PVC    SNAPSHOT   AGE    FATE     WHY
        data   theirs-2   120m   keep     one of the newest
        data   theirs-1   3h     delete   no rule keeps it
        data   ours-2     4h     delete   no rule keeps it
        data   ours-1     5h     delete   no rule keeps it
        ");
    }

    #[test]
    fn what_is_of_no_claim_stands_in_for_nothing_else() {
        let imported = |name: &str| {
            let mut snapshot = snapshot("", name, "2026-01-01T00:00:00Z", true);
            snapshot.spec.source.persistent_volume_claim_name = None;
            snapshot.spec.source.volume_snapshot_content_name = Some(name.to_owned());
            snapshot
        };
        let fates =
            plan(vec![imported("a"), imported("b")], &Rules { newest: 1, ..Rules::default() }, NOW.parse().unwrap());
        assert!(fates.iter().all(|fate| fate.kept == Some(Kept::OfNoClaim)) && fates.len() == 2);
    }

    proptest! {
        /// Whatever the history and the rules: what is left of a PVC that had a ready snapshot can be restored, what is not
        /// ready is left alone, and no more goes when a rule keeps more.
        #[test]
        fn the_last_ready_one_always_stays(
            history in prop::collection::vec((0_usize..3, 0_u32..400, any::<bool>()), 0..20),
            newest in 0_usize..4, daily in 0_usize..4, weekly in 0_usize..4, monthly in 0_usize..4,
            days in prop::option::of(0_u64..400),
        ) {
            let now: Timestamp = NOW.parse().unwrap();
            let snapshots: Vec<VolumeSnapshot> = history.iter().enumerate().map(|(number, (claim, age, is_ready))| {
                let created = now - jiff::SignedDuration::from_hours(i64::from(*age) * 7);
                snapshot(&format!("pvc-{claim}"), &format!("s{number}"), &created.to_string(), *is_ready)
            }).collect();
            let younger_than = days.map(|days| Duration::from_secs(days * 86_400));
            let rules = Rules { newest, daily, weekly, monthly, younger_than, with_owned: false };
            let fates = plan(snapshots.clone(), &rules, now);
            prop_assert_eq!(fates.len(), snapshots.len());
            let is_ready = |snapshot: &VolumeSnapshot| ready(snapshot, Standing::Unknown) == "true";
            for claim in 0..3 {
                let name = format!("pvc-{claim}");
                let of_claim = |fate: &&Fate| fate.snapshot.spec.source.persistent_volume_claim_name.as_ref() == Some(&name);
                let ready: Vec<&Fate> = fates.iter().filter(of_claim).filter(|fate| is_ready(&fate.snapshot)).collect();
                let kept = ready.iter().filter(|fate| fate.kept.is_some()).count();
                prop_assert!(kept >= newest.max(1).min(ready.len()));
            }
            // Each of the last months that have a ready one keeps one, of each PVC.
            for claim in 0..3 {
                let name = format!("pvc-{claim}");
                let of_claim = fates.iter().filter(|fate| fate.snapshot.spec.source.persistent_volume_claim_name.as_ref() == Some(&name));
                let ready: Vec<&Fate> = of_claim.filter(|fate| is_ready(&fate.snapshot)).collect();
                let all: std::collections::BTreeSet<_> = ready.iter().map(|fate| month(created(&fate.snapshot))).collect();
                let kept: std::collections::BTreeSet<_> =
                    ready.iter().filter(|fate| fate.kept.is_some()).map(|fate| month(created(&fate.snapshot))).collect();
                prop_assert!(all.iter().rev().take(monthly).all(|month| kept.contains(month)));
            }
            prop_assert!(fates.iter().all(|fate| is_ready(&fate.snapshot) || fate.kept == Some(Kept::NotReady)));
            let gone = fates.iter().filter(|fate| fate.kept.is_none()).count();
            let more = plan(snapshots, &Rules { newest: newest + 1, ..rules }, now);
            prop_assert!(more.iter().filter(|fate| fate.kept.is_none()).count() <= gone);
        }
    }
}

//! How long a new backup is kept and locked: what was asked for, and what a plan of the policy says.

use std::time::Duration;

use backup_policy::{config::Plan, go_duration::parse_seconds};
use jiff::{Timestamp, TimestampRound, Unit};

use crate::{
    args::go_duration,
    error::{CliError, Result},
    exit::Exit,
    plan::effective::InForce,
};

const HOUR: u64 = 3600;
/// By so much the clocks here and in the cluster may differ.
const CLOCKS: u64 = 60;
/// What Velero's server takes where nobody says anything.
const VELEROS: Duration = Duration::from_secs(30 * 24 * HOUR);
/// Said to who looks for a plan's schedule.
const NO_SCHEDULES: &str =
    "--plan takes a plan's retention and deletion lock; its schedule is used by no command of this version";

/// What was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// The plan.
    pub plan: Option<&'a Plan>,
    /// How long the backup is kept.
    pub retention: Option<Duration>,
    /// How long it is locked.
    pub lock: Option<Duration>,
    /// What the policy gives backups of which nothing is said.
    pub default_ttl: Option<&'a str>,
}

/// What follows from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// How long the backup is kept; as the cluster's policy or the server says when absent.
    pub retention: Option<Duration>,
    /// Until when it must not be deleted.
    pub locked_until: Option<Timestamp>,
    /// The plan that was followed.
    pub plan: Option<String>,
    /// What has to be warned of.
    pub warning: Option<String>,
}

/// Finds a plan of the policy.
///
/// # Errors
/// When there is none of that name, or the policy may not be read.
pub fn find<'a>(policy: &'a InForce, name: &str) -> Result<&'a Plan> {
    let plans = &policy.config.plans;
    if let Some(plan) = plans.iter().find(|plan| plan.name == name) {
        return Ok(plan);
    }
    if !policy.doubts.is_empty() {
        return Err(CliError::new(format!("plan {name:?} cannot be looked up: you may not read the cluster's BackupPolicy"))
            .hint(
                "The role kubectl-backup-quota-view, bound in the cluster, lets you read it; --retention and --lock need no plan",
            ));
    }
    let names: Vec<&str> = plans.iter().map(|plan| plan.name.as_str()).collect();
    let there = match names.as_slice() {
        [] => "There are no plans; see: kubectl backup policy show".to_owned(),
        names => format!("The plans there are: {}", names.join(", ")),
    };
    Err(CliError::usage(format!("there is no plan {name:?} in the cluster's BackupPolicy"))
        .hint(there)
        .hint(NO_SCHEDULES))
}

/// Decides how long the backup is kept and locked; `now` is the time at which it is made.
///
/// Of two locks the longer one holds. What is kept without a word of its author's outlives the lock.
///
/// # Errors
/// When it is to be kept for a shorter time than it is locked.
pub fn decide(asked: &Asked<'_>, now: Timestamp) -> Result<Terms> {
    let duration = |text: Option<&str>| {
        text.and_then(parse_seconds).and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs)
    };
    let of_plan = |text: fn(&Plan) -> Option<&str>| duration(asked.plan.and_then(text));
    let plans_lock = of_plan(|plan| plan.lock.as_deref());
    let plans_ttl = of_plan(|plan| plan.ttl.as_deref());
    let plan = asked.plan.map(|plan| plan.name.clone());
    let Some(lock) = asked.lock.max(plans_lock) else {
        return Ok(Terms { retention: asked.retention.or(plans_ttl), plan, ..Terms::default() });
    };
    let whose = match &plan {
        Some(plan) if Some(lock) == plans_lock => format!(" of plan {plan:?}"),
        _ => String::new(),
    };
    if let Some(retention) = asked.retention
        && retention < lock
    {
        return Err(too_short(retention, lock, &whose));
    }
    let open = plans_ttl.or_else(|| duration(asked.default_ttl)).unwrap_or(VELEROS);
    let retention = asked.retention.unwrap_or_else(|| open.max(outliving(lock, open)));
    let warning = asked.lock.filter(|shorter| *shorter < lock).map(|shorter| {
        format!("--lock {} is shorter than the lock{whose}, which holds: {}", go_duration(shorter), go_duration(lock))
    });
    Ok(Terms { retention: Some(retention), locked_until: Some(end(lock, now)), plan, warning })
}

/// Whole seconds, downwards: a retention as long as the lock reaches its end.
fn end(lock: Duration, now: Timestamp) -> Timestamp {
    let whole = TimestampRound::new().smallest(Unit::Second).mode(jiff::RoundMode::Floor);
    now.round(whole).unwrap_or(now).checked_add(lock).unwrap_or(Timestamp::MAX)
}

/// The retention itself if it outlives the lock, else whole hours that do.
fn outliving(lock: Duration, retention: Duration) -> Duration {
    let needed = lock + Duration::from_secs(CLOCKS);
    if retention >= needed { retention } else { Duration::from_secs(needed.as_secs().div_ceil(HOUR) * HOUR) }
}

/// What the rule BKP353 says, whose exit code is kept.
fn too_short(retention: Duration, lock: Duration, whose: &str) -> CliError {
    let (kept, locked) = (go_duration(retention), go_duration(lock));
    CliError::new(format!(
        "--retention {kept} is shorter than the deletion lock{whose}, {locked}, and Velero deletes what has expired \
         [BKP353]; nothing was created"
    ))
    .hint(format!("Give --retention {locked} or more, or leave it out"))
    .hint("More about the rule: kubectl backup explain BKP353")
    .exit(Exit::Findings)
}

impl Terms {
    /// Says what was decided; nothing where nothing was.
    pub fn told(&self) -> Option<String> {
        let kept = self.retention.map(|kept| format!("kept for {}", go_duration(kept)));
        let locked = self.locked_until.map(|end| format!("locked until {end}"));
        let said: Vec<String> = [kept, locked].into_iter().flatten().collect();
        match &self.plan {
            Some(plan) if said.is_empty() => Some(format!("Plan {plan:?} says neither retention nor lock")),
            Some(plan) => Some(format!("Plan {plan:?}: {}; a backup is made once, now", said.join(", "))),
            None if self.locked_until.is_some() => Some(format!("The backup will be {}", said.join(", "))),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use backup_policy::{Config, Facts};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{
        lint::{check, object::Object, report::Report},
        plan::{
            backup::{Request, Scope},
            effective::{Given, Standing, in_force},
        },
    };

    fn now() -> Timestamp {
        "2026-11-21T10:09:08.7Z".parse().unwrap()
    }

    fn hours(hours: u64) -> Duration {
        Duration::from_secs(hours * HOUR)
    }

    fn plan(ttl: Option<&str>, lock: Option<&str>) -> Plan {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Plan { name: "nightly".into(), schedule: "0 3 * * *".into(), ttl: text(ttl), lock: text(lock) }
    }

    fn said(result: &Result<Terms>) -> String {
        match result {
            Ok(terms) => [terms.warning.clone(), terms.told()].into_iter().flatten().collect::<Vec<_>>().join("\n"),
            Err(error) => format!("{} ({:?})\n{}", error.message, error.exit, error.hints.join("\n")),
        }
    }

    #[test]
    fn a_plan_gives_retention_and_lock() {
        let plan = plan(Some("720h0m0s"), Some("168h0m0s"));
        let asked = Asked { plan: Some(&plan), ..Asked::default() };
        insta::assert_snapshot!(said(&decide(&asked, now())), @r#"Plan "nightly": kept for 720h0m0s, locked until 2026-11-28T10:09:08Z; a backup is made once, now"#);
        let longer = Asked { lock: Some(hours(200)), retention: Some(hours(1000)), ..asked };
        insta::assert_snapshot!(said(&decide(&longer, now())), @r#"Plan "nightly": kept for 1000h0m0s, locked until 2026-11-29T18:09:08Z; a backup is made once, now"#);
        let shorter = Asked { lock: Some(hours(1)), ..asked };
        insta::assert_snapshot!(said(&decide(&shorter, now())), @r#"
        --lock 1h0m0s is shorter than the lock of plan "nightly", which holds: 168h0m0s
        Plan "nightly": kept for 720h0m0s, locked until 2026-11-28T10:09:08Z; a backup is made once, now
        "#);
    }

    #[test]
    fn a_plan_without_them_gives_none() {
        let asked = |plan: Plan| decide(&Asked { plan: Some(&plan), ..Asked::default() }, now());
        let terms = asked(plan(None, None)).unwrap();
        assert_eq!((terms.retention, terms.locked_until), (None, None));
        assert_eq!(terms.told().unwrap(), "Plan \"nightly\" says neither retention nor lock");
        assert_eq!(asked(plan(Some("24h0m0s"), None)).unwrap().retention, Some(hours(24)));
        assert_eq!(decide(&Asked::default(), now()).unwrap(), Terms::default());
    }

    #[test]
    fn what_is_kept_no_longer_than_locked_is_refused_or_kept_longer() {
        let as_long = plan(Some("168h0m0s"), Some("168h0m0s"));
        let asked = Asked { plan: Some(&as_long), ..Asked::default() };
        let kept = |asked: Asked<'_>| decide(&asked, now()).unwrap().retention;
        assert_eq!(kept(asked), Some(hours(169)), "clocks differ");
        assert_eq!(kept(Asked { retention: Some(hours(168)), ..asked }), Some(hours(168)), "as it was asked for");
        insta::assert_snapshot!(said(&decide(&Asked { retention: Some(hours(167)), ..asked }, now())), @r#"
        --retention 167h0m0s is shorter than the deletion lock of plan "nightly", 168h0m0s, and Velero deletes what has expired [BKP353]; nothing was created (Findings)
        Give --retention 168h0m0s or more, or leave it out
        More about the rule: kubectl backup explain BKP353
        "#);
        let lock = |lock| Asked { lock: Some(hours(lock)), ..Asked::default() };
        insta::assert_snapshot!(said(&decide(&Asked { retention: Some(hours(1)), ..lock(2) }, now())), @r"
        --retention 1h0m0s is shorter than the deletion lock, 2h0m0s, and Velero deletes what has expired [BKP353]; nothing was created (Findings)
        Give --retention 2h0m0s or more, or leave it out
        More about the rule: kubectl backup explain BKP353
        ");
        assert_eq!(kept(lock(24)), Some(VELEROS), "as long as Velero would keep it");
        assert_eq!(kept(lock(720)), Some(hours(721)));
        let by_default = Asked { default_ttl: Some("48h0m0s"), ..lock(24) };
        assert_eq!(kept(by_default), Some(hours(48)));
        assert_eq!(kept(Asked { default_ttl: Some("24h0m0s"), ..by_default }), Some(hours(25)));
    }

    fn policy(standing: Standing) -> InForce {
        in_force(&Given { policy: standing, flags: Some(Vec::new()) })
    }

    #[test]
    fn a_plan_that_is_not_there_is_told_from_one_that_may_not_be_read() {
        let plans = |names: &[&str]| {
            let plans: Vec<_> = names.iter().map(|name| json!({"name": name, "schedule": "@daily"})).collect();
            policy(Standing::Found(json!({"spec": {"plans": plans}})))
        };
        let missing = |policy: &InForce, name: &str| {
            let error = find(policy, name).unwrap_err();
            format!("{} ({:?})\n{}", error.message, error.exit, error.hints.join("\n"))
        };
        let two = plans(&["nightly", "weekly"]);
        assert_eq!(find(&two, "weekly").unwrap().name, "weekly");
        insta::assert_snapshot!(missing(&two, "hourly"), @r#"
        there is no plan "hourly" in the cluster's BackupPolicy (Usage)
        The plans there are: nightly, weekly
        --plan takes a plan's retention and deletion lock; its schedule is used by no command of this version
        "#);
        insta::assert_snapshot!(missing(&policy(Standing::Absent), "nightly"), @r#"
        there is no plan "nightly" in the cluster's BackupPolicy (Usage)
        There are no plans; see: kubectl backup policy show
        --plan takes a plan's retention and deletion lock; its schedule is used by no command of this version
        "#);
        insta::assert_snapshot!(missing(&policy(Standing::Forbidden), "nightly"), @r#"
        plan "nightly" cannot be looked up: you may not read the cluster's BackupPolicy (Error)
        The role kubectl-backup-quota-view, bound in the cluster, lets you read it; --retention and --lock need no plan
        "#);
    }

    /// What the rules about locks find in the backup, `later` seconds after it was asked for.
    fn found(retention: Option<Duration>, locked_until: Option<Timestamp>, later: i64) -> Vec<&'static str> {
        let request = Request {
            name: None,
            scope: Scope::Namespaces(vec!["shop".into()]),
            selector: None,
            labels: [].into(),
            volumes: None,
            terms: Terms { retention, locked_until, ..Terms::default() },
            location: None,
        };
        let value = json!(request.object("b", "velero"));
        let now = Some(Timestamp::from_second(now().as_second() + later).unwrap());
        let facts = Facts { now, requester_exempt: Some(false), ..Facts::default() };
        let mut report = Report::default();
        check::judge(&mut report, &Config::default(), &facts, &Object { value, origin: None });
        report.findings.iter().map(|found| found.code).filter(|code| code.starts_with("BKP35")).collect()
    }

    proptest! {
        /// The rules have nothing against what is decided, and would refuse what is refused.
        #[test]
        fn what_is_decided_is_what_the_rules_let_pass(
            ttl in prop::option::of(HOUR..9000 * HOUR),
            plans_lock in prop::option::of(HOUR..9000 * HOUR),
            retention in prop::option::of(1..9000 * HOUR),
            lock in prop::option::of(HOUR..9000 * HOUR),
            default in prop::option::of(HOUR..9000 * HOUR),
            later in 0..3600_i64,
        ) {
            let text = |seconds: Option<u64>| seconds.map(|seconds| go_duration(Duration::from_secs(seconds)));
            let plan = plan(text(ttl.max(plans_lock.filter(|_| ttl.is_some()))).as_deref(), text(plans_lock).as_deref());
            let default = text(default);
            let asked = Asked {
                plan: Some(&plan),
                retention: retention.map(Duration::from_secs),
                lock: lock.map(Duration::from_secs),
                default_ttl: default.as_deref(),
            };
            let needed = lock.max(plans_lock);
            match decide(&asked, now()) {
                Ok(terms) => {
                    prop_assert_eq!(terms.locked_until.is_some(), needed.is_some());
                    prop_assert_eq!(found(terms.retention, terms.locked_until, later), Vec::<&str>::new());
                    if let Some(asked) = asked.retention {
                        prop_assert_eq!(terms.retention, Some(asked));
                    }
                }
                Err(_) => {
                    let until = needed.map(|lock| end(Duration::from_secs(lock), now()));
                    prop_assert_eq!(found(asked.retention, until, 0), ["BKP353"]);
                }
            }
        }

        /// The lock lasts as long as was asked for, to the second, and what is kept without a word outlives it by a minute.
        #[test]
        fn a_lock_is_as_long_as_the_longer_of_both(plans_lock in HOUR..9000 * HOUR, lock in HOUR..9000 * HOUR) {
            let plan = plan(None, Some(&go_duration(Duration::from_secs(plans_lock))));
            let asked = Asked { plan: Some(&plan), lock: Some(Duration::from_secs(lock)), ..Asked::default() };
            let terms = decide(&asked, now()).unwrap();
            let longer = lock.max(plans_lock);
            let lasts = terms.locked_until.unwrap().as_second() - now().as_second();
            prop_assert_eq!(u64::try_from(lasts), Ok(longer));
            prop_assert!(terms.retention.unwrap().as_secs() >= longer + CLOCKS);
        }
    }
}

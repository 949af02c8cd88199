//! How long a new backup is kept and locked: what was asked for, and what a plan of the policy says.

use std::time::Duration;

use backup_policy::{
    config::Plan,
    defaults::{VELEROS_TTL, outliving},
    go_duration::parse_seconds,
};

use crate::{
    args::go_duration,
    error::{CliError, Result},
    exit::Exit,
    plan::effective::InForce,
};

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
    /// What the policy gives backups of which nothing is said, where that is certain.
    pub default_ttl: Option<&'a str>,
    /// Who keeps the lock.
    pub keeper: Keeper,
}

/// Who keeps locks in the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keeper {
    /// The webhook, which also sees to it that a backup of which nothing is said outlives its lock.
    Webhook,
    /// Nobody.
    None,
    /// Perhaps nobody.
    #[default]
    Unknown,
}

/// What follows from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// How long the backup is kept; as the cluster's policy or the server says when absent.
    pub retention: Option<Duration>,
    /// How long it must not be deleted, from its start on.
    pub lock: Option<Duration>,
    /// The plan that was followed.
    pub plan: Option<String>,
    /// What has to be warned of.
    pub warnings: Vec<String>,
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

/// What the policy gives backups of which nothing is said. Nothing where another may hold, or Velero's server decides.
pub fn default_ttl(policy: &InForce) -> Option<&str> {
    policy.config.backup_ttl.as_deref().filter(|_| policy.doubts.is_empty())
}

/// Decides how long the backup is kept and locked.
///
/// Of two locks the longer one holds. What is kept without a word of its author's outlives the lock, and is not kept shorter
/// for its sake: it is left open unless that is known to be too short.
///
/// # Errors
/// When it is to be kept for a shorter time than it is locked.
pub fn decide(asked: &Asked<'_>) -> Result<Terms> {
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
    let is_too_short = plans_ttl.or_else(|| unsaid(asked)).is_some_and(|kept| kept < lock);
    let retention = asked.retention.or_else(|| if is_too_short { longer_than(lock) } else { plans_ttl });
    let mut warnings = Vec::new();
    if let Some(shorter) = asked.lock.filter(|shorter| *shorter < lock) {
        let (shorter, longer) = (go_duration(shorter), go_duration(lock));
        warnings.push(format!("--lock {shorter} is shorter than the lock{whose}, which holds: {longer}"));
    }
    if asked.keeper == Keeper::None {
        warnings
            .push("nothing keeps the lock: this cluster's API server asks no webhook about deletion locks".to_owned());
    }
    Ok(Terms { retention, lock: Some(lock), plan, warnings })
}

/// How long a backup is kept of which nothing is said; nothing where only the server knows.
fn unsaid(asked: &Asked<'_>) -> Option<Duration> {
    match asked.keeper {
        // Where the default is not known it takes the longer one of that and the lock.
        Keeper::Webhook => duration(asked.default_ttl),
        Keeper::None | Keeper::Unknown => seconds(VELEROS_TTL),
    }
}

fn longer_than(lock: Duration) -> Option<Duration> {
    seconds(outliving(i64::try_from(lock.as_secs()).ok()?))
}

fn duration(text: Option<&str>) -> Option<Duration> {
    text.and_then(parse_seconds).and_then(seconds)
}

fn seconds(seconds: i64) -> Option<Duration> {
    u64::try_from(seconds).ok().map(Duration::from_secs)
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
        let locked = self.lock.map(|lock| format!("locked for {}", go_duration(lock)));
        let said: Vec<String> = [kept, locked].into_iter().flatten().collect();
        match &self.plan {
            Some(plan) if said.is_empty() => Some(format!("Plan {plan:?} says neither retention nor lock")),
            Some(plan) => Some(format!("Plan {plan:?}: {}; a backup is made once, now", said.join(", "))),
            None if self.lock.is_some() => Some(format!("The backup will be {}", said.join(", "))),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use backup_policy::{Config, Facts, Subject, defaults};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        lint::{check, object::Object, report::Report},
        plan::{
            backup::{Request, Scope},
            effective::{Given, Standing, in_force},
        },
    };

    const HOUR: u64 = 3600;

    fn hours(hours: u64) -> Duration {
        Duration::from_secs(hours * HOUR)
    }

    fn plan(ttl: Option<&str>, lock: Option<&str>) -> Plan {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Plan { name: "nightly".into(), schedule: "0 3 * * *".into(), ttl: text(ttl), lock: text(lock) }
    }

    fn said(result: &Result<Terms>) -> String {
        match result {
            Ok(terms) => [terms.warnings.clone(), terms.told().into_iter().collect()].concat().join("\n"),
            Err(error) => format!("{} ({:?})\n{}", error.message, error.exit, error.hints.join("\n")),
        }
    }

    #[test]
    fn a_plan_gives_retention_and_lock() {
        let plan = plan(Some("720h0m0s"), Some("168h0m0s"));
        let asked = Asked { plan: Some(&plan), ..Asked::default() };
        insta::assert_snapshot!(said(&decide(&asked)), @r#"Plan "nightly": kept for 720h0m0s, locked for 168h0m0s; a backup is made once, now"#);
        let longer = Asked { lock: Some(hours(200)), retention: Some(hours(1000)), ..asked };
        insta::assert_snapshot!(said(&decide(&longer)), @r#"Plan "nightly": kept for 1000h0m0s, locked for 200h0m0s; a backup is made once, now"#);
        let shorter = Asked { lock: Some(hours(1)), ..asked };
        insta::assert_snapshot!(said(&decide(&shorter)), @r#"
        --lock 1h0m0s is shorter than the lock of plan "nightly", which holds: 168h0m0s
        Plan "nightly": kept for 720h0m0s, locked for 168h0m0s; a backup is made once, now
        "#);
    }

    #[test]
    fn a_plan_without_them_gives_none() {
        let asked = |plan: Plan| decide(&Asked { plan: Some(&plan), ..Asked::default() });
        let terms = asked(plan(None, None)).unwrap();
        assert_eq!((terms.retention, terms.lock), (None, None));
        assert_eq!(terms.told().unwrap(), "Plan \"nightly\" says neither retention nor lock");
        assert_eq!(asked(plan(Some("24h0m0s"), None)).unwrap().retention, Some(hours(24)));
        assert_eq!(decide(&Asked::default()).unwrap(), Terms::default());
    }

    #[test]
    fn what_is_kept_no_longer_than_locked_is_refused_or_kept_longer() {
        let as_long = plan(Some("168h0m0s"), Some("168h0m0s"));
        let asked = Asked { plan: Some(&as_long), ..Asked::default() };
        let kept = |asked: Asked<'_>| decide(&asked).unwrap().retention;
        assert_eq!(kept(asked), Some(hours(168)), "both begin with the backup");
        assert_eq!(kept(Asked { lock: Some(hours(200)), ..asked }), Some(hours(201)), "longer than the plan says");
        assert_eq!(kept(Asked { retention: Some(hours(168)), ..asked }), Some(hours(168)), "as it was asked for");
        insta::assert_snapshot!(said(&decide(&Asked { retention: Some(hours(167)), ..asked })), @r#"
        --retention 167h0m0s is shorter than the deletion lock of plan "nightly", 168h0m0s, and Velero deletes what has expired [BKP353]; nothing was created (Findings)
        Give --retention 168h0m0s or more, or leave it out
        More about the rule: kubectl backup explain BKP353
        "#);
        let lock = |lock| Asked { lock: Some(hours(lock)), ..Asked::default() };
        insta::assert_snapshot!(said(&decide(&Asked { retention: Some(hours(1)), ..lock(2) })), @r"
        --retention 1h0m0s is shorter than the deletion lock, 2h0m0s, and Velero deletes what has expired [BKP353]; nothing was created (Findings)
        Give --retention 2h0m0s or more, or leave it out
        More about the rule: kubectl backup explain BKP353
        ");
    }

    #[test]
    fn what_nobody_says_is_left_open_unless_it_is_known_to_be_too_short() {
        let kept = |keeper: Keeper, lock: u64, default_ttl: Option<&str>| {
            decide(&Asked { lock: Some(hours(lock)), keeper, default_ttl, ..Asked::default() }).unwrap().retention
        };
        for default in [None, Some("48h0m0s"), Some("8760h0m0s")] {
            assert_eq!(kept(Keeper::Webhook, 24, default), None, "a default that is longer stays: {default:?}");
        }
        assert_eq!(kept(Keeper::Webhook, 1000, None), None, "the webhook knows the default");
        assert_eq!(kept(Keeper::Webhook, 48, Some("48h0m0s")), None);
        assert_eq!(kept(Keeper::Webhook, 49, Some("48h0m0s")), Some(hours(50)));
        for keeper in [Keeper::None, Keeper::Unknown] {
            assert_eq!(kept(keeper, 720, None), None, "Velero keeps it as long by itself");
            assert_eq!(kept(keeper, 721, None), Some(hours(722)));
            assert_eq!(kept(keeper, 721, Some("8760h0m0s")), Some(hours(722)), "nobody fills in the policy's");
        }
    }

    #[test]
    fn that_nothing_keeps_the_lock_is_said_where_it_is_known() {
        let told = |keeper| said(&decide(&Asked { lock: Some(hours(24)), keeper, ..Asked::default() }));
        insta::assert_snapshot!(told(Keeper::None), @r"
        nothing keeps the lock: this cluster's API server asks no webhook about deletion locks
        The backup will be locked for 24h0m0s
        ");
        for keeper in [Keeper::Webhook, Keeper::Unknown] {
            assert_eq!(told(keeper), "The backup will be locked for 24h0m0s");
        }
        let open = decide(&Asked { retention: Some(hours(1)), keeper: Keeper::None, ..Asked::default() }).unwrap();
        assert!(open.warnings.is_empty());
    }

    #[test]
    fn a_default_that_may_be_another_is_none() {
        let flags = Some(vec!["--default-backup-ttl=48h".to_owned()]);
        let known = |policy: Standing, flags: &Option<Vec<String>>| {
            default_ttl(&in_force(&Given { policy, flags: flags.clone() })).map(str::to_owned)
        };
        let said = || Standing::Found(json!({"spec": {"defaults": {"backupTTL": "8760h"}}}));
        assert_eq!(known(said(), &None).as_deref(), Some("8760h0m0s"), "it wins over a flag");
        assert_eq!(known(Standing::Absent, &flags).as_deref(), Some("48h"));
        assert_eq!(known(Standing::Forbidden, &flags), None);
        assert_eq!(known(Standing::Absent, &None), None);
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

    fn request(terms: Terms) -> Value {
        let request = Request {
            name: None,
            scope: Scope::Namespaces(vec!["shop".into()]),
            selector: None,
            labels: [].into(),
            volumes: None,
            terms,
            location: None,
        };
        json!(request.object("b", "velero"))
    }

    /// The backup as the webhook stores it where there is one, and what the rules about locks find in it.
    fn stored(terms: Terms, keeper: Keeper, default: Option<&str>) -> (Option<Duration>, Vec<&'static str>) {
        let now = "2026-11-21T10:09:08Z".parse().ok();
        let facts = Facts { now, requester_exempt: Some(false), ..Facts::default() };
        let config = Config { backup_ttl: default.map(str::to_owned), ..Config::default() };
        let mut value = request(terms);
        if keeper == Keeper::Webhook {
            value = defaults::filled(&config, &Subject::read(&value, None).unwrap(), &facts);
        }
        let ttl = duration(value.pointer("/spec/ttl").and_then(Value::as_str));
        let mut report = Report::default();
        check::judge(&mut report, &config, &facts, &Object { value, origin: None });
        (ttl, report.findings.iter().map(|found| found.code).filter(|code| code.starts_with("BKP35")).collect())
    }

    proptest! {
        /// The rules have nothing against what is decided, and would refuse what is refused. Where nobody says how long, nothing
        /// is kept shorter than its lock, nor than without one.
        #[test]
        fn what_is_decided_is_what_the_rules_let_pass(
            ttl in prop::option::of(HOUR..9000 * HOUR),
            plans_lock in prop::option::of(HOUR..9000 * HOUR),
            retention in prop::option::of(1..9000 * HOUR),
            lock in prop::option::of(HOUR..9000 * HOUR),
            default in prop::option::of(HOUR..9000 * HOUR),
            is_known in any::<bool>(),
            keeper in prop::sample::select(vec![Keeper::Webhook, Keeper::None, Keeper::Unknown]),
        ) {
            let text = |seconds: Option<u64>| seconds.map(|seconds| go_duration(Duration::from_secs(seconds)));
            // A policy has no plan that is locked for longer than it is kept.
            let ttl = ttl.map(|ttl| ttl.max(plans_lock.unwrap_or_default()));
            let (ttl, plan_lock, default) = (text(ttl), text(plans_lock), text(default));
            let plan = plan(ttl.as_deref(), plan_lock.as_deref());
            let asked = Asked {
                plan: Some(&plan),
                retention: retention.map(Duration::from_secs),
                lock: lock.map(Duration::from_secs),
                default_ttl: default.as_deref().filter(|_| is_known),
                keeper,
            };
            let needed = lock.max(plans_lock).map(Duration::from_secs);
            match decide(&asked) {
                Ok(terms) => {
                    prop_assert_eq!(terms.lock, needed, "the longer of both");
                    let (kept, found) = stored(terms, keeper, default.as_deref());
                    prop_assert_eq!(found, Vec::<&str>::new());
                    let veleros = seconds(VELEROS_TTL).unwrap();
                    prop_assert!(kept.unwrap_or(veleros) >= needed.unwrap_or_default());
                    if let Some(asked) = asked.retention {
                        prop_assert_eq!(kept, Some(asked));
                    } else if keeper == Keeper::Webhook && ttl.is_none() {
                        prop_assert!(kept >= duration(default.as_deref()));
                    }
                }
                Err(_) => {
                    let refused = Terms { retention: asked.retention, lock: needed, ..Terms::default() };
                    prop_assert_eq!(stored(refused, keeper, default.as_deref()).1, ["BKP353"]);
                }
            }
        }
    }
}

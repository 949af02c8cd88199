//! What holds in a cluster, and where each value comes from: the policy, the webhook's flags, or built-in.

use backup_policy::{
    Config,
    config::{Accounts, Quota},
    settings,
};
use serde_json::{Value, json};

use crate::output::{Column, Table};

/// The policy object as it was found.
#[derive(Clone, Debug, Default)]
pub enum Standing {
    /// This one.
    Found(Value),
    /// There is none.
    #[default]
    Absent,
    /// It may not be read.
    Forbidden,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// The policy.
    pub policy: Standing,
    /// The arguments of the webhook; nothing when they are not known.
    pub flags: Option<Vec<String>>,
}

/// What holds.
#[derive(Clone, Debug)]
pub struct InForce {
    /// All values.
    pub config: Config,
    /// Each value with its source.
    pub settings: Vec<Setting>,
    /// What has to be said about them.
    pub remarks: Vec<String>,
    /// Why other values may hold than these.
    pub doubts: Vec<String>,
    /// Said when the policy stands but cannot be used.
    pub unusable: Option<String>,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its place in a policy.
    pub name: String,
    /// The value, for people.
    pub value: String,
    /// Where it comes from.
    pub source: Source,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It is this program's.
    BuiltIn,
    /// The policy says so.
    Policy,
    /// A flag of the webhook says so.
    Flag(&'static str),
}

impl Source {
    fn told(self) -> String {
        match self {
            Self::BuiltIn => "built-in".to_owned(),
            Self::Policy => "policy".to_owned(),
            Self::Flag(flag) => format!("webhook's {flag}"),
        }
    }
}

const TTL: &str = "--default-backup-ttl";
const EXEMPT: &str = "--exempt-user";
/// Said where the policy may not be read.
const UNREADABLE: &str = "you may not read the cluster's BackupPolicy: built-in limits and values are shown, and others may hold; \
                          the role kubectl-backup-quota-view, bound in the cluster, lets you read it";
/// Who is Velero is decided by the match conditions of the webhook configurations.
const VELERO: &str = "Velero's account: by its name and its right to bypass ledgers";

/// What holds, given these.
pub fn in_force(given: &Given) -> InForce {
    let mut remarks = Vec::new();
    if given.flags.is_none() {
        remarks.push(
            "The webhook's flags are not known: it does not run as a Deployment here, or you may not read it."
                .to_owned(),
        );
    }
    let flags = given.flags.as_deref().unwrap_or_default();
    let base = base(flags);
    let mut doubts = Vec::new();
    if matches!(given.policy, Standing::Forbidden) {
        doubts.push(UNREADABLE.to_owned());
    }
    if matches!(given.policy, Standing::Absent) {
        remarks.push("The cluster has no BackupPolicy: built-in values hold.".to_owned());
    }
    let (spec, unusable) = spec(&given.policy, &base);
    remarks.extend(unusable.clone());
    let config = settings::read(&base, &spec).config.unwrap_or_else(|| base.clone());
    let settings = Rows { spec: &spec, flags, base: &base, config: &config, rows: Vec::new() }.all();
    InForce { config, settings, remarks, doubts, unusable }
}

/// The policy that is in force: the one that stands, or the last one that could be used, which is said.
fn spec(policy: &Standing, base: &Config) -> (Value, Option<String>) {
    let nothing = json!({});
    let Standing::Found(policy) = policy else { return (nothing, None) };
    let spec = policy.get("spec").filter(|spec| !spec.is_null()).unwrap_or(&nothing);
    if settings::read(base, spec).config.is_some() {
        return (spec.clone(), None);
    }
    if let Some(good) = policy.pointer("/status/lastGood/spec") {
        let generation = policy.pointer("/status/lastGood/generation").and_then(Value::as_i64).unwrap_or_default();
        let said = format!("The policy cannot be used: its generation {generation} stays in force.");
        return (good.clone(), Some(said));
    }
    (nothing, Some("The policy cannot be used: built-in values hold.".to_owned()))
}

/// What holds without a policy: built-in values, and what the webhook's flags add.
fn base(flags: &[String]) -> Config {
    let mut base = Config::default();
    if let Some(ttl) = last(flags, TTL) {
        (base.backup_ttl, base.schedule_ttl) = (Some(ttl.to_owned()), Some(ttl.to_owned()));
    }
    base.exemptions.users.extend(of_flag(flags, EXEMPT).map(str::to_owned));
    base
}

/// The values of a flag, written as `--flag=value` or as two words.
fn of_flag<'a>(flags: &'a [String], flag: &'a str) -> impl Iterator<Item = &'a str> {
    let joined = flags.iter().filter_map(move |word| word.strip_prefix(flag)?.strip_prefix('='));
    let apart = flags.windows(2).filter(move |words| words[0] == flag).map(|words| words[1].as_str());
    joined.chain(apart)
}

fn last<'a>(flags: &'a [String], flag: &'a str) -> Option<&'a str> {
    of_flag(flags, flag).last()
}

struct Rows<'a> {
    spec: &'a Value,
    flags: &'a [String],
    base: &'a Config,
    config: &'a Config,
    rows: Vec<Setting>,
}

impl Rows<'_> {
    fn all(mut self) -> Vec<Setting> {
        self.quotas();
        let classes = self.source("/snapshotClasses", None);
        for (n, row) in self.config.snapshot_classes.iter().enumerate() {
            self.add(
                format!("snapshotClasses[{n}]"),
                format!("{} → {}", row.storage_class, row.snapshot_class),
                classes,
            );
        }
        self.defaults();
        for (code, severity) in &self.config.severities {
            self.add(format!("rules.{code}"), severity.to_string(), Source::Policy);
        }
        self.add(
            "rules".to_owned(),
            "every other rule has its own severity: kubectl backup explain".to_owned(),
            Source::BuiltIn,
        );
        for plan in &self.config.plans {
            let ttl = plan.ttl.as_deref().map(|ttl| format!(", kept {ttl}")).unwrap_or_default();
            let lock = plan.lock.as_deref().map(|lock| format!(", locked {lock}")).unwrap_or_default();
            self.add(format!("plans.{}", plan.name), format!("{}{ttl}{lock}", plan.schedule), Source::Policy);
        }
        for (kind, named, flagged) in [
            ("users", &self.config.exemptions.users, &self.base.exemptions.users),
            ("groups", &self.config.exemptions.groups, &self.base.exemptions.groups),
        ] {
            for account in named {
                let source = if flagged.contains(account) { Source::Flag(EXEMPT) } else { Source::Policy };
                self.add(format!("exemptions.{kind}"), account.clone(), source);
            }
        }
        self.add("exemptions".to_owned(), VELERO.to_owned(), Source::BuiltIn);
        self.rows
    }

    fn quotas(&mut self) {
        let source = self.source("/quotas", None);
        for Quota { resource, limit, exempt } in &self.config.quotas {
            self.add(format!("quotas[{resource}].limit"), limit.to_string(), source);
            let Accounts { users, groups } = exempt;
            for (kind, names) in [("users", users), ("groups", groups)] {
                for name in names {
                    self.add(format!("quotas[{resource}].exempt.{kind}"), name.clone(), source);
                }
            }
        }
        if self.config.quotas.is_empty() {
            self.add("quotas".to_owned(), "<none>".to_owned(), source);
        }
    }

    fn defaults(&mut self) {
        let flag = last(self.flags, TTL).map(|_| TTL);
        let left = || "<none>: Velero's server decides".to_owned();
        let text = |value: &Option<String>| value.clone().unwrap_or_else(left);
        let backup = self.source("/defaults/backupTTL", flag);
        self.add("defaults.backupTTL".to_owned(), text(&self.config.backup_ttl), backup);
        // Said for backups and not for schedules, it is said for both.
        let schedule = match self.source("/defaults/scheduleTTL", flag) {
            Source::Policy => Source::Policy,
            _ => backup,
        };
        self.add("defaults.scheduleTTL".to_owned(), text(&self.config.schedule_ttl), schedule);
        let location =
            self.config.storage_location.clone().unwrap_or_else(|| "<none>: Velero's default location".to_owned());
        self.add("defaults.storageLocation".to_owned(), location, self.source("/defaults/storageLocation", None));
        for (key, value) in &self.config.labels {
            self.add(format!("defaults.labels[{key}]"), value.clone(), Source::Policy);
        }
    }

    fn source(&self, place: &str, flag: Option<&'static str>) -> Source {
        match (self.spec.pointer(place), flag) {
            (Some(value), _) if !value.is_null() => Source::Policy,
            (_, Some(flag)) => Source::Flag(flag),
            _ => Source::BuiltIn,
        }
    }

    fn add(&mut self, name: String, value: String, source: Source) {
        self.rows.push(Setting { name, value, source });
    }
}

/// All of it as a table.
pub fn table(settings: &[Setting]) -> Table {
    let mut table = Table::new(["SETTING", "VALUE", "SOURCE"].map(Column::new).to_vec());
    for Setting { name, value, source } in settings {
        table.row(vec![name.clone(), value.clone(), source.told()]);
    }
    table
}

/// All of it for scripts.
pub fn to_json(in_force: &InForce) -> Value {
    let one =
        |setting: &Setting| json!({"setting": setting.name, "value": setting.value, "source": setting.source.told()});
    let remarks: Vec<_> = in_force.doubts.iter().chain(&in_force.remarks).collect();
    json!({"settings": in_force.settings.iter().map(one).collect::<Vec<_>>(), "remarks": remarks})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(given: &Given) -> String {
        let found = in_force(given);
        [found.doubts, found.remarks].concat().join("\n") + "\n" + &table(&found.settings).render(false)
    }

    #[test]
    fn each_value_has_its_source() {
        let spec = json!({
            "quotas": [{"resource": "schedules.velero.io", "limit": 5, "exempt": {"users": ["planner"]}}],
            "defaults": {"storageLocation": "minio", "labels": {"example.org/team": "a"}},
            "rules": {"BKP104": "Warn"},
            "plans": [{"name": "nightly", "schedule": "0 3 * * *", "ttl": "720h", "lock": "168h"}],
            "exemptions": {"groups": ["admins"]},
        });
        let flags = ["--default-backup-ttl=48h", "--exempt-user", "root"];
        let flags = Some(flags.map(str::to_owned).to_vec());
        insta::assert_snapshot!(shown(&Given { policy: Standing::Found(json!({"spec": spec})), flags }), @"
SETTING                                    VALUE                                                           SOURCE
quotas[schedules.velero.io].limit          5                                                               policy
quotas[schedules.velero.io].exempt.users   planner                                                         policy
snapshotClasses[0]                         *-block-* → block-snapshot                                      built-in
snapshotClasses[1]                         *-files-* → files-snapshot                                      built-in
defaults.backupTTL                         48h                                                             webhook's --default-backup-ttl
defaults.scheduleTTL                       48h                                                             webhook's --default-backup-ttl
defaults.storageLocation                   minio                                                           policy
defaults.labels[example.org/team]          a                                                               policy
rules.BKP104                               Warn                                                            policy
rules                                      every other rule has its own severity: kubectl backup explain   built-in
plans.nightly                              0 3 * * *, kept 720h0m0s, locked 168h0m0s                       policy
exemptions.users                           root                                                            webhook's --exempt-user
exemptions.groups                          admins                                                          policy
exemptions                                 Velero's account: by its name and its right to bypass ledgers   built-in");
    }

    #[test]
    fn without_a_policy_all_is_built_in() {
        insta::assert_snapshot!(shown(&Given::default()), @"The webhook's flags are not known: it does not run as a Deployment here, or you may not read it.
The cluster has no BackupPolicy: built-in values hold.
SETTING                                                 VALUE                                                           SOURCE
quotas[volumesnapshots.snapshot.storage.k8s.io].limit   10                                                              built-in
quotas[schedules.velero.io].limit                       3                                                               built-in
snapshotClasses[0]                                      *-block-* → block-snapshot                                      built-in
snapshotClasses[1]                                      *-files-* → files-snapshot                                      built-in
defaults.backupTTL                                      <none>: Velero's server decides                                 built-in
defaults.scheduleTTL                                    <none>: Velero's server decides                                 built-in
defaults.storageLocation                                <none>: Velero's default location                               built-in
rules                                                   every other rule has its own severity: kubectl backup explain   built-in
exemptions                                              Velero's account: by its name and its right to bypass ledgers   built-in");
    }

    #[test]
    fn a_policy_that_may_not_be_read_is_no_policy_that_is_not_there() {
        let found = in_force(&Given { policy: Standing::Forbidden, flags: Some(Vec::new()) });
        assert_eq!((found.doubts.as_slice(), found.remarks.len()), (&[UNREADABLE.to_owned()][..], 0));
        assert_eq!(to_json(&found)["remarks"], json!([UNREADABLE]));
        assert!(in_force(&Given::default()).doubts.is_empty());
    }

    #[test]
    fn a_policy_that_cannot_be_used_shows_the_one_in_force() {
        let quotas = |limit: i64| json!({"quotas": [{"resource": "schedules.velero.io", "limit": limit}]});
        let mut policy = json!({"spec": quotas(-1), "status": {"lastGood": {"generation": 4, "spec": quotas(7)}}});
        let found = in_force(&Given { policy: Standing::Found(policy.clone()), flags: Some(Vec::new()) });
        assert_eq!(found.config.quota("schedules.velero.io"), Some(7));
        assert_eq!(found.remarks, ["The policy cannot be used: its generation 4 stays in force."]);
        policy["status"] = Value::Null;
        let found = in_force(&Given { policy: Standing::Found(policy), flags: Some(Vec::new()) });
        assert_eq!(found.config.quota("schedules.velero.io"), Some(3));
    }
}

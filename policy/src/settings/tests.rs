//! Policies, right and wrong.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Reading, read};
use crate::{
    Config, Severity,
    config::{Accounts, resource},
};

fn base() -> Config {
    let exemptions = Accounts { users: ["root".to_owned()].into(), ..Accounts::default() };
    Config { exemptions, ..Config::default() }
}

fn told(spec: &Value) -> String {
    let Reading { config, problems } = read(&base(), spec);
    let told: Vec<_> = problems
        .iter()
        .map(|problem| {
            let fix = problem.fix.as_ref().map(|fix| format!(" [{:?}]", fix.change)).unwrap_or_default();
            format!("{}{problem}{fix}", if problem.harmless { "(doubt) " } else { "" })
        })
        .collect();
    assert_eq!(config.is_some(), problems.iter().all(|problem| problem.harmless));
    told.join("\n")
}

fn used(spec: &Value) -> Config {
    read(&base(), spec).config.unwrap_or_else(|| panic!("{}", told(spec)))
}

#[test]
fn an_empty_policy_is_the_base() {
    assert_eq!(used(&json!({})), base());
    assert_eq!(used(&json!({"quotas": null, "defaults": {"labels": null}})), base());
}

#[test]
fn what_is_said_replaces_and_exemptions_are_added() {
    let config = used(&json!({
        "quotas": [
            {"resource": resource::VOLUME_SNAPSHOTS, "limit": 20, "exempt": {"users": ["ci"]}},
            {"resource": resource::SCHEDULES, "limit": 0},
            {"resource": "persistentvolumeclaims", "limit": 2000},
        ],
        "snapshotClasses": [{"storageClass": "*", "snapshotClass": "a"}, {"storageClass": "*", "snapshotClass": "b"}],
        "defaults": {"backupTTL": "720h", "storageLocation": "default", "labels": {"example.org/team": "a", "b": ""}},
        "rules": {"BKP101": "Warn", "BKP102": "Off"},
        "plans": [{"name": "nightly", "schedule": "0 3 * * *", "ttl": "30h", "lock": "1h30m"}],
        "exemptions": {"users": ["admin"], "groups": ["storage"]},
    }));
    assert_eq!(config.quota(resource::VOLUME_SNAPSHOTS), Some(20));
    assert_eq!(config.quota(resource::SCHEDULES), Some(0));
    assert!(
        config.exempts_from_quota("ci", &[], resource::VOLUME_SNAPSHOTS)
            && !config.exempts_from_quota("ci", &[], resource::SCHEDULES)
    );
    assert_eq!(config.snapshot_classes.len(), 2);
    assert_eq!((config.backup_ttl.as_deref(), config.schedule_ttl.as_deref()), (Some("720h0m0s"), Some("720h0m0s")));
    assert_eq!(config.severities.get("BKP102"), Some(&Severity::Off));
    assert_eq!(config.plans[0].lock.as_deref(), Some("1h30m0s"));
    for user in ["admin", "root"] {
        assert!(config.exempts(user, &[]), "{user}");
    }
}

#[test]
fn an_empty_list_sets_no_limit_and_says_so_only_when_it_names_others() {
    assert_eq!(used(&json!({"quotas": []})).quotas, []);
    insta::assert_snapshot!(told(&json!({"quotas": [{"resource": "schedules.velero.io", "limit": 5}]})), @"(doubt) spec.quotas: this list replaces the built-in one, so that volumesnapshots.snapshot.storage.k8s.io has no limit any more; add {resource: volumesnapshots.snapshot.storage.k8s.io, limit: 10} to keep it");
}

#[test]
fn of_the_core_group_only_what_the_cluster_does_not_live_on_is_limited() {
    let limited = |resource: &str| json!({"quotas": [{"resource": resource, "limit": 5}]});
    for resource in ["persistentvolumeclaims", "services", "serviceaccounts", "resourcequotas", "limitranges"] {
        assert_eq!(used(&limited(resource)).quota(resource), Some(5));
    }
    insta::assert_snapshot!(told(&limited("namespaces")), @"spec.quotas[0].resource: namespaces cannot be limited: of the kinds without a group persistentvolumeclaims, secrets, configmaps, services, serviceaccounts, resourcequotas, limitranges can; remove it");
    insta::assert_snapshot!(told(&limited("pods")), @"spec.quotas[0].resource: pods cannot be limited: while the webhook is down its own pods would wait for it; remove it");
    insta::assert_snapshot!(told(&limited("service")), @r#"spec.quotas[0].resource: no cluster has "service"; write services [Set("services")]"#);
}

#[test]
fn what_keeps_locks_and_quotas_shut_is_not_weakened() {
    for severity in ["Warn", "Audit", "Off"] {
        let rules = json!({"BKP352": severity, "BKP401": severity});
        let reading = read(&base(), &json!({"rules": rules}));
        assert!(reading.config.is_none() && reading.mistakes().count() == 2, "{severity}");
    }
    insta::assert_snapshot!(told(&json!({"rules": {"BKP350": "Warn"}})), @"spec.rules[BKP350]: is always Deny, since it keeps locks or quotas from being passed; remove this line, and name who may pass in exemptions");
    assert!(read(&base(), &json!({"rules": {"BKP350": "Deny"}})).config.is_some());
}

#[test]
fn all_mistakes_are_told_at_once_with_their_places() {
    insta::assert_snapshot!(told(&json!({
        "quota": [],
        "quotas": [{"resource": "VolumeSnapshot", "limit": 2001}, {"resource": "schedule.velero.io", "limit": -1}, {"limit": 1.5}, 7],
        "snapshotClasses": [{"storageClass": "[a]", "snapshotClass": "A"}, {"storageClass": "", "snapshotClass": "a"}],
        "defaults": {"backupTTL": "30d", "scheduleTTL": "1m", "storageLocation": 7, "labels": {"velero.io/x": "y", "a b": "c", "d": "e f"}},
        "rules": {"BKP1O1": "Warn", "BKP101": false, "BKP102": "deny", "BKP103": "Refuse"},
        "plans": [{"name": "a", "schedule": "0 25 * * *", "ttl": "24h", "lock": "25h"}, {"name": "a"}, {"name": "A", "schedule": "@daily"}],
        "exemptions": {"users": ["*", "a", "a", ""], "groups": ["system:authenticated"]},
    })), @r#"
    spec.quota: no policy has this field; did you mean quotas? There are quotas, snapshotClasses, defaults, rules, plans, exemptions
    spec.quotas[0].limit: 2001 must be a whole number from 0 to 2000
    spec.quotas[0].resource: "VolumeSnapshot" lacks its group; write volumesnapshots.snapshot.storage.k8s.io [Set("volumesnapshots.snapshot.storage.k8s.io")]
    spec.quotas[1].limit: -1 must be a whole number from 0 to 2000
    spec.quotas[1].resource: no cluster has schedule.velero.io; write schedules.velero.io [Set("schedules.velero.io")]
    spec.quotas[2].resource: this field is needed; add it
    spec.quotas[2].limit: 1.5 must be a whole number from 0 to 2000
    spec.quotas[3]: 7 must be an object
    spec.snapshotClasses[0].storageClass: "[a]" fits no storage class: beside a name's characters (a-z, 0-9, - and .) a pattern has only * and ?
    spec.snapshotClasses[0].snapshotClass: "A" is no VolumeSnapshotClass's name; write one as it is
    spec.snapshotClasses[1].storageClass: "" must have 1 to 253 characters
    spec.defaults.backupTTL: "30d" is no duration; write hours, minutes and seconds, as in 720h or 1h30m
    spec.defaults.scheduleTTL: 1m must be at least 1h and at most 200 years (1752000h)
    spec.defaults.storageLocation: 7 must be a text in quotes
    spec.defaults.labels[a b]: "a b" is no label's key; write NAME or PREFIX/NAME
    spec.defaults.labels[d]: "e f" is no label's value; write letters, digits, -, _ and . only
    spec.defaults.labels[velero.io/x]: labels of this prefix have their own meaning to Velero or to the webhook; take another
    spec.rules[BKP101]: YAML reads Off as false; write "Off" in quotes [Set("Off")]
    spec.rules[BKP102]: "deny" is no severity; write Deny [Set("Deny")]
    spec.rules[BKP103]: "Refuse" is no severity; write Deny, Warn, Audit or "Off"
    spec.rules[BKP1O1]: there is no such rule; did you mean BKP101? kubectl backup explain lists them
    spec.plans[0].lock: a backup cannot be locked for 25h0m0s, longer than it is kept (24h0m0s); raise ttl
    spec.plans[0].schedule: "0 25 * * *" is no schedule that Velero takes: "25" is no hour: it goes from 0 to 23
    spec.plans[1].schedule: this field is needed; add it
    spec.plans[1].name: there is a plan a above; rename one of the two
    spec.plans[2].name: "A" cannot be part of a schedule's name; write a-z, 0-9 and - only
    spec.exemptions.users[0]: "*" is compared as it is: an asterisk stands for nothing; name each account
    spec.exemptions.users[2]: "a" is named twice; remove one
    spec.exemptions.users[3]: "" must have 1 to 253 characters
    spec.exemptions.groups[0]: an exemption for system:authenticated is one for everybody; name the accounts that need it
    "#);
}

#[test]
fn a_policy_of_another_shape_is_told() {
    insta::assert_snapshot!(told(&json!([])), @r#"spec: [] must be an object"#);
    insta::assert_snapshot!(told(&json!({"quotas": {}, "rules": [], "plans": "x", "exemptions": {"users": "a"}})), @r#"
    spec.quotas: {} must be a list
    spec.rules: [] must be an object
    spec.plans: "x" must be a list
    spec.exemptions.users: "a" must be a list
    "#);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-zA-Z0-9*. :/é-]{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["720h", "0 3 * * *", "Deny", "Off", "schedules.velero.io"]).prop_map(Value::from),
    ];
    let names = [
        "quotas",
        "resource",
        "limit",
        "exempt",
        "users",
        "groups",
        "snapshotClasses",
        "storageClass",
        "snapshotClass",
        "defaults",
        "backupTTL",
        "scheduleTTL",
        "storageLocation",
        "labels",
        "rules",
        "BKP101",
        "plans",
        "name",
        "schedule",
        "ttl",
        "lock",
        "exemptions",
        "other",
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(names.to_vec()), inner, 0..6)
                .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn every_text_is_read_or_told_and_nothing_binds_whom_the_webhook_exempts(spec in any_json()) {
        let Reading { config, problems } = read(&base(), &spec);
        prop_assert_eq!(config.is_some(), problems.iter().all(|problem| problem.harmless));
        if let Some(config) = config {
            prop_assert!(config.exempts("root", &[]));
            prop_assert!(config.quotas.iter().all(|quota| quota.limit <= 2000));
        }
        for problem in problems {
            prop_assert!(problem.message.len() < 600, "{}", problem);
        }
    }
}

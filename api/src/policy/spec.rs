//! What the administrator writes. The CRD's schema bounds every field, and says by CEL what CEL can say; what it cannot
//! (is this a rule, is this a schedule) is the webhook's to refuse.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BackupPolicyStatus;

/// Limits, defaults and severities for the whole cluster. What is left out has its built-in value.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[kube(
    group = "kubectl-backup.dev",
    version = "v1alpha1",
    kind = "BackupPolicy",
    doc = "Limits, defaults and severities of backups for the whole cluster",
    plural = "backuppolicies",
    shortname = "bkpol",
    status = "BackupPolicyStatus",
    validation = Rule::new("self.metadata.name == 'default'")
        .message("only the policy named \"default\" is read: name it so"),
    printcolumn = r#"{"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type=='Ready')].status"}"#,
    printcolumn = r#"{"name": "Reason", "type": "string", "jsonPath": ".status.conditions[?(@.type=='Ready')].reason"}"#,
    printcolumn = r#"{"name": "Quotas kept", "type": "string", "jsonPath": ".status.conditions[?(@.type=='QuotasKept')].status"}"#,
    printcolumn = r#"{"name": "Slots", "type": "string", "jsonPath": ".status.slots"}"#,
    printcolumn = r#"{"name": "Message", "type": "string", "priority": 1, "jsonPath": ".status.conditions[?(@.type=='Ready')].message"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct BackupPolicySpec {
    /// How many objects of a resource the cluster may hold. The list replaces the built-in one: at most 10
    /// VolumeSnapshots and 3 Velero Schedules. An empty list sets no limit at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["resource".into()]))]
    pub quotas: Option<Vec<QuotaLimit>>,
    /// Which VolumeSnapshotClass belongs to which storage class; the first row that fits decides. The list replaces the
    /// built-in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["storageClass".into(), "snapshotClass".into()]))]
    pub snapshot_classes: Option<Vec<SnapshotClassChoice>>,
    /// What new objects get where their author says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defaults: Option<Defaults>,
    /// Severities that differ from the rules' own, by the rule's code: Deny refuses, Warn tells the author, Audit only
    /// counts and logs, "Off" does not look (in quotes: YAML reads a bare Off as false).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 128))]
    #[x_kube(validation = Rule::new("self.all(code, code.matches('^BKP[1-9][0-9][0-9]$'))")
        .message("a rule's code is BKP and three digits, as in BKP101"))]
    pub rules: Option<BTreeMap<String, RuleSeverity>>,
    /// Named schedules with their retention and deletion lock. A backup gets both of `kubectl backup create --plan`; no command
    /// makes schedules of plans yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub plans: Option<Vec<Plan>>,
    /// Accounts that no quota and no deletion lock binds and that rules only warn. They are added to Velero's own accounts,
    /// which no policy can bind by quotas or rules; but a deletion lock binds those too where they make a new request to
    /// delete a backup, since a restore writes anybody's requests in their name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exemptions: Option<Accounts>,
}

/// A limit on the number of objects of one resource in the whole cluster.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuotaLimit {
    /// The counted resource as `plural.group`, such as volumesnapshots.snapshot.storage.k8s.io.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub resource: String,
    /// How many may exist at once. A lower limit refuses new objects and touches no old one.
    #[schemars(range(min = 0, max = 2000), extend("format" = "int32"))]
    pub limit: u32,
    /// Further accounts that this one quota does not bind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exempt: Option<Accounts>,
}

/// One row of the table that leads from a storage class to a snapshot class.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotClassChoice {
    /// Pattern for the storage class's name: `*` is any text, `?` any one character.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9.*?-]+$"))]
    pub storage_class: String,
    /// The VolumeSnapshotClass to use.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub snapshot_class: String,
}

/// What new objects get where their author says nothing.
#[derive(KubeSchema, Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Defaults {
    /// How long a backup is kept, as a Go duration such as 720h; Velero's server decides when absent.
    #[serde(rename = "backupTTL", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32), regex(pattern = r"^([0-9]+(\.[0-9]+)?(h|m|s))+$"))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1h') && duration(self) <= duration('1752000h')")
        .message("a backup is kept for at least 1h and at most 200 years (1752000h)"))]
    pub backup_ttl: Option<String>,
    /// How long a schedule's backups are kept; backupTTL when absent.
    #[serde(rename = "scheduleTTL", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32), regex(pattern = r"^([0-9]+(\.[0-9]+)?(h|m|s))+$"))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1h') && duration(self) <= duration('1752000h')")
        .message("a backup is kept for at least 1h and at most 200 years (1752000h)"))]
    pub schedule_ttl: Option<String>,
    /// The BackupStorageLocation of backups and schedules that name none; Velero's default location when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub storage_location: Option<String>,
    /// Labels of backups and of schedules' backups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 32))]
    #[x_kube(validation = Rule::new("self.all(key, key.size() <= 317 && self[key].size() <= 63)")
        .message("a label's key has at most 317 characters and its value at most 63"))]
    pub labels: Option<BTreeMap<String, String>>,
}

/// What becomes of an object that breaks a rule.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
pub enum RuleSeverity {
    /// It is refused.
    Deny,
    /// It is accepted and its author told.
    Warn,
    /// It is accepted; the finding is counted and logged.
    Audit,
    /// Nobody looks.
    Off,
}

/// A named schedule with its retention and deletion lock.
#[derive(KubeSchema, Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[x_kube(validation = Rule::new("!has(self.lock) || !has(self.ttl) || duration(self.lock) <= duration(self.ttl)")
    .message("a backup cannot be locked for longer than it is kept: lock must not exceed ttl"))]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Its name.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// When, as a cron expression in Velero's dialect.
    #[schemars(length(min = 1, max = 256))]
    pub schedule: String,
    /// How long each backup is kept, as a Go duration such as 720h; the default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32), regex(pattern = r"^([0-9]+(\.[0-9]+)?(h|m|s))+$"))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1h') && duration(self) <= duration('1752000h')")
        .message("a backup is kept for at least 1h and at most 200 years (1752000h)"))]
    pub ttl: Option<String>,
    /// For how long after its creation nobody may delete a backup, as a Go duration such as 168h. It locks what is made with
    /// `kubectl backup create --plan`; what locks the backups of a schedule is its annotation kubectl-backup.dev/lock-for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32), regex(pattern = r"^([0-9]+(\.[0-9]+)?(h|m|s))+$"))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1h') && duration(self) <= duration('1752000h')")
        .message("a backup is locked for at least 1h and at most 200 years (1752000h)"))]
    pub lock: Option<String>,
}

/// Accounts as the API server authenticates them; names are compared as they are, nothing is a wildcard.
#[derive(KubeSchema, Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Accounts {
    /// User names, such as system:serviceaccount:NAMESPACE:NAME.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 253), regex(pattern = r"^[^*]+$")))]
    #[x_kube(
        merge_strategy = ListMerge::Set,
        validation = Rule::new("!('system:anonymous' in self)").message("an exemption for system:anonymous is one for everybody"),
    )]
    pub users: Vec<String>,
    /// Group names, such as system:serviceaccounts:NAMESPACE.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 253), regex(pattern = r"^[^*]+$")))]
    #[x_kube(
        merge_strategy = ListMerge::Set,
        validation = Rule::new("!self.exists(group, group in ['system:authenticated', 'system:unauthenticated', 'system:serviceaccounts'])")
            .message("an exemption for system:authenticated, system:unauthenticated or system:serviceaccounts is one for everybody"),
    )]
    pub groups: Vec<String>,
}

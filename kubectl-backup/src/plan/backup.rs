//! What a new backup is: from what was asked for to Velero's object.

use std::collections::BTreeMap;

use backup_api::{
    labels::PLAN,
    velero::{Backup, BackupSpec, ResourcePolicyRef},
};
use backup_policy::names::LOCK_FOR;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::{
    args::go_duration,
    error::{CliError, Result},
    plan::{
        backup_terms::Terms,
        name::{Named, check_name},
        no_volume_data,
    },
};

/// Which namespaces a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole cluster, but for some namespaces.
    Cluster {
        /// Namespaces to leave out.
        except: Vec<String>,
    },
    /// These namespaces; patterns among them until they are resolved.
    Namespaces(Vec<String>),
}

/// The pattern that all namespaces match; Velero then takes what is in no namespace as well.
const EVERYTHING: &str = "*";

/// How volumes are saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Volumes {
    /// Copy the volumes that pods name in their annotation backup.velero.io/backup-volumes, file by file, to the storage
    /// location; no snapshots
    Annotated,
    /// Take a CSI snapshot of each volume; the data stay in the storage system, so they are gone if it is
    Snapshot,
    /// Take a CSI snapshot of each volume and copy its data to the storage location
    Copy,
    /// Save no volume data, only objects, whatever pods are annotated with
    None,
}

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The backup's name; derived when absent.
    pub name: Option<String>,
    /// Which namespaces.
    pub scope: Scope,
    /// Only objects with these labels.
    pub selector: Option<LabelSelector>,
    /// Labels of the backup itself.
    pub labels: BTreeMap<String, String>,
    /// How volumes are saved; as Velero's server is set up when absent.
    pub volumes: Option<Volumes>,
    /// How long it is kept and locked.
    pub terms: Terms,
    /// The storage location; the default one when absent.
    pub location: Option<String>,
}

impl Request {
    /// Returns the backup's name: the one that was given, else one made of the scope and the time (UTC).
    ///
    /// # Errors
    /// When the name that was given cannot be a backup's.
    pub fn name(&self, now: Timestamp) -> Result<Named> {
        match &self.name {
            Some(name) => check_name(name).map(|()| Named::Given(name.clone())),
            None => Ok(Named::derived(&self.scope.stem(), now)),
        }
    }

    /// Returns the object to send.
    pub fn object(&self, name: &str, namespace: &str) -> Backup {
        let (included, excluded) = match &self.scope {
            // Nothing would mean the same, but some Velero 1.18 then saves nothing when there are exclusions.
            Scope::Cluster { except } => {
                (Some(vec![EVERYTHING.to_owned()]), (!except.is_empty()).then(|| except.clone()))
            }
            Scope::Namespaces(names) => (Some(names.clone()), None),
        };
        let volumes = VolumeSwitches::of(self.volumes);
        let spec = BackupSpec {
            included_namespaces: included,
            excluded_namespaces: excluded,
            label_selector: self.selector.clone(),
            snapshot_volumes: volumes.snapshot,
            snapshot_move_data: volumes.move_data,
            default_volumes_to_fs_backup: volumes.files_by_default,
            ttl: self.terms.retention.map(go_duration),
            storage_location: self.location.clone(),
            resource_policy: (self.volumes == Some(Volumes::None))
                .then(|| ResourcePolicyRef { kind: "configmap".to_owned(), name: no_volume_data::NAME.to_owned() }),
            ..BackupSpec::default()
        };
        let mut backup = Backup::new(name, spec);
        backup.metadata.namespace = Some(namespace.to_owned());
        let mut labels = self.labels.clone();
        labels.extend(self.terms.plan.clone().map(|plan| (PLAN.to_owned(), plan)));
        backup.metadata.labels = (!labels.is_empty()).then_some(labels);
        backup.metadata.annotations =
            self.terms.lock.map(|lock| BTreeMap::from([(LOCK_FOR.to_owned(), go_duration(lock))]));
        backup
    }
}

/// Velero's three switches for volume data; absent means as the server is set up.
struct VolumeSwitches {
    snapshot: Option<bool>,
    move_data: Option<bool>,
    files_by_default: Option<bool>,
}

impl VolumeSwitches {
    /// A mode sets every switch, so that the server's settings cannot change what it means.
    fn of(volumes: Option<Volumes>) -> Self {
        let (snapshot, move_data, files_by_default) = match volumes {
            None => (None, None, None),
            Some(Volumes::Annotated | Volumes::None) => (Some(false), Some(false), Some(false)),
            Some(Volumes::Snapshot) => (Some(true), Some(false), Some(false)),
            Some(Volumes::Copy) => (Some(true), Some(true), Some(false)),
        };
        Self { snapshot, move_data, files_by_default }
    }
}

impl Scope {
    /// Returns the scope that a list of namespaces means.
    pub fn of_names(names: Vec<String>) -> Self {
        if names.iter().any(|name| name == EVERYTHING) {
            Self::Cluster { except: Vec::new() }
        } else {
            Self::Namespaces(names)
        }
    }

    fn stem(&self) -> String {
        match self {
            Self::Cluster { .. } => "cluster".into(),
            Self::Namespaces(names) => {
                let plain: String = names.first().map(String::as_str).unwrap_or_default().replace(is_glob, "");
                let first = plain.trim_matches(['-', '.']);
                let first = if first.is_empty() { "namespaces" } else { first };
                if names.len() > 1 { format!("{first}-and-{}-more", names.len() - 1) } else { first.to_owned() }
            }
        }
    }

    /// Says in words what is saved: `namespace "shop"`.
    pub fn words(&self) -> String {
        let quoted = |names: &[String]| names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
        match self {
            Self::Cluster { except } if except.is_empty() => "the whole cluster".into(),
            Self::Cluster { except } => format!("the whole cluster except {}", quoted(except)),
            Self::Namespaces(names) if names.len() == 1 => format!("namespace {}", quoted(names)),
            Self::Namespaces(names) => format!("namespaces {}", quoted(names)),
        }
    }

    /// Returns the namespaces that were named, whether to be saved or left out: those without `*`.
    pub fn named(&self) -> Vec<String> {
        let (Self::Cluster { except: names } | Self::Namespaces(names)) = self;
        names.iter().filter(|name| !name.contains(is_glob)).cloned().collect()
    }

    /// Judges that some of the named namespaces do not exist. Returns a warning where that does no harm.
    ///
    /// # Errors
    /// When they were to be saved.
    pub fn judge_missing(&self, missing: &[String]) -> Result<Option<String>> {
        if missing.is_empty() {
            return Ok(None);
        }
        let quoted: Vec<String> = missing.iter().map(|name| format!("{name:?}")).collect();
        let (verb, noun) = if missing.len() == 1 { ("is", "namespace") } else { ("are", "namespaces") };
        let text = format!("there {verb} no {noun} {}", quoted.join(", "));
        match self {
            Self::Cluster { .. } => Ok(Some(format!("{text} to leave out"))),
            Self::Namespaces(_) => Err(CliError::new(text).hint("See the namespaces with: kubectl get namespaces")),
        }
    }
}

/// Returns whether the character makes a name a pattern.
pub fn is_glob(c: char) -> bool {
    matches!(c, '*' | '?' | '[' | ']')
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn request(scope: Scope) -> Request {
        Request {
            name: None,
            scope,
            selector: None,
            labels: BTreeMap::new(),
            volumes: None,
            terms: Terms::default(),
            location: None,
        }
    }

    fn namespaces(names: &[&str]) -> Scope {
        Scope::Namespaces(names.iter().map(|&name| name.to_owned()).collect())
    }

    fn now() -> Timestamp {
        "2026-11-21T10:09:08Z".parse().unwrap()
    }

    #[test]
    fn a_name_is_made_of_the_scope_and_the_time() {
        let name = |scope| request(scope).name(now()).unwrap().candidate(1);
        assert_eq!(name(namespaces(&["shop"])), "shop-20261121100908");
        assert_eq!(name(namespaces(&["shop", "pay", "log"])), "shop-and-2-more-20261121100908");
        assert_eq!(name(namespaces(&["team-*"])), "team-20261121100908");
        assert_eq!(name(namespaces(&["[ab]*"])), "ab-20261121100908");
        assert_eq!(name(Scope::Cluster { except: vec![] }), "cluster-20261121100908");
    }

    #[test]
    fn each_volume_mode_sets_every_switch() {
        let spec = |volumes| {
            let spec = Request { volumes, ..request(namespaces(&["shop"])) }.object("b", "velero").spec;
            (spec.snapshot_volumes, spec.snapshot_move_data, spec.default_volumes_to_fs_backup)
        };
        assert_eq!(spec(None), (None, None, None));
        assert_eq!(spec(Some(Volumes::None)), (Some(false), Some(false), Some(false)));
        assert_eq!(spec(Some(Volumes::Annotated)), (Some(false), Some(false), Some(false)));
        assert_eq!(spec(Some(Volumes::Snapshot)), (Some(true), Some(false), Some(false)));
        assert_eq!(spec(Some(Volumes::Copy)), (Some(true), Some(true), Some(false)));
    }

    #[test]
    fn the_object_says_no_more_than_was_asked_for() {
        let mut asked = request(namespaces(&["shop"]));
        asked.terms.retention = Some(Duration::from_secs(30 * 86_400));
        let object = serde_json::to_string(&asked.object("b", "velero")).unwrap();
        insta::assert_snapshot!(object, @r#"{"apiVersion":"velero.io/v1","kind":"Backup","metadata":{"name":"b","namespace":"velero"},"spec":{"includedNamespaces":["shop"],"ttl":"720h0m0s"}}"#);
        let everything = request(Scope::Cluster { except: vec!["kube-system".into()] });
        let object = serde_json::to_string(&everything.object("b", "velero").spec).unwrap();
        insta::assert_snapshot!(object, @r#"{"includedNamespaces":["*"],"excludedNamespaces":["kube-system"]}"#);
    }

    #[test]
    fn the_lock_is_an_annotation_and_the_plan_a_label() {
        let mut asked = request(namespaces(&["shop"]));
        asked.labels = BTreeMap::from([("team".to_owned(), "shop".to_owned())]);
        asked.terms =
            Terms { plan: Some("nightly".into()), lock: Some(Duration::from_secs(168 * 3600)), ..Terms::default() };
        let metadata = serde_json::to_string(&asked.object("b", "velero").metadata).unwrap();
        insta::assert_snapshot!(metadata, @r#"{"annotations":{"kubectl-backup.dev/lock-for":"168h0m0s"},"labels":{"kubectl-backup.dev/plan":"nightly","team":"shop"},"name":"b","namespace":"velero"}"#);
    }

    #[test]
    fn all_namespaces_by_pattern_are_the_whole_cluster() {
        let scope = |names: &[&str]| Scope::of_names(names.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(scope(&["shop", "*"]), Scope::Cluster { except: vec![] });
        assert_eq!(scope(&["team-*"]), namespaces(&["team-*"]));
    }

    #[test]
    fn only_a_namespace_that_is_to_be_saved_must_exist() {
        let missing = ["dev".to_owned()];
        let except = Scope::Cluster { except: vec!["dev".into(), "x-*".into()] };
        assert_eq!(except.named(), ["dev"]);
        insta::assert_snapshot!(except.judge_missing(&missing).unwrap().unwrap(), @r#"there is no namespace "dev" to leave out"#);
        insta::assert_snapshot!(namespaces(&["dev"]).judge_missing(&missing).unwrap_err().message, @r#"there is no namespace "dev""#);
        assert_eq!(namespaces(&["dev"]).judge_missing(&[]).unwrap(), None);
    }

    #[test]
    fn the_scope_reads_as_words() {
        insta::assert_snapshot!(namespaces(&["shop"]).words(), @r#"namespace "shop""#);
        insta::assert_snapshot!(Scope::Cluster { except: vec!["a".into()] }.words(), @r#"the whole cluster except "a""#);
    }
}

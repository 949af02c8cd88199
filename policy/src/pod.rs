//! The part of a pod, or of a pod template, that Velero's annotations speak about.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use crate::{
    FieldPath,
    names::{VELERO_EXCLUDE, is_guarded},
    subject::{Kind, Subject, label},
};

/// A pod or a pod template, seen by the rules. Two equal ones get equal verdicts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod<'a> {
    /// What the object is.
    pub kind: Kind,
    /// Where the pod lies in the object: nowhere deeper for a pod, `spec.template` for a Deployment.
    pub template: &'static [&'static str],
    /// The guarded annotations of the pod.
    pub annotations: BTreeMap<&'a str, &'a str>,
    /// The pod's volumes, those of a StatefulSet's claim templates included.
    pub volumes: Vec<Volume<'a>>,
    /// The names of its containers, without those that run before the others.
    pub containers: Vec<&'a str>,
    /// The names of its init containers.
    pub init_containers: Vec<&'a str>,
    /// The volumes that its containers mount as file systems; init containers do not count.
    pub mounted: BTreeSet<&'a str>,
    /// The volumes that its containers use as block devices.
    pub devices: BTreeSet<&'a str>,
    /// Whether its labels take it out of every backup.
    pub excluded: bool,
    /// Guarded annotations outside the pod's metadata, where Velero does not look: whose they are, and their names.
    pub misplaced: Vec<(&'static [&'static str], &'a str)>,
}

/// A volume of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume<'a> {
    /// The name that mounts and annotations use.
    pub name: &'a str,
    /// What it is.
    pub source: Source,
    /// The PVC's name when it is one.
    pub claim: Option<&'a str>,
}

/// The types of volumes that the rules tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A directory that lives as long as the pod.
    EmptyDir,
    /// The data of a ConfigMap.
    ConfigMap,
    /// The data of a Secret.
    Secret,
    /// Several sources in one directory.
    Projected,
    /// Fields of the pod itself.
    DownwardApi,
    /// A directory of the node.
    HostPath,
    /// A PersistentVolumeClaim.
    Claim,
    /// Any other, all of which Velero can copy.
    Other,
}

impl<'a> Pod<'a> {
    /// The pod within a subject's new object, for kinds that have one.
    #[must_use]
    pub fn of(subject: &Subject<'a>) -> Option<Self> {
        Self::within(subject.kind, subject.object)
    }

    /// The pod within an object of that kind.
    #[must_use]
    pub fn within(kind: Kind, object: &'a Value) -> Option<Self> {
        let place = Place::of(kind)?;
        let nothing = &Value::Null;
        let pod = if place.is_pod { below(object, place.template)? } else { nothing };
        let misplaced = place
            .outside
            .iter()
            .filter_map(|path| Some((*path, below(object, path)?)))
            .flat_map(|(path, holder)| guarded(holder).map(move |(name, _)| (path, name)))
            .collect();
        let containers = || array(pod, "/spec/containers");
        let uses = |pointer| containers().flat_map(move |container| array(container, pointer)).filter_map(name);
        let claim_templates = array(object, "/spec/volumeClaimTemplates").filter(|_| kind == Kind::StatefulSet);
        Some(Self {
            kind,
            template: place.template,
            annotations: guarded(pod).collect(),
            volumes: array(pod, "/spec/volumes")
                .filter_map(volume)
                .chain(claim_templates.filter_map(claim_volume))
                .collect(),
            containers: containers().filter_map(name).collect(),
            init_containers: array(pod, "/spec/initContainers").filter_map(name).collect(),
            mounted: uses("/volumeMounts").collect(),
            devices: uses("/volumeDevices").collect(),
            excluded: label(pod, VELERO_EXCLUDE) == Some("true"),
            misplaced,
        })
    }

    /// The path of one of the pod's annotations.
    #[must_use]
    pub fn annotation_path(&self, name: &str) -> FieldPath {
        FieldPath::of(self.template).annotation(name.to_owned())
    }

    /// Whether an annotation also stands where Velero does not look, which is told once it stands only there.
    #[must_use]
    pub fn has_elsewhere(&self, name: &str) -> bool {
        self.misplaced.iter().any(|(_, misplaced)| *misplaced == name)
    }

    /// An annotation's text; one without any text counts for nothing, as it does for Velero.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&'a str> {
        self.annotations.get(name).copied().filter(|value| !value.is_empty())
    }

    /// The volumes by name; of two of one name the last, as a claim template takes the place of a volume.
    #[must_use]
    pub fn volumes_by_name(&self) -> HashMap<&'a str, &Volume<'a>> {
        self.volumes.iter().map(|volume| (volume.name, volume)).collect()
    }
}

/// Where a kind's objects keep a pod's annotations, and where else people put them.
struct Place {
    template: &'static [&'static str],
    outside: &'static [&'static [&'static str]],
    /// Whether the annotations in the right place are a pod's at all.
    is_pod: bool,
}

impl Place {
    fn of(kind: Kind) -> Option<Self> {
        let (template, outside): (&'static [_], &'static [&'static [_]]) = match kind {
            Kind::Pod => (&[], &[]),
            Kind::Deployment
            | Kind::StatefulSet
            | Kind::DaemonSet
            | Kind::ReplicaSet
            | Kind::ReplicationController
            | Kind::Job => (&["spec", "template"], &[&[]]),
            Kind::CronJob => (&["spec", "jobTemplate", "spec", "template"], &[&[], &["spec", "jobTemplate"]]),
            Kind::PersistentVolumeClaim | Kind::Binding => (&[], &[&[]]),
            Kind::VolumeSnapshot
            | Kind::Backup
            | Kind::Schedule
            | Kind::Restore
            | Kind::DeleteBackupRequest
            | Kind::BackupStorageLocation
            | Kind::BackupPolicy => return None,
        };
        Some(Self { template, outside, is_pod: !matches!(kind, Kind::PersistentVolumeClaim | Kind::Binding) })
    }
}

fn guarded(object: &Value) -> impl Iterator<Item = (&str, &str)> {
    let annotations = object.pointer("/metadata/annotations").and_then(Value::as_object);
    let texts = annotations.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)));
    texts.filter(|(key, _)| is_guarded(key))
}

fn below<'a>(object: &'a Value, fields: &[&str]) -> Option<&'a Value> {
    fields.iter().try_fold(object, |at, field| at.get(field))
}

fn array<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    object.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn name(object: &Value) -> Option<&str> {
    object.get("name")?.as_str()
}

fn volume(volume: &Value) -> Option<Volume<'_>> {
    let fields = volume.as_object()?;
    let name = name(volume)?;
    // An API server reads a volume without a source as an emptyDir.
    let source =
        fields.iter().find(|(key, value)| *key != "name" && !value.is_null()).map_or(Source::EmptyDir, |(key, _)| {
            match key.as_str() {
                "emptyDir" => Source::EmptyDir,
                "configMap" => Source::ConfigMap,
                "secret" => Source::Secret,
                "projected" => Source::Projected,
                "downwardAPI" => Source::DownwardApi,
                "hostPath" => Source::HostPath,
                "persistentVolumeClaim" => Source::Claim,
                _ => Source::Other,
            }
        });
    let claim = volume.pointer("/persistentVolumeClaim/claimName").and_then(Value::as_str);
    Some(Volume { name, source, claim })
}

fn claim_volume(template: &Value) -> Option<Volume<'_>> {
    let name = template.pointer("/metadata/name")?.as_str()?;
    Some(Volume { name, source: Source::Claim, claim: None })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::names::BACKUP_VOLUMES;

    #[test]
    fn claim_templates_are_volumes_of_a_stateful_set_only() {
        let object = json!({"spec": {
            "template": {"spec": {"volumes": [{"name": "tmp"}]}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
        }});
        let names = |kind| {
            Pod::within(kind, &object).map(|pod| pod.volumes.iter().map(|volume| volume.name).collect::<Vec<_>>())
        };
        assert_eq!(names(Kind::StatefulSet), Some(vec!["tmp", "data"]));
        assert_eq!(names(Kind::Deployment), Some(vec!["tmp"]));
    }

    #[test]
    fn a_cron_jobs_pod_lies_two_templates_deep() {
        let annotations = json!({"annotations": {BACKUP_VOLUMES: "data"}});
        let object = json!({
            "metadata": annotations,
            "spec": {"jobTemplate": {"metadata": annotations, "spec": {"template": {"metadata": annotations}}}},
        });
        let pod = Pod::within(Kind::CronJob, &object);
        let pod = pod.as_ref();
        assert_eq!(pod.map(|pod| pod.annotations.len()), Some(1));
        assert_eq!(
            pod.map(|pod| pod.misplaced.as_slice()),
            Some(&[(&[][..], BACKUP_VOLUMES), (&["spec", "jobTemplate"][..], BACKUP_VOLUMES)][..])
        );
        assert_eq!(
            pod.map(|pod| pod.annotation_path("a").to_string()).as_deref(),
            Some("spec.jobTemplate.spec.template.metadata.annotations[a]")
        );
    }

    #[test]
    fn a_volumes_source_is_the_key_beside_its_name() {
        let object = json!({"spec": {"volumes": [
            {"name": "a", "configMap": {"name": "x"}},
            {"name": "b", "persistentVolumeClaim": {"claimName": "pvc"}},
            {"name": "c", "secret": null},
            {"name": "d", "nfs": {"server": "x"}},
        ]}});
        let pod = Pod::within(Kind::Pod, &object);
        let volumes = pod.map(|pod| pod.volumes);
        let volume = |name, source, claim| Volume { name, source, claim };
        assert_eq!(
            volumes,
            Some(vec![
                volume("a", Source::ConfigMap, None),
                volume("b", Source::Claim, Some("pvc")),
                volume("c", Source::EmptyDir, None),
                volume("d", Source::Other, None),
            ])
        );
    }

    #[test]
    fn what_init_containers_mount_does_not_count() {
        let object = json!({"spec": {
            "containers": [{"name": "web", "volumeMounts": [{"name": "a"}], "volumeDevices": [{"name": "b"}]}],
            "initContainers": [{"name": "first", "volumeMounts": [{"name": "c"}]}],
        }});
        let pod = Pod::within(Kind::Pod, &object).expect("a pod");
        assert_eq!((pod.containers, pod.init_containers), (vec!["web"], vec!["first"]));
        assert_eq!((pod.mounted, pod.devices), (["a"].into(), ["b"].into()));
    }
}

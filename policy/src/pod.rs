//! The part of a pod, or of a pod template, that Velero's annotations speak about.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::{
    FieldPath,
    names::GUARDED_ANNOTATIONS,
    subject::{Kind, Subject, annotation},
};

/// A pod or a pod template, seen by the rules. Two equal ones get equal verdicts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod<'a> {
    /// Where the pod lies in the object: nowhere deeper for a pod, `spec.template` for a Deployment.
    pub template: &'static [&'static str],
    /// The guarded annotations of the pod.
    pub annotations: BTreeMap<&'static str, &'a str>,
    /// The pod's volumes, those of a StatefulSet's claim templates included.
    pub volumes: Vec<Volume<'a>>,
    /// Guarded annotations outside the pod's metadata, where Velero does not look: whose they are, and their names.
    pub misplaced: Vec<(&'static [&'static str], &'static str)>,
}

/// A volume of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume<'a> {
    /// The name that mounts and annotations use.
    pub name: &'a str,
    /// The key that says what it is, as in `configMap` or `persistentVolumeClaim`.
    pub source: &'a str,
    /// The PVC's name when it is one.
    pub claim: Option<&'a str>,
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
        let (template, outside): (&'static [&'static str], &[&'static [&'static str]]) = match kind {
            Kind::Pod => (&[], &[]),
            Kind::Deployment
            | Kind::StatefulSet
            | Kind::DaemonSet
            | Kind::ReplicaSet
            | Kind::ReplicationController
            | Kind::Job => (&["spec", "template"], &[&[]]),
            Kind::CronJob => (&["spec", "jobTemplate", "spec", "template"], &[&[], &["spec", "jobTemplate"]]),
            Kind::VolumeSnapshot
            | Kind::Backup
            | Kind::Schedule
            | Kind::Restore
            | Kind::DeleteBackupRequest
            | Kind::BackupPolicy => return None,
        };
        let pod = below(object, template)?;
        let guarded = |object: &'a Value| {
            GUARDED_ANNOTATIONS.into_iter().filter_map(move |name| Some((name, annotation(object, name)?)))
        };
        let misplaced = outside
            .iter()
            .filter_map(|path| Some((*path, below(object, path)?)))
            .flat_map(|(path, holder)| guarded(holder).map(move |(name, _)| (path, name)))
            .collect();
        let claim_templates = array(object, "/spec/volumeClaimTemplates").filter(|_| kind == Kind::StatefulSet);
        Some(Self {
            template,
            annotations: guarded(pod).collect(),
            volumes: array(pod, "/spec/volumes")
                .filter_map(volume)
                .chain(claim_templates.filter_map(claim_volume))
                .collect(),
            misplaced,
        })
    }

    /// The path of one of the pod's annotations.
    #[must_use]
    pub fn annotation_path(&self, name: &'static str) -> FieldPath {
        FieldPath::of(self.template).annotation(name)
    }

    /// The volumes by name; of two of one name the first.
    #[must_use]
    pub fn volumes_by_name(&self) -> HashMap<&'a str, &Volume<'a>> {
        self.volumes.iter().rev().map(|volume| (volume.name, volume)).collect()
    }
}

fn below<'a>(object: &'a Value, fields: &[&str]) -> Option<&'a Value> {
    fields.iter().try_fold(object, |at, field| at.get(field))
}

fn array<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    object.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn volume(volume: &Value) -> Option<Volume<'_>> {
    let fields = volume.as_object()?;
    let name = fields.get("name")?.as_str()?;
    // An API server reads a volume without a source as an emptyDir.
    let source =
        fields.iter().find(|(key, value)| *key != "name" && !value.is_null()).map_or("emptyDir", |(key, _)| key);
    let claim = volume.pointer("/persistentVolumeClaim/claimName").and_then(Value::as_str);
    Some(Volume { name, source, claim })
}

fn claim_volume(template: &Value) -> Option<Volume<'_>> {
    let name = template.pointer("/metadata/name")?.as_str()?;
    Some(Volume { name, source: "persistentVolumeClaim", claim: None })
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
        ]}});
        let pod = Pod::within(Kind::Pod, &object);
        let volumes = pod.map(|pod| pod.volumes);
        let volume = |name, source, claim| Volume { name, source, claim };
        assert_eq!(
            volumes,
            Some(vec![
                volume("a", "configMap", None),
                volume("b", "persistentVolumeClaim", Some("pvc")),
                volume("c", "emptyDir", None),
            ])
        );
    }
}

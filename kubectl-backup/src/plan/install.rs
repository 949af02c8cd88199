//! What `policy install` applies: the manifests that the repository has, with the user's choices put in.

use serde_json::{Value, json};

use crate::error::{CliError, Result};

/// All of it, in the order in which it is applied; made by `cargo xtask gen`.
const MANIFESTS: &str = include_str!("../../../manifests/install.yaml");
/// The namespace of the webhook.
pub const NAMESPACE: &str = "kubectl-backup-system";
/// The webhook's Deployment, and its configurations.
pub const NAME: &str = "backup-webhook";

/// What the user chooses.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// The webhook's image, when not the one of this version.
    pub image: Option<String>,
    /// How many replicas, when not three.
    pub replicas: Option<u32>,
}

/// The registry and repository of the program's own images.
const OWN_IMAGES: &str = "kubectl-backup.dev/backup-webhook:";

impl Choices {
    /// These choices, and those of the installed webhook where nothing was chosen: who runs the same command again, maybe in
    /// an emergency, must not lose them. An image of our own makes way for this version's.
    #[must_use]
    pub fn or(self, installed: &Self) -> Self {
        let mirrored = installed.image.clone().filter(|image| !image.starts_with(OWN_IMAGES));
        Self {
            image: self.image.or(mirrored),
            replicas: self.replicas.or(installed.replicas.filter(|count| *count > 0)),
        }
    }
}

/// The objects with these choices.
///
/// # Errors
/// When the manifests are not what this version expects, so that a choice could not be put in.
pub fn objects(choices: &Choices) -> Result<Vec<Value>> {
    let documents = MANIFESTS.split("\n---\n").skip(1);
    let broken = |error: &dyn std::fmt::Display| CliError::new(format!("the built-in manifests are broken: {error}"));
    let mut objects = documents
        .map(|document| serde_saphyr::from_str::<Value>(document).map_err(|error| broken(&error)))
        .collect::<Result<Vec<_>>>()?;
    let deployment = objects.iter_mut().find(|object| object["kind"] == "Deployment");
    let deployment = deployment.ok_or_else(|| broken(&"no Deployment"))?;
    if let Some(replicas) = choices.replicas {
        deployment["spec"]["replicas"] = json!(replicas);
    }
    let container =
        deployment.pointer_mut("/spec/template/spec/containers/0").ok_or_else(|| broken(&"no container"))?;
    if let Some(image) = &choices.image {
        container["image"] = json!(image);
    }
    Ok(objects)
}

/// The order in which an installation is taken away: first of all, nobody is asked any more. Types, with everything that
/// is of them, and their namespace go last.
pub fn removal(mut objects: Vec<Value>, with_types: bool) -> Vec<Value> {
    objects.reverse();
    objects.retain(|object| with_types || !is_type(object));
    // What refuses while nobody answers comes before what only fills in.
    objects.sort_by_key(|object| (!is_asked(object), kind(object).starts_with("Mutating")));
    objects
}

/// Whether the API servers ask somebody because of this object.
pub fn is_asked(object: &Value) -> bool {
    kind(object).ends_with("WebhookConfiguration")
}

/// Whether it defines a type.
pub fn is_type(object: &Value) -> bool {
    kind(object) == "CustomResourceDefinition"
}

/// An object's kind.
pub fn kind(object: &Value) -> &str {
    object["kind"].as_str().unwrap_or_default()
}

/// An object as kubectl names it in messages.
pub fn name(object: &Value) -> String {
    let group = object["apiVersion"].as_str().and_then(|version| version.split_once('/')).map(|(group, _)| group);
    let group = group.map(|group| format!(".{group}")).unwrap_or_default();
    format!("{}{group}/{}", kind(object).to_lowercase(), object["metadata"]["name"].as_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(objects: &[Value]) -> Vec<&str> {
        objects.iter().map(kind).collect()
    }

    #[test]
    fn nobody_is_asked_before_somebody_answers_and_after_nobody_does() {
        let objects = objects(&Choices::default()).unwrap();
        let kinds_applied = kinds(&objects);
        let deployment = kinds_applied.iter().position(|kind| *kind == "Deployment").unwrap();
        let asked = objects.iter().position(is_asked).unwrap();
        assert_eq!(kinds_applied[0], "Namespace");
        assert!(
            deployment < asked
                && objects[asked..]
                    .iter()
                    .all(|object| { is_asked(object) || kind(object).starts_with("ValidatingAdmissionPolicy") })
        );
        let removed = removal(objects.clone(), false);
        assert!(is_asked(&removed[0]) && is_asked(&removed[1]) && !is_asked(&removed[2]));
        assert!(!removed.iter().any(is_type));
        let all = removal(objects.clone(), true);
        assert_eq!((all.len(), kind(all.last().unwrap())), (objects.len(), "Namespace"));
    }

    #[test]
    fn what_was_chosen_before_stays() {
        let of = |image: &str, replicas| Choices { image: Some(image.to_owned()), replicas: Some(replicas) };
        let again = Choices::default().or(&of("mirror.example.org/webhook:1", 2));
        assert_eq!((again.image.as_deref(), again.replicas), (Some("mirror.example.org/webhook:1"), Some(2)));
        let newer = of("example.org/webhook:2", 3).or(&of("mirror.example.org/webhook:1", 0));
        assert_eq!((newer.image.as_deref(), newer.replicas), (Some("example.org/webhook:2"), Some(3)));
        let own = Choices::default().or(&of(&format!("{OWN_IMAGES}0.0.1"), 0));
        assert_eq!((own.image, own.replicas), (None, None), "this version's, and as many as it has");
        assert!(MANIFESTS.contains(&format!("image: {OWN_IMAGES}")));
    }

    #[test]
    fn choices_are_put_in() {
        let choices = Choices { image: Some("example.org/webhook:1".into()), replicas: Some(1) };
        let objects = objects(&choices).unwrap();
        let deployment = objects.iter().find(|object| kind(object) == "Deployment").unwrap();
        assert_eq!(deployment["spec"]["replicas"], 1);
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], "example.org/webhook:1");
    }
}

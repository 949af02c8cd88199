//! All that a cluster gets, in one file: what `kubectl kustomize manifests/webhook/base` prints, in the order in which it
//! is applied. The plugin carries it, and it can be applied where no kustomize is.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use super::{Generated, MARKER};
use crate::compile::root;

const BASE: &str = "manifests/webhook/base";

/// Types before what is of them, accounts before their rights, and who is asked last: nobody shall be asked before
/// somebody answers.
const ORDER: [&str; 15] = [
    "Namespace",
    "CustomResourceDefinition",
    "PriorityLevelConfiguration",
    "FlowSchema",
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "Secret",
    "Service",
    "Deployment",
    "PodDisruptionBudget",
    "NetworkPolicy",
    "ValidatingAdmissionPolicy",
];

/// The one file.
pub fn files() -> Result<Vec<Generated>> {
    let mut objects = objects(&root().join(BASE), &super::crds::files()?)?;
    objects.sort_by_key(|object| {
        let kind = object["kind"].as_str().unwrap_or_default();
        ORDER.iter().position(|known| *known == kind).unwrap_or(ORDER.len())
    });
    let mut text = format!("# {MARKER} from {BASE}; do not edit.\n");
    for object in objects {
        text.push_str("---\n");
        text.push_str(&serde_saphyr::to_string(&object).context("write an object as YAML")?);
    }
    Ok(vec![Generated { path: "manifests/install.yaml".to_owned(), text }])
}

/// What kustomize makes of a folder, as far as these manifests use it. Definitions are taken from their generator: on
/// disk they may still be old.
fn objects(folder: &Path, generated: &[Generated]) -> Result<Vec<Value>> {
    let kustomization = documents(&read(&folder.join("kustomization.yaml"))?)?;
    let [kustomization] = kustomization.as_slice() else { bail!("{}: one kustomization a file", folder.display()) };
    let mut objects = Vec::new();
    for (key, value) in kustomization.as_object().context("a kustomization is an object")? {
        match key.as_str() {
            "apiVersion" | "kind" | "labels" => {}
            "resources" => {
                for resource in value.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    objects.extend(of_resource(folder, resource, generated)?);
                }
            }
            other => bail!("{}: {other} is not understood here; teach this generator", folder.display()),
        }
    }
    for set in kustomization["labels"].as_array().into_iter().flatten() {
        if set.as_object().is_some_and(|set| set.len() != 1) {
            bail!("{}: labels other than plain pairs are not understood here", folder.display());
        }
        for (key, value) in set["pairs"].as_object().into_iter().flatten() {
            for object in &mut objects {
                label(object, key, value);
            }
        }
    }
    Ok(objects)
}

fn of_resource(folder: &Path, resource: &str, generated: &[Generated]) -> Result<Vec<Value>> {
    let path = folder.join(resource);
    if !resource.ends_with(".yaml") {
        return objects(&path, generated);
    }
    let made = generated.iter().find(|made| path.file_name() == Path::new(&made.path).file_name());
    match made {
        Some(made) => documents(&made.text),
        None => documents(&read(&path)?),
    }
}

fn label(object: &mut Value, key: &str, value: &Value) {
    let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
    let labels = metadata.map(|metadata| metadata.entry("labels").or_insert_with(|| Value::Object(Map::new())));
    if let Some(labels) = labels.and_then(Value::as_object_mut) {
        labels.insert(key.to_owned(), value.clone());
    }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

fn documents(text: &str) -> Result<Vec<Value>> {
    let mut documents = vec![String::new()];
    for line in text.lines() {
        match documents.last_mut() {
            Some(document) if line != "---" => {
                document.push_str(line);
                document.push('\n');
            }
            _ => documents.push(String::new()),
        }
    }
    let values = documents.iter().map(|document| serde_saphyr::from_str::<Value>(document));
    let values: Vec<Value> = values.collect::<Result<_, _>>().context("read YAML")?;
    Ok(values.into_iter().filter(|value| !value.is_null()).collect())
}

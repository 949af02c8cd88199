//! The objects of a manifest, lists taken apart as kubectl does.

use std::rc::Rc;

use serde_json::Value;

use super::yaml::Document;

/// Lists within lists.
const MAX_LISTS: usize = 4;

/// An object and where it stands.
#[derive(Clone, Debug)]
pub struct Object {
    /// The object.
    pub value: Value,
    /// Where it stands; nothing for one that lives in a cluster.
    pub origin: Option<Origin>,
}

/// Where an object stands.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The number of the source.
    pub source: usize,
    /// The number of the document in the source.
    pub number: usize,
    /// The document.
    pub document: Rc<Document>,
    /// The object's place in the document: empty, or that of an item of a list.
    pub pointer: String,
}

/// What an object is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// Its kind.
    pub kind: String,
    /// Its group, empty for the core.
    pub group: String,
    /// Its namespace, when it names one.
    pub namespace: Option<String>,
    /// Its name, or the beginning of the one that is made for it.
    pub name: String,
}

impl Object {
    /// An object's name as it stands in the object.
    pub fn name(&self) -> Name {
        let text = |pointer: &str| self.value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
        let generated = || text("/metadata/generateName").map(|prefix| format!("{prefix}*"));
        Name {
            kind: text("/kind").unwrap_or_default().to_owned(),
            group: text("/apiVersion")
                .and_then(|version| version.split_once('/'))
                .map_or("", |(group, _)| group)
                .to_owned(),
            namespace: text("/metadata/namespace").map(str::to_owned),
            name: text("/metadata/name").map(str::to_owned).or_else(generated).unwrap_or_default(),
        }
    }

    /// The objects within, when it is a list; else itself.
    pub fn taken_apart(self) -> Vec<Self> {
        let mut objects = Vec::new();
        self.take_apart(0, &mut objects);
        objects
    }

    fn take_apart(mut self, depth: usize, objects: &mut Vec<Self>) {
        let is_list = self.value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
        match self.value.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) if is_list && depth < MAX_LISTS => {
                for (index, value) in items.into_iter().enumerate() {
                    let origin = self
                        .origin
                        .clone()
                        .map(|origin| Origin { pointer: format!("{}/items/{index}", origin.pointer), ..origin });
                    Self { value, origin }.take_apart(depth + 1, objects);
                }
            }
            Some(items) => {
                if let Some(fields) = self.value.as_object_mut() {
                    fields.insert("items".to_owned(), items);
                }
                objects.push(self);
            }
            None => objects.push(self),
        }
    }
}

impl Name {
    /// As kubectl names objects: `deployment.apps/web`.
    pub fn resource(&self) -> String {
        let kind = self.kind.to_lowercase();
        if self.group.is_empty() {
            format!("{kind}/{}", self.name)
        } else {
            format!("{kind}.{}/{}", self.group, self.name)
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} ", self.kind)?;
        if let Some(namespace) = &self.namespace {
            write!(out, "{namespace}/")?;
        }
        out.write_str(if self.name.is_empty() { "<unnamed>" } else { &self.name })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Object {
        let origin = Origin { source: 0, number: 0, document: Rc::default(), pointer: String::new() };
        Object { value, origin: Some(origin) }
    }

    #[test]
    fn lists_are_taken_apart_with_their_places() {
        let pod = |name: &str| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}});
        let inner = json!({"kind": "PodList", "items": [pod("b"), pod("c")]});
        let places: Vec<_> = object(json!({"kind": "List", "items": [pod("a"), inner]}))
            .taken_apart()
            .into_iter()
            .map(|object| (object.name().to_string(), object.origin.unwrap().pointer))
            .collect();
        let place = |name: &str, pointer: &str| (name.to_owned(), pointer.to_owned());
        assert_eq!(
            places,
            [place("Pod a", "/items/0"), place("Pod b", "/items/1/items/0"), place("Pod c", "/items/1/items/1")]
        );
    }

    #[test]
    fn what_only_looks_like_a_list_stays_whole() {
        for value in [
            json!({"kind": "ConfigMap", "items": [1]}),
            json!({"kind": "List", "items": "x"}),
            json!({"kind": "List"}),
            json!(3),
        ] {
            let objects = object(value.clone()).taken_apart();
            assert_eq!(objects.into_iter().map(|object| object.value).collect::<Vec<_>>(), [value]);
        }
    }

    #[test]
    fn names_are_those_of_kubectl() {
        let name =
            object(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"generateName": "web-"}})).name();
        assert_eq!(
            (name.resource(), name.to_string()),
            ("deployment.apps/web-*".to_owned(), "Deployment web-*".to_owned())
        );
    }
}

//! What is to be changed where a finding has exactly one right answer.

use serde_json::{Map, Value};

use crate::field_path::{FieldPath, Step};

/// A change of one place of an object.
///
/// It is worked out from the object as it stands: after one was made, the object is judged anew before the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// The place.
    pub path: FieldPath,
    /// What is done there.
    pub change: Change,
}

/// What is done at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// This text stands there afterwards, whether or not something stood there before.
    Set(String),
    /// The key, or the entry of a list, is taken away.
    Remove,
}

impl Fix {
    /// Writes a text.
    #[must_use]
    pub fn set(path: FieldPath, text: impl Into<String>) -> Self {
        Self { path, change: Change::Set(text.into()) }
    }

    /// Takes a key or an entry away.
    #[must_use]
    pub fn remove(path: FieldPath) -> Self {
        Self { path, change: Change::Remove }
    }

    /// Makes the change; `false` when the object is of another shape, and then it is left as it was.
    pub fn apply(&self, object: &mut Value) -> bool {
        let Some((last, holders)) = self.path.steps().split_last() else { return false };
        let mut at = object;
        for step in holders {
            let next = match (step, at) {
                (Step::Field(name) | Step::Key(name), Value::Object(fields)) => match &self.change {
                    Change::Set(_) => {
                        let entry = fields.entry(name.as_ref()).or_insert(Value::Null);
                        if entry.is_null() {
                            *entry = Value::Object(Map::default());
                        }
                        Some(entry)
                    }
                    Change::Remove => fields.get_mut(name.as_ref()),
                },
                (Step::Index(index), Value::Array(entries)) => entries.get_mut(*index),
                _ => None,
            };
            let Some(next) = next else { return false };
            at = next;
        }
        match (last, at, &self.change) {
            (Step::Field(name) | Step::Key(name), Value::Object(fields), Change::Set(text)) => {
                fields.insert(name.to_string(), Value::from(text.as_str()));
                true
            }
            (Step::Field(name) | Step::Key(name), Value::Object(fields), Change::Remove) => {
                fields.remove(name.as_ref()).is_some()
            }
            (Step::Index(index), Value::Array(entries), Change::Set(text)) => {
                entries.get_mut(*index).map(|entry| *entry = Value::from(text.as_str())).is_some()
            }
            (Step::Index(index), Value::Array(entries), Change::Remove) if *index < entries.len() => {
                entries.remove(*index);
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn applied(fix: &Fix, mut object: Value) -> Value {
        assert!(fix.apply(&mut object));
        object
    }

    #[test]
    fn a_place_is_set_made_or_taken_away() {
        let path = FieldPath::root().annotation("a/b");
        let set = Fix::set(path.clone(), "x");
        let annotated = json!({"metadata": {"annotations": {"a/b": "x"}}});
        assert_eq!(applied(&set, json!({"metadata": {}})), annotated);
        assert_eq!(applied(&set, json!({"metadata": {"annotations": null}})), annotated);
        assert_eq!(applied(&set, json!({"metadata": {"annotations": {"a/b": "old"}}})), annotated);
        assert_eq!(applied(&Fix::remove(path), annotated), json!({"metadata": {"annotations": {}}}));
        let list = FieldPath::of(&["spec", "hooks"]).index(1);
        assert_eq!(
            applied(&Fix::remove(list), json!({"spec": {"hooks": [1, 2, 3]}})),
            json!({"spec": {"hooks": [1, 3]}})
        );
    }

    #[test]
    fn an_object_of_another_shape_is_left_alone() {
        for mut object in [json!([]), json!({"metadata": "x"}), json!(null)] {
            let before = object.clone();
            assert!(!Fix::set(FieldPath::root().annotation("a"), "x").apply(&mut object));
            assert!(!Fix::remove(FieldPath::root().annotation("a")).apply(&mut object));
            assert_eq!(object, before);
        }
    }
}

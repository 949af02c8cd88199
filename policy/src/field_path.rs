//! Where in an object something stands.

use std::{borrow::Cow, fmt};

use serde_json::Value;

/// One step into an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A field that the kind's schema names.
    Field(Cow<'static, str>),
    /// An entry of a map whose keys are the author's, as annotations are.
    Key(Cow<'static, str>),
    /// An entry of a list.
    Index(usize),
}

/// The steps from an object's root to one of its parts.
///
/// It is shown the way Kubernetes shows its own field paths, and [`pointer`](Self::pointer) finds the part in JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(Vec<Step>);

impl FieldPath {
    /// The object itself.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// The path through these fields.
    #[must_use]
    pub fn of(fields: &[&'static str]) -> Self {
        Self(fields.iter().map(|field| Step::Field(Cow::Borrowed(field))).collect())
    }

    /// One field further.
    #[must_use]
    pub fn field(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.0.push(Step::Field(name.into()));
        self
    }

    /// One key of a map further.
    #[must_use]
    pub fn key(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.0.push(Step::Key(name.into()));
        self
    }

    /// One entry of a list further.
    #[must_use]
    pub fn index(mut self, index: usize) -> Self {
        self.0.push(Step::Index(index));
        self
    }

    /// An annotation of the object at this path.
    #[must_use]
    pub fn annotation(self, name: impl Into<Cow<'static, str>>) -> Self {
        self.field("metadata").field("annotations").key(name)
    }

    /// A label of the object at this path.
    #[must_use]
    pub fn label(self, name: impl Into<Cow<'static, str>>) -> Self {
        self.field("metadata").field("labels").key(name)
    }

    /// The steps, the first one from the root.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The same place as a JSON pointer (RFC 6901).
    #[must_use]
    pub fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.0 {
            pointer.push('/');
            match step {
                Step::Field(name) | Step::Key(name) => pointer.push_str(&name.replace('~', "~0").replace('/', "~1")),
                Step::Index(index) => pointer.push_str(&index.to_string()),
            }
        }
        pointer
    }

    /// What stands there, when anything does.
    #[must_use]
    pub fn find<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(object, |at, step| match step {
            Step::Field(name) | Step::Key(name) => at.get(name.as_ref()),
            Step::Index(index) => at.get(index),
        })
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(name) if position == 0 => write!(out, "{name}")?,
                Step::Field(name) => write!(out, ".{name}")?,
                Step::Key(name) => write!(out, "[{name}]")?,
                Step::Index(index) => write!(out, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_is_read_by_people_and_by_json() {
        let path = FieldPath::of(&["spec", "template"]).annotation("a.b/c~d");
        assert_eq!(path.to_string(), "spec.template.metadata.annotations[a.b/c~d]");
        assert_eq!(path.pointer(), "/spec/template/metadata/annotations/a.b~1c~0d");
        let object = json!({"spec": {"template": {"metadata": {"annotations": {"a.b/c~d": "x"}}}}});
        assert_eq!(path.find(&object), Some(&json!("x")));
        assert_eq!(object.pointer(&path.pointer()), path.find(&object));
        let hook = FieldPath::of(&["spec", "hooks"]).index(1).field("name");
        assert_eq!(hook.to_string(), "spec.hooks[1].name");
        assert_eq!(hook.pointer(), "/spec/hooks/1/name");
        assert_eq!(FieldPath::root().to_string(), "");
    }
}

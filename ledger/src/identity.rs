//! What is counted: keys, and the objects that may stand at them.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// A place for one object of the counted resource: `namespace/name`.
///
/// The store holds at most one object per key, so keys are counted and not requests: any number of racing creates of one
/// name need one slot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String"))]
#[serde(from = "String", into = "String")]
pub struct Key(Arc<str>);

impl Key {
    /// The key of an object; the namespace is empty for a cluster-scoped one.
    #[must_use]
    pub fn new(namespace: &str, name: &str) -> Self {
        Self(format!("{namespace}/{name}").into())
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.0.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or(&*self.0, |(_, name)| name)
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        (*key.0).to_owned()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The `metadata.uid` of one object, fixed before validating admission and never used again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String"))]
#[serde(from = "String", into = "String")]
pub struct Uid(Arc<str>);

impl Uid {
    /// A uid.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Uid {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Uid> for String {
    fn from(uid: Uid) -> Self {
        (*uid.0).to_owned()
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One object, stored or on its way to the store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    /// Where it stands.
    pub key: Key,
    /// Which of all objects that ever stood there.
    pub uid: Uid,
}

impl Object {
    /// An object.
    #[must_use]
    pub fn new(key: Key, uid: Uid) -> Self {
        Self { key, uid }
    }
}

//! A create without an answer may have been done all the same. Everything that a run makes bears its mark, by which it finds
//! what is its own.

use backup_api::labels;
use serde_json::{Value, json};

use crate::{
    client::{self, Cluster},
    error::Result,
};

/// The mark of one run of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run(String);

impl Run {
    /// A mark of its own.
    pub fn random() -> Self {
        Self(format!("{:016x}", fastrand::u64(..)))
    }

    /// Puts the mark on an object that is about to be sent.
    pub fn mark(&self, object: &mut Value) {
        object["metadata"]["annotations"][labels::RUN] = json!(self.0);
    }

    /// Returns whether this run made the object.
    pub fn made(&self, object: &Value) -> bool {
        let mark = object.pointer("/metadata/annotations").and_then(|all| all.get(labels::RUN));
        mark.and_then(Value::as_str) == Some(&self.0)
    }

    /// Looks whether what this run was to make at that path is there.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub async fn find(&self, cluster: &Cluster, path: &str, doing: &str) -> Result<Option<Value>> {
        match client::get(cluster, path, doing).await {
            Ok(found) => Ok(Some(found).filter(|found| self.made(found))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_bears_the_mark_is_its_own() {
        let (mine, other) = (Run::random(), Run::random());
        let mut object = json!({"metadata": {"name": "x", "annotations": {"note": "kept"}}});
        assert!(!mine.made(&object));
        mine.mark(&mut object);
        assert!(mine.made(&object) && !other.made(&object));
        assert_eq!(object["metadata"]["annotations"]["note"], "kept");
        let mut bare = json!({"metadata": {"name": "x", "annotations": null}});
        mine.mark(&mut bare);
        assert!(mine.made(&bare));
    }
}

//! The API server's question.

use std::fmt;

use backup_policy::{Config, Kind, facts::Writer, names::may_be_velero};
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
struct Review {
    request: Request,
}

/// The question itself: `request` of an `admission.k8s.io/v1` AdmissionReview.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Identifies this one call; it is no name for the user's request, which leads to several calls.
    pub uid: String,
    /// The object's kind.
    pub kind: GroupKind,
    /// The resource that is written.
    pub resource: GroupResource,
    /// The part of the resource that is written, when not the whole.
    #[serde(default)]
    pub sub_resource: Option<String>,
    /// The object's name; empty while a generated name is still to come.
    #[serde(default)]
    pub name: String,
    /// The object's namespace; empty for cluster-scoped objects.
    #[serde(default)]
    pub namespace: String,
    /// CREATE, UPDATE, DELETE or CONNECT.
    pub operation: Operation,
    /// Who asks.
    pub user_info: UserInfo,
    /// The object as it shall be.
    #[serde(default)]
    pub object: Option<Value>,
    /// The object as it is.
    #[serde(default)]
    pub old_object: Option<Value>,
    /// What the API server found out about whoever asks.
    #[serde(skip)]
    pub asker: Asker,
    /// Whether nothing will be stored, so that nothing may be changed on its account.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// What the API server found out about whoever asks, by the match conditions of its entries; it tells by the path. The name
/// of the account does not tell: anybody may have a namespace and an account of any name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Asker {
    /// Nothing.
    #[default]
    Anybody,
    /// It has Velero's right, and what it writes is history, which rules only comment.
    Historian,
    /// It is Velero's account.
    Velero,
}

impl Asker {
    /// What is believed when an account of that name asks. Who writes a configuration back by types that know no match
    /// conditions makes API servers ask by every entry about everybody; nobody's quota may end by that.
    pub fn if_named(self, username: &str) -> Self {
        if self == Self::Velero && !may_be_velero(username) { Self::Anybody } else { self }
    }
}

/// A kind with its group.
#[derive(Debug, Deserialize)]
pub struct GroupKind {
    /// Empty for the core group.
    #[serde(default)]
    pub group: String,
    /// As in `Pod`.
    pub kind: String,
}

/// A resource with its group.
#[derive(Debug, Deserialize)]
pub struct GroupResource {
    /// Empty for the core group.
    #[serde(default)]
    pub group: String,
    /// As in `pods`.
    pub resource: String,
}

/// What is done to the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// It is made.
    Create,
    /// It is changed.
    Update,
    /// It is deleted.
    Delete,
    /// Something is done with it, as in `kubectl exec`.
    Connect,
}

impl Operation {
    /// As the API server writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// The user as the API server authenticated them.
#[derive(Debug, Deserialize)]
pub struct UserInfo {
    /// The user's name.
    #[serde(default)]
    pub username: String,
    /// The groups it belongs to.
    #[serde(default)]
    pub groups: Vec<String>,
}

impl UserInfo {
    /// What the rules must know of the user.
    pub fn writer(&self) -> Writer {
        Writer::of(&self.username, &self.groups)
    }
}

impl Request {
    /// The kind, when the rules know it.
    pub fn subject_kind(&self) -> Option<Kind> {
        Kind::of(&self.kind.group, &self.kind.kind)
    }

    /// The resource as `plural.group`.
    pub fn resource_name(&self) -> String {
        let GroupResource { group, resource, .. } = &self.resource;
        if group.is_empty() { resource.clone() } else { format!("{resource}.{group}") }
    }

    /// Whether the rules only warn whoever asks.
    pub fn is_exempt(&self, config: &Config) -> bool {
        self.asker != Asker::Anybody || config.exempts(&self.user_info.username, &self.user_info.groups)
    }

    /// Whether the quota of this resource lets whoever asks pass.
    pub fn is_exempt_from_quota(&self, config: &Config) -> bool {
        let UserInfo { username, groups } = &self.user_info;
        self.asker == Asker::Velero || config.exempts_from_quota(username, groups, &self.resource_name())
    }

    /// Whether deletion locks let whoever asks pass. Of Velero's account only a DeleteBackupRequest and a location's place
    /// are questions: a restore writes those of others with it.
    pub fn passes_locks(&self, config: &Config) -> bool {
        let UserInfo { username, groups } = &self.user_info;
        let asks = matches!(self.subject_kind(), Some(Kind::DeleteBackupRequest | Kind::BackupStorageLocation));
        config.exempts(username, groups) || (!asks && self.asker == Asker::Velero)
    }

    /// Whether the object as a whole is written, and not a part of it such as its status.
    pub fn is_whole(&self) -> bool {
        self.sub_resource.as_deref().unwrap_or_default().is_empty()
    }

    /// The value of a label of the object.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.object.as_ref()?.get("metadata")?.get("labels")?.get(key)?.as_str()
    }

    /// The value of an annotation of the object.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.object.as_ref()?.get("metadata")?.get("annotations")?.get(key)?.as_str()
    }

    /// A text of the object's metadata, which names the object more surely than the request does.
    pub fn metadata(&self, field: &str) -> Option<&str> {
        self.object.as_ref()?.get("metadata")?.get(field)?.as_str()
    }
}

/// A question that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("this is no AdmissionReview of admission.k8s.io/v1 with a request: {error}")]
pub struct Malformed {
    /// The call's identifier, when at least that could be read: an answer without it would count as a failed call,
    /// which a failure policy may turn into a yes.
    pub uid: Option<String>,
    error: serde_json::Error,
}

impl Malformed {
    /// Where the question goes wrong, without its words.
    pub fn place(&self) -> impl fmt::Display + use<> {
        format!("line {} column {}", self.error.line(), self.error.column())
    }
}

/// Reads a review.
pub fn read(body: &[u8]) -> Result<Request, Malformed> {
    serde_json::from_slice::<Review>(body).map(|review| review.request).map_err(|error| {
        let lenient: Option<Value> = serde_json::from_slice(body).ok();
        let uid = lenient.as_ref().and_then(|review| review.pointer("/request/uid")?.as_str()).map(str::to_owned);
        Malformed { uid, error }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_question_with_a_wrong_part_still_tells_its_uid() {
        let wrong = json!({"request": {"uid": "u", "operation": "EXPLODE"}}).to_string();
        assert_eq!(read(wrong.as_bytes()).expect_err("malformed").uid.as_deref(), Some("u"));
        assert_eq!(read(b"{").expect_err("malformed").uid, None);
        let depth_bomb = "[".repeat(100_000);
        assert_eq!(read(depth_bomb.as_bytes()).expect_err("malformed").uid, None);
    }

    #[test]
    fn a_writer_is_told_by_what_the_server_authenticated() {
        let user = |username: &str, groups: &[&str]| {
            let groups = groups.iter().map(|group| (*group).to_owned()).collect();
            UserInfo { username: username.to_owned(), groups }.writer()
        };
        assert_eq!(user("system:serviceaccount:kube-system:job-controller", &[]), Writer::Controller);
        assert_eq!(user("system:serviceaccount:shop:job-controller", &[]), Writer::Anybody);
        assert_eq!(user("system:node:a", &["system:nodes"]), Writer::Node);
        assert_eq!(user("system:node:a", &[]), Writer::Anybody);
        let manifest = include_str!("../../../manifests/webhook/base/validating.yaml");
        assert!(backup_policy::facts::CONTROLLERS.iter().all(|name| manifest.contains(&format!("'{name}'"))));
        let named = manifest.split('\'').filter(|word| word.starts_with("system:serviceaccount:kube-system:"));
        let named: std::collections::BTreeSet<_> = named.collect();
        assert_eq!(named.len(), backup_policy::facts::CONTROLLERS.len() - 1);
    }

    #[test]
    fn resources_are_named_like_in_a_policy() {
        let request = |group: &str, resource: &str| {
            let text = json!({"request": {
                "uid": "u", "operation": "CREATE", "userInfo": {},
                "kind": {"group": group, "version": "v1", "kind": "X"},
                "resource": {"group": group, "version": "v1", "resource": resource},
            }});
            read(text.to_string().as_bytes()).expect("a review").resource_name()
        };
        assert_eq!(request("velero.io", "schedules"), "schedules.velero.io");
        assert_eq!(request("", "pods"), "pods");
    }
}

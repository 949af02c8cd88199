//! What the user may do, asked before anything is changed: half a change is worse than none.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::{Api, api::PostParams};

use crate::{
    client::Cluster,
    error::{CliError, Doing as _, Result},
};

/// Questions that are asked at a time.
const AT_ONCE: usize = 8;

/// A right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// The verb.
    pub verb: &'static str,
    /// The API group, empty for the core.
    pub group: &'static str,
    /// The resource's plural.
    pub resource: &'static str,
    /// The subresource, empty for none.
    pub subresource: &'static str,
    /// Whether it is about the namespace; else about the whole cluster.
    pub namespaced: bool,
}

impl Right {
    /// A right in the namespace.
    pub const fn of(verb: &'static str, group: &'static str, resource: &'static str) -> Self {
        Self { verb, group, resource, subresource: "", namespaced: true }
    }

    /// The same right in the whole cluster.
    #[must_use]
    pub const fn in_cluster(self) -> Self {
        Self { namespaced: false, ..self }
    }

    /// The same right about a subresource.
    #[must_use]
    pub const fn sub(self, subresource: &'static str) -> Self {
        Self { subresource, ..self }
    }

    fn words(self) -> String {
        let group = if self.group.is_empty() { String::new() } else { format!(".{}", self.group) };
        let sub = if self.subresource.is_empty() { String::new() } else { format!("/{}", self.subresource) };
        let scope = if self.namespaced { "" } else { " (cluster)" };
        format!("{} {}{group}{sub}{scope}", self.verb, self.resource)
    }
}

/// Returns the rights that the user lacks, in words.
///
/// # Errors
/// When the server cannot be asked.
pub async fn missing(cluster: &Cluster, rights: Vec<Right>) -> Result<Vec<String>> {
    let answers = stream::iter(rights)
        .map(|right| async move { Ok::<_, CliError>((right, is_allowed(cluster, right).await?)) })
        .buffered(AT_ONCE)
        .try_collect::<Vec<_>>()
        .await?;
    Ok(answers.into_iter().filter(|(_, allowed)| !allowed).map(|(right, _)| right.words()).collect())
}

async fn is_allowed(cluster: &Cluster, right: Right) -> Result<bool> {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let attributes = ResourceAttributes {
        verb: text(right.verb),
        group: text(right.group),
        resource: text(right.resource),
        subresource: text(right.subresource),
        namespace: right.namespaced.then(|| cluster.namespace.clone()),
        ..ResourceAttributes::default()
    };
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() },
        ..SelfSubjectAccessReview::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
    let answer = api.create(&PostParams::default(), &review).await.doing(|| "ask what you may do".to_owned())?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

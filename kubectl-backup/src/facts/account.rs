//! Who asks, as the API server authenticated them.

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::{Api, api::PostParams};

use crate::client::Cluster;

/// An account with its groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The user's name.
    pub user: String,
    /// The groups it belongs to.
    pub groups: Vec<String>,
}

/// Asks the API server who we are; nothing when that cannot be found out, so that no exemption is taken to hold.
pub async fn own(cluster: &Cluster) -> Option<Account> {
    let reviews: Api<SelfSubjectReview> = Api::all(cluster.client.clone());
    let review = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await.ok()?;
    let user = review.status?.user_info?;
    Some(Account { user: user.username.unwrap_or_default(), groups: user.groups.unwrap_or_default() })
}

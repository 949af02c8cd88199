//! Lists that stream: one request, items handed on one by one.

use http::Request;
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde::de::DeserializeOwned;

use super::{Cluster, list_reader::ListReader};
use crate::error::{CliError, Doing as _, Result};

/// What to list.
#[derive(Clone, Debug)]
pub struct ListRequest {
    /// The resource's path, such as `/apis/velero.io/v1/namespaces/velero/backups`.
    pub path: String,
    /// Label selector, empty for all.
    pub selector: String,
}

impl ListRequest {
    /// Returns a request for the resource `K`, in one namespace or in all.
    pub fn of<K: kube::Resource<DynamicType = ()>>(namespace: Option<&str>, selector: Option<&str>) -> Self {
        Self { path: K::url_path(&(), namespace), selector: selector.unwrap_or_default().to_owned() }
    }
}

/// Lists, handing on each item as it arrives. `doing` completes "failed to …".
///
/// # Errors
/// When the server refuses or an item is not what `T` expects; items before that were handed on.
pub async fn list<T: DeserializeOwned>(
    cluster: &Cluster,
    request: &ListRequest,
    doing: &str,
    mut each: impl FnMut(T),
) -> Result<()> {
    let mut uri = request.path.clone();
    if !request.selector.is_empty() {
        let query =
            form_urlencoded::Serializer::new(String::new()).append_pair("labelSelector", &request.selector).finish();
        uri = format!("{uri}?{query}");
    }
    let http = Request::get(uri)
        .header(http::header::ACCEPT, "application/json")
        .body(Body::empty())
        .map_err(|error| CliError::new(format!("failed to {doing}: {error}")))?;
    let response = cluster.client.send(http).await.doing(|| doing.to_owned())?;
    let status = response.status();
    let mut body = response.into_body();
    if !status.is_success() {
        let bytes = body.collect().await.doing(|| doing.to_owned())?.to_bytes();
        return Err(refusal(status, &bytes, doing));
    }
    let understood = |error: serde_json::Error| {
        CliError::new(format!("failed to {doing}: the server's answer was not understood: {error}"))
    };
    let mut reader = ListReader::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.doing(|| doing.to_owned())?;
        if let Some(bytes) = frame.data_ref() {
            reader.feed(bytes, &mut each).map_err(understood)?;
        }
    }
    let envelope = reader.finish().map_err(understood)?;
    whole(envelope.metadata.next.as_deref(), doing)
}

/// No page was asked for, so that the answer is whole; half a list must never be taken for all there is.
fn whole(next: Option<&str>, doing: &str) -> Result<()> {
    match next {
        None | Some("") => Ok(()),
        Some(_) => Err(CliError::new(format!("failed to {doing}: the server answered with a part of the list only"))
            .hint(
                "A proxy between here and the API server may have asked for a page; speak to the API server itself.",
            )),
    }
}

fn refusal(status: http::StatusCode, body: &[u8], doing: &str) -> CliError {
    let status = serde_json::from_slice::<kube::core::Status>(body).unwrap_or_else(|_| kube::core::Status {
        code: status.as_u16(),
        message: String::from_utf8_lossy(body).trim().to_owned(),
        ..kube::core::Status::default()
    });
    CliError::from_kube(kube::Error::Api(Box::new(status)), doing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_list_is_not_taken_for_all() {
        assert!(whole(None, "list backups").is_ok() && whole(Some(""), "list backups").is_ok());
        let error = whole(Some("token"), "list backups").unwrap_err();
        insta::assert_snapshot!(error.message, @"failed to list backups: the server answered with a part of the list only");
    }
}

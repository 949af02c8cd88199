//! Takes away what no client knows of: objects whose makers got no answer, and those held by a finalizer that nobody
//! released.

use anyhow::Result;
use http::Method;
use serde_json::Value;

use super::api::{Call, JSON, PATCH, Server, everywhere, object, release};

/// Deletes the objects that an earlier look had found too, or all. Returns how many there are, and their uids.
pub async fn sweep(server: &Server, seen: &[String], all: bool) -> Result<Vec<String>> {
    let list = server.get(&everywhere()).await?;
    let items = list["items"].as_array().map_or(&[][..], Vec::as_slice);
    let mut uids = Vec::new();
    for item in items {
        let metadata = &item["metadata"];
        let uid = metadata["uid"].as_str().unwrap_or_default().to_owned();
        if all || seen.contains(&uid) {
            remove(server, metadata).await?;
        }
        uids.push(uid);
    }
    Ok(uids)
}

async fn remove(server: &Server, metadata: &Value) -> Result<()> {
    let text = |field: &str| metadata[field].as_str().unwrap_or_default();
    let path = object(text("namespace"), text("name"));
    if metadata["deletionTimestamp"].is_null() {
        let call = Call { user: "", method: Method::DELETE, path: &path, content: JSON, body: String::new() };
        server.send(call).await?;
    }
    let finalizers = metadata["finalizers"].as_array().map_or(&[][..], Vec::as_slice);
    if let Some(body) = release(finalizers) {
        server.send(Call { user: "", method: Method::PATCH, path: &path, content: PATCH, body }).await?;
    }
    Ok(())
}

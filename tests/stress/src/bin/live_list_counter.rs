//! A quota webhook that counts as most do: it lists what exists and allows when that is fewer than the limit. Two creates at
//! the same moment see the same list, so it is not exact. The stress run shows it beside the ledger.

use std::net::SocketAddrV4;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, ListParams},
};
use serde_json::Value;
use stress::{
    QUOTA_PROBE,
    review::{Answer, Identity, serve},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Objects per page of a list.
const PAGE: u32 = 500;

/// A quota webhook that lists and then decides
#[derive(Debug, Parser)]
struct Args {
    /// Address to answer the API server on (HTTPS)
    #[arg(long, value_name = "ADDR:PORT")]
    listen: SocketAddrV4,
    /// Address of /readyz (HTTP)
    #[arg(long, value_name = "ADDR:PORT")]
    admin_listen: SocketAddrV4,
    /// Certificate in PEM
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// Its key in PEM
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// How many objects may exist
    #[arg(long)]
    limit: usize,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let client = Client::try_default().await.context("no cluster: name a kubeconfig in KUBECONFIG")?;
    let read = |path: &PathBuf| std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()));
    let identity = Identity { certificate: read(&args.certificate)?, key: read(&args.key)? };
    let judge = move |review| judge(client.clone(), args.limit, review);
    let server = serve(args.listen, &identity, QUOTA_PROBE, judge).await?;
    let ready = tell_ready(TcpListener::bind(args.admin_listen).await?);
    tokio::select! {
        ended = server => ended?,
        ended = ready => ended?,
    }
    Ok(())
}

async fn judge(client: Client, limit: usize, review: Value) -> Answer {
    match count_others(client, &review["request"]).await {
        Ok(others) if others < limit => Answer::Allow,
        Ok(others) => Answer::Deny(403, format!("cluster quota: {others}/{limit} used")),
        Err(error) => Answer::Deny(503, format!("cannot count: {error}")),
    }
}

/// A consistent list, read from the store and from no cache: as exact as a list can be.
async fn count_others(client: Client, request: &Value) -> kube::Result<usize> {
    let text = |at: &Value| at.as_str().unwrap_or_default().to_owned();
    let (group, version) = (text(&request["resource"]["group"]), text(&request["resource"]["version"]));
    let resource = ApiResource {
        api_version: format!("{group}/{version}"),
        group,
        version,
        kind: text(&request["kind"]["kind"]),
        plural: text(&request["resource"]["resource"]),
    };
    let api: Api<DynamicObject> = Api::all_with(client, &resource);
    let own = (text(&request["namespace"]), text(&request["object"]["metadata"]["name"]));
    let mut page = ListParams::default().limit(PAGE);
    let mut others = 0;
    loop {
        let list = api.list_metadata(&page).await?;
        let is_other = |(namespace, name): (String, String)| (namespace, name) != own;
        others += list
            .items
            .iter()
            .filter(|object| is_other((object.namespace().unwrap_or_default(), object.name_any())))
            .count();
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(others),
        }
    }
}

/// It can count as soon as it runs.
async fn tell_ready(listener: TcpListener) -> Result<()> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut question = [0; 1024];
            if stream.read(&mut question).await.is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
            }
        });
    }
}

//! etcd, asked without an API server between: the history is the store's own, also while API servers restart.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use hyper_util::rt::TokioIo;
use tokio::{net::UnixStream, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Streaming,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    transport::{Channel, Endpoint, Uri},
};
use tonic_prost::ProstCodec;
use tower::service_fn;

use super::messages::{Progress, RangeRequest, RangeResponse, Request, WatchCreate, WatchRequest, WatchResponse};

/// A watch that resumes may get everything that it missed in one message.
const MESSAGE_LIMIT: usize = 64 << 20;

/// A connection to etcd.
pub struct Etcd {
    grpc: Grpc<Channel>,
}

/// A watch; it ends when its sender is dropped.
pub struct Watch {
    pub messages: Streaming<WatchResponse>,
    requests: mpsc::Sender<WatchRequest>,
}

impl Watch {
    /// Asks how far it has come; the answer comes as a message without events.
    pub async fn ask_progress(&self) {
        // A watch that has ended says so by its messages.
        let _ = self.requests.send(WatchRequest { request: Some(Request::Progress(Progress {})) }).await;
    }
}

impl Etcd {
    /// Connects to the socket.
    pub async fn connect(socket: PathBuf) -> Result<Self> {
        let connector = service_fn(move |_: Uri| {
            let socket = socket.clone();
            async move { UnixStream::connect(socket).await.map(TokioIo::new) }
        });
        // The name is not used: the connector knows the socket.
        let channel = Endpoint::from_static("http://etcd").connect_with_connector(connector).await?;
        Ok(Self { grpc: Grpc::new(channel).max_decoding_message_size(MESSAGE_LIMIT) })
    }

    /// Everything below a prefix, and the revision of that look.
    pub async fn read(&mut self, prefix: &str) -> Result<RangeResponse> {
        self.grpc.ready().await?;
        let request = RangeRequest { key: prefix.into(), range_end: end_of(prefix) };
        let path = PathAndQuery::from_static("/etcdserverpb.KV/Range");
        let answer = self.grpc.unary(tonic::Request::new(request), path, ProstCodec::default()).await;
        Ok(answer.context("reading from etcd")?.into_inner())
    }

    /// Every change below a prefix, from that revision on.
    pub async fn watch(&mut self, prefix: &str, from: u64) -> Result<Watch> {
        self.grpc.ready().await?;
        let (requests, receiver) = mpsc::channel(4);
        let create =
            WatchCreate { key: prefix.into(), range_end: end_of(prefix), start_revision: i64::try_from(from)? };
        if requests.send(WatchRequest { request: Some(Request::Create(create)) }).await.is_err() {
            bail!("the watch ended before it began");
        }
        let path = PathAndQuery::from_static("/etcdserverpb.Watch/Watch");
        let request = tonic::Request::new(ReceiverStream::new(receiver));
        let answer = self.grpc.streaming(request, path, ProstCodec::default()).await.context("watching etcd")?;
        Ok(Watch { messages: answer.into_inner(), requests })
    }
}

/// The first key that does not have the prefix. Prefixes here end in a slash.
fn end_of(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::end_of;

    #[test]
    fn a_range_ends_behind_the_last_key_with_the_prefix() {
        assert_eq!(end_of("/registry/a/"), b"/registry/a0");
    }
}

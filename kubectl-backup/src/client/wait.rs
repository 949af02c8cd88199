//! Waits for a condition by watching: no polling, no fixed pauses.

use std::{fmt::Debug, time::Duration};

use futures::{Stream, StreamExt as _};
use kube::{
    Api,
    runtime::{WatchStreamExt as _, watcher},
};
use serde::de::DeserializeOwned;

use crate::error::{CliError, Result};

/// Watches the object until `judge` returns a value, and returns it; `None` when `timeout` passes first (zero waits
/// for ever). `judge` gets `None` when the object does not exist (any more), and runs on every change.
///
/// # Errors
/// When the watch is refused for good, or `judge` returns an error.
pub async fn until<K, T>(
    api: Api<K>,
    name: &str,
    timeout: Duration,
    doing: &str,
    judge: impl FnMut(Option<K>) -> Result<Option<T>>,
) -> Result<Option<T>>
where
    K: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    follow(watcher::watch_object(api, name).default_backoff(), timeout, doing, judge).await
}

/// Watches all objects that the configuration selects until `judge` returns a value, and returns it; `None` when `timeout`
/// passes first (zero waits for ever).
///
/// # Errors
/// When the watch is refused for good, or `judge` returns an error.
pub async fn until_any<K, T>(
    api: Api<K>,
    config: watcher::Config,
    timeout: Duration,
    doing: &str,
    judge: impl FnMut(watcher::Event<K>) -> Result<Option<T>>,
) -> Result<Option<T>>
where
    K: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    follow(watcher(api, config).default_backoff(), timeout, doing, judge).await
}

/// Watches all objects that the configuration selects, over breaks of the connection.
pub fn watch<K>(api: Api<K>, config: watcher::Config, doing: &str) -> impl Stream<Item = Result<watcher::Event<K>>>
where
    K: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    watcher(api, config).default_backoff().filter_map(move |event| {
        std::future::ready(match event {
            Ok(event) => Some(Ok(event)),
            Err(error) => fatal(error, doing).map(Err),
        })
    })
}

async fn follow<E, T>(
    events: impl Stream<Item = Result<E, watcher::Error>>,
    timeout: Duration,
    doing: &str,
    mut judge: impl FnMut(E) -> Result<Option<T>>,
) -> Result<Option<T>> {
    let watch = async {
        let mut events = std::pin::pin!(events);
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    if let Some(value) = judge(event)? {
                        return Ok(value);
                    }
                }
                Err(error) => {
                    if let Some(fatal) = fatal(error, doing) {
                        return Err(fatal);
                    }
                }
            }
        }
        Err(CliError::new(format!("failed to {doing}: the watch ended")))
    };
    if timeout.is_zero() {
        return watch.await.map(Some);
    }
    match tokio::time::timeout(timeout, watch).await {
        Ok(result) => result.map(Some),
        Err(_) => Ok(None),
    }
}

/// A watch that broke is taken up again; one that the server refuses will be refused again.
fn fatal(error: watcher::Error, doing: &str) -> Option<CliError> {
    let (watcher::Error::InitialListFailed(source)
    | watcher::Error::WatchStartFailed(source)
    | watcher::Error::WatchFailed(source)) = error
    else {
        return None;
    };
    match &source {
        kube::Error::Api(status) if matches!(status.code, 401 | 403 | 404) => Some(CliError::from_kube(source, doing)),
        _ => None,
    }
}

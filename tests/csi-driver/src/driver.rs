//! The driver as a whole: binds its sockets, serves until it is told to stop.

use std::future::Future;
use std::path::{PathBuf, absolute};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use crate::controller::ControllerService;
use crate::faults::Attempts;
use crate::identity::IdentityService;
use crate::node::NodeService;
use crate::proto::csi::controller_server::ControllerServer;
use crate::proto::csi::identity_server::IdentityServer;
use crate::proto::csi::node_server::NodeServer;
use crate::proto::pluginregistration::registration_server::RegistrationServer;
use crate::registration::{self, RegistrationService};
use crate::socket::{self, SocketFile};
use crate::store::{Claims, Store};

/// How long calls under way may go on after the order to stop.
const GRACE: Duration = Duration::from_secs(3);

/// Tells the time: snapshots carry when they were taken.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Who the driver is, where it listens, where its files are.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its name in Kubernetes
    pub driver_name: String,
    /// The CSI socket
    pub endpoint: PathBuf,
    /// The folder for volumes and snapshots
    pub root: PathBuf,
    /// The node's name
    pub node_id: String,
    /// The kubelet's folder of registration sockets
    pub kubelet_registration: Option<PathBuf>,
}

/// A driver whose sockets are bound: callers can connect already.
pub struct Driver {
    config: Config,
    store: Arc<Store>,
    clock: Clock,
    csi: (UnixListenerStream, SocketFile),
    registration: Option<(UnixListenerStream, SocketFile)>,
}

impl Driver {
    /// Opens the folder and binds the sockets; the registration last, because the kubelet then calls at once.
    pub fn bind(mut config: Config, clock: Clock) -> anyhow::Result<Self> {
        for path in [&mut config.endpoint, &mut config.root] {
            // The kubelet dials the endpoint from a folder of its own.
            *path = absolute(&*path).with_context(|| format!("{} is not a usable path", path.display()))?;
        }
        let store = Arc::new(Store::open(&config.root)?);
        let csi = socket::listen(&config.endpoint)?;
        let registration = match &config.kubelet_registration {
            Some(registry) => Some(socket::listen(&registration::socket_path(registry, &config.driver_name))?),
            None => None,
        };
        Ok(Self { config, store, clock, csi, registration })
    }

    /// Serves until `stop` is done; calls under way get a moment to end.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Self { config, store, clock, csi: (connections, _csi_file), registration } = self;
        let claims = Claims::default();
        let stopping = CancellationToken::new();
        let endpoint = config.endpoint.display().to_string();
        tracing::info!(driver = config.driver_name, endpoint, root = %config.root.display(), "serving");

        let csi = Server::builder()
            .add_service(IdentityServer::new(IdentityService { driver_name: config.driver_name.clone() }))
            .add_service(ControllerServer::new(ControllerService {
                store: store.clone(),
                claims: claims.clone(),
                attempts: Attempts::none(&config.root),
                clock,
            }))
            .add_service(NodeServer::new(NodeService { store, claims, node_id: config.node_id }))
            .serve_with_incoming_shutdown(connections, stopping.cancelled());
        let announcing = async {
            let Some((connections, _file)) = registration else { return Ok(()) };
            Server::builder()
                .add_service(RegistrationServer::new(RegistrationService { driver_name: config.driver_name, endpoint }))
                .serve_with_incoming_shutdown(connections, stopping.cancelled())
                .await
        };
        let out_of_time = async {
            stop.await;
            stopping.cancel();
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            served = async { tokio::try_join!(csi, announcing) } => {
                served.context("the server ended")?;
            }
            () = out_of_time => tracing::warn!("calls or connections that had not ended were cut off"),
        }
        Ok(())
    }
}

//! What the kubelet asks.

use std::path::Path;

use test_csi_driver::proto::csi::identity_client::IdentityClient;
use test_csi_driver::proto::csi::node_client::NodeClient;
use test_csi_driver::proto::csi::{
    ControllerGetCapabilitiesRequest, GetPluginCapabilitiesRequest, GetPluginInfoRequest, NodeGetCapabilitiesRequest,
    NodeGetInfoRequest, NodeStageVolumeRequest, ProbeRequest,
};
use test_csi_driver::proto::pluginregistration::registration_client::RegistrationClient;
use test_csi_driver::proto::pluginregistration::{InfoRequest, RegistrationStatus};
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use crate::harness::{NAME, Running, connect};

/// Connects as the kubelet does: with the percent-encoded path as the authority.
async fn connect_as_kubelet(socket: &Path) -> Channel {
    let encoded = socket.to_str().unwrap().replace('/', "%2F");
    let path = socket.to_owned();
    let io = tower::service_fn(move |_| {
        let path = path.clone();
        async move { tokio::net::UnixStream::connect(path).await.map(hyper_util::rt::TokioIo::new) }
    });
    Endpoint::try_from(format!("http://{encoded}")).unwrap().connect_with_connector(io).await.unwrap()
}

#[tokio::test]
async fn kubelet_learns_name_and_endpoint() {
    let driver = Running::start().await;
    let socket = driver.folder.path().join(format!("csi@{NAME}-reg.sock"));
    let mut kubelet = RegistrationClient::new(connect_as_kubelet(&socket).await);
    let info = kubelet.get_info(InfoRequest {}).await.unwrap().into_inner();
    assert_eq!((info.r#type.as_str(), info.name.as_str()), ("CSIPlugin", NAME));
    assert_eq!(info.supported_versions, ["1.0.0"]);
    let status = RegistrationStatus { plugin_registered: true, error: String::new() };
    kubelet.notify_registration_status(status).await.unwrap();

    let mut node = NodeClient::new(connect(Path::new(&info.endpoint)).await);
    let node_info = node.node_get_info(NodeGetInfoRequest {}).await.unwrap().into_inner();
    assert_eq!((node_info.node_id.as_str(), node_info.accessible_topology), ("node-1", None));
}

#[tokio::test]
async fn identity_and_capabilities() {
    let driver = Running::start().await;
    let channel = connect(&driver.folder.path().join("csi.sock")).await;
    let mut identity = IdentityClient::new(channel.clone());
    assert_eq!(identity.get_plugin_info(GetPluginInfoRequest {}).await.unwrap().into_inner().name, NAME);
    assert_eq!(identity.probe(ProbeRequest {}).await.unwrap().into_inner().ready, Some(true));
    let plugin = identity.get_plugin_capabilities(GetPluginCapabilitiesRequest {}).await.unwrap().into_inner();
    assert_eq!(plugin.capabilities.len(), 1);
    let request = ControllerGetCapabilitiesRequest {};
    let controller = driver.controller.clone().controller_get_capabilities(request).await.unwrap().into_inner();
    assert_eq!(controller.capabilities.len(), 4);
    let mut node = NodeClient::new(channel);
    let offered = node.node_get_capabilities(NodeGetCapabilitiesRequest {}).await.unwrap().into_inner();
    assert!(offered.capabilities.is_empty(), "no staging");
    let staged = node.node_stage_volume(NodeStageVolumeRequest::default()).await.unwrap_err();
    assert_eq!(staged.code(), Code::Unimplemented);
}

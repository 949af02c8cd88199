//! Who the driver is.

use tonic::{Request, Response, Status};

use crate::call::logged;
use crate::proto::csi::identity_server::Identity;
use crate::proto::csi::plugin_capability::service::Type as ServiceType;
use crate::proto::csi::plugin_capability::{Service, Type};
use crate::proto::csi::{
    GetPluginCapabilitiesRequest, GetPluginCapabilitiesResponse, GetPluginInfoRequest, GetPluginInfoResponse,
    PluginCapability, ProbeRequest, ProbeResponse,
};

pub(crate) struct IdentityService {
    pub(crate) driver_name: String,
}

#[tonic::async_trait]
impl Identity for IdentityService {
    async fn get_plugin_info(
        &self,
        _: Request<GetPluginInfoRequest>,
    ) -> Result<Response<GetPluginInfoResponse>, Status> {
        let info = GetPluginInfoResponse {
            name: self.driver_name.clone(),
            vendor_version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Default::default()
        };
        logged("GetPluginInfo", &self.driver_name, async { Ok(info) }).await
    }

    async fn get_plugin_capabilities(
        &self,
        _: Request<GetPluginCapabilitiesRequest>,
    ) -> Result<Response<GetPluginCapabilitiesResponse>, Status> {
        let controller = Service { r#type: ServiceType::ControllerService.into() };
        let capabilities = vec![PluginCapability { r#type: Some(Type::Service(controller)) }];
        logged("GetPluginCapabilities", "", async { Ok(GetPluginCapabilitiesResponse { capabilities }) }).await
    }

    /// Ready as soon as it answers: the folder was opened before the socket.
    async fn probe(&self, _: Request<ProbeRequest>) -> Result<Response<ProbeResponse>, Status> {
        logged("Probe", "", async { Ok(ProbeResponse { ready: Some(true) }) }).await
    }
}

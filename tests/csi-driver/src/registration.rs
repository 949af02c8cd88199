//! Announces the driver to the kubelet.

use std::path::{Path, PathBuf};

use tonic::{Request, Response, Status};

use crate::call::logged;
use crate::proto::pluginregistration::registration_server::Registration;
use crate::proto::pluginregistration::{InfoRequest, PluginInfo, RegistrationStatus, RegistrationStatusResponse};

/// The registration socket in the kubelet's folder.
///
/// The kubelet dials it with its percent-encoded path as the HTTP/2 authority, which the HTTP library here takes for
/// malformed: a host name has no percent signs. Before an `@`, where a user name stands, they are allowed.
pub(crate) fn socket_path(registry: &Path, driver_name: &str) -> PathBuf {
    registry.join(format!("csi@{driver_name}-reg.sock"))
}

pub(crate) struct RegistrationService {
    pub(crate) driver_name: String,
    pub(crate) endpoint: String,
}

#[tonic::async_trait]
impl Registration for RegistrationService {
    async fn get_info(&self, _: Request<InfoRequest>) -> Result<Response<PluginInfo>, Status> {
        let info = PluginInfo {
            r#type: "CSIPlugin".to_owned(),
            name: self.driver_name.clone(),
            endpoint: self.endpoint.clone(),
            supported_versions: vec!["1.0.0".to_owned()],
        };
        logged("GetInfo", &self.driver_name, async { Ok(info) }).await
    }

    async fn notify_registration_status(
        &self,
        request: Request<RegistrationStatus>,
    ) -> Result<Response<RegistrationStatusResponse>, Status> {
        let status = request.into_inner();
        if !status.plugin_registered {
            tracing::error!("the kubelet did not register {}: {}", self.driver_name, status.error);
        }
        logged("NotifyRegistrationStatus", &self.driver_name, async { Ok(RegistrationStatusResponse {}) }).await
    }
}

//! The controller service: volumes and snapshots.

mod snapshots;
mod volumes;

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::call::logged;
use crate::driver::Clock;
use crate::faults::Attempts;
use crate::proto::csi::controller_server::Controller;
use crate::proto::csi::controller_service_capability::rpc::Type as RpcType;
use crate::proto::csi::controller_service_capability::{Rpc, Type};
use crate::proto::csi::{
    ControllerGetCapabilitiesRequest, ControllerGetCapabilitiesResponse, ControllerServiceCapability,
    CreateSnapshotRequest, CreateSnapshotResponse, CreateVolumeRequest, CreateVolumeResponse, DeleteSnapshotRequest,
    DeleteSnapshotResponse, DeleteVolumeRequest, DeleteVolumeResponse, ListSnapshotsRequest, ListSnapshotsResponse,
    ValidateVolumeCapabilitiesRequest, ValidateVolumeCapabilitiesResponse,
};
use crate::store::{Claims, Store};

pub(crate) struct ControllerService {
    pub(crate) store: Arc<Store>,
    pub(crate) claims: Claims,
    pub(crate) attempts: Attempts,
    pub(crate) clock: Clock,
}

#[tonic::async_trait]
impl Controller for ControllerService {
    async fn create_volume(
        &self,
        request: Request<CreateVolumeRequest>,
    ) -> Result<Response<CreateVolumeResponse>, Status> {
        let request = request.into_inner();
        logged("CreateVolume", &request.name, volumes::create(self, &request)).await
    }

    async fn delete_volume(
        &self,
        request: Request<DeleteVolumeRequest>,
    ) -> Result<Response<DeleteVolumeResponse>, Status> {
        let request = request.into_inner();
        logged("DeleteVolume", &request.volume_id, volumes::delete(self, &request)).await
    }

    async fn validate_volume_capabilities(
        &self,
        request: Request<ValidateVolumeCapabilitiesRequest>,
    ) -> Result<Response<ValidateVolumeCapabilitiesResponse>, Status> {
        let request = request.into_inner();
        logged("ValidateVolumeCapabilities", &request.volume_id, volumes::validate(self, &request)).await
    }

    async fn create_snapshot(
        &self,
        request: Request<CreateSnapshotRequest>,
    ) -> Result<Response<CreateSnapshotResponse>, Status> {
        let request = request.into_inner();
        logged("CreateSnapshot", &request.name, snapshots::create(self, &request)).await
    }

    async fn delete_snapshot(
        &self,
        request: Request<DeleteSnapshotRequest>,
    ) -> Result<Response<DeleteSnapshotResponse>, Status> {
        let request = request.into_inner();
        logged("DeleteSnapshot", &request.snapshot_id, snapshots::delete(self, &request)).await
    }

    async fn list_snapshots(
        &self,
        request: Request<ListSnapshotsRequest>,
    ) -> Result<Response<ListSnapshotsResponse>, Status> {
        let request = request.into_inner();
        logged("ListSnapshots", &request.snapshot_id, snapshots::list(self, &request)).await
    }

    async fn controller_get_capabilities(
        &self,
        _: Request<ControllerGetCapabilitiesRequest>,
    ) -> Result<Response<ControllerGetCapabilitiesResponse>, Status> {
        let offered =
            [RpcType::CreateDeleteVolume, RpcType::CreateDeleteSnapshot, RpcType::ListSnapshots, RpcType::CloneVolume];
        let capabilities = offered
            .map(|rpc| ControllerServiceCapability { r#type: Some(Type::Rpc(Rpc { r#type: rpc.into() })) })
            .to_vec();
        logged("ControllerGetCapabilities", "", async { Ok(ControllerGetCapabilitiesResponse { capabilities }) }).await
    }
}

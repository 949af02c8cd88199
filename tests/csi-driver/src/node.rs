//! The node service: a volume's data folder, or the device of its file, is bind-mounted where the kubelet wants it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::call::{blocking, logged};
use crate::error::Error;
use crate::loop_device;
use crate::mount::{self, Target};
use crate::proto::csi::node_server::Node;
use crate::proto::csi::{
    NodeGetCapabilitiesRequest, NodeGetCapabilitiesResponse, NodeGetInfoRequest, NodeGetInfoResponse,
    NodePublishVolumeRequest, NodePublishVolumeResponse, NodeUnpublishVolumeRequest, NodeUnpublishVolumeResponse,
};
use crate::store::{Claims, Id, Key, Kind, Store};
use crate::volume_capability;

pub(crate) struct NodeService {
    pub(crate) store: Arc<Store>,
    pub(crate) claims: Claims,
    pub(crate) node_id: String,
}

#[tonic::async_trait]
impl Node for NodeService {
    async fn node_publish_volume(
        &self,
        request: Request<NodePublishVolumeRequest>,
    ) -> Result<Response<NodePublishVolumeResponse>, Status> {
        let request = request.into_inner();
        logged("NodePublishVolume", &request.volume_id, self.publish(&request)).await
    }

    async fn node_unpublish_volume(
        &self,
        request: Request<NodeUnpublishVolumeRequest>,
    ) -> Result<Response<NodeUnpublishVolumeResponse>, Status> {
        let request = request.into_inner();
        logged("NodeUnpublishVolume", &request.volume_id, self.unpublish(&request)).await
    }

    async fn node_get_capabilities(
        &self,
        _: Request<NodeGetCapabilitiesRequest>,
    ) -> Result<Response<NodeGetCapabilitiesResponse>, Status> {
        logged("NodeGetCapabilities", "", async { Ok(NodeGetCapabilitiesResponse::default()) }).await
    }

    async fn node_get_info(&self, _: Request<NodeGetInfoRequest>) -> Result<Response<NodeGetInfoResponse>, Status> {
        let info = NodeGetInfoResponse { node_id: self.node_id.clone(), ..Default::default() };
        logged("NodeGetInfo", &self.node_id, async { Ok(info) }).await
    }
}

impl NodeService {
    async fn publish(&self, request: &NodePublishVolumeRequest) -> Result<NodePublishVolumeResponse, Error> {
        let id = Id::of(Kind::Volume, &request.volume_id)?;
        let target = target_path(&request.target_path)?;
        let Some(capability) = &request.volume_capability else {
            return Err(Error::Invalid("volume_capability is missing".to_owned()));
        };
        let read_only = volume_capability::is_read_only(volume_capability::check(capability)?) || request.readonly;

        let key = Key::volume(id.clone());
        let claim = self.claims.shared(key.clone())?;
        let volume = self.store.volumes.get(&id)?.ok_or_else(|| Error::NotFound(key.clone()))?;
        volume_capability::check_mode(volume_capability::is_block(capability), volume.block)?;
        if volume.block {
            let disk = self.store.disk(&id);
            return blocking(move || {
                let _claim = claim;
                publish_device(key, &disk, &target, read_only)
            })
            .await;
        }
        let data = self.store.volumes.data(&id);
        blocking(move || {
            let _claim = claim;
            let failed = || format!("cannot mount {key} at {}", target.display());
            match mount::look(&data, &target).map_err(Error::io(failed()))? {
                Target::NotMounted => mount::bind(&data, &target, read_only).map_err(Error::io(failed())),
                Target::Mounted { read_only: is } if is == read_only => Ok(()),
                Target::Mounted { .. } => {
                    let difference = format!("mounted at {} with another readonly flag", target.display());
                    Err(Error::Exists { key, difference })
                }
            }
        })
        .await?;
        Ok(NodePublishVolumeResponse {})
    }

    async fn unpublish(&self, request: &NodeUnpublishVolumeRequest) -> Result<NodeUnpublishVolumeResponse, Error> {
        if request.volume_id.is_empty() {
            return Err(Error::Invalid("volume_id is missing".to_owned()));
        }
        let target = target_path(&request.target_path)?;
        // The volume itself may be gone already: only the target counts.
        blocking(move || {
            mount::release(&target).map_err(Error::io(format!("cannot unmount and remove {}", target.display())))
        })
        .await?;
        Ok(NodeUnpublishVolumeResponse {})
    }
}

fn publish_device(key: Key, disk: &Path, target: &Path, read_only: bool) -> Result<NodePublishVolumeResponse, Error> {
    let failed = || format!("cannot show {key} at {}", target.display());
    match loop_device::look(disk, target).map_err(Error::io(failed()))? {
        loop_device::Target::Other => {
            let device = loop_device::attach(disk, read_only).map_err(Error::io(failed()))?;
            if let Err(error) = mount::bind_device(&device, target) {
                loop_device::detach(&device).map_err(Error::io(failed()))?;
                return Err(Error::io(failed())(error));
            }
        }
        loop_device::Target::Attached { read_only: is } if is == read_only => {}
        loop_device::Target::Attached { .. } => {
            let difference = format!("at {} with another readonly flag", target.display());
            return Err(Error::Exists { key, difference });
        }
    }
    Ok(NodePublishVolumeResponse {})
}

fn target_path(text: &str) -> Result<PathBuf, Error> {
    let path = PathBuf::from(text);
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(Error::Invalid(format!("target_path {text:?} is not an absolute path")))
    }
}

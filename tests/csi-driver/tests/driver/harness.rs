//! A driver in this process over a folder of its own, and a client that talks to it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;
use test_csi_driver::driver::{Config, Driver};
use test_csi_driver::proto::csi::controller_client::ControllerClient;
use test_csi_driver::proto::csi::volume_capability::access_mode::Mode;
use test_csi_driver::proto::csi::volume_capability::{AccessMode, AccessType, MountVolume};
use test_csi_driver::proto::csi::volume_content_source::{SnapshotSource, Type, VolumeSource};
use test_csi_driver::proto::csi::{
    CapacityRange, CreateSnapshotRequest, CreateVolumeRequest, DeleteSnapshotRequest, DeleteVolumeRequest,
    ListSnapshotsRequest, ListSnapshotsResponse, Snapshot, Volume, VolumeCapability, VolumeContentSource,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

pub const NAME: &str = "block.csi.test.kubectl-backup.dev";
pub const MIB: i64 = 1 << 20;

/// A running driver.
pub struct Running {
    pub folder: TempDir,
    pub controller: ControllerClient<Channel>,
    now: Arc<Mutex<Timestamp>>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<anyhow::Result<()>>,
}

pub fn config(folder: &Path) -> Config {
    Config {
        driver_name: NAME.to_owned(),
        endpoint: folder.join("csi.sock"),
        root: folder.join("root"),
        node_id: "node-1".to_owned(),
        kubelet_registration: Some(folder.to_owned()),
    }
}

pub async fn connect(socket: &Path) -> Channel {
    Endpoint::try_from(format!("unix://{}", socket.display())).unwrap().connect().await.unwrap()
}

impl Running {
    pub async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap()).await
    }

    pub async fn start_in(folder: TempDir) -> Self {
        let now = Arc::new(Mutex::new("2026-01-01T00:00:00Z".parse().unwrap()));
        let clock = now.clone();
        let driver = Driver::bind(config(folder.path()), Arc::new(move || *clock.lock().unwrap())).unwrap();
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(driver.serve(async { stopped.await.unwrap_or(()) }));
        let controller = ControllerClient::new(connect(&folder.path().join("csi.sock")).await);
        Self { folder, controller, now, stop, served }
    }

    /// Ends the driver in good order and gives back its folder.
    pub async fn stop(self) -> TempDir {
        drop(self.controller);
        self.stop.send(()).unwrap();
        self.served.await.unwrap().unwrap();
        self.folder
    }

    pub fn advance(&self, time: Duration) {
        let mut now = self.now.lock().unwrap();
        *now = now.checked_add(time).unwrap();
    }

    /// The folder that a pod would see as its volume.
    pub fn data(&self, volume: &str) -> PathBuf {
        self.folder.path().join("root/volumes").join(volume).join("data")
    }

    pub fn write(&self, volume: &str, file: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.data(volume).join(file), bytes).unwrap();
    }

    pub fn read(&self, volume: &str, file: &str) -> Vec<u8> {
        fs::read(self.data(volume).join(file)).unwrap()
    }

    pub async fn create(&self, request: CreateVolumeRequest) -> Result<Volume, Status> {
        let answer = self.controller.clone().create_volume(request).await?;
        Ok(answer.into_inner().volume.unwrap())
    }

    pub async fn snapshot(&self, request: CreateSnapshotRequest) -> Result<Snapshot, Status> {
        let answer = self.controller.clone().create_snapshot(request).await?;
        Ok(answer.into_inner().snapshot.unwrap())
    }

    pub async fn delete_volume(&self, id: &str) -> Result<(), Status> {
        let request = DeleteVolumeRequest { volume_id: id.to_owned(), ..Default::default() };
        self.controller.clone().delete_volume(request).await.map(drop)
    }

    pub async fn delete_snapshot(&self, id: &str) -> Result<(), Status> {
        let request = DeleteSnapshotRequest { snapshot_id: id.to_owned(), ..Default::default() };
        self.controller.clone().delete_snapshot(request).await.map(drop)
    }

    pub async fn list(&self, request: ListSnapshotsRequest) -> Result<ListSnapshotsResponse, Status> {
        Ok(self.controller.clone().list_snapshots(request).await?.into_inner())
    }
}

pub fn filesystem() -> VolumeCapability {
    VolumeCapability {
        access_mode: Some(AccessMode { mode: Mode::SingleNodeWriter.into() }),
        access_type: Some(AccessType::Mount(MountVolume::default())),
    }
}

/// A request for an empty volume of 1 MiB.
pub fn volume(name: &str) -> CreateVolumeRequest {
    CreateVolumeRequest {
        name: name.to_owned(),
        capacity_range: Some(CapacityRange { required_bytes: MIB, limit_bytes: 0 }),
        volume_capabilities: vec![filesystem()],
        ..Default::default()
    }
}

pub fn restored(name: &str, snapshot: &str) -> CreateVolumeRequest {
    let source = SnapshotSource { snapshot_id: snapshot.to_owned() };
    CreateVolumeRequest {
        volume_content_source: Some(VolumeContentSource { r#type: Some(Type::Snapshot(source)) }),
        ..volume(name)
    }
}

pub fn cloned(name: &str, of: &str) -> CreateVolumeRequest {
    let source = VolumeSource { volume_id: of.to_owned() };
    CreateVolumeRequest {
        volume_content_source: Some(VolumeContentSource { r#type: Some(Type::Volume(source)) }),
        ..volume(name)
    }
}

pub fn snapshot(name: &str, of: &str) -> CreateSnapshotRequest {
    CreateSnapshotRequest { name: name.to_owned(), source_volume_id: of.to_owned(), ..Default::default() }
}

pub fn fault(name: &str, value: &str) -> HashMap<String, String> {
    HashMap::from([(format!("fault.test/{name}"), value.to_owned())])
}

/// The names in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

//! Mounting, in a user and mount namespace of its own: no root is needed, and nothing of this machine is mounted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use test_csi_driver::proto::csi::controller_client::ControllerClient;
use test_csi_driver::proto::csi::node_client::NodeClient;
use test_csi_driver::proto::csi::volume_capability::access_mode::Mode;
use test_csi_driver::proto::csi::volume_capability::{AccessMode, AccessType, BlockVolume};
use test_csi_driver::proto::csi::{
    DeleteVolumeRequest, NodePublishVolumeRequest, NodeUnpublishVolumeRequest, VolumeCapability,
};
use tonic::Code;
use tonic::transport::Channel;

use crate::harness::{filesystem, volume};
use crate::process::{Program, log};

struct Mounting {
    folder: tempfile::TempDir,
    program: Program,
    channel: Channel,
}

impl Mounting {
    /// None, with a word on stderr, where the machine forbids user namespaces.
    async fn start() -> Option<Self> {
        const UNSHARE: [&str; 4] = ["--user", "--map-root-user", "--mount", "--"];
        let allowed = Command::new("unshare").args(UNSHARE).arg("true").output();
        if !allowed.as_ref().is_ok_and(|output| output.status.success()) {
            eprintln!("SKIPPED: this machine gives no user namespace to mount in: {allowed:?}");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("unshare");
        command.args(UNSHARE).arg(env!("CARGO_BIN_EXE_test-csi-driver"));
        let mut program = Program::start(command, folder.path());
        let channel = program.connect(folder.path()).await.unwrap_or_else(|| panic!("ended: {}", log(folder.path())));
        ControllerClient::new(channel.clone()).create_volume(volume("a")).await.unwrap();
        Some(Self { folder, program, channel })
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("mount")
    }

    /// The target as the driver sees it, in its namespace.
    fn inside(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.program.0.id()));
        root.join(self.target().strip_prefix("/").unwrap())
    }

    fn request(&self) -> NodePublishVolumeRequest {
        NodePublishVolumeRequest {
            volume_id: "a".to_owned(),
            target_path: self.target().to_str().unwrap().to_owned(),
            volume_capability: Some(filesystem()),
            ..Default::default()
        }
    }

    async fn publish(&self, request: NodePublishVolumeRequest) -> Result<(), Code> {
        let answer = NodeClient::new(self.channel.clone()).node_publish_volume(request).await;
        answer.map(drop).map_err(|status| status.code())
    }

    async fn unpublish(&self) {
        let request = NodeUnpublishVolumeRequest {
            volume_id: "a".to_owned(),
            target_path: self.target().to_str().unwrap().to_owned(),
        };
        NodeClient::new(self.channel.clone()).node_unpublish_volume(request).await.unwrap();
    }
}

fn can_write(folder: &Path) -> bool {
    fs::write(folder.join("probe"), "").is_ok()
}

#[tokio::test]
async fn publish_shows_the_volume_once_and_unpublish_is_idempotent() {
    let Some(node) = Mounting::start().await else { return };
    for _ in 0..2 {
        node.publish(node.request()).await.unwrap();
    }
    fs::write(node.inside().join("f"), "one").unwrap();
    assert_eq!(fs::read(node.folder.path().join("root/volumes/a/data/f")).unwrap(), b"one");
    let mounts = fs::read_to_string(format!("/proc/{}/mounts", node.program.0.id())).unwrap();
    assert_eq!(mounts.lines().filter(|line| line.contains(node.target().to_str().unwrap())).count(), 1);

    for _ in 0..2 {
        node.unpublish().await;
        assert!(!node.inside().exists());
    }
    assert!(node.folder.path().join("root/volumes/a/data/f").exists(), "unmounted, not deleted");
}

#[tokio::test]
async fn read_only_is_read_only() {
    let Some(node) = Mounting::start().await else { return };
    let reader =
        VolumeCapability { access_mode: Some(AccessMode { mode: Mode::MultiNodeReaderOnly.into() }), ..filesystem() };
    for request in [
        NodePublishVolumeRequest { readonly: true, ..node.request() },
        NodePublishVolumeRequest { volume_capability: Some(reader), ..node.request() },
    ] {
        node.publish(request.clone()).await.unwrap();
        assert!(!can_write(&node.inside()));
        node.publish(request).await.unwrap();
        assert_eq!(node.publish(node.request()).await, Err(Code::AlreadyExists), "writable is not what is mounted");
        node.unpublish().await;
    }
    node.publish(node.request()).await.unwrap();
    assert!(can_write(&node.inside()));
}

#[tokio::test]
async fn unpublish_works_for_a_volume_that_is_gone() {
    let Some(node) = Mounting::start().await else { return };
    node.publish(node.request()).await.unwrap();
    let request = DeleteVolumeRequest { volume_id: "a".to_owned(), ..Default::default() };
    ControllerClient::new(node.channel.clone()).delete_volume(request).await.unwrap();
    node.unpublish().await;
    assert!(!node.inside().exists());
}

#[tokio::test]
async fn bad_publishes_are_refused() {
    let Some(node) = Mounting::start().await else { return };
    let block = VolumeCapability { access_type: Some(AccessType::Block(BlockVolume {})), ..filesystem() };
    for (request, code) in [
        (NodePublishVolumeRequest { volume_id: "gone".to_owned(), ..node.request() }, Code::NotFound),
        (NodePublishVolumeRequest { volume_id: String::new(), ..node.request() }, Code::InvalidArgument),
        (NodePublishVolumeRequest { target_path: "mount".to_owned(), ..node.request() }, Code::InvalidArgument),
        (NodePublishVolumeRequest { volume_capability: None, ..node.request() }, Code::InvalidArgument),
        (NodePublishVolumeRequest { volume_capability: Some(block), ..node.request() }, Code::InvalidArgument),
    ] {
        assert_eq!(node.publish(request.clone()).await, Err(code), "{request:?}");
    }
    assert!(!node.inside().exists());
}

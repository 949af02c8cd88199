//! The program itself, started as the cluster starts it.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tonic::transport::Channel;

use crate::harness::{NAME, config, connect};

/// A started program: killed when a test fails before it has ended.
pub struct Program(pub Child);

impl Program {
    pub fn start(mut command: Command, folder: &Path) -> Self {
        let config = config(folder);
        let log = File::create(folder.join("log")).unwrap();
        command
            .args(["--driver-name", NAME, "--node-id", "node-1", "--endpoint"])
            .arg(format!("unix:{}", config.endpoint.display()))
            .arg("--root")
            .arg(config.root)
            .arg("--kubelet-registration")
            .arg(folder)
            .stdin(Stdio::null())
            .stderr(log);
        Self(command.spawn().unwrap())
    }

    /// The program's socket, as soon as it is there; None when it has ended before.
    pub async fn connect(&mut self, folder: &Path) -> Option<Channel> {
        let socket = folder.join("csi.sock");
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            if std::os::unix::net::UnixStream::connect(&socket).is_ok() {
                return Some(connect(&socket).await);
            }
            if self.0.try_wait().unwrap().is_some() {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the program did not listen in time: {}", log(folder));
    }

    pub fn terminate(&mut self) -> ExitStatus {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.0.wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Fails when it has ended already, which is what a test wants.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn log(folder: &Path) -> String {
    let mut text = String::new();
    File::open(folder.join("log")).unwrap().read_to_string(&mut text).unwrap();
    text
}

// Several threads: the client has to hear that the server leaves while the test waits for its end.
#[tokio::test(flavor = "multi_thread")]
async fn ends_on_sigterm_while_callers_stay_connected_and_removes_its_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start(Command::new(env!("CARGO_BIN_EXE_test-csi-driver")), folder.path());
    let channel = program.connect(folder.path()).await.unwrap();
    let mut identity = test_csi_driver::proto::csi::identity_client::IdentityClient::new(channel);
    identity.probe(test_csi_driver::proto::csi::ProbeRequest {}).await.unwrap();
    assert!(program.terminate().success());
    assert_eq!(crate::harness::names(folder.path()), ["log", "root"]);
    let log = log(folder.path());
    assert!(!log.contains("cut off"), "a caller without a call does not hold it up: {log}");
    assert!(log.lines().any(|line| line.contains("Probe") && line.contains("ms=")), "{log}");
}

#[test]
fn bad_arguments_are_refused_before_anything_is_made() {
    for arguments in
        [["--driver-name", "a/b", "--endpoint", "unix:/x"], ["--driver-name", "a", "--endpoint", "tcp://127.0.0.1:1"]]
    {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        let output = Command::new(env!("CARGO_BIN_EXE_test-csi-driver"))
            .args(arguments)
            .arg("--root")
            .arg(&root)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(!root.exists());
    }
}

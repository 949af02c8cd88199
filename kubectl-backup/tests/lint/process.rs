//! The program, in a folder of its own.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

/// A pod whose annotation names a volume that it does not have.
pub const BAD_POD: &str = "# The web server.
apiVersion: v1
kind: Pod
metadata:
  name: web
  annotations:
    backup.velero.io/backup-volumes: web-data
spec:
  containers:
  - {name: web, image: web, volumeMounts: [{name: data, mountPath: /data}]}
  volumes:
  - {name: data, persistentVolumeClaim: {claimName: web-data}}
";

/// How long a command may take that shall end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder, and the program in it. No kubeconfig can be found.
pub struct Folder(tempfile::TempDir);

/// What a run printed, and how it ended.
pub struct Run {
    pub stdout: String,
    pub stderr: String,
    pub code: Option<i32>,
}

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, and the folders that it is in.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path().join(name)).unwrap()
    }

    /// Lints with nothing on the standard input.
    #[track_caller]
    pub fn lint(&self, args: &[&str]) -> Run {
        self.lint_with(args, b"")
    }

    /// Lints with these bytes on the standard input.
    #[track_caller]
    pub fn lint_with(&self, args: &[&str], input: &[u8]) -> Run {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // A program that has read enough closes its end.
        let writer = std::thread::spawn(move || match stdin.write_all(&input) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => panic!("{error}"),
            _ => {}
        });
        // What it prints fits into the pipes' buffers.
        let status = ended_within(&mut child, PATIENCE).expect("lint ends");
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Run {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            code: status.code(),
        }
    }

    /// The command line; kubectl's build of kustomize is found where `kubectl` says.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-backup"));
        command.current_dir(self.path()).env_clear().env("KUBECONFIG", "/nonexistent").env("HOME", "/nonexistent");
        command.env("PATH", self.path()).arg("lint").args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// Waits for the program's end; kills it when it takes too long.
pub fn ended_within(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + limit;
    loop {
        match child.try_wait().unwrap() {
            Some(status) => return Some(status),
            None if Instant::now() > deadline => {
                child.kill().unwrap();
                child.wait().unwrap();
                return None;
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

impl Run {
    #[track_caller]
    pub fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "{text:?} is missing:\n{}", self.stderr);
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{}\n{}", self.stdout, self.stderr))
    }
}

//! Images as other programs see them: the archive is read back with tar and JSON alone.

// Helpers of a test may fail like the test itself.
#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use test_cluster::image::Builder;

fn sample(source: &Path) -> Builder {
    Builder::new("example.org/app:1")
        .file("/opt/app/run", source, 0o755)
        .bytes("/etc/passwd", "app:x:65532:65532::/:\n", 0o644)
        .directory("/tmp", 0o1777)
        .symlink("/bin/run", "../opt/app/run")
        .env("MODE", "test")
        .env("ANOTHER", "1")
        .entrypoint(["/opt/app/run"])
        .command(["--help"])
        .user("65532:65532")
        .working_dir("/tmp")
}

fn source(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("source");
    std::fs::write(&path, vec![7_u8; 100_001]).unwrap();
    path
}

fn entries(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut tar = tar::Archive::new(archive);
    tar.entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.path().unwrap().display().to_string(), content)
        })
        .collect()
}

fn parsed(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(bytes).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The blob that a descriptor names, its size and digest checked.
fn blob<'a>(files: &'a BTreeMap<String, Vec<u8>>, descriptor: &serde_json::Value) -> &'a [u8] {
    let hex = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    let bytes = &files[&format!("blobs/sha256/{hex}")];
    assert_eq!(sha256(bytes), hex);
    assert_eq!(descriptor["size"], bytes.len());
    bytes
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let source = source(folder.path());
    for gzip in [false, true] {
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        let first = sample(&source).gzip(gzip).write(&one).unwrap();
        std::fs::File::open(&source).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        let second = sample(&source).gzip(gzip).write(&two).unwrap();
        assert_eq!(first, second);
        assert!(std::fs::read(one).unwrap() == std::fs::read(two).unwrap());
    }
}

#[test]
fn another_mode_gives_another_digest() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("image.tar");
    let with = |mode| Builder::new("a").bytes("/a", "a", mode).write(&archive).unwrap();
    assert_ne!(with(0o644), with(0o755));
}

#[test]
fn every_digest_names_its_blob() {
    let folder = tempfile::tempdir().unwrap();
    let source = source(folder.path());
    for gzip in [false, true] {
        let archive = folder.path().join("image.tar");
        let digest = sample(&source).gzip(gzip).write(&archive).unwrap();
        let files = entries(&std::fs::read(&archive).unwrap());

        assert_eq!(parsed(&files["oci-layout"])["imageLayoutVersion"], "1.0.0");
        let index = parsed(&files["index.json"]);
        let entry = &index["manifests"][0];
        assert_eq!(entry["digest"], digest.to_string());
        assert_eq!(entry["annotations"]["io.containerd.image.name"], "example.org/app:1");
        assert_eq!(entry["annotations"]["org.opencontainers.image.ref.name"], "1");

        let manifest = parsed(blob(&files, entry));
        let layer = blob(&files, &manifest["layers"][0]);
        let mut plain = Vec::new();
        if gzip {
            flate2::read::GzDecoder::new(layer).read_to_end(&mut plain).unwrap();
        } else {
            plain.extend_from_slice(layer);
        }
        let config = parsed(blob(&files, &manifest["config"]));
        assert_eq!(config["rootfs"]["diff_ids"][0], format!("sha256:{}", sha256(&plain)));
        assert_eq!(
            config["config"],
            serde_json::json!({
                "Env": ["MODE=test", "ANOTHER=1"],
                "Entrypoint": ["/opt/app/run"],
                "Cmd": ["--help"],
                "User": "65532:65532",
                "WorkingDir": "/tmp",
            })
        );

        let docker = &parsed(&files["manifest.json"])[0];
        assert_eq!(docker["RepoTags"][0], "example.org/app:1");
        assert!(files.contains_key(docker["Config"].as_str().unwrap()));
        assert_eq!(files[docker["Layers"][0].as_str().unwrap()], layer);
    }
}

#[test]
fn the_layer_lists_each_entry_after_its_directory() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("image.tar");
    sample(&source(folder.path())).write(&archive).unwrap();
    let files = entries(&std::fs::read(&archive).unwrap());
    let manifest = parsed(blob(&files, &parsed(&files["index.json"])["manifests"][0]));
    let mut layer = tar::Archive::new(blob(&files, &manifest["layers"][0]));
    let listed: Vec<_> = layer
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, 0));
            let link = entry.link_name().unwrap().map(|link| format!(" -> {}", link.display())).unwrap_or_default();
            format!("{:o} {}{link}", header.mode().unwrap(), entry.path().unwrap().display())
        })
        .collect();
    assert_eq!(
        listed,
        [
            "755 bin/",
            "777 bin/run -> ../opt/app/run",
            "755 etc/",
            "644 etc/passwd",
            "755 opt/",
            "755 opt/app/",
            "755 opt/app/run",
            "1777 tmp/",
        ]
    );
}

#[test]
fn what_cannot_be_built_is_named_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("image.tar");
    let image = || Builder::new("a");
    for (builder, named) in [
        (image().bytes("/a", "1", 0o644).bytes("/a", "2", 0o644), "`/a` is in the image twice"),
        (image().bytes("/a", "1", 0o644).bytes("/a/b", "2", 0o644), "`/a` is not a directory"),
        (image().bytes("/../a", "1", 0o644), "`/../a` is not a plain absolute path"),
        (image().bytes("a", "1", 0o644), "`a` does not start with `/`"),
        (image().file("/a", folder.path().join("missing"), 0o644), "missing"),
        (Builder::new("a b"), "`a b` is not an image name"),
    ] {
        let error = format!("{:#}", builder.write(&archive).unwrap_err());
        assert!(error.contains(named), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{error}");
    }
}

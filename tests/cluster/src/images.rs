//! The node's images, made from the pinned programs: nothing is pulled.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::cache::{self, Cache};
use crate::image::Builder;
use crate::layout::Request;
use crate::node::find_tool;
use crate::options::Part;

/// What keeps a pod's namespaces.
pub(crate) const PAUSE: &str = "kubectl-backup.test/pause:1";
/// A shell and its tools, for test pods.
pub const BUSYBOX: &str = "kubectl-backup.test/busybox:1";

/// Raised when an image below is made differently, so that no older archive is taken for it.
const REVISION: u32 = 1;

/// Velero's image.
pub(crate) fn velero(request: &Request) -> Result<String> {
    Ok(format!("velero/velero:{}", request.version("velero")?))
}

/// The image that brings Velero its S3 plugin.
pub(crate) fn velero_plugin(request: &Request) -> Result<String> {
    Ok(format!("velero/velero-plugin-for-aws:{}", request.version("velero-plugin-for-aws")?))
}

/// Makes the archives that are not in the cache yet, and names them all.
pub(crate) fn archives(cache: &Cache, request: &Request, progress: &mut dyn FnMut(&str)) -> Result<Vec<PathBuf>> {
    let busybox = find_tool("busybox").context("busybox is missing: install the Debian package busybox-static")?;
    let shell = |builder: Builder| builder.file("/bin/busybox", &busybox, 0o755).directory("/tmp", 0o1777);
    let mut all = vec![
        (format!("busybox-{REVISION}"), {
            let mut image = shell(Builder::new(BUSYBOX)).env("PATH", "/bin").command(["sh"]);
            for applet in APPLETS {
                image = image.symlink(format!("/bin/{applet}"), "busybox");
            }
            image
        }),
        (
            format!("pause-{REVISION}"),
            Builder::new(PAUSE).file("/bin/busybox", &busybox, 0o755).entrypoint([
                "/bin/busybox",
                "sleep",
                "2147483647",
            ]),
        ),
    ];
    if request.options.with(Part::Velero) {
        let (_, folder) = request.component("velero")?;
        let key = |folder: &PathBuf| format!("{}-{REVISION}", folder.file_name().unwrap_or_default().to_string_lossy());
        let image = shell(Builder::new(velero(request)?))
            .file("/velero", folder.join("velero"), 0o755)
            .file("/velero-restore-helper", folder.join("velero-restore-helper"), 0o755)
            .directory("/home/velero", 0o1777)
            .env("HOME", "/home/velero")
            .entrypoint(["/velero"]);
        all.push((key(folder), image.user("65532:65532")));

        let (_, folder) = request.component("velero-plugin-for-aws")?;
        let image = shell(Builder::new(velero_plugin(request)?))
            .file("/plugins/velero-plugin-for-aws", folder.join("velero-plugin-for-aws"), 0o755)
            .entrypoint(["/bin/busybox", "cp", "-a", "/plugins/.", "/target/"]);
        all.push((key(folder), image.user("65532:65532")));
    }
    let mut paths = Vec::new();
    for (name, image) in all {
        paths.push(archive(cache, &name, &image, progress)?);
    }
    Ok(paths)
}

/// Commands that test pods use.
const APPLETS: [&str; 24] = [
    "sh",
    "cat",
    "cp",
    "chmod",
    "chown",
    "cmp",
    "date",
    "dd",
    "echo",
    "find",
    "ls",
    "mkdir",
    "mv",
    "rm",
    "sha256sum",
    "sleep",
    "stat",
    "sync",
    "tail",
    "tar",
    "test",
    "touch",
    "true",
    "wget",
];

fn archive(cache: &Cache, name: &str, image: &Builder, progress: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    let folder = cache.components().join(format!("image-{name}"));
    let path = folder.join("image.tar");
    if path.is_file() {
        return Ok(path);
    }
    let _held = cache::lock(&cache.components(), progress)?;
    fs::create_dir_all(&folder)?;
    progress(&format!("making the image {name}"));
    let draft = folder.join("draft.tar");
    image.write(&draft)?;
    fs::rename(&draft, &path).with_context(|| format!("naming {}", path.display()))?;
    Ok(path)
}

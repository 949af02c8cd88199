//! The archive around the layer: OCI layout and `docker save` format in one tar.

use std::collections::HashMap;
use std::fs::Permissions;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result};
use flate2::write::GzEncoder;
use oci_spec::image::{
    ANNOTATION_REF_NAME, Arch, Config, Descriptor, DescriptorBuilder, Digest, ImageConfigurationBuilder,
    ImageIndexBuilder, ImageManifestBuilder, MediaType, OciLayoutBuilder, Os, PlatformBuilder, RootFsBuilder,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::layer::{self, Tree};
use super::name::Name;

/// containerd takes the complete name from here; the standard annotation holds the tag alone.
const CONTAINERD_IMAGE_NAME: &str = "io.containerd.image.name";
const BLOCK: usize = 512;

/// Writes the archive in one pass over the files and puts it in place when it is complete.
pub(super) fn write(path: &Path, name: &Name, tree: &Tree, config: Config, gzip: bool) -> Result<Digest> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = tempfile::Builder::new()
        .prefix(".image-")
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(folder)
        .with_context(|| format!("make a file in {}", folder.display()))?;
    let mut archive = Archive { out: BufWriter::new(file) };
    let digest = archive.image(name, tree, config, gzip)?;
    let file = archive.out.into_inner()?;
    file.persist(path).with_context(|| format!("put the archive at {}", path.display()))?;
    Ok(digest)
}

/// A tar under construction, whose entries may be written before their name is known.
struct Archive<W> {
    out: W,
}

impl<W: Write + Seek> Archive<W> {
    fn image(&mut self, name: &Name, tree: &Tree, config: Config, gzip: bool) -> Result<Digest> {
        let (layer, diff_id) = self.layer(tree, gzip)?;
        let platform = PlatformBuilder::default().architecture(Arch::default()).os(Os::default()).build()?;
        let config = ImageConfigurationBuilder::default()
            .architecture(platform.architecture().clone())
            .os(platform.os().clone())
            .rootfs(RootFsBuilder::default().typ("layers").diff_ids([diff_id.to_string()]).build()?)
            .config(config)
            .build()?;
        let config = self.json_blob(MediaType::ImageConfig, &config)?;
        let manifest = ImageManifestBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageManifest)
            .config(config.clone())
            .layers([layer.clone()])
            .build()?;
        let mut manifest = self.json_blob(MediaType::ImageManifest, &manifest)?;
        let digest = manifest.digest().clone();
        manifest.set_annotations(Some(HashMap::from([
            (CONTAINERD_IMAGE_NAME.to_owned(), name.to_string()),
            (ANNOTATION_REF_NAME.to_owned(), name.tag().to_owned()),
        ])));
        manifest.set_platform(Some(platform));
        let index = ImageIndexBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageIndex)
            .manifests([manifest])
            .build()?;
        let docker = serde_json::json!([{
            "Config": blob_path(config.digest()),
            "RepoTags": [name.to_string()],
            "Layers": [blob_path(layer.digest())],
        }]);
        let layout = OciLayoutBuilder::default().image_layout_version("1.0.0").build()?;
        self.entry("index.json", &json(&index)?)?;
        self.entry("manifest.json", &json(&docker)?)?;
        self.entry("oci-layout", &json(&layout)?)?;
        // Two empty blocks end a tar.
        self.out.write_all(&[0; 2 * BLOCK])?;
        self.out.flush()?;
        Ok(digest)
    }

    /// Streams the layer and gives its descriptor and the digest of its uncompressed tar.
    ///
    /// A blob is named by its digest, which is known at its end only: the entry's header is filled in afterwards,
    /// which saves a second pass over 100 MB.
    fn layer(&mut self, tree: &Tree, gzip: bool) -> Result<(Descriptor, Digest)> {
        let start = self.out.stream_position()?;
        self.out.write_all(&[0; BLOCK])?;
        let mut blob = Hashing::new(&mut self.out);
        let (media_type, diff_id) = if gzip {
            let mut plain = Hashing::new(GzEncoder::new(&mut blob, flate2::Compression::default()));
            layer::write(tree, &mut plain)?;
            let (encoder, diff_id, _) = plain.finish()?;
            encoder.finish()?;
            (MediaType::ImageLayerGzip, Some(diff_id))
        } else {
            layer::write(tree, &mut blob)?;
            (MediaType::ImageLayer, None)
        };
        let (_, digest, size) = blob.finish()?;
        self.pad(size)?;
        let end = self.out.stream_position()?;
        self.out.seek(SeekFrom::Start(start))?;
        self.out.write_all(header(&blob_path(&digest), size)?.as_bytes())?;
        self.out.seek(SeekFrom::Start(end))?;
        let diff_id = diff_id.unwrap_or_else(|| digest.clone());
        Ok((descriptor(media_type, digest, size)?, diff_id))
    }

    fn json_blob(&mut self, media_type: MediaType, value: &impl Serialize) -> Result<Descriptor> {
        let bytes = json(value)?;
        let mut hash = Hashing::new(std::io::sink());
        hash.write_all(&bytes)?;
        let (_, digest, size) = hash.finish()?;
        self.entry(&blob_path(&digest), &bytes)?;
        descriptor(media_type, digest, size)
    }

    fn entry(&mut self, path: &str, content: &[u8]) -> Result<()> {
        let size = content.len().try_into()?;
        self.out.write_all(header(path, size)?.as_bytes())?;
        self.out.write_all(content)?;
        self.pad(size)
    }

    fn pad(&mut self, size: u64) -> Result<()> {
        let used = usize::try_from(size % BLOCK as u64)?;
        if used > 0 {
            self.out.write_all(&[0; BLOCK][used..])?;
        }
        Ok(())
    }
}

fn header(path: &str, size: u64) -> Result<tar::Header> {
    let mut header = tar::Header::new_gnu();
    header.set_path(path)?;
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    Ok(header)
}

fn blob_path(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.digest())
}

fn descriptor(media_type: MediaType, digest: Digest, size: u64) -> Result<Descriptor> {
    Ok(DescriptorBuilder::default().media_type(media_type).digest(digest).size(size).build()?)
}

/// JSON with sorted keys: annotations are a hash map, whose order differs from run to run.
fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut value = serde_json::to_value(value)?;
    value.sort_all_objects();
    Ok(serde_json::to_vec(&value)?)
}

/// Passes bytes on, hashing and counting them.
struct Hashing<W> {
    out: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> Hashing<W> {
    fn new(out: W) -> Self {
        Self { out, hash: Sha256::new(), size: 0 }
    }

    fn finish(self) -> Result<(W, Digest, u64)> {
        let hex: String = self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((self.out, Digest::from_str(&format!("sha256:{hex}"))?, self.size))
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(buffer)?;
        self.hash.update(&buffer[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

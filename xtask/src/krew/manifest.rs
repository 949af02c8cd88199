//! The plugin's manifest: the template with version, address and checksum filled in.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Where the project lives.
pub const HOMEPAGE: &str = "https://kubectl-backup.dev";
const TEMPLATE: &str = include_str!("../../../krew/backup.yaml.tmpl");

/// What one release puts into the template.
pub struct Manifest<'a> {
    /// Without the leading `v`.
    pub version: &'a str,
    /// Where releases are published.
    pub releases: &'a str,
    /// Of the archive for this platform.
    pub sha256_linux_amd64: &'a str,
}

impl Manifest<'_> {
    /// Writes `plugins/backup.yaml` into the folder of an index.
    pub fn write(&self, index: &Path) -> Result<PathBuf> {
        let folder = index.join("plugins");
        let path = folder.join("backup.yaml");
        let text = self.render().context("fill in krew/backup.yaml.tmpl")?;
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&path, text))
            .with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }

    fn render(&self) -> Result<String> {
        let version = self.version;
        let uri = format!("{}/v{version}/kubectl-backup-{version}-linux-amd64.tar.gz", self.releases);
        let text = TEMPLATE
            .replace("{{version}}", version)
            .replace("{{homepage}}", HOMEPAGE)
            .replace("{{uri_linux_amd64}}", &uri)
            .replace("{{sha256_linux_amd64}}", self.sha256_linux_amd64);
        if let Some((_, rest)) = text.split_once("{{") {
            bail!("nothing fills in `{{{{{}`", rest.lines().next().unwrap_or_default());
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> serde_json::Value {
        let manifest = Manifest { version: "1.2.3", releases: "https://example.org/r", sha256_linux_amd64: "00ff" };
        let parsed: serde_json::Value = serde_saphyr::from_str(&manifest.render().unwrap()).unwrap();
        parsed["spec"].clone()
    }

    #[test]
    fn the_release_is_filled_in() {
        let spec = spec();
        assert_eq!(spec["version"], "v1.2.3");
        assert_eq!(
            spec["platforms"],
            serde_json::json!([{
                "selector": { "matchLabels": { "os": "linux", "arch": "amd64" } },
                "uri": "https://example.org/r/v1.2.3/kubectl-backup-1.2.3-linux-amd64.tar.gz",
                "sha256": "00ff",
                "bin": "kubectl-backup",
            }])
        );
    }

    /// What reviewers of krew's public index ask for and its validator does not check.
    #[test]
    fn the_texts_follow_krews_style() {
        let spec = spec();
        let short = spec["shortDescription"].as_str().unwrap();
        assert!(short.len() <= 50 && !short.to_lowercase().contains("plugin"), "{short}");
        for field in ["description", "caveats"] {
            let text = spec[field].as_str().unwrap();
            assert!(text.lines().all(|line| line.len() <= 80), "{text}");
        }
        assert!(!TEMPLATE.contains('#'), "a manifest carries no comments");
    }
}

//! Image names, completed as Docker and the kubelet complete them.

use anyhow::{Result, ensure};

/// A complete image name: registry, repository and tag.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name {
    repository: String,
    tag: String,
}

impl Name {
    /// Completes a name: `busybox` becomes `docker.io/library/busybox:latest`. The kubelet asks containerd for
    /// the complete name, so an image imported under the short one would never be found.
    pub(super) fn parse(name: &str) -> Result<Self> {
        ensure!(
            !name.is_empty() && !name.contains('@') && name.chars().all(|c| c.is_ascii_graphic()),
            "`{name}` is not an image name with a tag; write it like `example.org/app:1`"
        );
        // A colon before the last slash belongs to the registry's port.
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, tag),
            _ => (name, "latest"),
        };
        ensure!(!repository.is_empty() && !tag.is_empty(), "`{name}` lacks a repository or a tag");
        let repository = match repository.split_once('/') {
            Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => repository.to_owned(),
            Some(_) => format!("docker.io/{repository}"),
            None => format!("docker.io/library/{repository}"),
        };
        Ok(Self { repository, tag: tag.to_owned() })
    }

    pub(super) fn tag(&self) -> &str {
        &self.tag
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.repository, self.tag)
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn names_are_completed() {
        for (short, complete) in [
            ("busybox", "docker.io/library/busybox:latest"),
            ("velero/velero:v1.18.3", "docker.io/velero/velero:v1.18.3"),
            ("example.org/app:1", "example.org/app:1"),
            ("localhost/app", "localhost/app:latest"),
            ("127.0.0.1:5000/app", "127.0.0.1:5000/app:latest"),
            ("registry:5000/a/b:2", "registry:5000/a/b:2"),
        ] {
            assert_eq!(Name::parse(short).unwrap().to_string(), complete);
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for wrong in ["", "a b", "app@sha256:00", ":1", "app:"] {
            assert!(Name::parse(wrong).is_err(), "{wrong}");
        }
    }
}

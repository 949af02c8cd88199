//! What a caller may ask for.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, bail, ensure};
use serde::{Deserialize, Serialize};

/// How much of a cluster is started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// API servers, controllers, CSI, Velero and S3 as plain processes: no root, no containers, pods stay pending.
    #[default]
    ControlPlane,
    /// The same with a node that runs pods, in namespaces of its own. Needs root.
    Node,
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ControlPlane => "control-plane",
            Self::Node => "node",
        })
    }
}

impl FromStr for Profile {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "control-plane" => Ok(Self::ControlPlane),
            "node" => Ok(Self::Node),
            other => bail!("no profile is named {other:?}: use control-plane or node"),
        }
    }
}

/// What can be left out, to see how a client behaves where it is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Velero, its CRDs and its namespace.
    Velero,
    /// The snapshot CRDs, their controller and the snapshotter sidecars.
    Snapshots,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Velero => "velero",
            Self::Snapshots => "snapshots",
        })
    }
}

impl FromStr for Part {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "velero" => Ok(Self::Velero),
            "snapshots" => Ok(Self::Snapshots),
            other => bail!("no part is named {other:?}: use velero or snapshots"),
        }
    }
}

/// Which cluster to start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Options {
    /// The cluster's name: its folder, its context, its log files.
    pub name: String,
    /// How much of it runs.
    pub profile: Profile,
    /// How many API servers share the one etcd, 1 to 5.
    pub apiservers: u8,
    /// What is left out.
    pub without: Vec<Part>,
    /// Component name to folder of pins, where it is not the folder of the same name.
    pub pins: BTreeMap<String, String>,
    /// The cluster ends with the process that started it, however that ends. For tests.
    pub owned: bool,
    /// The CSI driver's program; beside the xtask program when absent.
    pub csi_driver: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: "default".into(),
            profile: Profile::default(),
            apiservers: 1,
            without: Vec::new(),
            pins: BTreeMap::new(),
            owned: false,
            csi_driver: None,
        }
    }
}

impl Options {
    /// A control-plane cluster of that name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Refuses what no cluster can be.
    pub fn check(&self) -> Result<()> {
        check_name(&self.name)?;
        ensure!(
            (1..=5).contains(&self.apiservers),
            "a cluster has 1 to 5 API servers, {} were asked for",
            self.apiservers
        );
        Ok(())
    }

    /// Whether that part runs.
    #[must_use]
    pub fn with(&self, part: Part) -> bool {
        !self.without.contains(&part)
    }
}

/// A name becomes a folder and part of socket paths, so it is a short DNS label.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    ensure!(
        (1..=24).contains(&name.len()) && name.chars().all(legal) && !name.starts_with('-') && !name.ends_with('-'),
        "{name:?} cannot be a cluster's name: use 1 to 24 lower-case letters, digits and inner dashes"
    );
    Ok(())
}

/// Reads `COMPONENT=FOLDER`.
pub fn parse_pin(text: &str) -> Result<(String, String)> {
    match text.split_once('=') {
        Some((component, folder)) if !component.is_empty() && !folder.is_empty() => {
            Ok((component.into(), folder.into()))
        }
        _ => bail!("a pin is written COMPONENT=FOLDER, not {text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_dns_labels() {
        for name in ["default", "a", "e2e-12"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "-a", "a-", "A", "a/b", "..", "a_b", "a-name-that-is-far-too-long-here"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn between_one_and_five_api_servers() {
        for (count, fine) in [(0, false), (1, true), (5, true), (6, false)] {
            assert_eq!(Options { apiservers: count, ..Options::default() }.check().is_ok(), fine, "{count}");
        }
    }

    #[test]
    fn profiles_and_parts_read_what_they_write() {
        for profile in [Profile::ControlPlane, Profile::Node] {
            assert_eq!(profile.to_string().parse::<Profile>().unwrap(), profile);
        }
        for part in [Part::Velero, Part::Snapshots] {
            assert_eq!(part.to_string().parse::<Part>().unwrap(), part);
        }
        assert!("nodes".parse::<Profile>().is_err());
    }

    #[test]
    fn a_pin_has_two_sides() {
        assert_eq!(parse_pin("velero=velero-1.17").unwrap(), ("velero".into(), "velero-1.17".into()));
        for text in ["velero", "=x", "velero="] {
            assert!(parse_pin(text).is_err(), "{text}");
        }
    }
}

//! Which components there are and at which versions: `components.toml` and the `go.mod` beside each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::options::{Options, Part, Profile};

/// One table of `components.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recipe {
    #[serde(default)]
    component: Option<String>,
    module: String,
    profiles: Vec<Profile>,
    #[serde(default)]
    part: Option<Part>,
    #[serde(default)]
    pub tags: String,
    #[serde(default)]
    pub cgo: bool,
    #[serde(default = "stripped")]
    pub ldflags: String,
    #[serde(default)]
    pub rename: BTreeMap<String, String>,
    #[serde(default)]
    pub copy: Vec<SourceFolder>,
}

/// A folder of a module's sources.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceFolder {
    pub module: String,
    pub folder: PathBuf,
    pub to: PathBuf,
}

fn stripped() -> String {
    "-s -w".into()
}

/// A component at one version, ready to be built.
#[derive(Debug, Clone)]
pub(crate) struct Pin {
    pub component: String,
    pub folder: PathBuf,
    pub version: String,
    pub fingerprint: String,
    pub recipe: Recipe,
}

impl Pin {
    /// The folder in the cache: another name for anything that would build another program.
    pub(crate) fn cache_name(&self) -> String {
        format!("{}-{}-{}", self.component, self.version, self.fingerprint)
    }

    /// The linker flags with this version in them.
    pub(crate) fn ldflags(&self) -> String {
        expand(&self.recipe.ldflags, &self.version)
    }
}

/// All recipes, by the folder that holds their pins.
pub(crate) struct Pins {
    root: PathBuf,
    recipes: BTreeMap<String, Recipe>,
}

impl Pins {
    /// Reads the pins of this checkout.
    pub(crate) fn read() -> Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let file = here.join("components.toml");
        let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let recipes = toml::from_str(&text).with_context(|| format!("reading {}", file.display()))?;
        Ok(Self { root: here.join("components"), recipes })
    }

    /// The pin of one component.
    pub(crate) fn resolve(&self, component: &str, chosen: &BTreeMap<String, String>) -> Result<Pin> {
        let name = chosen.get(component).map_or(component, String::as_str);
        // A folder without a table of its own is built as its component is.
        let recipe = self
            .recipes
            .get(name)
            .or_else(|| self.recipes.get(component))
            .with_context(|| format!("components.toml has no component {component:?}"))?
            .clone();
        let folder = self.root.join(name);
        let read = |file: &str| {
            let path = folder.join(file);
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
        };
        let (go_mod, go_sum) = (read("go.mod")?, read("go.sum")?);
        let version = version_of(&go_mod, &recipe.module)
            .with_context(|| format!("{}/go.mod does not require {}", folder.display(), recipe.module))?
            .to_owned();
        let recipe_text = serde_json::to_string(&recipe)?;
        let own = own_sources(&folder).with_context(|| format!("reading {}", folder.display()))?;
        let parts = [&go_mod, &go_sum, &recipe_text].into_iter().chain(&own).map(String::as_str);
        let fingerprint = fingerprint(parts);
        Ok(Pin { component: component.into(), folder, version, fingerprint, recipe })
    }

    /// The pins of everything a cluster with these options is made of.
    pub(crate) fn needed(&self, options: &Options) -> Result<Vec<Pin>> {
        for component in options.pins.keys() {
            self.resolve(component, &options.pins)?;
        }
        self.recipes
            .iter()
            .filter(|(_, recipe)| recipe.component.is_none())
            .filter(|(_, recipe)| recipe.profiles.contains(&options.profile))
            .filter(|(_, recipe)| recipe.part.is_none_or(|part| options.with(part)))
            .map(|(component, _)| self.resolve(component, &options.pins))
            .collect()
    }
}

/// The version that a `go.mod` requires of a module.
fn version_of<'a>(go_mod: &'a str, module: &str) -> Option<&'a str> {
    go_mod.lines().find_map(|line| {
        let mut words = line.trim().trim_start_matches("require ").split_whitespace();
        (words.next() == Some(module)).then(|| words.next()).flatten().filter(|version| version.starts_with('v'))
    })
}

/// Puts a version into a template.
fn expand(template: &str, version: &str) -> String {
    let mut numbers = version.trim_start_matches('v').split('.');
    let (major, minor) = (numbers.next().unwrap_or(""), numbers.next().unwrap_or(""));
    template.replace("{version}", version).replace("{major}", major).replace("{minor}", minor)
}

/// Programs of our own that lie beside the pins, each in a folder.
fn own_sources(folder: &Path) -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    for program in fs::read_dir(folder)? {
        let program = program?.path();
        if program.is_dir() {
            files.extend(fs::read_dir(program)?.map(|file| file.map(|file| file.path())));
        }
    }
    let mut files = files.into_iter().collect::<io::Result<Vec<_>>>()?;
    files.sort();
    files.into_iter().map(fs::read_to_string).collect()
}

fn fingerprint<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // The length keeps two different splits of the same text apart.
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_required_one_not_a_replacement() {
        let go_mod = "module m\n\nrequire (\n\texample.org/a v1.2.3 // indirect\n\texample.org/ab v9.9.9\n)\n\
                      require example.org/c v0.1.0\nreplace example.org/d => example.org/e v4.0.0\n";
        assert_eq!(version_of(go_mod, "example.org/a"), Some("v1.2.3"));
        assert_eq!(version_of(go_mod, "example.org/c"), Some("v0.1.0"));
        assert_eq!(version_of(go_mod, "example.org/d"), None);
    }

    #[test]
    fn templates_know_the_version_and_its_numbers() {
        assert_eq!(expand("{version} {major} {minor}", "v1.36.3"), "v1.36.3 1 36");
        assert_eq!(expand("-s -w", "v1.36.3"), "-s -w");
    }

    #[test]
    fn any_changed_pin_is_another_fingerprint() {
        let base = fingerprint(["mod", "sum", "recipe"]);
        assert_eq!(base, fingerprint(["mod", "sum", "recipe"]));
        for other in [
            fingerprint(["mod2", "sum", "recipe"]),
            fingerprint(["mod", "sum2", "recipe"]),
            fingerprint(["mod", "sum", "recipe2"]),
            fingerprint(["mods", "um", "recipe"]),
            fingerprint(["mod", "sum", "recipe", "package main"]),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn every_table_of_this_checkout_resolves() {
        let pins = Pins::read().unwrap();
        for component in pins.recipes.keys() {
            let pin = pins.resolve(component, &BTreeMap::new()).unwrap();
            assert!(pin.version.starts_with('v'), "{component}");
        }
    }

    #[test]
    fn parts_left_out_are_not_built() {
        let pins = Pins::read().unwrap();
        let names = |options: &Options| -> Vec<String> {
            pins.needed(options).unwrap().into_iter().map(|pin| pin.component).collect()
        };
        let all = names(&Options::default());
        assert!(all.contains(&"velero".into()) && all.contains(&"external-snapshotter".into()));
        assert!(!all.contains(&"runc".into()) && !all.contains(&"krew".into()));
        let bare = names(&Options { without: vec![Part::Velero, Part::Snapshots], ..Options::default() });
        assert!(!bare.contains(&"velero".into()) && !bare.contains(&"external-snapshotter".into()));
        assert!(names(&Options { profile: Profile::Node, ..Options::default() }).contains(&"runc".into()));
    }

    #[test]
    fn a_pin_of_nothing_is_refused() {
        let pins = Pins::read().unwrap();
        let chosen = |component: &str, folder: &str| BTreeMap::from([(component.to_owned(), folder.to_owned())]);
        assert!(pins.resolve("nothing", &BTreeMap::new()).is_err());
        assert!(pins.needed(&Options { pins: chosen("velero", "no-such"), ..Options::default() }).is_err());
    }
}

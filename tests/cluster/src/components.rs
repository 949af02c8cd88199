//! Builds pinned components into the cache, each once.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::cache::{self, Cache};
use crate::options::Options;
use crate::pins::{Pin, Pins};

/// Where each component's programs are and at which version.
pub(crate) type Built = BTreeMap<String, (String, PathBuf)>;

/// Builds what is missing for a cluster with these options.
pub(crate) fn ensure_built(cache: &Cache, options: &Options, progress: &mut dyn FnMut(&str)) -> Result<Built> {
    let pins = Pins::read()?.needed(options)?;
    let mut built = Built::new();
    for pin in pins {
        let folder = ensure_one(cache, &pin, progress)?;
        built.insert(pin.component, (pin.version, folder));
    }
    Ok(built)
}

/// The path of a pinned program, built if needed. For tools that no cluster runs, such as krew.
pub fn program(component: &str, program: &str, progress: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    let pin = Pins::read()?.resolve(component, &BTreeMap::new())?;
    let path = ensure_one(&Cache::open()?, &pin, progress)?.join(program);
    ensure!(path.is_file(), "component {component} has no program {program}: see its go.mod's tool lines");
    Ok(path)
}

fn ensure_one(cache: &Cache, pin: &Pin, progress: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    let folder = cache.components().join(pin.cache_name());
    if folder.is_dir() {
        return Ok(folder);
    }
    let _held = cache::lock(&cache.components(), progress)?;
    if folder.is_dir() {
        return Ok(folder);
    }
    let started = Instant::now();
    progress(&format!("building {} {}", pin.component, pin.version));
    // Only a complete folder gets the final name; what a killed build left is taken away here.
    let draft = cache.components().join(format!("draft-{}", pin.cache_name()));
    if draft.exists() {
        fs::remove_dir_all(&draft).with_context(|| format!("removing {}", draft.display()))?;
    }
    fs::create_dir_all(&draft)?;
    build(pin, &draft)?;
    fs::rename(&draft, &folder).with_context(|| format!("naming {}", folder.display()))?;
    progress(&format!("built {} {} in {} s", pin.component, pin.version, started.elapsed().as_secs()));
    Ok(folder)
}

fn build(pin: &Pin, draft: &Path) -> Result<()> {
    let mut go = go(pin);
    go.args(["build", "-mod=readonly", "-trimpath", "-buildvcs=false"]);
    if !pin.recipe.tags.is_empty() {
        go.args(["-tags", &pin.recipe.tags]);
    }
    // The closing slash makes `-o` a folder: all tools are built in one go.
    go.args(["-ldflags", &pin.ldflags(), "-o"]).arg(draft.join("")).arg("tool");
    let log = draft.with_extension("log");
    let file = OpenOptions::new().create(true).write(true).truncate(true).open(&log)?;
    let status = go.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).status().context(NO_GO)?;
    if !status.success() {
        let text = fs::read_to_string(&log).unwrap_or_default();
        let end: Vec<&str> = text.lines().rev().take(15).collect();
        let end: Vec<&str> = end.into_iter().rev().collect();
        bail!("building {} {} failed:\n{}", pin.component, pin.version, end.join("\n"));
    }
    fs::remove_file(&log)?;
    for (from, to) in &pin.recipe.rename {
        fs::rename(draft.join(from), draft.join(to)).with_context(|| format!("renaming {from} to {to}"))?;
    }
    for copy in &pin.recipe.copy {
        copy_folder(&source_folder(pin, &copy.module)?.join(&copy.folder), &draft.join(&copy.to))?;
    }
    Ok(())
}

const NO_GO: &str = "cannot run `go`: install the Go toolchain (https://go.dev/dl) and put it on PATH";

fn go(pin: &Pin) -> Command {
    let mut go = Command::new("go");
    // The pins alone decide: no workspace, no flags from the user's environment.
    go.current_dir(&pin.folder)
        .env("GOWORK", "off")
        .env("GOFLAGS", "")
        .env("CGO_ENABLED", if pin.recipe.cgo { "1" } else { "0" });
    go
}

fn source_folder(pin: &Pin, module: &str) -> Result<PathBuf> {
    let mut download = go(pin);
    let output = download.args(["mod", "download", "-json", module]).output().context(NO_GO)?;
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("go mod download {module}: {}", String::from_utf8_lossy(&output.stderr)))?;
    match answer.get("Dir").and_then(|dir| dir.as_str()) {
        Some(dir) => Ok(dir.into()),
        None => bail!("go mod download {module} names no folder: {answer}"),
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            // Bytes only: the module cache is read-only, its modes must not come along.
            fs::write(to.join(entry.file_name()), fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

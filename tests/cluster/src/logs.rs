//! Which logs a cluster has: of its components, and of the containers of its pods.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::layout::Layout;

/// The logs of a cluster: components by name, containers as `NAMESPACE/POD/CONTAINER`.
pub(crate) fn all(layout: &Layout) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for path in entries(&layout.logs())? {
        if let Some(name) = path.file_stem() {
            found.insert(name.to_string_lossy().into_owned(), path);
        }
    }
    for pod in entries(&layout.pod_logs())? {
        let name = pod.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // NAMESPACE_POD_UID, in which names have no underscore.
        let Some((namespace, pod_name)) = name.rsplit_once('_').and_then(|(names, _)| names.split_once('_')) else {
            continue;
        };
        for container in entries(&pod)? {
            let container_name = container.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // One file per start of the container; the last one counts.
            if let Some(newest) = entries(&container)?.into_iter().max_by_key(|file| start_number(file)) {
                found.insert(format!("{namespace}/{pod_name}/{container_name}"), newest);
            }
        }
    }
    Ok(found)
}

/// The log with that name; a container's name alone is enough when there is one such container.
pub(crate) fn find(logs: &BTreeMap<String, PathBuf>, name: &str) -> Result<PathBuf> {
    if let Some(path) = logs.get(name) {
        return Ok(path.clone());
    }
    let suffix = format!("/{name}");
    let candidates: Vec<_> = logs.iter().filter(|(key, _)| key.ends_with(&suffix)).collect();
    match candidates.as_slice() {
        [(_, path)] => Ok((*path).clone()),
        [] => bail!("there is no log of {name}: `cargo xtask cluster logs` lists them"),
        several => {
            let names: Vec<&str> = several.iter().map(|(key, _)| key.as_str()).collect();
            bail!("several containers are named {name}: {}", names.join(", "))
        }
    }
}

fn start_number(file: &Path) -> u32 {
    file.file_stem().and_then(|stem| stem.to_str()?.parse().ok()).unwrap_or(0)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()
            .with_context(|| format!("reading {}", folder.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("reading {}", folder.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> (tempfile::TempDir, Layout) {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout { root: folder.path().to_owned() };
        for file in [
            layout.log("etcd"),
            layout.pod_logs().join("velero_velero-7f_uid1/velero/0.log"),
            layout.pod_logs().join("velero_velero-7f_uid1/velero/10.log"),
            layout.pod_logs().join("velero_velero-7f_uid1/velero/9.log"),
            layout.pod_logs().join("a_one_uid2/c/0.log"),
            layout.pod_logs().join("b_one_uid3/c/0.log"),
        ] {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        (folder, layout)
    }

    #[test]
    fn components_and_containers_the_last_start_of_each() {
        let (_folder, layout) = cluster();
        let logs = all(&layout).unwrap();
        assert_eq!(logs.keys().collect::<Vec<_>>(), ["a/one/c", "b/one/c", "etcd", "velero/velero-7f/velero"]);
        assert!(logs["velero/velero-7f/velero"].ends_with("10.log"));
    }

    #[test]
    fn a_container_is_found_by_its_name_when_it_is_the_only_one() {
        let (_folder, layout) = cluster();
        let logs = all(&layout).unwrap();
        assert!(find(&logs, "etcd").is_ok() && find(&logs, "velero").is_ok() && find(&logs, "a/one/c").is_ok());
        assert_eq!(find(&logs, "c").unwrap_err().to_string(), "several containers are named c: a/one/c, b/one/c");
        assert!(find(&logs, "nothing").is_err());
    }
}

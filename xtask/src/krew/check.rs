//! The manifest and the archive in the hands of real krew and real kubectl.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail, ensure};

use crate::compile;

const INDEX: &str = "local";

/// Validates the index's manifest, installs the plugin from it, runs it through kubectl and removes it again.
/// Everything krew and kubectl write goes below `home`.
pub fn install_and_run(index: &Path, home: &Path) -> Result<()> {
    let machine = Machine::prepare(home)?;
    let manifest = index.join("plugins/backup.yaml");
    machine.run("validate-krew-manifest", [OsString::from("-skip-install"), "-manifest".into(), manifest.into()])?;
    eprintln!("validate-krew-manifest: the manifest is valid");
    machine.commit(index)?;
    machine.run("kubectl", ["krew", "index", "add", INDEX].map(OsString::from).into_iter().chain([index.into()]))?;
    machine.run("kubectl", ["krew", "install", &format!("{INDEX}/backup")])?;
    eprintln!("krew: installed");

    let version = machine.run("kubectl", ["backup", "version", "--client"])?;
    ensure!(
        version.contains(compile::VERSION),
        "`kubectl backup version --client` does not say {}, but:\n{version}",
        compile::VERSION
    );
    eprintln!("kubectl backup version --client: {}", version.trim());
    let plugins = machine.run("kubectl", ["plugin", "list"])?;
    ensure!(
        plugins.contains("kubectl-backup") && !plugins.contains("warning"),
        "`kubectl plugin list` is not content with the plugin:\n{plugins}"
    );
    let installed = machine.root.join("store/backup").join(format!("v{}", compile::VERSION));
    ensure!(installed.join("LICENSE").is_file(), "krew did not unpack the licence to {}", installed.display());

    machine.run("kubectl", ["krew", "uninstall", "backup"])?;
    for left in [machine.root.join("bin/kubectl-backup"), installed] {
        ensure!(left.symlink_metadata().is_err(), "krew left {} behind", left.display());
    }
    eprintln!("krew: uninstalled, nothing left");
    Ok(())
}

/// The programs and the environment of a user who has kubectl and krew, and nothing of this machine's user.
struct Machine {
    home: PathBuf,
    root: PathBuf,
    path: OsString,
}

impl Machine {
    fn prepare(home: &Path) -> Result<Self> {
        let programs = home.join("programs");
        fs::create_dir_all(&programs).with_context(|| format!("make the folder {}", programs.display()))?;
        // kubectl finds krew by the name of a plugin.
        for (component, program, name) in [
            ("kubernetes", "kubectl", "kubectl"),
            ("krew", "krew", "kubectl-krew"),
            ("krew", "validate-krew-manifest", "validate-krew-manifest"),
        ] {
            let built = test_cluster::program(component, program, &mut |line| eprintln!("{line}"))?;
            symlink(built, programs.join(name)).with_context(|| format!("link {name} into {}", programs.display()))?;
        }
        let root = home.join("krew");
        let system = ["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from);
        let path = std::env::join_paths([root.join("bin"), programs].into_iter().chain(system))?;
        Ok(Self { home: home.to_owned(), root, path })
    }

    /// Makes the folder a git repository: krew clones an index.
    fn commit(&self, index: &Path) -> Result<()> {
        let folder = [OsString::from("-C"), index.into()];
        let git = |arguments: &[&str]| {
            let arguments = folder.iter().cloned().chain(arguments.iter().map(OsString::from));
            self.run("git", arguments).context("git is needed; as root: apt-get install git")
        };
        git(&["init", "--quiet"])?;
        git(&["add", "plugins"])?;
        let user = ["-c", "user.name=check", "-c", "user.email=check@localhost"];
        git(&[&user[..], &["commit", "--quiet", "--message", "Index"]].concat())?;
        Ok(())
    }

    /// Runs a program and gives its standard output; a failure shows all that it said.
    fn run<A: Into<OsString>>(&self, program: &str, arguments: impl IntoIterator<Item = A>) -> Result<String> {
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        let shown = arguments.iter().fold(program.to_owned(), |line, word| format!("{line} {}", word.display()));
        let Output { status, stdout, stderr } = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", &self.home)
            .env("KREW_ROOT", &self.root)
            .env("KREW_NO_UPGRADE_CHECK", "1")
            // krew falls back to its public index, and git to a password prompt; neither may happen here.
            .env("KREW_DEFAULT_INDEX_URI", self.home.join("no-public-index"))
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .current_dir(&self.home)
            .output()
            .with_context(|| format!("run {program}"))?;
        let stdout = String::from_utf8_lossy(&stdout).into_owned();
        if !status.success() {
            bail!("`{shown}` failed ({status}):\n{stdout}{}", String::from_utf8_lossy(&stderr));
        }
        Ok(stdout)
    }
}

#[cfg(test)]
mod tests {
    use super::Machine;

    #[test]
    fn a_failing_program_shows_its_command_and_words() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_owned();
        let machine = Machine { root: home.join("krew"), home, path: "/usr/bin:/bin".into() };
        let error = machine.run("sh", ["-c", "echo out; echo why >&2; exit 3"]).unwrap_err().to_string();
        assert!(error.contains("sh -c") && error.contains("exit status: 3"), "{error}");
        assert!(error.ends_with("out\nwhy\n"), "{error}");
    }

    #[test]
    fn nothing_of_the_users_environment_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_owned();
        let machine = Machine { root: home.join("krew"), home: home.clone(), path: "/usr/bin:/bin".into() };
        let seen = machine.run("env", [] as [&str; 0]).unwrap();
        assert!(seen.contains(&format!("HOME={}\n", home.display())), "{seen}");
        assert!(!seen.contains("CARGO"), "{seen}");
    }
}

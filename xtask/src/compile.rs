//! Compiles one of the workspace's programs and says where it is.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The version of the workspace.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
const STATIC_TARGET: &str = "x86_64-unknown-linux-gnu";

/// The folder of the checkout.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// A cargo that sees the environment as the user has it.
///
/// `cargo run` describes this package to it in variables; to a build script that watches one of them (ring's does), an
/// inherited value would be a reason to compile everything above it anew.
pub fn cargo() -> Command {
    let mut cargo = Command::new("cargo");
    for (name, _) in std::env::vars_os() {
        let described = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "OUT_DIR"
        });
        if described {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// What to compile.
pub struct Program<'a> {
    /// The package, which has one program of the same name.
    pub package: &'a str,
    /// The cargo profile.
    pub profile: &'a str,
    /// A target folder of its own, when the flags differ from the ones of everyday builds.
    pub target_dir: Option<&'a Path>,
    /// Links the C library in, so that the program needs no other file.
    pub linked_statically: bool,
}

impl Program<'_> {
    /// Compiles and gives the path of the program.
    pub fn compile(&self) -> Result<PathBuf> {
        let mut cargo = cargo();
        eprintln!("compiling {} (profile {})", self.package, self.profile);
        cargo.args(["build", "--package", self.package, "--profile", self.profile]);
        // On a terminal cargo draws how far it is; elsewhere its lines would bury ours.
        if !std::io::stderr().is_terminal() {
            cargo.arg("--quiet");
        }
        cargo.arg("--message-format=json-render-diagnostics").current_dir(root());
        if let Some(folder) = self.target_dir {
            cargo.arg("--target-dir").arg(folder);
        }
        if self.linked_statically {
            // With `--target`, the flags do not reach build scripts and procedural macros, which cannot be static.
            cargo.args(["--target", STATIC_TARGET]).env("RUSTFLAGS", "-C target-feature=+crt-static");
            cargo.env_remove("CARGO_ENCODED_RUSTFLAGS");
        }
        let output = cargo.stderr(Stdio::inherit()).output().context("run cargo; is it on PATH?")?;
        if !output.status.success() {
            bail!("cargo could not build {} ({}); its messages are above", self.package, output.status);
        }
        executable(&output.stdout, self.package)
            .with_context(|| format!("cargo built {} but named no program of that name", self.package))
    }
}

#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Finds the program in what cargo says, one JSON object a line.
fn executable(messages: &[u8], name: &str) -> Option<PathBuf> {
    serde_json::Deserializer::from_slice(messages)
        .into_iter::<Message>()
        .filter_map(Result::ok)
        // A library may have the same name, and is no program.
        .filter(|message| message.target.as_ref().is_some_and(|target| target.name == name))
        .find_map(|message| message.executable)
}

#[cfg(test)]
mod tests {
    use super::executable;

    #[test]
    fn the_program_is_found_among_other_artifacts() {
        let messages = br#"{"reason":"compiler-artifact","target":{"name":"lib"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"app"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"app"},"executable":"/t/app"}
{"reason":"build-finished","success":true}
"#;
        assert_eq!(executable(messages, "app"), Some("/t/app".into()));
        assert_eq!(executable(messages, "other"), None);
    }
}

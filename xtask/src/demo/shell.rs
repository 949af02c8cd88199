//! Types commands as a user does, and shows what they print.

use std::{
    fs,
    io::IsTerminal as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use test_cluster::Cluster;

const BOLD: &str = "1";
const GREEN: &str = "32";

/// A shell that talks to the demo's cluster.
pub struct Shell {
    env: Vec<(String, String)>,
    /// Where manifests are kept, so that they can be looked at afterwards.
    manifests: PathBuf,
    color: bool,
}

impl Shell {
    pub fn new(cluster: &Cluster) -> Result<Self> {
        let manifests = cluster.state_dir().join("demo");
        fs::create_dir_all(&manifests).with_context(|| format!("making the folder {}", manifests.display()))?;
        Ok(Self { env: cluster.env(), manifests, color: std::io::stdout().is_terminal() })
    }

    /// A heading, and what it is about.
    pub fn step(&self, title: &str) {
        println!("\n{}", self.paint(&format!("── {title}"), BOLD));
    }

    /// Words between commands.
    pub fn remark(&self, text: &str) {
        println!("{}", self.paint(text, BOLD));
    }

    /// Types a command that must succeed; it writes to the terminal itself.
    pub fn run(&self, line: &str) -> Result<()> {
        self.type_out(line);
        let status = self.command(line).status().with_context(|| format!("run {line}"))?;
        ensure!(status.success(), "`{line}` ended with {status}");
        Ok(())
    }

    /// Types a command that must be refused, and returns what it says.
    pub fn refused(&self, line: &str) -> Result<String> {
        self.type_out(line);
        let output = self.command(line).output().with_context(|| format!("run {line}"))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        print!("{}{said}", String::from_utf8_lossy(&output.stdout));
        if output.status.success() {
            bail!("`{line}` should have been refused");
        }
        self.remark("refused, as it should be");
        Ok(said)
    }

    /// Types a command that must succeed, and returns what it prints.
    pub fn read(&self, line: &str) -> Result<String> {
        self.type_out(line);
        let output = self.command(line).stderr(Stdio::inherit()).output().with_context(|| format!("run {line}"))?;
        ensure!(output.status.success(), "`{line}` ended with {}", output.status);
        let printed = String::from_utf8(output.stdout)?;
        print!("{printed}");
        Ok(printed.trim().to_owned())
    }

    /// Types a command that applies manifests.
    pub fn apply(&self, name: &str, manifests: &str) -> Result<()> {
        self.run(&self.apply_line(name, manifests)?)
    }

    /// The command that applies manifests, which are kept in a file of that name.
    pub fn apply_line(&self, name: &str, manifests: &str) -> Result<String> {
        let file = self.manifests.join(name);
        fs::write(&file, manifests).with_context(|| format!("writing {}", file.display()))?;
        Ok(format!("kubectl apply -f {}", file.display()))
    }

    fn type_out(&self, line: &str) {
        println!("{}", self.paint(&format!("$ {line}"), GREEN));
    }

    /// Colours are for terminals; a file shall have the text alone.
    fn paint(&self, text: &str, style: &str) -> String {
        if self.color { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]).envs(self.env.iter().cloned());
        command
    }
}

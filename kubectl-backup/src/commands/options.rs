//! `kubectl backup options`

use clap::Args as _;

use crate::{args::ConnectionArgs, context::Context, error::Result, exit::Exit};

/// List the flags that all commands take
#[derive(Debug, clap::Args)]
pub struct Args {}

impl Args {
    /// Runs the command.
    pub fn run(self, context: &Context) -> Result<Exit> {
        context.ui.data(&text())?;
        Ok(Exit::Done)
    }
}

/// The flags, those that the other helps leave out as well.
fn text() -> String {
    let command = ConnectionArgs::augment_args(clap::Command::new("options"))
        .mut_args(|arg| arg.hide(false))
        .disable_help_flag(true)
        .help_template("The following flags can be passed to any command:\n\n{all-args}");
    command.clone().max_term_width(100).render_help().to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn hidden_flags_are_listed_too() {
        let text = super::text();
        for flag in ["--namespace", "--as-group", "--tls-server-name", "--velero-namespace"] {
            assert!(text.contains(flag), "{flag} is missing:\n{text}");
        }
    }
}

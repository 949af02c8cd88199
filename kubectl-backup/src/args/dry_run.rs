//! `--dry-run`, as kubectl has it.

/// What is really done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum DryRun {
    /// Everything.
    #[default]
    None,
    /// Nothing is sent; what would be sent is shown.
    Client,
    /// The server checks and admits, and keeps nothing.
    Server,
}

/// The flag.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct DryRunArgs {
    /// Must be "none", "client", or "server". With client, which it means alone, only print what would be sent; with
    /// server, send it without keeping it
    #[arg(
        long,
        value_enum,
        default_value_t,
        // As kubectl reads it: alone it takes nothing of what follows.
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "client",
        hide_possible_values = true,
        value_name = "STRATEGY"
    )]
    pub dry_run: DryRun,
}

impl DryRun {
    /// The words that kubectl appends to `TYPE/NAME created`.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Client => " (dry run)",
            Self::Server => " (server dry run)",
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flag: DryRunArgs,
        names: Vec<String>,
    }

    #[test]
    fn it_is_read_as_kubectl_reads_it() {
        let read =
            |args: &[&str]| Line::try_parse_from([&["x"], args].concat()).map(|line| (line.flag.dry_run, line.names));
        assert_eq!(read(&[]).unwrap(), (DryRun::None, vec![]));
        assert_eq!(read(&["--dry-run"]).unwrap(), (DryRun::Client, vec![]));
        assert_eq!(read(&["--dry-run=server", "server"]).unwrap(), (DryRun::Server, vec!["server".to_owned()]));
        assert_eq!(read(&["--dry-run", "server"]).unwrap(), (DryRun::Client, vec!["server".to_owned()]));
        assert!(read(&["--dry-run=unknown"]).is_err());
    }
}

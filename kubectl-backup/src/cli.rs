//! From the command line to a command, and from its result to an exit code.

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use crate::{
    apply::unanswered::Run,
    args::ConnectionArgs,
    at_end::AtEnd,
    commands,
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    output::Ui,
};

/// Hot and cold backups of applications on Kubernetes
///
/// Hot backups are CSI volume snapshots: taken, restored and cloned in seconds, inside the cluster. Cold backups are
/// Velero's: objects and volumes, kept in a storage location outside the cluster.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-backup",
    bin_name = "kubectl backup",
    version,
    disable_version_flag = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "Use \"kubectl backup options\" for more flags that all commands take."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    connection: ConnectionArgs,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t, hide = true)]
    color: Color,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    Create(commands::backup::create::Args),
    #[command(alias = "get")]
    List(commands::backup::list::Args),
    Describe(commands::backup::describe::Args),
    Delete(commands::backup::delete::Args),
    Restore(commands::restore::Args),
    Explain(commands::explain::Args),
    Lint(commands::lint::Args),
    Policy(commands::policy::Args),
    Quota(commands::quota::Args),
    Snapshot(commands::snapshot::Args),
    Clone(commands::clone::Args),
    Options(commands::options::Args),
    /// Show the version of the plugin, of Kubernetes and of Velero
    Version(commands::version::Args),
}

/// Runs the program.
pub fn run() -> ExitCode {
    // kube and our own requests share one TLS provider; a second one in the tree would make the choice ambiguous.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (cli, shorthand) = match parse(std::env::args_os().collect()) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help is no error: it goes to stdout and ends with 0.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let ui = Ui::terminal(use_color(cli.color, &std::io::stderr()), use_color(cli.color, &std::io::stdout()));
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            ui.error(&CliError::new(format!("failed to start: {error}")));
            return Exit::Error.into();
        }
    };
    let at_end = AtEnd::default();
    let on_interruption = AtEnd::default();
    let context = Context {
        ui: ui.clone(),
        connection: cli.connection,
        at_end: at_end.clone(),
        on_interruption: on_interruption.clone(),
        run: Run::random(),
    };
    let result = runtime.block_on(async {
        let ended = tokio::select! {
            result = dispatch(cli.command, &context) => Some(result),
            () = interruption() => None,
        };
        finish(&ui, &at_end).await;
        match ended {
            Some(result) => result,
            None => {
                finish(&ui, &on_interruption).await;
                Err(interrupted(&ui))
            }
        }
    });
    // What still reads the standard input, or a pipe, is left behind.
    runtime.shutdown_background();
    match result {
        Ok(exit) => exit.into(),
        Err(mut error) => {
            // A verb that is none was taken for a name.
            error.hints.extend(shorthand.filter(|_| error.is_not_found() || error.exit == Exit::Usage));
            ui.error(&error);
            error.exit.into()
        }
    }
}

async fn dispatch(command: Command, context: &Context) -> Result<Exit> {
    match command {
        Command::Create(args) => args.run(context).await,
        Command::List(args) => args.run(context).await,
        Command::Describe(args) => args.run(context).await,
        Command::Delete(args) => args.run(context).await,
        Command::Restore(args) => args.run(context).await,
        Command::Explain(args) => args.run(context),
        Command::Policy(args) => args.run(context).await,
        Command::Lint(args) => args.run(context).await,
        Command::Quota(args) => args.run(context).await,
        Command::Snapshot(args) => args.run(context).await,
        Command::Clone(args) => args.run(context).await,
        Command::Options(args) => args.run(context),
        Command::Version(args) => args.run(context).await,
    }
}

/// Does what must be done however the command ended. Only a second interruption ends it before its end.
async fn finish(ui: &Ui, at_end: &AtEnd) {
    if at_end.is_due() {
        tokio::select! {
            _ = at_end.run() => {}
            () = interruption() => ui.warning("interrupted again: what was to be done at the end is not done"),
        }
    }
}

/// Waits until the user interrupts, the terminal goes away, or the system asks to end.
async fn interruption() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let signals = (signal(SignalKind::terminate()), signal(SignalKind::hangup()));
        if let (Ok(mut terminate), Ok(mut hangup)) = signals {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

fn interrupted(ui: &Ui) -> CliError {
    let error = CliError::new("interrupted").exit(Exit::Interrupted);
    match ui.interrupted() {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// Parses the command line. A noun followed by something that is none of its verbs is the shorthand for its `create`:
/// `snapshot PVC`, `restore BACKUP`. For that case the words that say so come with it.
fn parse(argv: Vec<OsString>) -> Result<(Cli, Option<String>), clap::Error> {
    let matches = Cli::command().try_get_matches_from(&argv)?;
    if let Some((noun_name, noun)) = matches.subcommand()
        && let Some((first, rest)) = noun.subcommand()
        && !Cli::command()
            .get_subcommands()
            .flat_map(clap::Command::get_subcommands)
            .any(|verb| verb.get_name() == first || verb.get_all_aliases().any(|alias| alias == first))
    {
        let after = rest.get_many::<OsString>("").map_or(0, Iterator::count);
        let mut longhand = argv;
        longhand.insert(longhand.len() - after - 1, "create".into());
        let mut matches = Cli::command().try_get_matches_from(longhand)?;
        let hint = shorthand(noun_name, first);
        return Cli::from_arg_matches_mut(&mut matches).map(|cli| (cli, hint));
    }
    Cli::from_arg_matches(&matches).map(|cli| (cli, None))
}

/// Says what a shorthand was taken for, and what else could have been meant.
fn shorthand(noun: &str, first: &str) -> Option<String> {
    let command = Cli::command();
    let verbs: Vec<&str> = command.find_subcommand(noun)?.get_subcommands().map(clap::Command::get_name).collect();
    Some(format!(
        "`{noun} {first}` was taken for `{noun} create {first}`; the verbs of {noun} are: {}",
        verbs.join(", ")
    ))
}

#[allow(clippy::disallowed_methods, reason = "the edge where the plugin reads the environment")]
fn use_color(color: Color, stream: &impl std::io::IsTerminal) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
            let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
            stream.is_terminal() && !set("NO_COLOR") && !dumb
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// The words of a line as a shell reads them: quotes keep blanks.
    fn words(line: &str) -> Vec<OsString> {
        let mut words = vec![String::new()];
        let mut quoted = false;
        for c in line.chars() {
            match (c, words.last_mut()) {
                ('\'', _) => quoted = !quoted,
                (' ', _) if !quoted => words.push(String::new()),
                (c, Some(word)) => word.push(c),
                _ => {}
            }
        }
        words.into_iter().map(Into::into).collect()
    }

    fn examples(command: &clap::Command) -> Vec<String> {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let own = help.lines().filter(|line| line.contains("kubectl backup ") && line.starts_with(' '));
        let parts = own.flat_map(|line| line.split(" | ")).map(str::trim);
        let ours = parts.filter(|part| part.starts_with("kubectl backup ")).map(str::to_owned);
        ours.chain(command.get_subcommands().flat_map(examples)).collect()
    }

    #[test]
    fn every_example_in_a_help_is_a_command_line() {
        let examples = examples(&Cli::command());
        assert!(examples.len() > 40, "{}", examples.len());
        for example in examples {
            let line = example.replacen("kubectl backup", "kubectl-backup", 1);
            if let Err(error) = parse(words(&line)) {
                panic!("{example}\n{error}");
            }
        }
    }

    #[test]
    fn every_command_that_does_something_has_an_example() {
        fn without(command: &clap::Command) -> Vec<String> {
            let below: Vec<_> = command.get_subcommands().collect();
            if below.is_empty() && examples(command).is_empty() {
                return vec![command.get_name().to_owned()];
            }
            below.into_iter().flat_map(without).collect()
        }
        assert_eq!(without(&Cli::command()), ["grant", "options"]);
    }

    #[test]
    fn a_shorthand_says_what_it_was_taken_for() {
        let argv = |line: &str| line.split(' ').map(Into::into).collect();
        let (_, hint) = parse(argv("kubectl-backup snapshot ls")).unwrap();
        let hint = hint.unwrap();
        assert!(
            hint.starts_with("`snapshot ls` was taken for `snapshot create ls`; the verbs of snapshot are: create, "),
            "{hint}"
        );
        for line in ["snapshot list", "snapshot get web-1", "restore get", "get nightly"] {
            assert_eq!(parse(argv(&format!("kubectl-backup {line}"))).unwrap().1, None, "{line}");
        }
    }
}

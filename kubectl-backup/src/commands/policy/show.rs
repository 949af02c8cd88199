//! `kubectl backup policy show`

use std::{fs::File, path::PathBuf};

use backup_policy::{Config, settings, vap};
use clap::ValueEnum;
use serde_json::{Value, json};

use crate::{
    args::{OutputArgs, OutputFormat},
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts::{self, policy::policy_in_force},
    lint::input::bounded,
    output::print_object,
    plan::effective::{self, Given, Standing, in_force},
};

/// Shown below the help.
const EXAMPLES: &str = "Examples:
  kubectl backup policy show
  kubectl backup policy show --format vap --filename policy.yaml | kubectl apply -f -";

/// Show what holds in the cluster, and why
///
/// Every value with its source: the BackupPolicy, a flag of the webhook, or built-in. With --format vap it prints
/// ValidatingAdmissionPolicies and their bindings: with these the API server checks pods and workload templates by itself,
/// without a webhook. Severities and exemptions are those of the cluster's BackupPolicy, of a
/// file, or the built-in ones. Rules that need to know more than the object are left out and named.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What to print
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "effective")]
    format: Format,
    /// Read the BackupPolicy from this file (- for the standard input), and ask no cluster
    #[arg(short, long, value_name = "FILE", conflicts_with = "built_in")]
    filename: Option<PathBuf>,
    /// Use the built-in policy, and ask no cluster
    #[arg(long)]
    built_in: bool,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Every value in force, with its source
    Effective,
    /// ValidatingAdmissionPolicies of the API server
    Vap,
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        if self.format == Format::Effective {
            return self.show_effective(context).await;
        }
        self.show(context, &vap::objects(&self.config(context).await?))?;
        for (rule, why) in vap::left_out().into_iter().filter(|(rule, _)| rule.code.starts_with("BKP1")) {
            context.ui.status(&format!("{} is left out: {why}", rule.code));
        }
        Ok(Exit::Done)
    }

    async fn show_effective(&self, context: &Context) -> Result<Exit> {
        let mut nobody = None;
        let found = match self.written().await? {
            Some((policy, _)) => in_force(&Given { policy: Standing::Found(policy), flags: Some(Vec::new()) }),
            None if self.built_in => in_force(&Given { policy: Standing::Found(json!({})), flags: Some(Vec::new()) }),
            None => {
                let cluster = context.cluster().await?;
                nobody = facts::quota::nobody_answers(&cluster).await?;
                policy_in_force(&cluster).await?
            }
        };
        let ui = &context.ui;
        found.doubts.iter().chain(&nobody).for_each(|doubt| ui.warning(doubt));
        match self.output.format() {
            format @ (OutputFormat::Json | OutputFormat::Yaml | OutputFormat::Template(_)) => {
                print_object(ui, format, &effective::to_json(&found))?;
            }
            format => {
                ui.data(&effective::table(&found.settings).fitting(ui.columns()).render(format == OutputFormat::Wide))?;
                for remark in &found.remarks {
                    ui.status(remark);
                }
            }
        }
        Ok(Exit::Done)
    }

    /// The policy of a file, and the file's name.
    async fn written(&self) -> Result<Option<(Value, String)>> {
        let Some(file) = self.filename.clone() else { return Ok(None) };
        let name = file.display().to_string();
        let failed =
            |error: &dyn std::fmt::Display| CliError::new(format!("failed to read {}: {error}", file.display()));
        let (of, called) = (file.clone(), name.clone());
        // Beside the runtime: a pipe may never end, and Ctrl-C must end the wait for it.
        let reading = tokio::task::spawn_blocking(move || {
            if called == "-" {
                return bounded(std::io::stdin(), "the standard input");
            }
            let open = File::open(&of).map_err(|error| CliError::new(format!("failed to read {called}: {error}")))?;
            bounded(open, &called)
        });
        let bytes = reading.await.map_err(|error| failed(&error))??;
        let policy: Value = serde_saphyr::from_slice(&bytes)
            .map_err(|error| CliError::new(format!("{name} is no BackupPolicy: {error}")))?;
        is_policy(&policy, &name)?;
        Ok(Some((policy, name)))
    }

    fn show(&self, context: &Context, objects: &[Value]) -> Result<()> {
        let ui = &context.ui;
        match self.output.format() {
            format @ (OutputFormat::Json | OutputFormat::Template(_)) => {
                print_object(ui, format, &json!({"apiVersion": "v1", "kind": "List", "items": objects}))
            }
            OutputFormat::Name => {
                let text = |object: &Value, pointer: &str| {
                    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
                };
                let line = |object: &Value| {
                    let kind = text(object, "/kind").to_lowercase();
                    format!("{kind}.admissionregistration.k8s.io/{}\n", text(object, "/metadata/name"))
                };
                ui.data(&objects.iter().map(line).collect::<String>())
            }
            // Nothing but the objects is worth a table, and kubectl apply reads this.
            OutputFormat::Yaml | OutputFormat::Table | OutputFormat::Wide => objects.iter().try_for_each(|object| {
                ui.data("---\n")?;
                print_object(ui, OutputFormat::Yaml, object)
            }),
        }
    }

    async fn config(&self, context: &Context) -> Result<Config> {
        let built_in = Config::default();
        let (policy, place) = if self.built_in {
            return Ok(built_in);
        } else if let Some(written) = self.written().await? {
            written
        } else {
            return self.of_cluster(context).await;
        };
        is_policy(&policy, &place)?;
        let reading = settings::read(&built_in, policy.get("spec").unwrap_or(&json!({})));
        let mistakes: Vec<_> = reading.mistakes().map(ToString::to_string).collect();
        reading.config.ok_or_else(|| CliError::new(format!("{place} cannot be used: {}", mistakes.join("; "))))
    }

    /// What is in force: others than the webhook would judge by are of no use.
    async fn of_cluster(&self, context: &Context) -> Result<Config> {
        let found = policy_in_force(&context.cluster().await?).await?;
        if let Some(doubt) = found.doubts.into_iter().next() {
            return Err(CliError::new(doubt).hint("See the built-in policy with --built-in."));
        }
        found.remarks.iter().for_each(|remark| context.ui.status(remark));
        Ok(found.config)
    }
}

fn is_policy(object: &Value, place: &str) -> Result<()> {
    if object.get("kind").and_then(Value::as_str) == Some("BackupPolicy") {
        return Ok(());
    }
    Err(CliError::new(format!("{place} is no BackupPolicy")))
}

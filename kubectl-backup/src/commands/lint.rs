//! `kubectl backup lint`

use std::{path::PathBuf, str::FromStr};

use backup_policy::{Config, Facts, Severity};
use clap::ValueEnum;

use crate::{
    args::{DryRun, DryRunArgs, OutputFormat},
    client::Cluster,
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts::rules::{Listed, RuleFacts, nothing_listed},
    lint::{
        check, fix,
        input::Input,
        json, kustomize, live,
        report::Report,
        sarif,
        source::Source,
        summary::{self, Asked},
        text, write,
    },
    output::{print_object, visible},
};

/// Shown below the help.
const EXAMPLES: &str = "Examples:
  kubectl backup lint -f manifests/ -R
  helm template shop ./chart | kubectl backup lint -f -
  kubectl backup lint -A";

/// Check manifests by the rules of the admission webhook, without a cluster
///
/// Says everything that the webhook would say, with file, line and column. Reads what kubectl reads: YAML and JSON,
/// several documents, lists, what Helm and kustomize print. Rules that need to know the cluster are named as not
/// evaluated. Ends with 3 when something was found that weighs as much as --fail-on.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A manifest, a folder of manifests, or - for the standard input; may be repeated
    #[arg(short, long, value_name = "FILE|DIR|-")]
    filename: Vec<PathBuf>,
    /// Read folders within folders too
    #[arg(short = 'R', long, requires = "filename")]
    recursive: bool,
    /// A folder with a kustomization.yaml, built by kubectl kustomize
    #[arg(short, long, value_name = "DIR")]
    kustomize: Option<PathBuf>,
    /// Ask the cluster for what rules need to know: volumes, classes, locations, backups, the BackupPolicy
    #[arg(long)]
    live: bool,
    /// Look at what lives in the cluster, in all namespaces; with -n in one of them
    #[arg(short = 'A', long, conflicts_with_all = ["filename", "kustomize", "fix"])]
    all_namespaces: bool,
    /// The lightest findings to show
    #[arg(long, value_enum, default_value_t = Weight::Audit, value_name = "SEVERITY")]
    severity: Weight,
    /// The lightest findings that make the command end with 3
    #[arg(long, value_enum, default_value_t = Weight::Deny, value_name = "SEVERITY")]
    fail_on: Weight,
    /// Put right what has one right answer; comments and the rest of the text stay as they are
    #[arg(long)]
    fix: bool,
    #[command(flatten)]
    dry_run: DryRunArgs,
    /// Output format. One of: (json, yaml, sarif, name, wide, jsonpath, jsonpath-as-json, jsonpath-file, custom-columns,
    /// custom-columns-file)
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Format>,
}

/// A severity on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Weight {
    /// What is only noted
    Audit,
    /// What authors are warned of
    Warn,
    /// What is refused
    Deny,
}

impl From<Weight> for Severity {
    fn from(weight: Weight) -> Self {
        match weight {
            Weight::Audit => Self::Audit,
            Weight::Warn => Self::Warn,
            Weight::Deny => Self::Deny,
        }
    }
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Format {
    Plain(OutputFormat),
    Sarif,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "sarif" {
            return Ok(Self::Sarif);
        }
        text.parse().map(Self::Plain).map_err(|error: String| error.replace("name,wide", "name,sarif,wide"))
    }
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        let of_cluster = self.filename.is_empty() && self.kustomize.is_none();
        self.check_usage(context, of_cluster)?;
        let mut report = Report::default();
        if of_cluster {
            let cluster = context.cluster().await?;
            self.lint_cluster(context, &cluster, &mut report).await?;
        } else if self.live {
            let cluster = context.cluster().await?;
            let mut asked = RuleFacts::new(&cluster, context.now());
            let (config, remark) = asked.config().await?;
            remark.iter().for_each(|remark| context.ui.warning(remark));
            for source in self.read().await? {
                self.lint(context, &config, &mut report, source, Some(&mut asked)).await?;
            }
        } else {
            for source in self.read().await? {
                self.lint(context, &Config::default(), &mut report, source, None).await?;
            }
        }
        if report.is_empty() && !of_cluster {
            return Err(CliError::new("there is no object in what was read, so that nothing was looked at").hint(
                "Does the program that makes the manifests print them? kubectl apply refuses such input as well.",
            ));
        }
        report.keep(self.severity.into());
        self.show(context, &report, of_cluster || self.live)?;
        Ok(if report.has(self.fail_on.into()) { Exit::Findings } else { Exit::Done })
    }

    /// Judges what lives in the cluster.
    async fn lint_cluster(&self, context: &Context, cluster: &Cluster, report: &mut Report) -> Result<()> {
        let mut asked = RuleFacts::new(cluster, context.now());
        let (config, remark) = asked.config().await?;
        remark.iter().for_each(|remark| context.ui.warning(remark));
        let namespace = (!self.all_namespaces).then_some(cluster.namespace.as_str());
        let (mut listed, mut forbidden, mut not_served) = (false, Vec::new(), Vec::new());
        for (path, version, kind) in live::collections(namespace) {
            let plural = path.rsplit('/').next().unwrap_or_default().to_owned();
            let items = match asked.listed(path).await? {
                Listed::Items(items) => items,
                Listed::Forbidden => {
                    forbidden.push(plural);
                    continue;
                }
                Listed::NotServed => {
                    not_served.push(plural);
                    continue;
                }
            };
            listed = true;
            for object in items.into_iter().filter_map(|item| live::object(item, version, kind)) {
                // Who wrote it is not known any more.
                let facts = asked.about(&object.value, None).await?;
                check::judge(report, &config, &facts, &object);
            }
        }
        if !listed {
            return Err(nothing_listed(namespace));
        }
        if !forbidden.is_empty() {
            context.ui.warning(&format!("not looked at, because you may not list them: {}", forbidden.join(", ")));
        }
        if !not_served.is_empty() {
            context.ui.status(&format!("Not in this cluster: {}.", not_served.join(", ")));
        }
        Ok(())
    }

    fn check_usage(&self, context: &Context, of_cluster: bool) -> Result<()> {
        if of_cluster && !self.all_namespaces && !self.live && context.connection.namespace.is_none() {
            return Err(CliError::usage("lint what? Name manifests with -f, or a kustomization with -k")
                .hint("What lives in the cluster is looked at with -A, or in one namespace with -n."));
        }
        if of_cluster && self.fix {
            return Err(CliError::usage("--fix changes manifests: name them with -f"));
        }
        if of_cluster && self.output == Some(Format::Sarif) {
            return Err(CliError::usage("SARIF leads to files, and what lives in the cluster has none: use -o json"));
        }
        if self.dry_run.dry_run != DryRun::None && !self.fix {
            return Err(CliError::usage("--dry-run is about what --fix would write: give both"));
        }
        if self.dry_run.dry_run == DryRun::Server {
            return Err(CliError::usage("--dry-run=server sends nothing here: lint writes no objects"));
        }
        let writes = self.fix && self.dry_run.dry_run == DryRun::None;
        if writes && (self.kustomize.is_some() || self.filename.iter().any(|name| name.as_os_str() == "-")) {
            return Err(CliError::usage("what comes from the standard input or from kustomize cannot be written back")
                .hint("See the changes with --fix --dry-run=client, and make them where the manifests are made."));
        }
        Ok(())
    }

    async fn lint(
        &self,
        context: &Context,
        config: &Config,
        report: &mut Report,
        source: Source,
        mut asked: Option<&mut RuleFacts<'_>>,
    ) -> Result<()> {
        // Between texts, an interruption is heard.
        tokio::task::yield_now().await;
        let objects = check::read(&mut Report::default(), source.again());
        let mut facts = Vec::with_capacity(objects.len());
        for object in &objects {
            // Nobody can know who will apply the manifest: an account that no exemption is for.
            facts.push(match asked.as_deref_mut() {
                Some(asked) => asked.about(&object.value, Some(false)).await?,
                None => Facts { now: Some(context.now()), requester_exempt: Some(false), ..Facts::default() },
            });
        }
        let source = if self.fix { self.fix(context, config, &facts, source)? } else { source };
        for (object, facts) in check::read(report, source).iter().zip(&facts) {
            check::judge(report, config, facts, object);
        }
        Ok(())
    }

    /// Puts a text right, or shows how; what is left to say is said of the text that is there afterwards.
    fn fix(&self, context: &Context, config: &Config, facts: &[Facts], source: Source) -> Result<Source> {
        let fixed = fix::fix(&source, config, facts);
        if fixed.done.is_empty() {
            return Ok(source);
        }
        let name = source.name.clone();
        if self.dry_run.dry_run == DryRun::Client {
            context.ui.data(&visible(&write::diff(&source, &fixed.text)))?;
            context.ui.status(&format!("{name}: {} would be put right (dry run)", fixed.done.join(", ")));
            return Ok(source);
        }
        let Some(file) = source.file.clone() else {
            context.ui.warning(&format!("{name} is no text in UTF-8, so that it is not written back"));
            return Ok(source);
        };
        write::replace(&file, &source.text, &fixed.text)?;
        context.ui.status(&format!("{name}: put right {}", fixed.done.join(", ")));
        Ok(source.with_text(fixed.text))
    }

    async fn read(&self) -> Result<Vec<Source>> {
        let (names, recursive) = (self.filename.clone(), self.recursive);
        // Beside the runtime: a pipe may never end, and Ctrl-C must end the wait for it.
        let reading = tokio::task::spawn_blocking(move || {
            let mut input = Input::default();
            names.iter().try_for_each(|name| input.add(name, recursive)).map(|()| input)
        });
        let mut input = reading.await.map_err(|error| CliError::new(format!("failed to read: {error}")))??;
        if let Some(folder) = &self.kustomize {
            let built = kustomize::build(folder).await?;
            input.add_bytes(&format!("{} (kustomize)", folder.display()), None, built)?;
        }
        Ok(input.into_sources())
    }

    fn show(&self, context: &Context, report: &Report, live: bool) -> Result<()> {
        let ui = &context.ui;
        let format = match self.output.unwrap_or(Format::Plain(OutputFormat::Table)) {
            Format::Sarif => {
                return print_object(ui, OutputFormat::Json, &sarif::value(report, env!("CARGO_PKG_VERSION")));
            }
            Format::Plain(format) => format,
        };
        match format {
            OutputFormat::Json | OutputFormat::Yaml | OutputFormat::Template(_) => {
                print_object(ui, format, &json::value(report))
            }
            OutputFormat::Name => ui.data(&report.names().iter().map(|name| format!("{name}\n")).collect::<String>()),
            OutputFormat::Table | OutputFormat::Wide => {
                // With a diff on the same stream the findings would be no patch.
                if !(self.fix && self.dry_run.dry_run == DryRun::Client) {
                    ui.data(&text::render(report, ui.colors_data()))?;
                }
                let asked = Asked { live, each: format == OutputFormat::Wide };
                summary::lines(report, asked).iter().for_each(|line| ui.status(line));
                Ok(())
            }
        }
    }
}

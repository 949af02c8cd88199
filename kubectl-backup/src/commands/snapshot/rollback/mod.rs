//! `kubectl backup snapshot rollback`

mod begin;
mod claim;
mod finish;
mod run;
mod safety;
mod step;
mod store;
mod undo;
mod volume;
mod waits;

use std::time::Duration;

use crate::{
    args::{DryRunArgs, parse_duration, parse_snapshot_name},
    client::Cluster,
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts,
    plan::rollback::{Direction, Notes},
};

/// Shown below the help.
const EXAMPLES: &str = "Examples:
  kubectl backup snapshot rollback data-20261121101500 -n shop
  kubectl backup snapshot rollback data-20261121101500 -n shop --undo";

/// Put a PVC back to what it was when a snapshot was taken
///
/// The Deployments and StatefulSets that use the PVC are scaled down, the PVC is replaced by one of the same name that is
/// filled from the snapshot, and they are scaled up again. The old volume is kept, and a snapshot of it is taken where
/// the quota has room. What is done is written down with the snapshot: a run that was interrupted goes on with
/// --continue or goes back with --undo.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("way").args(["go_on", "undo", "finish"]).conflicts_with("dry_run"))]
pub struct Args {
    /// The snapshot to go back to
    #[arg(value_name = "SNAPSHOT", value_parser = parse_snapshot_name)]
    snapshot: String,
    /// Go on with a rollback that was interrupted
    #[arg(long = "continue")]
    go_on: bool,
    /// Bring back the data from before the rollback, wherever it stands
    #[arg(long)]
    undo: bool,
    /// Let go of the data from before a rollback that is done: its volume gets its own reclaim policy again
    #[arg(long)]
    finish: bool,
    /// What keeps the data as they are, beside their volume, which stays in any case. One of: auto (a snapshot where the quota
    /// has room), snapshot, volume (nothing else)
    #[arg(long, value_name = "WHAT", default_value = "auto", hide_possible_values = true, conflicts_with = "way")]
    safety: Safety,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// How long to wait at each step; 0 waits forever
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration)]
    timeout: Duration,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

/// What keeps the old data beside their volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Safety {
    Auto,
    Snapshot,
    Volume,
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        let cluster = context.cluster().await?;
        if self.finish {
            return finish::finish(context, &cluster, &self).await;
        }
        let Some(notes) = self.notes(context, &cluster).await? else { return Ok(Exit::Done) };
        let journal = &notes.journal;
        if journal.direction == Direction::Back {
            let said = volume::say_undo(&cluster, &journal.kept.volume, journal.claim(), &notes.snapshot).await;
            said.map_err(|error| notes.ways_out(error, &[], &cluster.namespace))?;
            let touched = claim::touch(&cluster, journal).await;
            touched.map_err(|error| notes.ways_out(error, &[], &cluster.namespace))?;
        }
        run::run(context, &cluster, notes, self.timeout).await
    }

    /// The journal to follow; `None` when there is nothing to do.
    async fn notes(&self, context: &Context, cluster: &Cluster) -> Result<Option<Notes>> {
        if !self.go_on && !self.undo {
            return begin::begin(context, cluster, self).await;
        }
        let snapshot = facts::snapshots::read(cluster, &self.snapshot).await?;
        let Some(mut notes) = Notes::of(&snapshot)? else {
            return Err(none_begun(cluster, &self.snapshot));
        };
        if self.go_on && notes.journal.done {
            context.ui.status(&format!("The rollback to snapshot {} is done already.", self.snapshot));
            return Ok(None);
        }
        if self.undo && notes.journal.direction == Direction::Forward {
            undo::turn_round(context, cluster, &mut notes, self).await?;
        }
        Ok(Some(notes))
    }
}

fn none_begun(cluster: &Cluster, snapshot: &str) -> CliError {
    CliError::new(format!("no rollback to VolumeSnapshot {snapshot:?} was begun in namespace {:?}", cluster.namespace))
        .hint(format!("Begin one with: kubectl backup snapshot rollback {snapshot} -n {}", cluster.namespace))
}

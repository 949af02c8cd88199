//! Takes the snapshots, with the application paused if that is asked for.

use std::time::Duration;

use backup_api::snapshot::VolumeSnapshot;
use futures::FutureExt as _;
use tokio::time::{Instant, sleep_until};

use crate::{
    apply::{
        pause::{Limits, pause},
        ready::{Awaited, told, until_all},
        snapshot_creation::{Made, create_all},
        taken_back::{take_back, take_back_of},
    },
    args::DryRun,
    client::Cluster,
    context::Context,
    error::{CliError, Result},
    plan::snapshot::{
        pause::{Hooks, Plan},
        readiness::Goal,
    },
};

/// What to take, and how.
pub struct Order<'a> {
    /// The snapshots.
    pub snapshots: &'a [VolumeSnapshot],
    /// Whether their names were made by us: others will do.
    pub derived: bool,
    /// Their group.
    pub group: Option<&'a str>,
    /// The hooks around the cut.
    pub hooks: &'a Hooks,
    /// Where they run.
    pub pauses: &'a Plan,
    /// How long a hook may take.
    pub hook_timeout: Duration,
    /// How long the application may be paused.
    pub max_pause: Duration,
    /// Whether a part will do.
    pub partial: bool,
}

/// What was taken.
pub struct Taken {
    /// The snapshots.
    pub made: Vec<Made>,
    /// Whether some are missing.
    pub part: bool,
    /// Whether every resume hook did its work.
    pub resumed: bool,
    awaited: Vec<Awaited>,
}

impl Order<'_> {
    /// Takes them. What is made stays made only if all of it is, or a part will do.
    ///
    /// # Errors
    /// When one is refused, or was not cut while the application was paused.
    pub async fn take(&self, context: &Context, cluster: &Cluster) -> Result<Taken> {
        context.ui.on_interrupt(Some(self.after_interruption(&cluster.namespace)));
        let paused = !self.pauses.pause.is_empty();
        let deadline = paused.then(|| Instant::now() + self.max_pause);
        if let Some(deadline) = deadline {
            let limits = Limits { hook: self.hook_timeout, pause: self.max_pause, deadline };
            pause(context, cluster, self.hooks, self.pauses, &limits).await?;
        }
        if self.is_whole_or_nothing() {
            context.on_interruption.set(undo(context, cluster, self.group).boxed());
        }
        let creation = create_all(cluster, &context.run, self.snapshots, self.derived, DryRun::None);
        let (results, mut late) = in_time(context, deadline, creation).await;
        let mut made = Vec::new();
        let mut errors = Vec::new();
        for result in results {
            match result {
                Ok(one) => made.push(one),
                Err(error) => errors.push(error),
            }
        }
        let width = made.iter().map(|made| made.name.len()).max().unwrap_or_default();
        let mut awaited: Vec<Awaited> =
            made.iter().map(|made| Awaited::new(context, &made.name, made.uid.as_deref(), width)).collect();
        let goes_on = errors.is_empty() || (self.partial && !made.is_empty());
        let mut uncut = Vec::new();
        if let Some(deadline) = deadline.filter(|_| goes_on && !late) {
            let left = deadline.saturating_duration_since(Instant::now());
            // Zero would wait for ever.
            late = left.is_zero();
            if !late {
                match until_all(cluster, &awaited, self.group, Goal::Cut, left, |_, _| {}).await {
                    Ok(ended) => ended.into_iter().for_each(|(name, result)| {
                        if let Err(error) = result {
                            uncut.push(name);
                            errors.push(uncut_error(error, self.max_pause));
                        }
                    }),
                    Err(error) => {
                        late = true;
                        errors.push(error);
                    }
                }
            }
        }
        let resumed = !paused || context.at_end.run().await;
        if late && errors.is_empty() {
            errors.push(CliError::timeout(format!(
                "the volumes were not cut within {:?}, as long as the application may be paused",
                self.max_pause
            )));
        }
        let (back, kept): (Vec<_>, Vec<_>) = made
            .into_iter()
            .partition(|made| late || (!errors.is_empty() && !self.partial) || uncut.contains(&made.name));
        awaited.retain(|one| kept.iter().any(|made| made.name == one.name));
        let part = !errors.is_empty();
        let told = if back.is_empty() { None } else { Some(take_back(&context.ui, cluster, &back).await) };
        // From here on what is there stays.
        context.on_interruption.clear();
        if kept.is_empty() {
            context.ui.on_interrupt(None);
            return Err(self.refused(context, errors, told));
        }
        errors.iter().for_each(|error| context.ui.error(error));
        if let Some((told, _)) = told {
            context.ui.warning(&told);
        }
        Ok(Taken { made: kept, part, resumed, awaited })
    }

    /// Whether a part, or what is cut after the application went on, is worse than nothing.
    fn is_whole_or_nothing(&self) -> bool {
        !self.pauses.pause.is_empty() || (self.snapshots.len() > 1 && !self.partial)
    }

    /// `told` is what became of what was made, and whether all of it is gone.
    fn refused(&self, context: &Context, errors: Vec<CliError>, told: Option<(String, bool)>) -> CliError {
        match (context.ui.all_but_last(errors), told) {
            (Ok(_), _) => CliError::new("nothing was taken"),
            (Err(last), None) if self.snapshots.len() == 1 => last,
            (Err(last), None) => last.hint("Nothing was taken: nothing was created."),
            (Err(last), Some((told, true))) => last.hint(format!("Nothing was taken: {told}.")),
            (Err(last), Some((told, false))) => last.hint(format!("Not all that was made is gone: {told}")),
        }
    }

    fn after_interruption(&self, namespace: &str) -> String {
        match (self.group, self.snapshots) {
            (Some(group), _) => format!(
                "the snapshots that were made stay; look with: kubectl backup snapshot list --group {group} -n {namespace}"
            ),
            (None, [one]) => format!(
                "VolumeSnapshot {0:?} may have been made, and is then still being taken; look with: kubectl backup snapshot describe {0} -n {namespace}",
                one.metadata.name.as_deref().unwrap_or_default()
            ),
            (None, _) => format!("look with: kubectl backup snapshot list -n {namespace}"),
        }
    }
}

/// Takes back what this run has made by now, also what it had no answer about.
fn undo(context: &Context, cluster: &Cluster, group: Option<&str>) -> impl Future<Output = bool> + Send + use<> {
    let (ui, cluster, run) = (context.ui.clone(), cluster.clone(), context.run.clone());
    let group = group.map(str::to_owned);
    async move {
        let look = format!("kubectl backup snapshot list -n {}", cluster.namespace);
        ui.on_interrupt(Some(format!("what was made was being deleted again; look with: {look}")));
        let (told, is_done) = match take_back_of(&ui, &cluster, &run, group.as_deref()).await {
            Ok(Some((told, is_done))) => (told, is_done),
            Ok(None) => ("nothing was made".to_owned(), true),
            Err(error) => {
                (format!("what was made could not be looked up ({}); look with: {look}", error.message), false)
            }
        };
        ui.on_interrupt(Some(format!("It came before all volumes were cut: {told}")));
        is_done
    }
}

/// Does the work, and resumes the application when it takes longer than that may be paused.
async fn in_time<T>(context: &Context, deadline: Option<Instant>, work: impl Future<Output = T>) -> (T, bool) {
    let Some(deadline) = deadline else { return (work.await, false) };
    let mut work = std::pin::pin!(work);
    tokio::select! {
        done = &mut work => (done, false),
        () = sleep_until(deadline) => {
            // What became of it shows in the run that follows.
            let (done, _) = tokio::join!(work, context.at_end.run());
            (done, true)
        }
    }
}

/// What is cut after the application went on is not what was asked for.
fn uncut_error(error: CliError, max_pause: Duration) -> CliError {
    let hint = format!(
        "What is cut after the application went on does not fit the rest; it may be paused for {max_pause:?} (--max-pause)."
    );
    CliError { hints: vec![hint], ..error }
}

impl Taken {
    /// Waits until they are ready. Returns those that are, and what became of the others.
    ///
    /// # Errors
    /// When they may not be watched.
    pub async fn wait(
        self,
        context: &Context,
        cluster: &Cluster,
        group: Option<&str>,
        timeout: Duration,
    ) -> Result<(Vec<Made>, Vec<CliError>)> {
        let ui = &context.ui;
        if let (None, [one]) = (group, self.made.as_slice()) {
            let (name, namespace) = (&one.name, &cluster.namespace);
            ui.on_interrupt(Some(format!(
                "VolumeSnapshot {name:?} in namespace {namespace:?} is still being taken; look with: kubectl backup snapshot describe {name} -n {namespace}"
            )));
        }
        let each = |one: &Awaited, ready: &VolumeSnapshot| ui.status(&told(ready, one.since, context.now()));
        let ended = until_all(cluster, &self.awaited, group, Goal::Ready, timeout, each).await?;
        ui.on_interrupt(None);
        let mut errors = Vec::new();
        let mut ready = self.made;
        for (name, result) in ended {
            if let Err(error) = result {
                ready.retain(|made| made.name != name);
                errors.push(error);
            }
        }
        Ok((ready, errors))
    }
}

//! Pauses an application for as long as its volumes are cut.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared, join_all},
};

use tokio::time::{Instant, sleep};

use super::exec::{End, exec};
use crate::{
    args::Hook,
    client::Cluster,
    context::Context,
    error::{CliError, Result},
    facts,
    output::Ui,
    plan::snapshot::pause::{Hooks, Plan, Target, moving, rest},
};

/// The pause before a resume is tried again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// How often the pods are looked at: pods that go and come all the time cannot be paused.
const LOOKS: usize = 2;

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A hook.
    pub hook: Duration,
    /// The pause, from the first hook to the resume.
    pub pause: Duration,
    /// When that is over.
    pub deadline: Instant,
}

/// A pause hook that was begun in one container. Dropping a clone does not stop it.
#[derive(Clone)]
struct Begun {
    target: Target,
    end: Shared<BoxFuture<'static, End>>,
}

/// What was begun, and what resumes it.
#[derive(Clone, Default)]
struct State(Arc<Mutex<(Vec<Begun>, Resumes)>>);

type Resumes = Vec<(Hook, Vec<Target>)>;

/// Runs the pause hooks one after another, each in all its containers at once, and again in pods that took the place of
/// others meanwhile. From then on the resume hooks are due, however the command ends.
///
/// # Errors
/// When a pause hook fails anywhere, pods do not stay, or time is up.
pub async fn pause(context: &Context, cluster: &Cluster, hooks: &Hooks, plan: &Plan, limits: &Limits) -> Result<()> {
    let state = State::default();
    context.at_end.set(resume(context.ui.clone(), cluster.clone(), state.clone(), limits.hook).boxed());
    let (mut paused, mut plan) = (BTreeSet::new(), plan.clone());
    for _ in 0..LOOKS {
        for (hook, target) in
            plan.resume.iter().flat_map(|(hook, targets)| targets.iter().map(move |target| (hook, target)))
        {
            let by_hand = by_hand(hook, target, &cluster.namespace);
            context.ui.status(&format!("should this program be killed while the application is paused: {by_hand}"));
        }
        state.lock().1.extend(plan.resume.iter().cloned());
        let gone = run(context, cluster, &plan, limits, &state).await?;
        let targets = plan.pause.iter().flat_map(|(_, targets)| targets);
        paused.extend(targets.filter(|it| !gone.contains(&it.pod)).map(|it| it.uid.clone()));
        plan = rest(hooks, &facts::workloads::pods(cluster).await?, &paused, &gone)?;
        if plan.pause.is_empty() {
            return Ok(());
        }
    }
    Err(moving(&plan.pause.into_iter().flat_map(|(_, targets)| targets).map(|target| target.pod).collect()))
}

/// Runs the plan's pause hooks. Returns the pods that were gone.
async fn run(
    context: &Context,
    cluster: &Cluster,
    plan: &Plan,
    limits: &Limits,
    state: &State,
) -> Result<BTreeSet<String>> {
    let mut gone = BTreeSet::new();
    for (hook, targets) in &plan.pause {
        let limit = limits.hook.min(limits.deadline.saturating_duration_since(Instant::now()));
        if limit.is_zero() {
            return Err(CliError::timeout(format!(
                "the pause hooks took {:?}, as long as the application may be paused; no snapshot was taken",
                limits.pause
            ))
            .hint("--max-pause sets how long it may be paused."));
        }
        let mut running = Vec::new();
        for target in targets.iter().filter(|target| !gone.contains(&target.pod)) {
            context.ui.status(&format!("pausing: {} in {}/{}", hook.text, target.pod, target.container));
            let run = {
                let (cluster, target, hook) = (cluster.clone(), target.clone(), hook.clone());
                async move { exec(&cluster, &target, &hook.command, limit).await }
            };
            let begin = Begun { target: target.clone(), end: run.boxed().shared() };
            state.lock().0.push(begin.clone());
            running.push(begin);
        }
        for (begin, end) in running.iter().zip(join_all(running.iter().map(|begin| begin.end.clone())).await) {
            let Target { pod, container, .. } = &begin.target;
            if end == End::Gone {
                gone.insert(pod.clone());
            } else if let Some(why) = failure(&end, limit) {
                let message = format!(
                    "the pause hook {:?} failed in container {container:?} of pod {pod:?}: {why}; no snapshot was taken",
                    hook.text
                );
                let is_cut_short = end == End::TimedOut && limit < limits.hook;
                return Err(if is_cut_short {
                    CliError::timeout(message).hint(format!(
                        "The application may be paused for {:?}, its pause hooks included (--max-pause).",
                        limits.pause
                    ))
                } else {
                    CliError::new(message)
                });
            }
        }
    }
    Ok(gone)
}

/// Runs the resume hooks in the pods in which something was paused, and says loudly where one fails.
async fn resume(ui: Ui, cluster: Cluster, state: State, limit: Duration) -> bool {
    let (begun, hooks) = state.lock().clone();
    if begun.is_empty() {
        return true;
    }
    // A pause that is under way would win over a resume that overtakes it.
    join_all(begun.iter().map(|begin| begin.end.clone())).await;
    let mut all_well = true;
    for (hook, targets) in &hooks {
        let touched: Vec<&Target> =
            targets.iter().filter(|target| begun.iter().any(|begin| begin.target.pod == target.pod)).collect();
        let ends = join_all(touched.iter().map(|target| insist(&cluster, target, hook, limit))).await;
        for (target, end) in touched.iter().zip(ends) {
            match failure(&end, limit) {
                None => ui.status(&format!("resumed: {} in {}/{}", hook.text, target.pod, target.container)),
                Some(why) => {
                    all_well = false;
                    ui.error(&not_resumed(hook, target, &cluster.namespace, &why));
                }
            }
        }
    }
    all_well
}

/// Runs a hook, again and again for `limit` where nothing answers.
async fn insist(cluster: &Cluster, target: &Target, hook: &Hook, limit: Duration) -> End {
    let started = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let end = exec(cluster, target, &hook.command, limit).await;
        if !matches!(end, End::Unreachable(_)) || started.elapsed() + pause > limit {
            return end;
        }
        sleep(pause).await;
        pause *= 2;
    }
}

/// Why a hook did not do its work. In a pod that is gone there is nothing left to resume.
fn failure(end: &End, limit: Duration) -> Option<String> {
    match end {
        End::Done | End::Gone => None,
        End::Failed(why) | End::Unreachable(why) => Some(why.clone()),
        End::TimedOut => Some(format!("it did not end within {limit:?}, and may still be running")),
    }
}

fn not_resumed(hook: &Hook, target: &Target, namespace: &str, why: &str) -> CliError {
    CliError::new(format!(
        "the resume hook {:?} failed in container {:?} of pod {:?}: {why}. THE APPLICATION MAY STILL BE PAUSED",
        hook.text, target.container, target.pod
    ))
    .hint(format!("Resume it by hand: {}", by_hand(hook, target, namespace)))
}

fn by_hand(hook: &Hook, target: &Target, namespace: &str) -> String {
    let words: Vec<String> = hook.command.iter().map(|word| quoted(word)).collect();
    format!("kubectl exec -n {namespace} {} -c {} -- {}", target.pod, target.container, words.join(" "))
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

impl State {
    /// The lists are whole at any time: a lock that was poisoned still guards some.
    fn lock(&self) -> std::sync::MutexGuard<'_, (Vec<Begun>, Resumes)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resume_that_failed_is_told_with_the_command_to_run_by_hand() {
        let hook: Hook = "db: rm '/data/a b' && sync".parse().unwrap();
        let target = Target { pod: "db-0".into(), uid: "u".into(), container: "db".into() };
        let error = not_resumed(&hook, &target, "shop", "it ended with 1");
        insta::assert_snapshot!(format!("{} | {}", error.message, error.hints.join(" | ")), @r#"the resume hook "rm '/data/a b' && sync" failed in container "db" of pod "db-0": it ended with 1. THE APPLICATION MAY STILL BE PAUSED | Resume it by hand: kubectl exec -n shop db-0 -c db -- sh -c 'rm '\''/data/a b'\'' && sync'"#);
    }

    #[test]
    fn in_a_pod_that_is_gone_nothing_is_left_to_resume() {
        let limit = Duration::from_secs(30);
        assert_eq!(failure(&End::Gone, limit), None);
        assert_eq!(failure(&End::TimedOut, limit).unwrap(), "it did not end within 30s, and may still be running");
    }
}

//! Follows a backup or restore by watch until its outcome is known.

use std::{fmt::Debug, time::Duration};

use kube::Api;
use serde::de::DeserializeOwned;

use crate::{
    client,
    error::{CliError, Result},
    output::Ui,
    plan::run::{Kind, Run, Step, end, step},
};

/// How long Velero may leave a new object alone before we wonder aloud whether it runs.
const UNSEEN: Duration = Duration::from_secs(30);

/// What is followed.
pub struct Follow<'a> {
    /// A backup or a restore.
    pub kind: Kind,
    /// Its name.
    pub name: &'a str,
    /// Velero's namespace.
    pub namespace: &'a str,
    /// How long to wait; zero waits for ever.
    pub timeout: Duration,
}

/// Follows the object, showing progress, until it ends. Returns the closing sentence.
///
/// # Errors
/// When it ended badly or was deleted, or the time is up.
pub async fn follow<K>(ui: &Ui, api: Api<K>, follow: &Follow<'_>) -> Result<String>
where
    K: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    for<'r> Run: From<&'r K>,
{
    let Follow { kind, name, namespace, timeout } = *follow;
    let noun = kind.noun();
    let look = format!("It goes on without this command; look again with: {}", kind.look(name));
    ui.on_interrupt(Some(format!("The {noun} {name:?} goes on; look again with: {}", kind.look(name))));
    let progress = ui.progress(&format!("{noun} {name}"));
    let (seen, unseen) = tokio::sync::watch::channel(false);
    let ended = {
        let doing = format!("watch {noun} {name:?} in namespace {namespace:?}");
        let watched = client::until(api, name, timeout, &doing, |object: Option<K>| {
            let Some(object) = object else {
                return Err(CliError::new(format!("the {noun} {name:?} was deleted while it was followed"))
                    .hint(format!("See what is left with: {}", kind.list())));
            };
            let run = Run::from(&object);
            let ended = end(kind, &run);
            match step(&run) {
                _ if ended.is_some() => {}
                Step::NotSeen => progress.say("waiting for Velero"),
                Step::Text(text) => progress.say(&text),
                Step::Items(done, all) => progress.count(done, all, "items"),
            }
            seen.send_replace(step(&run) != Step::NotSeen);
            Ok(ended)
        });
        let wonder = wonder(ui, noun, namespace, unseen);
        tokio::pin!(watched);
        tokio::select! {
            ended = &mut watched => ended,
            () = wonder => watched.await,
        }
    };
    drop(progress);
    ui.on_interrupt(None);
    match ended {
        Ok(Some(end)) => end,
        Ok(None) => Err(CliError::timeout(format!("the {noun} {name:?} did not end within {timeout:?}")).hint(look)),
        Err(error) if error.exit == crate::exit::Exit::Error && error.code.is_none() => Err(error),
        Err(error) => Err(error.hint(format!("The {noun} {name:?} was created. {look}"))),
    }
}

/// Warns when Velero has not taken the object up for a while.
async fn wonder(ui: &Ui, noun: &str, namespace: &str, mut seen: tokio::sync::watch::Receiver<bool>) {
    if tokio::time::timeout(UNSEEN, seen.wait_for(|seen| *seen)).await.is_err() {
        ui.warning(&format!(
            "Velero has not taken up the {noun} for {UNSEEN:?}; is it running? See: kubectl -n {namespace} get deployments,pods"
        ));
    }
}

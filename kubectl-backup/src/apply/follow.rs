//! Follows a backup or restore by watch until its outcome is known.

use std::{fmt::Debug, time::Duration};

use kube::{Api, core::NamespaceResourceScope};
use serde::de::DeserializeOwned;

use super::wonder::wonder;
use crate::{
    client::{self, Cluster},
    error::{CliError, Result},
    output::Ui,
    plan::run::{Kind, Run, Standing, Step, end, standing_of, step},
};

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
pub async fn follow<K>(ui: &Ui, cluster: &Cluster, follow: &Follow<'_>) -> Result<String>
where
    K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug
        + Send
        + 'static,
    for<'r> Run: From<&'r K>,
{
    let Follow { kind, name, namespace, timeout } = *follow;
    let noun = kind.noun();
    let api: Api<K> = Api::namespaced(cluster.client.clone(), namespace);
    let look = format!("It goes on without this command; look again with: {}", kind.look(name));
    ui.on_interrupt(Some(format!("The {noun} {name:?} goes on; look again with: {}", kind.look(name))));
    let progress = ui.progress(&format!("{noun} {name}"));
    let (stands, standing) = tokio::sync::watch::channel(Standing::Unseen);
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
            stands.send_replace(standing_of(&run));
            Ok(ended)
        });
        let wonder = wonder(ui, cluster, follow, standing);
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
